"""A chain of machines on one line, and taps that tell what each was asked and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from edge_agent.peer.chain import Chain
from edge_agent.peer.tap import Asked, Outcome, Tap
from edge_agent.sas.crc import append_crc
from edge_agent.sas.machine import Elementary, MachineConnection
from edge_agent.sas.messages import LongPollRequest
from edge_agent.sas.wakeup import WakeupDecoder, encode_host_message, marked

GAP_SECONDS = 0.05


class Answers:
    """A machine's answers to long polls, by command."""

    def __init__(self) -> None:
        self.by_command: dict[int, Mapping[str, Any] | Elementary | None] = {
            0x1A: {"current_credits": 7},
            0x02: Elementary.ACK,
            0x06: Elementary.NACK,
            0x8A: Elementary.BUSY,
        }

    def answer(self, poll: LongPollRequest, _now: float) -> Mapping[str, Any] | Elementary | None:
        return self.by_command.get(poll.command)


class Line:
    """Machines 1 and 2 on one line, tapped, in virtual time."""

    def __init__(self) -> None:
        self.now = 50.0
        self.machines = [MachineConnection(address, Answers()) for address in (1, 2)]
        self.taps = [Tap(machine, machine.address, GAP_SECONDS) for machine in self.machines]
        self.chain = Chain(self.taps)
        self.say("80")

    def say(self, poll: str) -> str:
        """What is said to a poll, in hex."""
        self.now += 0.1
        self.chain.handle_timer(self.now)
        self.chain.receive_data(encode_host_message(bytes.fromhex(poll)), self.now)
        stream = self.chain.data_to_send(self.now)
        return bytes(character & 0xFF for character in WakeupDecoder().feed(stream)).hex(" ")


@pytest.fixture
def line() -> Line:
    return Line()


def with_crc(poll: str) -> str:
    return append_crc(bytes.fromhex(poll)).hex()


def test_each_machine_of_a_chain_answers_to_its_own_address(line: Line) -> None:
    line.machines[1].raise_exception(0x11, line.now)

    assert line.say("81") == "00"
    assert line.say("82") == "11"
    assert line.say("02 1A").startswith("02 1a 00 00 00 07")
    assert line.say("83") == ""


def test_a_poll_to_one_machine_tells_the_others_that_they_were_heard(line: Line) -> None:
    line.machines[0].raise_exception(0x11, line.now)
    line.machines[0].raise_exception(0x12, line.now)

    assert line.say("81") == "11"
    assert line.say("81") == "11"
    line.say("82")
    assert line.say("81") == "12"


def test_a_chain_that_hears_nobody_chirps_all_its_addresses(line: Line) -> None:
    line.now += 10.0
    line.chain.handle_timer(line.now)

    assert line.chain.data_to_send(line.now) == marked(1) + marked(2)
    due = line.chain.next_timer()
    assert due is not None
    assert due == pytest.approx(line.now + 0.2)
    assert line.taps[0].chirps == 1


def test_a_chain_of_none_waits_for_nothing() -> None:
    assert Chain([]).next_timer() is None


def test_a_tap_counts_what_became_of_each_poll(line: Line) -> None:
    for poll in ("81", "80", "81", "01 1A", with_crc("01 02"), with_crc("01 06")):
        line.say(poll)
    line.say(with_crc("01 8A 00 00 00 10 00"))
    line.say("01 EB")
    line.say("80")
    line.say("81")

    counts = line.taps[0].counts
    assert counts == {
        ("general_poll", Outcome.ANSWERED): 3,
        ("current_credits", Outcome.ANSWERED): 1,
        ("startup", Outcome.ANSWERED): 1,
        ("enable_bill_acceptor", Outcome.REFUSED): 1,
        ("legacy_bonus_pay", Outcome.BUSY): 1,
        ("unknown_0xeb", Outcome.SILENCE): 1,
    }
    assert line.taps[1].counts == {}


def test_a_tap_tells_of_what_was_not_simply_answered(line: Line) -> None:
    line.say(with_crc("01 06"))
    line.say("01 0E 01 00 00")
    line.say("01 EB")
    line.say("81")

    told = [(asked.poll, asked.outcome) for asked in line.taps[0].news()]
    assert told == [
        ("enable_bill_acceptor", Outcome.REFUSED),
        ("real_time_events", Outcome.REFUSED),
        ("unknown_0xeb", Outcome.SILENCE),
    ]
    assert line.taps[0].news() == []


def test_a_tap_says_why_a_poll_was_bad(line: Line) -> None:
    line.say("01 0E 01 00 00")

    (asked,) = line.taps[0].news()
    assert isinstance(asked, Asked)
    assert asked.reason == "the CRC of 5 bytes is wrong"


def test_a_long_poll_that_an_event_answered_is_told_apart(line: Line) -> None:
    line.say(with_crc("01 0E 01"))
    line.machines[0].raise_exception(0x11, line.now)

    assert line.say("01 1A").startswith("01 ff 11")

    assert line.taps[0].counts["current_credits", Outcome.BY_EVENT] == 1


def test_a_tap_counts_broadcasts_and_what_belongs_to_no_poll(line: Line) -> None:
    line.say(with_crc("00 7F 01 02 20 26 12 00 00"))
    line.chain.receive_data(b"\x55\x55", line.now)
    line.chain.receive_data(marked(1), line.now)
    line.now += 0.1
    line.say("81")

    tap = line.taps[0]
    assert tap.broadcasts == {"set_date_and_time": 1}
    assert tap.strays == 2
    assert tap.dropped == 1
