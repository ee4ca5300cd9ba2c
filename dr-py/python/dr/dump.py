"""A dump: a stored backup, or what pg_dump wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional, Union

from ._call import Work, blocking, coroutine
from ._words import Database, Path, Paths, Patterns, conninfo, path, paths, texts
from .errors import UsageError
from .events import OnEvent
from .results import Contents, Converted, DumpReport, Extracted, Plan, Restored, RestoredGlobals
from .rows import Rows

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Dump"]


class Dump:
    """What a database held: in a repository, as `Repository.open` names it, or in a file or folder.

    Nothing is read before a method is called, and only what it needs.
    """

    def __init__(self, what: Mapping[str, object], name: str) -> None:
        self._what = what
        self._name = name

    def __repr__(self) -> str:
        return f"<dr.Dump {self._name!r}>"

    def _show(self, *, entries: bool = False, on_event: Optional[OnEvent] = None) -> Work[Contents]:
        """What it contains. With `entries`, `as_dict()["entries"]` has its table of contents."""
        return Work("show", {"what": self._what, "entries": entries}, Contents.of_json, on_event)

    def _verify(self, *, jobs: Optional[int] = None, on_event: Optional[OnEvent] = None) -> Work[DumpReport]:
        """Reads all data of a dump that is no backup, and decodes it as a restore would. What cannot be
        read is in the report, all of it.

        There are no digests to hold it against: a backup is verified by `Repository.verify`.
        """
        return Work("verify_dump", {"what": self._what, "jobs": jobs}, DumpReport.of_json, on_event)

    def _plan(
        self,
        *,
        tables: Patterns = (),
        exclude_tables: Patterns = (),
        schemas: Patterns = (),
        exclude_schemas: Patterns = (),
        exclude_table_data: Patterns = (),
        on_event: Optional[OnEvent] = None,
    ) -> Work[Plan]:
        """What a restore would do, step by step."""
        parts = parts_of(tables, exclude_tables, schemas, exclude_schemas, exclude_table_data)
        return Work("plan", {"what": self._what, "parts": parts}, Plan.of_json, on_event)

    def _restore(
        self,
        *,
        into: Database,
        create: bool = False,
        tables: Patterns = (),
        exclude_tables: Patterns = (),
        schemas: Patterns = (),
        exclude_schemas: Patterns = (),
        exclude_table_data: Patterns = (),
        jobs: Optional[int] = None,
        single_transaction: bool = False,
        no_owner: bool = False,
        no_acl: bool = False,
        no_tablespaces: bool = False,
        keep_failed: bool = False,
        globals: bool = False,
        exclude_kinds: Patterns = (),
        on_event: Optional[OnEvent] = None,
    ) -> Work[Restored]:
        """Restores into an empty database, or with `create` into a new one, and proves every table.

        `exclude_kinds` are kinds of entries that are left out, such as `SECURITY LABEL`. The result tells the
        proof; nothing bears the name of `into` unless it holds what was dumped.

        Raises ConflictError if the database is not empty, or with `create` exists.
        """
        if create and single_transaction:
            raise UsageError("create and single_transaction exclude each other")
        request = {
            "what": self._what,
            "into": conninfo(into),
            "parts": parts_of(tables, exclude_tables, schemas, exclude_schemas, exclude_table_data),
            "jobs": jobs,
            "create": create,
            "single_transaction": single_transaction,
            "no_owner": no_owner,
            "no_acl": no_acl,
            "no_tablespaces": no_tablespaces,
            "keep_failed": keep_failed,
            "globals": globals,
            "exclude_kinds": texts(exclude_kinds),
        }
        return Work("restore", request, Restored.of_json, on_event)

    def _restore_globals(
        self, *, into: Database, no_tablespaces: bool = False, on_event: Optional[OnEvent] = None
    ) -> Work[RestoredGlobals]:
        """Makes the roles and tablespaces that the server of `into` does not have."""
        request = {"what": self._what, "into": conninfo(into), "no_tablespaces": no_tablespaces}
        return Work("restore_globals", request, RestoredGlobals.of_json, on_event)

    def _extract(
        self,
        *,
        tables: Patterns,
        to: Optional[Path] = None,
        into: Optional[Database] = None,
        format: Optional[str] = None,
        compression: Optional[str] = None,
        with_dependencies: bool = False,
        no_owner: bool = False,
        no_acl: bool = False,
        jobs: Optional[int] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Work[Union[Extracted, Restored]]:
        """Takes tables out, with their sequences, defaults, indexes and constraints: `to` a file or
        folder, or `into` a database, beside what is there.

        `format` is `sql` (or `plain`), `directory`, `custom`, `tar` or `copy` (the rows alone); without it, a
        path that ends in `.sql`, or in that and a suffix of compression, is a script, `.tar` likewise a tar
        archive, `.dump` a custom archive, any other a directory archive.
        """
        if (to is None) == (into is None):
            raise UsageError("say either a path to extract to, or a database to extract into")
        request: dict[str, Any] = {
            "what": self._what,
            "tables": texts(tables),
            "with_dependencies": with_dependencies,
            "no_owner": no_owner,
            "no_acl": no_acl,
            "jobs": jobs,
        }
        if into is not None:
            if format is not None or compression is not None or jobs is not None:
                raise UsageError("format, compression and jobs have no meaning for a database")
            request["into"] = conninfo(into)
            return Work("extract", request, Restored.of_json, on_event)
        assert to is not None, "checked above"
        request["to"] = {"path": path(to), "format": format, "compression": compression}
        return Work("extract", request, Extracted.of_json, on_event)

    def _convert(
        self,
        to: Path,
        *,
        format: Optional[str] = None,
        compression: Optional[str] = None,
        archive_version: Optional[str] = None,
        jobs: Optional[int] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Work[Converted]:
        """Writes the whole dump in another form: `plain`, `directory`, `custom` or `tar`, which without
        `format` the name of `to` says as it does for `extract`.

        Rows and digests are taken while it is read, held against those of a backup, and against what was
        written, which is read back before it gets its name. `archive_version` is `1.14`, `1.15` or `1.16`,
        for an older pg_restore.

        Raises ConflictError if `to` exists, UnsupportedError if the version cannot hold the dump,
        IntegrityError if what was written is not what was read.
        """
        request = {
            "what": self._what,
            "to": {"path": path(to), "format": format, "compression": compression},
            "archive_version": archive_version,
            "jobs": jobs,
        }
        return Work("convert", request, Converted.of_json, on_event)

    show = blocking(_show)
    show_async = coroutine(_show)
    verify = blocking(_verify)
    verify_async = coroutine(_verify)
    plan = blocking(_plan)
    plan_async = coroutine(_plan)
    restore = blocking(_restore)
    restore_async = coroutine(_restore)
    restore_globals = blocking(_restore_globals)
    restore_globals_async = coroutine(_restore_globals)
    extract = blocking(_extract)
    extract_async = coroutine(_extract)
    convert = blocking(_convert)
    convert_async = coroutine(_convert)

    def rows(self, table: str, *, as_bytes: bool = False, on_event: Optional[OnEvent] = None) -> Rows:
        """The rows of one table, without a restore: to be gone through once, by `for` or `async for`."""
        return Rows({"what": self._what, "table": table}, as_bytes=as_bytes, on_event=on_event)

    def record_batches(
        self, table: str, *, batch_size: int = 65_536, on_event: Optional[OnEvent] = None
    ) -> pyarrow.RecordBatchReader:
        """The rows of one table as Arrow record batches of strings; needs pyarrow (`dr[arrow]`)."""
        from .arrow import record_batches

        return record_batches(self.rows(table, on_event=on_event), batch_size)


def parts_of(
    tables: Patterns,
    exclude_tables: Patterns,
    schemas: Patterns,
    exclude_schemas: Patterns,
    exclude_table_data: Patterns,
) -> dict[str, list[str]]:
    """Parts of a database, in pg_dump's patterns."""
    return {
        "tables": texts(tables),
        "exclude_tables": texts(exclude_tables),
        "schemas": texts(schemas),
        "exclude_schemas": texts(exclude_schemas),
        "exclude_table_data": texts(exclude_table_data),
    }


def keys_of(identity: Paths, passphrase_file: Optional[Path]) -> dict[str, Any]:
    """Keys that open backups."""
    file = None if passphrase_file is None else path(passphrase_file)
    return {"identity": paths(identity), "passphrase_file": file}


def open_dump(dump: Path, *, database: Optional[str] = None) -> Dump:
    """What pg_dump wrote: the folder of a directory archive; or a custom archive, a tar archive or a plain
    SQL file, compressed as a whole or not. It is recognized by its content, when it is read.

    Of a file of pg_dumpall, which holds several databases, `database` says which one is meant.
    """
    return Dump({"repository": None, "name": path(dump), "database": database}, path(dump))
