"""The page about gateways with systemd: its settings are settings, its commands commands."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.cli.main import make_parser
from edge_agent.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "deploy-systemd.md"
TEXT = PAGE.read_text()
GATEWAY = {"site": "harbour", "gateway": "gw-07", "state": "/var/lib/edge-agent"}

BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
COMMANDS = sorted(
    {
        command.split("#")[0].strip()
        for command in re.findall(
            r"(?:^ {4}|`)(?:sudo )?(?:-u \S+ )?edge-agent ([^\n`]*)", TEXT, flags=re.MULTILINE
        )
    }
)
DROP_INS = [re.findall(r"`([A-Z]\w+=[^`]*)`", line) for line in TEXT.splitlines() if line.startswith("| ")]
UNITS = PAGE.parents[1] / "packaging" / "systemd"


@pytest.mark.parametrize("block", BLOCKS)
def test_the_settings_shown_are_settings(block: str) -> None:
    document: dict[str, Any] = GATEWAY | yaml.safe_load(
        re.sub(r"^uplink: ….*$", "", block, flags=re.MULTILINE)
    )

    Settings.model_validate(document)


def test_all_three_are_found() -> None:
    assert len(BLOCKS) == 3
    assert {"certs check", "certs enrol", "config check /etc/edge-agent/config.yaml"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_shown_are_commands(command: str) -> None:
    assert make_parser().parse_args(command.split())


def test_the_example_is_the_page_s_own_but_for_what_it_leaves_open() -> None:
    """It must not be complete, or a gateway would poll before somebody has said what is there."""
    example = yaml.safe_load((UNITS.parent / "config.example.yaml").read_text())

    assert (example["site"], example["gateway"], example["lines"]) == (None, None, [])
    example |= {"site": "harbour", "gateway": "gw-07"}
    example["uplink"]["endpoint"] = "xxxxxxxxxxxxxx-ats.iot.eu-west-1.amazonaws.com"
    assert Settings.model_validate(example).uplink


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here (Debian: systemd)"
)
@pytest.mark.integration
@pytest.mark.parametrize("directives", [found for found in DROP_INS if found])
def test_the_drop_ins_shown_are_directives(directives: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/systemd/system"
    shutil.copytree(UNITS, folder)
    drop_in = folder / "edge-agent-forwarder.service.d" / "override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\n" + "\n".join(directives) + "\n")

    done = subprocess.run(
        ["systemd-analyze", "verify", f"--root={tmp_path}", "edge-agent-forwarder.service"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert "override.conf" not in done.stderr
