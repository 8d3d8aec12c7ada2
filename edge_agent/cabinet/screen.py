"""Screen: a trace as lines of a terminal, plain or coloured.

    09:30:00.275 +0.025 < 11   machine 01: exception 11 slot_door_opened (door)

Wall time and seconds since the line above, the direction, the bytes with those in brackets that bore the
wakeup bit, and what they say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from edge_agent.cabinet.choosing import Folded
from edge_agent.cabinet.in_words import as_json, hex_of, in_lines, in_short
from edge_agent.cabinet.trace import Seen

_COLOURS: Mapping[str, str] = {
    "host": "36",  # cyan
    "machine": "32",  # green
    "event": "1;33",  # bold yellow
    "wrong": "1;31",  # bold red
    "dim": "2",
}
# Address, command and CRC of most polls, side by side.
_HEX_WIDTH = 18


class Screen:
    """Makes the lines.

    Args:
        began: the wall time at which the trace began, in seconds since 1970; None if nobody knows.
        colours: whether the terminal shows them.
        whole: each field on a line of its own.
        with_numbers: show ticket and card numbers.
    """

    def __init__(
        self, began: float | None, *, colours: bool = False, whole: bool = False, with_numbers: bool = False
    ) -> None:
        self._began = began
        self._colours = colours
        self._whole = whole
        self._with_numbers = with_numbers
        self._before: float | None = None

    def lines(self, seen: Seen | Folded) -> Iterator[str]:
        """The lines of one frame, or of idle polls."""
        head = self._head(seen.at)
        if isinstance(seen, Folded):
            polls = "1 idle poll" if seen.count == 1 else f"{seen.count} idle polls"
            yield self._coloured("dim", f"{head}   … {polls}")
            return
        said, kind = seen.explanation, _kind(seen)
        arrow = ">" if seen.to_machine else "<"
        shown = f"{self._hex(seen):<{_HEX_WIDTH}}"
        if not self._whole:
            yield self._coloured(
                kind, f"{head} {arrow} {shown}  {in_short(said, with_numbers=self._with_numbers)}"
            )
            return
        title, *pieces = in_lines(said, with_numbers=self._with_numbers)
        yield self._coloured(kind, f"{head} {arrow} {shown}  {title}")
        yield from pieces

    def json(self, seen: Seen | Folded) -> str:
        """One JSON object."""
        when = {"at": round(seen.at, 6), "time": self._wall(seen.at) if self._began is not None else None}
        if isinstance(seen, Folded):
            return json.dumps({**when, "idle_polls": seen.count})
        return json.dumps(
            {**when, "wakeup": seen.marked, **as_json(seen.explanation, with_numbers=self._with_numbers)}
        )

    def _head(self, at: float) -> str:
        delta = 0.0 if self._before is None else at - self._before
        self._before = at
        return f"{self._clock(at)} {delta:+.3f}"

    def _clock(self, at: float) -> str:
        return f"{at:12.6f}" if self._began is None else self._wall(at)[11:23]

    def _wall(self, at: float) -> str:
        moment = datetime.fromtimestamp((self._began or 0.0) + at, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _hex(self, seen: Seen) -> str:
        shown = hex_of(seen.explanation, with_numbers=self._with_numbers)
        first, space, rest = shown.partition(" ")
        return f"[{first}]{space}{rest}" if seen.marked else shown

    def _coloured(self, kind: str, line: str) -> str:
        return f"\x1b[{_COLOURS[kind]}m{line}\x1b[0m" if self._colours else line


def _kind(seen: Seen) -> str:
    if not seen.explanation.fits or seen.explanation.kind == "nack":
        return "wrong"
    if seen.is_idle:
        return "dim"
    if seen.explanation.kind in {"event", "exception"}:
        return "event"
    return seen.explanation.side
