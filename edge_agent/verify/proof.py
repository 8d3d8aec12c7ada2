"""The proof: a ledger and the claims of its journal, made a report within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import NamedTuple

from edge_agent.verify.claims import Claims
from edge_agent.verify.declared import Gap
from edge_agent.verify.ledger import Ledger
from edge_agent.verify.report import Declared, JournalReport
from edge_agent.verify.spans import Span, Spans, overlap, without


class Asked(NamedTuple):
    """From where to where to prove; None where what is known of decides."""

    first: int | None
    last: int | None
    head: int | None  # at least to there


def prove(ledger: Ledger, claims: Claims, asked: Asked) -> JournalReport:
    """What is proven of a journal."""
    arrived = ledger.arrived.spans()
    there = Spans([*arrived, *ledger.stand_ins])
    gaps = sorted(claims.gaps, key=astuple)
    bounds = _bounds(asked, ledger.begins_after + 1, there, gaps)
    gone = Spans(span for gap in gaps for span in gap.spans())
    missing = without(without([bounds], there), gone)
    told_first = {gap.identity: gap.told_by for gap in reversed(gaps)}
    declared = [
        (gap.reason, _declared(gap, bounds, there, again=told_first[gap.identity] != gap.told_by))
        for gap in gaps
    ]
    out_of_chain, unchecked = _verdicts(ledger)
    return JournalReport(
        journal=ledger.journal,
        sources=tuple(sorted(ledger.sources)),
        first=bounds.first,
        last=bounds.last,
        present=sum(map(len, there.within(bounds))),
        missing=tuple(missing),
        repeats=ledger.repeats,
        repeated=ledger.repeated.within(bounds),
        uncompared=ledger.uncompared,
        altered=ledger.altered.within(bounds),
        out_of_chain=out_of_chain.within(bounds),
        unchecked=unchecked.within(bounds),
        set_aside=Spans(without(ledger.stand_ins, arrived)).within(bounds),
        shed=tuple(gap for reason, gap in declared if reason == "shed"),
        damaged=tuple(gap for reason, gap in declared if reason != "shed"),
        unreadable=claims.unreadable.within(bounds),
        checkpoints=claims.counted(),
        untrue_checkpoints=_singles(claims.untrue()).within(bounds),
    )


def _bounds(asked: Asked, begin: int, there: Spans, gaps: Sequence[Gap]) -> Span:
    """From where to where the proof goes. Empty if nothing is known of beyond where it begins."""
    first, last, head = asked
    lowest = min([there.first, *(gap.first for gap in gaps)]) if first is None else first
    lowest = max(lowest, begin)
    highest = max([there.last, *(gap.last for gap in gaps), head or 0]) if last is None else last
    return Span(lowest, max(highest, lowest - 1 if first is None else lowest))


def _declared(gap: Gap, bounds: Span, there: Spans, *, again: bool) -> Declared:
    named = [*overlap(gap.spans(), [bounds])]
    absent = tuple(without(named, there))
    arrived = sum(map(len, named)) - sum(map(len, absent))
    return Declared(gap.told_by, gap.reason, gap.delivery_class, gap.why, gap.count, absent, arrived, again)


def _verdicts(ledger: Ledger) -> tuple[Spans, Spans]:
    """What is out of the chain, and of what that cannot be told."""
    verdicts = [*ledger.verdicts()]
    out = [sequence for sequence, fits in verdicts if fits is False]
    unknown = [sequence for sequence, fits in verdicts if fits is None]
    out_of_chain = Spans([*ledger.broken, *_singles([*out, *ledger.contradicted()])])
    return out_of_chain, Spans([*ledger.unchecked, *ledger.unchained, *_singles(unknown)])


def _singles(sequences: Iterable[int]) -> Spans:
    return Spans(Span(sequence, sequence) for sequence in sequences)
