"""Getting to know a machine, and keeping the knowledge true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from edge_agent.drivers.sas.acquaintance import (
    ESSENTIALS_RETRY_SECONDS,
    LONGEST_LISTENING_SECONDS,
    LONGEST_WITHOUT_ESSENTIALS_SECONDS,
    MODE_CHECK_SECONDS,
    REAL_TIME_EVENTS,
    REAL_TIME_RETRY_SECONDS,
    RETRY_SECONDS,
    ROUGH_MODE_CHECK_SECONDS,
    ROUNDS_OF_WHAT_MATTERS,
    Acquaintance,
)
from edge_agent.drivers.sas.interrogation import EVERY_COMMAND, MOST_POSTPONED, QUESTIONS, Interrogation
from edge_agent.drivers.sas.profile import (
    EXTENDED_METERS,
    FAST_POLLING,
    MOST_GAMES,
    MachineProfile,
    decimal_of,
)
from edge_agent.drivers.sas.reads import Read
from edge_agent.drivers.sas.roles import OBSERVER
from edge_agent.drivers.sas.vendors.quirks import OPTIONS_SECONDS
from edge_agent.sas.messages import LongPollRequest

VERSION = {"version": "602", "serial": "SN1"}
GAME = {
    "game_id": "AC",
    "additional_id": "\x00\x00\x00",
    "denomination": 0x01,
    "max_bet": 5,
    "progressive_group": 0,
    "paytable_id": "PT0001",
    "base_percent": "9450",
}
FAST = {"features1": 0, "features2": 0x08, "features3": 0x01, "features4": 0}
ANSWERS: Mapping[int, Mapping[str, Any]] = {
    0x54: VERSION,
    0x1F: GAME,
    0xA0: FAST,
    0x4F: {"status": 0, "percent_full": 0xFF},
    0x51: {"games_implemented": 2},
    0x53: {"game": 1, **GAME},
    0x56: {"games": (1, 2)},
    0xB1: {"denomination": 1},
    0xB2: {"denominations": (1,)},
    0xB3: {"token_denomination": 0},
    0xB5: {"game": 0},
}


def ask(command: int) -> LongPollRequest:
    """The question with a command, as it is asked of the whole machine."""
    question = next((question for question in QUESTIONS if question.command == command), Read(command))
    return question.request(1, OBSERVER)


def switch(enable: int) -> LongPollRequest:
    """The poll that switches real-time events on or off."""
    return LongPollRequest(1, REAL_TIME_EVENTS, {"enable": enable})


def stranger() -> Acquaintance:
    return Acquaintance(1, MachineProfile(), serial_check=0, may_real_time=True)


def introduce(machine: Acquaintance, now: float = 0.0) -> list[int]:
    """Answer everything; the commands asked."""
    asked = []
    while (request := machine.next_request(now, real_time=False, quiet=False)) is not None:
        asked.append(request.command)
        if request.command == REAL_TIME_EVENTS:
            machine.mode_confirmed(request.values["enable"], now)
        else:
            machine.answered(request, ANSWERS.get(request.command, {}))
    machine.look_after(now)
    return asked


def test_a_stranger_is_asked_with_real_time_events_off() -> None:
    request = stranger().next_request(0, real_time=False, quiet=False)

    assert request is not None
    assert (request.command, request.values) == (REAL_TIME_EVENTS, {"enable": 0})


def test_an_interrogation_asks_every_question_that_makes_sense_in_order() -> None:
    asked = introduce(stranger())

    assert [f"{command:02X}" for command in asked] == [
        *("0E", "54", "1F", "A0", "51", "56", "53", "53", "B5", "B5", "B5", "B1", "B2", "B3", "7E"),
        *("48", "4F", "55", "84", "0F", "19", "1A", "11", "15", "1E", "46", "20", "2F", "6F", "AF", "52"),
    ]


def test_every_game_that_can_be_played_is_asked_about() -> None:
    questions = Interrogation(EVERY_COMMAND - {0x53, 0xB5})
    profile = MachineProfile(games_implemented=5, enabled_games=(2, 5))

    asked = []
    while (request := questions.next_request(1, profile)) is not None:
        asked.append((request.command, request.values["game"]))
        questions.close(request)

    assert asked == [(0x53, 2), (0x53, 5), (0xB5, 0), (0xB5, 2), (0xB5, 5)]


def test_a_machine_that_does_not_tell_its_enabled_games_is_asked_about_the_first_of_them() -> None:
    assert MachineProfile(games_implemented=3).numbered_games == (1, 2, 3)
    assert MachineProfile(games_implemented=500).numbered_games == tuple(range(1, MOST_GAMES + 1))
    assert MachineProfile().numbered_games == ()


def test_a_machine_silent_about_one_game_is_not_asked_about_the_others() -> None:
    machine = stranger()
    machine.mode_confirmed(0, 0)
    for command in (0x54, 0x1F, 0xA0, 0x51, 0x56):
        machine.answered(ask(command), ANSWERS[command])
    about_a_game = machine.next_request(0, real_time=False, quiet=False)
    assert about_a_game is not None

    machine.unsupported(about_a_game, 0)

    following = machine.next_request(0, real_time=False, quiet=False)
    assert about_a_game == LongPollRequest(1, 0x53, {"game": 1})
    assert following == LongPollRequest(1, 0xB5, {"game": 0})
    assert not machine.profile.answers(0x53)


def test_what_needs_a_feature_is_not_asked_of_a_machine_without_it() -> None:
    questions = Interrogation()
    asked = []
    while (request := questions.next_request(1, MachineProfile())) is not None:
        asked.append(request.command)
        questions.close(request)

    assert not {0x53, 0x6F, 0xAF, 0x3D} & set(asked)


def test_a_machine_says_what_it_is() -> None:
    machine = stranger()

    introduce(machine)

    identity = machine.profile.identified()
    assert identity.sas_version == "602"
    assert identity.serial_number == "SN1"
    assert identity.denomination == "0.01"
    assert identity.additional_id is None
    assert identity.base_percent_hundredths == 9450
    assert FAST_POLLING in identity.features
    assert EXTENDED_METERS in identity.features


def test_what_a_machine_does_not_say_stays_unknown() -> None:
    identity = MachineProfile().without(0xB5).identified()

    assert identity.serial_number is None
    assert identity.denomination is None
    assert identity.features == ()
    assert identity.unsupported_polls == ("0xb5",)


def test_a_base_percentage_that_is_no_number_stays_unknown() -> None:
    profile = MachineProfile().learn(0x1F, GAME | {"base_percent": "    ", "denomination": 0})

    assert profile.base_percent_hundredths is None
    assert profile.denomination is None


@pytest.mark.parametrize(("code", "published"), [(5, "0.0005"), (100, "0.01"), (10_000_000, "1000")])
def test_a_denomination_is_published_as_an_exact_decimal(code: int, published: str) -> None:
    assert decimal_of(code) == published


def test_real_time_events_go_on_when_the_machine_has_nothing_more_to_say() -> None:
    machine = stranger()
    introduce(machine, now=10)

    assert machine.next_request(10, real_time=False, quiet=False) is None
    request = machine.next_request(10, real_time=False, quiet=True)
    assert request is not None
    assert request.values == {"enable": 1}


def test_a_machine_that_never_stops_talking_is_not_waited_for() -> None:
    machine = stranger()
    introduce(machine, now=10)

    request = machine.next_request(10 + LONGEST_LISTENING_SECONDS, real_time=False, quiet=False)

    assert request is not None
    assert request.values == {"enable": 1}


def test_real_time_events_are_made_sure_of_every_few_seconds() -> None:
    machine = stranger()
    introduce(machine, now=10)
    machine.mode_confirmed(1, 10)

    assert machine.next_request(10 + MODE_CHECK_SECONDS - 0.1, real_time=True, quiet=True) is None
    assert machine.next_request(10 + MODE_CHECK_SECONDS, real_time=True, quiet=True) is not None


def test_real_time_events_are_made_sure_of_after_a_silence() -> None:
    machine = stranger()
    introduce(machine, now=10)
    machine.mode_confirmed(1, 10)

    machine.came_back()

    assert machine.next_request(10.1, real_time=True, quiet=True) is not None


@pytest.mark.parametrize("may_real_time", [True, False])
def test_a_machine_that_refuses_real_time_events_is_not_asked_on(may_real_time: bool) -> None:  # noqa: FBT001  both
    machine = Acquaintance(1, MachineProfile(), serial_check=0, may_real_time=may_real_time)
    introduce(machine)

    machine.mode_refused(1)

    assert machine.next_request(1, real_time=False, quiet=True) is None


def test_silence_on_a_bad_line_refuses_no_real_time_events() -> None:
    """Three answers of a byte were lost: the machine has them on, and leaves general polls unanswered."""
    machine = stranger()
    introduce(machine)

    machine.mode_refused(1, fine=False)

    assert machine.next_request(1, real_time=False, quiet=True) == switch(1)


def test_a_machine_that_reports_in_real_time_has_not_refused_to() -> None:
    machine = stranger()
    introduce(machine)
    machine.mode_refused(1)

    assert machine.next_request(1, real_time=True, quiet=True) == switch(1)
    machine.mode_confirmed(1, 1)
    assert machine.wants_long_polls


def test_what_is_open_is_not_asked_of_a_machine_that_reports_in_real_time_after_all() -> None:
    """What it does not know it would leave unanswered for ever, and silence means trouble then."""
    machine = introduce_without(0xB3, now=5)
    machine.mode_refused(1)
    machine.look_after(5 + RETRY_SECONDS)

    assert machine.next_request(11, real_time=True, quiet=True) == switch(0)
    machine.mode_confirmed(0, 11)
    assert machine.next_request(11, real_time=False, quiet=True) == ask(0xB3)


def test_real_time_events_wait_until_nothing_is_open_that_the_machine_may_not_know() -> None:
    """That it can have them was among what the line had swallowed."""
    machine = introduce_without_any({0xA0, 0xB3}, now=5)
    machine.look_after(5 + RETRY_SECONDS)
    machine.answered(ask(0xA0), ANSWERS[0xA0])

    assert machine.next_request(11, real_time=False, quiet=True) == ask(0xB3)
    assert not machine.wants_long_polls
    machine.unsupported(ask(0xB3), 11)
    assert REAL_TIME_EVENTS not in introduce(machine, 11)

    assert machine.next_request(12, real_time=False, quiet=True) == switch(1)


def test_a_machine_that_does_not_know_the_mode_is_asked_all_the_same() -> None:
    machine = stranger()

    machine.mode_refused(0)

    request = machine.next_request(0, real_time=False, quiet=False)
    assert request is not None
    assert request.command == 0x54


def test_an_old_acquaintance_is_not_asked_what_it_does_not_answer() -> None:
    machine = Acquaintance(
        1,
        MachineProfile(features=(FAST_POLLING,), unsupported=frozenset({0x54})),
        serial_check=9,
        may_real_time=True,
    )

    first = machine.next_request(0, real_time=False, quiet=False)
    machine.mode_confirmed(1, 0)
    second = machine.next_request(0, real_time=True, quiet=False)

    assert first is not None
    assert first.values == {"enable": 1}
    assert second is not None
    assert second.command == 0x1F


def test_another_machine_in_the_same_place_is_met_afresh() -> None:
    machine = stranger()
    introduce(machine)
    machine.unsupported(ask(0xB5), 0)
    machine.ask_again_soon(0)
    machine.look_after(OPTIONS_SECONDS)

    is_another = machine.answered(ask(0x54), VERSION | {"serial": "SN2"})

    assert is_another
    assert not machine.known
    assert machine.profile == MachineProfile(sas_version="602", serial_number="SN2")
    request = machine.next_request(3, real_time=True, quiet=True)
    assert request is not None
    assert request.values == {"enable": 0}


def test_the_same_machine_asked_again_is_the_same_machine() -> None:
    machine = stranger()
    introduce(machine)

    assert not machine.answered(ask(0x54), VERSION)
    assert machine.known


def test_another_denomination_is_noticed() -> None:
    machine = stranger()
    introduce(machine)

    assert machine.answered(ask(0x1F), GAME | {"denomination": 0x02})
    assert not machine.answered(ask(0x1F), GAME | {"denomination": 0x02})


def test_changes_that_come_several_in_a_row_are_asked_about_once() -> None:
    machine = stranger()
    introduce(machine)
    machine.mode_confirmed(1, 10)

    machine.ask_again_soon(10)
    machine.still_changing(11)
    early = machine.look_after(10 + OPTIONS_SECONDS), machine.interrogating
    machine.look_after(11 + OPTIONS_SECONDS)

    assert early == (False, False)
    assert machine.interrogating


def test_nothing_is_postponed_where_nothing_was_to_change() -> None:
    machine = stranger()
    introduce(machine)

    machine.still_changing(10)
    machine.look_after(100)

    assert not machine.interrogating


def test_an_interrogation_ends_once() -> None:
    machine = stranger()
    machine.mode_confirmed(0, 0)
    for question in QUESTIONS:
        machine.unsupported(ask(question.command), 0)

    assert machine.look_after(1)
    assert not machine.look_after(2)


def test_a_busy_machine_is_asked_the_others_first() -> None:
    questions = Interrogation()

    questions.postpone(ask(0x54))
    questions.postpone(ask(0x99))
    questions.close(ask(0x99))

    request = questions.next_request(1, MachineProfile())
    assert request is not None
    assert request.command == 0x1F


def introduce_without(command: int, now: float, *, as_unknown: bool = False) -> Acquaintance:
    """A machine that answered everything but one command, on a line that may be to blame, or is not."""
    return introduce_without_any({command}, now, as_unknown=as_unknown)


def introduce_without_any(commands: set[int], now: float, *, as_unknown: bool = False) -> Acquaintance:
    """The same without some commands."""
    machine = stranger()
    machine.mode_confirmed(0, 0)
    while (request := machine.next_request(0, real_time=False, quiet=False)) is not None:
        if request.command not in commands:
            machine.answered(request, ANSWERS.get(request.command, {}))
        elif as_unknown:
            machine.unsupported(request, now)
        else:
            machine.not_now(request, now)
    machine.look_after(now)
    return machine


def test_what_was_never_answered_on_a_bad_line_is_asked_again_later() -> None:
    machine = introduce_without(0xA0, now=5)

    early = machine.next_request(7, real_time=False, quiet=True)
    machine.look_after(5 + RETRY_SECONDS)
    later = machine.next_request(5 + RETRY_SECONDS, real_time=False, quiet=True)

    assert early is None
    assert later is not None
    assert later.command == 0xA0


def introduce_again(machine: Acquaintance, now: float) -> list[int]:
    """Time has passed: what is asked then, and is not answered."""
    asked = []
    machine.look_after(now)
    while (request := machine.next_request(now, real_time=False, quiet=True)) is not None:
        asked.append(request.command)
        if request.command == REAL_TIME_EVENTS:
            break
        machine.not_now(request, now)
    machine.look_after(now)
    return asked


def test_real_time_events_wait_until_it_is_known_what_a_credit_is_worth() -> None:
    """Under them it would not be asked again for an hour, and no money could be told meanwhile."""
    machine = introduce_without(0x1F, now=5)

    before = introduce_again(machine, 5 + RETRY_SECONDS)
    machine.look_after(5 + 2 * RETRY_SECONDS)
    machine.answered(ask(0x1F), GAME)

    assert before == [0x1F]
    assert introduce_again(machine, 5 + 2 * RETRY_SECONDS) == []
    assert introduce_again(machine, 6 + 2 * RETRY_SECONDS) == [REAL_TIME_EVENTS]


def test_a_machine_that_never_says_what_a_credit_is_worth_is_not_waited_for_for_ever() -> None:
    machine = introduce_without(0x1F, now=5)
    late = 5 + LONGEST_WITHOUT_ESSENTIALS_SECONDS + RETRY_SECONDS

    still = introduce_again(machine, late - RETRY_SECONDS - 0.1)
    introduce_again(machine, late)
    machine.mode_confirmed(1, late)

    assert still == [0x1F]
    assert machine.known
    machine.look_after(late + ESSENTIALS_RETRY_SECONDS - 0.1)
    assert not machine.interrogating
    machine.look_after(late + ESSENTIALS_RETRY_SECONDS)
    assert machine.interrogating


@pytest.mark.parametrize("command", [0x1F, 0x1A])
def test_three_silences_do_not_take_the_money_from_a_machine(command: int) -> None:
    """They come from a line that answers late too, and what is taken for unknown is never asked again."""
    machine = introduce_without(command, now=5, as_unknown=True)

    rounds = 1
    while machine.profile.answers(command):
        assert not machine.known
        machine.look_after(5 + rounds * RETRY_SECONDS)
        assert machine.next_request(0, real_time=False, quiet=False) == ask(command)
        machine.unsupported(ask(command), 5 + rounds * RETRY_SECONDS)
        introduce(machine, 5 + rounds * RETRY_SECONDS)
        rounds += 1

    assert rounds == ROUNDS_OF_WHAT_MATTERS
    assert machine.known


def test_three_silences_do_not_take_real_time_events_from_a_machine() -> None:
    machine = introduce_without(0xA0, now=5, as_unknown=True)
    assert machine.known
    assert not machine.can_real_time

    introduce(machine, 5 + RETRY_SECONDS)
    machine.look_after(5 + RETRY_SECONDS)
    introduce(machine, 5 + RETRY_SECONDS)

    assert machine.can_real_time


def test_a_meter_of_its_own_is_given_up_at_once_where_one_poll_has_them_all() -> None:
    machine = introduce_without(0x46, now=5, as_unknown=True)

    assert not machine.profile.answers(0x46)
    assert machine.known


@pytest.mark.parametrize(
    ("swallowed", "lacking"),
    [
        ({0x1F}, True),
        ({0x1A}, True),
        ({0x0F}, False),  # 19 has the same
        ({0x0F, 0x19}, False),  # and so have polls of one meter each
        ({0x0F, 0x19, 0x12}, True),
        ({0x12}, False),  # it is not asked where 0F is answered
        ({0x46, 0x52}, False),
    ],
)
def test_what_no_money_can_be_told_without_is_known_in_one_way_or_the_other(
    swallowed: set[int],
    lacking: bool,  # noqa: FBT001  both ways
) -> None:
    machine = stranger()
    machine.mode_confirmed(0, 0)
    while (request := machine.next_request(0, real_time=False, quiet=False)) is not None:
        if request.command in swallowed:
            machine.not_now(request, 0)
        else:
            machine.answered(request, ANSWERS.get(request.command, {}))
    machine.look_after(0)

    assert machine.lacks_essentials is lacking
    assert machine.known is not lacking


def test_what_the_line_swallowed_is_asked_after_a_restart_if_no_money_can_be_told_without_it() -> None:
    assert 0x1F not in introduce_without(0x1F, now=5).unanswered
    assert 0x4F in introduce_without(0x4F, now=5).unanswered


def test_with_real_time_events_on_nothing_is_tried_that_was_never_answered() -> None:
    machine = stranger()
    machine.mode_confirmed(0, 0)
    machine.not_now(ask(0x4F), now=5)
    introduce(machine, now=10)
    machine.mode_confirmed(1, 10)

    machine.look_after(5 + RETRY_SECONDS)

    assert not machine.interrogating
    assert not machine.askable.answers(0x4F)
    assert machine.profile.answers(0x4F)


def test_what_may_be_asked_follows_what_is_learnt_and_is_worked_out_once() -> None:
    """Every poll looks at it."""
    machine = stranger()
    machine.not_now(ask(0x4F), now=5)
    before = machine.askable
    assert machine.askable is before

    machine.answered(ask(0x51), {"games_implemented": 3})
    machine.not_now(ask(0x46), now=6)

    assert machine.askable.games_implemented == 3
    assert not machine.askable.answers(0x4F)
    assert not machine.askable.answers(0x46)


def test_what_was_never_answered_gets_another_chance_when_the_machine_is_met_again() -> None:
    machine = stranger()
    machine.mode_confirmed(0, 0)
    machine.not_now(ask(0x4F), now=5)
    introduce(machine, now=10)
    machine.mode_confirmed(1, 10)

    machine.ask_again_soon(20)
    machine.look_after(20 + OPTIONS_SECONDS)

    request = machine.next_request(23, real_time=True, quiet=True)
    assert request is not None
    assert request.values == {"enable": 0}
    assert machine.askable.answers(0x4F)


def test_what_was_answered_once_is_never_taken_for_unknown() -> None:
    machine = stranger()
    introduce(machine)

    machine.unsupported(ask(0x1A), 0)

    assert machine.askable.answers(0x1A)


def test_what_is_no_longer_answered_under_real_time_events_is_left_out_for_an_hour() -> None:
    """Each time it is asked the machine would be taken for lost."""
    machine = stranger()
    introduce(machine, now=10)
    machine.mode_confirmed(1, 10)

    machine.not_now(ask(0x46), now=20)

    assert machine.profile.answers(0x46)
    assert not machine.askable.answers(0x46)
    machine.look_after(20 + REAL_TIME_RETRY_SECONDS - 0.1)
    assert not machine.interrogating
    machine.look_after(20 + REAL_TIME_RETRY_SECONDS)
    assert machine.askable.answers(0x46)
    request = machine.next_request(20 + REAL_TIME_RETRY_SECONDS, real_time=True, quiet=True)
    assert request is not None
    assert request.values == {"enable": 0}  # where silence hides nothing


def test_three_tries_make_a_poll_unknown() -> None:
    machine = stranger()

    assert not machine.doubt(ask(0x54), 0)
    assert not machine.doubt(ask(0x54), 1)
    assert machine.doubt(ask(0x54), 2)


def test_an_answer_between_two_tries_makes_them_one() -> None:
    machine = stranger()

    machine.doubt(ask(0x1F), 0)
    machine.doubt(ask(0x1F), 1)
    machine.answered(ask(0x1F), GAME)

    assert not machine.doubt(ask(0x1F), 2)


def test_a_rough_line_has_its_mode_checked_seldom() -> None:
    machine = stranger()
    introduce(machine, now=10)
    machine.mode_confirmed(1, 10)

    assert machine.next_request(10 + MODE_CHECK_SECONDS, real_time=True, quiet=True, rough=True) is None
    assert machine.next_request(10 + ROUGH_MODE_CHECK_SECONDS, real_time=True, quiet=True, rough=True)


def test_a_machine_that_is_always_busy_is_left_alone_for_now() -> None:
    questions = Interrogation(skip=frozenset(question.command for question in QUESTIONS[1:]))
    for _ in range(MOST_POSTPONED):
        questions.postpone(ask(0x54))

    assert questions.over


def unwanted() -> Acquaintance:
    """A machine at a site that wants no real-time events, known from a note, and what is asked first."""
    machine = Acquaintance(1, MachineProfile(), serial_check=7, may_real_time=False)
    request = machine.next_request(0, real_time=False, quiet=False)
    assert request is not None
    assert (request.command, request.values) == (REAL_TIME_EVENTS, {"enable": 0})
    machine.mode_confirmed(0, 0)
    return machine


def test_real_time_events_that_the_site_does_not_want_are_switched_off_wherever_they_come_from() -> None:
    machine = unwanted()

    request = machine.next_request(10, real_time=True, quiet=False)

    assert request is not None
    assert (request.command, request.values) == (REAL_TIME_EVENTS, {"enable": 0})


def test_a_host_that_switches_them_on_again_and_again_is_not_answered_every_time() -> None:
    machine = unwanted()
    machine.mode_confirmed(0, 10)

    early = machine.next_request(10 + MODE_CHECK_SECONDS - 0.1, real_time=True, quiet=False)
    late = machine.next_request(10 + MODE_CHECK_SECONDS, real_time=True, quiet=False)

    assert early is not None
    assert early.command != REAL_TIME_EVENTS
    assert late is not None
    assert late.command == REAL_TIME_EVENTS


def test_a_machine_that_refuses_to_switch_them_off_is_let_alone() -> None:
    machine = unwanted()

    machine.mode_refused(0)

    request = machine.next_request(10, real_time=True, quiet=False)
    assert request is not None
    assert request.command != REAL_TIME_EVENTS


def test_real_time_events_that_the_site_wants_are_never_switched_off_at_a_known_machine() -> None:
    machine = Acquaintance(1, MachineProfile(), serial_check=7, may_real_time=True)

    request = machine.next_request(10, real_time=True, quiet=False)

    assert request is not None
    assert (request.command, request.values) != (REAL_TIME_EVENTS, {"enable": 0})
