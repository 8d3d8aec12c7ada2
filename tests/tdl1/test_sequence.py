"""Sequences go round, and the window tells a repeat from what comes late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.tdl1.sequence import LARGEST, PACKED_BYTES, WINDOW, Window, after, ahead, before

SEQUENCES = st.integers(1, LARGEST)


@given(SEQUENCES, st.integers(0, LARGEST // 2))
def test_ahead_undoes_after(sequence: int, steps: int) -> None:
    assert ahead(after(sequence, steps), of=sequence) == steps
    assert ahead(sequence, of=after(sequence, steps)) == -steps


@given(SEQUENCES)
def test_before_undoes_after(sequence: int) -> None:
    assert before(after(sequence)) == sequence
    assert after(before(sequence)) == sequence


def test_a_boot_begins_before_the_first() -> None:
    assert after(0) == 1
    assert ahead(5, of=0) == 5


@given(st.sampled_from([0, 1, 40_000, 65_000]), st.permutations(range(1, 41)))
def test_every_sequence_is_heard_once_in_any_order(start: int, order: list[int]) -> None:
    window = Window(newest=start, reported=start)

    for steps in order:
        sequence = after(start, steps)
        assert not window.has(sequence)
        window.add(sequence)
        assert window.has(sequence)

    assert window.missing() == []
    assert window.reported == window.newest == after(start, 40)
    assert window.all_heard() == [after(start, steps) for steps in range(1, 41)]


@given(st.sampled_from([0, 65_500]), st.sets(st.integers(1, 100), min_size=1))
def test_what_is_missing_is_exactly_what_was_not_heard(start: int, heard: set[int]) -> None:
    window = Window(newest=start, reported=start)

    for steps in sorted(heard):
        window.add(after(start, steps))

    missing = {
        ahead(first, start) + offset if start else first + offset
        for first, last in window.missing()
        for offset in range(ahead(last, first) + 1)
    }
    assert missing == set(range(1, max(heard))) - heard


def test_what_was_reported_is_not_missing_again() -> None:
    window = Window()
    for sequence in (2, 5, 9):
        window.add(sequence)

    assert window.take_missing(4) == [(1, 1), (3, 4)]
    assert window.missing() == [(6, 8)]
    assert window.take_missing(7) == [(6, 7)]
    assert window.take_missing(3) == []
    assert window.missing() == [(8, 8)]


def test_what_comes_late_after_it_was_reported_is_still_new() -> None:
    window = Window()
    window.add(3)
    window.take_missing(3)

    assert not window.has(2)
    window.add(2)
    assert window.has(2)


def test_a_leap_beyond_the_window_is_missing_whole() -> None:
    window = Window()
    window.add(1)
    window.add(2_000)

    assert window.missing() == [(2, 1_999)]
    assert not window.remembers(1)
    assert not window.has(1)
    window.add(1)
    assert window.newest == 2_000


def test_a_window_that_joins_owes_nothing_of_what_was_before() -> None:
    window = Window.joining(500)

    assert window.missing() == []
    assert not window.has(500)
    assert window.remembers(499)


@given(SEQUENCES, st.sets(st.integers(0, WINDOW + 50)))
def test_a_window_survives_packing(newest: int, heard: set[int]) -> None:
    window = Window.joining(newest)
    for behind in heard:
        if behind < WINDOW:
            window.add(after(newest, LARGEST - behind))

    packed = window.pack()

    assert len(packed) == PACKED_BYTES
    assert Window.unpack(packed) == window


@pytest.mark.parametrize("behind", [WINDOW - 1, WINDOW])
def test_the_window_ends_where_it_says(behind: int) -> None:
    window = Window.joining(1_000)

    assert window.remembers(1_000 - behind) is (behind < WINDOW)
