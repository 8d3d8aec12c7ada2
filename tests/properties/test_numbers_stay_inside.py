"""However an answer that holds a ticket's number or a key is damaged, none of it leaves the driver in words.

The number is in the frame, and the frame makes no sense: what is said of it is the poll, the field and the
place. The bytes stay with whoever may show them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.drivers.sas import SasOptions, SasStation
from edge_agent.drivers.sas.note import Note, write_body, write_note
from edge_agent.recorder import Recorder
from edge_agent.sas.crc import append_crc
from edge_agent.sas.long_polls import CONFIDENTIAL_ANSWERS
from edge_agent.sas.messages import LongPollRequest, encode_poll
from edge_agent.sas.wakeup import marked, stuff
from edge_agent.station import DeviceIdentity
from edge_agent.testing.tries import tries

# Distinct pieces, so that any three bytes of it in a row are recognised.
NUMBER = bytes.fromhex("6172839405162738 49")
KEY = NUMBER + b"\x8f" + NUMBER + b"\x9f"
CENTS, TODAY = bytes(5), bytes.fromhex("11262026 093000")
RECEIPT = bytes.fromhex("12312026 0000 00 00 00")

POLLS: Mapping[int, Mapping[str, Any]] = {
    0x3D: {},
    0x4D: {"function": 0},
    0x70: {},
    0x71: {"transfer_code": 0xFF},
    0x72: {"transfer_code": 0xFF, "transaction_index": 0},
    0x73: {"registration_code": 0xFF},
}
# What stands between the command and the CRC, its length byte left out.
BODIES: Mapping[int, bytes] = {
    0x3D: NUMBER[:4] + CENTS,
    0x4D: b"\x00\x01" + TODAY + NUMBER[:8] + CENTS + b"\xff\xff\x00" + TODAY[:4] + bytes(2),
    0x70: b"\x00" + CENTS + b"\x00" + NUMBER,
    0x71: b"\x00" + CENTS + b"\x00" + NUMBER,
    0x72: b"\x01\x00\x00\x00" + CENTS * 3 + bytes(5) + b"\x12" + NUMBER * 2 + TODAY + RECEIPT,
    0x73: b"\x01" + bytes(4) + KEY + bytes(4),
}
COUNTED = {0x70, 0x71, 0x72, 0x73}
Damage = Callable[[bytes, int], bytes]


def _not_bcd(body: bytes, at: int) -> bytes:
    at %= len(body)
    return body[:at] + b"\xaf" + body[at + 1 :]


def _shorter(body: bytes, at: int) -> bytes:
    return body[: 1 + at % (len(body) - 1)]


def _longer(body: bytes, at: int) -> bytes:
    return body + NUMBER[: 1 + at % len(NUMBER)]


DAMAGES: tuple[Damage, ...] = (_not_bcd, _shorter, _longer)


def frame_of(command: int, body: bytes, *, counts: int) -> bytes:
    length = bytes((counts,)) if command in COUNTED else b""
    return append_crc(bytes((1, command)) + length + body)


def written(data: bytes) -> Iterator[bytes]:
    """Any three bytes in a row, as they are and in the ways in which texts show bytes."""
    for at in range(len(data) - 2):
        piece = data[at : at + 3]
        for text in (piece.hex(), piece.hex(" "), repr(piece)[2:-1], str(int.from_bytes(piece))):
            yield text.lower().encode()
        yield piece


class Driver:
    """A driver that asked a poll, in virtual time, and all it says of what it hears."""

    def __init__(self, command: int) -> None:
        poll = LongPollRequest(1, command, POLLS[command])
        note = write_note(write_body(Note(role="primary", serial_check=7)), encode_poll(poll), b"")
        self.now = 100.0
        self.recorder = Recorder(self.now)
        self.station = SasStation(DeviceIdentity("slot-1", "USD"), SasOptions(role="primary"), note)
        self.station.link_opened(self.now)
        self.said = b""
        self._asked = marked(1) + stuff(encode_poll(poll)[1:])

    def ask(self) -> None:
        """Until the poll has left."""
        for _ in range(300):
            if self.run_for(0.02).endswith(self._asked):
                return
        pytest.fail("it never asked")

    def hear(self, frame: bytes) -> None:
        self.recorder.heard(frame, self.now, confidential=self.station.confidential)
        self.station.receive_data(stuff(frame), self.now)

    def run_for(self, seconds: float) -> bytes:
        """What left."""
        left, until = b"", self.now + seconds
        while self.now < until:
            self.now += 0.02
            self.station.handle_timer(self.now)
            told = self.station.take_observations()
            left += self.station.data_to_send(self.now)
            texts = (*(one.body.model_dump_json() for one in told), repr(told), repr(self.station))
            self.said += "".join((*texts, repr(self.station.counters))).lower().encode() + self.station.note()
        return left


@pytest.mark.parametrize("command", sorted(CONFIDENTIAL_ANSWERS))
def test_the_answers_that_are_damaged_below_make_sense_when_they_are_whole(command: int) -> None:
    """Or the rest of this file would prove nothing."""
    driver = Driver(command)
    driver.ask()

    driver.hear(frame_of(command, BODIES[command], counts=len(BODIES[command])))
    driver.run_for(0.5)

    assert driver.station.counters.protocol_errors == 0
    assert driver.station.counters.state != "silent"


@settings(max_examples=tries(30), deadline=None)
@given(
    command=st.sampled_from(sorted(CONFIDENTIAL_ANSWERS)),
    damage=st.sampled_from(DAMAGES),
    at=st.integers(0, 60),
    miscounts=st.integers(0, 3),
    breaks_crc=st.booleans(),
)
@example(command=0x3D, damage=_not_bcd, at=3, miscounts=0, breaks_crc=False)
@example(command=0x4D, damage=_not_bcd, at=9, miscounts=0, breaks_crc=False)
@example(command=0x70, damage=_not_bcd, at=15, miscounts=0, breaks_crc=False)
@example(command=0x70, damage=_longer, at=8, miscounts=0, breaks_crc=False)
@example(command=0x71, damage=_not_bcd, at=8, miscounts=0, breaks_crc=False)
@example(command=0x72, damage=_shorter, at=60, miscounts=0, breaks_crc=False)
@example(command=0x73, damage=_longer, at=8, miscounts=0, breaks_crc=False)
@example(command=0x73, damage=_longer, at=8, miscounts=2, breaks_crc=True)
def test_a_damaged_answer_is_told_of_without_a_byte_of_its_number(
    command: int, damage: Damage, at: int, miscounts: int, *, breaks_crc: bool
) -> None:
    driver = Driver(command)
    driver.ask()
    body = damage(BODIES[command], at)
    frame = frame_of(command, body, counts=len(body) + miscounts)
    if breaks_crc:
        frame = frame[:-1] + bytes((frame[-1] ^ 0x5A,))

    driver.hear(frame)
    driver.run_for(1.5)

    assert [piece for piece in written(NUMBER) if piece in driver.said] == []
    assert all(kept.data is None for kept in driver.recorder.take())


@pytest.mark.parametrize(
    ("command", "damage", "at", "why"),
    [
        (0x3D, _not_bcd, 3, "cash_out_ticket: validation_number is not BCD at digit 7 of 8"),
        (0x4D, _not_bcd, 9, "enhanced_validation: validation_number is not BCD at digit 1 of 16"),
        (0x70, _not_bcd, 15, "ticket_validation_data: validation_data is not BCD at digit 17 of 18"),
        (0x71, _shorter, 12, "redeem_ticket: the message ends inside validation_data"),
        (0x73, _shorter, 20, "aft_registration: the message ends inside registration_key"),
    ],
)
def test_what_is_told_is_the_poll_the_field_and_the_place(
    command: int, damage: Damage, at: int, why: str
) -> None:
    driver = Driver(command)
    driver.ask()
    body = damage(BODIES[command], at)

    driver.hear(frame_of(command, body, counts=len(body)))
    driver.run_for(1.5)

    assert driver.station.counters.protocol_errors >= 1
    assert f'"last":"{why}"'.lower().encode() in driver.said


def test_what_stands_behind_the_layout_is_taken_and_not_told() -> None:
    driver = Driver(0x70)
    driver.ask()
    body = _longer(BODIES[0x70], len(NUMBER) - 1)

    driver.hear(frame_of(0x70, body, counts=len(body)))
    driver.run_for(1.5)

    assert driver.station.counters.protocol_errors == 0
    assert [piece for piece in written(NUMBER) if piece in driver.said] == []
