"""Rows of one table without a restore."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pyarrow
import pytest

import dr
from conftest import Databases, sql
from servers import Server


def test_values_are_those_that_the_server_shows(server: Server, repo: dr.Repository) -> None:
    source = Databases(server).filled(3000)
    receipt = repo.backup(source)
    rows = repo.rows(receipt, "public.vote")
    assert rows.columns == ("id", "poll_id", "choice", "weight", "raw")
    shown = sql(
        source,
        "SELECT id::text, poll_id::text, choice, weight::text, raw::text FROM public.vote ORDER BY vote.id",
    )
    assert sorted(rows, key=lambda row: int(row[0])) == shown
    assert [row[1] for row in repo.rows(receipt, "public.poll")] == [
        "Why?",
        "tab\t, line\n and \\N",
        "größer €",
    ]
    assert list(repo.rows(receipt, "public.nothing")) == [()]
    empty = repo.rows(receipt, "public.empty")
    assert empty.columns == ("a", "b") and list(empty) == []
    as_bytes = list(repo.rows(receipt, "public.poll", as_bytes=True))
    assert as_bytes[2][1] == "größer €".encode()


def test_rows_are_awaited_too(databases: Databases, repo: dr.Repository) -> None:
    receipt = repo.backup(databases.filled(3000))

    async def read() -> tuple[int, int]:
        seen = [row async for row in repo.rows(receipt, "public.vote")]
        begun = repo.rows(receipt, "public.vote")
        async for _ in begun:
            break
        return len(seen), len(set(seen))

    assert asyncio.run(read()) == (3000, 3000)


def test_other_encodings_are_decoded(newest: Server, repo: dr.Repository) -> None:
    for encoding in ("LATIN1", "EUC_JP", "SQL_ASCII"):
        name = f"enc_{encoding.lower()}"
        sql(
            newest.database("postgres"),
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0",
        )
        source = {**newest.database(name), "client_encoding": "UTF8"}
        text = "あ" if encoding == "EUC_JP" else "ß"
        sql(source, f"CREATE TABLE t (v text); INSERT INTO t VALUES ('{text}')")
        receipt = repo.backup(newest.database(name))
        if encoding == "SQL_ASCII":
            with pytest.raises(dr.UnsupportedError, match="as_bytes"):
                list(repo.rows(receipt, "public.t"))
            assert list(repo.rows(receipt, "public.t", as_bytes=True)) == [(text.encode(),)]
        else:
            assert list(repo.rows(receipt, "public.t")) == [(text,)]


def test_damage_is_an_error_and_not_an_end(databases: Databases, repo: dr.Repository, tmp_path: Path) -> None:
    receipt = repo.backup(databases.filled(3000), compression="none")
    folder = tmp_path / "backups" / receipt.database / receipt.id
    largest = max(folder.glob("*.dat"), key=lambda file: file.stat().st_size if file.name != "toc.dat" else 0)
    bytes_ = bytearray(largest.read_bytes())
    at = bytes_.index(b"choice 1234")
    bytes_[at : at + 6] = b"CHOICE"
    largest.write_bytes(bytes_)
    with pytest.raises(dr.IntegrityError):
        list(repo.rows(receipt, "public.vote"))


def test_one_table_is_asked_for(databases: Databases, repo: dr.Repository) -> None:
    receipt = repo.backup(databases.filled(5))
    with pytest.raises(dr.NotFound):
        list(repo.rows(receipt, "public.votes"))
    with pytest.raises(dr.UsageError):
        list(repo.rows(receipt, "public.*"))
    rows = repo.rows(receipt, "public.vote")
    assert len(list(rows)) == 5
    with pytest.raises(RuntimeError, match="anew"):
        list(rows)


def test_record_batches(databases: Databases, repo: dr.Repository) -> None:
    source = databases.filled(2500)
    receipt = repo.backup(source)
    reader = repo.record_batches(receipt, "public.vote", batch_size=1000)
    assert reader.schema.names == ["id", "poll_id", "choice", "weight", "raw"]
    batches = list(reader)
    assert [batch.num_rows for batch in batches] == [1000, 1000, 500]
    table = pyarrow.Table.from_batches(batches)
    assert table.column("choice").null_count == 2500 // 7
    assert repo.record_batches(receipt, "public.empty").read_all().num_rows == 0


MEMORY = """
import resource, sys, dr
repo = dr.Repository(sys.argv[1])
count = sum(1 for _ in repo.rows("latest", "public.vote"))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_rows(databases: Databases, tmp_path: Path) -> None:
    peaks = []
    for votes in (20_000, 400_000):
        folder = tmp_path / str(votes)
        receipt = dr.Repository(folder).backup(databases.filled(votes))
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, folder], check=True, capture_output=True, text=True
        )
        count, peak = map(int, done.stdout.split())
        assert count == votes
        peaks.append((peak, receipt.bytes_raw >> 20))
    assert peaks[1][1] > 20, "the larger table is large"
    assert peaks[1][0] < peaks[0][0] + 20, f"MiB at the peak, and of rows: {peaks}"
