"""Checkpoints: what the gateway said, and may have signed, of its chain at a sequence.

Who can write to the store can compute a chain anew. The signature under a link is what such a one
cannot make, so it vouches for every record up to that sequence.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from edge_agent.chain import from_written, written

# (what was signed, the signature, SHA-256 of the certificate in hex): whether it is good; None where the
# certificate is not at hand.
CheckSignature = Callable[[bytes, bytes, str], bool | None]


class Checkpoint(NamedTuple):
    """What one checkpoint record says: the link of a sequence. `told_by` is its own sequence."""

    told_by: int
    sequence: int
    chain: bytes
    signature: bytes  # empty where no key was at hand
    certificate: str


@dataclass(frozen=True, slots=True)
class CheckpointCounts:
    """How many checkpoints arrived, and what came of them.

    `agreed` ones say of their sequence what arrived of it; what a `disagreed` one or a `forged` one
    (its signature is not good) says is not what arrived. `signatures_checked` are good,
    `signatures_unchecked` had no certificate to be checked with, and the rest is not signed.
    """

    agreed: int = 0
    disagreed: int = 0
    unmatched: int = 0  # the record they speak of did not arrive, or is forgotten
    signatures_checked: int = 0
    signatures_unchecked: int = 0
    forged: int = 0


def read_checkpoint(told_by: int, data: object) -> Checkpoint:
    """What a checkpoint record says. Raises ValueError if it makes no sense."""
    if not isinstance(data, Mapping):
        raise ValueError("it says nothing")  # noqa: TRY004  one kind of error for whatever is wrong with it
    sequence = data.get("sequence")
    if not isinstance(sequence, int) or sequence < 0:
        raise ValueError("its sequence is no whole number")
    signature = b64decode(str(data.get("signature") or ""), validate=True)
    chain = from_written(str(data.get("chain")))
    return Checkpoint(told_by, sequence, chain, signature, str(data.get("certificate") or ""))


def signed_text(journal: str, sequence: int, chain: bytes) -> bytes:
    """What the signature of a checkpoint is over."""
    return f"edge-agent checkpoint {journal} {sequence} {written(chain)}".encode()
