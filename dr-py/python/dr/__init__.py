"""dr backs up PostgreSQL databases, and proves that they come back.

    import dr

    repo = dr.Repository("/var/backups/dr")
    receipt = repo.backup("postgres://backup@db/shop", encrypt_to=["age1…"], jobs=4)
    report = repo.restore(receipt, into="postgres:///shop_copy", create=True, identity="operator.key")
    assert report.is_sound

    for row in repo.rows(receipt, "public.votes_vote", identity="operator.key"):
        ...

Every verb of a repository or dump stands there twice: `backup` and `await repo.backup_async(…)`.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import _dr
from ._call import outcome as _outcome
from ._words import Database, Path, conninfo, path
from ._words import location as _location
from .dump import Dump, open_dump
from .errors import (
    BugError,
    ConflictError,
    ConnectError,
    Error,
    FormatError,
    IntegrityError,
    Interrupted,
    LimitError,
    MissingKeyError,
    NotFound,
    ServerError,
    StageError,
    StoreError,
    UnsupportedError,
    UsageError,
)
from .events import Event
from .repository import Repository
from .results import (
    Backup,
    Contents,
    Converted,
    ConvertedTable,
    DumpReport,
    Extracted,
    ExtractedTable,
    FailedDatabase,
    LiveReport,
    LiveTable,
    Orphan,
    Plan,
    Problem,
    Pruned,
    Receipt,
    Record,
    Report,
    Restored,
    RestoredGlobals,
    RestoredMember,
    RestoredSet,
    RowsDigest,
    SequenceProof,
    SetReceipt,
    Step,
    TableProof,
)
from .rows import Rows

__version__ = _dr.version

__all__ = [
    "Backup",
    "BugError",
    "ConflictError",
    "ConnectError",
    "Contents",
    "Converted",
    "ConvertedTable",
    "Dump",
    "DumpReport",
    "Error",
    "Event",
    "Extracted",
    "ExtractedTable",
    "FailedDatabase",
    "FormatError",
    "IntegrityError",
    "Interrupted",
    "LimitError",
    "LiveReport",
    "LiveTable",
    "MissingKeyError",
    "NotFound",
    "Orphan",
    "Plan",
    "Problem",
    "Pruned",
    "Receipt",
    "Record",
    "Report",
    "Repository",
    "Restored",
    "RestoredGlobals",
    "RestoredMember",
    "RestoredSet",
    "Rows",
    "RowsDigest",
    "SequenceProof",
    "ServerError",
    "SetReceipt",
    "StageError",
    "Step",
    "StoreError",
    "TableProof",
    "Target",
    "UnsupportedError",
    "UsageError",
    "__version__",
    "check_recipient",
    "check_repository",
    "generate_key",
    "open_dump",
    "resolve",
]


@dataclass(frozen=True)
class Target:
    """What a connection string comes to. `str(target)` is for people: `database shop on db:5432 as me`."""

    dbname: str
    user: str
    description: str
    #: What a person should know about the way it was read.
    notices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.description


def generate_key(file: Path) -> str:
    """Makes a file with a new secret identity, readable by its owner only, and returns the recipient to
    encrypt to. Raises ConflictError if there is such a file."""
    return str(_outcome(_dr.generate(path(file))))


def check_recipient(recipient: str) -> None:
    """Raises UsageError unless backups can be encrypted to it. No error repeats it: it may be an identity,
    given by mistake."""
    _outcome(_dr.check_recipient(recipient))


def check_repository(location: Path) -> None:
    """Raises UnsupportedError unless this build of dr speaks what the location names, and UsageError if it is
    no location. Asks no store, so that there is nothing to wait for: the repository need not exist."""
    _outcome(_dr.check_repository(_location(location)))


def resolve(database: Database) -> Target:
    """Completes a connection string as libpq would, from service files, variables and password files, and
    asks no server."""
    ended = _dr.resolve(conninfo(database))
    # A traceback with local variables would show a password in it.
    del database
    value = _outcome(ended)
    return Target(value["database"], value["user"], value["description"], tuple(value["notices"]))
