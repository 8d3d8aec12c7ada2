"""The verifier: takes what arrives, in any pieces and any order, and says at any time what is proven.

What it knows can be saved as JSON and taken up again elsewhere, so that a function in the cloud can
go on where its last call ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from edge_agent.verify.checkpoints import CheckSignature
from edge_agent.verify.claims import CHECKPOINT, GAP, Claims
from edge_agent.verify.event import read_event
from edge_agent.verify.ledger import Ledger, Limits
from edge_agent.verify.proof import Asked, prove
from edge_agent.verify.report import Report, Unreadable
from edge_agent.verify.state import load_claims, load_ledger, save_claims, save_ledger
from edge_agent.verify.texts import NoRecord, Other, Readable, events_in

VERSION = 1
MAX_NAMES = 100  # of inputs with other content, each with a count; the rest is counted as one


def verify(
    arrived: Iterable[bytes],
    *,
    first: int | None = None,
    last: int | None = None,
    head: int | None = None,
    check_signature: CheckSignature | None = None,
) -> Report:
    """What is proven of payloads that arrived, each an event, a batch or anything else events are kept in.

    Args:
        arrived: the payloads, in any order; repeats are told of.
        first: prove from this sequence on; by default from the first that is known of.
        last: prove to this sequence; by default to the last that is known of.
        head: prove at least to this sequence, which is known to have been written.
        check_signature: (text, signature, SHA-256 of the certificate) -> whether it is good, or None.
    """
    verifier = Verifier(check_signature=check_signature)
    for payload in arrived:
        verifier.feed(payload)
    return verifier.report(first=first, last=last, head=head)


class Verifier:
    """What is known of every journal of which something arrived.

    Args:
        check_signature: as for `verify`; asked once for each checkpoint.
        limits: how much is kept in memory of each journal.
    """

    def __init__(
        self, *, check_signature: CheckSignature | None = None, limits: Limits | None = None
    ) -> None:
        self._check_signature = check_signature
        self._limits = limits or Limits()
        self._journals: dict[str, tuple[Ledger, Claims]] = {}
        self._unreadable: dict[str, Unreadable] = {}
        self._events = 0

    def feed(self, arrived: bytes | Readable, name: str = "") -> None:
        """Take in a payload, or a stream of any length. Other content is told of by this `name`."""
        self._read(arrived, name, again=False)

    def feed_again(self, arrived: bytes | Readable) -> None:
        """Look at something once more that was fed, for the sake of what could not be kept in memory then."""
        self._read(arrived, "", again=True)

    @property
    def gave_up(self) -> bool:
        """Whether records had to be forgotten before the one before them arrived."""
        return any(ledger.unchecked for ledger, _ in self._journals.values())

    def report(self, *, first: int | None = None, last: int | None = None, head: int | None = None) -> Report:
        """What is proven by now; bounds as for `verify`."""
        asked = Asked(first, last, head)
        journals = [prove(*self._journals[journal], asked) for journal in sorted(self._journals)]
        return Report(tuple(journals), self._events, tuple(self._unreadable.values()))

    def begin_after(self, journal: str, sequence: int) -> None:
        """Let the proof of a journal begin behind a sequence: what came up to it is dealt with.

        Its details are forgotten, so that a state that is kept for years stays small.
        """
        ledger, claims = self._of(journal)
        ledger.begin_after(sequence)
        claims.begin_after(sequence)

    def save(self) -> dict[str, Any]:
        """All that is known, as JSON has it."""
        journals = {
            journal: {"ledger": save_ledger(ledger), "claims": save_claims(claims)}
            for journal, (ledger, claims) in self._journals.items()
        }
        unreadable = [[one.name, one.count, one.at, one.why] for one in self._unreadable.values()]
        return {"version": VERSION, "events": self._events, "unreadable": unreadable, "journals": journals}

    @classmethod
    def restore(
        cls,
        saved: Mapping[str, Any],
        *,
        check_signature: CheckSignature | None = None,
        limits: Limits | None = None,
    ) -> Verifier:
        """One that knows what was saved. Raises ValueError if another version saved it."""
        if saved.get("version") != VERSION:
            raise ValueError(f"this was saved by another version: {saved.get('version')!r}")
        verifier = cls(check_signature=check_signature, limits=limits)
        verifier._events = saved["events"]
        verifier._unreadable = {one[0]: Unreadable(*one) for one in saved["unreadable"]}
        for journal, parts in saved["journals"].items():
            ledger, claims = verifier._of(journal)
            load_ledger(ledger, parts["ledger"])
            load_claims(claims, parts["claims"])
        return verifier

    def _read(self, arrived: bytes | Readable, name: str, *, again: bool) -> None:
        for found in events_in(BytesIO(arrived) if isinstance(arrived, bytes) else arrived):
            if isinstance(found, NoRecord):
                continue
            if not isinstance(found, Other):
                try:
                    self._take(found, again=again)
                    continue
                except ValueError as error:
                    found = Other(0, f"an event that makes no sense: {error}")  # noqa: PLW2901  it turned out so
            if not again:
                self._tell(name, found)

    def _take(self, found: tuple[dict[str, Any], str], *, again: bool) -> None:
        event = read_event(*found)
        self._events += not again
        ledger, claims = self._of(event.journal)
        news = ledger.take(event, again=again)
        if claims.awaited:
            claims.arrived(event.sequence)
        if news and event.kind in (GAP, CHECKPOINT):
            claims.take(event, self._check_signature)

    def _of(self, journal: str) -> tuple[Ledger, Claims]:
        found = self._journals.get(journal)
        if found is None:
            ledger = Ledger(journal, self._limits)
            found = self._journals[journal] = ledger, Claims(journal, ledger.known)
        return found

    def _tell(self, name: str, other: Other) -> None:
        if name not in self._unreadable and len(self._unreadable) >= MAX_NAMES:
            name = "others"
        before = self._unreadable.get(name)
        if before is None:
            self._unreadable[name] = Unreadable(name, 1, other.at, other.why)
        else:
            self._unreadable[name] = Unreadable(name, before.count + 1, before.at, before.why)
