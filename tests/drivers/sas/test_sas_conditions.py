"""What is raised at a machine and since when, and what it says that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.sas.conditions import EARLY_SECONDS, LATE_SECONDS, Conditions
from edge_agent.drivers.sas.sequences import BY_CODE, REISSUED_SECONDS, SEQUENCES
from edge_agent.events.slot import MeterVariance, SequenceViolation
from edge_agent.sas.host_events import ExceptionReported
from edge_agent.station import Condition

Start = Callable[..., Any]


class Machine:
    """Conditions, and exceptions a second apart."""

    def __init__(self, *raised: str, validation: str | None = None) -> None:
        self.conditions = Conditions(raised)
        self.validation = validation
        self.now = 0.0

    def say(self, *codes: int, real_time: bool = True, repeated: bool = False) -> list[str]:
        """What of these cannot be, as sequence and expectation."""
        found: list[SequenceViolation] = []
        for code in codes:
            self.now += 1.0
            event = ExceptionReported(1, code, real_time=real_time, possibly_repeated=repeated)
            found += self.conditions.heard(event, self.now, validation=self.validation)
        return [f"{one.sequence} {one.state}: {one.happened}" for one in found]

    @property
    def raised(self) -> list[str]:
        return sorted(self.conditions.raised)


@pytest.mark.parametrize(
    ("opens", "closes", "name"),
    [
        (0x11, 0x12, "slot_door"),
        (0x13, 0x14, "drop_door"),
        (0x15, 0x16, "card_cage"),
        (0x19, 0x1A, "cashbox_door"),
        (0x1D, 0x1E, "belly_door"),
        (0x1B, 0x1C, "cashbox"),
        (0x82, 0x83, "attendant_menu"),
        (0x84, 0x85, "operator_menu"),
        (0x71, 0x72, "change_lamp"),
        (0x75, 0x76, "printer_power"),
        (0x9E, 0x9F, "session"),
    ],
)
def test_a_strict_pair_takes_turns(opens: int, closes: int, name: str) -> None:
    machine = Machine()

    assert machine.say(opens) == []
    assert machine.raised == [name]
    assert len(machine.say(opens)) == 1
    assert machine.say(closes) == []
    assert machine.raised == []
    assert len(machine.say(closes)) == 1


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_whatever_a_machine_says_first_fits(code: int) -> None:
    assert Machine(validation="system").say(code) == []


def test_a_violation_says_what_was_expected() -> None:
    machine = Machine()
    machine.say(0x11, 0x12)

    event = ExceptionReported(1, 0x12)

    assert machine.conditions.heard(event, 9.0) == [
        SequenceViolation(
            sequence="slot_door",
            state="closed",
            happened="slot_door_closed",
            code="0x12",
            expected=("slot_door_opened",),
        )
    ]


def test_after_a_violation_the_machine_is_believed() -> None:
    machine = Machine()

    assert machine.say(0x12, 0x12) == ["slot_door closed: slot_door_closed"]
    assert machine.say(0x11, 0x12) == []


@pytest.mark.parametrize(
    ("history", "violation"),
    [
        ((0x51, 0x52, 0x52), "handpay none: handpay_reset"),
        ((0x51, 0x3E, 0x3E), "handpay_validation done: handpay_validated"),
        ((0x67, 0x68, 0x68), "ticket_in none: ticket_transfer_complete"),
        ((0x57, 0x3D, 0x3D), "ticket_out none: cash_out_ticket_printed"),
        ((0x7E, 0x7F, 0x7F), "game idle: game_ended"),
        ((0x7E, 0x7E), "game on: game_started"),
        ((0x1B, 0x4F), "cashbox out: bill_accepted"),
        ((0x1B, 0x4A), "cashbox out: bill_accepted_20"),
    ],
)
def test_what_cannot_come_next_is_told(history: tuple[int, ...], violation: str) -> None:
    assert Machine(validation="system").say(*history) == [violation]


@pytest.mark.parametrize(
    "history",
    [
        (0x51, 0x51, 0x51, 0x52, 0x51, 0x52),
        (0x51, 0x55, 0x52),
        (0x52, 0x55),
        (0x67, 0x67, 0x67, 0x68),
        (0x57, 0x57, 0x3D, 0x57, 0x57),
        (0x18, 0x17, 0x17, 0x18, 0x18),
        (0x61, 0x61, 0x3D, 0x3D),
        (0x1B, 0x1C, 0x4F, 0x4F),
    ],
)
def test_what_can_come_next_is_not(history: tuple[int, ...]) -> None:
    machine = Machine(validation="secure_enhanced" if 0x3D in history and 0x61 in history else "system")

    assert machine.say(*history) == []


def test_games_are_watched_with_real_time_events_on() -> None:
    assert Machine().say(0x7E, 0x7F, 0x7F, real_time=False) == []


@pytest.mark.parametrize("unwatched", [(0x7F,), (0x11,), (0x7F, 0x7E)])
def test_a_game_told_in_one_byte_leaves_unknown_how_it_goes_on(unwatched: tuple[int, ...]) -> None:
    machine = Machine()
    assert machine.say(0x7E) == []

    assert machine.say(*unwatched, real_time=False) == []

    assert machine.say(0x7E, 0x7F) == []
    assert machine.say(0x7F) == ["game idle: game_ended"]


def test_games_are_watched_anew_once_real_time_events_were_off(start: Start) -> None:
    """Another host switches them on, and they are off again in between: games go on unwatched."""
    talk = start(real_time_events="off")
    talk.meet()
    for coin_in in (5, 10):
        talk.machine.real_time = True
        talk.raise_exception(0x7E, wager=5, coin_in=coin_in, wager_type=0, progressive_group=0)
        talk.run_for(7)
        assert not talk.machine.real_time

    assert talk.types.count("slot.game_started") == 2
    assert talk.of(SequenceViolation) == []


def test_tickets_out_are_watched_where_the_system_validates_them() -> None:
    assert Machine(validation="secure_enhanced").say(0x57, 0x3D, 0x3D) == []


@pytest.mark.parametrize("doubtful", [0x17, 0x70])
def test_after_a_start_or_an_overflow_nothing_is_sure(doubtful: int) -> None:
    machine = Machine()
    machine.say(0x11, doubtful)

    assert machine.conditions.raised["slot_door"] == Condition("open", 1.0, sure=False)
    assert machine.say(0x11) == []
    assert machine.conditions.raised["slot_door"] == Condition("open", 1.0, sure=True)


def test_doubt_ends_with_what_the_machine_says() -> None:
    machine = Machine()
    machine.say(0x12)
    machine.conditions.doubt()

    assert machine.say(0x12) == []
    assert machine.say(0x12) == ["slot_door closed: slot_door_closed"]


def test_an_exception_that_may_be_a_repeat_proves_nothing() -> None:
    machine = Machine()
    machine.say(0x12)

    assert machine.say(0x12, repeated=True) == []
    assert machine.say(0x12) == []


def test_a_repeat_that_fits_counts_and_is_not_sure() -> None:
    machine = Machine()
    machine.say(0x12)
    machine.say(0x11, repeated=True)

    assert machine.conditions.raised["slot_door"] == Condition("open", 2.0, sure=False)


@pytest.mark.parametrize("code", sorted(REISSUED_SECONDS))
@pytest.mark.parametrize("late", [-EARLY_SECONDS, 0.0, LATE_SECONDS])
def test_what_is_told_again_when_it_is_due_is_no_violation(code: int, late: float) -> None:
    conditions = Conditions()
    found = [
        violation
        for turn in range(4)
        for violation in conditions.heard(
            ExceptionReported(1, code), turn * max(0.0, REISSUED_SECONDS[code] + late), validation="system"
        )
    ]

    assert found == []


def test_a_handpay_told_again_after_its_reset_does_not_raise_it() -> None:
    """Where nobody reads the record of a handpay, the machine goes on telling of it for ever."""
    conditions = Conditions()
    for code, at in ((0x51, 0.0), (0x52, 5.0), (0x51, 15.2), (0x51, 30.4)):
        assert conditions.heard(ExceptionReported(1, code), at) == []

    assert "handpay" not in conditions.raised


@pytest.mark.parametrize("at", [15.2 - 2.0, 15.2 + 3.0])
def test_a_handpay_at_another_time_is_another_handpay(at: float) -> None:
    conditions = Conditions()
    for code, moment in ((0x51, 0.0), (0x52, 5.0), (0x51, at)):
        conditions.heard(ExceptionReported(1, code), moment)

    assert conditions.raised["handpay"] == Condition("pending", at, sure=True)


def test_what_the_machine_does_next_shows_that_its_trouble_is_over() -> None:
    machine = Machine()
    machine.say(0x20, 0x61, 0x28)

    assert machine.raised == ["bill_jam", "general_tilt", "printer_paper_out"]
    machine.say(0x7E, 0x3D, 0x4F)
    assert machine.raised == []


@pytest.mark.parametrize(
    ("code", "name", "seconds"), [(0x6F, "game_locked", 15), (0x3F, "validation_id_missing", 45)]
)
def test_what_is_not_told_again_is_over(code: int, name: str, seconds: float) -> None:
    machine = Machine()
    machine.say(code, code)

    assert not machine.conditions.lapse(1.9 + seconds)
    assert machine.raised == [name]
    assert machine.conditions.lapse(2.0 + seconds)
    assert machine.raised == []
    assert not machine.conditions.lapse(1e9)


def test_since_when_something_is_raised_is_when_it_was_told_first() -> None:
    machine = Machine()
    machine.say(0x61, 0x61, 0x61)

    assert machine.conditions.raised["printer_paper_out"].since == 1.0


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence.name)
def test_what_was_raised_before_a_restart_is_raised_after_it_and_not_sure(sequence: Any) -> None:
    conditions = Conditions({sequence.name})

    assert conditions.noted() == {sequence.name}
    shown = {sequence.name: Condition(sequence.raised, None, sure=False)} if sequence.shown else {}
    assert conditions.raised == shown


def test_a_lock_from_before_a_restart_that_is_not_told_again_is_over() -> None:
    conditions = Conditions({"game_locked", "slot_door"})

    assert conditions.lapse(5.0)
    assert conditions.noted() == {"slot_door"}


@given(st.lists(st.tuples(st.integers(0, 255), st.booleans(), st.floats(0, 60)), max_size=60))
def test_any_exceptions_in_any_order_leave_what_can_be_noted_and_shown(
    history: list[tuple[int, bool, float]],
) -> None:
    conditions, now = Conditions(), 0.0
    for code, repeated, seconds in history:
        now += seconds
        conditions.lapse(now)
        conditions.heard(ExceptionReported(1, code, possibly_repeated=repeated, real_time=True), now)

    assert Conditions(conditions.noted()).noted() == conditions.noted()
    assert all(0 <= (one.since or 0) <= now for one in conditions.raised.values())


def test_a_door_is_shown_with_the_line_and_told_when_it_closes_twice(talk: Any) -> None:
    talk.raise_exception(0x11)
    talk.run_for(1)
    shown = talk.station.counters.conditions
    for _ in range(2):
        talk.raise_exception(0x12)
        talk.run_for(1)

    assert shown["slot_door"].state == "open"
    assert talk.station.counters.conditions == {}
    assert [body.sequence for body in talk.of(SequenceViolation)] == ["slot_door"]
    assert talk.types[talk.types.index("slot.sequence.violation") - 1] == "slot.slot_door_closed"


def test_what_is_raised_outlives_a_restart(talk: Any) -> None:
    talk.raise_exception(0x61)
    talk.run_for(1)
    talk.restart()
    talk.run_for(5)

    assert talk.station.counters.conditions == {"printer_paper_out": Condition("raised", None, sure=False)}


def test_after_a_silence_nothing_is_sure(talk: Any) -> None:
    talk.raise_exception(0x12)
    talk.run_for(1)
    talk.to_host = False
    talk.run_for(10)
    talk.to_host = True
    talk.run_for(10)
    talk.raise_exception(0x12)
    talk.run_for(2)

    assert talk.of(SequenceViolation) == []


def test_a_bill_in_the_meter_that_was_never_accepted_is_a_violation(talk: Any) -> None:
    talk.cabinet.meters["bills_credits"] = 2_000
    talk.raise_exception(0x11)
    talk.run_for(3)

    (violation,) = talk.of(SequenceViolation)
    assert (violation.sequence, violation.happened, violation.expected) == (
        "bill",
        "bills_credits",
        ("bill_accepted",),
    )
    assert [one.meter for one in talk.of(MeterVariance)] == ["bills_credits"]


def test_bills_that_an_overflow_swallowed_are_no_violation(talk: Any) -> None:
    talk.cabinet.meters["bills_credits"] = 2_000
    talk.raise_exception(0x70)
    talk.run_for(3)

    assert talk.of(SequenceViolation) == []
