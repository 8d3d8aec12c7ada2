"""The TDL/1 driver does what every driver has to do."""

from collections.abc import Callable, Hashable, Mapping

import pytest

from edge_agent.drivers.tdl1 import DRIVER
from edge_agent.events import EventBody
from edge_agent.events.table import TableEvent
from edge_agent.tdl1 import DeviceCard, DeviceEnd
from edge_agent.testing.conformance import STATION_CHECKS, StationCase, StationCheck

CARD = DeviceCard("SHF", "ACME", "S1", "A1234", "2.4.1")


class Shuffler:
    """A shuffler that was switched on before the collector, and jams when told."""

    def __init__(self, *, polled: bool = False) -> None:
        self.end = DeviceEnd(CARD, lambda: ("SHF.CTR", {"cyc": "1"}), polled=polled)
        self.end.boot(now=100.0)
        self.receive_data = self.end.receive_data
        self.handle_timer = self.end.handle_timer
        self.next_timer = self.end.next_timer
        self.data_to_send = self.end.data_to_send

    @property
    def pending(self) -> int:
        return self.end.waiting

    def raise_event(self, now: float) -> Hashable:
        return self.end.raise_event("SHF.JAM", {"batch": "1", "loc": "2"}, now)


def tells_of(body: EventBody) -> Hashable | None:
    return body.device_sequence if isinstance(body, TableEvent) else None


def case(make_device: Callable[[], Shuffler], options: Mapping[str, object]) -> StationCase:
    return StationCase(DRIVER, make_device, tells_of, options)


CASES = {
    "own line": case(Shuffler, {}),
    "shared pair": case(lambda: Shuffler(polled=True), {"polled": True}),
}


@pytest.mark.parametrize("check", STATION_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("wiring", CASES)
def test_the_driver_conforms(check: StationCheck, wiring: str) -> None:
    check(CASES[wiring])
