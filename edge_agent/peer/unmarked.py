"""A host without a ninth bit: what it writes, with the marks put back.

The length table says where polls begin (`WakeupRestorer`), and a pause that the line would not forgive
ends whatever had begun. A host that pauses longer inside a poll than between two polls is not served.
"""

from __future__ import annotations

from typing import Protocol

from edge_agent.sas.wakeup import marked
from edge_agent.simulator.machine_on_line import PARTIAL_POLL_SECONDS

MARKED_BYTE = marked(0)

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
    """What a host writes on a port that carries no ninth bit."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._heard_at = float("-inf")
        self._has_answer = False

    def hear(self, data: bytes, now: float, *, wakeup: bool | None = None) -> bytes:
        """`data` as a marked stream."""
        pause = AFTER_ANSWER_SECONDS if self._has_answer else PARTIAL_POLL_SECONDS
        held = self._restorer.gap() if now - self._heard_at > pause else b""
        self._heard_at, self._has_answer = now, False
        return held + self._restorer.feed(data, wakeup=wakeup)

    def was_told(self, stream: bytes) -> None:
        """The machine spoke. A chirp answers nothing."""
        if is_chirp(stream):
            return
        self._has_answer = True
        self._restorer.answered()
