"""Every personality, with guests at it, and the agent's own driver: nothing is lost, and the meters agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from edge_agent.drivers.sas import SasOptions, SasStation
from edge_agent.drivers.sas.vendors import vendors_of
from edge_agent.events import EventBody
from edge_agent.events.slot import (
    MachineIdentified,
    Meter,
    MeterBackwards,
    MeterEpochBegan,
    MetersRead,
    MeterVariance,
    SequenceViolation,
    SlotException,
)
from edge_agent.sas.code_tables import BILL_EXCEPTIONS
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.simulator.personalities import load_personality, personality_names
from edge_agent.station import DeviceIdentity
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.conversation import Conversation, StationEnd

SetScene = Callable[..., Any]

ANY_BILL = 0x4F
# Where nothing a machine says tells what it is, the site does.
SITE_SAYS: Mapping[str, str] = {"wms-bb2-class": "wms-bb2", "igt-s2000-class": "igt-s2000"}


def settled(bodies: list[EventBody]) -> list[Meter]:
    """The meters of all readings that were compared, those that go up and down aside."""
    readings = [body for body in bodies if isinstance(body, MetersRead) and body.settled]
    return [meter for reading in readings for meter in reading.meters if meter.change != "level"]


def added_up(bodies: list[EventBody]) -> Mapping[str, int]:
    """What a receiver has that adds up the differences."""
    sums: Counter[str] = Counter()
    for meter in settled(bodies):
        sums[meter.name] += meter.delta or 0
    return sums


def counted(bodies: list[EventBody]) -> Mapping[str, int]:
    """What the machine counted between the first reading and the last."""
    read = settled(bodies)
    first = {meter.name: meter.value for meter in reversed(read)}
    last = {meter.name: meter.value for meter in read}
    return {name: value - first[name] for name, value in last.items()}


def bills_alike(code: int) -> int:
    """In real time all bills have one code."""
    return ANY_BILL if code in BILL_EXCEPTIONS else code


@pytest.mark.parametrize("name", personality_names())
def test_a_personality_is_played_and_nothing_of_it_is_lost(name: str) -> None:
    personality, clock = load_personality(name), VirtualClock()
    options = SasOptions(meters_seconds=1, vendor=SITE_SAYS.get(name, "auto"))
    station = SasStation(DeviceIdentity("slot-1", "USD"), options, b"", vendors_of(options.vendor))
    host = StationEnd(station, clock)
    machine = MachineOnLine(personality.spec, 5, rate=4.0, temperament=personality.temperament)
    talk = Conversation(host, machine, clock)

    talk.run_for(50)
    machine.stop_play(clock.now)
    talk.run_for(25)

    told = [*machine.history()]
    raised = [bills_alike(entry["code"]) for entry in told if entry["what"] == "raised"]
    bodies: list[EventBody] = [observation.body for observation in host.observations]
    heard = [body for body in bodies if isinstance(body, SlotException) and body.code != "0x81"]
    assert len(raised) > 40
    assert "dropped" not in {entry["what"] for entry in told}
    assert machine.pending == 0
    assert not Counter(raised) - Counter(bills_alike(int(body.code, 16)) for body in heard)
    certain = Counter(bills_alike(int(body.code, 16)) for body in heard if not body.possibly_repeated)
    assert not certain - Counter(raised)
    alarms = (MeterVariance, MeterBackwards, MeterEpochBegan, SequenceViolation)
    assert [body for body in bodies if isinstance(body, alarms)] == []
    assert added_up(bodies) == counted(bodies)
    identity = next(body for body in bodies if isinstance(body, MachineIdentified))
    assert identity.sas_version == personality.spec.version
    last = [body for body in bodies if isinstance(body, MetersRead)][-1]
    read = {meter.name: meter.value * personality.spec.denomination_cents for meter in last.meters}
    truth = machine.truth()
    assert (read["coin_in"], read["coin_out"]) == (truth["coin_in"], truth["coin_out"])


def test_what_upsets_a_machine_is_not_asked_where_the_site_says_what_it_is(scene: SetScene) -> None:
    upset = load_personality("igt-s2000-class").temperament.upset_by
    line = scene("igt-s2000-class", options={"vendor": "igt-s2000"})

    line.run_for(30)

    assert {command for command in upset if line.asked(command)} == set()
    assert line.of(MetersRead)[0].settled
