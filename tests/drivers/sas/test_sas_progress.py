"""By how much each meter rose, or why nobody can say."""

from __future__ import annotations

import pytest

from edge_agent.drivers.sas.meters import MeterRead, Step
from edge_agent.drivers.sas.progress import LEVELS, LOWER_READINGS, NEAR_ZERO, Progress
from edge_agent.events.slot import MeterUnit
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.meter_codes import METERS


def meter(value: int, digits: int = 8, name: str = "coin_in", unit: MeterUnit = "credits") -> MeterRead:
    return MeterRead(name, 0, value, digits, unit)


def progress_at(*meters: MeterRead, now: float = 0.0) -> Progress:
    progress = Progress()
    progress.take(meters, now)
    return progress


def step(progress: Progress, read: MeterRead, now: float) -> Step:
    return progress.take([read], now)[read.name]


def test_the_first_reading_has_nothing_to_compare_with() -> None:
    assert Progress().take([meter(5)], 0.0) == {"coin_in": Step("first")}


@pytest.mark.parametrize("rise", [0, 1, 50_000_000])
def test_a_meter_rises_by_what_it_counted(rise: int) -> None:
    assert step(progress_at(meter(100)), meter(100 + rise), 5.0) == Step("rose", rise)


@pytest.mark.parametrize("digits", [8, 10, 12, 14, 16, 18])
def test_a_meter_rolls_over_at_the_end_of_its_digits(digits: int) -> None:
    progress = progress_at(meter(10**digits - 2, digits))

    assert step(progress, meter(3, digits), 5.0) == Step("rolled_over", 5)


@pytest.mark.parametrize(("seconds", "change"), [(99.0, "backwards"), (101.0, "rolled_over")])
def test_a_roll_over_is_believed_if_the_time_was_enough(seconds: float, change: str) -> None:
    progress = progress_at(meter(99_999_999))

    assert step(progress, meter(1_499_999), seconds).change == change


@pytest.mark.parametrize(("before", "change"), [(89_999_999, "backwards"), (90_000_000, "rolled_over")])
def test_however_long_it_took_only_the_top_tenth_rolls_over(before: int, change: str) -> None:
    assert step(progress_at(meter(before)), meter(0), 1e9).change == change


def test_a_lower_meter_is_not_counted_and_does_not_count_twice() -> None:
    """Some machines update their meters one after the other."""
    progress = progress_at(meter(50_000))

    steps = [step(progress, meter(value), now) for value, now in ((49_990, 1.0), (50_010, 2.0))]

    assert steps == [Step("backwards", fell_from=50_000), Step("rose", 10)]


def test_a_meter_that_stays_lower_begins_again_from_there() -> None:
    progress = progress_at(meter(50_000))

    steps = [step(progress, meter(700), float(now)) for now in range(LOWER_READINGS)]

    first, *more = steps
    assert first == Step("backwards", fell_from=50_000)
    assert more == [Step("backwards")] * (LOWER_READINGS - 2) + [Step("began_again")]
    assert step(progress, meter(702), 9.0) == Step("rose", 2)


def test_lower_readings_are_counted_in_a_row() -> None:
    progress = progress_at(meter(50_000))
    for value in (40_000, 40_000, 50_000, 40_000):
        last = step(progress, meter(value), 1.0)

    assert last == Step("backwards", fell_from=50_000)


def test_the_width_of_a_meter_may_change_with_the_poll_that_reads_it() -> None:
    progress = progress_at(meter(123_456_789, 16))

    narrow, wide = meter(23_456_800, 8), meter(123_456_900, 16)

    assert step(progress, narrow, 1.0) == Step("rose", 11)
    assert step(progress, wide, 2.0) == Step("rose", 100)


def test_what_goes_up_and_down_is_no_progress() -> None:
    credits_now = meter(100, name="current_credits")

    assert step(progress_at(credits_now), meter(7, name="current_credits"), 1.0) == Step("level")


def test_a_meter_no_table_lists_is_not_taken_for_a_counter() -> None:
    assert step(Progress(), meter(1, name="unknown_0xe7"), 1.0) == Step("level")


def test_what_an_earlier_run_read_is_gone_on_from() -> None:
    progress = Progress({"coin_in": (100, 8)})

    assert step(progress, meter(130), 1.0) == Step("rose", 30)


@pytest.mark.parametrize(("value", "cleared"), [(NEAR_ZERO, True), (NEAR_ZERO + 1, False)])
def test_meters_that_fell_together_to_next_to_nothing_were_cleared(value: int, *, cleared: bool) -> None:
    progress = progress_at(meter(50_000_000), meter(9_000, name="games_played", unit="count"))

    read = [meter(value), meter(2, name="games_played", unit="count")]

    assert progress.was_cleared(read, 60.0) is cleared


def test_one_meter_that_fell_among_others_was_not_a_clear() -> None:
    others = [meter(9, name=f"bills_{worth}", unit="count") for worth in (1, 5, 10)]
    progress = progress_at(meter(50_000), *others)

    assert not progress.was_cleared([meter(0), *others], 60.0)


def test_a_roll_over_of_the_only_large_meter_was_not_a_clear() -> None:
    games = meter(40, name="games_played", unit="count")
    progress = progress_at(meter(99_999_990), games)

    assert not progress.was_cleared([meter(5), games], 60.0)


def test_meters_that_had_counted_next_to_nothing_cannot_have_been_cleared() -> None:
    assert not progress_at(meter(NEAR_ZERO)).was_cleared([meter(0)], 60.0)


def test_a_fall_is_one_of_lifetime_meters() -> None:
    progress = progress_at(meter(50), meter(50, name="current_credits"))

    assert not progress.has_fallen([meter(50), meter(0, name="current_credits")])
    assert progress.has_fallen([meter(49)])
    assert not Progress().has_fallen([meter(49)])


def test_every_level_is_a_meter_somebody_tells() -> None:
    fields = {field.name for row in LONG_POLLS.values() for field in row.reply}

    assert fields | {row.name for row in METERS.values()} >= LEVELS
