"""The machine's end: implied acknowledgement, synchronisation and real-time events, rule by rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from edge_agent.sas.crc import append_crc
from edge_agent.sas.machine import Delivered, Elementary, MachineConnection, Raised
from edge_agent.sas.messages import GeneralPoll, LongPollRequest, Poll, encode_poll
from edge_agent.sas.wakeup import encode_host_message, marked

SYNCHRONISE = marked(0x80)
GENERAL = marked(0x81)
CREDITS = encode_host_message(b"\x01\x1a")
COIN_OUT = encode_host_message(b"\x01\x15")
REAL_TIME_ON = encode_host_message(bytes.fromhex("010e0145d1"))
CREDITS_ANSWER = bytes.fromhex("011a000001 0380d7")
EVENT_11, EVENT_12 = bytes.fromhex("01ffff1114a4"), bytes.fromhex("01ffff128f96")  # FF doubled


class Answers:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[int, Mapping[str, Any] | Elementary | None] = {
            0x1A: {"current_credits": 103},
            0x15: {"games_played": 5},
        }
        self.asked: list[LongPollRequest] = []

    def answer(self, poll: LongPollRequest, now: float) -> Mapping[str, Any] | Elementary | None:
        assert now >= 0
        self.asked.append(poll)
        return self.answers.get(poll.command)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def machine(answers: Answers) -> MachineConnection:
    """A machine that is powered and synchronised."""
    machine = MachineConnection(1, answers)
    machine.power_on(0.0)
    assert say(machine, SYNCHRONISE) == b""
    return machine


def say(machine: MachineConnection, stream: bytes, now: float = 0.0) -> bytes:
    """What the machine answers at once."""
    machine.receive_data(stream, now)
    machine.handle_timer(now)
    return machine.data_to_send(now)


def delivered(machine: MachineConnection) -> list[int]:
    return [event.serial for event in machine.history() if isinstance(event, Delivered)]


def in_real_time(machine: MachineConnection) -> MachineConnection:
    assert say(machine, REAL_TIME_ON) == b"\x01"
    say(machine, SYNCHRONISE)
    return machine


def test_an_idle_machine_answers_a_general_poll_with_nothing_to_report(machine: MachineConnection) -> None:
    assert say(machine, GENERAL) == b"\x00"
    assert say(machine, GENERAL) == b"\x00"


def test_a_long_poll_is_answered_with_its_data(machine: MachineConnection) -> None:
    assert say(machine, CREDITS) == CREDITS_ANSWER


def test_the_same_general_poll_asks_for_the_exception_again(machine: MachineConnection) -> None:
    machine.raise_exception(0x11, 0.0)
    machine.raise_exception(0x12, 0.0)

    assert [say(machine, GENERAL) for _ in range(3)] == [b"\x11"] * 3
    assert delivered(machine) == []


def test_after_three_sends_the_state_is_reset_and_the_exception_stays(machine: MachineConnection) -> None:
    machine.raise_exception(0x11, 0.0)
    for _ in range(3):
        say(machine, GENERAL)

    assert say(machine, GENERAL) == b""
    assert say(machine, SYNCHRONISE) == b""
    assert delivered(machine) == []
    assert say(machine, GENERAL) == b"\x11"


def test_a_machine_says_nothing_that_later_polls_have_let_go(
    machine: MachineConnection,
) -> None:
    """The repeat it owed was acknowledged by what came with it: heard again, it would be let go twice."""
    in_real_time(machine)
    machine.raise_exception(0x11, 0.0)
    assert say(machine, CREDITS) == EVENT_11

    assert say(machine, CREDITS + SYNCHRONISE) == b""
    assert say(machine, CREDITS) == CREDITS_ANSWER
    assert delivered(machine) == [1]


def test_what_is_about_to_be_said_is_not_dropped(answers: Answers) -> None:
    """The queue is full, and another exception comes between a poll and its answer."""
    machine = MachineConnection(1, answers, capacity=2, answer_delay=0.020)
    machine.power_on(0.0)
    say(machine, SYNCHRONISE)
    machine.raise_exception(0x11, 0.0)
    machine.raise_exception(0x12, 0.0)
    machine.receive_data(GENERAL, 0.0)

    machine.raise_exception(0x13, 0.010)

    assert machine.data_to_send(0.020) == b"\x11"
    say(machine, SYNCHRONISE, 0.030)
    assert delivered(machine) == [1]


@pytest.mark.parametrize(
    "other",
    [
        SYNCHRONISE,
        marked(0x82),
        CREDITS,
        encode_host_message(b"\x02\x1a"),
        encode_host_message(bytes.fromhex("007d06000000000000696a")),
        encode_host_message(b"\x01\xeb"),
    ],
    ids=["80", "82", "long poll", "other address", "broadcast", "unknown long poll"],
)
def test_any_different_poll_acknowledges_an_exception(machine: MachineConnection, other: bytes) -> None:
    serial = machine.raise_exception(0x11, 0.0)
    say(machine, GENERAL)

    say(machine, other)

    assert delivered(machine) == [serial]
    assert machine.queue == ()


def test_the_same_command_asks_for_the_answer_again_without_asking_the_machine(
    machine: MachineConnection, answers: Answers
) -> None:
    say(machine, CREDITS)
    answers.answers[0x1A] = {"current_credits": 0}

    assert say(machine, CREDITS) == CREDITS_ANSWER
    assert len(answers.asked) == 1


def test_a_different_command_brings_fresh_data(machine: MachineConnection, answers: Answers) -> None:
    say(machine, CREDITS)
    say(machine, COIN_OUT)

    say(machine, CREDITS)

    assert [poll.command for poll in answers.asked] == [0x1A, 0x15, 0x1A]


def test_acknowledged_long_polls_are_told(answers: Answers) -> None:
    told: list[LongPollRequest] = []
    machine = MachineConnection(1, answers, on_acknowledged=lambda poll, _: told.append(poll))
    say(machine, SYNCHRONISE)
    say(machine, CREDITS)

    say(machine, CREDITS)
    assert told == []
    say(machine, GENERAL)
    assert told == [LongPollRequest(1, 0x1A)]


def test_a_busy_machine_is_asked_afresh(machine: MachineConnection, answers: Answers) -> None:
    answers.answers[0x1A] = Elementary.BUSY
    assert say(machine, CREDITS) == b"\x01\x00"
    answers.answers[0x1A] = {"current_credits": 103}

    assert say(machine, CREDITS) == CREDITS_ANSWER


@pytest.mark.parametrize(
    ("answer", "stream"), [(Elementary.ACK, b"\x01"), (Elementary.NACK, b"\x81"), (None, b"")]
)
def test_elementary_answers(
    machine: MachineConnection, answers: Answers, answer: Elementary | None, stream: bytes
) -> None:
    answers.answers[0x1A] = answer

    assert say(machine, CREDITS) == stream


def test_a_bad_crc_is_refused_where_the_poll_has_one(machine: MachineConnection) -> None:
    serial = machine.raise_exception(0x11, 0.0)
    say(machine, GENERAL)

    assert say(machine, encode_host_message(bytes.fromhex("010e0145d2"))) == b"\x81"
    assert not machine.real_time
    assert say(machine, GENERAL) == b"\x11"
    assert serial not in delivered(machine)


@pytest.mark.parametrize("frame", ["021a", "020e0145d2", "007f0101202600000000ff"])
def test_what_is_not_for_the_machine_is_not_answered(machine: MachineConnection, frame: str) -> None:
    assert say(machine, encode_host_message(bytes.fromhex(frame))) == b""


def test_a_broadcast_is_carried_out_and_not_answered(machine: MachineConnection, answers: Answers) -> None:
    frame = encode_poll(LongPollRequest(0, 0x7F, {"date": "01022026", "time": "030405"}))

    assert say(machine, encode_host_message(frame)) == b""
    assert [poll.command for poll in answers.asked] == [0x7F]


def test_a_poll_that_is_no_broadcast_is_not_carried_out(machine: MachineConnection, answers: Answers) -> None:
    say(machine, encode_host_message(b"\x00\x1a"))

    assert answers.asked == []


def test_before_it_is_synchronised_a_machine_ignores_its_own_polls(answers: Answers) -> None:
    machine = MachineConnection(1, answers)
    machine.power_on(0.0)

    assert say(machine, GENERAL) == b""
    assert say(machine, CREDITS) == b""
    assert say(machine, encode_host_message(bytes.fromhex("010e0145d2"))) == b""
    say(machine, SYNCHRONISE)
    assert say(machine, GENERAL) == b"\x00"


def test_five_seconds_without_an_address_byte_drop_the_link(machine: MachineConnection) -> None:
    serial = machine.raise_exception(0x11, 0.0)
    say(machine, GENERAL)
    machine.handle_timer(4.999)
    assert machine.link_up

    assert say(machine, SYNCHRONISE, 5.0) == b""
    assert serial not in delivered(machine)
    assert say(machine, GENERAL, 5.0) == b"\x11"


def test_thirty_seconds_without_an_acknowledgement_drop_the_link(machine: MachineConnection) -> None:
    machine.raise_exception(0x11, 0.0)
    for second in range(30):
        say(machine, GENERAL, float(second))
        assert machine.link_up

    assert say(machine, GENERAL, 30.0) == b""
    assert not machine.link_up
    assert machine.queue == (0x11,)


def test_a_machine_alone_chirps_five_times_a_second_with_the_wakeup_bit(machine: MachineConnection) -> None:
    assert machine.data_to_send(4.999) == b""
    assert machine.next_timer() == 5.0

    assert machine.data_to_send(5.0) == marked(0x01)
    assert machine.data_to_send(5.1) == b""
    assert machine.next_timer() == 5.2
    assert machine.data_to_send(5.2) == marked(0x01)


def test_a_machine_chirps_from_power_up_until_it_hears_an_address(answers: Answers) -> None:
    machine = MachineConnection(1, answers)
    machine.power_on(0.0)

    assert machine.data_to_send(0.2) == marked(0x01)
    say(machine, GENERAL, 0.3)
    assert machine.data_to_send(0.4) == b""


def test_a_partial_poll_is_dropped_after_a_gap(machine: MachineConnection) -> None:
    machine.receive_data(marked(0x01), 1.0)
    deadline = machine.next_timer()
    assert deadline is not None
    machine.handle_timer(deadline)

    assert say(machine, b"\x1a", deadline) == b""


def test_an_address_byte_silences_an_answer_that_has_not_begun(answers: Answers) -> None:
    """And what was never said is not acknowledged."""
    machine = MachineConnection(1, answers, answer_delay=0.020)
    say(machine, SYNCHRONISE)
    machine.raise_exception(0x11, 0.0)
    assert say(machine, GENERAL, 0.0) == b""
    assert machine.next_timer() == 0.020

    assert say(machine, SYNCHRONISE, 0.010) == b""
    assert machine.data_to_send(0.020) == b""
    assert machine.queue == (0x11,)


def test_an_answer_comes_after_its_delay(answers: Answers) -> None:
    machine = MachineConnection(1, answers, answer_delay=0.020)
    say(machine, SYNCHRONISE)
    say(machine, GENERAL, 0.0)

    assert machine.data_to_send(0.019) == b""
    assert machine.data_to_send(0.020) == b"\x00"


def test_real_time_events_answer_any_poll_to_the_machine(machine: MachineConnection) -> None:
    in_real_time(machine)
    machine.raise_exception(0x11, 0.0)
    machine.raise_exception(0x12, 0.0)

    assert say(machine, GENERAL) == EVENT_11
    assert say(machine, CREDITS) == EVENT_12
    assert say(machine, COIN_OUT)[:2] == b"\x01\x15"


def test_an_idle_machine_is_silent_to_general_polls_under_real_time_events(
    machine: MachineConnection,
) -> None:
    in_real_time(machine)

    assert say(machine, GENERAL) == b""


def test_some_machines_say_that_nothing_happened(answers: Answers) -> None:
    machine = MachineConnection(1, answers, idle_frames=True)
    say(machine, SYNCHRONISE)
    in_real_time(machine)

    assert say(machine, GENERAL) == bytes.fromhex("01ffff001ca5")


def test_events_are_turned_on_or_off_and_anything_else_is_refused(machine: MachineConnection) -> None:
    neither = encode_host_message(encode_poll(LongPollRequest(1, 0x0E, {"enable": 2})))

    assert say(machine, neither) == b"\x81"
    assert not machine.real_time
    in_real_time(machine)
    assert say(machine, neither) == b"\x81"
    assert machine.real_time


def test_turning_events_off_waits_for_the_events(machine: MachineConnection) -> None:
    in_real_time(machine)
    machine.raise_exception(0x11, 0.0)
    off = encode_host_message(encode_poll(LongPollRequest(1, 0x0E, {"enable": 0})))

    assert say(machine, off) == EVENT_11
    say(machine, SYNCHRONISE)
    assert say(machine, off) == b"\x01"
    assert not machine.real_time


def test_a_bill_has_a_code_of_its_own_in_one_byte_mode_and_data_in_real_time(
    machine: MachineConnection,
) -> None:
    twenty = {"country": 37, "denomination_code": 4, "count": 1}
    odd = {"country": 37, "denomination_code": 5, "count": 1}
    machine.raise_exception(0x4F, 0.0, twenty)
    machine.raise_exception(0x4F, 0.0, odd)
    machine.raise_exception(0x4A, 0.0)

    assert say(machine, GENERAL) == b"\x4a"
    say(machine, SYNCHRONISE)
    assert say(machine, GENERAL) == b"\x4f"
    in_real_time(machine)
    assert say(machine, GENERAL)[:6] == bytes.fromhex("01ffff4f0004")


def test_what_is_reported_in_real_time_only_is_not_raised_otherwise(machine: MachineConnection) -> None:
    assert machine.raise_exception(0x88, 0.0, {"reel": 1, "stop": 2}) is None
    assert machine.queue == ()

    in_real_time(machine)
    assert machine.raise_exception(0x88, 0.0, {"reel": 1, "stop": 2}) is not None


def test_what_is_queued_survives_a_power_loss_and_the_mode_does_not(machine: MachineConnection) -> None:
    in_real_time(machine)
    machine.raise_exception(0x11, 0.0)
    say(machine, GENERAL, 1.0)

    machine.power_off(1.0)
    assert machine.next_timer() is None
    assert say(machine, SYNCHRONISE, 2.0) == b""
    machine.power_on(3.0)

    assert not machine.real_time
    assert machine.queue == (0x11,)
    say(machine, SYNCHRONISE, 3.1)
    assert say(machine, GENERAL, 3.1) == b"\x11"


def test_handpay_pending_is_told_again_until_its_poll_is_acknowledged(answers: Answers) -> None:
    machine = MachineConnection(1, answers, secure_handpays=True)
    answers.answers[0x1B] = {
        **dict.fromkeys(("progressive_group", "level", "amount", "partial_pay", "reset_id"), 0),
        **dict.fromkeys(("session_win", "session_pay"), 0),
    }
    handpay = encode_host_message(b"\x01\x1b")
    say(machine, SYNCHRONISE, 0.0)
    machine.raise_exception(0x51, 0.0)

    def now_and_then(now: float) -> bytes:
        say(machine, SYNCHRONISE, now)
        return say(machine, GENERAL, now)

    assert now_and_then(0.0) == b"\x51"
    assert now_and_then(1.0) == b"\x00"  # acknowledged
    assert [now_and_then(now) for now in (5.0, 9.0, 13.0, 15.9)] == [b"\x00"] * 4
    assert now_and_then(16.0) == b"\x51"
    say(machine, handpay, 17.0)
    assert [now_and_then(now) for now in (21.0, 25.0, 29.0, 33.0)] == [b"\x00"] * 4


def test_a_poll_the_machine_does_not_know_acknowledges_and_is_not_answered(
    machine: MachineConnection,
) -> None:
    multi_denomination = encode_host_message(bytes.fromhex("01b0020111b0c7"))
    machine.raise_exception(0x11, 0.0)
    say(machine, GENERAL)

    assert say(machine, multi_denomination) == b""
    assert machine.queue == ()


def test_the_history_tells_what_became_of_each_exception(machine: MachineConnection) -> None:
    serial = machine.raise_exception(0x11, 0.5)
    assert serial is not None
    say(machine, GENERAL, 1.0)
    say(machine, SYNCHRONISE, 1.5)

    assert machine.history() == [Raised(serial, 0x11, {}, 0.5), Delivered(serial, 1.5)]
    assert machine.history() == []


def test_a_machine_says_what_it_is(machine: MachineConnection) -> None:
    machine.raise_exception(0x11, 0.0)

    assert repr(machine) == "<MachineConnection 01 up one-byte pending 1>"
    in_real_time(machine)
    assert repr(machine) == "<MachineConnection 01 up real-time pending 1>"
    machine.power_off(0.0)
    assert repr(machine) == "<MachineConnection 01 down one-byte pending 1>"


def test_settled_means_over(answers: Answers) -> None:
    machine = MachineConnection(1, answers)
    say(machine, SYNCHRONISE)
    machine.raise_exception(0x6F, 0.0)
    say(machine, GENERAL)
    say(machine, SYNCHRONISE)

    machine.settle(0x6F)

    assert machine.queue == ()


def polls() -> list[Poll]:
    return [GeneralPoll(1), LongPollRequest(1, 0x1A)]


@pytest.mark.parametrize("poll", polls())
def test_a_poll_cut_into_pieces_is_the_same_poll(machine: MachineConnection, poll: Poll) -> None:
    stream = encode_host_message(encode_poll(poll))
    for at in range(len(stream) - 1):
        assert say(machine, stream[at : at + 1]) == b""

    assert say(machine, stream[-1:]) != b""


@pytest.mark.parametrize("idle_code", [0x00, 0x1F])
def test_an_idle_machine_says_its_own_idle_code_in_either_mode(answers: Answers, idle_code: int) -> None:
    machine = MachineConnection(1, answers, idle_code=idle_code, idle_frames=True)
    machine.power_on(0.0)
    say(machine, SYNCHRONISE)
    assert say(machine, GENERAL) == bytes((idle_code,))

    in_real_time(machine)

    assert (
        say(machine, GENERAL)
        == {
            0x00: bytes.fromhex("01ffff001ca5"),
            0x1F: bytes.fromhex("01ffff1f6a4d"),
        }[idle_code]
    )


class Strays(MachineConnection):
    """Says 81, or nothing, in place of an answer, and does not take the poll in."""

    words: bytes | None = None

    def _says_instead(self, poll: Poll, now: float) -> bytes | None:  # noqa: ARG002  as the base
        return self.words


@pytest.mark.parametrize("words", [b"\x81", b""], ids=["81", "nothing"])
def test_what_is_said_instead_neither_takes_the_poll_in_nor_lets_anything_go(
    answers: Answers, words: bytes
) -> None:
    machine = Strays(1, answers)
    machine.power_on(0.0)
    say(machine, SYNCHRONISE)
    machine.raise_exception(0x11, 0.0)
    assert say(machine, GENERAL) == b"\x11"

    machine.words = words

    assert say(machine, CREDITS) == words
    assert answers.asked == []
    assert delivered(machine) == []
    machine.words = None
    assert say(machine, GENERAL) == b"\x11"
    assert say(machine, CREDITS) == CREDITS_ANSWER
    assert delivered(machine) == [1]


SIGNATURE = bytes.fromhex("012134120da7")


def test_the_answer_to_an_earlier_poll_is_said_before_events_until_it_is_acknowledged(
    machine: MachineConnection,
) -> None:
    machine.raise_exception(0x11, 0.0)
    machine.volunteer(0x21, {"signature": 0x1234})

    assert say(machine, CREDITS) == CREDITS_ANSWER  # without real-time events only a general poll asks
    assert [say(machine, GENERAL) for _ in range(2)] == [SIGNATURE] * 2
    say(machine, SYNCHRONISE)
    assert say(machine, GENERAL) == b"\x11"


def test_under_real_time_events_it_answers_any_poll(machine: MachineConnection) -> None:
    in_real_time(machine).volunteer(0x21, {"signature": 0x1234})

    assert say(machine, CREDITS) == SIGNATURE
    assert say(machine, COIN_OUT)[:2] == b"\x01\x15"


def test_it_does_not_outlast_the_power(machine: MachineConnection) -> None:
    machine.volunteer(0x21, {"signature": 0x1234})

    machine.power_off(1.0)
    machine.power_on(2.0)
    say(machine, SYNCHRONISE, 2.0)

    assert say(machine, GENERAL, 2.0) == b"\x00"


def test_what_is_pending_is_known_with_its_data(machine: MachineConnection) -> None:
    machine.raise_exception(0x7F, 0.0, {"win": 5})
    machine.raise_exception(0x56, 0.0)

    assert machine.pending() == [(0x56, {}), (0x7F, {"win": 5})]


def coin_in_of(denomination: int) -> bytes:
    values = {"denomination": denomination, "base_command": 0x11, "base": {}}
    return encode_host_message(encode_poll(LongPollRequest(1, 0xB0, values)))


def test_behind_a_preamble_the_denomination_tells_two_polls_apart(answers: Answers) -> None:
    told: list[LongPollRequest] = []
    machine = MachineConnection(1, answers, on_acknowledged=lambda poll, _: told.append(poll))
    machine.power_on(0.0)
    say(machine, SYNCHRONISE)
    answers.answers[0xB0] = {"denomination": 1, "base_command": 0x11, "base": {"coin_in": 7}}

    first = [say(machine, coin_in_of(1)) for _ in range(2)]
    asked_once = len(answers.asked)
    say(machine, coin_in_of(2))

    assert first == [append_crc(bytes.fromhex("01b006011100000007"))] * 2
    assert asked_once == 1, "the same poll asks for the same answer"
    assert [poll.values["denomination"] for poll in answers.asked] == [1, 2]
    assert [poll.values["denomination"] for poll in told] == [1]


def test_a_damaged_poll_that_might_have_been_longer_is_refused_when_the_line_is_silent(
    machine: MachineConnection,
) -> None:
    damaged = encode_host_message(bytes.fromhex("012e9000c617"))

    assert say(machine, damaged) == b""
    due = machine.next_timer()
    assert due is not None
    assert due == pytest.approx(0.05)
    machine.handle_timer(due)
    assert machine.data_to_send(due) == b"\x81"


def test_a_poll_that_a_host_made_too_long_is_carried_out(
    machine: MachineConnection, answers: Answers
) -> None:
    answers.answers[0x2E] = Elementary.ACK

    assert say(machine, encode_host_message(append_crc(bytes.fromhex("012e900000")))) == b"\x01"
    assert answers.asked[-1].values["delay_tenths"] == 0x90
