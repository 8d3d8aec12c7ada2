"""Enable, disable, configure: polls that change how a machine behaves, and are acknowledged."""

from __future__ import annotations

from edge_agent.sas.code_tables import (
    BILL_ACCEPTOR_ACTIONS,
    BILL_DENOMINATIONS,
    COLLECT_STATUSES_OF_HOST,
    COLLECT_STATUSES_OF_MACHINE,
    ENABLES,
    HANDPAY_RESET_CODES,
    HANDPAY_RESET_METHOD_CODES,
    HANDPAY_RESET_METHODS,
    MACHINE_NUMBERS_FLAGS,
)
from edge_agent.sas.fields import Binary, CountedText, Field
from edge_agent.sas.polls.row import (
    ASSET_NUMBER,
    CHANGES,
    CONSUMES,
    DATE,
    GAME,
    READS,
    TIME,
    G,
    LongPoll,
    M,
    PollType,
    S,
    unless,
)
from edge_agent.sas.sources import Confidence


def _set(
    command: int,
    name: str,
    *request: Field,
    poll_type: PollType = S,
    confidence: Confidence = "H",
    source: str = "MO SP",
    request_slack: int = 0,
) -> LongPoll:
    """A poll that changes the machine and is acknowledged."""
    return LongPoll(
        command,
        name,
        poll_type,
        (),
        request,
        acknowledged=True,
        effect=CHANGES,
        confidence=confidence,
        source=source,
        request_slack=request_slack,
    )


ROWS: tuple[LongPoll, ...] = (
    _set(0x01, "shutdown"),
    _set(0x02, "startup"),
    _set(0x03, "sound_off"),
    _set(0x04, "sound_on"),
    _set(0x05, "game_sounds_off"),
    _set(0x06, "enable_bill_acceptor"),
    _set(0x07, "disable_bill_acceptor"),
    _set(
        0x08,
        "configure_bill_denominations",
        Binary("denominations", 4, bits=BILL_DENOMINATIONS),
        Binary("action", 1, codes=BILL_ACCEPTOR_ACTIONS),
    ),
    _set(0x09, "enable_or_disable_game", GAME, Binary("enable", 1, codes=ENABLES), poll_type=M),
    _set(0x0A, "enter_maintenance_mode"),
    _set(0x0B, "exit_maintenance_mode"),
    # Changes how one port reports, and nothing a player could notice.
    LongPoll(0x0E, "real_time_events", S, (), (Binary("enable", 1, codes=ENABLES),), acknowledged=True),
    # One field host sends a byte too many.
    _set(0x2E, "game_delay", Binary("delay_tenths", 2, "tenths of a second"), request_slack=1),
    _set(0x7F, "set_date_and_time", DATE, TIME, poll_type=G),
    LongPoll(
        0x94,
        "remote_handpay_reset",
        S,
        (Binary("code", 1, codes=HANDPAY_RESET_CODES),),
        effect=CHANGES,
        source="SK MO",
    ),
    LongPoll(
        0xA8,
        "handpay_reset_method",
        S,
        (Binary("code", 1, codes=HANDPAY_RESET_METHOD_CODES),),
        (Binary("reset_method", 1, codes=HANDPAY_RESET_METHODS),),
        mirrored=True,
        effect=CHANGES,
    ),
    _set(0xAA, "auto_rebet", Binary("enable", 1, codes=ENABLES)),
    LongPoll(
        0xB6,
        "meter_collect_status",
        S,
        (Binary("machine_status", 1, codes=COLLECT_STATUSES_OF_MACHINE),),
        (Binary("host_status", 1, codes=COLLECT_STATUSES_OF_HOST),),
        reply_counted=True,
        mirrored=True,
        effect=CONSUMES,
        source="MO NC",
        since="6.03",
    ),
    LongPoll(
        0xB7,
        "machine_numbers",
        S,
        (Binary("control_flags", 1, bits=MACHINE_NUMBERS_FLAGS), ASSET_NUMBER, CountedText("location")),
        (ASSET_NUMBER, CountedText("location")),
        reply_counted=True,
        effect=CHANGES,
        exceptions=(unless(READS, asset_number=0, location=""),),
        confidence="M",
        source="MO NC",
        since="6.03",
    ),
)
