"""A set of sequences that takes no room where all are there, whatever their order."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.verify.marks import PAGE, Marks
from edge_agent.verify.spans import Spans
from tests.verify.journals import ranges

NUMBERS = st.integers(0, 4 * PAGE)


def marked(numbers: list[int]) -> Marks:
    marks = Marks()
    for number in numbers:
        marks.add(number)
    return marks


@settings(deadline=None, max_examples=40)
@given(st.lists(NUMBERS, max_size=50), st.lists(st.integers(0, 3), max_size=3))
def test_marks_are_the_set_that_was_added(numbers: list[int], pages: list[int]) -> None:
    numbers = [*numbers, *(page * PAGE + place for page in pages for place in range(PAGE))]

    marks = marked(numbers)

    added = set(numbers)
    assert ranges(marks.spans()) == sorted(added)
    assert all((number in marks) == (number in added) for number in [*added, *range(0, 4 * PAGE, 7)])


@settings(deadline=None, max_examples=40)
@given(st.lists(NUMBERS, max_size=20), NUMBERS)
@example([], PAGE - 1)
@example([], PAGE)
@example([2 * PAGE + 5], 2 * PAGE - 1)
def test_everything_through_a_number_may_be_marked_at_once(numbers: list[int], through: int) -> None:
    marks = marked(numbers)

    marks.add_through(through)

    assert ranges(marks.spans()) == sorted({*numbers, *range(through + 1)})


@settings(deadline=None, max_examples=40)
@given(st.lists(NUMBERS, max_size=50))
def test_marks_survive_being_saved(numbers: list[int]) -> None:
    marks, restored = marked(numbers), Marks()

    restored.load(json.loads(json.dumps(marks.save())))

    assert [*restored.spans()] == [*marks.spans()]


def test_a_million_in_a_row_take_the_room_of_one() -> None:
    marks = Marks()
    marks.add_through(1_000_000)

    assert len(json.dumps(marks.save())) < 400


@settings(deadline=None, max_examples=40)
@given(st.lists(NUMBERS, max_size=30), st.lists(NUMBERS, max_size=10))
def test_spans_are_a_set_as_well(added: list[int], discarded: list[int]) -> None:
    spans, numbers = Spans(), set(added) - set(discarded)
    for number in added:
        spans.add(number)
    for number in discarded:
        spans.discard(number)

    assert ranges(spans) == sorted(numbers)
    assert spans.total() == len(numbers)
    assert [*Spans.of_steps(spans.steps())] == [*spans]
