"""What goes wrong, as exceptions: one class for each kind, each also of the built-in that fits.

`str(error)` is one line, causes included. Nothing in an error is a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

__all__ = [
    "BugError",
    "ConflictError",
    "ConnectError",
    "Error",
    "FormatError",
    "IntegrityError",
    "Interrupted",
    "LimitError",
    "MissingKeyError",
    "NotFound",
    "ServerError",
    "StageError",
    "StoreError",
    "UnsupportedError",
    "UsageError",
]


class Error(Exception):
    """Something could not be done.

    Raised as one of its subclasses; `kind` is the name that the Rust library and `dr --json` give it.
    """

    #: What the command `dr` exits with.
    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        kind: str = "Usage",
        causes: tuple[str, ...] = (),
        entry: Optional[str] = None,
        key: Optional[str] = None,
        offset: Optional[int] = None,
        sqlstate: Optional[str] = None,
        is_retryable: bool = False,
    ) -> None:
        super().__init__("; because: ".join((message, *causes)))
        #: One line about what failed, without its causes.
        self.message = message
        #: `Connect`, `Server`, `Format`, …
        self.kind = kind
        #: What caused it, nearest first.
        self.causes = causes
        #: The entry of the table of contents concerned, such as `entry 3358 (TABLE DATA shop.orders)`.
        self.entry = entry
        #: The object of the store, the file or the folder concerned.
        self.key = key
        #: The byte at which what was read is wrong.
        self.offset = offset
        #: The five characters of PostgreSQL's error code.
        self.sqlstate = sqlstate
        #: Whether the same call may succeed later.
        self.is_retryable = is_retryable

    def __str__(self) -> str:
        # OSError would print its errno.
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        # Celery and multiprocessing send errors to other processes.
        facts = {
            "kind": self.kind,
            "message": self.message,
            "causes": list(self.causes),
            "entry": self.entry,
            "key": self.key,
            "offset": self.offset,
            "sqlstate": self.sqlstate,
            "retryable": self.is_retryable,
        }
        return (of_json, (facts,))


class ConnectError(Error, ConnectionError):
    """The server could not be reached, or refused the connection."""


class ServerError(Error, RuntimeError):
    """The server answered a statement with an error; see `sqlstate`."""


class FormatError(Error, ValueError):
    """Bytes are not what their format says they must be."""

    exit_code = 3


class StageError(Error, ValueError):
    """Decompression or decryption failed: damaged input."""

    exit_code = 3


class MissingKeyError(Error, PermissionError):
    """A key or a passphrase is needed and was not given, or is the wrong one."""


class StoreError(Error, OSError):
    """The store failed."""


class IntegrityError(Error, ValueError):
    """Bytes, counts or digests differ from what was recorded."""

    exit_code = 3


class NotFound(Error, FileNotFoundError):
    """Something asked for does not exist: a backup, a table, a file, a role."""

    exit_code = 4


class ConflictError(Error, FileExistsError):
    """Something is in the way: a database that is not empty, a name that is taken."""


class UnsupportedError(Error, NotImplementedError):
    """What was found or asked for cannot be handled; nothing was written."""


class LimitError(Error, ValueError):
    """What was read is larger than a limit, which the error names."""


class UsageError(Error, ValueError):
    """An argument cannot be meant."""

    exit_code = 2


class Interrupted(Error, RuntimeError):
    """The work was stopped; nothing half done is left listed."""

    exit_code = 130


class BugError(Error, AssertionError):
    """A promise of dr to itself was broken; please report it."""


_CLASSES: dict[str, type[Error]] = {
    "Connect": ConnectError,
    "Server": ServerError,
    "Format": FormatError,
    "Stage": StageError,
    "Key": MissingKeyError,
    "Store": StoreError,
    "Integrity": IntegrityError,
    "Missing": NotFound,
    "Conflict": ConflictError,
    "Unsupported": UnsupportedError,
    "Limit": LimitError,
    "Usage": UsageError,
    "Interrupted": Interrupted,
    "Bug": BugError,
}


def of_json(facts: Mapping[str, Any]) -> Error:
    """The exception for an error as the native module tells it."""
    kind = facts["kind"]
    return _CLASSES.get(kind, Error)(
        facts["message"],
        kind=kind,
        causes=tuple(facts["causes"]),
        entry=facts["entry"],
        key=facts["key"],
        offset=facts["offset"],
        sqlstate=facts["sqlstate"],
        is_retryable=facts["retryable"],
    )
