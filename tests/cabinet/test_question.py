"""A question is read as it is written, and one that does more than read is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from edge_agent.cabinet.question import check_address, find_poll, read_question
from edge_agent.errors import ConfigurationError
from edge_agent.sas import LONG_POLLS, LongPollRequest, encode_poll
from edge_agent.sas.effects import Effect, effect_of


@pytest.mark.parametrize("text", ["1F", "1f", "0x1F", "machine_information", "Machine-Information"])
def test_a_poll_is_found_by_number_or_name(text: str) -> None:
    assert find_poll(text).command == 0x1F


@pytest.mark.parametrize(
    ("poll", "arguments", "values"),
    [
        ("A0", ["game=1"], {"game": 1}),
        ("A0", ["game=0x10"], {"game": 16}),
        ("2F", ["game=0", "meter_codes=00,coin_out,0C"], {"game": 0, "meter_codes": (0, 1, 12)}),
        ("4D", ["function=0xFF"], {"function": 255}),
        ("74", ["lock_code=0xFF", "lock_conditions=0", "lock_timeout_hundredths=0"],
         {"lock_code": 255, "lock_conditions": 0, "lock_timeout_hundredths": 0}),
        ("72", ["transfer_code=0xFE", "transaction_index=0"], {"transfer_code": 254, "transaction_index": 0}),
        ("72", ["transfer_code=0xFE"], {"transfer_code": 254, "transaction_index": 0}),
        ("73", ["registration_code=0xFF"], {"registration_code": 255}),
        ("7C", [], {"texts": ()}),
        ("7D", [], {}),
        ("B0", ["denomination=1", "base_command=B5", "game=3"],
         {"denomination": 1, "base_command": 0xB5, "base": {"game": 3}}),
        ("6E", ["action=0"], {"action": 0}),
    ],
)  # fmt: skip
def test_arguments_are_read_as_their_fields_are(
    poll: str, arguments: list[str], values: dict[str, Any]
) -> None:
    question = read_question(poll, arguments)

    assert question.values == values
    assert question.at(7) == LongPollRequest(7, int(poll, 16), values)
    assert effect_of(question.at(7)) is Effect.READS
    assert encode_poll(question.at(7))[0] == 7


@pytest.mark.parametrize(
    ("poll", "arguments", "says"),
    [
        ("machine_info", [], "no long poll is called 'machine_info' — did you mean machine_information?"),
        ("xyzzy", [], "no long poll is called 'xyzzy' — give its number in hex, such as 1F, or its name"),
        ("22", [], "no table has a long poll 22 — see docs/sas.md for all of them"),
        ("A0", [], "long poll A0 enabled_features needs game — give game=…"),
        ("A0", ["game"], "argument 'game' is not name=value — write it as game=1"),
        ("A0", ["game=1", "game=2"], "argument game is given twice — give it once"),
        ("A0", ["play=1"], "long poll A0 enabled_features needs game — give game=…"),
        ("1F", ["play=1"], "long poll 1F machine_information has no argument play — it takes: none"),
        ("A0", ["game=10000"], "game=10000 is out of range — give 0 to 9999"),
        ("A0", ["game=-1"], "game=-1 is out of range — give 0 to 9999"),
        ("A0", ["game=one"], "game=one is no whole number — write it in decimal, or in hex after 0x"),
        (
            "2F",
            ["game=0", "meter_codes=coin"],
            "no meter is called 'coin' — did you mean coin_in or coin_out?",
        ),
        ("2F", ["game=0", "meter_codes=100"], "meter code 100 is out of range — give 00 to FF"),
        ("2F", ["game=0", "meter_codes="], "meter_codes names 0 meters — 1 to 10 a poll"),
        ("2F", ["game=0", "meter_codes=" + ",".join(["00"] * 11)], "meter_codes names 11 meters"),
        (
            "B0",
            ["denomination=1", "base_command=1F"],
            "long poll 1F machine_information knows no denominations",
        ),
        ("72", [], "long poll 72 aft_transfer needs transfer_code — transfer_code=0xfe reads"),
        ("7F", [], "long poll 7F set_date_and_time changes something"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(poll: str, arguments: list[str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)) as refused:
        read_question(poll, arguments)

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("poll", "arguments", "says"),
    [
        ("01", [], "long poll 01 shutdown changes something"),
        ("94", [], "long poll 94 remote_handpay_reset changes something"),
        ("72", ["transfer_code=0x80"], "only reading is asked for here: transfer_code=0xfe"),
        ("0E", ["enable=1"], "long poll 0E real_time_events changes something"),
        (
            "7D",
            ["host_id=1", "expiration_days=1", "location=a", "address_1=b", "address_2=c"],
            "changes something",
        ),
        ("B0", ["denomination=1", "base_command=09", "game=1", "enable=0"], "changes something"),
    ],
)
def test_what_changes_a_machine_is_never_asked(poll: str, arguments: list[str], says: str) -> None:
    for consume in (False, True):
        with pytest.raises(ConfigurationError, match=re.escape(says)):
            read_question(poll, arguments, consume=consume)


@pytest.mark.parametrize(
    ("poll", "arguments", "mend"),
    [
        ("4D", ["function=0"], "function=0xff only looks; add --consume"),
        ("1B", [], "add --consume if no other host needs it"),
        ("72", ["transfer_code=0xFF", "transaction_index=0"], "transfer_code=0xfe only looks; add --consume"),
    ],
)
def test_what_a_machine_would_forget_is_asked_only_by_whoever_says_so(
    poll: str, arguments: list[str], mend: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(mend)):
        read_question(poll, arguments)

    assert read_question(poll, arguments, consume=True).command == int(poll, 16)


def test_every_read_without_arguments_can_be_asked() -> None:
    asked = 0
    for row in LONG_POLLS.values():
        if row.effect is Effect.READS and not row.request:
            assert read_question(row.name, []).command == row.command
            asked += 1

    assert asked > 50


@pytest.mark.parametrize("address", [0, 128, -1])
def test_an_address_no_machine_can_have_is_refused(address: int) -> None:
    with pytest.raises(ConfigurationError, match="give 1 to 127"):
        check_address(address)


def test_an_address_may_be_left_out() -> None:
    check_address(None)
    check_address(1)
    check_address(127)
