"""Wording: a report as sentences for people, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from edge_agent.verify.report import Declared, JournalReport, Report
from edge_agent.verify.spans import Span

MAX_NAMED = 8  # ranges in a sentence; --json has them all


def in_sentences(report: Report) -> Iterator[str]:
    """Each journal in a sentence, with what there is to say of it below; then what could not be read."""
    if not report.journals:
        yield "no event of a journal was found"
    for journal in report.journals:
        yield _verdict(journal)
        yield from (f"  {line}" for line in _details(journal))
    for other in report.unreadable:
        pieces = f"{_counted(other.count, 'piece')} of other content"
        yield f"{other.name or 'input'}: {pieces}, the first at character {other.at}: {other.why}"


def as_json(report: Report) -> dict[str, Any]:
    """A report as JSON has it, with its verdicts; a range is its two ends."""
    journals = [
        {
            **_plain(asdict(journal)),
            "complete": journal.complete,
            "accounted": journal.accounted,
            "sound": journal.sound,
        }
        for journal in report.journals
    ]
    return {
        "complete": report.complete,
        "accounted": report.accounted,
        "events": report.events,
        "journals": journals,
        "unreadable": [asdict(other) for other in report.unreadable],
    }


def _plain(value: Any) -> Any:  # noqa: ANN401  JSON is what it is
    if isinstance(value, dict):
        if value.keys() == {"first", "last"}:
            return [value["first"], value["last"]]
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _verdict(journal: JournalReport) -> str:
    extent = f"from {journal.first} to {journal.last}"
    arrived = _counted(journal.present, "record")
    if journal.last < journal.first:
        return f"{journal.journal}: nothing new behind {journal.last}"
    if journal.complete:
        return f"{journal.journal}: complete {extent}, {arrived}"
    if journal.accounted:
        return f"{journal.journal}: {extent} all accounted for, {arrived} here; the gateway told what is gone"
    troubles = [
        f"{_count(spans)} {what}"
        for spans, what in (
            (journal.missing, "missing"),
            (journal.altered, "altered"),
            (journal.out_of_chain, "out of chain"),
            (journal.untrue_checkpoints, "with a checkpoint that is not true"),
            (journal.unreadable, "of the gateway's own that make no sense"),
        )
        if spans
    ]
    return f"{journal.journal}: NOT complete {extent}, {arrived} here: {', '.join(troubles)}"


def _details(journal: JournalReport) -> Iterator[str]:
    for spans, what in (
        (journal.missing, "missing, and nothing was said of it"),
        (journal.altered, "altered: arrived more than once with different content"),
        (
            journal.out_of_chain,
            "out of chain: it or the record before it is not what was journalled",
        ),
        (
            journal.untrue_checkpoints,
            "a checkpoint that is forged, or speaks of another record than what arrived",
        ),
        (journal.unreadable, "a gap record or checkpoint that makes no sense"),
        (journal.set_aside, "set aside: the gateway keeps the record, its place says why"),
        (journal.unchecked, "here, but not checked against the record before it"),
        (journal.repeated, f"arrived more than once, {_counted(journal.repeats, 'repeat')} in all"),
    ):
        if spans:
            yield f"{_names(spans)}: {what}"
    if journal.uncompared:
        yield f"{_counted(journal.uncompared, 'repeat')} came too late to be compared with the first arrival"
    for gap in (*journal.shed, *journal.damaged):
        yield _told(gap)
    yield from _of_checkpoints(journal)
    if len(journal.sources) > 1:
        yield f"its events name several sources: {', '.join(journal.sources)}"


def _told(gap: Declared) -> str:
    what = "shed" if gap.reason == "shed" else "lost by damage"
    of_class = f" of class {gap.delivery_class}" if gap.delivery_class else ""
    absent = f": {_names(gap.absent)}" if gap.absent else ""
    nevertheless = f"; {gap.arrived} of them arrived nevertheless" if gap.arrived else ""
    why = f" ({gap.why})" if gap.why else ""
    tells = "tells again" if gap.again else "tells"
    return f"record {gap.told_by} {tells} of {gap.count}{of_class} {what}{why}{absent}{nevertheless}"


def _of_checkpoints(journal: JournalReport) -> Iterator[str]:
    counts = journal.checkpoints
    if counts.agreed:
        yield f"{_counted(counts.agreed, 'checkpoint')} agreed with what arrived"
    if counts.signatures_checked:
        yield f"{_counted(counts.signatures_checked, 'signature')} of checkpoints checked and good"
    if counts.forged:
        yield f"{_counted(counts.forged, 'signature')} of checkpoints NOT good"
    if counts.signatures_unchecked:
        yield (
            f"{_counted(counts.signatures_unchecked, 'checkpoint')} signed and not checked: "
            "that takes the certificate it was signed with"
        )
    if counts.unmatched:
        yield f"{_counted(counts.unmatched, 'checkpoint')} of records that are not here"


def _names(spans: Sequence[Span]) -> str:
    named = ", ".join(map(str, spans[:MAX_NAMED]))
    more = spans[MAX_NAMED:]
    return f"{named} and {_count(more)} more" if more else named


def _count(spans: Sequence[Span]) -> int:
    return sum(map(len, spans))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
