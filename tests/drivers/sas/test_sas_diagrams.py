"""The diagrams are those of the table the driver runs on."""

from __future__ import annotations

from pathlib import Path

import pytest
import write_diagrams

from edge_agent.drivers.sas.sequences import SEQUENCES, Sequence

PAGE = write_diagrams.PAGE.read_text(encoding="utf-8")


def test_the_page_is_what_the_table_says() -> None:
    assert write_diagrams.main(["--check"]) == 0


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence.name)
def test_each_way_from_state_to_state_has_its_arrow(sequence: Sequence) -> None:
    _, _, section = PAGE.partition(f"## {sequence.name.replace('_', ' ').capitalize()}\n")
    drawn = section.partition("\n## ")[0]

    assert f"[*] --> {sequence.rest}" in drawn
    ways = {(row.state, row.following) for row in sequence.transitions}
    assert drawn.count("-->") == len(ways) + 1
    assert all(f"{state} --> {following}: " in drawn for state, following in ways)


def test_a_page_that_is_not_up_to_date_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stale = tmp_path / "states.md"
    stale.write_text("old")

    assert write_diagrams.main(["--check"], stale) == 1
    assert capsys.readouterr().err == "states.md differs from the tables — write it with `scripts/diagrams`\n"
    assert write_diagrams.main([], stale) == 0
    assert stale.read_text(encoding="utf-8") == PAGE
