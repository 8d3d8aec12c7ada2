"""A host without a ninth bit: what it writes, with the marks put back.

The length table says where polls begin (`WakeupRestorer`), and a pause that the line would not forgive
ends whatever had begun. A host that pauses longer inside a poll than between two polls is not served.
"""

from __future__ import annotations

from typing import Protocol

from edge_agent.sas.wakeup import marked

MARKED_BYTE = marked(0)

# A wire allows 5 ms inside a poll. A host that reopens its port between an address and its command, or
# sleeps there, needs 20 ms; a busy one on a pseudo-terminal may need more.
PARTIAL_POLL_SECONDS = 0.05

# Once the machine has answered, nothing has begun: what still belongs to the poll follows as on a wire.
AFTER_ANSWER_SECONDS = 0.005


class Restorer(Protocol):
    """Puts back the wakeup marks that a port cannot carry."""

    def feed(self, data: bytes, *, wakeup: bool | None = None) -> bytes:
        """Plain bytes of the host, as a marked stream; `wakeup` where the bit of all of them is known."""

    def gap(self) -> bytes:
        """The host paused: a partial message is over. What of it was held back."""

    def answered(self) -> None:
        """The machine spoke: it is the host's turn again."""


def is_chirp(stream: bytes) -> bool:
    """Whether this is one character with its wakeup bit: all that a machine marks."""
    return len(stream) == len(MARKED_BYTE) and stream[:-1] == MARKED_BYTE[:-1]


class UnmarkedHost:
    """What a host writes on a port that carries no ninth bit.

    Args:
        restorer: puts the marks back.
        pause: seconds; a longer one inside a poll ends it.
    """

    def __init__(self, restorer: Restorer, pause: float = PARTIAL_POLL_SECONDS) -> None:
        self._restorer = restorer
        self._pause = pause
        self._heard_at = float("-inf")
        self._has_answer = False

    def hear(self, data: bytes, now: float, *, wakeup: bool | None = None) -> bytes:
        """`data` as a marked stream."""
        pause = AFTER_ANSWER_SECONDS if self._has_answer else self._pause
        held = self._restorer.gap() if now - self._heard_at > pause else b""
        self._heard_at, self._has_answer = now, False
        return held + self._restorer.feed(data, wakeup=wakeup)

    def was_told(self, stream: bytes) -> None:
        """The machine spoke. A chirp answers nothing."""
        if is_chirp(stream):
            return
        self._has_answer = True
        self._restorer.answered()
