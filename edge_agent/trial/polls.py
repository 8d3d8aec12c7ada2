"""Poll counters over all the lives of every line: each life counts from zero again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any


class Polls:
    """The sums of what each status file tells."""

    COUNTED = ("polls", "polls_late", "polls_unanswered", "repeats_recognised", "protocol_errors")

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self._last: dict[str, Mapping[str, int]] = {}
        self._pid = 0

    def begin(self, collector: Mapping[str, Any]) -> None:
        """Count from here: what it took to find the machines is not play."""
        self.see(collector)
        self._sums.clear()

    def see(self, collector: Mapping[str, Any]) -> None:
        """Take the collector's latest status."""
        if not collector:
            return
        if collector["pid"] != self._pid:
            self._pid, self._last = collector["pid"], {}
        for line, counters in collector["lines"].items():
            last = self._last.get(line, {})
            if counters["polls"] < last.get("polls", 0):
                last = {}
            for name in self.COUNTED:
                self._sums[name] += counters[name] - last.get(name, 0)
            self._last[line] = counters

    def totals(self) -> dict[str, int]:
        """The sums so far."""
        return {name: self._sums[name] for name in self.COUNTED}
