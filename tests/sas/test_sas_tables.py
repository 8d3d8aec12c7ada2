"""Tables are tested as data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import pytest

from edge_agent.sas import exception_codes, long_polls, meter_codes
from edge_agent.sas.about import ABOUT
from edge_agent.sas.code_tables import BILL_EXCEPTIONS
from edge_agent.sas.exception_codes import (
    EXCEPTIONS,
    ExceptionCode,
    Priority,
    Reported,
    event_fields,
    exception_name,
)
from edge_agent.sas.fields import fixed_size
from edge_agent.sas.long_polls import (
    CONFIDENTIAL_ANSWERS,
    CONFIDENTIAL_FIELDS,
    CONFIDENTIAL_REQUESTS,
    FAMILIES,
    LONG_POLLS,
    LongPoll,
    PollType,
    poll_name,
)
from edge_agent.sas.meter_codes import METERS, MeterCode, meter_name
from edge_agent.sas.poll_lengths import HOST_POLL_LENGTHS, host_poll_length
from edge_agent.sas.sources import SOURCES

SPEAKABLE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
ROWS: list[ExceptionCode | MeterCode | LongPoll] = [
    *EXCEPTIONS.values(),
    *METERS.values(),
    *LONG_POLLS.values(),
]

# What the agent must be able to say and hear.
IN_SCOPE = [
    0x0E, 0x0F, *range(0x10, 0x20), 0x20, 0x2A, 0x2B, 0x2F, *range(0x31, 0x40), 0x46, 0x48, 0x4F,
    *range(0x51, 0x57), 0x6F, 0x7E, 0xA0, 0xAF, 0xB1, 0xB2, 0xB3, 0xB5,
]  # fmt: skip

# Totals of whole answers, CRC included, as they are known independently of the rows.
ANSWER_LENGTHS = {
    0x0F: 28, 0x10: 8, 0x11: 8, 0x12: 8, 0x13: 8, 0x14: 8, 0x15: 8, 0x16: 8, 0x17: 8, 0x18: 8, 0x19: 24,
    0x1A: 8, 0x1B: 24, 0x1C: 36, 0x1D: 20, 0x1E: 28, 0x1F: 24, 0x20: 8, 0x27: 8, 0x2A: 8, 0x2B: 8, 0x2C: 8,
    0x28: 49, 0x2D: 10, 0x31: 8, 0x3D: 13, 0x46: 8, 0x48: 10, 0x4C: 10, 0x4D: 35, 0x50: 14, 0x51: 6,
    0x52: 22, 0x53: 26, 0x55: 6, 0x57: 10, 0x58: 5, 0x63: 11, 0x64: 12, 0x66: 11, 0x69: 11, 0x6A: 8, 0x6B: 12,
    0x7C: 5, 0x7D: 5, 0x7E: 11, 0x83: 10, 0x84: 11, 0x85: 11, 0x8E: 10, 0x8F: 13, 0x90: 14, 0x94: 5,
    0x95: 10, 0x96: 10, 0x97: 10, 0x98: 10, 0x99: 22, 0x9A: 18, 0xA0: 12, 0xA4: 8, 0xA8: 5, 0xB1: 5, 0xB3: 5,
}  # fmt: skip

EVENT_LENGTHS = {0x4F: 11, 0x7C: 15, 0x7E: 13, 0x7F: 9, 0x88: 7, 0x8A: 9, 0x8B: 6, 0x8C: 7}


@pytest.mark.parametrize("rows", [exception_codes, meter_codes, long_polls])
def test_no_code_is_listed_twice(rows: object) -> None:
    """A second row for a code would silently replace the first in the mapping."""
    listed = getattr(rows, "_ROWS")  # noqa: B009  the rows before they become a mapping

    codes = Counter(getattr(row, "command", None) or getattr(row, "code", 0) for row in listed)

    assert [code for code, count in codes.items() if count > 1] == []


@pytest.mark.parametrize("table", [EXCEPTIONS, METERS, LONG_POLLS])
def test_names_are_unique_and_speakable(
    table: Mapping[int, ExceptionCode | MeterCode | LongPoll],
) -> None:
    names = [row.name for row in table.values()]

    # Polls that read a single meter bear its name; no two of them read the same one.
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert [name for name in names if not SPEAKABLE.fullmatch(name)] == []


def test_every_row_has_a_known_source_and_a_confidence() -> None:
    strangers = [row.name for row in ROWS if not row.source or set(row.source.split()) - SOURCES.keys()]

    assert strangers == []
    assert {row.confidence for row in ROWS} <= {"H", "M", "L"}


def test_what_two_sources_agree_on_names_two() -> None:
    assert [row.name for row in ROWS if row.confidence == "H" and len(row.source.split()) < 2] == []


@pytest.mark.parametrize("command", IN_SCOPE)
def test_every_poll_in_scope_has_a_row(command: int) -> None:
    assert LONG_POLLS[command].command == command


@pytest.mark.parametrize("command", sorted(ANSWER_LENGTHS))
def test_answer_lengths_add_up(command: int) -> None:
    size = fixed_size(LONG_POLLS[command].reply)

    assert size is not None
    assert size + 4 == ANSWER_LENGTHS[command]


def test_answers_that_are_not_listed_by_length_say_their_own() -> None:
    known = [row for row in LONG_POLLS.values() if row.layout_known]
    rest = [row for row in known if row.command not in ANSWER_LENGTHS and row.reply]

    single_meters = [row for row in rest if fixed_size(row.reply) == 4]
    assert [row.name for row in rest if not row.reply_counted and row not in single_meters] == [
        "rom_signature"
    ]


@pytest.mark.parametrize("row", LONG_POLLS.values(), ids=lambda row: row.name)
def test_request_lengths_add_up(row: LongPoll) -> None:
    total = HOST_POLL_LENGTHS.get(row.command, 2)

    if row.type is PollType.R:
        assert total == 2
        assert row.request == ()
    elif row.request_counted:
        assert total is None
    else:
        assert total == 4 + (fixed_size(row.request) or 0)


@pytest.mark.parametrize("row", LONG_POLLS.values(), ids=lambda row: row.name)
def test_every_poll_has_an_answer(row: LongPoll) -> None:
    assert row.reply or row.acknowledged


def test_an_observer_can_tell_which_polls_to_leave_alone() -> None:
    changing = {row.command for row in LONG_POLLS.values() if row.changes_machine}
    consuming = {row.command for row in LONG_POLLS.values() if row.consumes}

    assert {0x01, 0x02, 0x06, 0x07, 0x08, 0x7F, 0x8A, 0x94} <= changing
    assert {0x1B, 0x3D, 0x4D, 0x57, 0x70, 0x85, 0x87, 0x90, 0xB6} == consuming
    assert not changing & set(IN_SCOPE)


@pytest.mark.parametrize("code", sorted(EVENT_LENGTHS))
def test_event_lengths_add_up(code: int) -> None:
    size = fixed_size(event_fields(code))

    assert size is not None
    assert size + 5 == EVENT_LENGTHS[code]


def test_every_other_listed_event_is_five_bytes_long() -> None:
    others = [code for code in EXCEPTIONS if code not in {*EVENT_LENGTHS, 0x89}]

    assert [code for code in others if event_fields(code)] == []


def test_the_whole_table_of_exceptions_is_there() -> None:
    assert len(EXCEPTIONS) == 124
    assert Counter(row.priority for row in EXCEPTIONS.values()) == {
        Priority.QUEUED: 107,
        Priority.PRIORITY: 13,
        Priority.VALIDATION: 2,
        Priority.HANDPAY: 2,
    }


def test_bills_have_their_own_codes_only_outside_real_time_events() -> None:
    one_byte = {row.code for row in EXCEPTIONS.values() if row.reported is Reported.ONE_BYTE_ONLY}

    assert one_byte == BILL_EXCEPTIONS.keys()
    assert EXCEPTIONS[0x4F].reported is Reported.ALWAYS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (exception_name(0x11), "slot_door_opened"),
        (exception_name(0x7D), "unknown_0x7d"),
        (meter_name(0x00), "coin_in"),
        (meter_name(0x7D), "unknown_0x7d"),
        (poll_name(0x1A), "current_credits"),
        (poll_name(0xEB), "unknown_0xeb"),
    ],
)
def test_codes_nobody_listed_are_named_as_themselves(name: str, expected: str) -> None:
    assert name == expected


@pytest.mark.parametrize(
    ("code", "size", "unit"),
    [
        (0x00, 4, "credits"),
        (0x05, 4, "count"),
        (0x0D, 5, "cents"),
        (0x11, 4, "count"),
        (0x7F, 4, "percent_hundredths"),
        (0xA0, 5, "cents"),
        (0xA1, 4, "count"),
        (0xBD, 4, "count"),
        (0x47, 4, "count"),
    ],
)
def test_meters_of_cents_are_five_bytes(code: int, size: int, unit: str) -> None:
    assert (METERS[code].size, METERS[code].unit) == (size, unit)


@pytest.mark.parametrize(
    ("code", "name"),
    [(0x40, "bills_1"), (0x47, "bills_100"), (0x57, "bills_1000000"), (0x62, "bills_to_drop_1000"),
     (0x6D, "bills_to_hopper_1000"), (0x78, "bills_dispensed_1000")],
)  # fmt: skip
def test_runs_of_bill_meters_end_where_they_should(code: int, name: str) -> None:
    assert meter_name(code) == name


def test_single_meter_polls_bear_the_names_of_their_meters() -> None:
    meters = {row.name for row in METERS.values()}
    # These have no meter code.
    without = {"bills_value", "true_coin_in", "true_coin_out", "hopper_level",
               "current_non_cashable_promotional_credits", "external_coin_acceptor_credits"}  # fmt: skip

    single = {row.name for row in LONG_POLLS.values() if fixed_size(row.reply) == 4 and not row.request}

    assert single - {"games_since", "eft_transfers_available"} - without <= meters


@pytest.mark.parametrize(
    ("code", "duty"),
    [(0x67, (0x70, 0x71)), (0x51, (0x1B,)), (0x4F, (0x48,)), (0x47, (0x48,)), (0x50, (0x48,)),
     (0x3C, (0x1F, 0x53, 0x54, 0x56, 0xA0, 0xB2, 0xB3, 0xB4, 0xB5)), (0x11, ())],
)  # fmt: skip
def test_exceptions_name_the_polls_that_deal_with_them(code: int, duty: tuple[int, ...]) -> None:
    assert EXCEPTIONS[code].duty == duty


def test_duties_are_polls_of_the_table() -> None:
    assert {command for row in EXCEPTIONS.values() for command in row.duty} <= LONG_POLLS.keys()


def test_what_came_with_6_03_is_marked() -> None:
    exceptions = {row.code for row in EXCEPTIONS.values() if row.since == "6.03"}
    polls = {row.command for row in LONG_POLLS.values() if row.since == "6.03"}

    assert exceptions == {0x2F, 0x59, 0x5A, 0x5F, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2}
    assert polls == {0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, 0x77, 0x7A, 0xB6, 0xB7}


def test_what_must_not_be_shown_is_known_by_name() -> None:
    assert {
        "validation_number", "validation_data", "registration_key", "transaction_id", "receipt_data",
    } == CONFIDENTIAL_FIELDS  # fmt: skip
    assert {0x3D, 0x4D, 0x70, 0x71, 0x72, 0x73} == CONFIDENTIAL_ANSWERS
    assert {0x58, 0x71, 0x72, 0x73} == CONFIDENTIAL_REQUESTS


def test_polls_nobody_laid_out_say_so() -> None:
    unknown = [row for row in LONG_POLLS.values() if not row.layout_known]

    assert {row.command for row in unknown} == {0x59, 0x5A, 0x5B, 0x5C, 0x5E, 0x5F, 0x76, 0x77}
    assert {row.confidence for row in unknown} == {"L"}


def test_polls_whose_answer_may_repeat_them() -> None:
    """Their answers can be told from an echo of the poll only by knowing whether the line echoes."""
    mirrored = {row.command for row in LONG_POLLS.values() if row.mirrored}

    assert mirrored == {0x4C, 0x71, 0x73, 0x7C, 0x7D, 0xA8, 0xB6}


def test_a_poll_stands_in_one_family() -> None:
    commands = [row.command for rows in FAMILIES.values() for row in rows]

    assert sorted(commands) == list(LONG_POLLS) == sorted(set(commands))


@pytest.mark.parametrize(
    ("message", "length"),
    [("", None), ("01", None), ("01 1A", 2), ("01 EB", 2), ("01 0E", 5), ("01 6F", None), ("01 6F 0C", 17),
     ("01 B6", None), ("01 B6 01", 6), ("01 B6 02", 7), ("01 62", 10), ("01 64", 6), ("01 65", 6),
     ("01 72 FF", 260)],
)  # fmt: skip
def test_any_poll_can_be_framed(message: str, length: int | None) -> None:
    assert host_poll_length(bytes.fromhex(message)) == length


def test_every_poll_is_told_about_in_a_sentence() -> None:
    assert list(ABOUT) == list(LONG_POLLS)
    assert [said for said in ABOUT.values() if not said.endswith(".") or not said[0].isupper()] == []


def test_codes_are_called_by_their_names_and_unlisted_ones_by_their_number() -> None:
    assert (poll_name(0x1A), poll_name(0xEB)) == ("current_credits", "unknown_0xeb")
    assert (exception_name(0x11), exception_name(0x0B)) == ("slot_door_opened", "unknown_0x0b")
    assert (meter_name(0x0C), meter_name(0x7D)) == ("current_credits", "unknown_0x7d")
