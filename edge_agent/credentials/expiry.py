"""Expiry: a certificate that will end is said 60, 30 and 7 days ahead, and once it has ended.

Each is said once for each certificate; what was said is kept in a small file, so that a restart
does not repeat it. It is written after the saying: a power cut between the two repeats an event
and never swallows one. Who starts late says only the nearest: five days ahead, the one of seven.

Watched are the gateway's certificate with its chain and the roots it trusts. The server's own is
not: whoever runs the server renews it, and a gateway notices by being refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from edge_agent.credentials.certificate import Certificate, read_certificates
from edge_agent.credentials.disk import Disk, put
from edge_agent.errors import CredentialError
from edge_agent.events import EventBody
from edge_agent.events.agent import CertificateExpired, CertificateExpiring
from edge_agent.events.moments import written

# Two months: a site visit can be planned; one: it must be; a week: someone goes today.
DAYS_AHEAD = (60, 30, 7)
EXPIRED = len(DAYS_AHEAD) + 1

Say = Callable[[EventBody], None]


@dataclass(frozen=True, slots=True)
class Watched:
    """A certificate and what it is to us."""

    role: Literal["device", "root"]
    certificate: Certificate


def stage_of(certificate: Certificate, now: datetime) -> int:
    """0 with more than 60 days left, then 1, 2, 3, and EXPIRED."""
    left = certificate.not_after - now
    if left.total_seconds() < 0:
        return EXPIRED
    return sum(left.days < days for days in DAYS_AHEAD)


def due(
    watched: Iterable[Watched], said: Mapping[str, int], now: datetime
) -> Sequence[tuple[str, int, EventBody]]:
    """What is to be said now: the certificate's id, its stage and the event."""
    found = {one.certificate.fingerprint: one for one in watched}
    stages = {name: stage_of(one.certificate, now) for name, one in found.items()}
    return tuple(
        (name, stage, _event(found[name], stage, now))
        for name, stage in stages.items()
        if stage > said.get(name, 0)
    )


class ExpiryWatch:
    """Looks at certificates and says what is due.

    Args:
        ca: the roots.
        certificate: the gateway's, wherever it is now.
        memory: the file that outlives a restart.
        say: journals an event; what it raises, `look` raises, and says again next time.
    """

    def __init__(self, ca: Path, certificate: Callable[[], Path], memory: Path, say: Say) -> None:
        self._ca = ca
        self._certificate = certificate
        self._memory = memory
        self._say = say

    def look(self, now: datetime) -> None:
        """Say what is due. Raises CredentialError, and what `say` raises."""
        watched = [Watched("device", one) for one in read_certificates("certificate", self._certificate())]
        watched += [Watched("root", one) for one in read_certificates("CA", self._ca)]
        said = self._said()
        for name, stage, event in due(watched, said, now):
            self._say(event)
            said[name] = stage
            self._keep(
                {one.certificate.fingerprint: said.get(one.certificate.fingerprint, 0) for one in watched}
            )

    def _said(self) -> dict[str, int]:
        """What was said; nothing, if that cannot be read: saying it again does no harm."""
        try:
            content = json.loads(self._memory.read_text(encoding="utf-8"))
            return {str(name): int(stage) for name, stage in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _keep(self, said: Mapping[str, int]) -> None:
        try:
            put(Disk(), self._memory, (json.dumps(said) + "\n").encode())
        except OSError as error:
            raise CredentialError(
                f"{self._memory} cannot be written: {error.strerror}", "check the state folder and its disk"
            ) from error


def _event(one: Watched, stage: int, now: datetime) -> EventBody:
    certificate = one.certificate
    if stage == EXPIRED:
        return CertificateExpired(
            role=one.role,
            name=certificate.subject,
            serial_number=certificate.serial_number,
            certificate_id=certificate.fingerprint,
            not_after=written(certificate.not_after),
        )
    return CertificateExpiring(
        role=one.role,
        name=certificate.subject,
        serial_number=certificate.serial_number,
        certificate_id=certificate.fingerprint,
        not_after=written(certificate.not_after),
        days_left=(certificate.not_after - now).days,
    )
