"""Checkpoints: what the gateway said, and signed, of its chain is held against what arrived."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from edge_agent.chain import written
from edge_agent.verify import CheckpointCounts, Span, Verifier, in_sentences, verify
from tests.verify.journals import JOURNAL, Telling, telling

FINGERPRINT = "ab" * 32


def checkpoint(told: Telling, sequence: int, *, signature: str = "", chain: bytes | None = None) -> int:
    link = told.links[sequence] if chain is None else chain
    return told.add(
        "floor.agent.journal_checkpoint",
        sequence=sequence,
        chain=written(link),
        signature=b64encode(signature.encode()).decode(),
        certificate=FINGERPRINT if signature else "",
    )


def counts(events: list[bytes]) -> CheckpointCounts:
    return verify(events).journals[0].checkpoints


def test_a_checkpoint_agrees_with_the_record_it_speaks_of_in_any_order() -> None:
    told = telling(5)
    checkpoint(told, 5)
    checkpoint(told, 0)
    events = told.events()

    assert counts(events) == counts(events[::-1]) == CheckpointCounts(agreed=2)


def test_a_checkpoint_of_a_record_that_did_not_arrive_is_unmatched() -> None:
    told = telling(5)
    checkpoint(told, 3)

    assert counts(told.events({3})) == CheckpointCounts(unmatched=1)


@pytest.mark.parametrize("order", [1, -1])
def test_a_chain_made_anew_does_not_agree_with_the_checkpoint(order: int) -> None:
    """Who can write to the store can make every link anew, up to its end."""
    told, forger = telling(5), telling(2)
    at = checkpoint(told, 5)
    for game in range(3):
        forger.add(game=1_000 + game)
    checkpoint(forger, 5, chain=told.links[5])

    (journal,) = verify(forger.events()[::order]).journals

    assert journal.out_of_chain == ()
    assert journal.checkpoints == CheckpointCounts(disagreed=1)
    assert journal.untrue_checkpoints == (Span(at, at),)
    assert not journal.accounted


def test_signatures_are_handed_to_whoever_can_check_them() -> None:
    told = telling(3)
    checkpoint(told, 3, signature="good")
    bad = checkpoint(told, 4, signature="bad")
    checkpoint(told, 5, signature="somebody else's")
    asked = []

    def check(text: bytes, signature: bytes, certificate: str) -> bool | None:
        asked.append((text, certificate))
        return {b"good": True, b"bad": False}.get(signature)

    (journal,) = verify([*told.events(), *told.events()], check_signature=check).journals

    assert asked[0] == (f"edge-agent checkpoint {JOURNAL} 3 {written(told.links[3])}".encode(), FINGERPRINT)
    assert len(asked) == 3
    assert journal.checkpoints == CheckpointCounts(
        agreed=3, signatures_checked=1, signatures_unchecked=1, forged=1
    )
    assert journal.untrue_checkpoints == (Span(bad, bad),)


def test_signatures_that_nobody_checks_are_told_of() -> None:
    told = telling(3)
    checkpoint(told, 3, signature="s")

    report = verify(told.events())

    assert report.complete
    assert any("1 checkpoint signed and not checked" in sentence for sentence in in_sentences(report))


@pytest.mark.parametrize(
    "data", [{"sequence": "3"}, {"sequence": 3, "chain": "short"}, {"sequence": 3, "signature": "%"}]
)
def test_a_checkpoint_that_makes_no_sense_is_told_of(data: dict[str, object]) -> None:
    told = telling(3)
    at = told.add("floor.agent.journal_checkpoint", **data)

    assert verify(told.events()).journals[0].unreadable == (Span(at, at),)


def test_a_checkpoint_waits_across_a_saved_state() -> None:
    told = telling(3)
    checkpoint(told, 2)
    verifier = Verifier()
    verifier.feed(told.event(4))

    restored = Verifier.restore(json.loads(json.dumps(verifier.save())))
    for sequence in (1, 2, 3):
        restored.feed(told.event(sequence))

    assert restored.report() == verify(told.events())


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="another version"):
        Verifier.restore({**Verifier().save(), "version": 0})
