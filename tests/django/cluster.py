"""Throwaway PostgreSQL servers for the Django tests.

What `scripts/servers` fetched is started in a new folder, listening on 127.0.0.1. PostgreSQL does not
run as root, so there it runs as nobody. A shell keeps each server: it stops it and deletes the folder
when its standard input ends, which is when the tests end, however they do.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534

# pg_ctl waits for the server by itself.
KEEPER = """
"$1/bin/pg_ctl" -D "$2/data" -w -t 60 -l "$2/log" start >"$2/pg_ctl.log" 2>&1 && echo ready || echo failed
read -r _
"$1/bin/pg_ctl" -D "$2/data" -w -t 20 -m immediate stop >/dev/null 2>&1
cd / && rm -rf "$2"
"""

CONFIG = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = '32MB'
max_connections = 60
"""


@dataclass(frozen=True)
class Cluster:
    """A running server."""

    major: int
    port: int
    folder: Path
    keeper: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Stops the server and deletes its folder."""
        assert self.keeper.stdin is not None
        self.keeper.stdin.close()
        self.keeper.wait()

    def log(self) -> str:
        """What the server has logged."""
        return (self.folder / "log").read_text(errors="replace")


def _as_server() -> dict[str, object]:
    """How a process becomes the user servers run as."""
    environment = {**os.environ, "LC_ALL": "C", "HOME": "/tmp"}
    if os.geteuid() == 0:
        return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "env": environment}
    return {"env": environment}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def start(major: int, hba: str = "") -> Cluster:
    """A new cluster with the superuser `postgres`, whom everybody may be, unless `hba` says more:
    its lines stand before those."""
    home = (ROOT / "target" / "servers" / str(major)).resolve()
    if not (home / "bin" / "postgres").exists():
        raise RuntimeError(f"PostgreSQL {major} is not in {home}: run scripts/servers {major}")
    folder = Path(tempfile.mkdtemp(prefix="dr-django-"))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, NOBODY, NOBODY)
    data = folder / "data"
    initdb = [home / "bin" / "initdb", "--auth=trust", "--no-sync", "--username=postgres"]
    subprocess.run(
        [*initdb, "--encoding=UTF8", "--locale=C", "--pgdata", data],
        check=True,
        capture_output=True,
        **_as_server(),
    )
    everybody = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
    (data / "pg_hba.conf").write_text(hba + everybody)
    # A port seen free may be taken before the server binds it.
    for _ in range(5):
        port = _free_port()
        (data / "postgresql.auto.conf").write_text(CONFIG.format(port=port, folder=folder))
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER, "keeper", home, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C at the terminal ends the tests, whose end then ends the server in order.
            start_new_session=True,
            **_as_server(),
        )
        assert keeper.stdout is not None
        if keeper.stdout.readline() == b"ready\n":
            return Cluster(major, port, folder, keeper)
        log = (folder / "log").read_text(errors="replace")
        # The keeper must not delete the folder yet.
        keeper.kill()
        keeper.wait()
        if "could not bind" not in log:
            break
    shutil.rmtree(folder)
    raise RuntimeError(f"PostgreSQL {major} did not start: {log}")
