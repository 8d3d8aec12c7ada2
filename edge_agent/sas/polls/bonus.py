"""Handpays, progressives, bonuses and tournaments: wins that do not come out of the game alone."""

from __future__ import annotations

from edge_agent.sas.code_tables import HANDPAY_LEVELS, HANDPAY_RESET_IDS, TAX_STATUSES
from edge_agent.sas.entries import CountedEntries, Entries
from edge_agent.sas.fields import Bcd, Binary, Field, LateBcd, Raw, RestRaw
from edge_agent.sas.polls.row import AMOUNT, CHANGES, CONSUMES, GAME, G, LongPoll, M, R, S

_GROUP, _LEVEL = Binary("progressive_group", 1), Binary("level", 1)
_WIN: tuple[Field, ...] = (_GROUP, _LEVEL, AMOUNT)
_BASE = Bcd("base_cents", 5)
_TAX = Binary("tax_status", 1, codes=TAX_STATUSES)

ROWS: tuple[LongPoll, ...] = (
    LongPoll(
        0x1B,
        "handpay_information",
        R,
        (
            _GROUP,
            Binary("level", 1, codes=HANDPAY_LEVELS),  # 01 to 20: a progressive level
            Bcd("amount", 5, "cents of a progressive win, else credits"),
            Bcd("partial_pay", 2, "credits"),
            Binary("reset_id", 1, codes=HANDPAY_RESET_IDS),
            LateBcd("session_win", 5, "credits"),  # 6.03; reserved before
            LateBcd("session_pay", 5, "credits"),
        ),
        effect=CONSUMES,
    ),
    LongPoll(
        0x5D,
        "non_sas_progressive_wins",
        R,
        (
            CountedEntries(
                "wins",
                (
                    Binary("controller_type", 1),
                    Bcd("controller_id", 2),
                    _LEVEL,
                    AMOUNT,
                    _BASE,
                    Bcd("escrow_cents", 5),
                ),
            ),
        ),
        reply_counted=True,
        confidence="M",
        source="MO",
        since="6.03",
    ),
    LongPoll(
        0x5E,
        "progressive_controllers",
        R,
        (RestRaw("data"),),
        layout_known=False,
        confidence="L",
        source="MO",
        since="6.03",
    ),
    LongPoll(
        0x5F,
        "progressive_broadcast_values",
        S,
        (RestRaw("data"),),
        (Raw("data", 4),),  # its length is known, and nothing else
        acknowledged=True,
        effect=CHANGES,
        layout_known=False,
        confidence="L",
        source="MO",
        since="6.03",
    ),
    LongPoll(
        0x77,
        "progressive_accounting",
        S,
        (RestRaw("data"),),
        (Raw("data", 5),),
        acknowledged=True,
        effect=CHANGES,
        layout_known=False,
        confidence="L",
        source="MO",
        since="6.03",
    ),
    LongPoll(
        0x7A,
        "extended_progressive_broadcast",
        G,
        (),
        # The contribution rate has four decimals implied.
        (
            _GROUP,
            Entries(
                "levels", (_LEVEL, AMOUNT, _BASE, Bcd("contribution_rate", 3, "ten-thousandths of a percent"))
            ),
        ),
        acknowledged=True,
        effect=CHANGES,
        confidence="M",
        source="MO",
        since="6.03",
    ),
    LongPoll(0x80, "progressive_amount", G, (), _WIN, acknowledged=True, effect=CHANGES),
    LongPoll(0x84, "progressive_win", R, _WIN),
    LongPoll(0x85, "sas_progressive_win", R, _WIN, effect=CONSUMES),
    LongPoll(
        0x86,
        "progressive_levels",
        G,
        (),
        (_GROUP, Entries("levels", (_LEVEL, AMOUNT))),
        acknowledged=True,
        effect=CHANGES,
    ),
    LongPoll(
        0x87,
        "sas_progressive_wins",
        R,
        (_GROUP, CountedEntries("wins", (_LEVEL, AMOUNT))),
        reply_counted=True,
        effect=CONSUMES,
    ),
    LongPoll(
        0x8A,
        "legacy_bonus_pay",
        S,
        (),
        (Bcd("amount", 4, "credits"), _TAX),
        acknowledged=True,
        effect=CHANGES,
    ),
    LongPoll(
        0x8B,
        "multiplied_jackpot",
        S,
        (),
        (
            Bcd("minimum_win", 4, "credits"),
            Bcd("maximum_win", 4, "credits"),
            Binary("multiplier", 1),  # the order of these three is not certain
            _TAX,
            Binary("wager_type", 1),
        ),
        acknowledged=True,
        effect=CHANGES,
        confidence="L",
        source="MO",
    ),
    LongPoll(
        0x8C,
        "tournament",
        M,
        (),
        (GAME, Bcd("time", 2, "minutes and seconds"), Bcd("credits", 4, "credits"), Binary("pulses", 1)),
        acknowledged=True,
        effect=CHANGES,
        confidence="M",
        source="MO",
    ),
    LongPoll(
        0x90,
        "legacy_bonus_win",
        R,
        (Binary("multiplier", 1), Bcd("multiplied_win", 4, "credits"), _TAX, Bcd("bonus", 4, "credits")),
        effect=CONSUMES,
    ),
)
