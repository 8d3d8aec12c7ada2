"""Machine and game information: who the machine is, what it offers and what state it is in."""

from __future__ import annotations

from edge_agent.sas.code_tables import (
    BILL_DENOMINATIONS,
    COUNTRIES,
    DENOMINATIONS,
    FEATURE_BITS,
    HAND_TYPES,
    HOPPER_STATUSES,
)
from edge_agent.sas.entries import SizedBcd
from edge_agent.sas.fields import (
    Bcd,
    Binary,
    CountedText,
    Field,
    Raw,
    RestRaw,
    RestText,
    Rows,
    Text,
    Trailing,
)
from edge_agent.sas.polls.row import CHANGES, DATE, GAME, MACHINE, TIME, LongPoll, M, R

_FEATURES: tuple[Field, ...] = tuple(
    Binary(f"features{number}", 1, bits=bits) for number, bits in FEATURE_BITS.items()
)
_DENOMINATIONS = Rows("denominations", Binary("denomination", 1, codes=DENOMINATIONS))
_UNKNOWN: tuple[Field, ...] = (RestRaw("data"),)


def _unknown_read(command: int, name: str) -> LongPoll:
    """A 6.03 poll known by its name alone: it is framed as a read, and nobody has seen an answer."""
    return LongPoll(command, name, R, _UNKNOWN, layout_known=False, confidence="L", source="MO", since="6.03")


ROWS: tuple[LongPoll, ...] = (
    LongPoll(0x1F, "machine_information", R, MACHINE, reply_slack=1),
    LongPoll(
        0x48,
        "last_accepted_bill",
        R,
        (
            Bcd("country", 1, codes=COUNTRIES),
            Bcd("denomination_code", 1, codes=BILL_DENOMINATIONS),
            Bcd("count", 4, "bills"),
        ),
    ),
    LongPoll(
        0x4F,
        "hopper_status",
        R,
        # The level is there when the machine can count its coins.
        (
            Binary("status", 1, codes=HOPPER_STATUSES),
            Binary("percent_full", 1, "percent"),  # FF: not known
            Trailing((Bcd("level", 4, "coins"),)),
        ),
        reply_counted=True,
    ),
    LongPoll(0x51, "games_implemented", R, (Bcd("games_implemented", 2),)),
    LongPoll(0x53, "game_configuration", M, (GAME, *MACHINE), (GAME,), reply_slack=1),
    LongPoll(0x54, "sas_version_and_serial", R, (Text("version", 3), RestText("serial")), reply_counted=True),
    LongPoll(0x55, "selected_game", R, (GAME,)),
    # A machine of no games may leave out the count, too.
    LongPoll(0x56, "enabled_games", R, (Trailing((Rows("games", GAME),)),), reply_counted=True),
    _unknown_read(0x59, "currency_codes"),
    _unknown_read(0x5A, "supported_bills"),
    _unknown_read(0x5B, "foreign_bill_meters"),
    LongPoll(
        0x5C,
        "foreign_bill_mode",
        R,
        _UNKNOWN,
        acknowledged=True,
        effect=CHANGES,
        layout_known=False,
        confidence="L",
        source="MO",
        since="6.03",
    ),
    LongPoll(0x7E, "date_and_time", R, (DATE, TIME)),
    LongPoll(0x8E, "card_information", R, (Binary("hand_type", 1, codes=HAND_TYPES), Raw("cards", 5))),
    LongPoll(0x8F, "reel_stops", R, (Raw("stops", 9),)),
    LongPoll(0xA0, "enabled_features", M, (GAME, *_FEATURES, Raw("reserved", 2)), (GAME,), source="GD MO"),
    LongPoll(0xA4, "cash_out_limit", M, (GAME, Bcd("limit", 2, "credits")), (GAME,)),
    LongPoll(0xB1, "player_denomination", R, (Binary("denomination", 1, codes=DENOMINATIONS),), since="6.x"),
    LongPoll(0xB2, "enabled_player_denominations", R, (_DENOMINATIONS,), reply_counted=True, since="6.x"),
    LongPoll(
        0xB3, "token_denomination", R, (Binary("token_denomination", 1, codes=DENOMINATIONS),), since="6.x"
    ),
    LongPoll(
        0xB4,
        "wager_category",
        M,
        # The payback has two decimals implied.
        (GAME, Bcd("category", 2), Text("payback", 4), SizedBcd("coin_in", 4)),
        (GAME, Bcd("category", 2)),
        reply_counted=True,
        confidence="M",
        source="MO",
        since="6.x",
    ),
    LongPoll(
        0xB5,
        "extended_game_information",
        M,
        (
            GAME,
            Bcd("max_bet", 2, "credits"),
            Binary("progressive_group", 1),
            Binary("progressive_levels", 4),  # bit map
            CountedText("game_name"),
            CountedText("paytable_name"),
            Bcd("wager_categories", 2),
            # Machines before the 6.02 addendum stop here; 6.03 may add more than we know.
            Trailing((_DENOMINATIONS,)),
            RestRaw("extra"),
        ),
        (GAME,),
        reply_counted=True,
        source="MO NC",
        since="6.x",
    ),
)
