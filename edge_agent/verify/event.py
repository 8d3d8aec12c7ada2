"""An event as it arrived: its identity, its place in the chain, and the bytes that were sealed.

The gateway puts the identity in front of the sealed bytes, so cutting it off the text gives them
back. Where a store wrote the event anew, in the same order with other blanks, it is written
compactly again, which gives the same bytes.

    {"id":"<journal>/<n>","sequence":"<n>","chain":"…","chainbefore":"…",<sealed, its data last>,<added>}

What a rule adds to an event comes after `data`, where nothing of ours is; it is cut off as well.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, NamedTuple

from edge_agent.chain import from_written

IDENTITY = frozenset({"id", "sequence", "chain", "chainbefore"})
LAST_SEQUENCE = 2**63 - 1
CANARY = "floor.agent.canary"

_FRONT = re.compile(
    r'\{"id":"([^"\\]+)/([0-9]{1,19})","sequence":"([0-9]{20})",'
    # The last of 22 characters has two bits of a link and four that are zero.
    r'(?:"chain":"([\w-]{21}[AQgw])",)?(?:"chainbefore":"([\w-]{21}[AQgw])",)?',
    re.ASCII,
)
_ID = re.compile(r"(.+)/([0-9]{1,19})", re.ASCII)


class Arrived(NamedTuple):
    """One event. Links are empty where it carries none."""

    journal: str
    sequence: int
    chain: bytes
    before: bytes  # the link of a record that will never be sent
    sealed: bytes
    value: dict[str, Any]  # all of it, parsed

    @property
    def kind(self) -> object:
        """The CloudEvents type."""
        return self.value.get("type")

    @property
    def source(self) -> str:
        """The gateway it names."""
        return str(self.value.get("source", ""))

    @property
    def data(self) -> object:
        """What happened."""
        return self.value.get("data")


def is_event(value: object) -> bool:
    """Whether parsed JSON is meant to be an event of a journal."""
    return isinstance(value, dict) and "specversion" in value and "sequence" in value and "id" in value


def is_canary(value: object) -> bool:
    """Whether parsed JSON is a canary: an event of ours that is no record of a journal."""
    return isinstance(value, dict) and value.get("type") == CANARY and "sequence" not in value


def read_event(value: dict[str, Any], text: str) -> Arrived:
    """An event, of its text and of what it parses to. Raises ValueError if it is none of a journal's."""
    front = _FRONT.match(text)
    if front is not None and _has_all(front, value):
        journal, number, sequence, chain_text, before_text = front.groups()
        chain = urlsafe_b64decode(chain_text + "==") if chain_text else b""
        before = urlsafe_b64decode(before_text + "==") if before_text else b""
        sealed = _cut(value, text, front.end())
    else:
        journal, number = _identity(value.get("id"))
        sequence = value.get("sequence")
        chain, before = _link(value.get("chain")), _link(value.get("chainbefore"))
        sealed = written_anew(value)
    place = int(number)
    if not isinstance(sequence, str) or not sequence.isdecimal() or int(sequence) != place:
        raise ValueError("its id and its sequence are of different records")
    if not 1 <= place <= LAST_SEQUENCE:
        raise ValueError("no journal has such a sequence")
    return Arrived(journal, place, chain, before, sealed, value)


def written_anew(value: Mapping[str, Any]) -> bytes:
    """The sealed bytes of a parsed event, as the agent would write them."""
    return compact(_sealed(value))


def compact(value: Mapping[str, Any]) -> bytes:
    """JSON as the agent writes it: no blanks, no escapes that need not be, the order kept."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def _has_all(front: re.Match[str], value: dict[str, Any]) -> bool:
    """Whether the links were found that an event carries; written otherwise they still may be some."""
    return ("chain" not in value or front[4] is not None) and (
        "chainbefore" not in value or front[5] is not None
    )


def _cut(value: dict[str, Any], text: str, start: int) -> bytes:
    """The sealed bytes of a text whose identity ends at `start`."""
    if next(reversed(value.keys())) == "data" or "data" not in value:
        return b"{" + text[start:].encode("utf-8", "surrogateescape")
    names = [*value]
    added = {name: value[name] for name in names[names.index("data") + 1 :]}
    tail = "," + json.dumps(added, separators=(",", ":"), ensure_ascii=False)[1:]
    if text.endswith(tail):
        return b"{" + text[start : -len(tail)].encode("utf-8", "surrogateescape") + b"}"
    return written_anew(value)


def _sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Without its identity, and without what follows its data."""
    kept = {}
    for name, content in value.items():
        if name not in IDENTITY:
            kept[name] = content
        if name == "data":
            break
    return kept


def _identity(identity: object) -> tuple[str, str]:
    found = _ID.fullmatch(identity) if isinstance(identity, str) else None
    if found is None:
        raise ValueError("its id is not that of a record")
    return found[1], found[2]


def _link(text: object) -> bytes:
    if text is None:
        return b""
    if not isinstance(text, str):
        raise ValueError("its chain is no link")  # noqa: TRY004  one kind of error for whatever is wrong with it
    return from_written(text)
