"""Glued frames: where one message ends and the next begins, in bytes that were read at once."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.cabinet.explain import explain
from edge_agent.cabinet.explain_tdl1 import explain_tdl1, is_tdl1
from edge_agent.cabinet.explanation import Explanation, Side
from edge_agent.sas import Poll
from edge_agent.sas.crc import CRC_BYTES, crc_is_good

# Address, command or FF, and CRC.
_SHORTEST_BYTES = 2 + CRC_BYTES


def explain_all(data: bytes, side: Side | None = None, poll: Poll | None = None) -> Iterator[Explanation]:
    """Each frame of `data`; what stands behind the last good one is explained as it is."""
    if is_tdl1(data):
        yield explain_tdl1(data)
        return
    while data:
        size = _first_frame(data, side, poll)
        yield explain(data[:size], side, poll)
        data = data[size:]


def _first_frame(data: bytes, side: Side | None, poll: Poll | None) -> int:
    """Where the first frame ends: with everything, unless that is no frame and something shorter is."""
    if len(data) <= _SHORTEST_BYTES or explain(data, side, poll).fits:
        return len(data)
    for size in range(_SHORTEST_BYTES, len(data)):
        if crc_is_good(data[:size]) and explain(data[:size], side, poll).fits:
            return size
    return len(data)
