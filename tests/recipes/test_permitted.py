"""The collector and the forwarder as real processes, with their recipes' own settings and permissions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.testing.nucleus import JAVA, LITE, Flavour, NucleusDouble
from edge_agent.testing.nucleus.double import THING
from edge_agent.testing.patience import PATIENCE_SECONDS
from edge_agent.testing.recipes import Recipe
from tests.recipes.conftest import ROOT

pytestmark = pytest.mark.integration

SITE = "harbour"


@contextmanager
def started(recipe: Recipe, nucleus: NucleusDouble, folder: Path) -> Iterator[Path]:
    """The component's program in a work folder of its own; its log."""
    work = folder / recipe.component_name
    work.mkdir()
    log = folder / f"{recipe.component_name}.log"
    with log.open("wb") as output:
        program = subprocess.Popen(
            [sys.executable, str(ROOT / "components" / recipe.component_name / "main.py")],
            cwd=work,
            env=os.environ | nucleus.environment | {"EDGE_AGENT_STATE": str(folder / "state")},
            stdout=output,
        )
        try:
            yield log
        finally:
            program.terminate()
            program.wait(PATIENCE_SECONDS)


def filters(nucleus: NucleusDouble) -> set[str]:
    """What the component is subscribed to in the cloud."""
    return {
        str(request["topicName"])
        for connection in [*nucleus.connections]
        for operation, request in [*connection._streams.values()]
        if operation == "SubscribeToIoTCore"
    }


@pytest.mark.parametrize("flavour", [JAVA, LITE], ids=["java", "lite"])
def test_the_recipe_permits_the_forwarder_all_it_asks_of_a_nucleus(
    collector: Recipe, forwarder: Recipe, flavour: Flavour, tmp_path: Path
) -> None:
    change = {
        "site": SITE,
        "uplink": {"kind": "greengrass", "receipt": "cloud"},
        "commands": {"allow": ["meters"]},
    }
    shadow = f"$aws/things/{THING}/shadow/name/edge-agent/update"
    floor, commands = f"floor/{SITE}/{THING}", f"cmd/{SITE}/{THING}"
    with (
        NucleusDouble(collector.component_configuration.default_configuration, flavour=flavour) as one,
        NucleusDouble(forwarder.component_configuration.default_configuration, flavour=flavour) as other,
    ):
        one.merge({"site": SITE})
        other.merge(change)
        with started(collector, one, tmp_path), started(forwarder, other, tmp_path) as log:
            told = {f"{floor}/ev/floor.agent.started", f"{floor}/status", shadow}
            other.wait_until(lambda: told <= {message.topic for message in other.arrived}, PATIENCE_SECONDS)
            heard = {f"{commands}/+", f"{commands}/received", f"{shadow}/accepted", f"{shadow}/rejected"}
            other.wait_until(lambda: filters(other) == heard, PATIENCE_SECONDS)

    assert "not subscribed" not in log.read_text()
    assert "Unauthorized" not in log.read_text()
