"""Whatever is done to a journal on its way, and however it arrives: the report names exactly that."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.chain import written
from edge_agent.verify import Report, Span, Verifier, verify
from tests.verify.journals import Telling, altered, ranges, seal, telling

Numbers = frozenset[int]


@dataclass(frozen=True)
class Spoilt:
    """A journal on its way: what was done to which of its records, each to others."""

    told: Telling
    count: int  # of records, the gap records come behind
    dropped: Numbers
    shed: Numbers
    late: Numbers  # of those shed: arrived nevertheless
    changed: Numbers
    repeated: Numbers
    contradicted: Numbers
    stood_in: Numbers

    @property
    def absent(self) -> Numbers:
        return self.dropped | (self.shed - self.late)

    def arrived(self) -> list[bytes]:
        events = []
        for sequence in range(1, len(self.told.sealed) + 1):
            event = self.told.event(sequence, before=sequence - 1 in self.shed)
            if sequence in self.stood_in:
                sealed = seal("floor.agent.record_set_aside", {"reason": "too large"})
                events.append(self.told.event(sequence, sealed=sealed))
            elif sequence not in self.absent:
                events.append(altered(event) if sequence in self.changed else event)
            if sequence in self.repeated:
                events += [event, event]
            if sequence in self.contradicted:
                events.append(altered(event))
        return events


@st.composite
def spoilt_journals(draw: st.DrawFn) -> Spoilt:
    count = draw(st.integers(1, 40))
    told = telling(count)
    fates = draw(st.lists(st.sampled_from("..........dsslcrax"), min_size=count, max_size=count))
    numbers = {fate: frozenset(n for n, one in enumerate(fates, 1) if one == fate) for fate in "dslcrax"}
    shed = numbers["s"] | numbers["l"]
    while shed:
        piece = frozenset(sorted(shed)[: draw(st.integers(1, len(shed)))])
        told.add_gap(piece)
        shed -= piece
    return Spoilt(
        told,
        count,
        dropped=numbers["d"],
        shed=numbers["s"] | numbers["l"],
        late=numbers["l"],
        changed=numbers["c"],
        repeated=numbers["r"],
        contradicted=numbers["a"],
        stood_in=numbers["x"],
    )


def numbers(spans: Iterable[Span]) -> set[int]:
    return set(ranges(spans))


@given(spoilt_journals())
@settings(max_examples=100, deadline=None)
def test_the_report_names_exactly_what_was_done(spoilt: Spoilt) -> None:
    head = len(spoilt.told.sealed)

    report = verify(spoilt.arrived(), first=1, head=head)

    if not report.journals:
        assert len(spoilt.absent) == head
        return
    (journal,) = report.journals
    told = {"before": spoilt.shed, "here": set(range(head + 1)) - spoilt.absent}
    checkable = {n for n in range(1, head + 1) if n - 1 in told["here"] or n - 1 in told["before"]}
    assert numbers(journal.missing) == spoilt.dropped
    assert numbers(span for gap in journal.shed for span in gap.absent) == spoilt.shed - spoilt.late
    assert sum(gap.arrived for gap in journal.shed) == len(spoilt.late)
    assert numbers(journal.out_of_chain) == spoilt.changed & checkable
    assert numbers(journal.unchecked) == (told["here"] - checkable - spoilt.stood_in - {0})
    assert numbers(journal.repeated) == spoilt.repeated | spoilt.contradicted
    assert journal.repeats == 2 * len(spoilt.repeated) + len(spoilt.contradicted)
    assert numbers(journal.altered) == spoilt.contradicted
    assert numbers(journal.set_aside) == spoilt.stood_in
    assert journal.complete == (journal.sound and not spoilt.absent)


@given(spoilt_journals(), st.randoms(use_true_random=False), st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_any_split_and_order_gives_the_same_report(spoilt: Spoilt, random: Random, size: int) -> None:
    """As a function in the cloud is called: a batch, the state saved, another batch."""
    events = spoilt.arrived()
    expected = verify(events)
    random.shuffle(events)

    assert fed_in_batches(events, size) == expected


def fed_in_batches(events: list[bytes], size: int) -> Report:
    saved = Verifier().save()
    for start in range(0, len(events), size):
        verifier = Verifier.restore(json.loads(json.dumps(saved)))
        verifier.feed(b"[" + b",".join(events[start : start + size]) + b"]")
        saved = verifier.save()
    return Verifier.restore(saved).report()


def hostile_mixture(random: Random) -> list[bytes]:
    """A journal, and another that was made anew from some record on, in pieces that contradict each other."""
    count = random.randint(1, 12)
    told, forger, branch = telling(count), Telling(), random.randint(0, count)
    for sequence in range(1, count + 1):
        forger.add(game=sequence if sequence <= branch else 1_000 + sequence)
    for _ in range(random.randint(0, 2)):
        at, of = random.randint(0, count), random.choice([told, forger])
        told.add("floor.agent.journal_checkpoint", sequence=at, chain=written(of.links[at]))
    if random.random() < 0.5:
        told.add_gap(set(random.sample(range(1, count + 1), random.randint(1, count))))
    last = len(told.sealed)
    return [
        hostile_event(random, told, forger, random.randint(1, last))
        for _ in range(random.randint(1, 3 * last))
    ]


def hostile_event(random: Random, told: Telling, forger: Telling, sequence: int) -> bytes:
    of = forger if sequence < len(forger.links) and random.random() < 0.2 else told
    event = of.event(sequence, before=random.random() < 0.3)
    match random.choice("......abcd"):
        case "a":
            return altered(event)
        case "b":
            stand_in = seal("floor.agent.record_set_aside", {"reason": random.choice("xy")})
            return of.event(sequence, before=random.random() < 0.3, sealed=stand_in)
        case "c":
            return event.replace(b'"chain":"%s",' % written(of.links[sequence]).encode(), b"")
        case "d":
            return json.dumps(json.loads(event), indent=1).encode()
        case _:
            return event


@given(st.integers(0, 2**32))
@example(1794)  # two that stood in for one record, with different links
@example(2693)
@example(2080)  # a checkpoint that came with and without its link
@example(255446)
@settings(max_examples=100, deadline=None)
def test_what_contradicts_itself_is_told_alike_in_any_order(seed: int) -> None:
    random = Random(seed)  # noqa: S311  any will do
    events = hostile_mixture(random)
    expected = verify(events)
    random.shuffle(events)

    assert fed_in_batches(events, random.randint(1, 5)) == expected
