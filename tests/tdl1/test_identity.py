"""Identity: what a host end keeps over a restart, and what it makes of a strange note."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.station import NOTE_LIMIT_BYTES
from edge_agent.tdl1 import DeviceKey
from edge_agent.tdl1.gaps import GapWatch
from edge_agent.tdl1.identity import LONGEST_SERIAL_BYTES, Memory, pack, unpack
from edge_agent.tdl1.sequence import Window

SERIALS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=LONGEST_SERIAL_BYTES // 4)


@given(SERIALS, st.integers(0, 2**32 - 1), st.none() | st.integers(1, 0xFFFF))
def test_a_memory_survives_packing_and_fits_a_note(serial: str, boot: int, newest: int | None) -> None:
    memory = Memory(DeviceKey(serial, boot), None if newest is None else Window.joining(newest))

    packed = pack(memory)

    assert unpack(packed) == memory
    assert len(packed) <= NOTE_LIMIT_BYTES


def test_nothing_known_is_an_empty_note() -> None:
    assert pack(None) == b""
    assert unpack(b"") is None


@pytest.mark.parametrize("end", [0, 1, 5, 6, 10, 73, 74])
def test_a_note_that_was_cut_is_no_note(end: int) -> None:
    assert unpack(pack(Memory(DeviceKey("A", 1), Window.joining(5)))[:end]) is None


@given(st.binary(max_size=NOTE_LIMIT_BYTES))
def test_any_note_gives_a_memory_or_none(note: bytes) -> None:
    memory = unpack(b"\x01" + note)

    assert memory is None or isinstance(memory, Memory)


def test_there_are_no_gaps_before_the_first_sequence() -> None:
    watch = GapWatch()

    assert watch.close(None, ()) == []
    assert watch.ranges_to_tell(None, (), 1.0) == []
    assert watch.next_timer() is None
