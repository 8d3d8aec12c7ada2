"""The marked stream: FF doubled, wakeup characters marked, runs for the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import LocalProtocolError
from edge_agent.links.stream import MARK, double_ff, runs


@given(plain=st.binary())
def test_plain_bytes_are_one_run_without_wakeup(plain: bytes) -> None:
    assert list(runs(double_ff(plain))) == ([(False, plain)] if plain else [])


@given(characters=st.lists(st.tuples(st.booleans(), st.integers(0, 255))))
def test_every_character_comes_out_with_its_wakeup_bit(characters: list[tuple[bool, int]]) -> None:
    stream = b"".join(
        MARK + bytes([byte]) if wakeup else double_ff(bytes([byte])) for wakeup, byte in characters
    )

    assert [(wakeup, byte) for wakeup, run in runs(stream) for byte in run] == characters


@pytest.mark.parametrize("stream", ["ff", "01ff", "ff00", "ff01"])
def test_a_lone_ff_is_our_own_mistake(stream: str) -> None:
    with pytest.raises(LocalProtocolError, match="lone FF"):
        list(runs(bytes.fromhex(stream)))
