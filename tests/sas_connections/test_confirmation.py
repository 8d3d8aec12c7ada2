"""Which events may be repeats, and which cannot."""

from __future__ import annotations

import pytest

from edge_agent.sas.confirmation import Confirmation, Verdict
from edge_agent.sas.host_bounds import CONFIRMATIONS_TRIED
from edge_agent.sas.messages import GENERAL_POLL, EventReply, ExceptionReply, encode_reply

START = {"wager": 2, "coin_in": 102, "wager_type": 0, "progressive_group": 0}
BILL = {"country": 37, "denomination_code": 4, "count": 7}


def event(code: int, **values: int) -> EventReply:
    return EventReply(1, code, values)


def judged(confirmation: Confirmation, reply: EventReply) -> Verdict:
    return confirmation.judge(reply.code, encode_reply(reply), reply.values)


def reported(reply: EventReply, *, certain: bool = True) -> Confirmation:
    """A confirmation that has an event to confirm, brought by 1A."""
    confirmation = Confirmation()
    confirmation.report(reply.code, encode_reply(reply), 0x1A, certain=certain)
    return confirmation


@pytest.mark.parametrize("reply", [event(0x7E, **START), event(0x4F, **BILL)])
def test_an_event_with_the_same_data_is_a_repeat(reply: EventReply) -> None:
    assert judged(reported(reply), reply) is Verdict.REPEATED


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (event(0x7E, **START), event(0x7E, **{**START, "coin_in": 104})),
        (event(0x4F, **BILL), event(0x4F, **{**BILL, "count": 8})),
    ],
)
def test_an_event_with_other_data_is_genuine(before: EventReply, now: EventReply) -> None:
    assert judged(reported(before), now) is Verdict.NEW


@pytest.mark.parametrize(
    "reply",
    [
        event(0x11),
        event(0x7F, win=5),
        event(0x7E, **{**START, "wager": 0}),
        event(0x4F, **{**BILL, "count": 0}),
    ],
    ids=["door", "game end", "free game", "bills not counted"],
)
def test_an_event_that_nothing_tells_apart_is_doubtful(reply: EventReply) -> None:
    assert judged(reported(reply), reply) is Verdict.DOUBTFUL


def test_a_different_poll_answered_proves_that_the_event_has_gone() -> None:
    confirmation = reported(event(0x11))
    assert not confirmation.proves(0x1A)
    assert not confirmation.proves(GENERAL_POLL)
    assert confirmation.proves(0x15)

    confirmation.heard(0x15)

    assert confirmation.carrier is None
    assert confirmation.proves(0x1A)
    assert judged(confirmation, event(0x11)) is Verdict.NEW


def test_the_same_poll_answered_proves_nothing() -> None:
    confirmation = reported(event(0x11))

    confirmation.heard(0x1A)

    assert confirmation.carrier == 0x1A


@pytest.mark.parametrize("doubt", ["repeated too often", "link dropped"])
def test_a_machine_that_reset_its_poll_state_may_still_have_the_event(doubt: str) -> None:
    confirmation = reported(event(0x11), certain=doubt != "repeated too often")
    if doubt == "link dropped":
        confirmation.link_dropped()

    confirmation.heard(0x15)

    assert judged(confirmation, event(0x11)) is Verdict.DOUBTFUL


def test_the_same_data_after_proof_is_doubtful_and_never_dropped() -> None:
    confirmation = reported(event(0x7E, **START))
    confirmation.heard(0x15)

    assert judged(confirmation, event(0x7E, **START)) is Verdict.DOUBTFUL


def test_another_queued_event_proves_that_the_one_before_has_gone() -> None:
    confirmation = reported(event(0x11))

    assert judged(confirmation, event(0x12)) is Verdict.NEW
    assert judged(confirmation, event(0x11)) is Verdict.NEW


@pytest.mark.parametrize("code", [0x3D, 0x70, 0x7D])
def test_an_event_that_may_overtake_proves_nothing(code: int) -> None:
    confirmation = reported(event(0x11))

    assert judged(confirmation, event(code)) is Verdict.NEW
    assert judged(confirmation, event(0x11)) is Verdict.DOUBTFUL


def test_two_polls_without_an_answer_are_enough_to_ask_on() -> None:
    confirmation = reported(event(0x11))

    confirmation.unheard()
    assert not confirmation.proves(0x1A)
    confirmation.unheard()

    assert confirmation.proves(0x1A)
    assert judged(confirmation, event(0x11)) is Verdict.DOUBTFUL


@pytest.mark.parametrize("last", [EventReply(1, 0x11), ExceptionReply(1, 0x11)])
def test_what_an_earlier_run_journalled_may_come_again(last: EventReply | ExceptionReply) -> None:
    confirmation = Confirmation(encode_reply(last))

    assert confirmation.carrier is None
    assert judged(confirmation, event(0x11)) is Verdict.DOUBTFUL


def test_what_was_proved_of_one_kind_is_kept_when_another_is_proved() -> None:
    confirmation = reported(event(0x7E, **START))
    confirmation.nothing_pending()
    confirmation.report(0x4F, encode_reply(event(0x4F, **BILL)), 0x1A, certain=True)
    confirmation.nothing_pending()

    assert judged(confirmation, event(0x7E, **START)) is Verdict.DOUBTFUL
    assert judged(confirmation, event(0x4F, **BILL)) is Verdict.DOUBTFUL


def test_where_nothing_is_to_be_proved_any_poll_will_do() -> None:
    confirmation = reported(event(0x11))
    assert not confirmation.proves(GENERAL_POLL)

    for _ in range(CONFIRMATIONS_TRIED):
        confirmation.unheard()

    assert confirmation.carrier is None
    assert confirmation.proves(GENERAL_POLL)
