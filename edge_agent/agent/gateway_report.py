"""The gateway's report, made of the status files, the settings and the certificate in use."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from edge_agent import __version__
from edge_agent.credentials.certificate import read_certificates
from edge_agent.credentials.in_use import identity_in_use
from edge_agent.errors import AgentError
from edge_agent.health import read_status
from edge_agent.reporting import LIMIT_BYTES, Document, Sources, make_report
from edge_agent.settings import Settings, UplinkSettings

# Days change once a day; a rotated certificate is seen within this.
CERTIFICATE_SECONDS = 600.0


class GatewayReport:
    """Makes the report of a gateway.

    Args:
        settings: of the gateway.
        forwarder: what the forwarder says of itself; by default what its status file says.
    """

    def __init__(self, settings: Settings, forwarder: Callable[[], Mapping[str, Any]] | None = None) -> None:
        self.limit_bytes = LIMIT_BYTES
        self._forwarder = forwarder or (lambda: read_status(settings.status_file("forwarder")))
        self._settings = settings
        self._days: int | None = None
        self._days_at = float("-inf")

    def follow(self, forwarder: Callable[[], Mapping[str, Any]]) -> None:
        """From now on report what the forwarder in this process says of itself."""
        self._forwarder = lambda: {"monotonic": time.monotonic(), **forwarder()}

    def sources(self) -> Sources:
        """What the report is made of, as it is now."""
        forwarder = self._forwarder()
        about = self.about() if self._settings.uplink is not None else forwarder.get("about") or self.about()
        return Sources(
            now=time.time(),
            monotonic=time.monotonic(),
            collector=read_status(self._settings.status_file("collector")),
            forwarder=forwarder,
            uplink=about["uplink"],
            certificate_days=about["certificate_days"],
            version=__version__,
        )

    def about(self) -> dict[str, Any]:
        """What only the settings say, for whoever reads the status file without them."""
        uplink = self._settings.uplink
        return {
            "site": self._settings.site,
            "gateway": self._settings.gateway,
            "uplink": {"kind": None, "promise": None} if uplink is None else promise_of(uplink),
            "certificate_days": self._certificate_days(),
        }

    def make(self) -> Document:
        """The report, as it is now."""
        return make_report(self.sources(), self.limit_bytes)

    def make_whole(self) -> Document:
        """The same with every line, however many there are."""
        return make_report(self.sources(), limit_bytes=None)

    def _certificate_days(self) -> int | None:
        now = time.monotonic()
        if now - self._days_at >= CERTIFICATE_SECONDS:
            self._days, self._days_at = certificate_days(self._settings.uplink), now
        return self._days


def promise_of(uplink: UplinkSettings) -> dict[str, str]:
    """What a receipt of this uplink is worth."""
    accepted = uplink.kind == "greengrass" and uplink.receipt == "nucleus"
    return {"kind": uplink.kind, "promise": "accepted" if accepted else "delivered"}


def certificate_days(uplink: UplinkSettings | None, now: datetime | None = None) -> int | None:
    """Days until the certificate in use expires; None if there is none, or it cannot be read."""
    if uplink is None or uplink.kind != "iot_core":
        return None
    try:
        certificate = read_certificates("certificate", identity_in_use(uplink).certificate)[0]
    except AgentError:
        return None
    return (certificate.not_after - (now or datetime.now(UTC))).days
