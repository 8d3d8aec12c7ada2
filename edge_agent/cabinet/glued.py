"""Glued frames: where one message ends and the next begins, in bytes that were read at once."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.cabinet.explain import explain
from edge_agent.cabinet.explain_tdl1 import explain_tdl1, is_tdl1
from edge_agent.cabinet.explanation import Explanation, Side
from edge_agent.sas import Poll
from edge_agent.sas.crc import CRC_BYTES, crc_is_good
from edge_agent.sas.messages import GENERAL_POLL_BIT

# Address, command or FF, and CRC.
_SHORTEST_BYTES = 2 + CRC_BYTES


def explain_all(data: bytes, side: Side | None = None, poll: Poll | None = None) -> Iterator[Explanation]:
    """Each frame of `data`, and each stray before it; what stands behind the last good one is as it is."""
    if is_tdl1(data):
        yield explain_tdl1(data)
        return
    while data:
        size = _frame_at_start(data, side, poll) or int(_stray_stands_first(data, side, poll)) or len(data)
        yield explain(data[:size], side, poll)
        data = data[size:]


def _frame_at_start(data: bytes, side: Side | None, poll: Poll | None) -> int:
    """Where a frame at the start ends: with everything, unless that is no frame and something shorter is."""
    if explain(data, side, poll).fits:
        return len(data)
    for size in range(_SHORTEST_BYTES, len(data)):
        if crc_is_good(data[:size]) and explain(data[:size], side, poll).fits:
            return size
    return 0


def _stray_stands_first(data: bytes, side: Side | None, poll: Poll | None) -> bool:
    """Whether a frame follows what can be stray: zeros, chirps of the same machine, general polls."""
    for at in range(1, len(data) - _SHORTEST_BYTES + 1):
        chirps = {byte for byte in data[:at] if byte and not byte & GENERAL_POLL_BIT}
        if len(chirps) > 1:
            return False
        if chirps <= {data[at]} and _frame_at_start(data[at:], side, poll):
            return True
    return False
