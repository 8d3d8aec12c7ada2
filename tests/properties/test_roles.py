"""Whatever a machine says, a site sets and a note holds, no poll leaves that the role does not allow.

What may leave is written down here a second time, by hand: the gate in the driver asks the table of polls.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.sas import SasOptions, SasStation
from edge_agent.drivers.sas.duties import READS
from edge_agent.drivers.sas.note import Note, write_body, write_note
from edge_agent.errors import RemoteProtocolError
from edge_agent.sas.crc import append_crc
from edge_agent.sas.exception_codes import EXCEPTIONS, event_fields
from edge_agent.sas.fields import decode_fields, fixed_size
from edge_agent.sas.long_polls import LONG_POLLS, LongPoll
from edge_agent.sas.machine import Elementary, MachineConnection
from edge_agent.sas.messages import GeneralPoll, LongPollRequest, Poll
from edge_agent.sas.poll_reader import PollReader
from edge_agent.sas.wakeup import WakeupDecoder
from edge_agent.station import DeviceIdentity
from edge_agent.testing.tries import tries

IDENTITY = DeviceIdentity("slot-1", "USD")
# Bytes that are BCD, and the marks that mean "none" somewhere.
DIGITS = (*(tens << 4 | ones for tens in range(10) for ones in range(10)), 0x00, 0x00, 0x01, 0xFF)

FREE = {
    *range(0x0F, 0x1B), *range(0x1C, 0x21), 0x27, 0x28, *range(0x2A, 0x2E), 0x2F, *range(0x31, 0x3D),
    *range(0x3E, 0x4B), 0x4F, *range(0x50, 0x57), 0x59, 0x5A, 0x5D, 0x5E, 0x6A, 0x6F, 0x7E, 0x83, 0x84,
    0x8E, 0x8F, *range(0x95, 0x9B), 0xA0, 0xA4, 0xAF, *range(0xB1, 0xB6),
}  # fmt: skip
# Polls behind the multi-denomination preamble that read.
FREE_BEHIND_PREAMBLE = {0x11, 0x12, 0x14, 0x15, 0x16, 0x17, 0x2F, 0x56, 0x6F, 0xAF, 0xB5}
Form = Callable[[Mapping[str, Any]], bool]
FREE_FORMS: Mapping[int, Form] = {
    0x0E: lambda _: True,
    0x4D: lambda values: values["function"] in {*range(1, 0x20), 0xFF},
    0x6E: lambda values: values["action"] in {0, 1, 3},
    0x72: lambda values: values["transfer_code"] == 0xFE,
    0x73: lambda values: values["registration_code"] == 0xFF,
    0x74: lambda values: values["lock_code"] == 0xFF,
    0x7B: lambda values: not any(values.values()),
    0xB0: lambda values: values["base_command"] in FREE_BEHIND_PREAMBLE,
}
OWNED = {0x1B, 0x3D, 0x57, 0x70, 0x85, 0x87, 0x90}
OWNED_FORMS: Mapping[int, Form] = {
    0x4D: lambda values: values["function"] == 0,
    0x71: lambda values: values == {"transfer_code": 0xFF},
    0x72: lambda values: values["transfer_code"] == 0xFF,
    0xB6: lambda values: values["host_status"] in {0, 1},
}


def allowed(role: str, poll: Poll) -> bool:
    if isinstance(poll, GeneralPoll):
        return True
    command, values = poll.command, poll.values
    if command in FREE or (command in FREE_FORMS and FREE_FORMS[command](values)):
        return True
    owned = command in OWNED or (command in OWNED_FORMS and OWNED_FORMS[command](values))
    return role == "primary" and owned


class Capricious:
    """Answers with whatever comes to its mind, or not at all, or that it is busy, or refuses."""

    def __init__(self, features: tuple[int, int, int, int], seed: int) -> None:
        self._features = {f"features{number}": byte for number, byte in enumerate(features, start=1)}
        self._chance = random.Random(f"capricious/{seed}")  # noqa: S311  a story, not a secret

    def answer(self, poll: LongPollRequest, _now: float) -> Any:
        if self._chance.random() < 0.2:
            return self._chance.choice((None, Elementary.BUSY, Elementary.NACK))
        if poll.command == 0xA0:
            return {"game": 0, **self._features, "reserved": b"\x00\x00"}
        values = self._anything(LONG_POLLS[poll.command])
        return values if values is None or "game" not in values else {**values, **_game_of(poll)}

    def _anything(self, row: LongPoll) -> Mapping[str, Any] | None:
        """Digits that can be read as an answer to this poll; None if there are none."""
        for size in (fixed_size(row.reply) or 0, *self._chance.sample(range(60), 20)):
            digits = bytes(self._chance.choice(DIGITS) for _ in range(size))
            try:
                return decode_fields(row.reply, digits)
            except RemoteProtocolError:
                continue
        return None


def _game_of(poll: LongPollRequest) -> Mapping[str, Any]:
    return {"game": poll.values["game"]} if "game" in poll.values else {}


class Line:
    """A station and a capricious machine in virtual time, and everything the station wrote."""

    def __init__(self, options: SasOptions, note: bytes, answers: Capricious) -> None:
        self.now = 100.0
        self.written: list[Poll] = []
        self.machine = MachineConnection(1, answers)
        self._wire, self._reader = WakeupDecoder(), PollReader()
        self.station = SasStation(IDENTITY, options, note)
        self.station.link_opened(self.now)

    def run_for(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.station.handle_timer(self.now)
            self.station.take_observations()
            data = self.station.data_to_send(self.now)
            self._read(data)
            if data:
                self.machine.receive_data(data, self.now)
            dues = (self.station.next_timer(), self.machine.next_timer(), self.now + 0.25)
            self.now = max(self.now + 0.002, min(due for due in dues if due is not None))
            self.machine.handle_timer(self.now)
            answer = self.machine.data_to_send(self.now)
            if answer:
                self.station.receive_data(answer, self.now)

    def _read(self, data: bytes) -> None:
        for poll in self._reader.feed(self._wire.feed(data), self.now):
            assert isinstance(poll, GeneralPoll | LongPollRequest), poll
            if poll.address:
                self.written.append(poll)


# This machine has nothing to fill an event's data with.
TOLD_WITHOUT_DATA = [code for code in sorted(EXCEPTIONS) if not event_fields(code)]
FEATURES = st.tuples(*[st.integers(0, 255)] * 4)


@st.composite
def notes(draw: st.DrawFn) -> bytes:
    """Notes of anybody: with any poll left in them, by any host."""
    command = draw(st.sampled_from(sorted(LONG_POLLS)))
    rest = draw(st.binary(max_size=20))
    frame = draw(
        st.sampled_from([b"", b"\x81", bytes((1, command)), append_crc(bytes((1, command)) + rest), rest])
    )
    note = Note(
        serial_check=draw(st.integers(0, 3)),
        role=draw(st.sampled_from(["observer", "primary"])),
        features=draw(st.none() | FEATURES),
        wanted=tuple(draw(st.sets(st.sampled_from(READS)))),
    )
    return draw(st.sampled_from([write_note(write_body(note), frame, b""), rest]))


@settings(max_examples=tries(15), deadline=None)
@given(
    role=st.sampled_from(["observer", "primary"]),
    real_time=st.sampled_from(["auto", "off"]),
    note=notes(),
    features=FEATURES,
    codes=st.lists(st.sampled_from(TOLD_WITHOUT_DATA), max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_machine_setting_or_note_makes_a_poll_leave_that_the_role_does_not_allow(
    role: Any,
    real_time: Any,
    note: bytes,
    features: tuple[int, int, int, int],
    codes: list[int],
    seed: int,
) -> None:
    line = Line(SasOptions(role=role, real_time_events=real_time), note, Capricious(features, seed))

    for code in codes:
        line.machine.raise_exception(code, line.now, {})
        line.run_for(1.0)
    line.run_for(30.0)

    assert len(line.written) > 10
    assert [poll for poll in line.written if not allowed(role, poll)] == []


@pytest.mark.parametrize(
    "frame",
    ["011b", "014d00", "017202ff00", "0158010000000000000000", "0194", "0101", "0170", "018a0000061500"],
)
def test_what_another_role_had_asked_last_is_not_asked_again(frame: str) -> None:
    raw = bytes.fromhex(frame)
    poll = raw if len(raw) == 2 and raw[1] == 0x1B else append_crc(raw)
    note = write_note(write_body(Note(role="primary", serial_check=7)), poll, b"")

    line = Line(SasOptions(), note, Capricious((0, 0, 1, 0), 0))
    line.run_for(20.0)

    assert line.written
    assert [poll for poll in line.written if not allowed("observer", poll)] == []
