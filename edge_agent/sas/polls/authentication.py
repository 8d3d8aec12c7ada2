"""Authentication: proof of what programs a machine runs, by signature or component by component."""

from __future__ import annotations

from edge_agent.sas.code_tables import (
    ADDRESSING_MODES,
    AUTHENTICATION_ACTIONS,
    AUTHENTICATION_METHODS,
    AUTHENTICATION_STATUSES,
)
from edge_agent.sas.fields import Binary, CountedRaw, CountedText, Field, Trailing
from edge_agent.sas.polls.row import CHANGES, LongPoll, S, unless

_METHOD = Binary("method", 4, bits=AUTHENTICATION_METHODS)

_COMPONENT_REQUEST: tuple[Field, ...] = (
    Binary("action", 1, codes=AUTHENTICATION_ACTIONS),
    Trailing((
        Binary("addressing_mode", 1, codes=ADDRESSING_MODES),
        CountedRaw("component"),
        Trailing((_METHOD, CountedRaw("seed"), CountedRaw("offset"))),
    )),
)  # fmt: skip
_COMPONENT_REPLY: tuple[Field, ...] = (
    Binary("component_list_crc", 2),
    Binary("status", 1, codes=AUTHENTICATION_STATUSES),
    Trailing((
        CountedText("component_name"),
        CountedRaw("component_size"),  # of action 00: the number of components
        Binary("available_methods", 4, bits=AUTHENTICATION_METHODS),
        Trailing((_METHOD, CountedRaw("authentication"))),
    )),
)  # fmt: skip

ROWS: tuple[LongPoll, ...] = (
    # Acknowledged at once; the signature comes later, in answer to a general poll.
    LongPoll(0x21, "rom_signature", S, (Binary("signature", 2),), (Binary("seed", 2),), acknowledged=True),
    LongPoll(
        0x6E,
        "authentication_information",
        S,
        _COMPONENT_REPLY,
        _COMPONENT_REQUEST,
        reply_counted=True,
        # An authentication that begins ends one that another system waits for.
        exceptions=(unless(CHANGES, action=0x02),),
    ),
)
