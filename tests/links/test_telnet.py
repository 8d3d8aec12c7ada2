"""Telnet: data, negotiations and subnegotiations, cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.links.telnet import (
    LONGEST_SUBNEGOTIATION_BYTES,
    Negotiation,
    Option,
    Part,
    Subnegotiation,
    TelnetReader,
    Verb,
    escape,
)

PARTS = st.one_of(
    st.binary(min_size=1, max_size=20),
    st.builds(Negotiation, st.sampled_from(Verb), st.integers(0, 255)),
    # No option is numbered 255, which would read as a literal FF.
    st.builds(Subnegotiation, st.integers(0, 254), st.binary(max_size=20)),
)


def travelling(part: Part) -> bytes:
    return escape(part) if isinstance(part, bytes) else bytes(part)


def joined(parts: list[Part]) -> list[Part]:
    """Neighbouring data as one: where it was cut is chance."""
    whole: list[Part] = []
    for part in parts:
        if isinstance(part, bytes) and whole and isinstance(whole[-1], bytes):
            whole[-1] += part
        else:
            whole.append(part)
    return whole


@given(parts=st.lists(PARTS), data=st.data())
def test_what_is_sent_is_read_however_it_is_cut(parts: list[Part], data: st.DataObject) -> None:
    stream = b"".join(map(travelling, parts))
    cut = data.draw(st.integers(0, len(stream)))
    reader = TelnetReader()

    read = [*reader.feed(stream[:cut]), *reader.feed(stream[cut:])]

    assert joined(read) == joined(parts)


@given(stream=st.binary())
def test_any_bytes_are_taken(stream: bytes) -> None:
    reader = TelnetReader()

    assert all(isinstance(part, Part) for part in reader.feed(stream))


@pytest.mark.parametrize(
    ("stream", "parts"),
    [
        ("41 ff f1 42", [b"AB"]),  # a command that says nothing of options
        ("ff fa ff f0 41", [b"A"]),  # an empty subnegotiation
        ("ff fa 2c 6b ff ff ff f0", [Subnegotiation(Option.COM_PORT, b"\x6b\xff")]),
        ("41 ff fb 00 42", [b"A", Negotiation(Verb.WILL, Option.BINARY), b"B"]),
    ],
)
def test_parts_come_in_the_order_sent(stream: str, parts: list[Part]) -> None:
    assert TelnetReader().feed(bytes.fromhex(stream)) == parts


def test_a_subnegotiation_without_end_takes_bounded_memory() -> None:
    reader = TelnetReader()

    reader.feed(b"\xff\xfa\x2c" + bytes(10 * LONGEST_SUBNEGOTIATION_BYTES))

    (part,) = reader.feed(b"\xff\xf0")
    assert isinstance(part, Subnegotiation)
    assert len(part.payload) == LONGEST_SUBNEGOTIATION_BYTES - 1
