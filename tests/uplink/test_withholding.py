"""Topics we may not publish to: each by itself, tried again slowly."""

from __future__ import annotations

from edge_agent.uplink.withholding import Withheld

DOOR, JACKPOT = "floor/lab/gw-07/ev/floor.slot.slot_door_opened", "floor/lab/gw-07/ev/floor.slot.handpay"


def test_a_refusal_stops_its_topic_and_no_other() -> None:
    withheld = Withheld(probe=30)

    news = withheld.refused(DOOR, now=100)

    assert news
    assert not withheld.take(DOOR, now=129.9)
    assert withheld.take(JACKPOT, now=100)
    assert withheld.topics == (DOOR,)


def test_one_publish_is_let_through_when_the_time_has_come() -> None:
    withheld = Withheld(probe=30)
    withheld.refused(DOOR, now=100)

    assert [withheld.take(DOOR, now) for now in (130, 130, 159, 160)] == [True, False, False, True]


def test_a_second_refusal_is_no_news_and_waits_anew() -> None:
    withheld = Withheld(probe=30)
    withheld.refused(DOOR, now=100)

    assert not withheld.refused(DOOR, now=130)
    assert withheld.left(now=130) == 30


def test_a_delivery_ends_it() -> None:
    withheld = Withheld(probe=30)
    withheld.refused(DOOR, now=100)

    assert withheld.delivered(DOOR)
    assert not withheld.delivered(DOOR)
    assert withheld.take(DOOR, now=101)
    assert (withheld.topics, withheld.left(now=101)) == ((), None)


def test_the_next_attempt_is_that_of_the_topic_refused_first() -> None:
    withheld = Withheld(probe=30)
    withheld.refused(DOOR, now=100)
    withheld.refused(JACKPOT, now=110)

    assert withheld.left(now=112) == 18
    assert withheld.left(now=140) == 0
