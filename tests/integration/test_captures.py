"""What real cabinets said goes the whole way: replay, driver, journal, forwarder, mutual TLS, ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.credentials.dev_pki import PkiPaths, make_pki
from edge_agent.health import read_status
from edge_agent.standin import StandinConfig, StandinThread
from edge_agent.testing.patience import PATIENCE_SECONDS
from edge_agent.trial.evidence import Arrived, read_received
from edge_agent.trial.processes import TrialProcess, wait_for

pytestmark = pytest.mark.integration

CAPTURE = Path(__file__).parents[1] / "captures" / "field_cabinet.capture"
SITE, GATEWAY, SUBJECT = "field", "gw-01", "cabinet-1"

# 5.5 s of silence before an unknown machine is asked, 2.4 s for the two polls it does not know, then a poll
# every 40 ms: 14 s in all; the rest is for a busy machine.

# Code and type of each event frame, in the order captured. The idle frames, FF 00 and FF 1F, are not among
# them: they say that nothing has happened.
EXPECTED = (
    ("0x12", "floor.slot.slot_door_closed"),
    ("0x1b", "floor.slot.cashbox_removed"),
    ("0x7b", "floor.slot.bill_validator_period_totals_reset"),
    ("0x29", "floor.slot.bill_acceptor_hardware_failure"),
    ("0x3b", "floor.slot.low_backup_battery"),
    ("0x84", "floor.slot.operator_menu_entered"),
    ("0x71", "floor.slot.change_lamp_on"),
    ("0x85", "floor.slot.operator_menu_exited"),
    ("0x6f", "floor.slot.game_locked"),
    ("0x88", "floor.slot.reel_stopped"),
    ("0x70", "floor.slot.exception_buffer_overflow"),
    ("0x82", "floor.slot.attendant_menu_entered"),
    ("0x14", "floor.slot.drop_door_closed"),
    ("0x1c", "floor.slot.cashbox_installed"),
    ("0x69", "floor.slot.aft_transfer_complete"),
    ("0x83", "floor.slot.attendant_menu_exited"),
    ("0x1a", "floor.slot.cashbox_door_closed"),
    ("0x6a", "floor.slot.aft_request_for_host_cashout"),
    ("0x51", "floor.slot.handpay_pending"),
)

METERS_READ, PROTOCOL_ERRORS = "floor.slot.meters_read", "floor.line.protocol_errors"
AGENT_STOPPED = "floor.agent.stopped"
# Row 19 of the capture.
CAPTURED_METERS = {
    "coin_in": 452_040,
    "coin_out": 861_480,
    "drop": 413_078,
    "jackpot": 634_494,
    "games_played": 2_062,
}


@dataclass(frozen=True)
class Delivered:
    """One run, after its end."""

    arrived: Sequence[Arrived]
    copies: int
    lines: Mapping[str, Any]  # the collector's last word on its lines
    complaints: Sequence[Mapping[str, Any]]  # log entries of both processes that want somebody to look

    def of_type(self, event_type: str) -> list[Arrived]:
        return [one for one in self.arrived if one.event["type"] == event_type]


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """The capture, replayed into the production processes until all of it is with the stand-in."""
    folder = tmp_path_factory.mktemp("capture")
    pki = make_pki(folder / "pki", thing=GATEWAY)
    config = StandinConfig(
        state=folder / "stand-in",
        ca=pki.ca,
        certificate=pki.server_certificate,
        key=pki.server_key,
        things={GATEWAY: {"site": SITE}},
    )
    with StandinThread(config) as standin:
        (folder / "agent.yaml").write_text(yaml.safe_dump(settings(folder, pki, standin.port)))
        collector, forwarder = processes = [
            TrialProcess(
                verb, ["edge_agent", verb, "--config", str(folder / "agent.yaml")], folder / f"{verb}.log"
            )
            for verb in ("collect", "forward")
        ]

        def arrives(*types: str) -> None:
            wait_for(
                " and ".join(types),
                lambda: {one.event["type"] for one in read_received(config.ledger_file)[0]}.issuperset(types),
                processes,
                PATIENCE_SECONDS,
            )

        try:
            collector.start()
            forwarder.start()
            # The meters are read when the machine has nothing more to say.
            arrives(METERS_READ, PROTOCOL_ERRORS)
            lines = read_status(folder / "agent" / "status" / "collector.json")["lines"]
            collector.stop()
            arrives(AGENT_STOPPED)
        finally:
            for process in processes:
                process.stop()
    arrived, copies = read_received(config.ledger_file)
    return Delivered(arrived, copies, lines, complaints(folder))


def settings(folder: Path, pki: PkiPaths, port: int) -> dict[str, Any]:
    return {
        "site": SITE,
        "gateway": GATEWAY,
        "state": str(folder / "agent"),
        "lines": [{"name": SUBJECT, "port": f"replay:{CAPTURE}", "driver": "sas"}],
        "uplink": {
            "endpoint": "localhost",
            "port": port,
            "ca": str(pki.ca),
            "certificate": str(pki.device_certificate),
            "key": str(pki.device_key),
        },
        "log": {"form": "json"},
    }


def complaints(folder: Path) -> list[Mapping[str, Any]]:
    entries = [json.loads(line) for log in folder.glob("*.log") for line in log.read_text().splitlines()]
    return [entry for entry in entries if entry["level"] not in {"debug", "info"}]


def test_each_captured_event_arrives_in_order_and_once(delivered: Delivered) -> None:
    """Nothing else with a code arrives: no idle frame, no damaged frame, nothing from a host's row."""
    exceptions = [one for one in delivered.arrived if "code" in one.data]

    assert [(one.data["code"], one.event["type"]) for one in exceptions] == list(EXPECTED)
    assert {one.subject for one in exceptions} == {SUBJECT}
    assert all(one.data["real_time"] and not one.data["possibly_repeated"] for one in exceptions)
    assert delivered.copies == 0


def test_the_reel_event_without_its_data_says_null(delivered: Delivered) -> None:
    (reel,) = delivered.of_type("floor.slot.reel_stopped")

    assert reel.data["reel"] is None
    assert reel.data["stop"] is None


def test_the_captured_meters_arrive(delivered: Delivered) -> None:
    """Those of row 19, which the driver asks.

    The answers to 2F are not published, because the driver asks 2F for other meters; nor those to 72 and
    74 (electronic transfers) and 94 (a handpay), which it never asks: an observer moves no money.
    """
    read = delivered.of_type(METERS_READ)[0]
    meters = {meter["name"]: meter for meter in read.data["meters"]}

    assert {name: meters[name]["value"] for name in CAPTURED_METERS} == CAPTURED_METERS
    assert meters["coin_in"]["money"] == {"minor": 452_040, "currency": "USD"}
    assert read.data["settled"]


def test_the_damaged_frame_is_counted_and_nothing_more(delivered: Delivered) -> None:
    (errors,) = delivered.of_type(PROTOCOL_ERRORS)

    assert errors.data["total"] == 1
    assert delivered.lines[SUBJECT]["state"] == "polling"
    assert not delivered.of_type("floor.line.down")


def test_sequences_have_no_gap_and_everything_was_acknowledged(delivered: Delivered) -> None:
    sequences = [one.sequence for one in delivered.arrived]

    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert all(one.acked_at is not None for one in delivered.arrived)
    assert delivered.arrived[-1].event["type"] == AGENT_STOPPED


def test_neither_process_has_anything_to_complain_of(delivered: Delivered) -> None:
    assert delivered.complaints == []
