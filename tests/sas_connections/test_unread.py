"""What is heard and is no good answer: when it makes an outage, and who is heard."""

from __future__ import annotations

import pytest

from edge_agent.sas.unread import Unread

NEIGHBOUR, OTHER = "address 02 answers", "address 03 chirps"


def unread(*heard: str, polls: int = 10) -> Unread:
    """Polls asked from second 100 on, and what was heard since."""
    found = Unread()
    for at in range(polls):
        found.asked(100.0 + at)
    for name in heard:
        found.heard(name)
    return found


@pytest.mark.parametrize(
    ("polls", "heard", "seconds", "outage"),
    [
        (10, 2, 2.5, True),
        (9, 2, 2.5, False),
        (10, 1, 2.5, False),
        (10, 2, 2.49, False),
        (20, 0, 60.0, False),
        (1, 20, 60.0, False),
    ],
)
def test_an_outage_takes_as_long_and_as_many_polls_as_a_silence_and_something_heard_twice(
    polls: int,
    heard: int,
    seconds: float,
    outage: bool,  # noqa: FBT001
) -> None:
    assert unread(*[""] * heard, polls=polls).is_outage(100.0 + seconds) is outage


def test_it_begins_with_the_first_poll_that_got_no_good_answer() -> None:
    found = Unread()
    assert found.seconds(100.0) == 0.0

    found.asked(101.0)
    found.asked(103.0)

    assert found.seconds(104.5) == 3.5


def test_a_good_answer_ends_it() -> None:
    found = unread(NEIGHBOUR, NEIGHBOUR)

    found.clear()

    assert found.seconds(200.0) == 0.0
    assert found.speaker() == ""
    for at in range(9):
        found.asked(200.0 + at)
    found.heard("")
    assert not found.is_outage(300.0)
    assert found.in_words() == "only noise: 1 unreadable answers"


@pytest.mark.parametrize(
    ("heard", "speaker"),
    [
        ([NEIGHBOUR, NEIGHBOUR], NEIGHBOUR),
        ([NEIGHBOUR], ""),
        ([NEIGHBOUR, NEIGHBOUR, ""], NEIGHBOUR),
        ([NEIGHBOUR, NEIGHBOUR, "", ""], ""),
        ([NEIGHBOUR, NEIGHBOUR, "", "", ""], ""),
        ([OTHER, NEIGHBOUR, NEIGHBOUR, NEIGHBOUR, OTHER], NEIGHBOUR),
        ([NEIGHBOUR, OTHER, NEIGHBOUR, OTHER], ""),
        (["", "", ""], ""),
        ([], ""),
    ],
)
def test_who_is_most_of_what_is_heard_is_named(heard: list[str], speaker: str) -> None:
    found = unread(*heard)

    assert found.speaker() == speaker
    assert found.in_words() == (speaker or f"only noise: {len(heard)} unreadable answers")
