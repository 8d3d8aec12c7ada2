"""Exceptions: what a machine says when a general poll asks whether anything has happened.

One row a code, in the order of the codes. With real-time events on, the same codes come as event frames,
and those that carry data carry it in the layout given here. A code that is not listed is unassigned: it
travels through as itself under the name `unknown_0x..`.

The priority says where a machine keeps a pending exception:

    QUEUED      first in, first out; the oldest is lost when the queue overflows (then 70 is reported)
    PRIORITY    a flag that stays up until its duty is done, sent before anything queued
    VALIDATION  PRIORITY when enhanced or system validation is configured, else QUEUED
    HANDPAY     PRIORITY under secure handpay reporting, QUEUED under legacy handpay reporting
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from edge_agent.sas.code_tables import BILL_DENOMINATIONS, COUNTRIES, TAX_STATUSES
from edge_agent.sas.fields import Bcd, Binary, Field, RestRaw
from edge_agent.sas.sources import Confidence


class Priority(Enum):
    """Where a machine keeps a pending exception. See the module."""

    QUEUED = "queued"
    PRIORITY = "priority"
    VALIDATION = "validation"
    HANDPAY = "handpay"


class Reported(Enum):
    """In which mode a machine reports an exception at all."""

    ALWAYS = "always"
    REAL_TIME_ONLY = "real_time_only"
    ONE_BYTE_ONLY = "one_byte_only"


@dataclass(frozen=True, slots=True)
class ExceptionCode:
    """One exception."""

    code: int
    name: str
    category: str
    priority: Priority
    confidence: Confidence
    source: str
    real_time_fields: tuple[Field, ...] = ()
    reported: Reported = Reported.ALWAYS
    duty: tuple[int, ...] = ()  # the long polls by which the host that runs the machine deals with it
    since: str = "all"


# No exception: a general poll that found nothing, and the byte that begins an event frame.
NO_ACTIVITY = 0x00
WAITING_FOR_PLAYER = 0x1F
EVENT_MARK = 0xFF

QUEUED, PRIORITY, VALIDATION, HANDPAY = Priority
_, REAL_TIME_ONLY, ONE_BYTE_ONLY = Reported

# Money in credits is in the accounting denomination of long poll 1F.
_BILL = (
    Bcd("country", 1, codes=COUNTRIES),
    Bcd("denomination_code", 1, codes=BILL_DENOMINATIONS),
    Bcd("count", 4, "bills"),
)
_BONUS = (
    Binary("multiplier", 1),
    Bcd("multiplied_win", 4, "credits"),
    Binary("tax_status", 1, codes=TAX_STATUSES),
    Bcd("bonus", 4, "credits"),
)
# Wager type: bit 7 max bet; bit 6 the wager is in the player denomination whose code is in bits 5..0.
_GAME_START = (
    Bcd("wager", 2, "credits"),
    Bcd("coin_in", 4, "credits"),
    Binary("wager_type", 1),
    Binary("progressive_group", 1),
)
_GAME_END = (Bcd("win", 4, "credits"),)
_REEL = (Binary("reel", 1), Binary("stop", 1))
_RECALL = (Bcd("game", 2), Bcd("entry", 2))
# The card's number, plus 80 when it is held.
_CARD = (Binary("card", 1),)
_GAME = (Bcd("game", 2),)
# Data nobody has laid out travels as it is.
_AS_IS = (RestRaw("data"),)

# What a machine says of itself, read again when it may have changed.
_CONFIGURATION = (0x1F, 0x53, 0x54, 0x56, 0xA0, 0xB2, 0xB3, 0xB4, 0xB5)


def _one_bill(code: int, name: str) -> ExceptionCode:
    """A bill that has a code of its own, which real-time events do not use."""
    return ExceptionCode(code, name, "bill", QUEUED, "H", "SC GD", reported=ONE_BYTE_ONLY, duty=(0x48,))


# fmt: off
_ROWS: tuple[ExceptionCode, ...] = (
    ExceptionCode(0x00, "no_activity", "idle", QUEUED, "H", "SC GD"),
    ExceptionCode(0x11, "slot_door_opened", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x12, "slot_door_closed", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x13, "drop_door_opened", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x14, "drop_door_closed", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x15, "card_cage_opened", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x16, "card_cage_closed", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x17, "ac_power_applied", "power", QUEUED, "H", "SC GD", duty=_CONFIGURATION),
    ExceptionCode(0x18, "ac_power_lost", "power", QUEUED, "H", "SC GD"),
    ExceptionCode(0x19, "cashbox_door_opened", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x1A, "cashbox_door_closed", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x1B, "cashbox_removed", "door", QUEUED, "H", "SC GD", duty=(0x1E,)),
    ExceptionCode(0x1C, "cashbox_installed", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x1D, "belly_door_opened", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x1E, "belly_door_closed", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x1F, "no_activity_waiting_for_player_input", "idle", QUEUED, "H", "SC GD"),
    ExceptionCode(0x20, "general_tilt", "tilt", QUEUED, "H", "SC GD"),
    ExceptionCode(0x21, "coin_in_tilt", "tilt", QUEUED, "H", "SC GD"),
    ExceptionCode(0x22, "coin_out_tilt", "tilt", QUEUED, "H", "SC GD"),
    ExceptionCode(0x23, "hopper_empty", "hopper", QUEUED, "H", "SC GD"),
    ExceptionCode(0x24, "extra_coin_paid", "hopper", QUEUED, "H", "SC GD"),
    ExceptionCode(0x25, "diverter_malfunction", "tilt", QUEUED, "H", "SC GD"),
    # Of machines with legacy electronic transfers: 66 tells how much it was.
    ExceptionCode(
        0x26, "player_initiated_cash_out", "cash_out", QUEUED, "M", "MO", duty=(0x66,), since="3.x",
    ),
    ExceptionCode(0x27, "cashbox_full", "bill", QUEUED, "H", "SC GD"),
    ExceptionCode(0x28, "bill_jam", "bill", QUEUED, "H", "SC GD"),
    ExceptionCode(0x29, "bill_acceptor_hardware_failure", "bill", QUEUED, "H", "SC GD"),
    ExceptionCode(0x2A, "reverse_bill", "bill", QUEUED, "H", "SC GD"),
    ExceptionCode(0x2B, "bill_rejected", "bill", QUEUED, "H", "SC GD"),
    ExceptionCode(0x2C, "counterfeit_bill", "bill", QUEUED, "H", "SC GD"),
    ExceptionCode(0x2D, "reverse_coin_in", "tilt", QUEUED, "H", "SC GD"),
    ExceptionCode(0x2E, "cashbox_near_full", "bill", QUEUED, "H", "SC GD"),
    ExceptionCode(0x2F, "bill_acceptor_version_changed", "config", QUEUED, "M", "MO", since="6.03"),
    ExceptionCode(0x31, "cmos_ram_error_recovered", "memory", QUEUED, "H", "SC GD"),
    ExceptionCode(0x32, "cmos_ram_error_not_recovered", "memory", QUEUED, "H", "SC GD"),
    ExceptionCode(0x33, "cmos_ram_error_bad_device", "memory", QUEUED, "H", "SC GD"),
    ExceptionCode(0x34, "eeprom_data_error", "memory", QUEUED, "H", "SC GD"),
    ExceptionCode(0x35, "eeprom_bad_device", "memory", QUEUED, "H", "SC GD"),
    ExceptionCode(0x36, "eprom_checksum_differs", "memory", QUEUED, "H", "SC GD", duty=(0x21, 0x6E, 0x54)),
    ExceptionCode(0x37, "eprom_bad_checksum", "memory", QUEUED, "H", "SC GD"),
    ExceptionCode(
        0x38, "partitioned_eprom_checksum_differs", "memory", QUEUED, "H", "SC GD", duty=(0x21, 0x6E, 0x54),
    ),
    ExceptionCode(0x39, "partitioned_eprom_bad_checksum", "memory", QUEUED, "H", "SC GD"),
    ExceptionCode(0x3A, "memory_error_reset_by_operator", "memory", QUEUED, "H", "SC GD"),
    ExceptionCode(0x3B, "low_backup_battery", "memory", QUEUED, "H", "SC GD"),
    ExceptionCode(0x3C, "operator_changed_options", "config", QUEUED, "H", "SC GD", duty=_CONFIGURATION),
    ExceptionCode(0x3D, "cash_out_ticket_printed", "ticket", VALIDATION, "H", "SC GD", duty=(0x3D, 0x4D)),
    ExceptionCode(0x3E, "handpay_validated", "ticket", VALIDATION, "H", "SC GD", duty=(0x3D, 0x4D)),
    ExceptionCode(0x3F, "validation_id_not_configured", "ticket", PRIORITY, "H", "SC GD", duty=(0x4C,)),
    ExceptionCode(0x40, "reel_tilt", "reel", QUEUED, "H", "SC GD"),
    ExceptionCode(0x41, "reel_1_tilt", "reel", QUEUED, "H", "SC GD"),
    ExceptionCode(0x42, "reel_2_tilt", "reel", QUEUED, "H", "SC GD"),
    ExceptionCode(0x43, "reel_3_tilt", "reel", QUEUED, "H", "SC GD"),
    ExceptionCode(0x44, "reel_4_tilt", "reel", QUEUED, "H", "SC GD"),
    ExceptionCode(0x45, "reel_5_tilt", "reel", QUEUED, "H", "SC GD"),
    ExceptionCode(0x46, "reel_mechanism_disconnected", "reel", QUEUED, "H", "SC GD"),
    _one_bill(0x47, "bill_accepted_1"),
    _one_bill(0x48, "bill_accepted_5"),
    _one_bill(0x49, "bill_accepted_10"),
    _one_bill(0x4A, "bill_accepted_20"),
    _one_bill(0x4B, "bill_accepted_50"),
    _one_bill(0x4C, "bill_accepted_100"),
    _one_bill(0x4D, "bill_accepted_2"),
    _one_bill(0x4E, "bill_accepted_500"),
    ExceptionCode(0x4F, "bill_accepted", "bill", QUEUED, "H", "SC GD", _BILL, duty=(0x48,)),
    _one_bill(0x50, "bill_accepted_200"),
    ExceptionCode(0x51, "handpay_pending", "handpay", HANDPAY, "H", "SC GD", duty=(0x1B,)),
    ExceptionCode(0x52, "handpay_reset", "handpay", HANDPAY, "H", "SC GD", duty=(0x1B,)),
    ExceptionCode(0x53, "no_progressive_information", "progressive", QUEUED, "H", "SC GD", duty=(0x80, 0x86)),
    ExceptionCode(0x54, "progressive_win", "progressive", QUEUED, "H", "SC GD", duty=(0x84,)),
    ExceptionCode(0x55, "handpay_request_cancelled", "handpay", QUEUED, "H", "SC GD"),
    ExceptionCode(
        0x56, "sas_progressive_level_hit", "progressive", PRIORITY, "H", "SC GD", duty=(0x85, 0x87),
    ),
    ExceptionCode(0x57, "system_validation_request", "ticket", PRIORITY, "H", "SC GD", duty=(0x57, 0x58)),
    ExceptionCode(
        0x59, "non_sas_progressive_level_hit", "progressive", QUEUED, "M", "MO", duty=(0x5D,), since="6.03",
    ),
    ExceptionCode(
        0x5A, "jackpot_handpay_keyed_off_to_machine_pay", "handpay", QUEUED, "M", "MO", since="6.03",
    ),
    ExceptionCode(0x5F, "tip_awarded", "game", QUEUED, "M", "MO", since="6.03"),
    ExceptionCode(0x60, "printer_communication_error", "printer", QUEUED, "H", "SC GD"),
    ExceptionCode(0x61, "printer_paper_out", "printer", QUEUED, "H", "SC GD"),
    ExceptionCode(0x66, "cash_out_button_pressed", "cash_out", QUEUED, "H", "SC GD"),
    ExceptionCode(0x67, "ticket_inserted", "ticket", PRIORITY, "H", "SC GD", duty=(0x70, 0x71)),
    ExceptionCode(0x68, "ticket_transfer_complete", "ticket", PRIORITY, "H", "SC GD", duty=(0x71,)),
    ExceptionCode(0x69, "aft_transfer_complete", "aft", PRIORITY, "H", "SC GD", duty=(0x72,)),
    ExceptionCode(0x6A, "aft_request_for_host_cashout", "aft", PRIORITY, "H", "SC GD", duty=(0x72,)),
    ExceptionCode(0x6B, "aft_request_for_host_to_cash_out_win", "aft", PRIORITY, "H", "SC GD", duty=(0x72,)),
    ExceptionCode(0x6C, "aft_request_to_register", "aft", PRIORITY, "H", "SC GD", duty=(0x73,)),
    ExceptionCode(0x6D, "aft_registration_acknowledged", "aft", PRIORITY, "H", "SC GD", duty=(0x73,)),
    ExceptionCode(0x6E, "aft_registration_cancelled", "aft", QUEUED, "H", "SC GD", duty=(0x73,)),
    ExceptionCode(0x6F, "game_locked", "aft", PRIORITY, "H", "SC GD", duty=(0x74, 0x72)),
    ExceptionCode(0x70, "exception_buffer_overflow", "system", PRIORITY, "H", "SC GD"),
    ExceptionCode(0x71, "change_lamp_on", "attendant", QUEUED, "H", "SC GD"),
    ExceptionCode(0x72, "change_lamp_off", "attendant", QUEUED, "H", "SC GD"),
    ExceptionCode(0x74, "printer_paper_low", "printer", QUEUED, "H", "SC GD"),
    ExceptionCode(0x75, "printer_power_off", "printer", QUEUED, "H", "SC GD"),
    ExceptionCode(0x76, "printer_power_on", "printer", QUEUED, "H", "SC GD"),
    ExceptionCode(0x77, "replace_printer_ribbon", "printer", QUEUED, "H", "SC GD"),
    ExceptionCode(0x78, "printer_carriage_jammed", "printer", QUEUED, "H", "SC GD"),
    ExceptionCode(0x79, "coin_in_lockout_malfunction", "tilt", QUEUED, "H", "SC GD"),
    ExceptionCode(0x7A, "soft_meters_reset", "meters", QUEUED, "H", "SC GD"),
    ExceptionCode(
        0x7B, "bill_validator_period_totals_reset", "meters", QUEUED, "H", "SC GD", duty=(0x49, 0x4A),
    ),
    ExceptionCode(0x7C, "legacy_bonus_paid", "bonus", QUEUED, "H", "SC GD", _BONUS, duty=(0x90,)),
    ExceptionCode(0x7E, "game_started", "game", QUEUED, "H", "SC GD", _GAME_START),
    ExceptionCode(0x7F, "game_ended", "game", QUEUED, "H", "SC GD", _GAME_END),
    ExceptionCode(0x80, "hopper_full", "hopper", QUEUED, "H", "SC GD"),
    ExceptionCode(0x81, "hopper_level_low", "hopper", QUEUED, "H", "SC GD"),
    ExceptionCode(0x82, "attendant_menu_entered", "menu", QUEUED, "H", "SC GD"),
    ExceptionCode(0x83, "attendant_menu_exited", "menu", QUEUED, "H", "SC GD"),
    ExceptionCode(0x84, "operator_menu_entered", "menu", QUEUED, "H", "SC GD"),
    ExceptionCode(0x85, "operator_menu_exited", "menu", QUEUED, "H", "SC GD", duty=_CONFIGURATION),
    ExceptionCode(0x86, "out_of_service_by_attendant", "menu", QUEUED, "H", "SC GD"),
    ExceptionCode(0x87, "draw_cards_requested", "game", QUEUED, "H", "SC GD", reported=REAL_TIME_ONLY),
    ExceptionCode(0x88, "reel_stopped", "reel", QUEUED, "H", "SC GD", _REEL, reported=REAL_TIME_ONLY),
    ExceptionCode(0x89, "credit_wagered", "game", QUEUED, "H", "SC GD", _AS_IS, reported=REAL_TIME_ONLY),
    ExceptionCode(0x8A, "game_recall_entry_displayed", "game", QUEUED, "H", "SC GD", _RECALL),
    ExceptionCode(0x8B, "card_held", "game", QUEUED, "H", "SC GD", _CARD, reported=REAL_TIME_ONLY),
    ExceptionCode(0x8C, "game_selected", "game", QUEUED, "H", "SC GD", _GAME, duty=(0x55,)),
    ExceptionCode(0x8E, "component_list_changed", "authentication", QUEUED, "H", "SC GD", duty=(0x6E,)),
    ExceptionCode(0x8F, "authentication_complete", "authentication", PRIORITY, "H", "SC GD", duty=(0x6E,)),
    ExceptionCode(0x98, "power_off_card_cage_access", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x99, "power_off_slot_door_access", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x9A, "power_off_cashbox_door_access", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x9B, "power_off_drop_door_access", "door", QUEUED, "H", "SC GD"),
    ExceptionCode(0x9E, "session_started", "game", QUEUED, "M", "MO", since="6.03"),
    ExceptionCode(0x9F, "session_ended", "game", QUEUED, "M", "MO", since="6.03"),
    ExceptionCode(0xA0, "meter_change_pending", "meters", QUEUED, "M", "MO", duty=(0xB6,), since="6.03"),
    ExceptionCode(0xA1, "meter_change_cancelled", "meters", QUEUED, "M", "MO", since="6.03"),
    ExceptionCode(
        0xA2, "enabled_games_changed", "config", QUEUED, "M", "MO", duty=(0x56, 0xB2), since="6.03",
    ),
)
# fmt: on

EXCEPTIONS: Mapping[int, ExceptionCode] = MappingProxyType({row.code: row for row in _ROWS})


def exception_name(code: int) -> str:
    """The name of a code, `unknown_0x..` for one no table lists."""
    row = EXCEPTIONS.get(code)
    return row.name if row else f"unknown_0x{code:02x}"


def event_fields(code: int) -> tuple[Field, ...]:
    """The layout of the data of an event frame."""
    row = EXCEPTIONS.get(code)
    return row.real_time_fields if row else _AS_IS
