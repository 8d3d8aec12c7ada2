"""Time is a number."""

from __future__ import annotations

from edge_agent.testing.clock import VirtualClock


def test_time_passes_only_when_told() -> None:
    clock = VirtualClock(5.0)

    clock.advance(1.5)

    assert clock() == clock.now == 6.5
    assert repr(clock) == "<VirtualClock 6.500>"


def test_time_never_goes_back() -> None:
    clock = VirtualClock(5.0)

    clock.move_to(4.0)
    assert clock() == 5.0
    clock.move_to(6.0)
    assert clock() == 6.0
