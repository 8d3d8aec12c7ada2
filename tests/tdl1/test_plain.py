"""Plain characters out of a marked stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.tdl1.plain import PlainReader


@pytest.mark.parametrize(
    ("stream", "plain"),
    [(b"$TDL1", b"$TDL1"), (b"\xff\xff", b"\xff"), (b"\xff\x00A", b"\xff"), (b"A\xff\x00\xffB", b"A\xffB")],
)
def test_marks_are_read(stream: bytes, plain: bytes) -> None:
    assert PlainReader().receive_data(stream) == plain


@given(st.binary(max_size=60), st.integers(0, 60))
def test_how_a_marked_stream_is_cut_changes_nothing(stream: bytes, cut: int) -> None:
    reader = PlainReader()

    assert reader.receive_data(stream[:cut]) + reader.receive_data(
        stream[cut:]
    ) == PlainReader().receive_data(stream)


@given(st.binary(max_size=60))
def test_a_doubled_stream_reads_as_it_was(plain: bytes) -> None:
    assert PlainReader().receive_data(plain.replace(b"\xff", b"\xff\xff")) == plain


def test_a_reset_forgets_half_a_character() -> None:
    reader = PlainReader()
    reader.receive_data(b"\xff")

    reader.reset()

    assert reader.receive_data(b"A") == b"A"
