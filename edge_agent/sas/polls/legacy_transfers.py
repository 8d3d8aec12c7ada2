"""Legacy electronic transfers (EFT): how money moved before AFT, on machines of the 3.x texts and later.

A transfer takes two polls: the first says what is meant (acknowledgement 00), the second confirms it (01).
"""

from __future__ import annotations

from edge_agent.sas.code_tables import EFT_ACKNOWLEDGEMENTS, EFT_AVAILABLE, EFT_STATUSES
from edge_agent.sas.entries import FixedEntries
from edge_agent.sas.fields import Bcd, Binary, Field, Raw
from edge_agent.sas.polls.row import CHANGES, LongPoll, R, S, meter, meters
from edge_agent.sas.sources import Confidence

_ACKNOWLEDGEMENT = Binary("acknowledgement", 1, codes=EFT_ACKNOWLEDGEMENTS)
_PHASE: tuple[Field, ...] = (Binary("transaction_number", 1), _ACKNOWLEDGEMENT)
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
        confidence="H",
        source="NC MO SY SK",
        since="3.x",
    )


def _transfer_out(command: int, name: str, confidence: Confidence, source: str) -> LongPoll:
    """A transfer of all there is to the host, in accounting credits."""
    return LongPoll(
        command,
        name,
        S,
        (*_PHASE, _STATUS, Bcd("amount", 5, "credits")),
        _PHASE,
        effect=CHANGES,
        confidence=confidence,
        source=source,
        since="3.x",
    )


ROWS: tuple[LongPoll, ...] = (
    LongPoll(
        0x1D,
        "legacy_transfer_meters",
        R,
        meters("promotional_in", "non_cashable_in", "transferred_out", "cashable_in"),
        confidence="H",
        source="NC MO",
        since="3.x",
    ),
    meter(0x27, "current_non_cashable_promotional_credits", "H", "NC MO", "3.x"),
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
        confidence="H",
        source="NC MO",
        since="3.x",
    ),
    _transfer_in(0x63, "eft_promotional_in"),
    _transfer_out(0x64, "eft_cash_out", "H", "NC MO"),
    LongPoll(
        0x66,
        "eft_cash_out_amount",
        S,
        (_ACKNOWLEDGEMENT, _STATUS, Bcd("amount", 5, "credits")),
        (_ACKNOWLEDGEMENT,),
        effect=CHANGES,
        confidence="M",
        source="MO SK",
        since="3.x",
    ),
    _transfer_in(0x69, "eft_cashable_in"),
    LongPoll(
        0x6A,
        "eft_transfers_available",
        R,
        (Raw("reserved", 3), Binary("flags", 1, bits=EFT_AVAILABLE)),
        confidence="H",
        source="NC MO",
        since="3.x",
    ),
    _transfer_out(0x6B, "eft_promotional_out", "M", "MO"),
)
