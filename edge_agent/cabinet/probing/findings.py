"""Findings: what a probe has heard, counted and timed. What they mean is `verdicts`' to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from edge_agent.links import PortKind


@dataclass(frozen=True, slots=True)
class Heard:
    """What a line said while nobody here asked it anything."""

    seconds: float = 0.0
    characters: int = 0
    marked: int = 0  # with their wakeup bit, or what a port takes for it: parity and framing errors too
    values: int = 0  # how many different characters
    stuck: int = 0  # of them 00, FF and what looks like either, stretched or squeezed
    chirps: Mapping[int, int] = field(default_factory=dict)  # by address, of those heard more than once
    chirp_spacing: Mapping[int, float] = field(default_factory=dict)  # seconds from one to the next, usually
    marked_zeros: int = 0  # alone, with their wakeup bit
    plain_zeros: int = 0  # alone, without
    zeros_are_regular: bool = False  # they come as chirps do
    host_polls: int = 0  # of another host
    answers: int = 0  # to questions that were not ours

    @property
    def of_another_host(self) -> bool:
        """Whether another host is on the line; one frame that checks out may be chance."""
        return self.host_polls > 0 or self.answers > 1


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a probe has found."""

    port: PortKind
    notes: tuple[str, ...] = ()  # what would make the port better, as its link says
    expected: int | None = None  # the address the machine should have
    heard: Heard = field(default_factory=Heard)
    tried: int = 0  # addresses that were asked
    polls: int = 0
    echoes: int = 0  # polls that came back
    junk: int = 0  # polls after which something came, and nothing that answers
    chirps_while_polled: int = 0
    another_host: bool = False  # it began to poll while we did
    quiet_after_nudge: bool | None = None  # the machine heard a wakeup bit that was sent otherwise
    found: tuple[int, ...] = ()  # addresses that answer
    # Of the machine that was measured.
    address: int | None = None
    asked: int = 0  # polls that it answers when it hears them
    answered: int = 0
    missing: int = 0
    damaged: int = 0  # answers that do not check out
    unread: int = 0  # answers that check out, and are not laid out as the tables say
    always_damaged: tuple[int, ...] = ()  # long polls
    never_damaged: tuple[int, ...] = ()
    contradictions: int = 0  # polls that were answered twice, each time something else
    seconds: tuple[float, ...] = ()  # from a poll to its answer
    late: int = 0  # answers that began later than the text allows
    version: str = ""
    serial: str = ""
    game: str = ""
    waiting: int | None = None  # the exception that the machine would tell next; it still has it

    @property
    def chirping(self) -> tuple[int, ...]:
        """Addresses that chirp."""
        return tuple(sorted(self.heard.chirps))

    @property
    def median_seconds(self) -> float:
        """How long an answer takes, usually; 0.0 if there was none."""
        return median(self.seconds) if self.seconds else 0.0

    @property
    def damaged_part(self) -> float:
        """How many of the answers were damaged, 0 to 1."""
        return self.damaged / max(1, self.answered + self.damaged)

    @property
    def missing_part(self) -> float:
        """How many polls were not answered that should have been, 0 to 1."""
        return self.missing / max(1, self.asked)
