"""The golden capture: its events were written down once, and every version tells the same, byte for byte.

A difference is a change in what the agent hears. It is never accepted silently: find out what changed; where
that is meant, write the events down anew and say so in the changelog.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.cabinet.retelling import retell
from edge_agent.cli import main
from edge_agent.links.capture import read_capture_file

TESTS = Path(__file__).parents[1]
CAPTURE = TESTS / "captures" / "visit.capture"
GOLDEN = TESTS / "golden" / "visit.jsonl"


def test_the_golden_capture_tells_the_golden_events() -> None:
    told = b"".join(event + b"\n" for event in retell(read_capture_file(CAPTURE), device="slot-1001"))

    assert told == GOLDEN.read_bytes()


def test_replay_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["replay", str(CAPTURE), "--device", "slot-1001"])

    assert status == 0
    assert capsys.readouterr().out.encode() == GOLDEN.read_bytes()


def test_the_golden_story_has_what_goes_wrong_on_a_wire() -> None:
    golden = GOLDEN.read_text()

    for event_type in (
        "protocol_errors",
        "game_started",
        "bill_accepted",
        "ticket_recorded",
        "handpay_pending",
    ):
        assert f'.{event_type}"' in golden
