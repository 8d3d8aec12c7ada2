"""The technician's page has all verdicts, as they are said and in the order in which they are tried."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from edge_agent.cabinet.probing import VERDICTS

PAGE = (Path(__file__).parents[2] / "docs" / "cabinet.md").read_text(encoding="utf-8")
HEAD = "| verdict | it says | next |\n| --- | --- | --- |\n"
# What the page has in the place of what is found.
FOUND = defaultdict(
    lambda: "6 of 120",
    machine="machine 01",
    address="01",
    silent="05",
    expected="09",
    median="105 ms",
    waiting="11",
)


def test_the_table_of_verdicts_is_the_one_that_judges() -> None:
    _, _, behind = PAGE.partition(HEAD)
    table = behind.partition("\n\n")[0].splitlines()

    assert table == [
        f"| `{verdict.name}` | {verdict.sentence.format_map(FOUND)} | {verdict.advice} |"
        for verdict in VERDICTS
    ]
