"""Where backups lie."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Optional, Union

from ._call import Work, blocking, coroutine
from ._words import Database, Path, Paths, Patterns, Seconds, conninfo, location, path, paths, seconds, texts
from .dump import Dump, keys_of, parts_of
from .events import OnEvent
from .results import (
    Backup,
    Contents,
    Converted,
    Extracted,
    LiveReport,
    Plan,
    Pruned,
    Receipt,
    Report,
    Restored,
    RestoredGlobals,
    RestoredSet,
    SetReceipt,
)
from .rows import Rows

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Repository"]

#: A backup: as it is listed, or its id, the beginning of one, `latest`, `shop/latest`.
Name = Union[str, Backup, Receipt]


class Repository:
    """Where backups lie: a folder or a URL. Nothing is opened before a method is called.

    `identity` (age identity files or ssh keys) and `passphrase_file` open encrypted backups; both can also
    be given where they are needed. `limits` raises what is taken of what lies there, by name.

    Every verb stands here twice: `backup` waits, `await repo.backup_async(…)` lets the event loop go on.
    """

    def __init__(
        self,
        url: Path,
        *,
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        limits: Optional[Mapping[str, int]] = None,
    ) -> None:
        self._place = {"url": location(url), "limits": dict(limits or {})}
        self._identity = paths(identity)
        self._passphrase_file = None if passphrase_file is None else path(passphrase_file)

    def __repr__(self) -> str:
        return f"dr.Repository({self._place['url']!r})"

    def open(
        self, backup: Name = "latest", *, identity: Paths = None, passphrase_file: Optional[Path] = None
    ) -> Dump:
        """A stored backup as a dump. It is looked up when a method of the dump is called."""
        what = self._what(backup, identity, passphrase_file)
        return Dump(what, f"{self._place['url']}: {what['name']}")

    def _what(self, backup: Name, identity: Paths, passphrase_file: Optional[Path]) -> dict[str, Any]:
        name = backup if isinstance(backup, str) else f"{backup.database}/{backup.id}"
        own = identity is None and passphrase_file is None
        keys = keys_of(self._identity, self._passphrase_file) if own else keys_of(identity, passphrase_file)
        return {"repository": self._place, "name": name, "keys": keys}

    def _backup(
        self,
        database: Database,
        *,
        label: Optional[str] = None,
        jobs: Optional[int] = None,
        compression: str = "zstd:3",
        encrypt_to: Patterns = (),
        recipients_file: Paths = None,
        passphrase_file: Optional[Path] = None,
        tables: Patterns = (),
        exclude_tables: Patterns = (),
        schemas: Patterns = (),
        exclude_schemas: Patterns = (),
        exclude_table_data: Patterns = (),
        lock_timeout: Optional[Seconds] = None,
        serializable_deferrable: bool = False,
        role: Optional[str] = None,
        record: Optional[Mapping[str, str]] = None,
        schema_only: bool = False,
        statistics: bool = False,
        on_event: Optional[OnEvent] = None,
    ) -> Work[Receipt]:
        """Backs a database up, in one snapshot, as one committed backup.

        `encrypt_to` are recipients (`age1…`, ssh public keys); `record` are queries, answered in the same
        snapshot and kept with the backup; `statistics` are the planner's, which PostgreSQL 18 takes; `label`
        can be read by everybody who can list the repository.
        """
        request = {
            "repository": self._place,
            "database": conninfo(database),
            "jobs": jobs,
            "compression": compression,
            "encrypt_to": texts(encrypt_to),
            "recipients_file": paths(recipients_file),
            "passphrase_file": None if passphrase_file is None else path(passphrase_file),
            "label": label,
            "parts": parts_of(tables, exclude_tables, schemas, exclude_schemas, exclude_table_data),
            "lock_timeout": seconds(lock_timeout),
            "serializable_deferrable": serializable_deferrable,
            "role": role,
            "record": dict(record or {}),
            "schema_only": schema_only,
            "statistics": statistics,
        }
        return Work("backup", request, Receipt.of_json, on_event)

    def _backup_all(
        self,
        server: Database,
        *,
        exclude_databases: Patterns = (),
        label: Optional[str] = None,
        jobs: Optional[int] = None,
        compression: str = "zstd:3",
        encrypt_to: Patterns = (),
        recipients_file: Paths = None,
        passphrase_file: Optional[Path] = None,
        lock_timeout: Optional[Seconds] = None,
        serializable_deferrable: bool = False,
        role: Optional[str] = None,
        statistics: bool = False,
        on_event: Optional[OnEvent] = None,
    ) -> Work[SetReceipt]:
        """Backs up every database of a server, with its roles and tablespaces, as one set.

        A database that fails is in the result, with its error, and there is no set; the backups of the others
        stand by themselves. `server` names any database of it.
        """
        one = self._backup(
            server,
            label=label,
            jobs=jobs,
            compression=compression,
            encrypt_to=encrypt_to,
            recipients_file=recipients_file,
            passphrase_file=passphrase_file,
            lock_timeout=lock_timeout,
            serializable_deferrable=serializable_deferrable,
            role=role,
            statistics=statistics,
        )
        request = {"backup": one.words, "exclude_databases": texts(exclude_databases)}
        return Work("backup_all", request, SetReceipt.of_json, on_event)

    def _list(self, database: Optional[str] = None) -> Work[tuple[Backup, ...]]:
        """All backups, oldest first, or those of one database. One with a damaged commit mark is among
        them, with its `error`."""

        def backups(value: list[Any]) -> tuple[Backup, ...]:
            every = (Backup.of_json(one) for one in value)
            return tuple(one for one in every if database is None or one.database == database)

        return Work("list", {"repository": self._place}, backups)

    def _latest(self, database: Optional[str] = None) -> Work[Backup]:
        """The newest backup, or the newest of one database. Raises NotFound if there is none."""
        request = {"repository": self._place, "database": database}
        return Work("latest", request, Backup.of_json)

    def _show(
        self,
        backup: Name = "latest",
        *,
        entries: bool = False,
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
    ) -> Work[Contents]:
        """What a backup contains."""
        return self.open(backup, identity=identity, passphrase_file=passphrase_file)._show(entries=entries)

    def _verify(
        self,
        backup: Name = "latest",
        *,
        level: str = "stored",
        jobs: Optional[int] = None,
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Work[Report]:
        """Checks a backup: `quick` (commit mark and sizes), `stored` (every stored byte; needs no key),
        `deep` (decrypts, decodes, counts and digests every row). What is wrong is in the report."""
        what = self._what(backup, identity, passphrase_file)
        return Work("verify", {"what": what, "level": level, "jobs": jobs}, Report.of_json, on_event)

    def _verify_against_live(
        self,
        backup: Name,
        database: Database,
        *,
        jobs: Optional[int] = None,
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Work[LiveReport]:
        """Compares the tables of a live database with those of a backup, by rows and digests."""
        what = self._what(backup, identity, passphrase_file)
        request = {"what": what, "database": conninfo(database), "jobs": jobs}
        return Work("verify_against_live", request, LiveReport.of_json, on_event)

    def _plan(
        self,
        backup: Name = "latest",
        *,
        tables: Patterns = (),
        exclude_tables: Patterns = (),
        schemas: Patterns = (),
        exclude_schemas: Patterns = (),
        exclude_table_data: Patterns = (),
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Work[Plan]:
        """What a restore of a backup would do, step by step."""
        return self.open(backup, identity=identity, passphrase_file=passphrase_file)._plan(
            tables=tables,
            exclude_tables=exclude_tables,
            schemas=schemas,
            exclude_schemas=exclude_schemas,
            exclude_table_data=exclude_table_data,
            on_event=on_event,
        )

    def _restore(
        self,
        backup: Name = "latest",
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
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Work[Restored]:
        """Restores a backup into an empty database, or with `create` into a new one, and proves it. See
        `Dump.restore`."""
        return self.open(backup, identity=identity, passphrase_file=passphrase_file)._restore(
            into=into,
            create=create,
            tables=tables,
            exclude_tables=exclude_tables,
            schemas=schemas,
            exclude_schemas=exclude_schemas,
            exclude_table_data=exclude_table_data,
            jobs=jobs,
            single_transaction=single_transaction,
            no_owner=no_owner,
            no_acl=no_acl,
            no_tablespaces=no_tablespaces,
            keep_failed=keep_failed,
            globals=globals,
            exclude_kinds=exclude_kinds,
            on_event=on_event,
        )

    def _restore_globals(
        self,
        backup: Name = "latest",
        *,
        into: Database,
        no_tablespaces: bool = False,
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Work[RestoredGlobals]:
        """Makes the roles and tablespaces of a backup that the server of `into` does not have."""
        dump = self.open(backup, identity=identity, passphrase_file=passphrase_file)
        return dump._restore_globals(into=into, no_tablespaces=no_tablespaces, on_event=on_event)

    def _restore_all(
        self,
        set: Name = "all.databases/latest",
        *,
        into: Database,
        jobs: Optional[int] = None,
        no_owner: bool = False,
        no_acl: bool = False,
        no_tablespaces: bool = False,
        keep_failed: bool = False,
        globals: bool = False,
        exclude_kinds: Patterns = (),
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Work[RestoredSet]:
        """Restores every database of a set on the server of `into`, each made under its own name, and proves
        each. One that fails is in the result, and leaves nothing under its name."""
        request = {
            "what": self._what(set, identity, passphrase_file),
            "into": conninfo(into),
            "jobs": jobs,
            "no_owner": no_owner,
            "no_acl": no_acl,
            "no_tablespaces": no_tablespaces,
            "keep_failed": keep_failed,
            "globals": globals,
            "exclude_kinds": texts(exclude_kinds),
        }
        return Work("restore_all", request, RestoredSet.of_json, on_event)

    def _extract(
        self,
        backup: Name = "latest",
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
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Work[Union[Extracted, Restored]]:
        """Takes tables out of a backup, `to` a path or `into` a database. See `Dump.extract`."""
        return self.open(backup, identity=identity, passphrase_file=passphrase_file)._extract(
            tables=tables,
            to=to,
            into=into,
            format=format,
            compression=compression,
            with_dependencies=with_dependencies,
            no_owner=no_owner,
            no_acl=no_acl,
            jobs=jobs,
            on_event=on_event,
        )

    def _convert(
        self,
        backup: Name = "latest",
        *,
        to: Path,
        format: Optional[str] = None,
        compression: Optional[str] = None,
        archive_version: Optional[str] = None,
        jobs: Optional[int] = None,
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Work[Converted]:
        """Writes a whole backup as a file or archive that pg_restore or psql takes. See `Dump.convert`."""
        return self.open(backup, identity=identity, passphrase_file=passphrase_file)._convert(
            to,
            format=format,
            compression=compression,
            archive_version=archive_version,
            jobs=jobs,
            on_event=on_event,
        )

    def _prune_orphans(
        self,
        *,
        older_than: Seconds = timedelta(hours=24),
        dry_run: bool = False,
        on_event: Optional[OnEvent] = None,
    ) -> Work[Pruned]:
        """Sweeps what backups that never came to be have left, if nothing was written to it for so long."""
        request = {"repository": self._place, "older_than": seconds(older_than), "dry_run": dry_run}
        return Work("prune_orphans", request, Pruned.of_json, on_event)

    backup = blocking(_backup)
    backup_async = coroutine(_backup)
    backup_all = blocking(_backup_all)
    backup_all_async = coroutine(_backup_all)
    latest = blocking(_latest)
    latest_async = coroutine(_latest)
    show = blocking(_show)
    show_async = coroutine(_show)
    verify = blocking(_verify)
    verify_async = coroutine(_verify)
    verify_against_live = blocking(_verify_against_live)
    verify_against_live_async = coroutine(_verify_against_live)
    plan = blocking(_plan)
    plan_async = coroutine(_plan)
    restore = blocking(_restore)
    restore_async = coroutine(_restore)
    restore_all = blocking(_restore_all)
    restore_all_async = coroutine(_restore_all)
    restore_globals = blocking(_restore_globals)
    restore_globals_async = coroutine(_restore_globals)
    extract = blocking(_extract)
    extract_async = coroutine(_extract)
    convert = blocking(_convert)
    convert_async = coroutine(_convert)
    prune_orphans = blocking(_prune_orphans)
    prune_orphans_async = coroutine(_prune_orphans)
    # Last: from here on the class has another meaning of the word.
    list = blocking(_list)
    list_async = coroutine(_list)

    def rows(
        self,
        backup: Name,
        table: str,
        *,
        as_bytes: bool = False,
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        on_event: Optional[OnEvent] = None,
    ) -> Rows:
        """The rows of one table of a backup, without a restore. See `Dump.rows`."""
        dump = self.open(backup, identity=identity, passphrase_file=passphrase_file)
        return dump.rows(table, as_bytes=as_bytes, on_event=on_event)

    def record_batches(
        self,
        backup: Name,
        table: str,
        *,
        batch_size: int = 65_536,
        identity: Paths = None,
        passphrase_file: Optional[Path] = None,
        on_event: Optional[OnEvent] = None,
    ) -> pyarrow.RecordBatchReader:
        """The rows of one table of a backup as Arrow record batches. See `Dump.record_batches`."""
        dump = self.open(backup, identity=identity, passphrase_file=passphrase_file)
        return dump.record_batches(table, batch_size=batch_size, on_event=on_event)
