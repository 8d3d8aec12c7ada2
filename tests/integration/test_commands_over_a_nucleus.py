"""A command that comes over the nucleus' IPC, which drops all of MQTT's properties, is taken and answered."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.testing.nucleus import JAVA, LITE, Flavour, NucleusDouble
from edge_agent.testing.patience import PATIENCE_SECONDS, seconds_until_end

pytestmark = pytest.mark.integration

RECIPE = Path(__file__).parents[2] / "recipes" / "casino.edge.Forwarder.yaml"
CONFIGURATION = {
    # What the recipe we ship permits is what the forwarder has.
    "accessControl": yaml.safe_load(RECIPE.read_text())["ComponentConfiguration"]["DefaultConfiguration"][
        "accessControl"
    ],
    "site": "harbour",
    "uplink": {"kind": "greengrass", "receipt": "nucleus"},
    "commands": {"allow": ["bundle", "meters"], "unsynchronised_clock": "accept"},
}
STOP_SECONDS = 5.0


@contextmanager
def component(role: str, folder: Path, nucleus: NucleusDouble) -> Iterator[subprocess.Popen[bytes]]:
    program = f"import sys; from edge_agent.component import main; sys.exit(main({role!r}))"
    own = {"EDGE_AGENT_STATE": str(folder / "state")}
    with (folder / f"{role}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | nucleus.environment | own,
            stdout=log,
            cwd=folder,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        seconds = seconds_until_end(process)
    assert seconds < STOP_SECONDS


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "forwarder.log").read_text().splitlines()]


@pytest.mark.parametrize("flavour", [JAVA, LITE], ids=["java", "lite"])
def test_a_command_over_ipc_is_answered_and_recorded(tmp_path: Path, flavour: Flavour) -> None:
    with NucleusDouble(CONFIGURATION, flavour=flavour) as nucleus:
        thing = nucleus.environment["AWS_IOT_THING_NAME"]
        answers = f"floor/harbour/{thing}/answer/ops"

        def arrived(topic: str) -> list[Any]:
            return [json.loads(one.payload) for one in nucleus.arrived if one.topic == topic]

        with component("collector", tmp_path, nucleus), component("forwarder", tmp_path, nucleus):
            nucleus.wait_until(lambda: arrived(f"floor/harbour/{thing}/status"), PATIENCE_SECONDS)
            nucleus.wait_until(lambda: nucleus.subscribed("SubscribeToIoTCore"), PATIENCE_SECONDS)
            nucleus.wait_until(lambda: len(nucleus.requests("SubscribeToIoTCore")) == 3, PATIENCE_SECONDS)
            body = {
                "id": "c-1",
                "expires": (datetime.now(UTC) + timedelta(seconds=60)).isoformat(),
                "response_topic": answers,
                "correlation_data": "17",
            }
            nucleus.deliver(f"cmd/harbour/{thing}/bundle", json.dumps(body).encode())
            nucleus.wait_until(lambda: arrived(answers), PATIENCE_SECONDS)
            shadow = f"$aws/things/{thing}/shadow/name/edge-agent/update"
            nucleus.wait_until(lambda: arrived(shadow), PATIENCE_SECONDS)

        (answer,) = arrived(answers)
        assert (answer["outcome"], answer["correlation_data"]) == ("done", "17")
        assert answer["result"]["zip_base64"]
        assert not [entry for entry in logged(tmp_path) if entry["event"] == "not subscribed"]
        largest = max(len(one.payload) for one in nucleus.arrived)
        assert largest <= (7_000 if flavour is LITE else 128 * 1024)
