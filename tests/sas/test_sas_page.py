"""The page about SAS is written from the tables, says everything they do, and is kept to them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import write_sas_tables
from sas_page.codes import TITLES, anchor
from sas_page.page import page

from edge_agent.sas.exception_codes import EXCEPTIONS
from edge_agent.sas.fields import Field, Rows, parts
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.meter_codes import METERS

PAGE = page(write_sas_tables.VECTORS)
HEADINGS = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)


def section(heading: str) -> str:
    """What stands under a heading, up to the next of any level."""
    return re.split(r"^#+ ", PAGE.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def everything(fields: tuple[Field, ...]) -> list[Field]:
    return [found for field in fields for found in (field, *everything(parts(field)))]


def test_the_page_is_what_the_tables_say() -> None:
    assert write_sas_tables.PAGE.read_text(encoding="utf-8") == PAGE
    assert write_sas_tables.main(["--check"]) == 0


def test_a_page_that_differs_is_refused_and_then_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "sas.md"
    stale.write_text("# Yesterday\n")

    assert write_sas_tables.main(["--check"], stale) == 1
    assert capsys.readouterr().err == "sas.md differs from the tables — write it with `scripts/sas_tables`\n"
    assert write_sas_tables.main([], stale) == 0
    assert stale.read_text(encoding="utf-8") == PAGE


def test_a_wrong_flag_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_sas_tables.main(["--chekc"]) == 2
    assert "usage: scripts/sas_tables [--check]" in capsys.readouterr().err


def test_every_link_on_the_page_leads_to_a_heading() -> None:
    targets = set(re.findall(r"\]\(#([^)]+)\)", PAGE))

    assert targets - {anchor(heading) for heading in HEADINGS} == set()


def test_no_two_headings_are_the_same() -> None:
    assert len(HEADINGS) == len(set(HEADINGS))


@pytest.mark.parametrize("command", LONG_POLLS)
def test_every_poll_stands_in_the_table_of_its_family(command: int) -> None:
    rows = re.findall(rf"^\| `{command:02X}` \| [^|]+ \| [RSMG] \| ", PAGE, re.MULTILINE)

    assert len(rows) == 1


@pytest.mark.parametrize("command", LONG_POLLS)
def test_every_field_of_a_poll_is_shown(command: int) -> None:
    row = LONG_POLLS[command]
    shown = next((section(heading) for heading in HEADINGS if heading.startswith(f"{command:02X} ")), "")

    if not shown:
        assert not row.request
        assert [field.size for field in row.reply] in ([], [4])
        return
    fields = everything(row.request + row.reply)
    unnamed = {field.element.name for field in fields if isinstance(field, Rows)}
    names = {field.name for field in fields} - unnamed
    assert names <= set(re.findall(r"`(\w+)`", shown))


def test_every_exception_and_every_meter_is_shown() -> None:
    exceptions, meters = section("Exceptions and real-time events"), section("Meters")

    assert re.findall(r"^\| `(\w\w)` ", exceptions, re.MULTILINE) == [f"{code:02X}" for code in EXCEPTIONS]
    assert re.findall(r"^\| `(\w\w)` ", meters, re.MULTILINE) == [f"{code:02X}" for code in METERS]


def test_every_table_of_codes_that_a_field_uses_is_shown() -> None:
    fields = [field for row in LONG_POLLS.values() for field in everything(row.request + row.reply)]
    fields += [field for row in EXCEPTIONS.values() for field in row.real_time_fields]
    used = [table for field in fields for kind in ("codes", "bits") if (table := getattr(field, kind, None))]

    assert [table for table in used if not any(table is shown for _, shown in TITLES)] == []


@pytest.mark.parametrize(
    ("heading", "line"),
    [
        ("72 AFT transfer", "| 46 | 1 + n | `transaction_id` |"),
        ("4D Enhanced validation", "| 26 | 1 | `validation_system` |"),
        ("74 AFT lock and status", "| 7 | 1 | `lock_status` | binary; [Lock statuses](#lock-statuses) |"),
        ("28 Transfer log", "| 2 | 5 times 9 | `transfers` | for each |"),
        ("Bills", "| 10 | 500 |"),
        ("Denominations", "| 1C | 0.0025 |"),
        ("AFT transfer statuses", "| 93 | asset number zero or different |"),
        ("Validation status bits", "| 15 | secure enhanced validation configured |"),
        ("What nobody knows", "- 5A Supported bills: a read; source MO"),
        ("What nobody knows", "- event 89: `data`"),
    ],
)
def test_the_page_says(heading: str, line: str) -> None:
    assert line in section(heading)


def test_polls_say_what_they_do_to_the_machine() -> None:
    assert "It **changes the machine**, but reads with `lock_code` FF." in section("74 AFT lock and status")
    assert "It **reads once**, but reads with `function` 01 to 1F or FF." in section("4D Enhanced validation")
    assert "It does what its base poll does." in section("B0 Multi denomination")
