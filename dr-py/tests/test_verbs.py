"""Every verb, as it waits and as it is awaited, against real servers."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import dr
from conftest import Databases, sql
from servers import SERVERS, Server


async def _drive(repo: dr.Repository, verb: str, *args: Any, **kwargs: Any) -> Any:
    return await getattr(repo, f"{verb}_async")(*args, **kwargs)


@pytest.fixture(params=["waiting", "awaited"])
def call(request: pytest.FixtureRequest) -> Any:
    """Calls a verb by name."""
    if request.param == "waiting":
        return lambda repo, verb, *args, **kwargs: getattr(repo, verb)(*args, **kwargs)
    return lambda repo, verb, *args, **kwargs: asyncio.run(_drive(repo, verb, *args, **kwargs))


def test_the_whole_way(
    server: Server, repo: dr.Repository, key: tuple[str, Path], tmp_path: Path, call: Any
) -> None:
    databases = Databases(server)
    source = databases.filled()
    recipient, identity = key
    with pytest.raises(FileNotFoundError):
        call(repo, "latest")

    receipt = call(repo, "backup", source, encrypt_to=recipient, label="nightly", jobs=2, compression="gzip")
    assert (receipt.tables, receipt.rows, receipt.large_objects) == (4, 2004, 1)
    assert receipt.label == "nightly" and receipt.stages == ("age",)
    (listed,) = call(repo, "list")
    assert listed == call(repo, "latest", str(source["dbname"]))
    assert listed.id == receipt.id and listed.is_encrypted and listed.error is None

    sealed = call(repo, "show", receipt)
    assert sealed.is_sealed and not sealed.tables
    contents = call(repo, "show", receipt, identity=identity, entries=True)
    votes = contents.tables["public.vote"]
    assert votes is not None and votes.rows == 2000
    assert contents.server_version is not None and contents.server_version.startswith(str(server.major))
    assert any(entry["kind"] == "TABLE DATA" for entry in contents.as_dict()["entries"])

    for level in ("quick", "stored"):
        assert call(repo, "verify", receipt, level=level).is_sound
    deep = call(repo, "verify", receipt.id, level="deep", identity=identity)
    assert deep.is_sound and deep.rows == 2004
    assert call(repo, "verify", receipt, level="deep").outcome == "unchecked"

    plan = call(repo, "plan", receipt, identity=identity)
    assert len(plan) == len(plan.steps) and "TABLE DATA public.vote" in str(plan)

    target = databases.name()
    restored = call(repo, "restore", receipt, into=target, create=True, identity=identity, jobs=2)
    assert restored.verdict == "equal" and restored.is_sound and restored.is_kept
    assert restored.rows == 2004
    count = "SELECT count(*), sum(weight) FROM public.vote"
    assert sql(target, count) == sql(source, count)

    live = call(repo, "verify_against_live", receipt, target, identity=identity)
    assert live.verdict == "equal"
    sql(target, "DELETE FROM public.vote WHERE id = 5")
    live = call(repo, "verify_against_live", receipt, target, identity=identity)
    assert live.verdict == "differs"
    assert {table.table for table in live.tables if table.verdict != "equal"} == {"public.vote"}

    script = tmp_path / "polls.sql.gz"
    extracted = call(repo, "extract", receipt, tables="public.poll", to=script, identity=identity)
    assert [table.verdict for table in extracted.tables] == ["equal"]
    assert script.read_bytes()[:2] == b"\x1f\x8b"
    sql(target, "DROP TABLE public.vote")
    back = call(repo, "extract", receipt, tables=["public.vote"], into=target, identity=identity)
    assert isinstance(back, dr.Restored) and back.verdict == "equal"
    assert sql(target, count) == sql(source, count)

    pruned = call(repo, "prune_orphans", dry_run=True)
    assert pruned.dry_run and pruned.swept == ()


def test_results_are_what_the_command_prints(
    databases: Databases, repo: dr.Repository, tmp_path: Path
) -> None:
    source = databases.filled(10)
    repo.backup(source)
    binary = SERVERS.parent / "debug" / "dr"
    assert binary.exists(), f"{binary} is missing: cargo build -p dr-cli"

    def printed(*words: str) -> Any:
        done = subprocess.run(
            [binary, *words, "--json", "--repo", tmp_path / "backups"], check=True, capture_output=True
        )
        return json.loads(done.stdout)

    assert [backup.as_dict() for backup in repo.list()] == printed("list")["backups"]
    assert repo.show().as_dict() == printed("show", "latest")
    assert repo.plan().as_dict() == printed("restore", "latest", "--plan")

    def without_time(value: Any) -> Any:
        return {name: part for name, part in value.items() if name != "elapsed"}

    report = repo.verify(level="deep").as_dict()
    assert without_time(report) == without_time(printed("verify", "latest", "--deep"))


def test_answers_to_queries_are_of_the_dumps_own_snapshot(databases: Databases, repo: dr.Repository) -> None:
    source = databases.filled(10)
    queries = {
        "polls": "SELECT id, question, NULL::int AS nothing FROM public.poll ORDER BY id;",
        "none": "SELECT 1 AS one WHERE false",
        "snapshot": "SELECT pg_catalog.count(*) FROM public.vote",
    }
    contents = repo.show(repo.backup(source, record=queries))
    polls = contents.records["polls"]
    assert polls.columns == ("id", "question", "nothing")
    assert polls.rows[1] == ("2", "tab\t, line\n and \\N", None)
    assert contents.records["none"] == dr.Record(("one",), ())
    assert contents.records["snapshot"].rows == (("10",),)
    for query, error in [
        ("SELECT * FROM public.missing", dr.ServerError),
        ("DELETE FROM public.vote", dr.UsageError),
        ("SELECT 1; DROP TABLE public.vote", dr.ServerError),
    ]:
        with pytest.raises(error, match='record as "bad"'):
            repo.backup(source, record={"bad": query})
    assert len(repo.list()) == 1
    assert sql(source, "SELECT count(*) FROM public.vote") == [(10,)]


def test_all_databases_of_a_server_are_a_set_and_come_back(
    databases: Databases, repo: dr.Repository, key: tuple[str, Path], call: Any
) -> None:
    names = [str(databases.filled(10 + number)["dbname"]) for number in range(2)]
    postgres = databases.server.database("postgres")
    others = sql(postgres, "SELECT datname FROM pg_database WHERE datallowconn")
    recipient, identity = key
    done = call(
        repo,
        "backup_all",
        postgres,
        exclude_databases=[f'"{name}"' for (name,) in others if name not in names],
        encrypt_to=recipient,
        statistics=True,
    )
    assert done.is_whole and done.failed == () and done.set is not None
    assert sorted(member.database for member in done.members) == sorted(names)
    listed = call(repo, "latest")
    assert listed.kind == "set" and listed.id == done.set.id
    assert call(repo, "verify", done.set, level="deep", identity=identity).rows == 8 + 10 + 11
    # One database is wanted: the error names those of the set.
    with pytest.raises(dr.UsageError, match=names[0]):
        call(repo, "restore", listed, into=databases.name(), create=True, identity=identity)

    with pytest.raises(dr.ConflictError, match=names[1]):
        call(repo, "restore_all", into=postgres, identity=identity)
    for name in names:
        sql(postgres, f"DROP DATABASE {name}")
    back = call(repo, "restore_all", into=postgres, identity=identity, globals=True, exclude_kinds="ACL")
    assert back.is_sound and back.globals is not None
    for member in back.databases:
        assert member.error is None and member.restored is not None and member.restored.verdict == "equal"
    assert sql(databases.server.database(names[1]), "SELECT count(*) FROM public.vote") == [(11,)]


def test_a_schema_alone_has_no_rows(databases: Databases, repo: dr.Repository) -> None:
    receipt = repo.backup(databases.filled(10), schema_only=True)
    assert (receipt.tables, receipt.rows, receipt.large_objects) == (0, 0, 0)
    target = databases.name()
    with pytest.raises(dr.UsageError, match="SEQUENCE"):
        repo.restore(receipt, into=target, create=True, exclude_kinds=["NO SUCH KIND"])
    repo.restore(receipt, into=target, create=True)
    assert sql(target, "SELECT count(*) FROM public.vote") == [(0,)]


def test_what_pg_dump_wrote_is_a_dump_too(databases: Databases, tmp_path: Path) -> None:
    source = databases.filled(50)
    pg_dump = SERVERS / "clients" / "18" / "bin" / "pg_dump"
    for kind in ("plain", "directory", "custom", "tar"):
        path = tmp_path / kind
        conninfo = " ".join(f"{key}={value}" for key, value in source.items())
        subprocess.run([pg_dump, "--format", kind, "--file", path, conninfo], check=True)
        dump = dr.open_dump(path)
        assert "public.vote" in dump.show().tables
        assert len(list(dump.rows("public.vote"))) == 50
        target = databases.name()
        assert dump.restore(into=target, create=True).is_sound
        with pytest.raises(dr.ConflictError):
            dump.restore(into=target, create=True)
        read = dump.verify()
        assert read.is_sound and read.problems == () and read.rows >= 50


def test_a_damaged_dump_is_told_and_a_backup_is_for_its_repository(
    databases: Databases, repo: dr.Repository, tmp_path: Path
) -> None:
    receipt = repo.backup(databases.filled(50))
    archive = tmp_path / "vote.dump"
    repo.extract(receipt, tables="public.vote", to=archive)
    assert dr.open_dump(archive).verify(jobs=1).rows == 50
    archive.write_bytes(archive.read_bytes()[:-40])
    read = dr.open_dump(archive).verify()
    assert not read.is_sound and read.outcome == "damaged"
    assert "public vote" in read.problems[0].message or "public.vote" in read.problems[0].message
    assert read.as_dict()["problems"][0]["message"] == read.problems[0].message
    with pytest.raises(dr.UsageError, match="by its repository"):
        repo.open(receipt).verify()


def test_a_dump_is_converted_and_proven(databases: Databases, repo: dr.Repository, tmp_path: Path) -> None:
    receipt = repo.backup(databases.filled(50))
    custom = tmp_path / "shop.dump"
    converted = repo.convert(receipt, to=custom, compression="gzip", archive_version="1.16")
    assert (converted.format, converted.archive_version, converted.read_back) == ("custom", "1.16", "equal")
    rows = {table.table: table.digest.rows for table in converted.tables if table.digest is not None}
    assert rows["public.vote"] == 50
    assert {table.verdict for table in converted.tables} == {"equal"}
    script = tmp_path / "shop.sql.gz"
    again = asyncio.run(dr.open_dump(custom).convert_async(script))
    assert again.format == "plain" and again.archive_version is None
    assert [table.digest for table in again.tables] == [table.digest for table in converted.tables]
    assert script.read_bytes()[:2] == b"\x1f\x8b"
    with pytest.raises(dr.ConflictError):
        dr.open_dump(script).convert(custom)
    with pytest.raises(dr.UnsupportedError, match=r"1\.14"):
        dr.open_dump(script).convert(tmp_path / "x", archive_version="1.14", compression="zstd")
    with pytest.raises(dr.UsageError, match="format is one of"):
        dr.open_dump(script).convert(tmp_path / "x", format="rar")
    assert not (tmp_path / "x").exists()


def test_one_database_of_a_cluster_is_named(tmp_path: Path) -> None:
    one = (
        "--\n-- PostgreSQL database dump\n--\n\n-- Name: {0}; Type: DATABASE; Schema: -; Owner: me\n--\n\n"
        "CREATE DATABASE {0};\n\n\\connect {0}\n\nSET client_encoding = 'UTF8';\n"
        "CREATE TABLE public.{0}_t (a integer);\nCOPY public.{0}_t (a) FROM stdin;\n1\n\\.\n"
        "--\n-- PostgreSQL database dump complete\n--\n\n"
    )
    script = tmp_path / "all.sql"
    begin, end = "-- PostgreSQL database cluster dump\n", "-- PostgreSQL database cluster dump complete\n"
    script.write_text(f"{begin}CREATE ROLE me;\n{one.format('shop')}{one.format('blog')}{end}")
    with pytest.raises(dr.UsageError, match="blog"):
        dr.open_dump(script).show()
    assert list(dr.open_dump(script, database="blog").show().tables) == ["public.blog_t"]
    with pytest.raises(dr.NotFound, match="no database"):
        dr.open_dump(script, database="other").show()


def test_parts_are_chosen_by_pattern(databases: Databases, repo: dr.Repository) -> None:
    source = databases.filled(20)
    receipt = repo.backup(source, exclude_table_data="*.vote", exclude_tables=["public.nothing"])
    tables = repo.show(receipt).tables
    assert "public.poll" in tables and "public.vote" not in tables and "public.nothing" not in tables
    target = databases.name()
    repo.restore(receipt, into=target, create=True)
    assert sql(target, "SELECT count(*) FROM public.vote") == [(0,)]


def test_a_connection_string_and_keywords_are_the_same(databases: Databases, repo: dr.Repository) -> None:
    source = databases.filled(5)
    uri = f"postgresql://postgres@127.0.0.1:{source['port']}/{source['dbname']}"
    assert repo.backup(uri).rows == repo.backup(source).rows
    odd = {**source, "application_name": "it's \\ odd", "connect_timeout": 5, "service": None}
    assert repo.backup(odd).rows == 9
    target = dr.resolve(odd)
    assert (target.dbname, target.user) == (source["dbname"], "postgres")
    assert str(source["port"]) in str(target)
