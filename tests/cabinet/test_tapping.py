"""Both directions on one wire are told apart by marks, and else by the table of lengths and pauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.cabinet.tapping import Tap
from edge_agent.links.capture import Travelled
from edge_agent.sas import WakeupDecoder, stuff


def heard(*chunks: tuple[float, str]) -> list[str]:
    tap = Tap()
    out = [entry for at, data in chunks for entry in tap.hear(bytes.fromhex(data), at)]
    out += tap.pass_time(chunks[-1][0] + 1.0)
    return [f"{entry.direction} {entry.data.hex()}" for entry in out]


@pytest.mark.parametrize(
    ("chunks", "travelled"),
    [
        ([(0.0, "ff0080ff008100")], ["> ff0080", "> ff0081", "< 00"]),
        ([(0.0, "ff00011a011a0000000112ab")], ["> ff00011a", "< 011a0000000112ab"]),
        ([(0.0, "ff00012f03"), (0.001, "0000"), (0.002, "00b5c3"), (0.02, "012f")],
         ["> ff00012f03000000b5c3", "< 012f"]),
        ([(0.0, "ff0001"), (0.2, "ff0001")], ["< ff0001", "< ff0001"]),
        ([(0.0, "ff00010e01"), (0.2, "ff0081")], ["> ff00010e01", "> ff0081"]),
        ([(0.0, "ff0001ff00011a")], ["< ff0001", "> ff00011a"]),
        ([(0.0, "ff0001ff00ff")], ["< ff0001", "> ff00ff"]),
    ],
)  # fmt: skip
def test_marks_tell_where_the_host_begins(chunks: list[tuple[float, str]], travelled: list[str]) -> None:
    assert heard(*chunks) == travelled


@pytest.mark.parametrize(
    ("chunks", "travelled"),
    [
        ([(0.1, "808100"), (0.3, "81"), (0.31, "11")], ["> ff0080", "> ff0081", "< 00", "> ff0081", "< 11"]),
        ([(0.1, "011a011a00000001"), (0.3, "80")], ["> ff00011a", "< 011a00000001", "> ff0080"]),
        ([(0.1, "01"), (0.3, "01")], ["< 01", "< 01"]),
        ([(0.1, "010e01"), (0.3, "81")], ["> ff00010e01", "> ff0081"]),
    ],
)
def test_without_marks_lengths_and_pauses_tell(chunks: list[tuple[float, str]], travelled: list[str]) -> None:
    assert heard(*chunks) == travelled


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(min_size=1, max_size=12)), max_size=12))
def test_whatever_is_heard_every_character_travels_one_way_or_the_other(
    pieces: list[tuple[int, bytes]],
) -> None:
    tap, now = Tap(), 0.0
    out: list[Travelled] = []
    for pause, data in pieces:
        now += pause / 50
        out += tap.hear(stuff(data), now)
    out += tap.pass_time(now + 1.0)

    characters = [character & 0xFF for one in out for character in WakeupDecoder().feed(one.data)]
    assert bytes(characters) == b"".join(data for _, data in pieces)
