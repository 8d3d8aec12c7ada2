"""The technician's page on ports says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_agent.links.adapters import ADAPTERS, Adapter

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ports.md").read_text(encoding="utf-8")
# What the code says, with sentences that go on in the next line made whole.
SAID = re.sub(
    r'"\s*f?"',
    "",
    "".join(file.read_text(encoding="utf-8") for file in (ROOT / "edge_agent" / "links").glob("*.py")),
)


def rows(heading: str) -> list[list[str]]:
    _, _, section = PAGE.partition(f"\n## {heading}\n")
    lines = section.partition("\n## ")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]


def test_every_line_the_page_explains_is_said_by_a_link() -> None:
    explained = [
        said for row in rows("What each line means")[2:] for said in re.findall(r"`([^`]+)`", row[0])
    ]

    assert len(explained) >= 20
    assert [said for said in explained if said not in SAID] == []


@pytest.mark.parametrize("adapter", ADAPTERS, ids=[adapter.driver for adapter in ADAPTERS])
def test_the_table_of_chips_is_the_one_ports_are_treated_by(adapter: Adapter) -> None:
    (row,) = [row for row in rows("Adapters") if row[0] == f"`{adapter.driver}`"]

    assert row[1] == adapter.chips
    assert row[6] == adapter.confidence
    if adapter.flaw:
        assert row[5].startswith("refused")
    else:
        assert row[2:5] == [f"{1000 * adapter.handover:g} ms", adapter.drains, adapter.flags.value]
