"""Telling: one line for each thing that happens, as words or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

# Counts of many polls go on below each other; nothing is cut.
COLUMNS = 100


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Teller:
    """Writes what happens.

    Args:
        out: where to.
        quiet: whether only what is told `always` is.
        as_json: one object a line, instead of words.
        clock: the time, in UTC.
    """

    def __init__(
        self,
        out: TextIO,
        *,
        quiet: bool = False,
        as_json: bool = False,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._out = out
        self._quiet = quiet
        self._as_json = as_json
        self._clock = clock

    def say(self, what: str, words: str, *, address: int = 0, always: bool = False, **values: object) -> None:
        """One thing that happened.

        Args:
            what: its kind.
            words: what a person reads.
            address: whom it concerns; 0 for the line.
            always: tell it even to those who want quiet.
            values: what a program reads.
        """
        if self._quiet and not always:
            return
        at = self._clock()
        if self._as_json:
            subject = {"address": address} if address else {}
            line = json.dumps(
                {"at": at.isoformat(timespec="milliseconds"), "what": what, **subject, **values}
            )
        else:
            subject_words = f"{address:3}  " if address else "     "
            line = _within_a_screen(f"{at:%H:%M:%S}.{at.microsecond // 1000:03}{subject_words}", words)
        self._out.write(f"{line}\n")
        self._out.flush()


def _within_a_screen(head: str, words: str) -> str:
    return textwrap.fill(
        words,
        COLUMNS,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
        break_long_words=False,
    )
