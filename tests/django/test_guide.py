"""docs/django.md: its commands run, in its order; its settings can be meant; its tables are complete."""

from __future__ import annotations

import gzip
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import dr
import pytest
from django.conf import settings
from django.test.utils import override_settings
from dr.django import checks, conf

from conftest import HERE, Polling

pytestmark = pytest.mark.once


ROOT = HERE.parents[1]
GUIDE = (ROOT / "docs" / "django.md").read_text()


def blocks(language: str, section: str) -> list[str]:
    """The code of one section in one language."""
    (text,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", GUIDE, re.M | re.S)
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.M | re.S)
    return [re.sub(rf"^{indent}", "", code, flags=re.M) for indent, code in found]


@pytest.fixture
def places(polling: Polling, tmp_path: Path) -> dict[str, str]:
    """The guide's places, and those of this test; the settings are those of its first section."""
    names = {
        "/srv/backups": str(polling.repository),
        "/etc/dr/operator.key": str(tmp_path / "operator.key"),
        "/mnt/offsite": str(tmp_path / "offsite"),
    }
    recipient = dr.generate_key(tmp_path / "operator.key")
    names["age1zjftsvgrtp42dwpm67jy3c7azyy3eulpz0wvhtcptku0aftezfhqg2yyjl"] = recipient
    for name in ("polls_copy", "polls_proof", "polls_old"):
        names[name] = f"{polling.names['default']}_{name}"
    (code,) = blocks("python", "Install")
    polling.dr.update(executed(code, names)["DR"])
    return names


def executed(code: str, places: dict[str, str]) -> dict[str, Any]:
    """The names that a piece of settings.py makes."""
    for name, here in places.items():
        code = code.replace(name, here)
    found: dict[str, Any] = {"INSTALLED_APPS": [], "BASE_DIR": settings.BASE_DIR}
    exec(code, found)  # Our own document.
    return found


def run(polling: Polling, script: str, places: dict[str, str]) -> list[str]:
    """Runs the lines of a shell script; what each printed."""
    told = []
    for line in script.splitlines():
        words = [places.get(word, word) for word in shlex.split(line, comments=True)]
        if words[:2] == ["python", "manage.py"]:
            done = polling.manage(*words[2:], answer="yes\n")
        else:
            assert words[0] == "cp"
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        told.append(done.stdout)
    return told


def test_the_first_steps(polling: Polling, places: dict[str, str]) -> None:
    _, script = blocks("sh", "Install")
    told = run(polling, script, places)
    assert "age;" in told[1]
    assert "sound (deep" in told[2]
    assert "what was restored is what was dumped" in told[3]


def test_every_piece_of_settings_can_be_meant(places: dict[str, str]) -> None:
    for section in ("Install", "Settings"):
        for code in blocks("python", section):
            with override_settings(DR=executed(code, places)["DR"]):
                assert conf.problems() == []


def test_cron_is_replaced_step_by_step(polling: Polling, places: dict[str, str], tmp_path: Path) -> None:
    section = "Instead of `pg_dump | gzip` in cron"
    first, cron, copy = blocks("sh", section)
    run(polling, first, places)
    # Cron mails whatever is printed.
    assert run(polling, cron, places) == ["", ""]
    assert len(polling.json("dr_list")["backups"]) == 2
    assert "sound" in run(polling, copy, places)[1]
    # What the old script made.
    pg_dump = ROOT / "target/servers/clients/18/bin/pg_dump"
    server = f"host=127.0.0.1 port={polling.server.cluster.port} user=postgres"
    dumped = subprocess.run(
        [pg_dump, "--dbname", f"{server} dbname={polling.names['default']}"],
        check=True,
        capture_output=True,
    )
    old = tmp_path / "old.sql.gz"
    old.write_bytes(gzip.compress(dumped.stdout))
    (code,) = blocks("python", section)
    here = {**places, "backup_20261101_120000.sql.gz": str(old), "dbname=": f"{server} dbname="}
    report = executed(code, here)["report"]
    assert (report.verdict, report.rows) == ("equal", polling_rows(polling, report.database))
    # A backup is gone once its mark is.
    kept, *_ = polling.json("dr_list")["backups"]
    folder = polling.repository / kept["database"] / kept["id"]
    (folder / "backup.json").unlink()
    shutil.rmtree(folder)
    assert len(polling.json("dr_list")["backups"]) == 1


def polling_rows(polling: Polling, database: str) -> int:
    """All rows of a database's tables."""
    tables = polling.server.sql(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace", database
    )
    counts = [polling.server.sql(f'SELECT count(*) FROM "{name}"', database)[0][0] for (name,) in tables]
    return sum(counts)


def test_every_key_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z_]+)`", re.findall(r"## Settings\n(.*?)\n## ", GUIDE, re.S)[0]))
    assert {*conf.KEYS, *conf.PROJECT_KEYS, conf.DATABASES} <= documented


def test_every_check_is_documented() -> None:
    documented = set(re.findall(r"^\| `(dr\.[EW]\d+)`", GUIDE, re.M))
    sources = [Path(module.__file__).read_text() for module in (checks, conf)]
    assert documented == set(re.findall(r'"(dr\.[EW]\d+)"', "".join(sources)))
