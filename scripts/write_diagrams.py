"""Write docs/states.md: the sequences the driver runs on; with --check, compare and change nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from generated_page import write_or_check

from edge_agent.drivers.sas.sequences import REISSUED_SECONDS, SEQUENCES
from edge_agent.drivers.sas.sequences import Sequence as Story
from edge_agent.sas.exception_codes import exception_name

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "states.md"
ACCEPT = "scripts/diagrams"
MOST_NAMED = 3  # on one arrow

HEAD = """# States: what can follow what

Made by `scripts/diagrams` from `edge_agent/drivers/sas/sequences.py`, the table that the driver runs on: an
arrow is a row. What has no arrow from a state cannot come in it, and is told as
`floor.slot.sequence.violation`; [conditions.md](conditions.md) says when not. Arrows back to a state are
what machines tell again.

"""


def page() -> str:
    """The whole page."""
    return HEAD + "\n".join(_section(story) for story in SEQUENCES)


def _section(story: Story) -> str:
    lines = [
        f"## {story.name.replace('_', ' ').capitalize()}",
        "",
        *_remarks(story),
        "```mermaid",
        "stateDiagram-v2",
    ]
    lines += ["    direction LR", f"    [*] --> {story.rest}", *_arrows(story), "```", ""]
    return "\n".join(lines)


def _remarks(story: Story) -> Iterator[str]:
    remarks = []
    if story.real_time_only:
        remarks.append("Only while the machine reports real-time events.")
    if story.validation:
        remarks.append(f"Only with {story.validation} validation.")
    if story.lapses_seconds is not None:
        remarks.append(f"Over when it has not been told again for {story.lapses_seconds:g} s.")
    again = sorted(story.codes & set(REISSUED_SECONDS))
    remarks += [
        f"{code:02X} comes again every {REISSUED_SECONDS[code]:g} s until it was seen to." for code in again
    ]
    if remarks:
        yield " ".join(remarks)
        yield ""


def _arrows(story: Story) -> Iterator[str]:
    ways: dict[tuple[str, str], list[int]] = {}
    for row in story.transitions:
        ways.setdefault((row.state, row.following), []).append(row.code)
    for (state, following), codes in ways.items():
        yield f"    {state} --> {following}: {_named(codes)}"


def _named(codes: Sequence[int]) -> str:
    named = [f"{code:02X} {exception_name(code).replace('_', ' ')}" for code in codes[:MOST_NAMED]]
    rest = len(codes) - MOST_NAMED
    return ", ".join(named) + (f" and {rest} more" if rest > 0 else "")


def main(arguments: list[str], file: Path = PAGE) -> int:
    """The exit status: 0 when page and table agree, or were made to."""
    return write_or_check(arguments, page(), file, ACCEPT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
