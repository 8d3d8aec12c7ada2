"""Unread: what was heard since the last good answer that was none, and when that makes an outage.

A machine that gives bytes is not silent, and the host goes on with the same poll. But where nothing but
noise, or a machine of another address, answers for as long as silence would be believed, nobody hears what
our machine has to say, and that has to be told.
"""

from __future__ import annotations

from collections import Counter

from edge_agent.sas.host_bounds import LOST_AFTER_POLLS, LOST_AFTER_SECONDS, UNREAD_BELIEVED


class Unread:
    """Counts since the last good answer."""

    def __init__(self) -> None:
        self._since: float | None = None  # the first poll that got no good answer
        self._polls = 0
        self._heard = 0
        self._names: Counter[str] = Counter()  # who said so itself, in words; at most two for each address

    def clear(self) -> None:
        """A good answer was heard, or the link is new."""
        self._since = None
        self._polls = self._heard = 0
        self._names.clear()

    def asked(self, now: float) -> None:
        """A poll left."""
        self._polls += 1
        if self._since is None:
            self._since = now

    def heard(self, name: str) -> None:
        """Something that was no good answer; `name` says who spoke, where that is known."""
        self._heard += 1
        if name:
            self._names[name] += 1

    def is_outage(self, now: float) -> bool:
        """Whether this has gone on for as long as a silence that is believed."""
        enough = self._heard >= UNREAD_BELIEVED and self._polls >= LOST_AFTER_POLLS
        return enough and self.seconds(now) >= LOST_AFTER_SECONDS

    def seconds(self, now: float) -> float:
        """How long polls have had no good answer."""
        return now - (now if self._since is None else self._since)

    def speaker(self) -> str:
        """Who is heard, in words; "" unless it is most of what is heard: noise can spell any address."""
        for name, times in self._names.most_common(1):
            if times >= UNREAD_BELIEVED and 2 * times > self._heard:
                return name
        return ""

    def in_words(self) -> str:
        """What is heard."""
        return self.speaker() or f"only noise: {self._heard} unreadable answers"
