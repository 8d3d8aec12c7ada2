"""Soundness: whether every record of a journal is what was appended, in its place; and if not, which.

Three things are held against each other: the frames' own checksums, which find what a disk spoils; the
chain of links, which finds what somebody changed, took out, put in or moved; and signed checkpoints, which
find a chain that was computed anew. A record's class is held against what the record says.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from edge_agent.chain import from_written, genesis, link, link_over
from edge_agent.delivery import DeliveryClass
from edge_agent.journal.walk import Entry
from edge_agent.verify.checkpoints import CheckSignature, signed_text

_CHECKPOINT = b'"type":"floor.agent.journal_checkpoint"'
_HEAD_BYTES = 200  # of an event, its type is among them


@dataclass(slots=True)
class Soundness:
    """What came of looking at every record."""

    first: int = 0  # sequences; 0 when there is nothing
    last: int = 0
    records: int = 0
    let_go: int = 0
    lost: list[tuple[int, int]] = field(default_factory=list)  # damage that was found and told before
    findings: list[str] = field(default_factory=list)  # each names a record, or a range of them
    signed: int = 0  # checkpoints whose signature is good
    unchecked: int = 0  # checkpoints that are signed with the key of a certificate that is not at hand
    unsigned: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing was found that should not be so."""
        return not self.findings


class Examiner:
    """Looks at the entries of one journal, in order.

    Args:
        journal: its id.
        class_of: the class of a payload.
        check_signature: of checkpoints; None: signatures are counted, not checked.
    """

    def __init__(
        self,
        journal: str,
        class_of: Callable[[bytes], DeliveryClass],
        check_signature: CheckSignature | None = None,
    ) -> None:
        self.soundness = Soundness()
        self._journal = journal
        self._class_of = class_of
        self._check_signature = check_signature
        self._known: bytes | None = None  # the link of the record before
        self._links: dict[int, bytes] = {}  # those of late, which checkpoints speak of

    def look(self, entries: Iterable[Entry]) -> Soundness:
        """Look at all of them; what came of it."""
        for entry in entries:
            self._look_at(entry)
        return self.soundness

    def _look_at(self, entry: Entry) -> None:
        found = self.soundness
        if entry.kind == "header":
            found.findings.append(f"{_records(entry)}: the header of their segment is damaged, or another's")
            return
        if not found.first:
            found.first = entry.first
            self._known = genesis(self._journal) if entry.first == 1 else entry.before
        found.last = entry.last
        if entry.kind in {"damaged", "lost"}:
            self._pass_over(entry)
            return
        if entry.before is not None and self._known is not None and entry.before != self._known:
            found.findings.append(f"before record {entry.first}: the segment's header is not of this chain")
        self._follow(entry)

    def _pass_over(self, entry: Entry) -> None:
        """Behind what is not there the chain is taken up again where it goes on."""
        self._known = None
        if entry.kind == "lost":
            self.soundness.lost.append((entry.first, entry.last))
        else:
            self.soundness.findings.append(f"{_records(entry)}: damaged or deleted, not readable")

    def _follow(self, entry: Entry) -> None:
        found, before = self.soundness, self._known if self._known is not None else entry.before
        if entry.kind == "gone":
            found.let_go += 1
            fits = before is None or link_over(before, entry.payload) == entry.chain
        else:
            found.records += 1
            fits = before is None or link(before, entry.first, entry.payload) == entry.chain
            if entry.delivery_class is not self._class_of(entry.payload):
                found.findings.append(f"record {entry.first}: its class was changed")
        if not fits:
            found.findings.append(
                f"record {entry.first}: out of chain: it, or the one before it, was changed or moved"
            )
        self._known = entry.chain
        self._remember(entry)
        if entry.kind == "record" and _CHECKPOINT in entry.payload[:_HEAD_BYTES]:
            self._hold_against(entry)

    def _remember(self, entry: Entry) -> None:
        """A checkpoint speaks of a record a few before itself."""
        self._links[entry.first] = entry.chain
        if len(self._links) > _REMEMBERED:
            del self._links[next(iter(self._links))]

    def _hold_against(self, entry: Entry) -> None:
        """What a checkpoint says against the chain as it is, and its signature against what it says."""
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(entry.payload)["data"]
            sequence, chain = int(said["sequence"]), from_written(said["chain"])
            is_at_hand = sequence in self._links
            if is_at_hand and self._links[sequence] != chain:
                self.soundness.findings.append(
                    f"record {sequence}: the checkpoint in record {entry.first} says another chain"
                )
            self._judge(entry.first, signed_text(self._journal, sequence, chain), said)
            return
        self.soundness.findings.append(f"record {entry.first}: a checkpoint that makes no sense")

    def _judge(self, sequence: int, text: bytes, said: dict[str, str]) -> None:
        found = self.soundness
        if not said["signature"]:
            found.unsigned += 1
            return
        check = self._check_signature
        good = check(text, b64decode(said["signature"]), said["certificate"]) if check else None
        if good is None:
            found.unchecked += 1
        elif good:
            found.signed += 1
        else:
            found.findings.append(f"record {sequence}: the checkpoint's signature is not its certificate's")


# Between the head that was signed and the record that says so, little else is journalled.
_REMEMBERED = 5_000


def _records(entry: Entry) -> str:
    if entry.first == entry.last:
        return f"record {entry.first}"
    return f"records {entry.first} to {entry.last}"
