"""`watch` of a capture, as it is typed."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from edge_agent.cabinet.playing import at_pace, followed
from edge_agent.links.capture import HEADER, Travelled
from edge_agent.testing.patience import Stopwatch
from tests.cabinet.conftest import Run

VISIT = Path(__file__).parents[1] / "captures" / "visit.capture"


def test_a_capture_is_shown_frame_by_frame(run: Run) -> None:
    status, out, err = run("watch", str(VISIT))

    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert lines[2].endswith("host to machine 01: general poll, has anything happened?")
    assert lines[2].startswith("09:30:00.2")
    assert "\x1b[" not in out


def test_what_was_chosen_is_shown_and_no_more(run: Run) -> None:
    _, events, _ = run("watch", str(VISIT), "--only", "events")
    _, bills, _ = run("watch", str(VISIT), "--exception", "4F")
    _, polls, _ = run("watch", str(VISIT), "--poll", "last_accepted_bill", "--only", "polls")
    _, others, _ = run("watch", str(VISIT), "--address", "5")

    assert all(": event " in line or ": exception " in line for line in events.splitlines())
    assert bills
    assert all("4F bill_accepted (bill)" in line for line in bills.splitlines())
    assert all("long poll 48 last_accepted_bill" in line for line in polls.splitlines())
    assert others == ""


def test_idle_polls_are_counted(run: Run) -> None:
    _, whole, _ = run("watch", str(VISIT))
    _, folded, _ = run("watch", str(VISIT), "--no-idle")

    assert "idle poll" in folded
    assert folded.count("\n") < whole.count("\n")
    assert "synchronises" not in folded.split("real_time_events")[0]


def test_json_and_the_numbers(run: Run) -> None:
    _, out, _ = run("watch", str(VISIT), "--json", "--poll", "3D", "--only", "answers")

    answers = [json.loads(line) for line in out.splitlines()]
    assert answers
    assert {answer["hex"] for answer in answers if not answer["doubts"]} == {None}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["VISIT", "--tap"], "--tap is nothing for a capture — leave it out"),
        (["VISIT", "--keep", "x"], "--keep is nothing for a capture — leave it out"),
        (["/nowhere", "--speed", "2", "--tap"], "--speed is nothing for a port — leave it out"),
        (
            ["/dev/null"],
            "to watch /dev/null is to poll it, and nobody would keep what the machine then forgets — listen",
        ),
        (["/nowhere"], "/nowhere is neither a capture nor a port that is there — check the path"),
        (["agent:slot-1", "--tap"], "--tap is nothing for the line of an agent — leave it out"),
        (["VISIT", "--speed", "0"], "--speed 0 is no pace — give a number above 0"),
        (
            ["VISIT", "--poll", "machin_information"],
            "no long poll is called 'machin_information' — did you mean",
        ),
        (
            ["VISIT", "--exception", "slot_door_open"],
            "no exception is called 'slot_door_open' — did you mean",
        ),
        (["VISIT", "--address", "0"], "address 0 is out of range"),
        (["VISIT", "--for", "0"], "--for 0 is no time — give seconds, more than 0"),
        ([str(VISIT.parent / "README.md")], "is no capture: it is no text"),
    ],
)
def test_what_cannot_be_watched_is_one_line(run: Run, arguments: list[str], complaint: str) -> None:
    status, out, err = run(
        "watch", *(str(VISIT) if argument == "VISIT" else argument for argument in arguments)
    )

    assert status == 2
    assert out == ""
    assert complaint in err
    assert err.count("\n") == 1


def test_a_capture_is_played_at_its_pace() -> None:
    entries = [Travelled(at, ">", b"\x81") for at in (0.0, 0.3, 0.6)]

    watch, began = Stopwatch(), time.monotonic()
    assert list(at_pace(entries, 2.0, lambda: False)) == entries

    assert time.monotonic() - began > 0.25
    assert watch.look() < 5.0
    assert list(at_pace(entries, None, lambda: True)) == []


def test_a_capture_that_grows_is_followed_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "growing.capture"
    path.write_text(f"{HEADER}\n0.1 > ff00")
    over = threading.Event()
    entries = followed(path, over.is_set)

    def grow() -> None:
        with path.open("a") as file:
            file.write("81\n0.2 < 00\n0.3 > ff")

    growing = threading.Timer(0.2, grow)
    growing.start()
    seen = [next(entries), next(entries)]
    over.set()
    seen += entries
    growing.join()

    assert [str(one) for one in seen] == ["0.100000 > ff0081", "0.200000 < 00"]
