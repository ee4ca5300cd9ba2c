"""What the verbs return: typed, read-only, and as JSON the same as `dr --json` prints."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Optional

from .errors import Error, of_json

__all__ = [
    "Backup",
    "Contents",
    "Converted",
    "ConvertedTable",
    "DumpReport",
    "Extracted",
    "ExtractedTable",
    "FailedDatabase",
    "LiveReport",
    "LiveTable",
    "Orphan",
    "Plan",
    "Problem",
    "Pruned",
    "Receipt",
    "Record",
    "Report",
    "Restored",
    "RestoredGlobals",
    "RestoredMember",
    "RestoredSet",
    "RowsDigest",
    "SequenceProof",
    "SetReceipt",
    "Step",
    "TableProof",
]

Json = Mapping[str, Any]


def _time(text: str) -> datetime:
    # Up to Python 3.10 neither Z nor nanoseconds are understood.
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00")


def _elapsed(value: Json) -> timedelta:
    return timedelta(seconds=value["secs"], microseconds=value["nanos"] / 1000)


@dataclass(frozen=True)
class _Result:
    """A result, and the JSON that it was made of."""

    _json: Json = field(repr=False, compare=False, hash=False)

    def as_dict(self) -> dict[str, Any]:
        """All of it, as `dr --json` prints it."""
        return copy.deepcopy(dict(self._json))


@dataclass(frozen=True)
class RowsDigest:
    """Rows counted, and digested whatever their order."""

    rows: int
    #: Of COPY text.
    bytes: int
    #: 32 hexadecimal digits.
    sum: str

    @classmethod
    def of_json(cls, value: Optional[Json]) -> Optional[RowsDigest]:
        """None if nothing was counted."""
        return None if value is None else cls(value["rows"], value["bytes"], value["sum"])


@dataclass(frozen=True)
class Receipt(_Result):
    """Proof of a backup: it is committed, and this is what is in it."""

    id: str
    database: str
    label: Optional[str]
    created: datetime
    tables: int
    rows: int
    large_objects: int
    files: int
    #: Rows and large objects before compression.
    bytes_raw: int
    #: As stored.
    bytes_stored: int
    #: What the files passed on their way to the store: `("age",)` if they are encrypted.
    stages: tuple[str, ...]
    #: SHA-256 of `SHA256SUMS`: with it at hand, nothing of the backup can change unseen.
    sums: str
    elapsed: timedelta

    @classmethod
    def of_json(cls, value: Json) -> Receipt:
        """As the native module tells it."""
        return cls(
            value,
            id=value["id"],
            database=_database_of(value["place"]),
            label=value["label"],
            created=_time(value["created"]),
            tables=value["tables"],
            rows=value["rows"],
            large_objects=value["large_objects"],
            files=value["files"],
            bytes_raw=value["bytes_raw"],
            bytes_stored=value["bytes_stored"],
            stages=tuple(value["stages"]),
            sums=value["sums"],
            elapsed=_elapsed(value["elapsed"]),
        )


def _database_of(place: str) -> str:
    return place.rpartition("/")[0]


@dataclass(frozen=True)
class FailedDatabase:
    """A database of a server that could not be backed up, or restored, and why."""

    database: str
    error: Error = field(compare=False)


@dataclass(frozen=True)
class SetReceipt(_Result):
    """What became of a backup of all databases."""

    #: The set; None if a database failed: then the backups of the others stand by themselves.
    set: Optional[Receipt]
    members: tuple[Receipt, ...]
    failed: tuple[FailedDatabase, ...]
    #: Databases that take no connections; they are not in the set.
    closed: tuple[str, ...]
    elapsed: timedelta

    @property
    def is_whole(self) -> bool:
        """Whether every database that can be connected to is in a committed set."""
        return self.set is not None

    @classmethod
    def of_json(cls, value: Json) -> SetReceipt:
        """As the native module tells it."""
        return cls(
            value,
            set=None if value["set"] is None else Receipt.of_json(value["set"]),
            members=tuple(Receipt.of_json(member) for member in value["members"]),
            failed=tuple(FailedDatabase(one["database"], of_json(one["error"])) for one in value["failed"]),
            closed=tuple(value["closed"]),
            elapsed=_elapsed(value["elapsed"]),
        )


@dataclass(frozen=True)
class Backup(_Result):
    """One backup of a repository, as far as is known without a key.

    Where its commit mark is damaged, `error` says how, and the rest is not known.
    """

    id: str
    database: str
    label: Optional[str] = None
    created: Optional[datetime] = None
    finished: Optional[datetime] = None
    kind: str = "unknown"
    tool: Optional[str] = None
    is_encrypted: Optional[bool] = None
    stages: tuple[str, ...] = ()
    bytes_stored: int = 0
    objects: int = 0
    error: Optional[Error] = field(default=None, compare=False)

    @classmethod
    def of_json(cls, value: Json) -> Backup:
        """As the native module tells it."""
        if "error" in value:
            return cls(value, id=value["id"], database=value["database"], error=of_json(value["error"]))
        return cls(
            value,
            id=value["id"],
            database=value["database"],
            label=value["label"],
            created=_time(value["created"]),
            finished=_time(value["finished"]),
            kind=value["kind"],
            tool=value["tool"],
            is_encrypted=value["encrypted"],
            stages=tuple(value["stages"]),
            bytes_stored=value["bytes_stored"],
            objects=value["objects"],
        )


@dataclass(frozen=True)
class Record:
    """The answer to a query, taken in the dump's own snapshot."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Optional[str], ...], ...]

    @classmethod
    def of_json(cls, value: Json) -> Record:
        """As the manifest holds it."""
        return cls(tuple(value["columns"]), tuple(tuple(row) for row in value["rows"]))


@dataclass(frozen=True)
class Contents(_Result):
    """What a backup or a dump contains.

    Of an encrypted backup without a key only the commit mark can be read; then `is_sealed`.
    """

    database: str
    #: None for a dump in a file.
    id: Optional[str]
    is_sealed: bool
    server_version: Optional[str]
    encoding: Optional[str]
    #: By `schema.name`; None for a table of a foreign dump, whose rows nobody has counted.
    tables: Mapping[str, Optional[RowsDigest]]
    #: Extensions by name, with their version.
    extensions: Mapping[str, str]
    roles: tuple[str, ...]
    #: Answers to the queries that were to be recorded.
    records: Mapping[str, Record]

    @classmethod
    def of_json(cls, value: Json) -> Contents:
        """As the native module tells it."""
        if "mark" not in value:
            return cls(
                value,
                database=value["database"],
                id=None,
                is_sealed=False,
                server_version=value["server_version"] or None,
                encoding=value["encoding"] or None,
                tables={table["table"]: None for table in value["tables"]},
                extensions={},
                roles=(),
                records={},
            )
        manifest = value["manifest"]
        evidence = manifest["evidence"] if manifest else {}
        source = evidence.get("source", {})
        return cls(
            value,
            database=value["database"],
            id=value["id"],
            is_sealed=manifest is None,
            server_version=source.get("server_version") or None,
            encoding=source.get("encoding") or None,
            tables={
                f"{table['namespace']}.{table['name']}": RowsDigest.of_json(table["digest"])
                for table in evidence.get("tables", {}).values()
            },
            extensions=dict(source.get("extensions", {})),
            roles=tuple(source.get("roles", ())),
            records={name: Record.of_json(record) for name, record in evidence.get("records", {}).items()},
        )


@dataclass(frozen=True)
class Problem:
    """Something that verification found."""

    #: `missing`, `damaged`, `unexpected` or `unchecked`.
    outcome: str
    #: The object or entry concerned.
    object: Optional[str]
    message: str


def _problems_of(report: Json) -> tuple[Problem, ...]:
    return tuple(
        Problem(problem["outcome"], problem["object"], problem["message"]) for problem in report["problems"]
    )


@dataclass(frozen=True)
class Report(_Result):
    """What verification found."""

    id: str
    database: str
    #: `quick`, `stored` or `deep`.
    level: str
    #: `sound`, `unexpected` (sound, with something beside it), `missing`, `damaged` or `unchecked`.
    outcome: str
    problems: tuple[Problem, ...]
    objects: int
    bytes: int
    tables: int
    rows: int
    large_objects: int
    elapsed: timedelta

    @property
    def is_sound(self) -> bool:
        """Whether the backup is what was stored."""
        return self.outcome in ("sound", "unexpected")

    @classmethod
    def of_json(cls, value: Json) -> Report:
        """As the native module tells it."""
        return cls(
            value,
            id=value["id"],
            database=_database_of(value["place"]),
            level=value["level"],
            outcome=value["outcome"],
            problems=_problems_of(value),
            objects=value["objects"],
            bytes=value["bytes"],
            tables=value["tables"],
            rows=value["rows"],
            large_objects=value["large_objects"],
            elapsed=_elapsed(value["elapsed"]),
        )


@dataclass(frozen=True)
class DumpReport(_Result):
    """What reading a dump through found."""

    #: `sound`, `missing`, `damaged` or `unchecked`.
    outcome: str
    problems: tuple[Problem, ...]
    entries: int
    tables: int
    rows: int
    bytes: int
    large_objects: int
    elapsed: timedelta

    @property
    def is_sound(self) -> bool:
        """Whether everything is there and can be read."""
        return self.outcome == "sound"

    @classmethod
    def of_json(cls, value: Json) -> DumpReport:
        """As the native module tells it."""
        return cls(
            value,
            outcome=value["outcome"],
            problems=_problems_of(value),
            entries=value["entries"],
            tables=value["tables"],
            rows=value["rows"],
            bytes=value["bytes"],
            large_objects=value["large_objects"],
            elapsed=_elapsed(value["elapsed"]),
        )


@dataclass(frozen=True)
class TableProof:
    """The proof of one table."""

    table: str
    #: `equal`, `not_comparable`, `missing` or `differs`.
    verdict: str
    expected: Optional[RowsDigest]
    found: Optional[RowsDigest]
    #: Why it is not `equal`.
    why: Optional[str]


@dataclass(frozen=True)
class SequenceProof:
    """The proof of one sequence."""

    sequence: str
    verdict: str
    #: Last value, and whether it was used.
    expected: Optional[tuple[int, bool]]
    found: Optional[tuple[int, bool]]


@dataclass(frozen=True)
class RestoredGlobals(_Result):
    """Roles and tablespaces that were made, and those that were there."""

    roles: tuple[str, ...]
    existing_roles: tuple[str, ...]
    memberships: int
    tablespaces: tuple[str, ...]
    existing_tablespaces: tuple[str, ...]
    notices: tuple[str, ...]

    @classmethod
    def of_json(cls, value: Json) -> RestoredGlobals:
        """As the native module tells it."""
        return cls(
            value,
            roles=tuple(value["roles"]),
            existing_roles=tuple(value["existing_roles"]),
            memberships=value["memberships"],
            tablespaces=tuple(value["tablespaces"]),
            existing_tablespaces=tuple(value["existing_tablespaces"]),
            notices=tuple(value["notices"]),
        )


@dataclass(frozen=True)
class Restored(_Result):
    """A restore, and the proof of it."""

    database: str
    #: The worst verdict of all: `equal`, `not_comparable`, `missing` or `differs`.
    verdict: str
    #: Whether what was restored is there under its name.
    is_kept: bool
    tables: tuple[TableProof, ...]
    sequences: tuple[SequenceProof, ...]
    notices: tuple[str, ...]
    elapsed: timedelta
    globals: Optional[RestoredGlobals] = None

    @property
    def is_sound(self) -> bool:
        """Whether everything restored is what was dumped, as far as that can be compared."""
        return self.verdict in ("equal", "not_comparable")

    @property
    def rows(self) -> int:
        """Rows of all tables, as they were counted in the restored database."""
        return sum(table.found.rows for table in self.tables if table.found is not None)

    @property
    def bytes(self) -> int:
        """Bytes of COPY text of all tables."""
        return sum(table.found.bytes for table in self.tables if table.found is not None)

    @classmethod
    def of_json(cls, value: Json) -> Restored:
        """As the native module tells it."""
        made = value.get("globals")
        return cls(
            value,
            database=value["database"],
            verdict=value["verdict"],
            is_kept=value["kept"],
            tables=tuple(
                TableProof(
                    table["table"],
                    table["verdict"],
                    RowsDigest.of_json(table["expected"]),
                    RowsDigest.of_json(table["found"]),
                    table["why"],
                )
                for table in value["tables"]
            ),
            sequences=tuple(
                SequenceProof(
                    sequence["sequence"],
                    sequence["verdict"],
                    _pair(sequence["expected"]),
                    _pair(sequence["found"]),
                )
                for sequence in value["sequences"]
            ),
            notices=tuple(value["notices"]),
            elapsed=_elapsed(value["elapsed"]),
            globals=None if made is None else RestoredGlobals.of_json(made),
        )


@dataclass(frozen=True)
class RestoredMember:
    """What became of one database of a set: restored, failed, or, with neither, empty and there already."""

    database: str
    restored: Optional[Restored]
    error: Optional[Error] = field(default=None, compare=False)


@dataclass(frozen=True)
class RestoredSet(_Result):
    """What became of a set, database by database."""

    #: Whether all of its databases are there, and are what was dumped.
    is_sound: bool
    databases: tuple[RestoredMember, ...]
    elapsed: timedelta
    globals: Optional[RestoredGlobals] = None

    @classmethod
    def of_json(cls, value: Json) -> RestoredSet:
        """As the native module tells it."""
        made = value["globals"]
        return cls(
            value,
            is_sound=value["sound"],
            databases=tuple(
                RestoredMember(
                    member["database"],
                    Restored.of_json(member["restored"]) if "restored" in member else None,
                    of_json(member["error"]) if "error" in member else None,
                )
                for member in value["databases"]
            ),
            elapsed=_elapsed(value["elapsed"]),
            globals=None if made is None else RestoredGlobals.of_json(made),
        )


def _pair(value: Optional[list[Any]]) -> Optional[tuple[int, bool]]:
    return None if value is None else (value[0], value[1])


@dataclass(frozen=True)
class ExtractedTable:
    """The rows of one table, as they were extracted."""

    table: str
    digest: RowsDigest
    #: `equal` to what was recorded, or `not_comparable` if nothing was; what differs is an error.
    verdict: str


@dataclass(frozen=True)
class Extracted(_Result):
    """What was extracted, and the proof of it."""

    tables: tuple[ExtractedTable, ...]
    bytes: int
    elapsed: timedelta

    @classmethod
    def of_json(cls, value: Json) -> Extracted:
        """As the native module tells it."""
        return cls(
            value,
            tables=tuple(
                ExtractedTable(
                    table["table"],
                    RowsDigest(table["digest"]["rows"], table["digest"]["bytes"], table["digest"]["sum"]),
                    table["verdict"],
                )
                for table in value["tables"]
            ),
            bytes=value["bytes"],
            elapsed=_elapsed(value["elapsed"]),
        )


@dataclass(frozen=True)
class ConvertedTable:
    """The data of one table, as it was read and written."""

    table: str
    #: None of a dump of INSERT statements.
    digest: Optional[RowsDigest]
    #: INSERT statements, of such a dump.
    statements: Optional[int]
    #: `equal` to what was recorded, or `not_comparable` if nothing was; what differs is an error.
    verdict: str


@dataclass(frozen=True)
class Converted(_Result):
    """What was converted, and the proof of it."""

    #: `custom`, `tar`, `directory` or `plain`.
    format: str
    #: Of an archive, such as `1.16`.
    archive_version: Optional[str]
    entries: int
    tables: tuple[ConvertedTable, ...]
    large_objects: int
    large_object_bytes: int
    #: Of COPY text.
    bytes: int
    #: `equal`: what was written was read back and is what was read; what differs is an error.
    read_back: str
    elapsed: timedelta

    @classmethod
    def of_json(cls, value: Json) -> Converted:
        """As the native module tells it."""
        return cls(
            value,
            format=value["format"],
            archive_version=value["archive_version"],
            entries=value["entries"],
            tables=tuple(
                ConvertedTable(
                    table["table"],
                    RowsDigest.of_json(table["digest"]),
                    table["statements"],
                    table["verdict"],
                )
                for table in value["tables"]
            ),
            large_objects=value["large_objects"],
            large_object_bytes=value["large_object_bytes"],
            bytes=value["bytes"],
            read_back=value["read_back"],
            elapsed=_elapsed(value["elapsed"]),
        )


@dataclass(frozen=True)
class LiveTable:
    """One table of a backup beside the live one."""

    table: str
    #: `equal`, `not_comparable`, `missing` (it is not there any more) or `differs`.
    verdict: str
    dumped: Optional[RowsDigest]
    live: Optional[RowsDigest]
    note: Optional[str]


@dataclass(frozen=True)
class LiveReport(_Result):
    """A live database beside a backup."""

    database: str
    #: The worst verdict of all.
    verdict: str
    tables: tuple[LiveTable, ...]
    #: Tables that the backup does not have.
    only_live: tuple[str, ...]
    elapsed: timedelta

    @classmethod
    def of_json(cls, value: Json) -> LiveReport:
        """As the native module tells it."""
        return cls(
            value,
            database=value["database"],
            verdict=value["verdict"],
            tables=tuple(
                LiveTable(
                    table["table"],
                    table["verdict"],
                    RowsDigest.of_json(table["dumped"]),
                    RowsDigest.of_json(table["live"]),
                    table["note"],
                )
                for table in value["tables"]
            ),
            only_live=tuple(value["only_live"]),
            elapsed=_elapsed(value["elapsed"]),
        )


@dataclass(frozen=True)
class Step:
    """One step of a plan: one entry of the dump."""

    entry: int
    kind: str
    what: str
    #: The phase of the restore that it is in: `main`, `acl` or `postacl`.
    restore_pass: str
    stage: str
    #: Entries that must be done before.
    after: tuple[int, ...]
    #: Of data, 0 if unknown.
    bytes: int


@dataclass(frozen=True)
class Plan(_Result):
    """The steps of a restore. `str(plan)` is a table of them."""

    steps: tuple[Step, ...]
    notices: tuple[str, ...]
    _text: str = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self._text

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    @classmethod
    def of_json(cls, value: Json) -> Plan:
        """As the native module tells it."""
        plan = value["plan"]
        return cls(
            plan,
            steps=tuple(
                Step(
                    step["entry"],
                    step["kind"],
                    step["what"],
                    step["pass"],
                    step["stage"],
                    tuple(step["after"]),
                    step["bytes"],
                )
                for step in plan["steps"]
            ),
            notices=tuple(plan["notices"]),
            _text=value["text"],
        )


@dataclass(frozen=True)
class Orphan:
    """A leftover of a backup that never came to be."""

    leftover: str
    objects: int
    bytes: int
    newest: datetime


@dataclass(frozen=True)
class Pruned(_Result):
    """What was swept, or would be."""

    dry_run: bool
    swept: tuple[Orphan, ...]
    #: What changed between the look and the sweep, and was let be.
    spared: tuple[Orphan, ...]

    @classmethod
    def of_json(cls, value: Json) -> Pruned:
        """As the native module tells it."""

        def orphans(values: list[Json]) -> tuple[Orphan, ...]:
            return tuple(
                Orphan(one["leftover"], one["objects"], one["bytes"], _time(one["newest"])) for one in values
            )

        return cls(
            value,
            dry_run=value["dry_run"],
            swept=orphans(value["swept"]),
            spared=orphans(value["spared"]),
        )
