"""When meters are read, and whether what was read belongs together."""

from __future__ import annotations

import pytest

from edge_agent.drivers.sas.snapshot import (
    LONGEST_GAME_SECONDS,
    LONGEST_WAIT_SECONDS,
    MOST_ATTEMPTS,
    URGENT_GAP_SECONDS,
    MeterReader,
    Reading,
    weightier,
)
from edge_agent.drivers.sas.vendors.quirks import SETTLE_SECONDS
from edge_agent.sas.messages import LongPollRequest

AFTER_GAME, WHEN_IDLE = 5.0, 300.0
PLAN = [LongPollRequest(1, 0x19), LongPollRequest(1, 0x1A), LongPollRequest(1, 0x11)]


def quiet_reader(now: float = 0.0) -> MeterReader:
    """A reader that has read once, at a machine that has nothing to say."""
    reader = MeterReader(AFTER_GAME, WHEN_IDLE)
    reader.nothing_to_say(now)
    reader.want("start", now)
    reader.begin(PLAN, now)
    assert read_all(reader, now) is not None
    return reader


def read_all(reader: MeterReader, now: float, first: int = 5, last: int = 5) -> Reading | None:
    """Answer the whole plan; the machine has nothing more to say."""
    reader.answered(0x19, {"coin_in": first})
    reader.answered(0x1A, {"current_credits": 3})
    reader.answered(0x11, {"coin_in": last})
    return reader.nothing_to_say(now)


def test_a_reading_whose_coin_in_stood_still_is_settled() -> None:
    reader = quiet_reader()
    reader.want("door", 10)
    reader.begin(PLAN, 11)

    reading = read_all(reader, 11.2)

    assert reading is not None
    assert reading.settled
    assert reading.reason == "door"
    assert [command for command, _ in reading.answers] == [0x19, 0x1A, 0x11]


def test_meters_are_given_a_moment_to_settle() -> None:
    reader = quiet_reader()

    reader.want("door", 10)

    assert not reader.wants_to_begin(10 + SETTLE_SECONDS - 0.01)
    assert reader.wants_to_begin(10 + SETTLE_SECONDS)


def test_readings_after_games_keep_their_distance() -> None:
    reader = quiet_reader(now=0)

    reader.want("game_end", 1)

    assert not reader.wants_to_begin(AFTER_GAME - 0.01)
    assert reader.wants_to_begin(AFTER_GAME)


def test_an_urgent_reason_does_not_wait_for_the_distance_between_games() -> None:
    reader = quiet_reader(now=0)

    reader.want("game_end", 0.1)
    reader.want("door", 0.2)

    assert reader.wants_to_begin(URGENT_GAP_SECONDS)
    assert reader.next_reason == "door"


def test_an_idle_machine_is_read_now_and_then() -> None:
    reader = quiet_reader(now=0)

    assert not reader.wants_to_begin(WHEN_IDLE - 1)
    assert not reader.wants_to_begin(WHEN_IDLE)
    assert reader.wants_to_begin(WHEN_IDLE + SETTLE_SECONDS)
    assert reader.next_reason == "interval"


def test_a_reading_waits_for_the_machine_to_have_nothing_more_to_say() -> None:
    reader = quiet_reader()
    reader.want("door", 1)

    reader.event_heard()

    assert not reader.wants_to_begin(9)
    reader.nothing_to_say(9)
    assert reader.wants_to_begin(9)


def test_a_reading_waits_for_the_game_to_end() -> None:
    reader = quiet_reader()
    reader.game_started(1)
    reader.want("door", 1)

    assert not reader.wants_to_begin(5)
    reader.game_over(5)
    assert not reader.wants_to_begin(4.99 + SETTLE_SECONDS)
    assert reader.wants_to_begin(5 + SETTLE_SECONDS)


def test_a_machine_whose_meters_are_late_is_given_longer_after_a_game() -> None:
    reader = quiet_reader()
    reader.settle_seconds = 1.0
    reader.game_started(1)
    reader.want("door", 1)

    reader.game_over(5)

    assert not reader.wants_to_begin(5.99)
    assert reader.wants_to_begin(6)


def test_a_game_that_does_not_end_is_not_waited_for_longer_than_is_good() -> None:
    reader = quiet_reader()
    reader.want("door", 1)
    reader.game_started(1)

    assert not reader.wants_to_begin(1 + LONGEST_WAIT_SECONDS)
    assert reader.wants_to_begin(1.1 + LONGEST_WAIT_SECONDS)


def test_a_game_end_that_was_never_heard_is_forgotten() -> None:
    reader = quiet_reader()
    reader.game_started(1)
    now = 1 + LONGEST_GAME_SECONDS
    reader.want("door", now)

    assert reader.wants_to_begin(now + SETTLE_SECONDS)


def test_money_that_moves_cuts_a_reading_short_and_it_is_tried_again() -> None:
    reader = quiet_reader()
    reader.want("door", 1)
    reader.begin(PLAN, 2)

    reader.money_moved(2.1)

    assert not reader.reading
    assert reader.next_request() is None
    assert reader.next_reason == "door"
    assert reader.wants_to_begin(2.1 + SETTLE_SECONDS)


def test_coin_in_that_moved_unheard_makes_it_try_again() -> None:
    reader = quiet_reader()
    reader.want("door", 1)
    reader.begin(PLAN, 2)

    assert read_all(reader, 2.2, first=5, last=6) is None
    assert reader.wants_to_begin(2.2 + SETTLE_SECONDS)


def test_the_last_attempt_is_published_unsettled() -> None:
    reader = quiet_reader()
    reader.want("game_end", 1)

    readings = []
    for attempt in range(MOST_ATTEMPTS):
        reader.begin(PLAN, 10 + attempt)
        readings.append(read_all(reader, 10 + attempt, first=5, last=6))

    assert readings[:-1] == [None] * (MOST_ATTEMPTS - 1)
    assert readings[-1] is not None
    assert not readings[-1].settled


def test_a_reading_under_way_takes_only_its_own_answers() -> None:
    reader = quiet_reader()
    reader.begin(PLAN, 1)

    reader.answered(0x15, {"games_played": 1})
    reader.skip(0x15)

    assert reader.next_request() == PLAN[0]


def test_a_question_that_is_not_answered_is_left_out() -> None:
    reader = quiet_reader()
    reader.begin(PLAN, 1)

    reader.skip(0x19)

    assert reader.next_request() == PLAN[1]


def test_an_incomplete_reading_waits_for_its_answers() -> None:
    reader = quiet_reader()
    reader.begin(PLAN, 1)
    reader.answered(0x19, {"coin_in": 1})

    assert reader.nothing_to_say(1) is None
    assert reader.reading
    assert not reader.wants_to_begin(100)


def test_a_machine_that_cannot_answer_now_is_read_later() -> None:
    reader = quiet_reader()
    reader.want("door", 1)
    reader.begin(PLAN, 2)

    reader.interrupted(2.5)
    reader.interrupted(2.6)

    assert not reader.reading
    assert reader.wants_to_begin(2.5 + SETTLE_SECONDS)


@pytest.mark.parametrize(
    ("one", "other", "winner"),
    [("game_end", "door", "door"), ("start", "door", "start"), ("money", None, "money")],
)
def test_the_weightier_reason_wins(one: str, other: str | None, winner: str) -> None:
    assert weightier(one, other) == winner  # type: ignore[arg-type]
