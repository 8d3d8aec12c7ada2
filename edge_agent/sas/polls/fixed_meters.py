"""Fixed meters: polls that answer with the same meters every time, four BCD bytes each."""

from __future__ import annotations

from edge_agent.sas.fields import Bcd
from edge_agent.sas.polls.row import GAME, LongPoll, M, R, meter, meters

_TOURNAMENT = ("tournament_games_played", "tournament_games_won", "tournament_wagered", "tournament_won")


def _game_meter(command: int, name: str) -> LongPoll:
    """A poll that reads one four-byte meter of a game."""
    return LongPoll(command, name, M, (GAME, Bcd(name, 4)), (GAME,), confidence="M", source="MO")


ROWS: tuple[LongPoll, ...] = (
    LongPoll(
        0x0F,
        "meters_10_to_15",
        R,
        meters("cancelled_credits", "coin_in", "coin_out", "drop", "jackpot", "games_played"),
    ),
    meter(0x10, "cancelled_credits"),
    meter(0x11, "coin_in"),
    meter(0x12, "coin_out"),
    meter(0x13, "drop"),
    meter(0x14, "jackpot"),
    meter(0x15, "games_played"),
    meter(0x16, "games_won"),
    meter(0x17, "games_lost"),
    LongPoll(0x18, "games_since", R, (Bcd("games_since_power_up", 2), Bcd("games_since_door_close", 2))),
    LongPoll(0x19, "meters_11_to_15", R, meters("coin_in", "coin_out", "drop", "jackpot", "games_played")),
    meter(0x1A, "current_credits"),
    LongPoll(
        0x1C,
        "meters",
        R,
        meters(
            "coin_in",
            "coin_out",
            "drop",
            "jackpot",
            "games_played",
            "games_won",
            "slot_door_opened",
            "power_resets",
        ),
    ),
    LongPoll(
        0x1E,
        "bill_meters",
        R,
        meters("bills_1", "bills_5", "bills_10", "bills_20", "bills_50", "bills_100"),
    ),
    meter(0x20, "bills_value"),  # in whole currency units
    meter(0x2A, "true_coin_in"),
    meter(0x2B, "true_coin_out"),
    meter(0x2C, "hopper_level"),
    LongPoll(0x2D, "hand_paid_cancelled_credits", M, (GAME, Bcd("hand_paid_cancelled_credits", 4)), (GAME,)),
    meter(0x31, "bills_1"),
    meter(0x32, "bills_2"),
    meter(0x33, "bills_5"),
    meter(0x34, "bills_10"),
    meter(0x35, "bills_20"),
    meter(0x36, "bills_50"),
    meter(0x37, "bills_100"),
    meter(0x38, "bills_500"),
    meter(0x39, "bills_1000"),
    meter(0x3A, "bills_200"),
    meter(0x3B, "bills_25"),
    meter(0x3C, "bills_2000"),
    meter(0x3E, "bills_2500"),
    meter(0x3F, "bills_5000"),
    meter(0x40, "bills_10000"),
    meter(0x41, "bills_20000"),
    meter(0x42, "bills_25000"),
    meter(0x43, "bills_50000"),
    meter(0x44, "bills_100000"),
    meter(0x45, "bills_250"),
    meter(0x46, "bills_credits"),
    meter(0x47, "external_coin_acceptor_credits", "M", "MO"),
    meter(0x49, "stacker_bills"),
    meter(0x4A, "stacker_credits"),
    LongPoll(
        0x52,
        "game_meters",
        M,
        (GAME, *meters("coin_in", "coin_out", "jackpot", "games_played")),
        (GAME,),
    ),
    LongPoll(0x83, "cumulative_progressive_wins", M, (GAME, *meters("progressive_wins")), (GAME,)),
    *(_game_meter(command, name) for command, name in enumerate(_TOURNAMENT, start=0x95)),
    LongPoll(
        0x99, "tournament_meters", M, (GAME, *meters(*_TOURNAMENT)), (GAME,), confidence="M", source="MO"
    ),
    LongPoll(
        0x9A,
        "legacy_bonus_meters",
        M,
        (GAME, *meters("deductible", "non_deductible", "wager_match")),
        (GAME,),
    ),
)
