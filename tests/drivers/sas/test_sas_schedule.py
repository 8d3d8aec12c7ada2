"""What is asked next keeps to what the connection lets leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_agent.drivers.sas.acquaintance import Acquaintance
from edge_agent.drivers.sas.interrogation import COIN_IN_OF_ALL
from edge_agent.drivers.sas.parts import MULTI_DENOMINATION, PartReader
from edge_agent.drivers.sas.profile import MachineProfile
from edge_agent.drivers.sas.schedule import Schedule
from edge_agent.drivers.sas.snapshot import MeterReader
from edge_agent.sas.messages import LongPollRequest, poll_key
from edge_agent.station import DeviceIdentity

OF_A_DENOMINATION = LongPollRequest(1, MULTI_DENOMINATION, COIN_IN_OF_ALL)


def test_an_event_in_place_of_a_denominations_meters_is_confirmed_by_another_poll() -> None:
    """The key of such a poll is more than its command, and the same poll again would prove nothing."""
    machine = Acquaintance(1, MachineProfile(), serial_check=0, may_real_time=True)
    parts = PartReader(1, DeviceIdentity("slot-1", "USD"), 60.0)
    schedule = Schedule(1, machine, MeterReader(60.0, 60.0), parts)
    schedule.want_read(OF_A_DENOMINATION)

    confirming = schedule.next_poll(1.0, real_time=True, confirm_against=poll_key(OF_A_DENOMINATION))

    assert poll_key(confirming) != poll_key(OF_A_DENOMINATION)


def test_the_mode_is_not_what_confirms_an_event(start: Callable[..., Any]) -> None:
    """What a lost character leaves of 0E is another command: it would acknowledge an event not heard yet."""
    talk = start(real_time_events="off")
    talk.meet()
    talk.run_for(6)
    talk.machine.real_time = True
    talk.raise_exception(0x11)
    talk.written.clear()

    talk.run_for(3)

    switched = next(at for at, data in enumerate(talk.written) if b"\x01\x0e\x00" in data)
    assert [
        data for data in talk.written[:switched] if data.endswith((b"\x01\x1a", b"\x01\x15", b"\x01\x11"))
    ]
    assert not talk.machine.real_time
