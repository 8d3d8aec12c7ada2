"""Mosquitto: a broker that is not ours, run for a test, demanding client certificates.

It knows a client by the common name of its certificate, and lets it publish and subscribe as
its access list says. Listens on loopback on a port the kernel chose.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_agent.errors import UplinkError
from edge_agent.testing.reserved_port import ReservedPort

# It is up within 50 ms; a machine under load may take hundreds of times that.
START_SECONDS = STOP_SECONDS = 30.0

EVERYTHING = ("topic readwrite #",)


@dataclass
class Mosquitto:
    """A running mosquitto: `with Mosquitto(...) as broker`. Has `port`.

    `ca` is who must have signed its clients; `access` are lines of its access list for `user`;
    `settings` are further lines of its configuration.
    """

    folder: Path
    ca: Path
    certificate: Path
    key: Path
    user: str
    access: Iterable[str] = EVERYTHING
    settings: Iterable[str] = ()
    port: int = field(default=0, init=False)

    @staticmethod
    def absent() -> str:
        """Why it cannot be run here; empty if it can."""
        return "" if _program() else "mosquitto is not installed (Debian: apt-get install mosquitto)"

    def __enter__(self) -> Self:
        self._reserved = ReservedPort()
        self.port = self._reserved.number
        try:
            self.start()
        except BaseException:
            self._reserved.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._reserved.close()

    def start(self) -> None:
        """Start it, on the port it has for all its lives; returns once it takes connections."""
        program = _program()
        if program is None:
            raise UplinkError(self.absent(), "install it, or leave out what needs it")
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  the one program, with a file of ours
                [program, "-v", "-c", str(self._configuration())], stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._until_up()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it; repeating that changes nothing."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "mosquitto.log").read_text(encoding="utf-8", errors="replace")

    def _configuration(self) -> Path:
        access = self.folder / "access"
        access.write_text("\n".join([f"user {self.user}", *self.access, ""]), encoding="utf-8")
        access.chmod(0o600)
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"cafile {self.ca}",
            f"certfile {self.certificate}",
            f"keyfile {self.key}",
            "require_certificate true",
            "use_identity_as_username true",
            f"acl_file {access}",
            "user root",  # as root it would become a user who cannot read our keys; else it is ignored
            *self.settings,
        ]
        path = self.folder / "mosquitto.conf"
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return path

    def _until_up(self) -> None:
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.01)
        raise UplinkError(f"mosquitto did not start: {self.log()}", "look at its configuration")


def _program() -> str | None:
    """Debian keeps it where only root looks by default."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
