"""Claims: what a journal says of itself, gaps and checkpoints, held against what arrived of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from edge_agent.verify.checkpoints import (
    CheckpointCounts,
    CheckSignature,
    read_checkpoint,
    signed_text,
)
from edge_agent.verify.declared import Gap, read_gap
from edge_agent.verify.event import Arrived
from edge_agent.verify.spans import Spans

GAP = "floor.agent.journal_gap"
CHECKPOINT = "floor.agent.journal_checkpoint"

Known = Callable[[int], tuple[bytes, ...]]  # the links of a sequence, as they arrived


class Claims:
    """What one journal says of itself.

    Args:
        journal: its id.
        known: what is known of a sequence's links.
    """

    def __init__(self, journal: str, known: Known) -> None:
        self._journal = journal
        self._known = known
        self.gaps: list[Gap] = []
        self.unreadable = Spans()
        self.forged = Spans()
        self.counts = CheckpointCounts()
        self.awaited: dict[int, list[tuple[int, bytes]]] = {}  # who told of a sequence, and which link

    def take(self, event: Arrived, check_signature: CheckSignature | None) -> None:
        """What a gap record or a checkpoint says, at its first arrival."""
        try:
            if event.kind == GAP:
                self.gaps.append(read_gap(event.sequence, event.data))
            elif event.kind == CHECKPOINT:
                self._take_checkpoint(event, check_signature)
        except ValueError:
            self.unreadable.add(event.sequence)

    def arrived(self, sequence: int) -> None:
        """Another link of a sequence is known."""
        if sequence in self.awaited:
            told = self.awaited.pop(sequence)
            for told_by, chain in told:
                self._match(told_by, sequence, chain)

    def disagreeing(self) -> Iterator[int]:
        """Checkpoints that say something else of a sequence than what arrived of it."""
        for sequence, told in self.awaited.items():
            if self._known(sequence):
                yield from (told_by for told_by, _ in told)

    def begin_after(self, sequence: int) -> None:
        """Keep nothing of what concerns only records up to a sequence."""
        self.gaps = [gap for gap in self.gaps if gap.last > sequence]
        self.awaited = {number: told for number, told in self.awaited.items() if number > sequence}
        self.unreadable, self.forged, self.counts = Spans(), Spans(), CheckpointCounts()

    def counted(self) -> CheckpointCounts:
        """The counts as they stand."""
        disagreed = sum(1 for _ in self.disagreeing())
        unmatched = sum(map(len, self.awaited.values())) - disagreed
        return replace(self.counts, disagreed=disagreed, unmatched=unmatched)

    def _take_checkpoint(self, event: Arrived, check: CheckSignature | None) -> None:
        checkpoint = read_checkpoint(event.sequence, event.data)
        if checkpoint.signature:
            text = signed_text(self._journal, checkpoint.sequence, checkpoint.chain)
            good = check(text, checkpoint.signature, checkpoint.certificate) if check else None
            self._count({True: "signatures_checked", False: "forged", None: "signatures_unchecked"}[good])
            if good is False:
                self.forged.add(event.sequence)
        self._match(event.sequence, checkpoint.sequence, checkpoint.chain)

    def _match(self, told_by: int, sequence: int, chain: bytes) -> None:
        if chain in self._known(sequence):
            self._count("agreed")
        else:
            self.awaited.setdefault(sequence, []).append((told_by, chain))

    def _count(self, name: str) -> None:
        self.counts = replace(self.counts, **{name: getattr(self.counts, name) + 1})
