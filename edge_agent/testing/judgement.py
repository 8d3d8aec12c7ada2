"""The judge: what `append` returned for, against what the cloud has.

Three outcomes are allowed for a record of the proof: the cloud has it with the very bytes that were
appended; a `journal_gap` event says that it is gone; or it was set aside, as its place in the cloud or the
gateway's dead letters say. Anything else is lost. A copy with the same identity and the same bytes is a
repeat, which a receiver removes; the same identity with other bytes is a change, and as bad as a loss.

Nobody here asks the agent how it did.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Identity = tuple[str, int]  # the journal's id, and the sequence

# What `identify` puts in front of a sealed event.
IDENTITY_ATTRIBUTES = ("id", "sequence", "chain", "chainbefore")
# So many are named; the files of the run have the rest.
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the records of the proofs. Counts are of records."""

    appended: int  # of which `append` returned
    received: int  # different ones that the cloud has, also such as no proof knows of
    repeats: int  # copies of those
    recorded: int  # of the proof, told to be gone or set aside
    lost: tuple[Identity, ...]
    changed: tuple[Identity, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is lost, nothing is changed, and there was something to lose."""
        return bool(self.appended) and not self.lost and not self.changed

    def __str__(self) -> str:
        return (
            f"appended {self.appended}, received {self.received}, repeats {self.repeats}, "
            f"recorded as gone {self.recorded}, "
            f"lost {len(self.lost)} {_named(self.lost)}, changed {len(self.changed)} {_named(self.changed)}"
        )


@dataclass(slots=True)
class _Received:
    """What the cloud has."""

    sums: dict[Identity, set[int]] = field(default_factory=dict)
    copies: Counter[Identity] = field(default_factory=Counter)
    gone: set[Identity] = field(default_factory=set)


def judge(proofs: Iterable[Path], payloads: Iterable[bytes], set_aside: Iterable[Identity] = ()) -> Judgement:
    """Compare the proofs of the sources with the payloads of the publishes, already decompressed.

    `set_aside` is what the gateway keeps as dead letters.
    """
    proven: dict[Identity, int] = {}
    for proof in proofs:
        proven.update(read_proof(proof))
    received = _read(payloads)
    received.gone.update(set_aside)
    lost, changed, recorded = [], [], 0
    for identity, checksum in proven.items():
        if identity in received.gone:
            recorded += 1
        elif (sums := received.sums.get(identity)) is None:
            lost.append(identity)
        elif sums != {checksum}:
            changed.append(identity)
    return Judgement(
        appended=len(proven),
        received=len(received.copies),
        repeats=received.copies.total() - len(received.copies),
        recorded=recorded,
        lost=tuple(sorted(lost)),
        changed=tuple(sorted(changed)),
    )


def read_proof(file: Path) -> Iterator[tuple[Identity, int]]:
    """Each record that `append` returned for and the CRC-32 of its bytes; what a kill tore is left out."""
    if not file.exists():
        return
    with file.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            journal, first, *sums = line.decode("ascii").split()
            for sequence, checksum in enumerate(sums, int(first)):
                yield (journal, sequence), int(checksum, 16)


def sealed_of(event: Mapping[str, Any]) -> bytes:
    """The bytes that the journal kept of an event that arrived."""
    sealed = {name: value for name, value in event.items() if name not in IDENTITY_ATTRIBUTES}
    return json.dumps(sealed, separators=(",", ":"), ensure_ascii=False).encode()


def gone_of(data: Mapping[str, Any]) -> Iterator[int]:
    """The sequences that a `journal_gap` event says are gone."""
    first, last = int(data["first"]), int(data["last"])
    if not data["removed"]:
        yield from range(first, last + 1)
        return
    bits = zlib.decompress(base64.b64decode(data["removed"]))
    for place in range(last + 1 - first):
        if bits[place // 8] & 0x80 >> place % 8:
            yield first + place


def _read(payloads: Iterable[bytes]) -> _Received:
    received = _Received()
    for payload in payloads:
        document = json.loads(payload)
        for event in document if isinstance(document, list) else [document]:
            journal, _, sequence = event["id"].rpartition("/")
            identity = (journal, int(sequence))
            received.copies[identity] += 1
            match event["type"]:
                case "floor.agent.record_set_aside":
                    received.gone.add(identity)
                case "floor.agent.journal_gap":
                    received.gone |= {(journal, gone) for gone in gone_of(event["data"])}
            received.sums.setdefault(identity, set()).add(zlib.crc32(sealed_of(event)))
    return received


def _named(identities: tuple[Identity, ...]) -> str:
    return ", ".join(str(sequence) for _journal, sequence in identities[:MOST_NAMED])
