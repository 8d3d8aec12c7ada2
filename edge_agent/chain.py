"""The chain: every record of a journal carries a hash of itself and of all that came before it.

    digest of record n = SHA-256(n as 8 bytes big-endian, the sealed event), its first 16 bytes
    link of record n = SHA-256(link of n-1, digest of n), its first 16 bytes
    link of record 0 = SHA-256("edge-agent journal " and the journal's id), its first 16 bytes

So a record that is changed, taken out, put in or moved does not fit what stands beside it, and who knows one
link knows all that it stands on. A record that is let go leaves its digest, and the chain goes on over it.
Links alone do not say who made them: signed checkpoints do.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

# Half of SHA-256: nobody finds a second record for a link, and it costs 22 characters an event.
LINK_BYTES = 16

_SEQUENCE_BYTES = 8


def genesis(journal_id: str) -> bytes:
    """The link before the first record of a journal."""
    return sha256(b"edge-agent journal " + journal_id.encode()).digest()[:LINK_BYTES]


def digest(sequence: int, payload: bytes) -> bytes:
    """What the chain keeps of record `sequence`, the sealed event `payload`."""
    return sha256(sequence.to_bytes(_SEQUENCE_BYTES, "big") + payload).digest()[:LINK_BYTES]


def link_over(before: bytes, digest: bytes) -> bytes:
    """The link of the record with this digest, after the record with the link `before`."""
    return sha256(before + digest).digest()[:LINK_BYTES]


def link(before: bytes, sequence: int, payload: bytes) -> bytes:
    """The link of record `sequence`, the sealed event `payload`, after the record with the link `before`."""
    return link_over(before, digest(sequence, payload))


def written(link: bytes) -> str:
    """A link as text: 22 characters, base64url without padding."""
    return urlsafe_b64encode(link).rstrip(b"=").decode("ascii")


def from_written(text: str) -> bytes:
    """The link that was written. Raises ValueError on any text that `written` does not give."""
    try:
        link = urlsafe_b64decode(text.encode("ascii") + b"==")
    except ValueError:
        link = b""
    if len(link) != LINK_BYTES or written(link) != text:
        raise ValueError("a link of the chain is 22 characters of base64url")
    return link
