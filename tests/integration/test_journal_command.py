"""`edge-agent journal`: looked into, proven, mended and sent again, as a technician would."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.cli.main import main
from edge_agent.clock import Clock
from edge_agent.events import Observation, seal
from edge_agent.events.agent import AgentStarted, LineUp
from edge_agent.events.delivery_class import class_of_sealed
from edge_agent.health import write_status
from edge_agent.journal import open_journal
from edge_agent.journal.resend import read_request, requests

pytestmark = pytest.mark.integration


def sealed(number: int) -> bytes:
    clock = Clock()
    body = AgentStarted(version="1", lines=1) if number == 0 else LineUp(line="line-1", silent_seconds=0.0)
    return seal(Observation(f"slot-{number}", clock.monotonic(), body), clock.reading(), "/floor/lab/gw-07")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    state.mkdir()
    with open_journal(
        state / "journal", role="collect", classify=class_of_sealed, housekeeping=False
    ) as journal:
        journal.append([sealed(number) for number in range(8)])
    return state


def run(state: Path, *arguments: str, status: int = 0) -> str:
    command, *more = arguments
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", "journal", command, "--state", str(state), *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status in {0, 33} else done.stderr


def test_the_state_is_told_for_people_and_for_programs(state: Path) -> None:
    assert "forwarder has 8 records to deliver" in run(state, "status")
    assert json.loads(run(state, "status", "--json"))["head"] == 8


def test_records_are_listed_and_chosen(state: Path) -> None:
    listed = run(state, "inspect", "--machine", "slot-3").splitlines()

    assert len(listed) == 1
    assert listed[0].split()[0] == "4"
    assert "floor.line.up" in listed[0]
    assert len(run(state, "inspect", "--limit", "2").splitlines()) == 2
    event = json.loads(run(state, "inspect", "--from", "1", "--to", "1", "--json"))
    assert event["sequence"] == "00000000000000000001"


def test_what_is_exported_can_be_proven_complete(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl.gz"

    assert run(state, "export", "--output", str(file)) == f"{file}: 8 events\n"

    assert len(gzip.decompress(file.read_bytes()).splitlines()) == 8
    assert file.stat().st_mode & 0o777 == 0o600
    proof = subprocess.run(
        [sys.executable, "-m", "edge_agent", "verify", str(file)], capture_output=True, text=True, check=False
    )
    assert (proof.returncode, "complete from 1 to 8" in proof.stdout) == (0, True)
    assert "exists — name another file" in run(state, "export", "--output", str(file), status=2)


@pytest.mark.parametrize(("trouble", "status"), [(KeyboardInterrupt(), 130), (OSError(28, "no room"), 5)])
def test_an_export_that_is_broken_off_leaves_no_half_file(
    state: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: BaseException,
    status: int,
) -> None:
    file, troubles = tmp_path / "events.jsonl", iter([None, None, trouble])

    def event(*_what: object) -> bytes:
        if (now := next(troubles)) is not None:
            raise now
        return b"{}"

    monkeypatch.setattr("edge_agent.cli.journal.handing_out.event_of", event)

    assert main(["journal", "export", "--state", str(state), "--output", str(file)]) == status
    assert not file.exists()


def test_a_damaged_record_is_named_and_then_mended_and_told(state: Path) -> None:
    (segment,) = (state / "journal").glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)

    assert "damaged or deleted, not readable" in run(state, "verify", status=33)
    assert "1 gap journalled" in run(state, "repair")
    assert "sound" in run(state, "verify")
    gap = json.loads(run(state, "inspect", "--type", "floor.agent.journal_gap", "--json"))
    assert gap["data"]["count"] == 1


def test_what_was_changed_with_a_right_checksum_is_no_damage_and_repair_says_who_finds_it(
    state: Path,
) -> None:
    assert "`edge-agent journal verify` says" in run(state, "repair")


def test_a_deleted_segment_is_not_sound_and_mending_journals_the_gap(state: Path) -> None:
    (segment,) = (state / "journal").glob("*.seg")
    segment.unlink()

    assert "records 1 to 8: damaged or deleted" in run(state, "verify", status=33)
    assert "1 gap journalled" in run(state, "repair")
    gap = json.loads(run(state, "inspect", "--json"))
    assert (gap["data"]["first"], gap["data"]["last"]) == (1, 8)


def test_repair_makes_no_journal_where_none_is(tmp_path: Path) -> None:
    assert "there is no journal" in run(tmp_path, "repair", status=5)

    assert not (tmp_path / "journal").exists()


def test_what_a_collector_that_has_ended_measured_is_not_told(state: Path) -> None:
    (state / "status").mkdir()
    measured = {"used_percent": 12.5, "budget_bytes": 2 << 30, "hours_left": None}
    write_status(state / "status" / "collector.json", {"journal": measured})
    assert "12.5 %" in run(state, "status")

    write_status(state / "status" / "collector.json", {"journal": measured, "ended": True})

    assert "the collector does not run" in run(state, "status")


def test_nothing_found_is_said(state: Path) -> None:
    for arguments, said in (
        (("--machine", "nobody"), "no record fits"),
        (("--dead-letters",), "refused nothing"),
    ):
        command = [
            sys.executable,
            "-m",
            "edge_agent",
            "journal",
            "inspect",
            "--state",
            str(state),
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert (done.stdout, said in done.stderr) == ("", True)


def test_a_journal_whose_collector_runs_is_not_repaired_by_another(state: Path) -> None:
    with open_journal(state / "journal", role="collect", housekeeping=False):
        assert "which mends damage by itself" in run(state, "repair", status=6)
        assert "sound" in run(state, "verify")


def test_what_is_to_be_sent_again_is_asked_of_the_forwarder(state: Path) -> None:
    assert run(state, "resend", "--from", "2", "--to", "3").startswith("2 records to be sent again")

    (path,) = requests(state / "journal")
    assert read_request(path).ranges == ((2, 3),)
    assert "no record is chosen" in run(state, "resend", "--machine", "nobody", status=2)
    assert "1 request not done yet" in run(state, "status")


def test_what_was_journalled_is_replayed_in_order(state: Path) -> None:
    events = [json.loads(line) for line in run(state, "replay", "--speed", "1000").splitlines()]

    assert [event["subject"] for event in events] == [f"slot-{number}" for number in range(8)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("inspect", "--from", "9", "--to", "2"), "--from is behind --to"),
        (("inspect", "--since", "soon"), "'soon' is no moment"),
        (("replay", "--speed", "0"), "--speed is no number of times"),
        (("replay", "--speed", "nan"), "--speed is no number of times"),
        (("inspect", "--limit", "-3"), "-3 is less than 0"),
        (("inspect", "--limit", "few"), "'few' is not a whole number"),
        (("inspect", "--class", "D"), "'D' is none of A, B, C"),
    ],
)
def test_arguments_that_make_no_sense_are_one_line(
    state: Path, arguments: tuple[str, ...], says: str
) -> None:
    assert says in run(state, *arguments, status=2).replace("'A', 'B', 'C'", "A, B, C")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another user")
@pytest.mark.parametrize("arguments", [("repair",), ("resend", "--from", "3")])
def test_nobody_leaves_files_that_the_owner_of_the_journal_could_not_read(
    state: Path, arguments: tuple[str, ...]
) -> None:
    os.chown(state / "journal", 65_533, -1)

    assert "belongs to #65533" in run(state, *arguments, status=2)

    assert not requests(state / "journal")


def test_where_there_is_no_journal_it_is_one_line(tmp_path: Path) -> None:
    assert "does not exist" in run(tmp_path, "status", status=5)
