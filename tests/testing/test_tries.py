"""How often a test tries what chance makes."""

from __future__ import annotations

import pytest

from edge_agent.testing.tries import LONG, TIMES_AS_MANY, VARIABLE, tries


def test_every_day_as_many_as_the_test_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)

    assert tries(12) == 12


def test_in_the_long_run_many_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, LONG)

    assert tries(12) == 12 * TIMES_AS_MANY
