"""Snapshots: when the meters are read, and whether what was read belongs together.

A snapshot is wanted for a reason, waits for a quiet moment between games, and asks its polls one
by one. It is settled when coin in read the same at both ends, no game was on, and nothing that moves
money was heard in between, up to a moment at which the machine had nothing more to say. One
that is not settled is tried again, a few times; then it is published as it is and says so.

The machine has nothing more to say when it answers a general poll with 00, or, with real-time events
on, when it answers a long poll with the data asked for: an event would have come first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.drivers.sas.reading_plan import NOTHING_LACKING, left_out
from edge_agent.drivers.sas.vendors.quirks import SETTLE_SECONDS
from edge_agent.events.slot import SnapshotReason
from edge_agent.sas.messages import LongPollRequest

# Doors and bills come in bursts: one reading a second tells as much as one for each.
URGENT_GAP_SECONDS = 1.0

# After that many readings that a game or a bill cut short, one is published unsettled.
MOST_ATTEMPTS = 3

# A reading that waits this long for a game to end is taken in the middle of it.
LONGEST_WAIT_SECONDS = 30.0

# A player is accounted by what the meters rose by: often enough to lose little if the end is not heard.
SESSION_SECONDS = 120.0

# A game end that was not heard must not stop the readings for ever.
LONGEST_GAME_SECONDS = 120.0

# The weightier reason wins when several come together.
REASONS: tuple[SnapshotReason, ...] = (
    "start",
    "overflow",
    "reboot",
    "meter_change",
    "configuration",
    "gaming_day",
    "drop",
    "session_end",
    "session_start",
    "link_recovery",
    "door",
    "command",
    "handpay",
    "money",
    "backwards",
    "interval",
    "game_end",
)

Answer = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Reading:
    """The answers of one snapshot, in the order asked."""

    reason: SnapshotReason
    settled: bool
    answers: tuple[Answer, ...]


class MeterReader:
    """Decides when the meters are read, and takes the answers.

    Args:
        after_game: seconds; readings after games are at least this far apart.
        when_idle: seconds; the meters are read at least this often.
        in_session: seconds; and this often while a player's session is on.
    """

    def __init__(self, after_game: float, when_idle: float, in_session: float = SESSION_SECONDS) -> None:
        self.settle_seconds = SETTLE_SECONDS
        self.lacking = NOTHING_LACKING  # what the machine leaves out of its answers
        self._after_game = after_game
        self._when_idle = when_idle
        self._in_session = in_session
        self.session = False  # a player's session is on
        self._reason: SnapshotReason | None = None
        self._wanted_at = 0.0
        self._due = 0.0
        self._taken_at = float("-inf")
        self._attempts = 0
        self._reading: SnapshotReason | None = None
        self._open: deque[LongPollRequest] = deque()
        self._answers: list[Answer] = []
        self._disturbed = False
        self._quiet = False
        self._playing_since: float | None = None

    @property
    def reading(self) -> bool:
        """Whether a reading is under way."""
        return self._reading is not None

    @property
    def playing(self) -> bool:
        """Whether a game began of which no end was heard."""
        return self._playing_since is not None

    @property
    def idle(self) -> bool:
        """Whether nothing is read, no game is on, and the machine had nothing more to say."""
        return self._quiet and not self.reading and not self.playing

    @property
    def quiet(self) -> bool:
        """Whether the machine had nothing more to say when it was asked last."""
        return self._quiet

    def met(self) -> None:
        """The machine was asked anew what it is: what it left out of its answers it may have now."""
        self.lacking = NOTHING_LACKING

    def want(self, reason: SnapshotReason, now: float) -> None:
        """The meters should be read, soon."""
        gap = self._after_game if reason == "game_end" else URGENT_GAP_SECONDS
        due = max(now + self.settle_seconds, self._taken_at + gap)
        if self._reason is None:
            self._reason, self._due, self._wanted_at = reason, due, now
        else:
            self._reason = weightier(self._reason, reason)
            self._due = min(self._due, due)

    def game_started(self, now: float) -> None:
        """A game is on: the meters move."""
        self._playing_since = now

    def game_over(self, now: float) -> None:
        """No game is on, or nobody can know: its meters may still be moving."""
        self._playing_since = None
        self._due = max(self._due, now + self.settle_seconds)

    def money_moved(self, now: float) -> None:
        """Something moved a meter: what was read so far does not belong with what follows."""
        if self._reading is not None:
            self._disturbed = True
            self._try_again(now)

    def event_heard(self) -> None:
        """The machine had something to say; there may be more."""
        self._quiet = False

    def wants_to_begin(self, now: float) -> bool:
        """Whether a reading should begin now."""
        if self._reading is not None:
            return False
        if self._reason is None:
            if now < self._taken_at + (self._in_session if self.session else self._when_idle):
                return False
            self.want("interval", now)
        return now >= self._due and self._quiet and self._between_games(now)

    def begin(self, requests: Sequence[LongPollRequest], now: float) -> None:
        """Begin a reading that asks `requests`."""
        self._reading, self._reason = self.next_reason, None
        self._open = deque(requests)
        self._answers = []
        self._disturbed = self._playing(now)

    @property
    def next_reason(self) -> SnapshotReason:
        """What the next reading is for."""
        return self._reason or "interval"

    def next_request(self) -> LongPollRequest | None:
        """What the reading under way asks next."""
        return self._open[0] if self._open else None

    def answered(self, command: int, values: Mapping[str, Any]) -> None:
        """A question of the reading was answered."""
        if self._open and self._open[0].command == command:
            missing = left_out(self._open.popleft(), values)
            if missing is not None:
                kind, codes = missing
                self.lacking = {**self.lacking, kind: self.lacking.get(kind, frozenset()) | codes}
            self._answers.append((command, values))

    def skip(self, command: int) -> None:
        """A question of the reading will not be answered."""
        if self._open and self._open[0].command == command:
            self._open.popleft()

    def interrupted(self, now: float) -> None:
        """The machine cannot answer now: begin again later."""
        if self._reading is not None:
            self._try_again(now)

    def nothing_to_say(self, now: float) -> Reading | None:
        """The machine has nothing more to say; the reading, if that completes it."""
        self._quiet = True
        if self._reading is None or self._open:
            return None
        settled = not self._disturbed and not self._playing(now) and _coin_in_stood_still(self._answers)
        if not settled and self._try_again(now):
            return None
        reading = Reading(self._reading, settled, tuple(self._answers))
        self._reading, self._attempts, self._taken_at = None, 0, now
        return reading

    def _try_again(self, now: float) -> bool:
        """Give the reading up and want another, if it was not the last attempt."""
        reason = self._reading
        self._attempts += 1
        if reason is None or self._attempts >= MOST_ATTEMPTS:
            return False
        self._reading = None
        self._open.clear()
        self._reason = weightier(reason, self._reason)
        self._due, self._wanted_at = now + self.settle_seconds, now
        return True

    def _between_games(self, now: float) -> bool:
        return not self._playing(now) or now - self._wanted_at > LONGEST_WAIT_SECONDS

    def _playing(self, now: float) -> bool:
        return self._playing_since is not None and now - self._playing_since < LONGEST_GAME_SECONDS


def weightier(one: SnapshotReason, other: SnapshotReason | None) -> SnapshotReason:
    """The reason that says more."""
    return one if other is None or REASONS.index(one) <= REASONS.index(other) else other


def _coin_in_stood_still(answers: Sequence[Answer]) -> bool:
    """Whether coin in was read at least twice, and the same."""
    read = [values["coin_in"] for _, values in answers if "coin_in" in values]
    return len(read) > 1 and len(set(read)) == 1
