"""Long polls on the page: a table a family, and a section for each poll that carries more than one meter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_agent.sas.about import ABOUT
from edge_agent.sas.fields import Bcd, Field, fixed_size
from edge_agent.sas.long_polls import FAMILIES
from edge_agent.sas.poll_lengths import HOST_POLL_LENGTHS, READ_POLL_BYTES, UNCOUNTED_BYTES
from edge_agent.sas.polls.multi_denomination import MULTI_DENOMINATION
from edge_agent.sas.polls.row import Effect, LongPoll, PollType
from sas_page.codes import row_of
from sas_page.layout import Layout, Line, unit_of

# Behind address and command.
BODY_AT = 2
FRAME_BYTES = 4
METER_BYTES = 4

_ACRONYMS = {"aft": "AFT", "eft": "EFT", "sas": "SAS", "rom": "ROM", "id": "ID"}
_DOES = {effect: effect.value for effect in Effect} | {
    Effect.CONSUMES: "**reads once**",
    Effect.CHANGES: "**changes the machine**",
}
_MIRRORED = """The answer may be the bytes of the poll: on a line that echoes, the first of two is the echo.
"""

Example = tuple[str, str]  # hex, and what is worth saying about it


def title(row: LongPoll) -> str:
    """What a poll is called on the page."""
    words = [_ACRONYMS.get(word, word) for word in row.name.split("_")]
    text = " ".join(words)
    return f"{row.command:02X} {text[0].upper()}{text[1:]}"


def poll_sections(vectors: Path) -> Iterator[str]:
    """Every family, its table first."""
    examples = _examples(vectors)
    for family, rows in FAMILIES.items():
        yield f"## {family}\n"
        yield "| poll | name | type | what it does | to the machine | conf. | source | since |"
        yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
        for row in rows:
            yield _summary(row)
        yield ""
        for row in rows:
            if row.request or (row.reply and not _is_one_meter(row)):
                yield from _section(row, examples)


def _summary(row: LongPoll) -> str:
    effect = row.effect.value + (", by what it says" if row.exceptions else "")
    if row.command == MULTI_DENOMINATION:
        effect = "as its base poll"
    said = ABOUT[row.command] + (_one_meter(row) if _is_one_meter(row) else "")
    confidence = row.confidence if row.layout_known else f"{row.confidence}, layout unknown"
    command, name = title(row).split(" ", 1)
    return row_of(f"`{command}`", name, row.type.name, said, effect, confidence, row.source, row.since)


def _is_one_meter(row: LongPoll) -> bool:
    return (
        row.type is PollType.R
        and len(row.reply) == 1
        and isinstance(row.reply[0], Bcd)
        and (row.reply[0].size == METER_BYTES)
    )


def _one_meter(row: LongPoll) -> str:
    return (
        f" Answer: 4 bytes BCD, {unit_of(row.reply[0])}."
        if unit_of(row.reply[0])
        else " Answer: 4 bytes BCD."
    )


def _section(row: LongPoll, examples: Mapping[tuple[int, str], Example]) -> Iterator[str]:
    yield f"### {title(row)}\n"
    yield f"{ABOUT[row.command]} It {_effect(row)}. Confidence {row.confidence}, {row.source}.\n"
    if row.type is not PollType.R:
        yield from _direction("Poll", _poll_bytes(row), row.request, counted=row.request_counted)
    if row.request_slack:
        yield f"Some hosts send {row.request_slack} byte more.\n"
    yield from _answer(row)
    yield from _example(row, examples)


def _answer(row: LongPoll) -> Iterator[str]:
    if row.acknowledged:
        yield f"Answer: ACK{'' if not row.reply else ', and data'}.\n"
    if row.reply:
        size = fixed_size(row.reply)
        total = "" if size is None or row.reply_counted else f"{FRAME_BYTES + size} bytes in all"
        yield from _direction("Answer", total, row.reply, counted=row.reply_counted)
    if row.reply_slack:
        yield f"Some machines send {row.reply_slack} byte more.\n"
    if row.mirrored:
        yield _MIRRORED


def _direction(name: str, total: str, fields: tuple[Field, ...], *, counted: bool) -> Iterator[str]:
    yield f"{name}{f', {total}' if total else ''}:\n"
    layout = Layout(BODY_AT)
    lines: list[Line] = [layout.length_byte()] if counted else []
    lines += layout.lines(fields)
    if not lines:
        yield "address, command and CRC, nothing else.\n"
        return
    yield "| at | bytes | field | what it is |"
    yield "| --- | --- | --- | --- |"
    for line in lines:
        yield f"| {line.at} | {line.size} | {line.name} | {line.says} |"
    yield ""


def _poll_bytes(row: LongPoll) -> str:
    total = HOST_POLL_LENGTHS.get(row.command, READ_POLL_BYTES)
    if total is None:
        return f"{UNCOUNTED_BYTES} bytes besides those the length byte counts"
    return f"{total} bytes in all"


def _effect(row: LongPoll) -> str:
    if row.command == MULTI_DENOMINATION:
        return "does what its base poll does"
    cases: dict[Effect, list[str]] = {}
    for unless in row.exceptions:
        said = " and ".join(f"`{name}` {_value(value)}" for name, value in unless.values.items())
        cases.setdefault(unless.effect, []).append(said)
    others = [f"{_DOES[effect]} with {_joined(said)}" for effect, said in cases.items()]
    return ", but ".join(filter(None, (_DOES[row.effect], " and ".join(others))))


def _joined(said: list[str]) -> str:
    """Alternatives; a long run of codes by its ends."""
    few = 3
    return (
        " or ".join(said)
        if len(said) <= few
        else f"{said[0]} to {said[-2].split()[-1]} or {said[-1].split()[-1]}"
    )


def _value(value: object) -> str:
    if value is None:
        return "left out"
    return f"{value:02X}" if isinstance(value, int) else "empty"


def _examples(vectors: Path) -> Mapping[tuple[int, str], Example]:
    """The longest vector of each poll in each direction."""
    found: dict[tuple[int, str], Example] = {}
    for row in map(json.loads, vectors.read_text(encoding="utf-8").splitlines()):
        meaning: dict[str, Any] = row["meaning"]
        if meaning["type"] in ("long poll", "answer"):
            key = (int(meaning["command"], 16), meaning["type"])
            frame = bytes.fromhex(row["hex"]).hex(" ").upper()
            if len(frame) > len(found.get(key, ("", ""))[0]):
                found[key] = (frame, meaning.get("note", ""))
    return found


def _example(row: LongPoll, examples: Mapping[tuple[int, str], Example]) -> Iterator[str]:
    said = []
    for name, kind in (("host", "long poll"), ("machine", "answer")):
        example = examples.get((row.command, kind))
        if example and not (kind == "long poll" and row.type is PollType.R):
            frame, note = example
            said.append(f"    {name:<8} {frame}{f'   ({note})' if note else ''}")
    if said:
        yield "For example:\n"
        yield from said
        yield ""
