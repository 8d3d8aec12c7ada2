"""What a machine that runs alone tells whoever watches it: one line for each thing that happens.

Exceptions as they are raised, dropped and heard; polls that were refused, put off or met with silence, each
as it happens; and now and then how many of which polls were answered. As plain lines or as JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from edge_agent.peer.tap import Asked, Outcome, Tap
from edge_agent.sas.exception_codes import exception_name

COUNTS_SECONDS = 10.0
NAMED_OUTCOMES = 3


class Teller:
    """Writes what happens.

    Args:
        out: where to.
        quiet: whether only the beginning and the end are told.
        as_json: one object a line.
    """

    def __init__(self, out: TextIO, *, quiet: bool = False, as_json: bool = False) -> None:
        self._out = out
        self._quiet = quiet
        self._as_json = as_json

    def say(self, what: str, words: str, *, address: int = 0, always: bool = False, **values: object) -> None:
        """One thing that happened; `address` 0 where it concerns the line."""
        if self._quiet and not always:
            return
        now = datetime.now(UTC)
        if self._as_json:
            subject = {"address": address} if address else {}
            line = json.dumps(
                {"at": now.isoformat(timespec="milliseconds"), **subject, "what": what, **values}
            )
        else:
            line = f"{now:%H:%M:%S}.{now.microsecond // 1000:03} {f'{address:02} ' if address else ''}{words}"
        self._out.write(f"{line}\n")
        self._out.flush()

    def exceptions(self, address: int, history: Iterable[Mapping[str, Any]]) -> None:
        """What a machine raised, dropped, and was told that its host has heard."""
        for entry in history:
            what = entry["what"]
            if what == "acknowledged":
                self.say("acknowledged", f"heard {entry['serial']}", address=address, serial=entry["serial"])
                continue
            code, values = entry["code"], dict(entry.get("values", {}))
            name = exception_name(code)
            details = " ".join(f"{field}={value}" for field, value in values.items())
            self.say(
                what,
                f"{what} {entry['serial']}: {code:02X} {name} {details}".rstrip(),
                address=address,
                serial=entry["serial"],
                code=code,
                name=name,
                values=values,
            )

    def polls(self, address: int, news: Iterable[Asked]) -> None:
        """What was not simply answered."""
        for asked in news:
            reason = f": {asked.reason}" if asked.reason else ""
            self.say(
                asked.outcome.name.lower(),
                f"{asked.outcome.value} {asked.poll}{reason}",
                address=address,
                poll=asked.poll,
                reason=asked.reason,
            )

    def counts(self, address: int, tap: Tap, *, always: bool = False) -> None:
        """How many of which polls became what."""
        by_poll: dict[str, Counter[str]] = {}
        for (poll, outcome), count in tap.counts.items():
            by_poll.setdefault(poll, Counter())[outcome.value] += count
        self.say(
            "polls",
            f"polls: {_in_words(by_poll, tap) or 'none'}",
            address=address,
            always=always,
            polls=by_poll,
            broadcasts=tap.broadcasts,
            strays=tap.strays,
            dropped=tap.dropped,
            chirps=tap.chirps,
        )


def _in_words(by_poll: Mapping[str, Counter[str]], tap: Tap) -> str:
    parts = []
    for poll, outcomes in by_poll.items():
        others = [f"{count} {what}" for what, count in outcomes.items() if what != Outcome.ANSWERED.value]
        parts.append(f"{poll} {outcomes.total()}" + (f" ({', '.join(others)})" if others else ""))
    parts += [f"broadcast {name} {count}" for name, count in tap.broadcasts.items() if count]
    if tap.strays:
        parts.append(f"{tap.strays} stray bytes")
    if tap.dropped:
        parts.append(f"{tap.dropped} unfinished polls")
    return ", ".join(parts)
