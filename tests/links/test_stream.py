"""The marked stream: FF doubled, wakeup characters marked, runs for the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import LocalProtocolError
from edge_agent.links.stream import runs, unmark_transfers
from edge_agent.sas.wakeup import marked, stuff


@given(plain=st.binary())
def test_plain_bytes_are_one_run_without_wakeup(plain: bytes) -> None:
    assert list(runs(stuff(plain))) == ([(False, plain)] if plain else [])


@given(characters=st.lists(st.tuples(st.booleans(), st.integers(0, 255))))
def test_every_character_comes_out_with_its_wakeup_bit(characters: list[tuple[bool, int]]) -> None:
    stream = b"".join(marked(byte) if wakeup else stuff(bytes([byte])) for wakeup, byte in characters)

    assert [(wakeup, byte) for wakeup, run in runs(stream) for byte in run] == characters


@pytest.mark.parametrize("stream", ["ff", "01ff", "ff00", "ff01"])
def test_a_lone_ff_is_our_own_mistake(stream: str) -> None:
    with pytest.raises(LocalProtocolError, match="lone FF"):
        list(runs(bytes.fromhex(stream)))


@pytest.mark.parametrize(
    ("heard", "means"),
    [
        ("", ""),
        ("ff0001", "ff0001"),  # a chirp
        ("011a ffff", "011a ffff"),  # an answer nobody marked
        ("ff0001 ff001a", "011a"),
        ("ff00ff ff001c", "ffff1c"),
        ("ffff 00 01 ff0001", "ffff 00 01 ff0001"),  # a doubled FF before 00 is no mark
        ("ffff ff0001", "ffff ff0001"),
        ("ff00ff ffff", "ff00ff ffff"),
        ("ff0001 02 ff0001", "ff0001 02 ff0001"),
        ("ff0001 ff0002 ff00", "0102 ff00"),  # cut in the middle of a mark
        ("ff0a0a", "ff0a0a"),
        ("ff000a ff000a", "0a0a"),
    ],
)
def test_marks_in_a_row_are_undone_and_one_alone_stays(heard: str, means: str) -> None:
    assert unmark_transfers(bytes.fromhex(heard)) == bytes.fromhex(means)


@given(characters=st.lists(st.tuples(st.booleans(), st.integers(0, 255))))
def test_undoing_marks_changes_no_character(characters: list[tuple[bool, int]]) -> None:
    stream = b"".join(marked(byte) if wakeup else stuff(bytes([byte])) for wakeup, byte in characters)

    undone = list(runs(unmark_transfers(stream)))

    assert [byte for _, run in undone for byte in run] == [byte for _, byte in characters]
    assert all(len(run) == 1 for wakeup, run in undone if wakeup)
