"""Throwaway PostgreSQL servers: one for each major that a test asks for, for as long as the tests run.

The servers are those that `scripts/servers` put under target/. PostgreSQL does not run as root, so there it
runs as nobody.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SERVERS = Path(os.environ.get("DR_SERVERS", ROOT / "target" / "servers"))
NOBODY = 65534

CONFIG = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
fsync = off
max_connections = 60
"""


def _as_server() -> dict[str, Any]:
    environment = {**os.environ, "LC_ALL": "C", "HOME": "/tmp"}
    if os.geteuid() == 0:
        return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "env": environment}
    return {"env": environment}


class Server:
    """A server with the superuser `postgres`, whom everybody may be from this machine."""

    def __init__(self, major: int) -> None:
        home = (SERVERS / str(major)).resolve()
        if not (home / "bin" / "postgres").exists():
            raise RuntimeError(f"PostgreSQL {major} is not in {home}: run scripts/servers {major}")
        self.major = major
        self.folder = Path(tempfile.mkdtemp(prefix="dr-py-"))
        self.folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(self.folder, NOBODY, NOBODY)
        data = self.folder / "data"
        initdb = [home / "bin" / "initdb", "--auth=trust", "--no-sync", "--username=postgres"]
        subprocess.run(
            [*initdb, "--encoding=UTF8", "--locale=C", "-D", data],
            check=True,
            capture_output=True,
            **_as_server(),
        )
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port: int = listener.getsockname()[1]
        (data / "postgresql.auto.conf").write_text(CONFIG.format(port=self.port))
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                [home / "bin" / "postgres", "-D", data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C at the terminal ends the tests, which then end the server.
                start_new_session=True,
                **_as_server(),
            )
        while "ready to accept connections" not in self.log():
            if self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL {major} did not start: {self.log()}")
            time.sleep(0.05)

    def log(self) -> str:
        """What the server has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """Ends the server and deletes it."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        shutil.rmtree(self.folder)

    def database(self, name: str) -> dict[str, object]:
        """libpq's keywords for a database, there or not."""
        return {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": name}
