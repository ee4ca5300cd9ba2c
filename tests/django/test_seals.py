"""Encryption, and what must never be seen."""

from __future__ import annotations

import json
from pathlib import Path

import dr
import pytest
from django.core.management import CommandError

from conftest import Polling


@pytest.fixture
def key(tmp_path: Path) -> tuple[str, str]:
    """An identity's file and its recipient."""
    path = tmp_path / "operator.key"
    return str(path), dr.generate_key(path)


def test_a_sealed_backup_needs_its_key(polling: Polling, key: tuple[str, str]) -> None:
    identity, recipient = key
    polling.dr["ENCRYPT_TO"] = [recipient]
    assert ", age;" in polling.call("dr_backup")
    assert not list(polling.repository.glob("*/*/*.dat"))
    assert "is sealed: give --identity" in polling.call("dr_show")
    assert polling.json("dr_show")["manifest"] is None
    assert "sound" in polling.call("dr_verify")
    with pytest.raises(CommandError) as error:
        polling.call("dr_verify", "--deep")
    assert error.value.returncode == 5
    with pytest.raises(CommandError, match="is sealed"):
        polling.call("dr_restore", "--create", "--into", "copy", "--no-input")
    assert "public.votes_vote" in polling.call("dr_show", identity=[identity])
    polling.dr["IDENTITY"] = identity
    assert "sound" in polling.call("dr_verify", "--deep")


def test_a_passphrase_seals_and_opens(polling: Polling, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a long passphrase\n")
    passphrase.chmod(0o600)
    polling.dr["PASSPHRASE_FILE"] = str(passphrase)
    polling.call("dr_backup")
    assert "sound" in polling.call("dr_verify", "--deep")


def test_without_the_recipient_nothing_is_stored(polling: Polling) -> None:
    polling.dr["ENCRYPT_TO"] = ["AGE-SECRET-KEY-1NOTARECIPIENT"]
    with pytest.raises(CommandError) as error:
        polling.call("dr_backup")
    assert "NOTARECIPIENT" not in str(error.value)
    assert not list(polling.repository.glob("*/*/*"))


SECRET = "hunter2-and-more"


def test_a_password_is_never_seen(polling: Polling) -> None:
    databases = polling.databases()
    databases["default"].update(PASSWORD=SECRET, USER="nobody_of_this_name")
    refused = polling.manage("dr_backup", "--traceback", "-v3", databases=databases)
    assert refused.returncode == 1
    assert "nobody_of_this_name" in refused.stderr
    assert SECRET not in refused.stdout + refused.stderr
    # It is right, and still not told: not in what is printed, not in what is stored.
    databases["default"].update(USER="postgres")
    for words in (["dr_backup", "-v3"], ["dr_backup", "--json"], ["dr_show", "--json"], ["check"]):
        done = polling.manage(*words, databases=databases)
        assert done.returncode == 0, done.stderr
        assert SECRET not in done.stdout + done.stderr
    for path in polling.repository.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_an_exception_with_its_local_variables_shows_no_password(polling: Polling) -> None:
    import traceback

    from django.db import connections
    from dr.django import verbs

    connections["default"].settings_dict.update(PASSWORD=SECRET, USER="nobody_of_this_name")
    try:
        with pytest.raises(Exception) as error:
            verbs.verify_against_live()
        whole = traceback.TracebackException.from_exception(error.value, capture_locals=True)
        of_dr = [
            frame for frame in whole.stack if frame.filename and "/dr/" in frame.filename and frame.locals
        ]
        assert SECRET not in json.dumps([frame.locals for frame in of_dr])
    finally:
        connections["default"].settings_dict.update(PASSWORD="", USER="postgres")
        connections["default"].close()
