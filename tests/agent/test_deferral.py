"""Deployments wait while money is on its way, within a bound."""

from __future__ import annotations

from edge_agent.agent.deferral import REMEMBERED, Deferral


class Gateway:
    """Something that is busy, or not, and its clock."""

    def __init__(self, longest_seconds: float = 60) -> None:
        self.reason = "3 records of class A wait"
        self.now = 1000.0
        self.deferral = Deferral(lambda: self.now)
        self._longest_seconds = longest_seconds

    def answer(self, deployment: str) -> int | None:
        return self.deferral.answer(deployment, self.reason, self._longest_seconds)


def test_a_deployment_goes_ahead_when_nothing_is_on_its_way() -> None:
    gateway = Gateway()
    gateway.reason = ""

    assert gateway.answer("d-1") is None


def test_a_deployment_is_asked_to_wait_while_money_is_on_its_way() -> None:
    gateway = Gateway()

    assert gateway.answer("d-1") == 5000
    gateway.now += 5
    gateway.reason = ""
    assert gateway.answer("d-1") is None


def test_no_deployment_waits_longer_than_the_bound() -> None:
    gateway = Gateway(longest_seconds=12)

    answers = []
    for _ in range(4):
        answers.append(gateway.answer("d-1"))
        gateway.now += 5

    assert answers == [5000, 5000, 2000, None]


def test_each_deployment_has_its_own_bound() -> None:
    gateway = Gateway(longest_seconds=10)
    gateway.answer("d-1")
    gateway.now += 20

    assert gateway.answer("d-1") is None
    assert gateway.answer("d-2") == 5000


def test_a_bound_of_zero_defers_nothing() -> None:
    assert Gateway(longest_seconds=0).answer("d-1") is None


def test_old_deployments_are_forgotten() -> None:
    gateway = Gateway()
    for number in range(10 * REMEMBERED):
        gateway.answer(f"d-{number}")

    assert len(gateway.deferral._first_asked) == REMEMBERED
