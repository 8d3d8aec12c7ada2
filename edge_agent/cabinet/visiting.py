"""Visiting: a line with us at its end, as its host by the driver, or as a tap that sends nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_agent.cabinet.asking import Asking
from edge_agent.cabinet.driving import LONGEST_READ_SECONDS, drive
from edge_agent.cabinet.question import read_question
from edge_agent.cabinet.tapping import Tap
from edge_agent.drivers.sas import SasDriver
from edge_agent.errors import LinkError
from edge_agent.links import Link
from edge_agent.links.capture import Travelled
from edge_agent.station import DeviceIdentity, Station

# SAS does not say it, and nothing of a visit is published.
_CURRENCY = "XXX"


def find_address(link: Link) -> int:
    """The address of the machine at a link that is open. Raises LinkError if nobody answers."""
    asking = Asking(read_question("1A", ()))
    asking.link_opened(time.monotonic())
    drive(asking, link, time.monotonic, until=lambda: asking.settled)
    if asking.address is None:
        raise LinkError(
            f"nobody answers at {link.name}", "check the cable, or name the address with --address"
        )
    return asking.address


def visit_as_host(link: Link, address: int, until: Callable[[], bool]) -> None:
    """Poll a machine as the agent does, until it is enough. What it reports is its link's to keep."""
    identity = DeviceIdentity(f"machine-{address:02}", _CURRENCY)
    station = SasDriver().station(identity, {"address": address}, b"")
    station.link_opened(time.monotonic())
    drive(_Kept(station), link, time.monotonic, until=until)


def visit_as_tap(link: Link, heard: Callable[[Travelled], None], until: Callable[[], bool]) -> None:
    """Listen until it is enough; nothing is ever sent."""
    tap = Tap()
    while not until():
        data = link.read(LONGEST_READ_SECONDS)
        now = time.monotonic()
        for entry in tap.hear(data, now) if data else tap.pass_time(now):
            heard(entry)


class _Kept:
    """A station whose observations are in the capture already, as the bytes they were made of."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def receive_data(self, data: bytes, now: float) -> None:
        """See End."""
        self._station.receive_data(data, now)

    def handle_timer(self, now: float) -> None:
        """See End."""
        self._station.handle_timer(now)

    def next_timer(self) -> float | None:
        """See End."""
        return self._station.next_timer()

    def data_to_send(self, now: float) -> bytes:
        """See End."""
        self._station.take_observations()
        return self._station.data_to_send(now)
