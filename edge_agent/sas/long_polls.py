"""Long polls: what a host can ask of one machine and how the answer is laid out, one row a command.

A row gives the bytes between the command and the CRC, both ways. The type says how the poll is framed:

    R  read: two bytes, no CRC       S  set or command: carries a CRC
    M  like S, with a game number    G  like S, also valid as a broadcast to address 00

An answer of no fields is an acknowledgement: the address alone. Reader, writer and simulated machine walk
these same rows. A command without a row can still be framed (`poll_lengths`) and passes as UnknownPoll.

Two marks keep an observer honest: `changes_machine` for what locks, pays, sets or moves something, and
`consumes` for reads after which the machine forgets what it told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from edge_agent.sas.fields import (
    Bcd,
    Binary,
    CountedRaw,
    CountedText,
    Digits,
    Field,
    LateBcd,
    Raw,
    RestRaw,
    RestText,
    Rows,
    Text,
    Trailing,
)
from edge_agent.sas.meter_fields import MeterCodes, SelfSizedMeters, TableSizedMeters
from edge_agent.sas.poll_lengths import HOST_POLL_LENGTHS
from edge_agent.sas.sources import Confidence


class PollType(Enum):
    """How a long poll is framed and what may answer it."""

    R = "read"
    S = "set"
    M = "multi-game"
    G = "set or broadcast"


@dataclass(frozen=True, slots=True)
class LongPoll:
    """One long poll."""

    command: int
    name: str
    type: PollType
    reply: tuple[Field, ...] = ()
    request: tuple[Field, ...] = ()
    reply_counted: bool = False  # the reply begins with a length byte
    acknowledged: bool = False  # the address alone answers it
    reply_slack: int = 0  # bytes by which machines exceed the layout
    changes_machine: bool = False
    consumes: bool = False
    confidence: Confidence = "H"
    source: str = "MO SP"

    @property
    def request_counted(self) -> bool:
        """Whether the request begins with a length byte."""
        return HOST_POLL_LENGTHS.get(self.command, 0) is None


R, S, M, G = PollType


def _meter(command: int, name: str, confidence: Confidence = "H", source: str = "MO SP") -> LongPoll:
    """A poll that reads one four-byte meter."""
    return LongPoll(command, name, R, (Bcd(name, 4),), confidence=confidence, source=source)


def _set(command: int, name: str, *request: Field, poll_type: PollType = S) -> LongPoll:
    """A poll that changes the machine and is acknowledged."""
    return LongPoll(command, name, poll_type, (), request, acknowledged=True, changes_machine=True)


def _meters(*names: str) -> tuple[Field, ...]:
    """Four-byte meters, in order."""
    return tuple(Bcd(name, 4) for name in names)


_GAME = Bcd("game", 2)
_AMOUNT = Bcd("amount_cents", 5)
_DATE, _TIME = Digits("date", 4), Digits("time", 3)  # MMDDYYYY and HHMMSS

_MACHINE: tuple[Field, ...] = (
    Text("game_id", 2),
    Text("additional_id", 3),
    Binary("denomination", 1),
    Binary("max_bet", 1),  # FF: 255 or more
    Binary("progressive_group", 1),
    Binary("game_options", 2),
    Text("paytable_id", 6),
    Text("base_percent", 4),  # two decimals implied
)
_PROGRESSIVE_WIN: tuple[Field, ...] = (Binary("progressive_group", 1), Binary("level", 1), _AMOUNT)
_FEATURES: tuple[Field, ...] = tuple(Binary(f"features{number}", 1) for number in (1, 2, 3, 4))
_TOURNAMENT = ("tournament_games_played", "tournament_games_won", "tournament_wagered", "tournament_won")
_COMPONENT_REQUEST: tuple[Field, ...] = (
    Binary("action", 1),  # 00 how many, 01 status, 02 authenticate, 03 how far
    Trailing((
        Binary("addressing_mode", 1),
        CountedRaw("component"),
        Trailing((Binary("method", 4), CountedRaw("seed"), CountedRaw("offset"))),
    )),
)  # fmt: skip
_COMPONENT_REPLY: tuple[Field, ...] = (
    Binary("component_list_crc", 2),
    Binary("status", 1),
    Trailing((
        CountedText("component_name"),
        CountedRaw("component_size"),  # of action 00: the number of components
        Binary("available_methods", 4),
        Trailing((Binary("method", 4), CountedRaw("authentication"))),
    )),
)  # fmt: skip

_ROWS: tuple[LongPoll, ...] = (
    _set(0x01, "shutdown"),
    _set(0x02, "startup"),
    _set(0x03, "sound_off"),
    _set(0x04, "sound_on"),
    _set(0x05, "game_sounds_off"),
    _set(0x06, "enable_bill_acceptor"),
    _set(0x07, "disable_bill_acceptor"),
    _set(0x08, "configure_bill_denominations", Binary("denominations", 4), Binary("action", 1)),
    _set(0x09, "enable_or_disable_game", _GAME, Binary("enable", 1), poll_type=M),
    _set(0x0A, "enter_maintenance_mode"),
    _set(0x0B, "exit_maintenance_mode"),
    # Changes how one port reports, and nothing a player could notice.
    LongPoll(0x0E, "real_time_events", S, (), (Binary("enable", 1),), acknowledged=True),
    LongPoll(
        0x0F,
        "meters_10_to_15",
        R,
        _meters("cancelled_credits", "coin_in", "coin_out", "drop", "jackpot", "games_played"),
    ),
    _meter(0x10, "cancelled_credits"),
    _meter(0x11, "coin_in"),
    _meter(0x12, "coin_out"),
    _meter(0x13, "drop"),
    _meter(0x14, "jackpot"),
    _meter(0x15, "games_played"),
    _meter(0x16, "games_won"),
    _meter(0x17, "games_lost"),
    LongPoll(0x18, "games_since", R, (Bcd("games_since_power_up", 2), Bcd("games_since_door_close", 2))),
    LongPoll(0x19, "meters_11_to_15", R, _meters("coin_in", "coin_out", "drop", "jackpot", "games_played")),
    _meter(0x1A, "current_credits"),
    LongPoll(
        0x1B,
        "handpay_information",
        R,
        (
            Binary("progressive_group", 1),
            Binary("level", 1),  # 80: cancelled credits
            Bcd("amount", 5),  # cents where a progressive is in it, else accounting credits
            Bcd("partial_pay", 2),
            Binary("reset_id", 1),
            LateBcd("session_win", 5),  # 6.03; reserved before
            LateBcd("session_pay", 5),
        ),
        consumes=True,
    ),
    LongPoll(
        0x1C,
        "meters",
        R,
        _meters(
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
        0x1D,
        "legacy_transfer_meters",
        R,
        _meters("promotional_in", "non_cashable_in", "transferred_out", "cashable_in"),
        confidence="M",
        source="NC",
    ),
    LongPoll(
        0x1E,
        "bill_meters",
        R,
        _meters("bills_1", "bills_5", "bills_10", "bills_20", "bills_50", "bills_100"),
    ),
    LongPoll(0x1F, "machine_information", R, _MACHINE, reply_slack=1),
    _meter(0x20, "bills_value"),  # in whole currency units
    # Acknowledged at once; the signature comes later, in answer to a general poll.
    LongPoll(0x21, "rom_signature", S, (Binary("signature", 2),), (Binary("seed", 2),), acknowledged=True),
    _meter(0x27, "current_non_cashable_promotional_credits", "M", "NC"),
    _meter(0x2A, "true_coin_in"),
    _meter(0x2B, "true_coin_out"),
    _meter(0x2C, "hopper_level"),
    LongPoll(
        0x2D, "hand_paid_cancelled_credits", M, (_GAME, Bcd("hand_paid_cancelled_credits", 4)), (_GAME,)
    ),
    _set(0x2E, "game_delay", Binary("delay_tenths", 2)),
    LongPoll(
        0x2F,
        "selected_meters",
        M,
        (_GAME, TableSizedMeters("meters")),
        (_GAME, MeterCodes("meter_codes", 1)),
        reply_counted=True,
        source="MO SK",
    ),
    _meter(0x31, "bills_1"),
    _meter(0x32, "bills_2"),
    _meter(0x33, "bills_5"),
    _meter(0x34, "bills_10"),
    _meter(0x35, "bills_20"),
    _meter(0x36, "bills_50"),
    _meter(0x37, "bills_100"),
    _meter(0x38, "bills_500"),
    _meter(0x39, "bills_1000"),
    _meter(0x3A, "bills_200"),
    _meter(0x3B, "bills_25"),
    _meter(0x3C, "bills_2000"),
    # Standard validation only; the number is zero for a host that does not own validation.
    LongPoll(0x3D, "cash_out_ticket", R, (Digits("validation_number", 4), _AMOUNT)),
    _meter(0x3E, "bills_2500"),
    _meter(0x3F, "bills_5000"),
    _meter(0x40, "bills_10000"),
    _meter(0x41, "bills_20000"),
    _meter(0x42, "bills_25000"),
    _meter(0x43, "bills_50000"),
    _meter(0x44, "bills_100000"),
    _meter(0x45, "bills_250"),
    _meter(0x46, "bills_credits"),
    _meter(0x47, "external_coin_acceptor_credits", "M", "MO"),
    LongPoll(
        0x48, "last_accepted_bill", R, (Bcd("country", 1), Bcd("denomination_code", 1), Bcd("count", 4))
    ),
    _meter(0x49, "stacker_bills"),
    _meter(0x4A, "stacker_credits"),
    LongPoll(
        0x4F,
        "hopper_status",
        R,
        # The level is there when the machine can count its coins.
        (Binary("status", 1), Binary("percent_full", 1), Trailing((Bcd("level", 4),))),
        reply_counted=True,
    ),
    LongPoll(0x51, "games_implemented", R, (Bcd("games_implemented", 2),)),
    LongPoll(
        0x52,
        "game_meters",
        M,
        (_GAME, *_meters("coin_in", "coin_out", "jackpot", "games_played")),
        (_GAME,),
    ),
    LongPoll(0x53, "game_configuration", M, (_GAME, *_MACHINE), (_GAME,)),
    LongPoll(0x54, "sas_version_and_serial", R, (Text("version", 3), RestText("serial")), reply_counted=True),
    LongPoll(0x55, "selected_game", R, (_GAME,)),
    LongPoll(0x56, "enabled_games", R, (Rows("games", _GAME),), reply_counted=True),
    LongPoll(
        0x6E,
        "authentication_information",
        S,
        _COMPONENT_REPLY,
        _COMPONENT_REQUEST,
        reply_counted=True,
    ),
    LongPoll(
        0x6F,
        "extended_meters",
        M,
        (_GAME, SelfSizedMeters("meters")),
        (_GAME, MeterCodes("meter_codes", 2)),
        reply_counted=True,
        source="MO NC",
    ),
    LongPoll(0x7E, "date_and_time", R, (_DATE, _TIME)),
    _set(0x7F, "set_date_and_time", _DATE, _TIME, poll_type=G),
    LongPoll(0x83, "cumulative_progressive_wins", M, (_GAME, *_meters("progressive_wins")), (_GAME,)),
    LongPoll(0x84, "progressive_win", R, _PROGRESSIVE_WIN),
    LongPoll(0x85, "sas_progressive_win", R, _PROGRESSIVE_WIN, consumes=True),
    _set(0x8A, "legacy_bonus_pay", Bcd("amount", 4), Binary("tax_status", 1)),
    LongPoll(0x8E, "card_information", R, (Binary("hand_type", 1), Raw("cards", 5))),
    LongPoll(0x8F, "reel_stops", R, (Raw("stops", 9),)),
    LongPoll(
        0x90,
        "legacy_bonus_win",
        R,
        (Binary("multiplier", 1), Bcd("multiplied_win", 4), Binary("tax_status", 1), Bcd("bonus", 4)),
        consumes=True,
    ),
    LongPoll(0x94, "remote_handpay_reset", S, (Binary("code", 1),), changes_machine=True, source="SK MO"),
    LongPoll(0x99, "tournament_meters", M, (_GAME, *_meters(*_TOURNAMENT)), (_GAME,), confidence="M"),
    LongPoll(
        0x9A,
        "legacy_bonus_meters",
        M,
        (_GAME, *_meters("deductible", "non_deductible", "wager_match")),
        (_GAME,),
    ),
    LongPoll(0xA0, "enabled_features", M, (_GAME, *_FEATURES, Raw("reserved", 2)), (_GAME,), source="GD MO"),
    LongPoll(0xA4, "cash_out_limit", M, (_GAME, Bcd("limit", 2)), (_GAME,)),
    LongPoll(
        0xAF,
        "extended_meters_alternate",  # another command, so that two in a row are two different polls
        M,
        (_GAME, SelfSizedMeters("meters")),
        (_GAME, MeterCodes("meter_codes", 2)),
        reply_counted=True,
        source="MO NC",
    ),
    LongPoll(0xB1, "player_denomination", R, (Binary("denomination", 1),)),
    LongPoll(
        0xB2,
        "enabled_player_denominations",
        R,
        (Rows("denominations", Binary("denomination", 1)),),
        reply_counted=True,
    ),
    LongPoll(0xB3, "token_denomination", R, (Binary("token_denomination", 1),)),
    LongPoll(
        0xB5,
        "extended_game_information",
        M,
        (
            _GAME,
            Bcd("max_bet", 2),
            Binary("progressive_group", 1),
            Binary("progressive_levels", 4),  # bit map
            CountedText("game_name"),
            CountedText("paytable_name"),
            Bcd("wager_categories", 2),
            # Machines before the 6.02 addendum stop here; 6.03 may add more than we know.
            Trailing((Rows("denominations", Binary("denomination", 1)),)),
            RestRaw("extra"),
        ),
        (_GAME,),
        reply_counted=True,
        source="MO NC",
    ),
)

LONG_POLLS: Mapping[int, LongPoll] = MappingProxyType({row.command: row for row in _ROWS})


def poll_name(command: int) -> str:
    """The name of a command, `unknown_0x..` for one no table lists."""
    row = LONG_POLLS.get(command)
    return row.name if row else f"unknown_0x{command:02x}"
