"""When a machine's meters begin again: told apart, by evidence, with a machine at the other end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_agent.drivers.sas.epochs import EVIDENCE, Epochs
from edge_agent.events.slot import MeterBackwards, MeterEpochBegan, MetersRead
from edge_agent.sas.exception_codes import EXCEPTIONS

Start = Callable[..., Any]


def met_after_play(start: Start) -> Any:
    """A machine that has counted something, met and read."""
    talk = start()
    talk.cabinet.meters.update(coin_in=50_000, coin_out=40_000, games_played=9_000)
    talk.meet()
    return talk


def read_again(talk: Any, **meters: int) -> dict[str, Any]:
    """Have the meters changed and read; what became of each."""
    talk.cabinet.meters.update(meters)
    talk.raise_exception(0x11)
    talk.run_for(1.5)
    return changes(talk)


def changes(talk: Any) -> dict[str, Any]:
    return {meter.name: (meter.change, meter.delta) for meter in talk.of(MetersRead)[-1].meters}


def test_what_counted_is_published_as_a_difference(start: Start) -> None:
    talk = met_after_play(start)

    read = read_again(talk, coin_in=50_003)

    assert read["coin_in"] == ("rose", 3)
    assert read["coin_out"] == ("rose", 0)
    assert read["current_credits"] == ("level", None)
    assert talk.of(MeterEpochBegan) == []


def test_a_reset_the_machine_tells_of_begins_an_epoch(start: Start) -> None:
    talk = met_after_play(start)
    talk.cabinet.meters.update(coin_in=60_000)
    talk.raise_exception(0x7A)
    talk.run_for(5)

    began = talk.of(MeterEpochBegan)[0]
    assert (began.epoch, began.cause, began.evidence) == (1, "ram_clear", ("soft_meters_reset",))
    assert talk.of(MetersRead)[0].epoch == 1
    assert changes(talk)["coin_in"] == ("first", None)


@pytest.mark.parametrize("code", range(0x31, 0x3B))
def test_an_error_of_the_memory_and_a_meter_that_fell_begin_an_epoch(start: Start, code: int) -> None:
    talk = met_after_play(start)
    talk.cabinet.meters.update(coin_in=20_000)
    talk.raise_exception(code)
    talk.run_for(8)

    began = talk.of(MeterEpochBegan)
    assert [one.evidence for one in began] == [(EXCEPTIONS[code].name, "meter_fell")]
    assert changes(talk)["coin_in"] == ("first", None)
    assert talk.of(MeterBackwards) == []


def test_an_error_of_the_memory_that_harmed_no_meter_begins_no_epoch(start: Start) -> None:
    talk = met_after_play(start)
    talk.cabinet.meters.update(coin_in=50_002)
    talk.raise_exception(0x31)
    talk.run_for(8)

    assert talk.of(MeterEpochBegan) == []
    assert changes(talk)["coin_in"] == ("rose", 2)


def test_a_suspicion_ends_with_the_first_reading_that_is_well(start: Start) -> None:
    talk = met_after_play(start)
    talk.raise_exception(0x31)
    talk.run_for(8)

    read = read_again(talk, coin_in=20_000)

    assert read["coin_in"] == ("backwards", None)
    assert talk.of(MeterEpochBegan) == []


def test_a_suspicion_outlives_a_restart(start: Start) -> None:
    talk = met_after_play(start)
    talk.cabinet.busy = {0x0F, 0x19}
    talk.raise_exception(0x32)
    talk.run_for(0.5)
    talk.cabinet.busy.clear()
    talk.cabinet.meters.update(coin_in=20_000)
    talk.restart()
    talk.run_for(10)

    began = talk.of(MeterEpochBegan)
    assert [one.evidence for one in began] == [("memory_error_before_restart", "meter_fell")]


def test_meters_that_fell_together_begin_an_epoch(start: Start) -> None:
    talk = met_after_play(start)

    read_again(talk, coin_in=3, coin_out=0, games_played=1)

    assert [one.evidence for one in talk.of(MeterEpochBegan)] == [("all_meters_near_zero",)]


def test_a_denomination_that_changed_is_no_clear(start: Start) -> None:
    talk = met_after_play(start)
    talk.cabinet.denomination = 0x02
    talk.cabinet.meters.update(coin_in=10_000, coin_out=8_000)
    talk.raise_exception(0x3C)
    talk.run_for(10)

    (began,) = talk.of(MeterEpochBegan)
    assert (began.cause, began.denomination_before, began.denomination) == (
        "denomination_change",
        "0.01",
        "0.05",
    )
    assert {(read.epoch, read.denomination) for read in talk.of(MetersRead)} == {(1, "0.05")}
    assert talk.of(MeterBackwards) == []


def test_another_machine_is_told_by_its_serial_number(start: Start) -> None:
    talk = met_after_play(start)
    talk.cabinet.serial = "SN2"
    talk.raise_exception(0x17)
    talk.run_for(30)

    (began,) = talk.of(MeterEpochBegan)
    assert (began.cause, began.evidence) == ("another_machine", ("serial_number",))


def test_another_game_in_the_same_machine_goes_on_counting(start: Start) -> None:
    talk = met_after_play(start)
    talk.cabinet.game = {"paytable_id": "PT0002"}
    talk.cabinet.meters.update(coin_in=50_040)
    talk.raise_exception(0xA2)
    talk.run_for(10)

    assert talk.of(MeterEpochBegan) == []
    assert changes(talk)["coin_in"] == ("rose", 40)


def test_a_fall_nothing_explains_is_told_once_and_read_again(start: Start) -> None:
    talk = met_after_play(start)

    read_again(talk, coin_out=39_990)
    talk.run_for(10)

    (fell,) = talk.of(MeterBackwards)
    assert (fell.meter, fell.before, fell.after, fell.epoch) == ("coin_out", 40_000, 39_990, 0)
    assert [changes_of(read, "coin_out") for read in talk.of(MetersRead)] == [
        "backwards",
        "backwards",
        "began_again",
    ]


def test_a_meter_that_was_late_for_a_moment_is_not_counted_twice(start: Start) -> None:
    """Some machines update their meters some hundred milliseconds after a game, one after the other."""
    talk = met_after_play(start)

    read_again(talk, coin_out=39_990)
    talk.cabinet.meters.update(coin_out=40_010)
    talk.run_for(10)

    assert [
        (meter.change, meter.delta)
        for read in talk.of(MetersRead)
        for meter in read.meters
        if meter.name == "coin_out"
    ] == [("backwards", None), ("rose", 10)]


def test_differences_of_the_meters_the_note_keeps_go_on_after_a_restart(start: Start) -> None:
    talk = met_after_play(start)
    talk.restart()
    talk.cabinet.meters.update(coin_in=50_009)
    talk.run_for(10)

    assert changes(talk)["coin_in"] == ("rose", 9)
    assert changes(talk)["coin_out"] == ("first", None)


def changes_of(read: MetersRead, name: str) -> str:
    return next(meter.change for meter in read.meters if meter.name == name)


def test_evidence_is_of_exceptions_the_table_lists() -> None:
    assert set(EVIDENCE) <= set(EXCEPTIONS)


def test_each_suspicion_is_named_once() -> None:
    epochs = Epochs(4, 100)
    for code in (0x31, 0x31, 0x33):
        assert epochs.heard(code) is None

    began = epochs.cleared()

    assert began.epoch == 5
    assert began.evidence == ("cmos_ram_error_recovered", "cmos_ram_error_bad_device", "meter_fell")
    assert not epochs.suspicious


def test_what_says_nothing_of_the_meters_is_no_evidence() -> None:
    epochs = Epochs(0, 100)

    assert epochs.heard(0x11) is None
    assert not epochs.suspicious
