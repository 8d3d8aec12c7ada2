"""The report says how a gateway is, fits a shadow, and says nothing it should not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.reporting import Sources, as_json, make_report, scrub, size_of, wants_a_look
from edge_agent.reporting.report import LIMIT_BYTES, STALE_SECONDS

NOW = 1_749_630_663.0
SINCE = "2025-06-11T08:00:00Z"


def line(device: str, state: str = "polling", **said: Any) -> dict[str, Any]:
    counters = {"polls": 5, "protocol_errors": 0, "faults": 0, "last_event": "slot_door_opened"}
    return {**counters, "device": device, "state": state, "since": SINCE, "last_event_seconds": 3.0, **said}


def sources(lines: dict[str, Any] | None = None, **said: Any) -> Sources:
    collector = {
        "monotonic": 100.0,
        "settings": "0123456789abcdef",
        "clock": "synchronised",
        "lines": lines or {},
        "journal": {
            "id": "fe11db6b6260453aa5c303bc1ff6f015",
            "head": 421,
            "bytes": 3 * 2**20 + 1,
            "free_bytes": 2**30,
            "used_percent": 70.6,
            "hours_left": 18.4,
        },
    }
    forwarder = {
        "monotonic": 100.0,
        "connected": True,
        "connects": 2,
        "last_reason": "",
        "depth": 7,
        "oldest_seconds": 12.4,
        "dead_letters": 1,
        "untold": 1,
        "withheld": False,
    }
    return Sources(
        now=NOW,
        monotonic=100.5,
        collector={**collector, **said.get("collector", {})},
        forwarder={**forwarder, **said.get("forwarder", {})},
        uplink={"kind": "iot_core", "promise": "delivered"},
        certificate_days=89,
        version="0.1.0",
    )


def test_everything_a_fleet_wants_to_know_is_in_it() -> None:
    report = make_report(
        sources({"uart-1": line("slot-1001"), "uart-2": line("slot-1002", "silent", faults=2)})
    )

    assert report == {
        "version": "0.1.0",
        "settings": "0123456789abcdef",
        "clock": "synchronised",
        "collector": "running",
        "journal": {
            "id": "fe11db6b6260453aa5c303bc1ff6f015",
            "head": 421,
            "waiting": 7,
            "oldest_seconds": 12,
            "size_mb": 4,
            "free_mb": 1024,
            "used_percent": 71,
            "hours_left": 18,
        },
        "uplink": {
            "kind": "iot_core",
            "promise": "delivered",
            "running": True,
            "connected": True,
            "connects": 2,
            "last_reason": "",
            "withheld": False,
            "canary_alarm": False,
            "dead_letters": 1,
            "untold": 1,
            "refused_filters": [],
        },
        "certificate": {"days_left": 89},
        "lines": {
            "slot-1001": {"state": "polling", "since": SINCE, "last_event": "2025-06-11T08:31:00Z"},
            "slot-1002": {
                "state": "silent",
                "since": SINCE,
                "last_event": "2025-06-11T08:31:00Z",
                "faults": 2,
            },
        },
        "floor": {"lines": 2, "wanting_a_look": 1, "states": {"polling": 1, "silent": 1}},
    }


def test_a_process_that_has_ended_is_not_running_though_it_said_so_just_now() -> None:
    report = make_report(sources(collector={"ended": True}, forwarder={"ended": True}))

    assert report["collector"] == "not running"
    assert report["uplink"]["running"] is False


def test_a_line_that_is_down_says_why_and_one_that_is_back_does_not() -> None:
    trouble = "port /dev/serial/by-id/usb-adapter does not exist"
    floor = {
        "uart-1": line("slot-1001", "link lost", trouble=trouble),
        "uart-2": line("slot-1002", trouble=trouble),
    }

    lines = make_report(sources(floor))["lines"]

    assert lines["slot-1001"]["reason"] == "port usb-adapter does not exist"
    assert "reason" not in lines["slot-1002"]


def raised(state: str = "open", *, sure: bool = True) -> dict[str, Any]:
    return {"state": state, "since": SINCE, "sure": sure}


def test_what_is_raised_at_a_device_is_told_with_its_beginning() -> None:
    conditions = {"slot_door": raised(), "printer_paper_out": raised("raised", sure=False)}

    told = make_report(sources({"uart-1": line("slot-1001", conditions=conditions)}))["lines"]["slot-1001"]

    assert told["conditions"] == {
        "slot_door": {"state": "open", "since": SINCE},
        "printer_paper_out": {"state": "raised", "since": SINCE, "sure": False},
    }


def test_a_line_at_which_nothing_is_raised_says_nothing_of_it() -> None:
    assert "conditions" not in make_report(sources({"a": line("slot-1", conditions={})}))["lines"]["slot-1"]


def test_what_is_raised_is_left_out_before_any_line_is() -> None:
    conditions = {f"condition_{number}": raised() for number in range(8)}
    lines = {f"uart-{n}": line(f"slot-{1000 + n}", conditions=conditions) for n in range(64)}

    report = make_report(sources(lines))

    assert len(report["lines"]) == 64
    assert not any("conditions" in told for told in report["lines"].values())
    assert size_of(report) <= LIMIT_BYTES


def heard(score: int = 62, *, degraded: bool = True, reasons: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "score": score,
        "reasons": list(reasons),
        "answer_median_ms": 25,
        "answer_p95_ms": 240,
        "degraded": degraded,
    }


def test_how_well_a_line_is_heard_is_told_with_the_first_reasons() -> None:
    said = heard(reasons=("98 of 1490 polls without an answer", "b", "c", "d"))

    told = make_report(sources({"uart-1": line("slot-1001", quality=said)}))["lines"]["slot-1001"]

    assert told["quality"] == {
        "score": 62,
        "answer_ms": [25, 240],
        "degraded": True,
        "reasons": ["98 of 1490 polls without an answer", "b", "c"],
    }
    assert wants_a_look(told, NOW)


def test_a_line_that_is_heard_well_wants_no_look() -> None:
    told = make_report(sources({"a": line("slot-1", quality=heard(99, degraded=False))}))["lines"]["slot-1"]

    assert told["quality"] == {"score": 99, "answer_ms": [25, 240]}
    assert not wants_a_look(told, NOW)


def test_where_room_is_short_only_lines_that_are_heard_badly_say_so() -> None:
    lines = {f"uart-{n}": line(f"slot-{1000 + n}", quality=heard(99, degraded=n == 0)) for n in range(64)}

    told = make_report(sources(lines))["lines"]

    assert [name for name, one in told.items() if "quality" in one] == ["slot-1000"]


def test_a_line_the_journal_holds_back_wants_a_look_whatever_its_machine_does() -> None:
    report = make_report(sources({"uart-1": line("slot-1001", held_back=True)}))

    assert report["floor"] == {"lines": 1, "wanting_a_look": 1, "states": {"held back by the journal": 1}}


def test_a_collector_that_says_nothing_any_more_is_not_running_and_its_lines_are_stopped() -> None:
    quiet = {"monotonic": 100.5 - STALE_SECONDS}

    report = make_report(sources({"uart-1": line("slot-1001")}, collector=quiet))

    assert report["collector"] == "not running"
    assert report["lines"]["slot-1001"]["state"] == "stopped"


def test_a_gateway_of_which_nobody_has_said_anything_has_a_report() -> None:
    nothing = Sources(NOW, 5.0, {}, {}, {"kind": None, "promise": None})

    report = make_report(nothing)

    assert report["collector"] == "not running"
    assert report["journal"]["head"] is None


def test_sixty_four_lines_are_told_one_by_one() -> None:
    floor = {f"uart-{n}": line(f"slot-{n:04d}") for n in range(64)}

    assert len(make_report(sources(floor))["lines"]) == 64


def test_more_lines_are_counted_and_those_that_want_a_look_are_named() -> None:
    lines = 500
    floor = {f"uart-{n}": line(f"slot-{n:04d}", "silent" if n % 50 == 0 else "polling") for n in range(lines)}

    report = make_report(sources(floor))

    assert size_of(report) <= LIMIT_BYTES
    assert set(report["lines"]) == {f"slot-{n:04d}" for n in range(0, lines, 50)}
    assert report["floor"]["states"] == {
        "polling": lines - len(report["lines"]),
        "silent": len(report["lines"]),
    }


def test_a_floor_on_which_all_is_wrong_fits_as_well() -> None:
    floor = {f"uart-{n}": line("x" * 60 + f"{n:04d}", "silent", faults=10**9) for n in range(500)}

    report = make_report(sources(floor))

    assert size_of(report) <= LIMIT_BYTES
    assert report["floor"]["wanting_a_look"] == 500
    assert 0 < len(report["lines"]) < 500


def test_a_technician_may_have_every_line() -> None:
    floor = {f"uart-{n}": line(f"slot-{n:04d}") for n in range(100)}

    assert len(make_report(sources(floor), limit_bytes=None)["lines"]) == 100


def test_states_that_devices_make_up_are_bounded() -> None:
    floor = {f"uart-{n}": line(f"d-{n}", f"state {n} " + "y" * 100) for n in range(60)}

    states = make_report(sources(floor))["floor"]["states"]

    assert len(states) == 13
    assert sum(states.values()) == 60


@given(st.lists(st.tuples(st.text(max_size=64), st.text(max_size=64)), max_size=200), st.text(max_size=2000))
def test_no_gateway_has_a_report_that_does_not_fit(lines: list[tuple[str, str]], reason: str) -> None:
    floor = {f"uart-{n}": line(device, state) for n, (device, state) in enumerate(lines)}

    report = make_report(sources(floor, forwarder={"last_reason": reason}))

    assert len(json.dumps({"state": {"reported": report}, "clientToken": "edge-agent-12345"})) < 2 * 8192
    assert size_of(report) == len(as_json(report))


@pytest.mark.parametrize(
    ("state", "since", "faults", "wanted"),
    [
        ("polling", SINCE, 0, False),
        ("polling", SINCE, 1, True),
        ("silent", SINCE, 0, True),
        ("link lost", SINCE, 0, True),
        ("starting", SINCE, 0, True),
        ("starting", "2025-06-11T08:31:00Z", 0, False),
        ("a state of its own", SINCE, 0, False),
    ],
)
def test_what_wants_a_look(state: str, since: str, faults: int, *, wanted: bool) -> None:
    assert wants_a_look({"state": state, "since": since, "faults": faults}, NOW) is wanted


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("key /etc/edge-agent/private/device.key cannot be read", "key device.key cannot be read"),
        ("card 4111111111111111 heard", "card … heard"),
        (
            "a1b2-ats.iot.eu-west-1.amazonaws.com:8883: no answer",
            "a1b2-ats.iot.eu-west-1.amazonaws.com:8883: no answer",
        ),
        ("two\nlines", "two lines"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_reason_says_nothing_it_should_not(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


def test_what_would_make_a_port_better_is_told_while_the_collector_runs() -> None:
    advice = ["port /dev/ttyUSB0 hears answers up to 16 ms late — let a udev rule set its latency_timer to 1"]
    lines = {"a": line("slot-1", advice=advice)}

    told = make_report(sources(lines))["lines"]["slot-1"]

    assert told["advice"] == [
        "port ttyUSB0 hears answers up to 16 ms late — let a udev rule set its latency_timer to 1"
    ]
