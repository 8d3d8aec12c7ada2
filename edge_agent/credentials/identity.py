"""The identity store: a gateway's identities, one of which is current whatever happens.

    identity/
      current -> 000002        the pointer, switched by one rename
      000001/                  a generation: once current, until its successor is confirmed
      000002/
        device.key             the private key; or device.token, which says where in a token it lies
        device.csr             the signing request made with it
        issued.json            what the cloud answered to that, until the gateway is registered with it
        device.pem             the certificate
        registered.json        certificate id and thing: the cloud knows this identity
        confirmed              the forwarder has been connected with it: there is no way back

How far an operation has come is what files there are (`Phase`), and each file appears whole. So
after a power cut at any step the pointer names the old identity or the new one, and running the
operation again goes on from there. A generation that is given up is renamed before it is wiped,
so that nothing half wiped is ever taken for an identity.

One operation at a time holds `lock`; readers need none.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from edge_agent.credentials.disk import PART, Disk, point, put, wipe
from edge_agent.errors import CredentialError, InUseError

CURRENT = "current"
KEY, TOKEN, REQUEST, ISSUED = "device.key", "device.token", "device.csr", "issued.json"
CERTIFICATE, REGISTERED, CONFIRMED = "device.pem", "registered.json", "confirmed"
GONE = ".gone"
# A lock is looked at this often by who waits for it.
LOOK_SECONDS = 0.05

_NUMBER = re.compile(r"^[0-9]{6}$")


class Phase(IntEnum):
    """How far a generation has come."""

    EMPTY = 0  # nothing, or nothing that can be gone on with
    KEYED = 1  # there is a key
    REQUESTED = 2  # and a signing request
    ISSUED = 3  # and a certificate, which the cloud does not yet let in
    REGISTERED = 4  # the cloud knows it
    CONFIRMED = 5  # and has had it in use


@dataclass(frozen=True, slots=True)
class Issued:
    """What the cloud answers to a signing request."""

    certificate_id: str
    certificate: str  # PEM
    token: str  # proves that the certificate is ours to register, for an hour; a secret


@dataclass(frozen=True, slots=True)
class Registration:
    """What the cloud knows a generation as."""

    certificate_id: str
    thing: str


@dataclass(frozen=True, slots=True)
class Generation:
    """One key, and what there is of the identity that it makes."""

    folder: Path

    @property
    def name(self) -> str:
        """Six digits, rising."""
        return self.folder.name

    @property
    def key(self) -> Path:
        """The private key, if it is a file."""
        return self.folder / KEY

    @property
    def token(self) -> Path:
        """Says where in a token the private key lies, if it does."""
        return self.folder / TOKEN

    @property
    def request(self) -> Path:
        """The signing request."""
        return self.folder / REQUEST

    @property
    def certificate(self) -> Path:
        """The certificate."""
        return self.folder / CERTIFICATE

    @property
    def phase(self) -> Phase:
        """How far it has come."""
        has = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        phases = (
            (Phase.CONFIRMED, {CERTIFICATE, REGISTERED, CONFIRMED}),
            (Phase.REGISTERED, {CERTIFICATE, REGISTERED}),
            (Phase.ISSUED, {REQUEST, ISSUED}),
            (Phase.REQUESTED, {REQUEST}),
            (Phase.KEYED, set[str]()),
        )
        if not has & {KEY, TOKEN}:
            return Phase.EMPTY
        return next(phase for phase, needed in phases if needed <= has)

    def key_label(self) -> str | None:
        """What a token calls the key; None if the key is a file. Raises CredentialError."""
        return str(_read_json(self.token)["key_label"]) if self.token.exists() else None

    def issued(self) -> Issued:
        """The cloud's answer to the request. Raises CredentialError."""
        answer = _read_json(self.folder / ISSUED)
        return Issued(str(answer["certificate_id"]), str(answer["certificate"]), str(answer["token"]))

    def registration(self) -> Registration:
        """What the cloud knows it as. Raises CredentialError."""
        known = _read_json(self.folder / REGISTERED)
        return Registration(str(known["certificate_id"]), str(known["thing"]))


class IdentityStore:
    """The generations in a folder, and which of them is current.

    Args:
        folder: made when an operation begins; nobody but the agent's user may read it.
        disk: the steps every change is made of.
        forget: destroys the key of a generation that goes, where it is no file.
    """

    def __init__(
        self,
        folder: Path,
        disk: Disk | None = None,
        forget: Callable[[Generation], None] = lambda _generation: None,
    ) -> None:
        self.folder = folder
        self._disk = disk or Disk()
        self._forget = forget

    def __repr__(self) -> str:
        return f"<IdentityStore {self.folder} {self.version() or 'empty'}>"

    # What there is.

    def version(self) -> str:
        """Which generation is current; changes when it does; empty if there is none."""
        try:
            return str((self.folder / CURRENT).readlink())
        except OSError:
            return ""

    def current(self) -> Generation | None:
        """The identity to use; None if there is none yet.

        Raises CredentialError if the pointer names something that is no identity.
        """
        version = self.version()
        if not version:
            return None
        generation = Generation(self.folder / version)
        if not _NUMBER.match(version) or generation.phase < Phase.REGISTERED:
            raise CredentialError(
                f"identity {self.folder} points to {version}, which is not whole",
                "enrol again with --force, or restore the folder",
            )
        return generation

    def generations(self) -> Sequence[Generation]:
        """All there are, the oldest first."""
        if not self.folder.is_dir():
            return ()
        names = sorted(path.name for path in self.folder.iterdir() if _NUMBER.match(path.name))
        return tuple(Generation(self.folder / name) for name in names)

    def pending(self) -> Generation | None:
        """The generation an operation was making when it was interrupted."""
        newer = [one for one in self.generations() if one.name > self.version()]
        return newer[-1] if newer else None

    def former(self) -> Sequence[Generation]:
        """Those that were current before, the oldest first."""
        return tuple(one for one in self.generations() if one.name < self.version())

    # Making an identity.

    @contextmanager
    def lock(self, wait_seconds: float = 0.0) -> Iterator[None]:
        """Nobody else changes anything meanwhile. Raises InUseError, and CredentialError without a folder."""
        with self._translated():
            if not self.folder.is_dir():
                self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._disk.make_folder(self.folder)
                self._disk.sync_folder(self.folder.parent)
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _take(descriptor, self.folder, time.monotonic() + wait_seconds)
            yield
        finally:
            os.close(descriptor)

    def begin(self) -> Generation:
        """The generation that was interrupted, if it can be gone on with, or a new one."""
        self.tidy()
        pending = self.pending()
        if pending is not None and pending.phase > Phase.EMPTY:
            return pending
        if pending is not None:
            self.discard(pending)
        with self._translated():
            taken = [int(one.name) for one in self.generations()]
            generation = Generation(self.folder / f"{max(taken, default=0) + 1:06}")
            self._disk.make_folder(generation.folder)
            self._disk.sync_folder(self.folder)
        return generation

    def keep_key(self, generation: Generation, pem: bytes) -> None:
        """Keep a private key."""
        self._put(generation.key, pem)

    def keep_key_label(self, generation: Generation, label: str) -> None:
        """Keep where in a token the private key lies, before it is made there."""
        self._put(generation.token, _json({"key_label": label}))

    def keep_request(self, generation: Generation, csr: bytes) -> None:
        """Keep the signing request."""
        self._put(generation.request, csr)

    def keep_issued(self, generation: Generation, issued: Issued) -> None:
        """Keep the cloud's answer, all of it at once."""
        content = {
            "certificate_id": issued.certificate_id,
            "certificate": issued.certificate,
            "token": issued.token,
        }
        self._put(generation.folder / ISSUED, _json(content))

    def keep_certificate(self, generation: Generation) -> None:
        """Put the issued certificate where TLS finds it; the cloud may not yet let it in."""
        self._put(generation.certificate, generation.issued().certificate.encode())

    def keep_registration(self, generation: Generation, thing: str) -> None:
        """The cloud has registered it: keep what it is known as, forget the token."""
        issued = generation.issued()
        self.keep_certificate(generation)
        known = {"certificate_id": issued.certificate_id, "thing": thing}
        self._put(generation.folder / REGISTERED, _json(known))
        with self._translated():
            wipe(self._disk, generation.folder / ISSUED)

    def switch(self, generation: Generation) -> None:
        """Make it current, by one rename. Raises CredentialError if it is not whole."""
        if generation.phase < Phase.REGISTERED:
            raise CredentialError(f"generation {generation.name} is not whole", "finish it first")
        with self._translated():
            point(self._disk, self.folder / CURRENT, generation.name)

    # Afterwards.

    def confirm(self) -> None:
        """The current identity was in use: there is no way back to the one before."""
        current = self.current()
        if current is not None and current.phase < Phase.CONFIRMED:
            self._put(current.folder / CONFIRMED, b"")

    def can_roll_back(self) -> bool:
        """Whether there is one before, and the current one was never in use."""
        current, former = self.current(), self.former()
        unused = current is not None and current.phase < Phase.CONFIRMED
        return unused and bool(former) and former[-1].phase >= Phase.REGISTERED

    def roll_back(self) -> Generation | None:
        """Make the one before current again, unless the current one was ever in use; the one it is now."""
        if not self.can_roll_back():
            return None
        former = self.former()[-1]
        self.switch(former)
        return former

    def discard(self, generation: Generation) -> None:
        """Wipe a generation that is not current."""
        if generation.name == self.version():
            raise CredentialError(f"generation {generation.name} is current", "switch to another first")
        with self._translated():
            self._disk.rename(generation.folder, gone := generation.folder.with_suffix(GONE))
            self._disk.sync_folder(self.folder)
            self._wipe(gone)

    def tidy(self) -> None:
        """Finish what a power cut left half removed."""
        with self._translated():
            for generation in self.generations():
                for part in sorted(generation.folder.glob(f"*{PART}")):
                    wipe(self._disk, part)
                if generation.phase >= Phase.REGISTERED:
                    wipe(self._disk, generation.folder / ISSUED)
            for gone in sorted(self.folder.glob(f"*{GONE}")):
                self._wipe(gone)

    def _wipe(self, gone: Path) -> None:
        """Wipe a folder that no longer counts; the key first."""
        if (gone / TOKEN).exists():
            self._forget(Generation(gone))
        for path in sorted(gone.iterdir(), key=lambda path: (path.name != KEY, path.name)):
            wipe(self._disk, path)
        self._disk.remove_folder(gone)
        self._disk.sync_folder(self.folder)

    def _put(self, path: Path, data: bytes) -> None:
        with self._translated():
            put(self._disk, path, data)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CredentialError(
                f"identity {self.folder} cannot be written: {error.strerror or error}",
                "check the folder, its owner and its disk",
            ) from error


def _take(descriptor: int, folder: Path, until: float) -> None:
    """Take the lock, as soon as it is free. Raises InUseError."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= until:
                raise InUseError(
                    f"identity {folder} is being changed by another process", "wait until that has ended"
                ) from error
            time.sleep(LOOK_SECONDS)
        else:
            return


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): value for name, value in content.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise CredentialError(f"{path} cannot be read", "enrol again with --force") from error


def _json(content: dict[str, str]) -> bytes:
    return (json.dumps(content) + "\n").encode()
