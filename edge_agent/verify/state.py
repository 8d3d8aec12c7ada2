"""State: a ledger and its claims as JSON, and back."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from edge_agent.verify.checkpoints import Checkpoint
from edge_agent.verify.claims import Claims
from edge_agent.verify.copies import Copy
from edge_agent.verify.declared import Gap
from edge_agent.verify.ledger import Ledger
from edge_agent.verify.spans import Spans

_SPANS = ("stand_ins", "unchained", "unchecked", "broken", "altered", "repeated")


def save_ledger(ledger: Ledger) -> dict[str, Any]:
    """A ledger, as JSON has it."""
    return {
        **{name: getattr(ledger, name).steps() for name in _SPANS},
        "arrived": ledger.arrived.save(),
        "begins_after": ledger.begins_after,
        "sources": ledger.sources,
        "repeats": ledger.repeats,
        "uncompared": ledger.uncompared,
        "links": ledger.links.save(),
        "digests": ledger.digests.save(),
        "open": {number: [[*map(_text, copy)] for copy in copies] for number, copies in ledger.open.items()},
        "relied_on": {number: _text(before) for number, before in ledger.relied_on.items()},
    }


def load_ledger(ledger: Ledger, saved: Mapping[str, Any]) -> None:
    """Fill an empty ledger with what was saved of one."""
    for name in _SPANS:
        setattr(ledger, name, Spans.of_steps(saved[name]))
    ledger.arrived.load(saved["arrived"])
    ledger.begins_after = saved["begins_after"]
    ledger.sources = [*saved["sources"]]
    ledger.repeats, ledger.uncompared = saved["repeats"], saved["uncompared"]
    ledger.open = {
        int(number): tuple(Copy(*map(b64decode, copy)) for copy in copies)
        for number, copies in saved["open"].items()
    }
    ledger.relied_on = {int(number): b64decode(before) for number, before in saved["relied_on"].items()}
    ledger.links.load(saved["links"])
    ledger.digests.load(saved["digests"])


def save_claims(claims: Claims) -> dict[str, Any]:
    """Claims, as JSON has them."""
    awaited = {one for told in claims.awaited.values() for one in told}
    return {
        "gaps": [list(astuple(gap)) for gap in sorted(claims.gaps, key=astuple)],
        "unreadable": claims.unreadable.steps(),
        "checkpoints": [
            [
                one.told_by,
                one.sequence,
                _text(one.chain),
                _text(one.signature),
                one.certificate,
                came_of_it,
                one in awaited,
            ]
            for one, came_of_it in claims.checkpoints.items()
        ],
    }


def load_claims(claims: Claims, saved: Mapping[str, Any]) -> None:
    """Fill empty claims with what was saved of some."""
    claims.gaps = {Gap(*gap) for gap in saved["gaps"]}
    claims.unreadable = Spans.of_steps(saved["unreadable"])
    for told_by, sequence, chain, signature, certificate, came_of_it, is_awaited in saved["checkpoints"]:
        one = Checkpoint(told_by, sequence, b64decode(chain), b64decode(signature), certificate)
        claims.checkpoints[one] = came_of_it
        if is_awaited:
            claims.awaited.setdefault(sequence, set()).add(one)


def _text(link: bytes) -> str:
    return b64encode(link).decode()
