"""The page about the simulated machine names all that one can be, and all that it does not answer."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.simulator.polls import ANSWERED
from edge_agent.simulator.specification import MachineSpec

PAGE = (Path(__file__).parents[2] / "docs" / "simulated-machine.md").read_text("utf-8")
REAL_TIME_SWITCH = 0x0E  # the connection's own


def test_every_field_of_a_specification_is_on_the_page() -> None:
    rows = PAGE.split("## What it can do")[1].split("## What it does not answer")[0]
    named = set(re.findall(r"`(\w+)`", rows))

    assert {field.name for field in fields(MachineSpec)} <= named


def test_every_poll_of_the_tables_is_answered_or_named_as_not_laid_out() -> None:
    silent = PAGE.split("## What it does not answer")[1].split(":")[0]
    named = {int(code, 16) for code in re.findall(r"\b[0-9A-F]{2}\b", silent)}

    assert named == {command for command, row in LONG_POLLS.items() if not row.layout_known}
    assert set(LONG_POLLS) == ANSWERED | named | {REAL_TIME_SWITCH}
