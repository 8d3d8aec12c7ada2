"""The table of what can follow what, as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from edge_agent.drivers.sas.sequences import (
    BILLS,
    BY_CODE,
    BY_NAME,
    DOUBTFUL_AFTER,
    REISSUED_SECONDS,
    SEQUENCES,
    Sequence,
)
from edge_agent.sas.exception_codes import EXCEPTIONS, Priority, exception_name

PAGE = Path(__file__).parents[3] / "docs" / "conditions.md"
ALL = pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence.name)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(SEQUENCES)


@ALL
def test_a_sequence_is_at_rest_or_raised(sequence: Sequence) -> None:
    states = {row.state for row in sequence.transitions} | {row.following for row in sequence.transitions}

    assert states == {sequence.rest, sequence.raised}


@ALL
def test_a_sequence_says_once_what_follows_an_exception_in_a_state(sequence: Sequence) -> None:
    rows = Counter((row.state, row.code) for row in sequence.transitions)

    assert set(rows.values()) == {1}


@ALL
def test_a_sequence_is_of_exceptions_the_table_lists(sequence: Sequence) -> None:
    assert sequence.codes <= set(EXCEPTIONS)


@ALL
def test_what_is_raised_can_end(sequence: Sequence) -> None:
    assert any((row.state, row.following) == (sequence.raised, sequence.rest) for row in sequence.transitions)


def test_every_door_tilt_printer_hopper_and_handpay_exception_is_in_a_sequence() -> None:
    about = {"door", "tilt", "reel", "printer", "hopper", "handpay", "power", "menu", "attendant"}
    points = {0x5A, 0x88}  # keyed off to machine pay: the reset overtakes it; a reel that stopped

    missing = {row.code for row in EXCEPTIONS.values() if row.category in about} - set(BY_CODE) - points

    assert {exception_name(code) for code in missing} == set()


def test_whatever_is_told_again_is_kept_up_by_the_machine() -> None:
    queued_too = {0xA0}  # 6.03 tells it again from its own timer

    assert all(
        EXCEPTIONS[code].priority is not Priority.QUEUED
        for code in REISSUED_SECONDS
        if code not in queued_too
    )
    assert set(EXCEPTIONS) >= DOUBTFUL_AFTER


def test_the_page_lists_every_sequence_as_the_table_has_it() -> None:
    page = PAGE.read_text(encoding="utf-8")

    missing = [line for line in map(line_of, SEQUENCES) if line not in page]

    assert missing == [], "put these lines into docs/conditions.md"


def line_of(sequence: Sequence) -> str:
    """A sequence as the page has it."""
    rest, raised = sequence.rest, sequence.raised
    over = in_words(leading(sequence, raised, rest))
    if sequence.lapses_seconds is not None:
        over += f"; or {sequence.lapses_seconds:.0f} s without being told again"
    cells = (
        f"`{sequence.name}`",
        raised,
        in_words(leading(sequence, rest, raised)),
        over,
        "; ".join(
            f"{in_words(codes)} while {state}"
            for state in (rest, raised)
            if (codes := refused(sequence, state))
        )
        or "-",
    )
    return f"| {' | '.join(cells)} |"


def leading(sequence: Sequence, state: str, following: str) -> list[int]:
    return [row.code for row in sequence.transitions if (row.state, row.following) == (state, following)]


def refused(sequence: Sequence, state: str) -> list[int]:
    """What cannot come in a state."""
    return sorted(sequence.codes - {row.code for row in sequence.transitions if row.state == state})


def in_words(codes: list[int]) -> str:
    if set(codes) >= BILLS:
        return ", ".join([*named(code for code in codes if code not in BILLS), "a bill (47 to 50)"])
    return ", ".join(named(codes))


def named(codes: Iterable[int]) -> Iterator[str]:
    return (f"{code:02X} {exception_name(code)}" for code in codes)
