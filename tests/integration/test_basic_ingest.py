"""The forwarder's process by Basic Ingest: events to the rule, the status past it, canaries answered."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.credentials.dev_pki import PkiPaths
from edge_agent.health import read_status
from edge_agent.journal import open_journal
from edge_agent.standin import Entry, StandinConfig, StandinThread, read_ledger
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until
from tests.integration.conftest import command

pytestmark = pytest.mark.integration

RULE = "floor_events"
SEALED = [b'{"specversion":"1.0","type":"floor.test.said","data":{"n":%d}}' % number for number in range(3)]


@pytest.fixture
def config(config: StandinConfig) -> StandinConfig:
    """The stand-in with a rule."""
    return replace(config, rules=(RULE,))


def settings_file(folder: Path, standin: StandinThread, pki: PkiPaths) -> Path:
    settings = {
        "site": "lab",
        "gateway": "gw-07",
        "state": str(folder / "state"),
        "uplink": {
            "endpoint": "localhost",
            "port": standin.port,
            "ca": str(pki.ca),
            "certificate": str(pki.device_certificate),
            "key": str(pki.device_key),
            "basic_ingest_rule": RULE,
        },
        "log": {"form": "json"},
    }
    file = folder / "agent.yaml"
    file.write_text(json.dumps(settings))  # which is YAML
    return file


def events_of(entry: Entry) -> list[Mapping[str, Any]]:
    payload = gzip.decompress(entry.payload) if entry.encoding == "gzip" else entry.payload
    said = json.loads(payload)
    return said if isinstance(said, list) else [said]


def test_events_go_to_the_rule_and_canaries_come_back(
    standin: StandinThread, pki: PkiPaths, tmp_path: Path
) -> None:
    file = settings_file(tmp_path, standin, pki)
    with open_journal(tmp_path / "state" / "journal", role="collect") as journal:
        journal.append(SEALED)
    with subprocess.Popen(command("forward", "--config", str(file)), stderr=subprocess.PIPE) as forwarder:
        status = tmp_path / "state" / "status" / "forwarder.json"
        wait_until(lambda: (read_status(status).get("canaries") or {}).get("answered"), PATIENCE_SECONDS)
        wait_until(lambda: read_status(status).get("depth") == 0, PATIENCE_SECONDS)
        forwarder.send_signal(signal.SIGTERM)
        _, complaints = forwarder.communicate(timeout=PATIENCE_SECONDS)

    entries = [*read_ledger(standin.config.ledger_file)]
    events = [entry for entry in entries if "cloudevents" in (entry.content_type or "")]
    types = [event["type"] for entry in events for event in events_of(entry)]
    assert {entry.topic.partition("/floor/")[0] for entry in events} == {f"$aws/rules/{RULE}"}
    assert {entry.topic for entry in entries if entry not in events} >= {"floor/lab/gw-07/status"}
    assert sorted(types) == ["floor.agent.canary"] + ["floor.test.said"] * len(SEALED)
    assert forwarder.returncode == 0, complaints
