"""The field capture: laid out as the vectors say, and heard by the driver in virtual time."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge_agent.drivers.sas import SasOptions, SasStation
from edge_agent.events import EventBody
from edge_agent.events.agent import LineDown, ProtocolErrors
from edge_agent.events.slot import MetersRead, SlotException
from edge_agent.links.capture import FROM_DEVICE, TO_DEVICE, CapturingLink, Travelled, read_capture
from edge_agent.links.replay import ReplayLink
from edge_agent.sas.framing import BadPoll, PollReader
from edge_agent.sas.messages import GeneralPoll
from edge_agent.sas.wakeup import WakeupDecoder, encode_host_message, stuff
from edge_agent.station import DeviceIdentity

TESTS = Path(__file__).parents[2]
CAPTURE = TESTS / "captures" / "field_cabinet.capture"
ROWS: list[dict[str, Any]] = [
    row
    for row in map(json.loads, (TESTS / "vectors" / "sas.jsonl").read_text().splitlines())
    if row["kind"] == "capture"
]
IDLE = {"00", "1F"}

# The longest of it is the silence before an unknown machine is asked; after half a minute all is said.
ENOUGH_SECONDS = 30.0
STEP_SECONDS = 0.005


def rows(direction: str) -> list[bytes]:
    return [bytes.fromhex(row["hex"]) for row in ROWS if row["direction"] == direction]


def is_event(frame: bytes) -> bool:
    return frame[1] == 0xFF


HOST_ROWS = [encode_host_message(frame) for frame in rows("host")]
MACHINE_ROWS = [stuff(frame) for frame in rows("egm")]
EVENT_CODES = [row["meaning"]["exception"] for row in ROWS if row["meaning"].get("type") == "event"]


def entries() -> list[Travelled]:
    return list(read_capture(CAPTURE.read_text().splitlines()))


class Played:
    """A capture, played to a driver in virtual time, and recorded meanwhile."""

    def __init__(self, capture: Path) -> None:
        self.replay = ReplayLink(capture)
        self.recorded = io.StringIO()
        self.station = SasStation(DeviceIdentity("slot-1", "USD"), SasOptions())
        self.bodies: list[EventBody] = []
        self._now = 0.0
        self._link = CapturingLink(self.replay, self.recorded, clock=lambda: self._now)
        self._link.open()
        self.station.link_opened(self._now)
        for step in range(int(ENOUGH_SECONDS / STEP_SECONDS)):
            self._step(step * STEP_SECONDS)

    def _step(self, now: float) -> None:
        self._now = now
        self.station.handle_timer(now)
        self.bodies += [observation.body for observation in self.station.take_observations()]
        data = self.station.data_to_send(now)
        if data:
            self._link.write(data)
            heard = self._link.read(0)
            if heard:
                self.station.receive_data(heard, now + STEP_SECONDS / 2)

    @property
    def codes(self) -> list[str]:
        return [body.code[2:].upper() for body in self.bodies if isinstance(body, SlotException)]

    def of(self, kind: type[Any]) -> list[Any]:
        return [body for body in self.bodies if isinstance(body, kind)]


def test_every_captured_row_is_in_the_capture_in_the_order_of_its_direction() -> None:
    for direction, expected in ((TO_DEVICE, HOST_ROWS), (FROM_DEVICE, MACHINE_ROWS)):
        travelled = [entry.data for entry in entries() if entry.direction == direction]

        assert [data for data in travelled if data in set(expected)] == expected
    assert len(HOST_ROWS) + len(MACHINE_ROWS) == len(ROWS) == 47


def test_what_is_no_row_is_called_constructed() -> None:
    """Each block of the file says in its comment what it is."""
    known = {data.hex() for data in (*HOST_ROWS, *MACHINE_ROWS)}
    blocks = CAPTURE.read_text().split("\n\n")

    for block in blocks:
        made_up = [line for line in block.splitlines() if line[0] != "#" and line.split()[2] not in known]
        assert not made_up or "constructed" in block.lower(), block


def test_every_request_is_a_poll_and_every_answer_behind_one_answers_it() -> None:
    wire, reader = WakeupDecoder(), PollReader()
    capture = entries()

    for entry, following in pairwise(capture):
        if entry.direction == TO_DEVICE:
            (poll,) = reader.feed(wire.feed(entry.data), entry.at)
            assert not isinstance(poll, BadPoll)
            answer = following.data if following.direction == FROM_DEVICE else b""
            if len(answer) > 1:
                assert not isinstance(poll, GeneralPoll)
                assert tuple(answer[:2]) == (poll.address, poll.command)
    assert reader.strays == reader.dropped == 0


def test_the_driver_tells_of_each_captured_event_once() -> None:
    played = Played(CAPTURE)

    assert played.codes == [code for code in EVENT_CODES if code not in IDLE]
    assert played.replay.unasked_left == 0
    assert played.station.counters.state == "polling"


def test_the_driver_sends_nothing_that_hosts_ordered() -> None:
    """An observer orders nothing: the captured requests are shutdowns, transfers and the like."""
    written = Played(CAPTURE).replay.written

    assert [sent for sent in written for order in HOST_ROWS if order in sent] == []


def test_what_was_recorded_of_a_replay_replays_the_same(tmp_path: Path) -> None:
    played = Played(CAPTURE)
    recording = tmp_path / "recorded.capture"
    recording.write_text(played.recorded.getvalue())

    again = Played(recording)

    assert again.bodies == played.bodies


@pytest.mark.parametrize("stray", [frame for frame in rows("egm") if not is_event(frame)], ids=bytes.hex)
def test_an_answer_nobody_asked_for_is_counted_and_tells_nothing(stray: bytes, tmp_path: Path) -> None:
    """It stands where an answer is due, on the way between two events."""
    capture = tmp_path / "stray.capture"
    capture.write_text("\n".join(map(str, with_stray(entries(), stuff(stray)))))

    played = Played(capture)

    assert played.codes == ["12", "1B"]
    assert played.station.counters.state == "polling"
    assert sum(errors.count for errors in played.of(ProtocolErrors)) == 1
    assert played.of(LineDown) == []
    assert [read.settled for read in played.of(MetersRead)] == [True]


def with_stray(capture: Sequence[Travelled], stray: bytes) -> list[Travelled]:
    """The machine is met, says an event, the stray and another event; its meters can be read."""
    first = next(at for at, entry in enumerate(capture) if entry.data == MACHINE_ROWS[0])
    event, another = capture[first : first + 2]
    answer_19 = capture[-2:]
    later = Travelled(event.at + 0.1, FROM_DEVICE, stray)
    return [*capture[:first], event, later, another, *answer_19]
