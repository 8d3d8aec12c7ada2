"""What is sealed can be parsed and written again by a receiver without changing a byte."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.events import ClockQuality, ClockReading, ClockSource, Observation, identify, seal
from edge_agent.events.base import EventBody
from edge_agent.events.catalogue import EXAMPLES

CLOCK = ClockReading(
    1_749_630_663.0, 5_021.5, "boot", ClockQuality.SYNCHRONISED, ClockSource.NTP, offset_ms=-3, error_ms=20
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


class Strange(EventBody):
    """Whatever a field can hold."""

    schema_name: ClassVar[str] = "strange"

    text: str
    number: float
    numbers: tuple[float, ...]
    whole: int
    named: dict[str, str]

    @property
    def event_type(self) -> str:
        """`floor.slot.` and whatever a machine says."""
        return f"floor.slot.{self.text}"


def written_again(event: bytes) -> bytes:
    return json.dumps(json.loads(event), separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: str(body.schema_name))
def test_every_event_is_written_again_as_it_was_sealed(body: EventBody) -> None:
    sealed = seal(Observation("slot-1", 5_021.123456, body), CLOCK, "/sites/a/gateways/b")

    assert written_again(sealed) == sealed


@given(
    TEXTS,
    st.floats(),
    st.lists(st.floats(), max_size=3),
    st.integers(-(2**63), 2**63),
    st.dictionaries(TEXTS, TEXTS, max_size=3),
)
@example('"\\/\b\f\n\r\t\x00\x1f\x7f\u2028é€😀', 1e-7, [1e16, 1e22, 5e-324, -0.0, 1.0, 123456789.125], 0, {})
@example("", float("nan"), [float("inf"), 0.1 + 0.2, 1e-5, 0.0001], 0, {"": "", "\x1f": '"'})
def test_whatever_a_field_holds_is_written_again_as_it_was_sealed(
    text: str, number: float, numbers: list[float], whole: int, named: dict[str, str]
) -> None:
    body = Strange(text=text, number=number, numbers=tuple(numbers), whole=whole, named=named)

    sealed = seal(Observation(text, 1.5, body), CLOCK, f"/sites/{text}")

    assert written_again(sealed) == sealed
    assert json.loads(sealed)["subject"] == text


@given(TEXTS)
def test_cutting_off_the_identity_gives_what_was_sealed(text: str) -> None:
    body = Strange(text=text, number=1.0, numbers=(), whole=1, named={})
    sealed = seal(Observation(text, 1.5, body), CLOCK, "/s")

    event = json.loads(identify(sealed, "J", 1, b"\0" * 16, b"\1" * 16))
    for attribute in ("id", "sequence", "chain", "chainbefore"):
        del event[attribute]

    assert json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() == sealed
