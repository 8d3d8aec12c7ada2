"""What the agent itself seals, chains and says of its gaps is what the receiver's side understands."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.chain import genesis, link
from edge_agent.events import ClockQuality, ClockReading, Observation, identify, seal
from edge_agent.events.base import EventBody
from edge_agent.events.catalogue import EXAMPLES
from edge_agent.events.of_journal import JournalGap
from edge_agent.journal import Gap, Journal, open_journal
from edge_agent.uplink.batch import make_message
from edge_agent.verify import Span, verify
from tests.verify.journals import JOURNAL

CLOCK = ClockReading(1_749_630_662.6, 5_021.1, "3f6c1b1e", ClockQuality.SYNCHRONISED)


def sealed(body: EventBody, subject: str = "Café №1") -> bytes:
    return seal(Observation(subject, 5_021.123456, body), CLOCK, "/sites/example/gateways/gateway-1")


def told(gap: Gap) -> bytes:
    removed = b64encode(zlib.compress(gap.removed)).decode() if gap.removed else ""
    return sealed(
        JournalGap(
            reason=gap.reason,
            delivery_class=gap.delivery_class,
            count=gap.count,
            first=gap.first,
            last=gap.last,
            removed=removed,
            why=gap.why,
            gap=gap.name,
        )
    )


def test_every_event_of_the_catalogue_fits_its_chain_also_where_a_store_wrote_it_anew() -> None:
    before, events = genesis(JOURNAL), []
    for sequence, example in enumerate(EXAMPLES, 1):
        content = sealed(example)
        before = link(before, sequence, content)
        events.append(identify(content, JOURNAL, sequence, before))

    as_sent = verify([make_message("t", events).payload])
    anew = verify([json.dumps(json.loads(event), indent=1).encode() for event in events])

    assert as_sent.journals[0].sound
    assert as_sent.journals[0].unchecked == ()
    assert as_sent == anew


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
def test_damage_to_the_journal_is_declared_and_everything_else_fits(tmp_path: Path, at: float) -> None:
    example = sealed(EXAMPLES[0])
    with open_journal(tmp_path / "journal", role="collect", housekeeping=False) as journal:
        for _ in range(40):
            journal.append([example] * 5)
    (segment,) = (path for path in (tmp_path / "journal").iterdir() if path.stat().st_size > 10_000)
    content = bytearray(segment.read_bytes())
    content[int(len(content) * at)] ^= 0x10
    segment.write_bytes(content)

    with open_journal(tmp_path / "journal", role="collect", housekeeping=False, describe_gap=told) as journal:
        events = [*everything_in(journal)]

    (report,) = verify(events, first=1).journals
    assert report.accounted
    assert not report.complete
    (damage,) = report.damaged
    (gone,) = damage.absent
    assert (report.last, damage.told_by) == (201, 201)
    # Its link may have gone with it; nothing else is in doubt.
    assert report.unchecked in ((), (Span(gone.last + 1, gone.last + 1),))


def everything_in(journal: Journal) -> Iterator[bytes]:
    """Every event as it would be sent."""
    through = 0
    while through < journal.head:
        piece = journal.read(through, 1_000, 10_000_000)
        through = piece.through
        for one in piece.records:
            yield identify(one.payload, journal.id, one.sequence, one.chain, one.before)
