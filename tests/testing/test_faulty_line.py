"""A faulty line does to characters what such a line does."""

from __future__ import annotations

import pytest

from edge_agent.sas import WakeupDecoder
from edge_agent.sas.wakeup import encode_characters, marked
from edge_agent.testing.another_speed import heard_at
from edge_agent.testing.faulty_line import FaultyLine, SetToZero, Wire, dead, whole, without_marks


class Talker:
    """Says one thing, once, and notes what it hears."""

    def __init__(self, says: list[int]) -> None:
        self.says = says
        self.heard: list[int] = []

    def receive_data(self, stream: bytes, _now: float) -> None:
        self.heard += WakeupDecoder().feed(stream)

    def handle_timer(self, now: float) -> None:
        pass

    def next_timer(self) -> float | None:
        return None

    def data_to_send(self, _now: float) -> bytes:
        says, self.says = self.says, []
        return encode_characters(says)


def test_characters_at_the_same_speed_are_heard_as_they_are() -> None:
    said = [0x101, 0x1F, 0x00, 0xFF, 0x180, 0x55]

    assert heard_at(said) == said


@pytest.mark.parametrize(
    ("baud", "heard"), [(2_400, [0x180, 0x100]), (9_600, [0x106]), (38_400, [0x1FC]), (115_200, [0x1FF])]
)
def test_a_chirp_at_another_speed_is_stretched_or_squeezed(baud: int, heard: list[int]) -> None:
    """At half the speed the one bit of an address 01 is two, behind a start bit that is two as well."""
    assert heard_at([0x101], sent=baud) == heard


def test_what_has_no_ninth_bit_has_a_stop_bit_in_its_place() -> None:
    assert heard_at([0x48], ninth_bit=False) == [0x148]


def test_of_two_that_talk_at_once_the_low_levels_are_heard() -> None:
    line = FaultyLine([Talker([0x01, 0x1A, 0x33]), Talker([0x01, 0x1A, 0x55, 0x0F])])

    assert line.data_to_send(0.0) == bytes((0x01, 0x1A, 0x11, 0x0F))


@pytest.mark.parametrize(
    ("out", "polled", "nudged"),
    [(whole, [0x101, 0x1A], 0x180), (without_marks, [0x01, 0x1A], 0x180), (dead, [], None)],
)
def test_a_port_loses_marks_and_only_a_wire_loses_a_nudge(
    out: Wire, polled: list[int], nudged: int | None
) -> None:
    machine = Talker([])
    line = FaultyLine([machine], out=out)

    line.receive_data(marked(0x01) + b"\x1a", 0.0)
    line.nudged(0x80, 0.1)

    assert machine.heard == [*polled, *([] if nudged is None else [nudged])]


def test_an_echo_comes_before_the_answer() -> None:
    line = FaultyLine([Talker([0x42])], echoes=True)

    line.receive_data(marked(0x81), 0.0)

    assert line.data_to_send(0.0) == marked(0x81) + b"\x42"
    assert line.data_to_send(0.1) == b""


def test_a_machine_that_is_set_to_zero_chirps_its_zero_or_nothing() -> None:
    assert [SetToZero(chirps=chirps).data_to_send(1.0) for chirps in (True, False)] == [marked(0), b""]
