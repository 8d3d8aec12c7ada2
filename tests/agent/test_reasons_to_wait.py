"""Why an update of a component should wait."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from edge_agent.agent.opening import told_to_be_opening
from edge_agent.agent.reasons_to_wait import LOOK_AT_RECORDS, reason_to_wait
from edge_agent.events.delivery_class import class_of_sealed
from edge_agent.health import write_status
from edge_agent.journal import open_journal
from edge_agent.settings import Settings, read_settings

MONEY = {"type": "floor.slot.handpay_pending", "data": {"category": "handpay"}}
PLAY = {"type": "floor.slot.game_ended", "data": {"category": "game"}}
LONG_AGO = 100.0  # seconds


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = read_settings({"site": "s", "gateway": "g", "state": str(tmp_path)}, "test", environment={})
    (tmp_path / "status").mkdir()
    return settings


def journal(settings: Settings, *events: dict[str, Any], age: float = LONG_AGO) -> None:
    with open_journal(
        settings.journal_path,
        role="collect",
        classify=class_of_sealed,
        housekeeping=False,
        wall=lambda: time.time() - age,
    ) as journal:
        journal.append([json.dumps(event).encode() for event in events])


def connect(settings: Settings, *, connected: bool = True) -> None:
    write_status(settings.state / "status" / "forwarder.json", {"connected": connected})


def test_money_that_is_late_is_a_reason(settings: Settings) -> None:
    journal(settings, PLAY, MONEY, MONEY)
    connect(settings)

    assert reason_to_wait(settings) == "2 records of class A wait for the cloud"


def test_money_of_this_moment_is_ordinary_traffic(settings: Settings) -> None:
    journal(settings, MONEY, age=0.0)
    connect(settings)

    assert reason_to_wait(settings) == ""


def test_money_that_is_late_is_a_reason_though_the_clock_was_set_back(settings: Settings) -> None:
    journal(settings, MONEY, age=-3600.0)
    connect(settings)

    assert reason_to_wait(settings) == "1 records of class A wait for the cloud"


def test_play_alone_is_no_reason(settings: Settings) -> None:
    journal(settings, *[PLAY] * (LOOK_AT_RECORDS // 10))
    connect(settings)

    assert reason_to_wait(settings) == ""


def test_without_a_session_there_is_nothing_to_wait_for(settings: Settings) -> None:
    journal(settings, MONEY)
    connect(settings, connected=False)

    assert reason_to_wait(settings) == ""


def test_without_a_journal_there_is_nothing_to_wait_for(settings: Settings) -> None:
    connect(settings)

    assert reason_to_wait(settings) == ""


def test_a_journal_that_is_being_opened_is_a_reason_until_it_is_open(settings: Settings) -> None:
    with told_to_be_opening(settings):
        opening = reason_to_wait(settings)

    assert opening == "the journal is being opened"
    assert reason_to_wait(settings) == ""


def test_word_that_a_killed_process_left_is_no_reason(settings: Settings) -> None:
    (settings.state / "status" / "opening.json").write_text(json.dumps({"pid": 2**22 + 1}))

    assert reason_to_wait(settings) == ""
