"""Legacy electronic transfers (EFT): how money moved before AFT, on machines of the 3.x texts and later.

A transfer takes two polls: the first says what is meant (acknowledgement 00), the second confirms it (01).
"""

from __future__ import annotations

from edge_agent.sas.code_tables import EFT_ACKNOWLEDGEMENTS, EFT_AVAILABLE, EFT_STATUSES
from edge_agent.sas.entries import FixedEntries
from edge_agent.sas.fields import Bcd, Binary, Field, Raw, RestRaw
from edge_agent.sas.polls.row import CHANGES, LongPoll, R, S, meter, meters

_PHASE: tuple[Field, ...] = (
    Binary("transaction_number", 1),
    Binary("acknowledgement", 1, codes=EFT_ACKNOWLEDGEMENTS),
)
_STATUS = Binary("status", 1, codes=EFT_STATUSES)


def _transfer_in(command: int, name: str) -> LongPoll:
    """A transfer to the machine, in accounting credits."""
    return LongPoll(
        command,
        name,
        S,
        (*_PHASE, _STATUS, Bcd("amount", 4, "credits")),
        (*_PHASE, Bcd("amount", 4, "credits")),
        effect=CHANGES,
        confidence="M",
        source="NC SY SK",
        since="3.x",
    )


ROWS: tuple[LongPoll, ...] = (
    LongPoll(
        0x1D,
        "legacy_transfer_meters",
        R,
        meters("promotional_in", "non_cashable_in", "transferred_out", "cashable_in"),
        confidence="M",
        source="NC",
        since="3.x",
    ),
    meter(0x27, "current_non_cashable_promotional_credits", "M", "NC"),
    LongPoll(
        0x28,
        "transfer_log",
        R,
        # The newest first.
        (
            FixedEntries(
                "transfers", (Binary("command", 1), *_PHASE, _STATUS, Bcd("amount", 5, "credits")), 5
            ),
        ),
        confidence="M",
        source="NC",
        since="3.x",
    ),
    _transfer_in(0x63, "eft_promotional_in"),
    LongPoll(
        0x64,
        "eft_cash_out",
        S,
        (*_PHASE, _STATUS, Bcd("amount", 5, "credits")),
        _PHASE,
        effect=CHANGES,
        confidence="M",
        source="NC",
        since="3.x",
    ),
    LongPoll(
        0x66,
        "eft_cash_out_amount",
        S,
        (RestRaw("data"),),
        (Raw("data", 1),),  # 00 in the one capture
        acknowledged=True,
        effect=CHANGES,
        layout_known=False,
        confidence="L",
        source="SK",
        since="3.x",
    ),
    _transfer_in(0x69, "eft_cashable_in"),
    LongPoll(
        0x6A,
        "eft_transfers_available",
        R,
        (Raw("reserved", 3), Binary("flags", 1, bits=EFT_AVAILABLE)),
        confidence="M",
        source="NC",
        since="3.x",
    ),
)
