"""Wording: an exception in the words of the mode: its code alone, or a frame with its data.

Bills have codes of their own in one-byte mode, and share 4F, with their denomination as data, under
real-time events.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from edge_agent.sas.code_tables import BILL_DENOMINATIONS, BILL_EXCEPTIONS
from edge_agent.sas.messages import EventReply, ExceptionReply

BILL_ACCEPTED = 0x4F

_DENOMINATION_OF = {units: code for code, units in BILL_DENOMINATIONS.items()}
_DENOMINATION_OF_BILL: Mapping[int, int] = MappingProxyType(
    {code: _DENOMINATION_OF[units] for code, units in BILL_EXCEPTIONS.items()}
)
_BILL_OF_DENOMINATION: Mapping[int, int] = MappingProxyType(
    {denomination: code for code, denomination in _DENOMINATION_OF_BILL.items()}
)


def worded(
    address: int, code: int, values: Mapping[str, Any], *, real_time: bool
) -> EventReply | ExceptionReply:
    """What a machine says of an exception."""
    if not real_time:
        if code == BILL_ACCEPTED:
            code = _BILL_OF_DENOMINATION.get(values.get("denomination_code", -1), code)
        return ExceptionReply(address, code)
    if code in _DENOMINATION_OF_BILL:
        values = {"country": 0, "denomination_code": _DENOMINATION_OF_BILL[code], "count": 0, **values}
        code = BILL_ACCEPTED
    return EventReply(address, code, values)
