"""Links remembered: 16 bytes for each sequence, in pages, the pages least in use given up first.

A remembered link lets a repeat of its record be compared with what came before. Only those at an
edge, whose next record has not arrived, are needed to go on with the chain: when a page is given up
they stay.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any

from edge_agent.chain import LINK_BYTES

# 4 KiB: with few journals, little is taken for one record, and with many records, few pages.
PAGE_LINKS = 256
_PAGE_BYTES = PAGE_LINKS * LINK_BYTES
_ABSENT = bytes(LINK_BYTES)  # no link is all zeros, short of 2**128 tries


class Links:
    """The links of one journal, by sequence.

    Args:
        limit: how many are kept at most, in whole pages; at least one page is.
        is_edge: whether a sequence's next one has not arrived.
    """

    def __init__(self, limit: int, is_edge: Callable[[int], bool]) -> None:
        self._pages_limit = max(1, limit // PAGE_LINKS)
        self._is_edge = is_edge
        self._pages: dict[int, bytearray] = {}
        self._edges: dict[int, bytes] = {}  # of pages given up
        self._number, self._page = -1, bytearray()  # the one in use

    def get(self, sequence: int) -> bytes:
        """The link of a record; empty if it is not known, or no longer."""
        number, place = divmod(sequence, PAGE_LINKS)
        page = self._page if number == self._number else self._pages.get(number)
        if page is not None:
            link = bytes(page[place * LINK_BYTES : (place + 1) * LINK_BYTES])
            if link != _ABSENT:
                return link
        return self._edges.get(sequence, b"") if self._edges else b""

    def put(self, sequence: int, link: bytes) -> None:
        """Remember the link of a record."""
        number, place = divmod(sequence, PAGE_LINKS)
        if number != self._number:
            self._turn_to(number)
        self._page[place * LINK_BYTES : (place + 1) * LINK_BYTES] = link

    def passed(self, sequence: int) -> None:
        """The next record has arrived: the link is no edge any more."""
        if self._edges:
            self._edges.pop(sequence, None)

    def _turn_to(self, number: int) -> None:
        page = self._pages.pop(number, None)
        self._page = bytearray(_PAGE_BYTES) if page is None else page
        self._number, self._pages[number] = number, self._page
        while len(self._pages) > self._pages_limit:
            self._give_up(next(iter(self._pages)))

    def _give_up(self, number: int) -> None:
        page = self._pages.pop(number)
        for place in range(PAGE_LINKS):
            link = bytes(page[place * LINK_BYTES : (place + 1) * LINK_BYTES])
            sequence = number * PAGE_LINKS + place
            if link != _ABSENT and self._is_edge(sequence):
                self._edges[sequence] = link

    def save(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        pages = {number: _trimmed(page) for number, page in self._pages.items()}
        edges = {sequence: b64encode(link).decode() for sequence, link in self._edges.items()}
        return {"pages": pages, "edges": edges}

    def load(self, saved: Mapping[str, Any]) -> None:
        """What was saved, with the limit of now."""
        for number, (place, links) in saved["pages"].items():
            self._turn_to(int(number))
            content = b64decode(links)
            self._page[place * LINK_BYTES : place * LINK_BYTES + len(content)] = content
        self._edges.update({int(sequence): b64decode(link) for sequence, link in saved["edges"].items()})


def _trimmed(page: bytearray) -> tuple[int, str]:
    """Where a page's first link is, and the links up to its last."""
    used = [place for place in range(PAGE_LINKS) if any(page[place * LINK_BYTES : (place + 1) * LINK_BYTES])]
    first, last = (used[0], used[-1]) if used else (0, -1)
    return first, b64encode(page[first * LINK_BYTES : (last + 1) * LINK_BYTES]).decode()
