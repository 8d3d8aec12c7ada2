"""The page about the driver says what the driver does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_agent.drivers.sas.duties import DUTIES, READS
from edge_agent.drivers.sas.interrogation import QUESTIONS
from edge_agent.drivers.sas.options import SasOptions
from edge_agent.drivers.sas.reads import Read
from edge_agent.drivers.sas.record_events import MAKERS
from edge_agent.drivers.sas.roles import OBSERVER, PRIMARY, Role
from edge_agent.sas.exception_codes import EXCEPTIONS
from edge_agent.sas.long_polls import LONG_POLLS

PAGE = (Path(__file__).parents[3] / "docs" / "sas-driver.md").read_text(encoding="utf-8")
# What tells the form of a poll is the first thing it says.
TOLD_BY = frozenset({0x4D, 0x6E, 0x71, 0x72, 0x73, 0x74, 0xB6})


def form(read: Read, role: Role) -> str:
    """A poll as the page writes it."""
    if not read.is_for(role):
        return "-"
    if read.command not in TOLD_BY:
        return f"{read.command:02X}"
    said = read.request(1, role).values
    return f"{read.command:02X} {next(iter(said.values())):02X}"


def needs(read: Read) -> str:
    words = [read.needs, f"not {read.unless}" if read.unless else "", "each game" if read.each_game else ""]
    return ", ".join(word.replace("_", " ") for word in words if word)


def reads() -> Iterator[str]:
    yield "| poll | observer | primary | needs |"
    yield "| --- | --- | --- | --- |"
    rows = (
        f"| {LONG_POLLS[read.command].name.replace('_', ' ')} | {form(read, OBSERVER)}"
        f" | {form(read, PRIMARY)} | {needs(read)} |"
        for read in (*QUESTIONS, *(read for read in READS if read.command not in ASKED))
    )
    yield from dict.fromkeys(rows)


ASKED = {question.command for question in QUESTIONS}


def duties() -> Iterator[str]:
    yield "| exceptions | observer reads | primary reads | meters | met again |"
    yield "| --- | --- | --- | --- | --- |"
    rows: dict[str, list[int]] = {}
    for code, duty in sorted(DUTIES.items()):
        every = (*duty.reads, *([duty.afterwards] if duty.afterwards else []))
        told = [
            ", ".join(form(read, role) for read in every if read.is_for(role)) for role in (OBSERVER, PRIMARY)
        ]
        meters = (duty.snapshot or "").replace("_", " ")
        row = f"| {told[0]} | {told[1]} | {meters} | {'yes' if duty.interrogate else ''} |"
        if row.strip("| "):
            rows.setdefault(row, []).append(code)
    for row, codes in rows.items():
        yield f"| {spelt(codes)} {row}"


def spelt(codes: list[int]) -> str:
    """Codes, runs of them as ranges, a single one with its name."""
    if len(codes) == 1:
        return f"{codes[0]:02X} {EXCEPTIONS[codes[0]].name.replace('_', ' ')}"
    runs: list[list[int]] = []
    for code in codes:
        if runs and runs[-1][-1] == code - 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    return ", ".join(f"{run[0]:02X}-{run[-1]:02X}" if len(run) > 1 else f"{run[0]:02X}" for run in runs)


def options() -> Iterator[str]:
    yield "| option | as it comes | |"
    yield "| --- | --- | --- |"
    for name, field in SasOptions.model_fields.items():
        default = "null" if field.default is None else str(field.default).replace("()", "none")
        yield f"| `{name}` | {default} | {field.description} |"


def test_the_page_lists_what_is_asked_in_each_role() -> None:
    assert "\n".join(reads()) in PAGE


def test_the_page_lists_what_exceptions_call_for() -> None:
    assert "\n".join(duties()) in PAGE


def test_the_page_lists_the_options() -> None:
    assert "\n".join(options()) in PAGE


def test_the_page_lists_the_record_of_every_answer() -> None:
    table = PAGE.split("## What is published")[1]

    assert {command for command in MAKERS if f"{command:02X}" not in table} == set()
