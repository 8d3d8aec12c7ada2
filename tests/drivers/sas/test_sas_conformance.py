"""The SAS driver does what every driver has to do."""

from __future__ import annotations

from collections.abc import Hashable

import pytest

from edge_agent.drivers.sas import DRIVER
from edge_agent.events import EventBody
from edge_agent.events.slot import SlotException
from edge_agent.sas.exception_codes import EXCEPTIONS, Priority, Reported
from edge_agent.sas.machine import MachineConnection
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.gaming_machine import GamingMachine
from edge_agent.testing.conformance import STATION_CHECKS, StationCase, StationCheck

# Queued, reported in both modes, without data, and after which the machine is not asked anew.
CODES = tuple(
    code
    for code, row in EXCEPTIONS.items()
    if row.priority is Priority.QUEUED
    and row.reported is Reported.ALWAYS
    and not row.real_time_fields
    and row.category in {"tilt", "hopper", "bill", "reel", "printer"}
)


class Machine:
    """A gaming machine nobody plays, on which something goes wrong when told."""

    def __init__(self) -> None:
        spec = default_floor(1, seed=1)[0]
        machine = GamingMachine(spec, lambda answers: MachineConnection(spec.address, answers), seed=1)
        self._raised = 0
        self.end = machine.connection
        self.receive_data = self.end.receive_data
        self.handle_timer = self.end.handle_timer
        self.next_timer = self.end.next_timer
        self.data_to_send = self.end.data_to_send

    @property
    def pending(self) -> int:
        return len(self.end.queue)

    def raise_event(self, now: float) -> Hashable:
        code = CODES[self._raised % len(CODES)]
        self._raised += 1
        self.end.raise_exception(code, now)
        return f"0x{code:02x}"


def tells_of(body: EventBody) -> Hashable | None:
    return body.code if isinstance(body, SlotException) else None


CASES = {
    "real time": StationCase(DRIVER, Machine, tells_of),
    "one byte": StationCase(DRIVER, Machine, tells_of, {"real_time_events": "off"}),
}


@pytest.mark.parametrize("check", STATION_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("mode", CASES)
def test_the_driver_conforms(check: StationCheck, mode: str) -> None:
    check(CASES[mode])
