"""A commit: payloads numbered, chained and framed, and the head that there is once they are durable.

Pure, and short of calls, since every event of the floor passes here: what it takes with the processor's
caches cold, as they are behind each sync, is most of what an append takes beside the disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from edge_agent.chain import link
from edge_agent.delivery import DeliveryClass
from edge_agent.journal.acknowledged import CLASSES
from edge_agent.journal.frames import MARKED, Kind, encode
from edge_agent.journal.head import Head

# An enumeration's member looked up in it costs as much as packing a head.
_RECORD, _COMMITTED, _MARK = Kind.RECORD, Kind.COMMITTED, Kind.MARK


def make_commit(
    head: Head,
    payloads: Sequence[bytes],
    classify: Callable[[bytes], DeliveryClass],
    appended_at: float,
    marks: Mapping[str, int] | None = None,
) -> tuple[bytes, Head]:
    """The frames of a commit behind `head`, and the head behind it, in the same segment.

    Args:
        head: where the journal ends.
        payloads: of the records.
        classify: the class of a payload.
        appended_at: seconds since 1970.
        marks: how far consumers had derived for it.
    """
    journal, sequence, segment, offset, (a, b, c), chain, forgotten = head
    counts, marked, final = [a, b, c], MARKED if marks else 0, len(payloads) - 1
    frames = _marks(marks, sequence + 1, appended_at, chain) if marks else []
    for place, payload in enumerate(payloads):
        sequence += 1
        chain = link(chain, sequence, payload)
        its_class = CLASSES.index(classify(payload))
        counts[its_class] += 1
        frames.append(
            encode(
                _COMMITTED if place == final else _RECORD,
                payload,
                sequence=sequence,
                appended_at=appended_at,
                chain=chain,
                delivery_class=its_class,
                place=place | marked,
            )
        )
    data = b"".join(frames)
    a, b, c = counts
    return data, Head(journal, sequence, segment, offset + len(data), (a, b, c), chain, forgotten)


def _marks(marks: Mapping[str, int], sequence: int, appended_at: float, chain: bytes) -> list[bytes]:
    said = (json.dumps(one).encode() for one in marks.items())
    return [encode(_MARK, each, sequence=sequence, appended_at=appended_at, chain=chain) for each in said]
