"""A technician at the gateway reads how it is, and what wants a look."""

from __future__ import annotations

import errno
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edge_agent.agent.plain_words import in_plain_words, what_wants_a_look
from edge_agent.cli import main
from edge_agent.health import write_status

NOW = 1_749_630_663.0  # 2025-06-11T08:31:03Z


def report(**said: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "version": "0.1.0",
        "clock": "synchronised",
        "collector": "running",
        "lines": {
            "slot-1001": {
                "state": "polling",
                "since": "2025-06-11T06:31:03Z",
                "last_event": "2025-06-11T08:31:00Z",
            }
        },
        "journal": {
            "head": 421,
            "waiting": 0,
            "oldest_seconds": 0,
            "size_mb": 4,
            "free_mb": 1024,
            "used_percent": 1,
            "hours_left": None,
        },
        "uplink": {
            "kind": "iot_core",
            "promise": "delivered",
            "running": True,
            "connected": True,
            "last_reason": "",
            "withheld": False,
            "canary_alarm": False,
            "dead_letters": 0,
            "untold": 0,
            "refused_filters": [],
        },
        "certificate": {"days_left": 89},
    }
    for name, value in said.items():
        whole[name] = {**whole[name], **value} if isinstance(value, dict) else value
    return whole


def test_a_gateway_that_is_well_is_told_in_a_few_lines() -> None:
    assert list(in_plain_words(report(), [], NOW)) == [
        "collector    running, version 0.1.0, clock synchronised",
        "line         slot-1001: polling, for 2 h, last event 3 s ago",
        "journal      421 records so far, nothing waits, 4 MB, 1024 MB free",
        "uplink       iot_core: connected, delivered means that the cloud has it",
        "certificate  good for 89 days",
        "",
        "all is well",
    ]


@pytest.mark.parametrize(
    ("quality", "words"),
    [
        ({"score": 98, "answer_ms": [20, 25], "reasons": ["a"]}, "heard 98 of 100"),
        (
            {"score": 62, "answer_ms": [20, 240], "degraded": True, "reasons": ["a", "b"]},
            "heard 62 of 100 (a; b)",
        ),
    ],
)
def test_how_well_a_machine_is_heard_is_told_with_its_line(quality: dict[str, Any], words: str) -> None:
    slot = {"state": "polling", "since": "2025-06-11T06:31:03Z", "quality": quality}

    told = list(in_plain_words(report(lines={"slot-1001": slot}), [], NOW))

    assert told[1] == f"line         slot-1001: polling, for 2 h, {words}"


@pytest.mark.parametrize(
    ("name", "condition", "words"),
    [
        ("slot_door", {"state": "open", "since": "2025-06-11T08:19:03Z"}, "slot door open for 12 min"),
        (
            "printer_paper_out",
            {"state": "raised", "since": "2025-06-11T08:31:00Z"},
            "printer paper out for 3 s",
        ),
        (
            "handpay",
            {"state": "pending", "since": None, "sure": False},
            "handpay pending since before the agent was started, as far as is known",
        ),
    ],
)
def test_what_is_raised_at_a_machine_is_told_with_its_line(
    name: str, condition: dict[str, Any], words: str
) -> None:
    slot = {"state": "polling", "since": "2025-06-11T06:31:03Z", "conditions": {name: condition}}

    told = list(in_plain_words(report(lines={"slot-1001": slot}), [], NOW))

    assert told[1] == f"line         slot-1001: polling, for 2 h, {words}"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            {"collector": "not running"},
            "the collector: it is not running; machines keep what they have to say",
        ),
        (
            {"lines": {"slot-1": {"state": "silent", "since": "2025-06-11T08:21:03Z", "protocol_errors": 4}}},
            "line slot-1: silent, for 10 min, 4 protocol errors",
        ),
        (
            {"lines": {"slot-1": {"state": "silent", "reason": "silent for 2.6 s"}}},
            "line slot-1: silent",
        ),
        (
            {"lines": {"slot-1": {"state": "polling", "faults": 1}}},
            "line slot-1: polling, 1 fault of the agent",
        ),
        (
            {"lines": {"slot-1": {"state": "silent", "reason": "no ninth bit", "protocol_errors": 1}}},
            "line slot-1: silent, 1 protocol error — no ninth bit",
        ),
        (
            {"lines": {"slot-1": {"state": "held back by the journal"}, "slot-2": {"state": "polling"}}},
            "the journal: it takes nothing more; 1 line not polled, nothing is lost — free some space",
        ),
        ({"uplink": {"running": False}}, "the forwarder: it is not running; what was journalled waits"),
        (
            {"uplink": {"connected": False, "last_reason": "localhost:8883: connection refused"}},
            "the uplink: not connected: localhost:8883: connection refused",
        ),
        ({"uplink": {"connected": False}}, "the uplink: not connected: no answer yet"),
        (
            {"uplink": {"withheld": True, "last_reason": "0x87 not authorised"}},
            "the uplink: the cloud does not let us publish: 0x87 not authorised",
        ),
        (
            {"uplink": {"canary_alarm": True}},
            (
                "the uplink: no canary comes back; what has a receipt may be lost in the cloud — "
                "see docs/basic-ingest.md"
            ),
        ),
        (
            {"uplink": {"refused_filters": ["cmd/lab/gw/+"]}},
            "the uplink: the cloud does not let us subscribe to cmd/lab/gw/+",
        ),
        ({"uplink": {"dead_letters": 3}}, "3 records the cloud will never take, kept as dead letters"),
        (
            {"uplink": {"untold": 1}},
            "the uplink: the cloud does not even take that 1 record was set aside; it is offered again",
        ),
        ({"journal": {"oldest_seconds": 7200}}, "the journal: the oldest record has waited for 2 h"),
        (
            {"journal": {"used_percent": 91, "hours_left": 5}},
            "the journal: 91 % of its room are used, room for 5 h more at the present rate",
        ),
        ({"journal": {"used_percent": 70}}, "the journal: 70 % of its room are used"),
        ({"journal": {"free_mb": 100}}, "the disk: only 100 MB are free"),
        (
            {"certificate": {"days_left": 7}},
            "the certificate: good for only 7 days — see `edge-agent certs check`",
        ),
        (
            {"certificate": {"days_left": -1}},
            "the certificate: expired 1 day ago — see `edge-agent certs check`",
        ),
    ],
)
def test_what_is_not_well_is_a_sentence(said: dict[str, Any], sentence: str) -> None:
    found = what_wants_a_look(report(**said), NOW)

    assert found == [sentence]
    assert f"look at      {sentence}" in list(in_plain_words(report(**said), found, NOW))


def test_a_gateway_without_an_uplink_or_a_certificate_is_no_trouble() -> None:
    bench = report(uplink={"kind": None, "running": False}, certificate={"days_left": None})

    assert what_wants_a_look(bench, NOW) == []
    assert "uplink       none is set" in list(in_plain_words(bench, [], NOW))


@pytest.mark.parametrize(
    ("journal", "words"),
    [
        ({"head": None}, "not known: the collector has not said"),
        (
            {"waiting": None},
            "421 records so far, the forwarder has not said how many wait, 4 MB, 1024 MB free",
        ),
        (
            {"waiting": 12, "oldest_seconds": 90},
            "421 records so far, 12 records waiting, the oldest for 90 s, 4 MB, 1024 MB free",
        ),
        (
            {"waiting": 2, "oldest_seconds": 9, "free_mb": 9, "hours_left": 100},
            (
                "421 records so far, 2 records waiting, the oldest for 9 s, 4 MB, 9 MB free"
                ", room for 4 days more at the present rate"
            ),
        ),
    ],
)
def test_the_journal_in_words(journal: dict[str, Any], words: str) -> None:
    assert f"journal      {words}" in list(in_plain_words(report(journal=journal), [], NOW))


@pytest.mark.parametrize(
    ("uplink", "words"),
    [
        (
            {"promise": "accepted", "kind": "greengrass"},
            "greengrass: connected, accepted means that the nucleus has it",
        ),
        ({"kind": "file"}, "file: connected, delivered means that the file has it"),
        ({"connected": False}, "iot_core: not connected: no answer yet"),
        ({"running": False}, "iot_core: the forwarder is not running"),
    ],
)
def test_the_uplink_in_words(uplink: dict[str, Any], words: str) -> None:
    assert f"uplink       {words}" in list(in_plain_words(report(uplink=uplink), [], NOW))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A gateway of which a collector has just said how it is."""
    config = tmp_path / "agent.yaml"
    config.write_text(f"site: lab\ngateway: gw-07\nstate: {tmp_path}/state\n")
    (tmp_path / "state" / "status").mkdir(parents=True)
    lines = {"uart-1": {"device": "slot-1001", "state": "polling", "faults": 0}}
    write_status(
        tmp_path / "state" / "status" / "collector.json",
        {"lines": lines, "journal": {"head": 1}, "clock": "synchronised"},
    )
    return config


def test_the_command_ends_well_when_all_is_well(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--config", str(config)]) == 0

    assert capsys.readouterr().out.endswith("all is well\n")


def test_the_command_says_with_its_status_that_something_wants_a_look(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)

    assert main(["status", "--config", str(config), "--json"]) == 1

    said = json.loads(capsys.readouterr().out)
    assert said["collector"] == "not running"
    assert said["wants_a_look"] == ["the collector: it is not running; machines keep what they have to say"]


def test_a_gateway_whose_settings_a_nucleus_has_is_told_of_by_its_state(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = config.parent / "state"
    config.unlink()
    about = {
        "site": "lab",
        "gateway": "gw-07",
        "uplink": {"kind": "greengrass", "promise": "accepted"},
        "certificate_days": None,
    }
    write_status(state / "status" / "forwarder.json", {"connected": True, "depth": 0, "about": about})

    assert main(["status", "--state", str(state)]) == 0
    assert "greengrass: connected, accepted means that the nucleus has it" in capsys.readouterr().out
    assert main(["diagnose", "--state", str(state), "--output", str(config.parent / "b.zip")]) == 0
    with zipfile.ZipFile(config.parent / "b.zip") as bundle:
        assert json.loads(bundle.read("configuration.json")) == {
            "not_known": "made from the state folder alone"
        }
        assert json.loads(bundle.read("manifest.json"))["gateway"] == "gw-07"
    assert main(["status", "--state", str(state / "nowhere")]) == 2


def test_a_state_this_user_may_not_look_at_is_not_taken_for_a_gateway_that_stands_still(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_folder: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # root, who may run the tests, may look everywhere

    for command in ("status", "diagnose"):
        assert main([command, "--config", str(config)]) == 2
        assert "status cannot be read: Permission denied — run this as the user" in capsys.readouterr().err


def test_settings_that_cannot_be_read_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("status", "diagnose"):
        assert main([command, "--config", str(tmp_path / "none.yaml")]) == 2
        assert "none.yaml cannot be read" in capsys.readouterr().err


def test_a_bundle_that_cannot_be_written_is_one_line(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = config.parent / "nowhere" / "bundle.zip"

    assert main(["diagnose", "--config", str(config), "--output", str(output)]) == 1

    assert "No such file or directory" in capsys.readouterr().err


def test_what_would_make_a_port_better_is_told_below_its_line_and_is_no_trouble() -> None:
    advice = "port ttyUSB0 hears answers up to 16 ms late — let a udev rule set its latency_timer to 1"
    slot = {"state": "polling", "since": "2025-06-11T06:31:03Z", "advice": [advice]}
    told_of = report(lines={"slot-1001": slot})

    told = list(in_plain_words(told_of, what_wants_a_look(told_of, NOW), NOW))

    assert told[1:3] == ["line         slot-1001: polling, for 2 h", f"advice       slot-1001: {advice}"]
    assert told[-1] == "all is well"
