"""Deployments wait while money is on its way, within a bound."""

from __future__ import annotations

from edge_agent.agent.deferral import REMEMBERED, Deferral


class Desk:
    """Something that is busy, or not."""

    def __init__(self, longest_seconds: float = 60) -> None:
        self.reason = "3 class A events wait"
        self.now = 1000.0
        self.deferral = Deferral(longest_seconds, lambda: self.reason, lambda: self.now)


def test_a_deployment_goes_ahead_when_nothing_is_on_its_way() -> None:
    desk = Desk()
    desk.reason = ""

    assert desk.deferral.answer("d-1") is None


def test_a_deployment_is_asked_to_wait_while_money_is_on_its_way() -> None:
    desk = Desk()

    assert desk.deferral.answer("d-1") == 5000
    desk.now += 5
    desk.reason = ""
    assert desk.deferral.answer("d-1") is None


def test_no_deployment_waits_longer_than_the_bound() -> None:
    desk = Desk(longest_seconds=12)

    answers = []
    for _ in range(4):
        answers.append(desk.deferral.answer("d-1"))
        desk.now += 5

    assert answers == [5000, 5000, 2000, None]


def test_each_deployment_has_its_own_bound() -> None:
    desk = Desk(longest_seconds=10)
    desk.deferral.answer("d-1")
    desk.now += 20

    assert desk.deferral.answer("d-1") is None
    assert desk.deferral.answer("d-2") == 5000


def test_a_bound_of_zero_defers_nothing() -> None:
    assert Desk(longest_seconds=0).deferral.answer("d-1") is None


def test_old_deployments_are_forgotten() -> None:
    desk = Desk()
    for number in range(10 * REMEMBERED):
        desk.deferral.answer(f"d-{number}")

    assert len(desk.deferral._first_asked) == REMEMBERED
