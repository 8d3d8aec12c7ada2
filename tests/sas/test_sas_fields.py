"""Fields: what they read they write, and what does not fit says whose fault it is."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.bcd import decode_bcd, decode_digits, encode_bcd, encode_digits
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
    decode_fields,
    encode_fields,
    fixed_size,
)
from edge_agent.sas.meter_fields import MeterCodes, MeterValue, SelfSizedMeters, TableSizedMeters

BOTH_WAYS: list[tuple[Field, str, dict[str, Any]]] = [
    (Bcd("n", 4), "00 45 20 40", {"n": 452040}),
    (Digits("n", 3), "00 30 58", {"n": "003058"}),
    (Binary("n", 4), "EF CD AB 89", {"n": 0x89ABCDEF}),
    (Text("n", 3), "30 30 31", {"n": "001"}),
    (Text("n", 1), "E9", {"n": "é"}),
    (Raw("n", 2), "AB CD", {"n": b"\xab\xcd"}),
    (LateBcd("n", 2), "00 07", {"n": 7}),
    (CountedText("n"), "02 50 54", {"n": "PT"}),
    (CountedRaw("n"), "00", {"n": b""}),
    (RestText("n"), "58 59 5A", {"n": "XYZ"}),
    (RestText("n"), "", {"n": ""}),
    (RestRaw("n"), "01 02", {"n": b"\x01\x02"}),
    (RestRaw("n"), "", {}),
    (Rows("n", Bcd("one", 2)), "02 00 02 00 10", {"n": (2, 10)}),
    (Rows("n", Binary("one", 1)), "00", {"n": ()}),
    (Trailing((Bcd("n", 1), Bcd("m", 1))), "12 34", {"n": 12, "m": 34}),
    (Trailing((Bcd("n", 1),)), "", {}),
    (MeterCodes("n", 2), "09 00 7F 00", {"n": (9, 0x7F)}),
    (MeterCodes("n", 1), "A0", {"n": (0xA0,)}),
    (
        TableSizedMeters("n"),
        "A0 00 00 00 00 01 02 00 00 00 02 7D 00 00 00 03",
        {"n": (MeterValue(0xA0, 1, 5), MeterValue(2, 2, 4), MeterValue(0x7D, 3, 4))},
    ),
    (
        SelfSizedMeters("n"),
        "00 00 00 05 00 04 00 00 00 09 A0 01 02 12 34",
        {"n": (MeterValue(0, 0, 0), MeterValue(5, 9, 4), MeterValue(0x01A0, 1234, 2))},
    ),
]


@pytest.mark.parametrize(("field", "wire", "values"), BOTH_WAYS)
def test_reads_and_writes_the_same_bytes(field: Field, wire: str, values: dict[str, Any]) -> None:
    data = bytes.fromhex(wire)

    assert decode_fields((field,), data) == values
    assert encode_fields((field,), values) == data


@pytest.mark.parametrize(
    ("field", "wire", "says"),
    [
        (Bcd("n", 2), "1A 00", "n is not BCD at digit 2 of 4"),
        (Bcd("n", 2), "12", "the message ends inside n"),
        (Digits("n", 1), "0F", "n is not BCD at digit 2 of 2"),
        (Digits("n", 2), "01", "the message ends inside n"),
        (Binary("n", 2), "01", "the message ends inside n"),
        (Text("n", 3), "30", "the message ends inside n"),
        (Raw("n", 2), "30", "the message ends inside n"),
        (LateBcd("n", 2), "30", "the message ends inside n"),
        (CountedText("n"), "", "the message ends inside n"),
        (CountedText("n"), "03 41", "the message ends inside n"),
        (CountedRaw("n"), "02 01", "the message ends inside n"),
        (Rows("n", Bcd("one", 2)), "", "the message ends inside n"),
        (Rows("n", Bcd("one", 2)), "02 00 01 00", "the message ends inside one"),
        (Trailing((Bcd("n", 1), Bcd("m", 1))), "12", "the message ends inside m"),
        (MeterCodes("n", 2), "09 00 01", "the message ends inside n"),
        (TableSizedMeters("n"), "A0 00 00 00", "the message ends inside meter A0"),
        (TableSizedMeters("n"), "00 0A 00 00 00", "meter 00 is not BCD at digit 2 of 8"),
        (SelfSizedMeters("n"), "00 00", "the message ends inside n"),
        (
            SelfSizedMeters("n"),
            "00 00 0A 00 00 00 00 00 00 00 00 00 00",
            "meter 0000 claims more than 9 bytes",
        ),
        (SelfSizedMeters("n"), "00 00 02 01", "the message ends inside meter 0000"),
        (Bcd("n", 1), "01 02", "1 bytes more than the layout"),
    ],
)
def test_bytes_that_do_not_fit_are_the_other_sides_fault(field: Field, wire: str, says: str) -> None:
    with pytest.raises(RemoteProtocolError) as error:
        decode_fields((field,), bytes.fromhex(wire))

    assert str(error.value) == says


@pytest.mark.parametrize(
    ("field", "values", "says"),
    [
        (Bcd("n", 1), {"n": 100}, "n 100 does not fit 2 BCD digits"),
        (Bcd("n", 1), {"n": -1}, "n -1 does not fit 2 BCD digits"),
        (Bcd("n", 1), {}, "n must be given as int, not NoneType"),
        (Bcd("n", 1), {"n": "1"}, "n must be given as int, not str"),
        (Bcd("n", 1), {"n": True}, "n must be given as int, not bool"),
        (Digits("n", 1), {"n": "1"}, "n must be 2 digits, and of 1 characters it is not"),
        (Digits("n", 1), {"n": "0x"}, "n must be 2 digits, and of 2 characters it is not"),
        (Digits("n", 1), {"n": "١٢"}, "n must be 2 digits, and of 2 characters it is not"),
        (Binary("n", 1), {"n": 256}, "n 256 does not fit 1 bytes"),
        (Binary("n", 1), {"n": -1}, "n -1 does not fit 1 bytes"),
        (Text("n", 2), {"n": "long"}, "n must be 2 characters, not 4"),
        (Text("n", 1), {"n": "€"}, "n has characters the wire cannot carry"),
        (Raw("n", 2), {"n": b"1"}, "n must be 2 bytes, not 1"),
        (CountedText("n"), {"n": "x" * 256}, "n 256 does not fit 1 bytes"),
        (CountedRaw("n"), {"n": bytes(256)}, "n 256 does not fit 1 bytes"),
        (Rows("n", Binary("one", 1)), {"n": (0,) * 256}, "n 256 does not fit 1 bytes"),
        (MeterCodes("n", 1), {"n": (0x100,)}, "n 256 does not fit 1 bytes"),
        (LateBcd("n", 1), {"n": 100}, "n 100 does not fit 2 BCD digits"),
        (
            TableSizedMeters("n"),
            {"n": (MeterValue(0x0C, 10**8, 4),)},
            "meter 0C 100000000 does not fit 8 BCD digits",
        ),
        (
            SelfSizedMeters("n"),
            {"n": (MeterValue(0x0C, 100, 1),)},
            "meter 000C 100 does not fit 2 BCD digits",
        ),
        (TableSizedMeters("n"), {"n": (MeterValue(0x100, 0, 4),)}, "n 256 does not fit 1 bytes"),
        (SelfSizedMeters("n"), {"n": (MeterValue(0, 0, 10),)}, "meter 0000 cannot take 10 bytes"),
        (SelfSizedMeters("n"), {"n": (MeterValue(0x10000, 0, 4),)}, "n 65536 does not fit 2 bytes"),
    ],
)
def test_values_that_do_not_fit_are_our_fault(field: Field, values: dict[str, Any], says: str) -> None:
    with pytest.raises(LocalProtocolError) as error:
        encode_fields((field,), values)

    assert str(error.value) == says


def test_reserved_bytes_are_zero_when_nothing_is_given() -> None:
    assert encode_fields((Raw("reserved", 2), LateBcd("late", 1)), {}) == bytes(3)


def test_reserved_bytes_that_are_no_number_are_left_out() -> None:
    assert decode_fields((LateBcd("late", 2),), b"\xff\xff") == {}


def test_sizes_add_up_where_they_are_known() -> None:
    assert fixed_size((Bcd("a", 2), Binary("b", 4))) == 6
    assert fixed_size(()) == 0
    assert fixed_size((Bcd("a", 2), RestText("b"))) is None


def test_a_trailing_group_goes_by_its_first_name() -> None:
    assert Trailing((Bcd("first", 1), Bcd("second", 1))).name == "first"


def test_bcd_both_ways() -> None:
    assert decode_bcd(b"\x99\x99\x99\x99", "credits") == 99_999_999
    assert encode_bcd(99_999_999, 4, "credits") == b"\x99\x99\x99\x99"
    assert decode_digits(b"\x00\x12", "time") == "0012"
    assert encode_digits("0012", 2, "time") == b"\x00\x12"


def test_a_number_that_does_not_fit_names_its_field() -> None:
    with pytest.raises(LocalProtocolError, match=r"^credits 1000000000 does not fit 8 BCD digits$"):
        encode_fields((Bcd("credits", 4),), {"credits": 1_000_000_000})


@pytest.mark.parametrize(
    ("field", "wire", "why"),
    [
        (Bcd("credits", 3), "12 3A 56", "credits is not BCD at digit 4 of 6"),
        (Bcd("credits", 3), "A2 34 5F", "credits is not BCD at digit 1 of 6"),
        (Digits("time", 2), "12 3F", "time is not BCD at digit 4 of 4"),
        (SelfSizedMeters("meters"), "0C 00 02 12 C4", "meter 000C is not BCD at digit 3 of 4"),
        (SelfSizedMeters("meters"), "0C 00 0A 12 34", "meter 000C claims more than 9 bytes"),
        (TableSizedMeters("meters"), "0C 12 34 56 7B", "meter 0C is not BCD at digit 8 of 8"),
    ],
)
def test_bytes_that_do_not_fit_are_called_by_their_place(field: Field, wire: str, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^{why}$"):
        decode_fields((field,), bytes.fromhex(wire))
