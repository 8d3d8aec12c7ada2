"""The report: of each journal what arrived and what did not, as ranges, in values that do not change."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.verify.checkpoints import CheckpointCounts
from edge_agent.verify.spans import Span


@dataclass(frozen=True, slots=True)
class Declared:
    """Sequences that a gap record says are gone.

    `told_by` is the sequence of the gap record, `count` what it says, `absent` what of it did not
    arrive, `arrived` how many did nevertheless. Where a record before it has told of the same gap, this one
    only does so `again`: the gateway was killed before it had let go.
    """

    told_by: int
    reason: str  # shed or damage
    delivery_class: str  # A, B, C, or empty where it is not known
    why: str
    count: int
    absent: tuple[Span, ...]
    arrived: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class JournalReport:
    """What is proven of one journal, from `first` to `last`.

    `missing` did neither arrive nor is it declared gone. `altered` arrived more than once with
    different content; `out_of_chain` does not fit the record before it; of `unchecked` that cannot
    be told, because the one before it did not arrive or there is no link. In the place of `set_aside`
    arrived the word that the record is kept on the gateway. `unreadable` gap records and checkpoints
    make no sense.
    """

    journal: str
    sources: tuple[str, ...]
    first: int
    last: int
    present: int
    missing: tuple[Span, ...]
    repeats: int  # how many arrivals were one too many, of the whole journal
    repeated: tuple[Span, ...]
    uncompared: int  # repeats of which nobody knows any more whether they are the same
    altered: tuple[Span, ...]
    out_of_chain: tuple[Span, ...]
    unchecked: tuple[Span, ...]
    set_aside: tuple[Span, ...]
    shed: tuple[Declared, ...]
    damaged: tuple[Declared, ...]
    unreadable: tuple[Span, ...]
    checkpoints: CheckpointCounts
    untrue_checkpoints: tuple[Span, ...]  # the sequences of those that are forged or disagree

    @property
    def sound(self) -> bool:
        """Whether nothing contradicts: not the chain, no repeat and no checkpoint."""
        return not (self.altered or self.out_of_chain or self.unreadable or self.untrue_checkpoints)

    @property
    def accounted(self) -> bool:
        """Whether it is sound, and what is not there is declared."""
        return self.sound and not self.missing

    @property
    def complete(self) -> bool:
        """Whether it is sound, and everything is there, or where it is set aside, the word of it."""
        return self.accounted and not any(gap.absent for gap in (*self.shed, *self.damaged))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Input with pieces that are no events of a journal: how many, and the first of them."""

    name: str
    count: int
    at: int  # characters from its beginning, as it is unpacked
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """What is proven of everything that arrived. `events` counts arrivals, repeats among them."""

    journals: tuple[JournalReport, ...]
    events: int
    unreadable: tuple[Unreadable, ...]

    @property
    def complete(self) -> bool:
        """Whether there is a journal, and each is complete."""
        return bool(self.journals) and all(journal.complete for journal in self.journals)

    @property
    def accounted(self) -> bool:
        """Whether there is a journal, and in each what is not there is declared."""
        return bool(self.journals) and all(journal.accounted for journal in self.journals)
