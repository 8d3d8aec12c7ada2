"""Fields that repeat, and fields that say their own size."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.entries import CountedEntries, Entries, FixedEntries, Sized, SizedBcd
from edge_agent.sas.fields import Bcd, Binary, CountedText, Field, Rows, Trailing, fixed_size, parts

PAIR: tuple[Field, ...] = (Binary("level", 1), Bcd("amount", 2))
TWO = ({"level": 1, "amount": 1234}, {"level": 2, "amount": 5678})
TEXTS = Entries("texts", (Binary("code", 1), CountedText("text")))


def read(field: Field, wire: str) -> tuple[dict[str, Any], int]:
    """What a field says, and where it ends, with a byte in front of it."""
    values: dict[str, Any] = {}
    return values, field.decode(b"\xaa" + bytes.fromhex(wire), 1, values)


@pytest.mark.parametrize(
    ("field", "wire", "values"),
    [
        (Entries("wins", PAIR), "01 12 34 02 56 78", {"wins": TWO}),
        (Entries("wins", PAIR), "", {"wins": ()}),
        (FixedEntries("wins", PAIR, 2), "01 12 34 02 56 78", {"wins": TWO}),
        (CountedEntries("wins", PAIR), "02 01 12 34 02 56 78", {"wins": TWO}),
        (CountedEntries("wins", PAIR), "00", {"wins": ()}),
        (TEXTS, "00 02 48 69 10 00", {"texts": ({"code": 0, "text": "Hi"}, {"code": 16, "text": ""})}),
        (Sized(TEXTS), "04 00 02 48 69", {"texts": ({"code": 0, "text": "Hi"},)}),
        (Sized(TEXTS), "00", {"texts": ()}),
        (Sized(Bcd("amount", 2)), "02 12 34", {"amount": 1234}),
        (SizedBcd("coin_in", 4), "00", {"coin_in": None}),
        (SizedBcd("coin_in", 4), "04 00 00 12 34", {"coin_in": 1234}),
        (SizedBcd("coin_in", 4), "01 12", {"coin_in": 12, "coin_in_bytes": 1}),
        (
            SizedBcd("coin_in", 4),
            "09 99 99 99 99 99 99 99 99 99",
            {"coin_in": 10**18 - 1, "coin_in_bytes": 9},
        ),
    ],
)
def test_what_is_read_is_written(field: Field, wire: str, values: dict[str, Any]) -> None:
    assert read(field, wire) == (values, 1 + len(bytes.fromhex(wire)))
    assert field.encode(values) == bytes.fromhex(wire)


@pytest.mark.parametrize(
    ("field", "wire", "behind"),
    [
        (FixedEntries("wins", PAIR, 1), "01 12 34 02", 4),
        (CountedEntries("wins", PAIR), "01 01 12 34 02", 5),
        (Sized(TEXTS), "02 00 00 02", 4),
        (SizedBcd("coin_in", 4), "01 12 34", 3),
    ],
)
def test_what_stands_behind_is_left_alone(field: Field, wire: str, behind: int) -> None:
    assert read(field, wire)[1] == behind


@pytest.mark.parametrize(
    ("field", "wire", "why"),
    [
        (Entries("wins", PAIR), "01 12 34 02 56", "ends inside amount"),
        (FixedEntries("wins", PAIR, 2), "01 12 34", "ends inside level"),
        (CountedEntries("wins", PAIR), "", "ends inside wins"),
        (CountedEntries("wins", PAIR), "02 01 12 34", "ends inside level"),
        (CountedEntries("wins", PAIR), "01 01 12 3A", "not BCD"),
        (Sized(TEXTS), "05 00 02 48 69", "ends inside texts"),
        (Sized(TEXTS), "03 00 02 48 69", "ends inside text"),
        (Sized(Bcd("amount", 2)), "03 12 34 56", "the length byte of amount does not fit"),
        (SizedBcd("coin_in", 4), "", "ends inside coin_in"),
        (SizedBcd("coin_in", 4), "02 12", "ends inside coin_in"),
        (SizedBcd("coin_in", 4), "01 1A", "coin_in is not BCD at digit 2 of 2"),
        (SizedBcd("coin_in", 4), "0A" + " 00" * 10, "coin_in claims more than 9 bytes"),
    ],
)
def test_what_does_not_fit_on_reading_is_theirs(field: Field, wire: str, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        read(field, wire)


@pytest.mark.parametrize(
    ("field", "values", "why"),
    [
        (Entries("wins", PAIR), {}, "wins must be given as tuple"),
        (Entries("wins", PAIR), {"wins": (1,)}, "wins must be given as a mapping, not int"),
        (Entries("wins", PAIR), {"wins": ({"level": 1},)}, "amount must be given as int"),
        (FixedEntries("wins", PAIR, 3), {"wins": TWO}, "wins must be 3 entries, not 2"),
        (FixedEntries("wins", PAIR, 1), {"wins": TWO}, "wins must be 1 entries, not 2"),
        (CountedEntries("wins", PAIR), {"wins": TWO * 128}, "wins 256 does not fit 1 bytes"),
        (Sized(TEXTS), {"texts": ({"code": 0, "text": "x" * 254},)}, "texts 256 does not fit 1 bytes"),
        (SizedBcd("coin_in", 1), {"coin_in": 100}, "coin_in 100 does not fit 2 BCD digits"),
        (SizedBcd("coin_in", 4), {"coin_in": 1, "coin_in_bytes": 0}, "coin_in cannot take 0 bytes"),
        (SizedBcd("coin_in", 4), {"coin_in": 1, "coin_in_bytes": 10}, "coin_in cannot take 10 bytes"),
        (SizedBcd("coin_in", 4), {"coin_in": "1"}, "coin_in must be given as int"),
    ],
)
def test_what_does_not_fit_on_writing_is_ours(field: Field, values: dict[str, Any], why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        field.encode(values)


def test_as_many_entries_as_a_count_byte_can_say() -> None:
    field = CountedEntries("games", (Binary("game", 1),))
    games = tuple({"game": 1} for _ in range(255))

    assert field.encode({"games": games}) == b"\xff" + b"\x01" * 255


def test_the_size_of_entries_is_known_only_where_the_layout_says_how_many() -> None:
    assert FixedEntries("wins", PAIR, 5).size == 15
    assert fixed_size((Entries("wins", PAIR),)) is None
    assert fixed_size((CountedEntries("wins", PAIR),)) is None
    assert FixedEntries("texts", (CountedText("text"),), 2).size == 0


@pytest.mark.parametrize(
    ("field", "inside"),
    [
        (Bcd("amount", 2), ()),
        (Entries("wins", PAIR), PAIR),
        (Trailing(PAIR), PAIR),
        (Sized(TEXTS), (TEXTS,)),
        (Rows("games", Bcd("game", 2)), (Bcd("game", 2),)),
    ],
)
def test_fields_know_what_they_are_made_of(field: Field, inside: tuple[Field, ...]) -> None:
    assert parts(field) == inside


def test_what_trails_cannot_be_given_without_what_it_trails() -> None:
    """It would be left out of the message without a word."""
    field = Trailing((Binary("host_id", 2), Trailing((CountedText("location"), Sized(TEXTS)))))

    assert field.encode({}) == b""
    assert field.encode({"host_id": 7}) == b"\x07\x00"
    with pytest.raises(LocalProtocolError, match="location cannot be given without host_id"):
        field.encode({"location": "Hall"})
    with pytest.raises(LocalProtocolError, match="texts cannot be given without location"):
        field.encode({"host_id": 7, "texts": ()})
