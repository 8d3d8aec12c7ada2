"""The ledger of one journal: what arrived of it, in any order, and what the chain says to it.

A record is *settled* when its link fits that of the record before it: from then on its link alone
stands for it, and a repeat is compared by fitting it there again. What cannot be settled is *open*:
it waits for the record before it, or does not fit, or is one of several that bear one sequence. Open
records are kept whole, within a limit.

A link of a record counts as known from whichever copy of it arrived, and a copy fits if it fits one of
them. So the order of arrival makes no difference, as long as no limit is reached.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from edge_agent.chain import LINK_BYTES, genesis, link
from edge_agent.verify.event import Arrived, readings
from edge_agent.verify.links import Links
from edge_agent.verify.spans import Spans

SET_ASIDE = "floor.agent.record_set_aside"

MAX_COPIES = 4  # of one sequence that are kept apart; two are an alarm
MAX_SOURCES = 8  # that are named; one is the rule, another after a gateway was renamed


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept in memory, of each journal."""

    # 64 MiB of links: four million records in which a repeat can still be compared.
    links: int = 4 * 1024 * 1024
    # The records that wait for the one before them: a backlog's money before its telemetry.
    open_bytes: int = 64 * 1024 * 1024


class Copy(NamedTuple):
    """A record of an open sequence. What was settled has no content any more, nor has what stands in."""

    chain: bytes
    before: bytes
    sealed: bytes


class Ledger:
    """One journal. `take` says whether an event is news: the first, or another, with its identity."""

    def __init__(self, journal: str, limits: Limits) -> None:
        self.journal = journal
        self.limits = limits
        self.genesis = genesis(journal)
        self.sources: list[str] = []
        self.arrived = Spans()
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
        self.open: dict[int, list[Copy]] = {}
        self.open_bytes = 0
        # Of settled records the link they name for the one before them, until that one arrives with it.
        self.relied_on: dict[int, bytes] = {}
        self._counting = True

    def take(self, event: Arrived, *, again: bool = False) -> bool:
        """Enter an event; `again` if it was entered before and is only to be looked at once more."""
        self._counting = not again
        if event.source not in self.sources and len(self.sources) < MAX_SOURCES:
            self.sources.append(event.source)
        if event.kind == SET_ASIDE:
            return self._take_stand_in(event)
        if not event.chain:
            return self._take_unchained(event)
        if event.sequence not in self.arrived:
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
        copy = Copy(event.chain, event.before, event.sealed)
        stand_in = self.links.get(sequence) if self.stand_ins else b""
        if stand_in and stand_in != event.chain:
            self.altered.add(sequence)
            self._open(sequence, [Copy(stand_in, b"", b""), copy])
        elif self._fits(sequence, copy):
            self._settle(sequence, copy)
        else:
            self._open(sequence, [copy])
        self._goes_on(sequence)
        return True

    def _take_another(self, event: Arrived) -> bool:
        sequence, copy = event.sequence, Copy(event.chain, event.before, event.sealed)
        if sequence in self.unchecked or sequence in self.broken:
            return self._take_up(sequence, copy)
        copies = self.open.get(sequence) or [Copy(self.links.get(sequence), self._before(sequence), b"")]
        answers = [self._same(sequence, one, copy) for one in copies]
        if True in answers:
            self._complete(sequence, answers.index(True), copy)
            return self._repeat(sequence)
        if None in answers:
            return self._repeat(sequence, compared=False)
        self.altered.add(sequence)
        if len(copies) < MAX_COPIES:
            self._open(sequence, [*copies, copy])
            self._goes_on(sequence)
        return True

    def _take_up(self, sequence: int, copy: Copy) -> bool:
        """Another copy of what was given up: what was given up cannot be compared with it."""
        self.unchecked.discard(sequence)
        self.broken.discard(sequence)
        self._open(sequence, [copy])
        self._settle_if_it_fits(sequence)
        return self._repeat(sequence, compared=False)

    def _same(self, sequence: int, one: Copy, other: Copy) -> bool | None:
        """Whether two copies are the same record; None if that cannot be told any more."""
        if not one.chain:
            return None
        if one.chain != other.chain:
            return False
        if one.sealed:
            return one.sealed == other.sealed or not set(readings(one.sealed)).isdisjoint(
                readings(other.sealed)
            )
        preceding = {*self.known(sequence - 1), one.before, other.before} - {b""}
        return _links(sequence, other, preceding) if preceding else None

    def _complete(self, sequence: int, at: int, copy: Copy) -> None:
        """A repeat may bring the link of a record that was given up since it was first sent."""
        copies = self.open.get(sequence)
        if copies is not None and copy.before and not copies[at].before and copies[at].sealed:
            copies[at] = copies[at]._replace(before=copy.before)
            self._settle_if_it_fits(sequence)

    # Fitting it to what stands before it

    def _fits(self, sequence: int, copy: Copy) -> bool | None:
        known = self.known(sequence - 1)
        if not copy.sealed:
            return not copy.before or not known or copy.before in known
        preceding = known or ((copy.before,) if copy.before else ())
        return _links(sequence, copy, preceding) if preceding else None

    def _verdict(self, sequence: int, copies: list[Copy]) -> bool | None:
        fits = {self._fits(sequence, copy) for copy in copies}
        return True if True in fits else False if False in fits else None

    def _settle_if_it_fits(self, sequence: int) -> None:
        copies = self.open[sequence]
        if len(copies) == 1 and self._fits(sequence, copies[0]):
            self._close(sequence)
            self._settle(sequence, copies[0])

    def _settle(self, sequence: int, copy: Copy) -> None:
        self.links.put(sequence, copy.chain)
        if copy.before and not self.known(sequence - 1):
            self.relied_on[sequence] = copy.before
            if len(self.relied_on) * LINK_BYTES > self.limits.open_bytes:
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

    def _before(self, sequence: int) -> bytes:
        return self.relied_on.get(sequence, b"")

    # Keeping what is open, within the limit

    def _open(self, sequence: int, copies: list[Copy]) -> None:
        self._close(sequence)
        self.open[sequence] = copies
        self.open_bytes += _size(copies)
        if self.open_bytes > self.limits.open_bytes:
            self._give_up()

    def _close(self, sequence: int) -> None:
        self.open_bytes -= _size(self.open.pop(sequence, []))

    def _give_up(self) -> None:
        """Forget the content of those that are open longest, until a quarter of the room is free."""
        for sequence, copies in [*self.open.items()]:
            if self.open_bytes <= self.limits.open_bytes * 3 // 4:
                break
            verdict = self._verdict(sequence, copies)
            self._close(sequence)
            self.links.put(sequence, copies[-1].chain)
            if not verdict:
                (self.unchecked if verdict is None else self.broken).add(sequence)

    # Records without a link, and what stands in for a record

    def _take_unchained(self, event: Arrived) -> bool:
        sequence, digest = event.sequence, _digest(event.sealed)
        if sequence not in self.arrived:
            self.arrived.add(sequence)
            self.unchained.add(sequence)
            self.digests.put(sequence, digest)
            return True
        if sequence in self.unchained:
            before = self.digests.get(sequence)
            return self._repeat_or_alarm(sequence, before == digest if before else None)
        copies = self.open.get(sequence) or [Copy(self.links.get(sequence), self._before(sequence), b"")]
        answers = {self._same(sequence, one, Copy(one.chain, one.before, event.sealed)) for one in copies}
        return self._repeat_or_alarm(
            sequence, True if True in answers else None if None in answers else False
        )

    def _take_chained(self, event: Arrived) -> bool:
        """A record that had arrived without its link."""
        before = self.digests.get(event.sequence)
        news = self._repeat_or_alarm(event.sequence, before == _digest(event.sealed) if before else None)
        self.unchained.discard(event.sequence)
        self._take_first(event)
        return news

    def _take_stand_in(self, event: Arrived) -> bool:
        """Its link is that of the record in whose place it stands; what it says was never sealed there."""
        sequence, known = event.sequence, self.known(event.sequence)
        if sequence in self.stand_ins and (not known or event.chain in known):
            return self._repeat(sequence)
        self.stand_ins.add(sequence)
        if event.chain and known and event.chain not in known:
            self.altered.add(sequence)
            copies = self.open.get(sequence) or [Copy(known[0], self._before(sequence), b"")]
            self._open(sequence, [*copies, Copy(event.chain, b"", b"")][:MAX_COPIES])
        elif event.chain and not known:
            self.links.put(sequence, event.chain)
        self._goes_on(sequence)
        return True

    # Counting

    def _repeat(self, sequence: int, *, compared: bool = True) -> bool:
        if self._counting:
            self.repeated.add(sequence)
            self.repeats += 1
            self.uncompared += not compared
        return False

    def _repeat_or_alarm(self, sequence: int, same: bool | None) -> bool:  # noqa: FBT001  three answers
        if same is not False:
            return self._repeat(sequence, compared=same is not None)
        self.altered.add(sequence)
        return True


def _links(sequence: int, copy: Copy, preceding: Collection[bytes]) -> bool:
    """Whether a copy's link is made of its content and one of the links before it."""
    for before in preceding:
        if link(before, sequence, copy.sealed) == copy.chain:
            return True
    _, *anew = readings(copy.sealed)
    return any(link(before, sequence, sealed) == copy.chain for sealed in anew for before in preceding)


def _size(copies: list[Copy]) -> int:
    return sum(len(copy.sealed) for copy in copies)


def _digest(sealed: bytes) -> bytes:
    """Of a record without a link, however it was written."""
    *_, compactly = readings(sealed)
    return sha256(compactly).digest()[:LINK_BYTES]
