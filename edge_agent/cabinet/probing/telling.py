"""Telling: findings as a small table and a verdict, for a technician or for a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from edge_agent.cabinet.probing.findings import Findings
from edge_agent.cabinet.probing.verdicts import judge
from edge_agent.sas import exception_name

_MILLISECONDS = 1000


def in_lines(findings: Findings) -> Iterator[str]:
    """The facts, one a line, then the verdict and the advice."""
    facts = list(_facts(findings))
    width = max(len(name) for name, _ in facts)
    yield from (f"  {name:<{width}}  {value}" for name, value in facts)
    verdict = judge(findings)
    yield f"verdict: {verdict.line(findings)}"
    yield f"next: {verdict.next_step(findings)}"


def as_json(findings: Findings) -> Mapping[str, Any]:
    """All of it."""
    verdict = judge(findings)
    told = asdict(findings)
    told["answer_ms"] = _milliseconds(told.pop("seconds"))
    return {
        "verdict": verdict.name,
        "good": verdict.good,
        "summary": verdict.line(findings),
        "advice": verdict.next_step(findings),
        "findings": told,
    }


def _facts(findings: Findings) -> Iterator[tuple[str, str]]:
    heard = findings.heard
    yield "port", _port(findings)
    yield from (("note", note) for note in findings.notes)
    yield "heard unasked", _heard(findings)
    if heard.chirps:
        yield (
            "chirps",
            ", ".join(
                f"address {address:02}, {times} in {heard.seconds:.1f} s"
                for address, times in sorted(heard.chirps.items())
            ),
        )
    yield "answers at", _addresses(findings)
    if findings.version:
        serial = findings.serial or "not said"
        yield "machine", f"SAS {findings.version}, game {findings.game}, serial {serial}"
    if findings.address is not None:
        damaged = f"{findings.damaged} damaged ({findings.damaged_part:.1%})"
        yield (
            "polls",
            f"{findings.asked}: {findings.answered} answered, {findings.missing} missing, {damaged}",
        )
    if findings.seconds:
        least, middle, most = _milliseconds(findings.seconds).values()
        yield "answer begins", f"{least} to {most} ms, usually {middle} ms; {findings.late} late"
    yield from _oddities(findings)


def _oddities(findings: Findings) -> Iterator[tuple[str, str]]:
    if findings.echoes:
        yield "echo", f"{findings.echoes} of {findings.polls} polls came back"
    if findings.contradictions:
        yield "answered twice", f"{findings.contradictions} polls, and not the same"
    if findings.unread:
        yield "not understood", f"{findings.unread} answers with a good CRC and a layout of their own"
    if findings.quiet_after_nudge is not None:
        heard = "falls silent" if findings.quiet_after_nudge else "chirps on"
        yield "two stop bits", f"the machine {heard} when the wakeup bit is sent by them"
    if findings.waiting is not None:
        yield "waits", f"{findings.waiting:02X} {exception_name(findings.waiting)}, left on the machine"


def _port(findings: Findings) -> str:
    port = findings.port
    chip = f", {port.chip}" if port.chip else ""
    bits = {
        (True, True): "",
        (True, False): "; hears no wakeup bit",
        (False, True): "; sends no wakeup bit",
        (False, False): "; has no wakeup bit",
    }
    return f"{port.name}{chip}{bits[port.sends_wakeup, port.hears_wakeup]}"


def _heard(findings: Findings) -> str:
    heard = findings.heard
    if not heard.characters:
        return f"nothing in {heard.seconds:.1f} s"
    marks = f"{heard.marked} with a wakeup bit or an error"
    said = f"{heard.characters} characters in {heard.seconds:.1f} s, {marks}"
    if heard.host_polls:
        said += f"; {heard.host_polls} polls of another host"
    return said + (f"; {heard.answers} answers to others" if heard.answers else "")


def _addresses(findings: Findings) -> str:
    asked = "1 address" if findings.tried == 1 else f"{findings.tried} addresses"
    found = ", ".join(f"{address:02}" for address in findings.found) or "none"
    return f"{found}, {asked} asked" if findings.tried else "nobody was asked"


def _milliseconds(seconds: tuple[float, ...]) -> dict[str, int]:
    ordered = sorted(seconds)
    if not ordered:
        return {}
    chosen = {"min": ordered[0], "median": ordered[len(ordered) // 2], "max": ordered[-1]}
    return {name: round(value * _MILLISECONDS) for name, value in chosen.items()}
