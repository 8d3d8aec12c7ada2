"""The page on quirks is whole: each quirk has its row, its tests, and what shows and what minds it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from edge_agent.drivers.sas.vendors import Quirks, vendor_names
from edge_agent.drivers.sas.vendors.loading import VendorProfile
from edge_agent.simulator.personalities import load_personality, personality_names
from edge_agent.simulator.personalities.loading import QUIRKS
from edge_agent.simulator.temperament import Temperament
from edge_agent.yaml_documents import Shelf

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "quirks.md").read_text(encoding="utf-8")
TESTS = re.findall(
    r"^def (test_quirk_([0-9]{2})_\w+)\(",
    "".join(file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("test_*.py"))),
    re.MULTILINE,
)


def rows(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of its first column."""
    _, found, table = PAGE.partition(f"\n| {heading} |")
    assert found, heading
    lines = table.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def named(cell: str) -> list[str]:
    """What a cell names."""
    return re.findall(r"`([^`]+)`", cell)


def test_there_is_a_row_for_each_quirk_in_order() -> None:
    assert [row[0] for row in rows("#")] == [str(number) for number in range(1, QUIRKS + 1)]


@pytest.mark.parametrize("number", range(1, QUIRKS + 1))
def test_a_row_names_its_tests_and_who_shows_the_quirk(number: int) -> None:
    _, _, _, personalities, vendors, tests = rows("#")[number - 1]

    assert named(tests) == [name for name, of in TESTS if int(of) == number]
    assert named(tests)
    assert named(personalities) == [
        name for name in personality_names() if number in load_personality(name).quirks
    ]
    assert set(named(vendors)) <= {*vendor_names()}


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("personality", personality_names()),
        ("knob of the temperament", tuple(knob.name for knob in fields(Temperament))),
        ("profile", vendor_names()),
        ("quirk of a profile", tuple(quirk.name for quirk in fields(Quirks))),
    ],
)
def test_the_page_lists_all_there_are(heading: str, names: tuple[str, ...]) -> None:
    assert [named(row[0]) for row in rows(heading)] == [[name] for name in names]


@pytest.mark.parametrize("name", vendor_names())
def test_a_profile_says_where_its_quirks_are_known_from_and_how_surely(name: str) -> None:
    profile = Shelf("profile", "edge_agent.drivers.sas.vendors", VendorProfile, "").read(name)
    (row,) = [row for row in rows("profile") if named(row[0]) == [name]]

    for quirk, why in profile.why.items():
        assert re.fullmatch(r".+ \(([A-Z]{2}, )*(H|M|L|engineering)\)", why), (quirk, why)
        assert quirk in row[2]
        assert why in row[3]
