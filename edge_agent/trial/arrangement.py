"""What the processes of a trial are told: the agent's settings, the arguments of the stand-in, the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from edge_agent.credentials.dev_pki import PkiPaths
from edge_agent.testing.wires import PERFECT
from edge_agent.trial.plan import GATEWAY, SITE, TrialFolder, TrialPlan

# On a bad wire a snapshot that lacks what was lost is followed by another after this much rather than after
# minutes.
IDLE_METERS_ON_A_BAD_WIRE_SECONDS = 15.0


def agent_settings(plan: TrialPlan, folder: TrialFolder, pki: PkiPaths, port: int) -> dict[str, Any]:
    """The settings of the collector and the forwarder, whose cloud listens on `port`."""
    options: dict[str, Any] = {"address": 1, "poll_ms": plan.poll_ms}
    if plan.wire != PERFECT.name:
        options["idle_meters_seconds"] = IDLE_METERS_ON_A_BAD_WIRE_SECONDS
    lines = [
        {
            "name": name,
            "port": str(folder.port(name)),
            "driver": "sas",
            "options": dict(options),
        }
        for name in plan.machine_names
    ]
    lines += [{"name": name, "port": str(folder.port(name)), "driver": "tdl1"} for name in plan.table_names]
    return {
        "site": SITE,
        "gateway": GATEWAY,
        "state": str(folder / "agent"),
        "lines": lines,
        "uplink": {
            "endpoint": "localhost",
            "port": port,
            "ca": str(pki.ca),
            "certificate": str(pki.device_certificate),
            "key": str(pki.device_key),
            "keep_alive_seconds": 30,
            "max_reconnect_ms": 2_000,  # a trial is short
        },
        "log": {"level": "info", "form": "json"},
    }


def write_settings(file: Path, settings: dict[str, Any]) -> None:
    """Whoever reads the file meanwhile reads the old or the new settings."""
    beside = file.with_suffix(".new")
    beside.write_text(yaml.safe_dump(settings))
    beside.replace(file)


def standin_arguments(folder: TrialFolder, port: int) -> list[str]:
    """What the stand-in of IoT Core is started with."""
    return [
        *("--state", str(folder / "stand-in")),
        *("--thing", GATEWAY),
        *("--site", SITE),
        *("--port", str(port)),
        *("--pki", str(folder.pki)),
        *("--ledger", str(folder / "received.jsonl")),
    ]


def floor_plan(plan: TrialPlan) -> dict[str, Any]:
    """What the floor's process is told of the plan."""
    return {
        "machines": plan.machine_names,
        "tables": plan.table_names,
        "seed": plan.seed,
        "rate": plan.rate,
        "wire": plan.wire,
    }
