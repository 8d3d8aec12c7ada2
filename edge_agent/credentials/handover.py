"""The handover: how a running forwarder ends a rotation, or takes it back.

    another identity became current ──▶ begin again with it
    connected with it for a while   ──▶ confirm it, tell the cloud, wipe the old one
    not connected within a minute   ──▶ the old one is current again

The cloud is told by an event, `floor.agent.certificate_rotated`, so that its side can deactivate the
old certificate; it is journalled before the old key is wiped. There is a way back until the new
identity is confirmed, and none afterwards: the cloud may have deactivated the old one by then.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import structlog

from edge_agent.credentials.certificate import read_certificates
from edge_agent.credentials.expiry import Say
from edge_agent.credentials.identity import Generation, IdentityStore, Phase
from edge_agent.errors import AgentError, CredentialError, InUseError
from edge_agent.events.agent import CertificateRotated
from edge_agent.events.moments import written

# A session that a policy does not want is ended within a second or two.
SETTLED_SECONDS = 3.0
# Reconnecting takes seconds where the cloud can be reached. If it cannot, the old identity waits as well as
# the new one, and the rotation is done again later.
TRIAL_SECONDS = 60.0


class Step(Enum):
    """What a look led to."""

    NOTHING = "nothing"
    BEGIN_AGAIN = "begin again"  # another identity is current


class Handover:
    """Looks after one identity in use. `look` blocks for the disk and for `say`.

    Args:
        store: where the identities are.
        version: the generation that is in use.
        say: journals an event; if it raises, it is tried again at a later look.
        monotonic: seconds.
    """

    def __init__(self, store: IdentityStore, version: str, say: Say, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._version = version
        self._say = say
        self._monotonic = monotonic
        self._began = monotonic()
        self._connected_since: float | None = None
        self._told: set[str] = set()  # former generations the cloud was told of
        self._complaint = ""
        self._log = structlog.get_logger().bind(generation=version)

    def look(self, *, connected: bool) -> Step:
        """Take one look."""
        now = self._monotonic()
        if not connected:
            self._connected_since = None
        elif self._connected_since is None:
            self._connected_since = now
        if self._store.version() != self._version:
            self._log.info("another identity is current: beginning again", current=self._store.version())
            return Step.BEGIN_AGAIN
        try:
            return self._act(now)
        except InUseError:
            return Step.NOTHING  # an operation is under way
        except AgentError as error:
            self._complain(error)
        except OSError as error:
            what = f"identity {self._store.folder} cannot be looked at: {error.strerror or error}"
            self._complain(CredentialError(what, "check the folder, its owner and its disk"))
        return Step.NOTHING

    def _act(self, now: float) -> Step:
        if self._connected_since is not None:
            if now - self._connected_since >= SETTLED_SECONDS:
                self._settle()
            return Step.NOTHING
        if now - self._began >= TRIAL_SECONDS and self._take_back():
            return Step.BEGIN_AGAIN
        return Step.NOTHING

    def _settle(self) -> None:
        """The identity is in use: confirm it and let the one before go."""
        current = self._store.current()
        if current is None or (current.phase is Phase.CONFIRMED and not self._store.former()):
            return
        with self._store.lock():
            self._store.confirm()
            for former in self._store.former():
                self._retire(former, current)

    def _retire(self, former: Generation, current: Generation) -> None:
        if former.phase >= Phase.REGISTERED and former.name not in self._told:
            old = read_certificates("certificate", former.certificate)[0]
            new = read_certificates("certificate", current.certificate)[0]
            self._say(
                CertificateRotated(
                    old_certificate_id=old.fingerprint,
                    old_serial_number=old.serial_number,
                    new_certificate_id=new.fingerprint,
                    new_serial_number=new.serial_number,
                    not_after=written(new.not_after),
                )
            )
            self._told.add(former.name)
        self._store.discard(former)
        self._log.info("the identity of before is gone", former=former.name)

    def _take_back(self) -> bool:
        """Make the identity of before current again, if there is one and this one was never in use."""
        if not self._store.can_roll_back():
            return False
        with self._store.lock():
            former = self._store.roll_back()
        if former is None:
            return False
        self._log.error(
            "the new identity does not connect: the one before is current again",
            alarm=True,
            current=former.name,
            mend="see why in the log, and rotate again",
        )
        return True

    def _complain(self, error: AgentError) -> None:
        """Say once what keeps it from ending."""
        if str(error) != self._complaint:
            self._log.warning("the rotation cannot be ended yet", reason=error.what, mend=error.mend)
        self._complaint = str(error)
