"""Claims: what a journal says of itself, gaps and checkpoints, held against what arrived of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain

from edge_agent.verify.checkpoints import (
    Checkpoint,
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

UNSIGNED, GOOD, UNCHECKED, FORGED = "unsigned", "good", "unchecked", "forged"

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
        self.gaps: set[Gap] = set()
        self.unreadable = Spans()
        self.checkpoints: dict[Checkpoint, str] = {}  # each, and what came of its signature
        self.awaited: dict[int, set[Checkpoint]] = {}  # by the sequence they speak of, until it agrees

    def take(self, event: Arrived, check_signature: CheckSignature | None) -> None:
        """What a gap record or a checkpoint says, at its first arrival."""
        try:
            if event.kind == GAP:
                self.gaps.add(read_gap(event.sequence, event.data))
            elif event.kind == CHECKPOINT:
                self._take_checkpoint(event, check_signature)
        except ValueError:
            self.unreadable.add(event.sequence)

    def arrived(self, sequence: int) -> None:
        """Another link of a sequence may be known."""
        if sequence in self.awaited:
            known = self._known(sequence)
            left = {one for one in self.awaited.pop(sequence) if one.chain not in known}
            if left:
                self.awaited[sequence] = left

    def untrue(self) -> Iterator[int]:
        """Checkpoints that are forged, or say something else of a sequence than what arrived of it."""
        yield from (one.told_by for one, signature in self.checkpoints.items() if signature == FORGED)
        yield from (one.told_by for one in self._disagreeing())

    def counted(self) -> CheckpointCounts:
        """What came of the checkpoints, by now."""
        signatures = Counter(self.checkpoints.values())
        awaited = sum(map(len, self.awaited.values()))
        disagreed = sum(1 for _ in self._disagreeing())
        return CheckpointCounts(
            agreed=len(self.checkpoints) - awaited,
            disagreed=disagreed,
            unmatched=awaited - disagreed,
            signatures_checked=signatures[GOOD],
            signatures_unchecked=signatures[UNCHECKED],
            forged=signatures[FORGED],
        )

    def begin_after(self, sequence: int) -> None:
        """Keep nothing of what concerns only records up to a sequence."""
        self.gaps = {gap for gap in self.gaps if gap.last > sequence}
        self.unreadable = Spans()
        self.awaited = {number: told for number, told in self.awaited.items() if number > sequence}
        self.checkpoints = {one: self.checkpoints[one] for told in self.awaited.values() for one in told}

    def _disagreeing(self) -> Iterator[Checkpoint]:
        return chain.from_iterable(told for sequence, told in self.awaited.items() if self._known(sequence))

    def _take_checkpoint(self, event: Arrived, check: CheckSignature | None) -> None:
        checkpoint = read_checkpoint(event.sequence, event.data)
        if checkpoint in self.checkpoints:
            return
        self.checkpoints[checkpoint] = self._signature_of(checkpoint, check)
        if checkpoint.chain not in self._known(checkpoint.sequence):
            self.awaited.setdefault(checkpoint.sequence, set()).add(checkpoint)

    def _signature_of(self, checkpoint: Checkpoint, check: CheckSignature | None) -> str:
        if not checkpoint.signature:
            return UNSIGNED
        text = signed_text(self._journal, checkpoint.sequence, checkpoint.chain)
        good = check(text, checkpoint.signature, checkpoint.certificate) if check else None
        return UNCHECKED if good is None else GOOD if good else FORGED
