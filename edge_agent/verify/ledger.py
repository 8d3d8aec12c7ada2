"""The ledger of one journal: what arrived of it, in any order, and what the chain says to it.

A record is *settled* when its link fits that of the record before it: from then on its link alone
stands for it, and a repeat is compared by fitting it there again. What cannot be settled is *open*:
it waits for the record before it, or does not fit, or is one of several that bear one sequence. Of
open records the digests are kept, within a limit.

A link of a record counts as known from whichever copy of it arrived, and a copy fits if it fits one of
them. So the order of arrival makes no difference, as long as no limit is reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_agent.chain import genesis, link
from edge_agent.verify.copies import STANDS_IN, Copy, digests_of
from edge_agent.verify.event import LAST_SEQUENCE, Arrived
from edge_agent.verify.links import Links
from edge_agent.verify.marks import Marks
from edge_agent.verify.spans import Span, Spans

SET_ASIDE = "floor.agent.record_set_aside"

MAX_COPIES = 4  # of one sequence that are kept apart; two are an alarm
MAX_SOURCES = 8  # that are named; one is the rule, another after a gateway was renamed


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept of each journal: so many links, of 16 bytes, and open records, of some 300."""

    # 64 MiB: four million records in which a repeat can still be compared.
    links: int = 4 * 1024 * 1024
    # 75 MB: the money and the meters of a backlog of over a million, before its telemetry arrives.
    open_records: int = 250_000


class Ledger:
    """One journal. `take` says whether an event is news: the first, or another, with its identity."""

    def __init__(self, journal: str, limits: Limits) -> None:
        self.journal = journal
        self.limits = limits
        self.genesis = genesis(journal)
        self.begins_after = 0  # what came up to there was proven, or given up
        self.sources: list[str] = []
        self.arrived = Marks()
        self.stand_ins = Spans()  # told of as set aside
        self.unchained = Spans()  # arrived without a link
        self.unchecked = Spans()  # open once, and given up before they could be settled
        self.broken = Spans()  # open once, did not fit, and given up
        self.altered = Spans()  # arrived with other content than before
        self.repeated = Spans()
        self.repeats = 0
        self.uncompared = 0  # repeats that came when nothing was left to compare them with
        self.links = Links(limits.links, self._is_edge)
        self.digests = Links(limits.links, lambda _: False)  # of those without a link
        self.open: dict[int, tuple[Copy, ...]] = {}
        # Of settled records the link they name for the one before them, until that one arrives with it.
        self.relied_on: dict[int, bytes] = {}
        self._counting = True

    def take(self, event: Arrived, *, again: bool = False) -> bool:
        """Enter an event; `again` if it was entered before and is only to be looked at once more."""
        self._counting = not again and event.sequence > self.begins_after
        if event.source not in self.sources and len(self.sources) < MAX_SOURCES:
            self.sources.append(event.source)
        is_here = event.sequence in self.arrived
        if self._counting and (is_here or event.sequence in self.stand_ins):
            self.repeated.add(event.sequence)
            self.repeats += 1
        if event.kind == SET_ASIDE:
            return self._take_stand_in(event)
        if not event.chain:
            return self._take_unchained(event)
        if not is_here:
            return self._take_first(event)
        if event.sequence in self.unchained:
            return self._take_chained(event)
        return self._take_another(event)

    def known(self, sequence: int) -> tuple[bytes, ...]:
        """The links of a record, one for each way in which it arrived; none if it did not."""
        if sequence == 0:
            return (self.genesis,)
        settled = self.links.get(sequence)
        copies = self.open.get(sequence)
        if copies is None:
            return (settled,) if settled else ()
        return tuple({settled, *(copy.chain for copy in copies)} - {b""})

    def verdicts(self) -> Iterator[tuple[int, bool | None]]:
        """Of each open sequence whether it fits the one before it; None if that is not known."""
        for sequence, copies in self.open.items():
            yield sequence, self._verdict(sequence, copies)

    def contradicted(self) -> Iterator[int]:
        """Settled ones that name another link for the record before them than what arrived of it."""
        for sequence, before in self.relied_on.items():
            known = self.known(sequence - 1)
            if known and before not in known and sequence not in self.open:
                yield sequence

    def begin_after(self, sequence: int) -> None:
        """Keep no details of what came up to a sequence, but what the chain needs to go on."""
        self.begins_after = sequence
        links = self.known(sequence)
        beyond = Span(sequence + 1, LAST_SEQUENCE)
        self.arrived.add_through(sequence)
        for name in ("stand_ins", "unchained", "unchecked", "broken", "altered", "repeated"):
            setattr(self, name, Spans(getattr(self, name).within(beyond)))
        self.repeats = self.uncompared = 0
        self.open = {number: copies for number, copies in self.open.items() if number > sequence}
        self.relied_on = {number: link for number, link in self.relied_on.items() if number > sequence}
        if links:
            self.links.put(sequence, links[0])

    # A record with its link

    def _take_first(self, event: Arrived) -> bool:
        sequence = event.sequence
        self.arrived.add(sequence)
        if not self.open and not self.stand_ins and not self.relied_on:  # the rule, and no need to look about
            before = self.links.get(sequence - 1)
            if before and link(before, sequence, event.sealed) == event.chain:
                self.links.put(sequence, event.chain)
                self.links.passed(sequence - 1)
                return True
        copy = Copy.of(event)
        stand_ins = self._stand_ins_of(sequence)
        if any(one.chain != event.chain for one in stand_ins):
            self.altered.add(sequence)
            self._open(sequence, (*stand_ins, copy))
        elif self._fits(sequence, copy):
            self._settle(sequence, copy)
        else:
            self._open(sequence, (copy,))
        self._goes_on(sequence)
        return True

    def _take_another(self, event: Arrived) -> bool:
        sequence, copy = event.sequence, Copy.of(event)
        if sequence in self.unchecked or sequence in self.broken:
            return self._take_up(sequence, copy)
        copies = self._copies(sequence)
        answers = [self._same(sequence, one, copy) for one in copies]
        if True in answers:
            self._complete(sequence, answers.index(True), copy)
            return False
        if None in answers:
            return self._not_compared()
        self.altered.add(sequence)
        if len(copies) < MAX_COPIES:
            self._open(sequence, (*copies, copy))
            self._goes_on(sequence)
        return True

    def _take_up(self, sequence: int, copy: Copy) -> bool:
        """Another copy of what was given up: what was given up cannot be compared with it."""
        self.unchecked.discard(sequence)
        self.broken.discard(sequence)
        self._open(sequence, (copy,))
        self._settle_if_it_fits(sequence)
        return self._not_compared()

    def _copies(self, sequence: int) -> tuple[Copy, ...]:
        """What is known of a record that arrived."""
        settled = Copy(self.links.get(sequence), self.relied_on.get(sequence, b""))
        return self.open.get(sequence, (settled,))

    def _stand_ins_of(self, sequence: int) -> tuple[Copy, ...]:
        """What stood in for a record that had not arrived."""
        if sequence not in self.stand_ins:
            return ()
        link = self.links.get(sequence)
        return self.open.get(sequence) or ((Copy(link, digest=STANDS_IN),) if link else ())

    def _same(self, sequence: int, one: Copy, other: Copy) -> bool | None:
        """Whether two copies are the same record; None if that cannot be told any more."""
        if not one.chain:
            return None
        if one.chain != other.chain:
            return False
        if one.digest:
            return not one.contents().isdisjoint(other.contents())
        preceding = {*self.known(sequence - 1), one.before, other.before} - {b""}
        return other.follows(preceding) if preceding else None

    def _complete(self, sequence: int, at: int, copy: Copy) -> None:
        """A repeat may bring the link of a record that was given up since it was first sent."""
        copies = self.open.get(sequence)
        if copies is not None and copy.before and copies[at].digest and not copies[at].before:
            completed = copies[at]._replace(before=copy.before)
            self.open[sequence] = (*copies[:at], completed, *copies[at + 1 :])
            self._settle_if_it_fits(sequence)

    # Fitting it to what stands before it

    def _fits(self, sequence: int, copy: Copy) -> bool | None:
        known = self.known(sequence - 1)
        if not copy.digest:
            return not copy.before or not known or copy.before in known
        preceding = known or ((copy.before,) if copy.before else ())
        return copy.follows(preceding) if preceding else None

    def _verdict(self, sequence: int, copies: Sequence[Copy]) -> bool | None:
        fits = {self._fits(sequence, copy) for copy in copies if copy.digest != STANDS_IN} or {True}
        return True if True in fits else False if False in fits else None

    def _settle_if_it_fits(self, sequence: int) -> None:
        copies = self.open[sequence]
        if len(copies) == 1 and self._fits(sequence, copies[0]):
            del self.open[sequence]
            self._settle(sequence, copies[0])

    def _settle(self, sequence: int, copy: Copy) -> None:
        self.links.put(sequence, copy.chain)
        if copy.before and not self.known(sequence - 1):
            self.relied_on[sequence] = copy.before
            if len(self.relied_on) > self.limits.open_records:
                del self.relied_on[next(iter(self.relied_on))]
        self.links.passed(sequence - 1)

    def _goes_on(self, sequence: int) -> None:
        """A link of a record is known: the next one may fit it."""
        after = sequence + 1
        if after in self.open:
            self._settle_if_it_fits(after)
        if after in self.relied_on and self.relied_on[after] in self.known(sequence):
            del self.relied_on[after]

    def _is_edge(self, sequence: int) -> bool:
        return sequence + 1 not in self.arrived or sequence + 1 in self.open

    # Keeping what is open, within the limit

    def _open(self, sequence: int, copies: tuple[Copy, ...]) -> None:
        self.open[sequence] = copies
        if len(self.open) > self.limits.open_records:
            self._give_up()

    def _give_up(self) -> None:
        """Forget a quarter of those that are open, the ones that have been so longest."""
        for sequence, copies in [*self.open.items()][: len(self.open) // 4 + 1]:
            verdict = self._verdict(sequence, copies)
            del self.open[sequence]
            self.links.put(sequence, copies[-1].chain)
            if not verdict:
                (self.unchecked if verdict is None else self.broken).add(sequence)

    # Records without a link, and what stands in for a record

    def _take_unchained(self, event: Arrived) -> bool:
        sequence, (as_it_came, anew) = event.sequence, digests_of(event)
        if sequence not in self.arrived:
            self.arrived.add(sequence)
            self.unchained.add(sequence)
            self.digests.put(sequence, anew or as_it_came)
            return True
        if sequence in self.unchained:
            before = self.digests.get(sequence)
            return self._news_if_other(sequence, before == (anew or as_it_came) if before else None)
        answers = {
            self._same(sequence, one, Copy(one.chain, one.before, as_it_came, anew))
            for one in self._copies(sequence)
        }
        return self._news_if_other(sequence, True if True in answers else None if None in answers else False)

    def _take_chained(self, event: Arrived) -> bool:
        """A record that had arrived without its link."""
        before, (as_it_came, anew) = self.digests.get(event.sequence), digests_of(event)
        news = self._news_if_other(event.sequence, before == (anew or as_it_came) if before else None)
        self.unchained.discard(event.sequence)
        self._take_first(event)
        return news

    def _take_stand_in(self, event: Arrived) -> bool:
        """Its link is that of the record in whose place it stands; what it says was never sealed there."""
        sequence, known = event.sequence, self.known(event.sequence)
        if sequence in self.stand_ins and (not known or event.chain in known):
            return False
        self.stand_ins.add(sequence)
        if event.chain and known and event.chain not in known:
            self.altered.add(sequence)
            copies = self._copies(sequence) if sequence in self.arrived else self._stand_ins_of(sequence)
            self._open(sequence, (*copies, Copy(event.chain, digest=STANDS_IN))[:MAX_COPIES])
        elif event.chain and not known:
            self.links.put(sequence, event.chain)
        self._goes_on(sequence)
        return True

    # What came of a repeat

    def _not_compared(self) -> bool:
        self.uncompared += self._counting
        return False

    def _news_if_other(self, sequence: int, same: bool | None) -> bool:  # noqa: FBT001  three answers
        if same is None:
            return self._not_compared()
        if not same:
            self.altered.add(sequence)
        return not same
