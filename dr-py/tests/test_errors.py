"""Errors: classes, facts, one line; and no secret anywhere."""

from __future__ import annotations

import io
import logging
import pickle
import traceback
from pathlib import Path

import pytest

import dr
from conftest import Databases
from servers import Server

SECRET = "s3cr3t-pa55"


def test_each_kind_is_a_class_and_a_built_in(
    databases: Databases, repo: dr.Repository, tmp_path: Path
) -> None:
    source = databases.filled(5)
    missing = databases.name()
    with pytest.raises(dr.NotFound) as nothing:
        repo.latest()
    assert isinstance(nothing.value, FileNotFoundError) and nothing.value.exit_code == 4
    with pytest.raises(dr.UsageError) as usage:
        repo.backup(source, compression="best")
    assert isinstance(usage.value, ValueError) and usage.value.exit_code == 2
    with pytest.raises(dr.Error) as server:
        repo.backup(missing)
    assert server.value.sqlstate == "3D000"
    with pytest.raises(dr.ConnectError) as refused:
        repo.backup({**source, "port": 1})
    assert isinstance(refused.value, ConnectionError)
    assert "\n" not in str(refused.value) and "refused" in str(refused.value)
    receipt = repo.backup(source)
    with pytest.raises(dr.ConflictError) as taken:
        repo.restore(receipt, into=source)
    assert isinstance(taken.value, FileExistsError)
    with pytest.raises(dr.UsageError):
        repo.restore(receipt, into=missing, create=True, single_transaction=True)
    with pytest.raises(dr.UsageError, match="either"):
        repo.extract(receipt, tables="public.poll")
    with pytest.raises(dr.UsageError):
        repo.verify(receipt, level="deepest")
    with pytest.raises(dr.UsageError):
        repo.backup(source, jobs=0)
    with pytest.raises(dr.UsageError):
        repo.backup(source, jobs="many")  # type: ignore[arg-type]
    with pytest.raises(dr.UsageError, match="keywords"):
        repo.backup(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        repo.backup(source, lable="x")  # type: ignore[call-arg]
    small = dr.Repository(tmp_path / "backups", limits={"toc_entries": 1})
    with pytest.raises(dr.LimitError, match="toc_entries"):
        small.plan(receipt)
    with pytest.raises(dr.UsageError, match="toc_entries"):
        dr.Repository(tmp_path / "backups", limits={"entries": 1}).list()


def test_keys_that_do_not_fit(
    databases: Databases, repo: dr.Repository, key: tuple[str, Path], tmp_path: Path
) -> None:
    receipt = repo.backup(databases.filled(5), encrypt_to=key[0])
    other = tmp_path / "other.key"
    dr.generate_key(other)
    with pytest.raises(dr.MissingKeyError):
        repo.plan(receipt)
    with pytest.raises(dr.MissingKeyError):
        repo.plan(receipt, identity=other)
    assert repo.plan(receipt, identity=[other, key[1]])
    phrase = tmp_path / "phrase"
    phrase.write_text("correct horse battery staple\n")
    phrase.chmod(0o600)
    sealed = repo.backup(databases.filled(5), passphrase_file=phrase)
    own = dr.Repository(tmp_path / "backups", passphrase_file=phrase)
    assert own.verify(sealed, level="deep").is_sound
    with pytest.raises(dr.ConflictError):
        dr.generate_key(other)
    with pytest.raises(dr.Error) as wrong:
        dr.check_recipient(other.read_text().splitlines()[-1])
    assert "AGE-SECRET" not in str(wrong.value)
    dr.check_recipient(key[0])


def test_a_location_is_checked_without_a_look_at_it(tmp_path: Path) -> None:
    for location in (tmp_path / "none yet", str(tmp_path / "a:b"), tmp_path.as_uri(), "memory:"):
        dr.check_repository(location)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(dr.UnsupportedError, match="repositories at ftp:") as unknown:
        dr.check_repository("ftp://me:hunter2@host/backups")
    assert "hunter2" not in str(unknown.value)
    for misspelt in ("fiel:/backups", "s4://bucket", "backups:new"):
        with pytest.raises(dr.UnsupportedError, match=r"file:///… or memory: \(.* \./"):
            dr.Repository(misspelt).list()
        dr.check_repository(f"./{misspelt}")
        # A path is one, whatever it is called.
        dr.check_repository(Path(misspelt))
    for none in ("", "file://host/backups"):
        with pytest.raises(dr.UsageError):
            dr.check_repository(none)


def test_errors_survive_a_pickle(repo: dr.Repository) -> None:
    with pytest.raises(dr.NotFound) as missing:
        repo.latest("shop")
    copy = pickle.loads(pickle.dumps(missing.value))
    assert type(copy) is dr.NotFound
    assert (str(copy), copy.kind, copy.key) == (str(missing.value), "Missing", missing.value.key)


def test_results_can_be_read_only(databases: Databases, repo: dr.Repository) -> None:
    receipt = repo.backup(databases.filled(5))
    with pytest.raises(AttributeError):
        receipt.rows = 0  # type: ignore[misc]
    as_dict = receipt.as_dict()
    as_dict["rows"] = 0
    assert receipt.as_dict()["rows"] == receipt.rows == 9
    assert pickle.loads(pickle.dumps(receipt)) == receipt
    assert repr(receipt).startswith(f"Receipt(id='{receipt.id}'")
    assert "_json" not in repr(receipt)


def locals_of(error: BaseException) -> str:
    """Everything that a traceback with local variables would show of dr's own frames."""
    shown = io.StringIO()
    frame = error.__traceback__
    while frame is not None:
        if "/dr/" in frame.tb_frame.f_code.co_filename:
            shown.write(repr(frame.tb_frame.f_locals))
        frame = frame.tb_next
    return shown.getvalue()


def test_secrets_are_nowhere(newest: Server, repo: dr.Repository, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    refused = {**newest.database("postgres"), "port": 1, "password": SECRET}
    unknown = {**refused, "pasword": SECRET}
    events: list[dr.Event] = []
    for database in (
        refused,
        unknown,
        f"postgres://me:{SECRET}@127.0.0.1:1/x",
        f"pasword={SECRET}",
        f"={SECRET}",
    ):
        for verb in (
            lambda database=database: repo.backup(database, on_event=events.append),
            lambda database=database: repo.verify_against_live("latest", database, on_event=events.append),
            lambda database=database: dr.resolve({"port": "x", "password": SECRET}),
        ):
            with pytest.raises(dr.Error) as raised:
                verb()
            text = "".join(
                traceback.format_exception(type(raised.value), raised.value, raised.value.__traceback__)
            )
            # The caller's own line of code is the caller's.
            lines = [
                line for line in text.splitlines() if "test_errors.py" not in line and "lambda" not in line
            ]
            assert SECRET not in "\n".join(lines)
            assert SECRET not in repr(raised.value) + repr(raised.value.__dict__)
            assert SECRET not in locals_of(raised.value)
    assert SECRET not in repr(events) + caplog.text + repr(repo)
