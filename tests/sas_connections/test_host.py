"""The host's end, rule by rule, against bytes that are written down here."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from edge_agent.errors import LocalProtocolError
from edge_agent.sas.crc import append_crc
from edge_agent.sas.host import (
    GENERAL_POLL,
    Acknowledged,
    Answered,
    ChirpHeard,
    ExceptionReported,
    GarbageHeard,
    HostConnection,
    HostEvent,
    HostState,
    MachineBusy,
    MachineFound,
    MachineLost,
    Refused,
    RepeatRecognised,
    SignatureHeard,
    Unanswered,
)
from edge_agent.sas.host_bounds import PROOF_ANSWERS, REFUSED_SECONDS, REPEAT_PAUSE_SECONDS
from edge_agent.sas.messages import EventReply, GeneralPoll, LongPollRequest, encode_reply
from edge_agent.sas.wakeup import encode_host_message, marked, stuff

GENERAL = GeneralPoll(1)
CREDITS, GAMES = LongPollRequest(1, 0x1A), LongPollRequest(1, 0x15)
ON, OFF = LongPollRequest(1, 0x0E, {"enable": 1}), LongPollRequest(1, 0x0E, {"enable": 0})

SYNC, ASK = marked(0x80), marked(0x81)
ASK_CREDITS, ASK_GAMES = encode_host_message(b"\x01\x1a"), encode_host_message(b"\x01\x15")
ASK_ON = encode_host_message(bytes.fromhex("010e0145d1"))
CREDITS_ARE_103 = bytes.fromhex("011a000001 0380d7")
GAMES_ARE_5 = bytes.fromhex("01150000000592c1")
DOOR_OPENED, DOOR_CLOSED = bytes.fromhex("01ffff1114a4"), bytes.fromhex("01ffff128f96")  # FF doubled
NOTHING_HAPPENED = bytes.fromhex("01ffff001ca5")
CHIRP = marked(0x01)

GAP = 0.021


def game_started(coin_in: int) -> bytes:
    values = {"wager": 2, "coin_in": coin_in, "wager_type": 0, "progressive_group": 0}
    return stuff(encode_reply(EventReply(1, 0x7E, values)))


class Bench:
    """A host, and the hand that plays the machine. What the host writes is taken as a line would."""

    def __init__(self, host: HostConnection | None = None) -> None:
        self.host = host or HostConnection(1)
        self.now = 100.0
        self.heard: list[HostEvent] = []

    def turn(self) -> bytes:
        """Once around the loop of a line."""
        self.host.handle_timer(self.now)
        self.heard += self.host.events()
        return self.host.data_to_send(self.now)

    def wait(self, seconds: float) -> bytes:
        """What the host writes in that time, waking when it wants to."""
        end, written = self.now + seconds, self.turn()
        while (due := self.host.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            written += self.turn()
        self.now = end
        return written + self.turn()

    def next_words(self) -> bytes:
        """What the host writes next, whenever that is."""
        written = self.turn()
        while not written and (due := self.host.next_timer()) is not None:
            self.now = max(self.now, due)
            written = self.turn()
        return written

    def hear(self, stream: bytes) -> bytes:
        """The machine says something; what the host writes then."""
        self.now += 0.01
        self.host.receive_data(stream, self.now)
        return self.turn()

    def ask(self, poll: GeneralPoll | LongPollRequest) -> bytes:
        """Give a poll as soon as the host is ready."""
        for _ in range(100):
            if self.host.ready(self.now):
                break
            self.now += 0.01
            self.turn()
        self.host.send(poll)
        return self.turn()

    def take(self) -> list[HostEvent]:
        """What was learnt since last asked."""
        heard, self.heard = self.heard, []
        return heard


@pytest.fixture
def one_byte() -> Bench:
    """A host that has found a machine which reports in one byte."""
    bench = Bench()
    bench.host.link_opened(bench.now)
    bench.hear(CHIRP)
    bench.hear(b"\x00")
    bench.wait(0.1)
    bench.hear(b"\x00")
    bench.wait(GAP)
    bench.ask(GENERAL)
    bench.hear(b"\x00")
    bench.wait(GAP)
    assert bench.take()[:-1] == [ChirpHeard(1), MachineFound(), Answered(GENERAL, {"exception": 0})]
    return bench


@pytest.fixture
def real_time(one_byte: Bench) -> Bench:
    """A host whose machine reports real-time events."""
    one_byte.ask(ON)
    one_byte.hear(b"\x01")
    one_byte.wait(GAP)
    assert one_byte.take() == [Acknowledged(ON)]
    assert one_byte.host.real_time
    return one_byte


def started(last_poll: bytes, last_event: bytes = b"", *, real_time: bool | None = None) -> Bench:
    """A host that has just been started again."""
    bench = Bench(HostConnection(1, last_poll=last_poll, last_event=last_event, real_time=real_time))
    bench.host.link_opened(bench.now)
    return bench


# Beginning.


def test_a_machine_nobody_knows_is_woken_with_the_poll_that_was_chosen() -> None:
    bench = Bench(HostConnection(1, first_poll=CREDITS))
    bench.host.link_opened(bench.now)

    assert bench.wait(5.49) == b""
    assert bench.wait(0.02) == SYNC + ASK_CREDITS


def test_a_line_known_to_have_been_silent_is_not_waited_for_again() -> None:
    bench = Bench(HostConnection(1, first_poll=CREDITS, real_time=False))
    bench.host.link_opened(bench.now, quiet_since=bench.now - 3.0)

    assert bench.wait(2.49) == b""
    assert bench.wait(0.02) == SYNC + ASK_CREDITS


def test_a_line_silent_for_long_enough_is_woken_at_once() -> None:
    bench = Bench(HostConnection(1))
    bench.host.link_opened(bench.now, quiet_since=bench.now - 5.5)

    assert bench.turn() == SYNC + ASK


# 1. Append, then poll.


def test_nothing_leaves_until_an_event_was_taken(one_byte: Bench) -> None:
    one_byte.ask(GENERAL)
    one_byte.host.receive_data(b"\x11", one_byte.now)

    assert one_byte.host.data_to_send(one_byte.now) == b""
    assert one_byte.host.events() == [ExceptionReported(1, 0x11)]
    assert one_byte.host.data_to_send(one_byte.now) == SYNC


# 2. After silence or garbage, the same poll again.


def test_silence_repeats_the_same_poll(one_byte: Bench) -> None:
    assert one_byte.ask(GENERAL) == ASK
    assert one_byte.wait(0.199) == b""

    assert one_byte.wait(0.002) == ASK
    assert one_byte.host.state is HostState.REPEATING
    assert one_byte.host.repeats > 0


def test_garbage_repeats_the_same_poll_for_as_long_as_it_takes(real_time: Bench) -> None:
    real_time.ask(CREDITS)

    for _ in range(50):
        real_time.hear(b"\x01\xff\xff")
        assert real_time.wait(GAP + 0.040) == ASK_CREDITS

    assert GarbageHeard(b"\x01\xff", "no message in it") in real_time.take()
    assert real_time.host.state is HostState.POLLING


def test_a_line_that_never_falls_silent_is_not_waited_for(real_time: Bench) -> None:
    real_time.ask(CREDITS)

    written = b"".join(real_time.hear(b"\x55") for _ in range(60))

    assert written == ASK_CREDITS


def test_garbage_after_the_decision_to_repeat_changes_nothing(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.hear(b"\x01\xff\xff")
    real_time.wait(GAP)
    real_time.hear(b"\x55")

    assert real_time.wait(0.1) == ASK_CREDITS


def test_a_late_answer_to_the_same_poll_is_fine(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.wait(0.25)

    real_time.hear(CREDITS_ARE_103)

    assert real_time.take() == [Answered(CREDITS, {"current_credits": 103})]


def test_an_answer_that_is_arriving_may_finish(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.wait(0.195)
    real_time.hear(CREDITS_ARE_103[:4])
    assert real_time.wait(0.015) == b""

    real_time.hear(CREDITS_ARE_103[4:])

    assert real_time.take() == [Answered(CREDITS, {"current_credits": 103})]


# 3. After a restart, repeat first.


def test_after_a_restart_the_last_poll_comes_first() -> None:
    bench = started(b"\x01\x1a")

    assert bench.wait(0.449) == b""
    assert bench.wait(0.002) == ASK_CREDITS
    assert bench.host.last_poll == b"\x01\x1a"


def test_the_first_event_after_a_restart_is_possibly_repeated() -> None:
    bench = started(b"\x01\x1a", real_time=True)
    bench.wait(0.5)
    bench.hear(DOOR_OPENED)

    assert bench.take() == [
        MachineFound(),
        ExceptionReported(1, 0x11, {}, real_time=True, possibly_repeated=True),
    ]


def test_an_event_whose_data_were_journalled_is_recognised_after_a_restart() -> None:
    frame = game_started(102).replace(b"\xff\xff", b"\xff")
    bench = started(b"\x01\x1a", frame, real_time=True)
    bench.wait(0.5)

    bench.hear(game_started(102))

    assert bench.take() == [MachineFound(), RepeatRecognised(0x7E)]
    assert bench.next_words() == SYNC


def test_after_an_answer_with_nothing_pending_events_are_certain_again() -> None:
    bench = started(b"\x01\x1a", real_time=True)
    bench.wait(0.5)
    bench.hear(CREDITS_ARE_103)
    bench.ask(GAMES)
    bench.hear(DOOR_OPENED)

    assert bench.take()[-1] == ExceptionReported(1, 0x11, {}, real_time=True)


def test_a_data_answer_in_one_byte_mode_proves_nothing_about_events() -> None:
    bench = started(b"\x01\x1a", real_time=False)
    bench.wait(0.5)
    bench.hear(CREDITS_ARE_103)
    bench.ask(GENERAL)
    bench.hear(b"\x11")

    assert bench.take()[-1] == ExceptionReported(1, 0x11, possibly_repeated=True)


def test_after_the_synchronisation_poll_nothing_was_asked_so_anything_goes() -> None:
    bench = started(b"\x80", real_time=True)

    assert bench.wait(0.5) == ASK_CREDITS
    bench.hear(DOOR_OPENED)
    assert bench.take() == [MachineFound(), ExceptionReported(1, 0x11, {}, real_time=True)]


@pytest.mark.parametrize("last_poll", [b"", b"\x02\x1a", b"\x01\x58\x00", b"\x82", b"\x00"])
def test_a_last_poll_that_makes_no_sense_is_none(last_poll: bytes) -> None:
    """The machine is woken up, with a general poll first."""
    bench = started(last_poll)

    assert bench.host.state is HostState.QUIET
    assert bench.wait(5.499) == b""
    assert bench.wait(0.002) == SYNC + ASK


# 4. Two different polls before the same question.


def test_an_event_is_acknowledged_at_once_and_confirmed_by_a_different_long_poll(one_byte: Bench) -> None:
    one_byte.ask(GENERAL)

    assert one_byte.hear(b"\x11") == SYNC
    assert one_byte.host.confirming
    assert one_byte.host.must_differ_from == GENERAL_POLL
    with pytest.raises(LocalProtocolError, match="let go"):
        one_byte.host.send(GENERAL)
    assert one_byte.ask(CREDITS) == ASK_CREDITS
    one_byte.hear(CREDITS_ARE_103)
    assert not one_byte.host.confirming


def test_the_poll_that_carried_an_event_does_not_confirm_it(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.hear(DOOR_OPENED)

    assert real_time.host.must_differ_from == 0x1A
    with pytest.raises(LocalProtocolError, match="let go"):
        real_time.host.send(CREDITS)


def test_the_next_event_confirms_the_one_before(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.hear(DOOR_OPENED)
    real_time.ask(GAMES)
    real_time.hear(DOOR_OPENED)

    assert real_time.take() == [ExceptionReported(1, 0x11, {}, real_time=True)] * 2
    assert real_time.host.must_differ_from == 0x15


def test_a_confirming_poll_that_was_ever_answered_is_not_given_up(one_byte: Bench) -> None:
    one_byte.ask(CREDITS)
    one_byte.hear(CREDITS_ARE_103)
    one_byte.ask(GENERAL)
    one_byte.hear(b"\x11")
    one_byte.take()
    one_byte.ask(CREDITS)

    one_byte.wait(2.0)

    assert one_byte.take() == []


def test_a_refusal_confirms_nothing(one_byte: Bench) -> None:
    one_byte.ask(GENERAL)
    one_byte.hear(b"\x11")
    one_byte.ask(ON)
    one_byte.hear(b"\x81")
    one_byte.wait(GAP)

    assert one_byte.take()[-1] == Refused(ON)
    assert one_byte.host.confirming


# 5. Real-time events are asked for with long polls; an 80 stands between two general polls.


def test_a_general_poll_is_refused_under_real_time_events(real_time: Bench) -> None:
    with pytest.raises(LocalProtocolError, match="silence could mean anything"):
        real_time.host.send(GENERAL)


def test_a_synchronisation_poll_follows_each_answer_to_a_general_poll(one_byte: Bench) -> None:
    one_byte.ask(GENERAL)

    one_byte.hear(b"\x00")
    assert one_byte.wait(GAP) == SYNC
    assert one_byte.ask(GENERAL) == ASK


def test_the_same_long_poll_twice_has_a_synchronisation_poll_between(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.hear(CREDITS_ARE_103)

    assert real_time.ask(CREDITS) == SYNC + ASK_CREDITS


def test_a_machine_is_kept_synchronised_once_a_second(real_time: Bench) -> None:
    written = b""
    for _ in range(60):
        real_time.ask(CREDITS)
        written += real_time.hear(CREDITS_ARE_103)
        real_time.ask(GAMES)
        written += real_time.hear(GAMES_ARE_5)

    assert written == SYNC


# What is not silence, and no answer either.


def test_noise_for_as_long_as_a_silence_loses_the_machine_and_the_same_is_asked(
    real_time: Bench,
) -> None:
    poll = real_time.ask(CREDITS)
    for _ in range(100):
        assert real_time.hear(b"\x55") + real_time.wait(0.09) in (b"", poll)

    [lost] = [event for event in real_time.take() if isinstance(event, MachineLost)]
    assert lost.silent_for >= 2.5
    assert re.fullmatch(r"only noise: \d+ unreadable answers", lost.heard)
    assert real_time.host.state is not HostState.QUIET


def test_noise_that_spells_a_new_address_each_time_names_none(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    for address in range(2, 100):
        real_time.hear(marked(address))
        real_time.wait(0.09)

    [lost] = [event for event in real_time.take() if isinstance(event, MachineLost)]
    assert lost.heard.startswith("only noise")


def test_short_answers_that_never_come_twice_are_noise() -> None:
    bench = started(b"\x81")
    bench.wait(0.5)
    for turn in range(100):
        bench.hear(b"\x11" if turn % 2 else b"\x12")
        bench.wait(0.09)

    assert [event.heard for event in bench.take() if isinstance(event, MachineLost)]


def test_after_noise_an_answer_finds_the_machine(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    for _ in range(40):
        real_time.hear(b"\x55")
        real_time.wait(0.09)
    real_time.take()

    real_time.hear(CREDITS_ARE_103)

    assert MachineFound() in real_time.take()


# 6. Synchronise only after a silence that the machine has felt.


def test_a_machine_that_says_nothing_is_lost_and_left_in_peace(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.wait(2.61)

    [lost] = real_time.take()
    assert isinstance(lost, MachineLost)
    assert 2.5 <= lost.silent_for <= 2.7
    assert real_time.host.state is HostState.QUIET
    assert real_time.wait(5.2) == b""


def test_after_the_quiet_the_machine_is_synchronised_and_asked_the_same(real_time: Bench) -> None:
    woken = real_time.host.resynchronisations
    real_time.ask(CREDITS)
    real_time.wait(2.61)

    assert real_time.next_words() == SYNC + ASK_CREDITS
    real_time.hear(CREDITS_ARE_103)

    assert real_time.take()[-2:] == [MachineFound(), Answered(CREDITS, {"current_credits": 103})]
    assert not real_time.host.real_time
    assert real_time.host.resynchronisations == woken + 1


def test_three_silent_tries_and_the_host_is_quiet_again_then_asks_what_any_machine_answers(
    one_byte: Bench,
) -> None:
    woken = one_byte.host.resynchronisations
    one_byte.ask(GENERAL)
    one_byte.wait(2.61)
    assert one_byte.wait(6.0) == SYNC + ASK * 3
    assert one_byte.host.state is HostState.QUIET

    assert one_byte.wait(5.3) == SYNC + ASK_CREDITS
    one_byte.hear(CREDITS_ARE_103)

    assert [type(event) for event in one_byte.take()] == [MachineLost, MachineFound, Answered]
    assert one_byte.host.resynchronisations == woken + 2


def test_a_poll_with_data_is_not_what_wakes_a_machine(real_time: Bench) -> None:
    """If it lost its command on the line, it would be another one."""
    real_time.ask(OFF)
    real_time.wait(2.61)

    assert real_time.next_words() == SYNC + ASK_CREDITS
    real_time.hear(CREDITS_ARE_103)
    assert real_time.take()[-2] == Unanswered(OFF)


def test_a_chirp_ends_the_quiet(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.wait(3.2)

    assert real_time.hear(b"\x01") == b""
    assert real_time.wait(GAP) == SYNC + ASK_CREDITS


def test_an_unmarked_chirp_right_after_a_poll_could_be_an_answer(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.wait(2.61)
    assert real_time.host.state is HostState.QUIET

    real_time.hear(b"\x01")
    assert real_time.wait(GAP) == b""


def test_two_marked_chirps_while_waiting_say_that_the_link_has_dropped(real_time: Bench) -> None:
    real_time.ask(CREDITS)

    assert real_time.hear(CHIRP) == b""
    assert real_time.wait(0.15) == b""
    real_time.hear(CHIRP)
    assert real_time.wait(GAP) == SYNC + ASK_CREDITS
    assert real_time.host.state is HostState.SYNCHRONISING


@pytest.mark.parametrize(
    ("first", "second", "pause"),
    [(b"\x01", b"\x01", 0.15), (CHIRP, CHIRP, 0.05), (CHIRP, b"\x55" + CHIRP, 0.15)],
    ids=["unmarked", "too soon", "something between"],
)
def test_other_chirps_while_waiting_prove_nothing(
    real_time: Bench, first: bytes, second: bytes, pause: float
) -> None:
    real_time.ask(CREDITS)
    real_time.hear(first)
    real_time.wait(pause)
    real_time.hear(second)
    real_time.wait(GAP)

    assert real_time.host.state is not HostState.SYNCHRONISING


def test_chirps_while_nothing_is_asked_bring_a_synchronisation_poll(real_time: Bench) -> None:
    woken = real_time.host.resynchronisations
    assert real_time.hear(CHIRP) == b""
    assert real_time.wait(0.2) == b""
    assert real_time.host.resynchronisations == woken

    real_time.hear(CHIRP)
    assert real_time.wait(GAP) == SYNC
    assert real_time.host.resynchronisations == woken + 1
    assert not real_time.host.real_time
    assert real_time.take() == [ChirpHeard(1)] * 2


def test_a_bare_address_while_synchronising_is_a_chirp_and_no_acknowledgement(one_byte: Bench) -> None:
    woken = one_byte.host.resynchronisations
    one_byte.ask(ON)
    one_byte.hear(CHIRP)
    one_byte.wait(0.15)
    one_byte.hear(CHIRP)
    assert [one_byte.next_words() for _ in range(3)] == [SYNC + ASK_CREDITS, ASK_CREDITS, ASK_CREDITS]
    assert one_byte.next_words() == SYNC + ASK_ON
    assert one_byte.host.resynchronisations == woken + 2

    one_byte.hear(b"\x01")
    one_byte.wait(GAP)

    assert one_byte.take()[-1] == ChirpHeard(1)
    assert not one_byte.host.real_time


def test_chirps_heard_before_the_first_poll_bring_the_machine_back_at_once() -> None:
    bench = started(b"\x01\x1a")
    bench.hear(b"\x01")
    bench.wait(0.2)
    bench.hear(b"\x01")

    assert bench.wait(GAP) == SYNC + ASK_CREDITS


# 7. With real-time events off, a long poll may be given up.


def test_a_long_poll_that_was_ever_answered_is_given_up_after_three_silent_tries(one_byte: Bench) -> None:
    one_byte.ask(CREDITS)
    one_byte.hear(CREDITS_ARE_103)
    one_byte.ask(GAMES)
    one_byte.hear(GAMES_ARE_5)
    one_byte.take()
    one_byte.ask(CREDITS)

    assert one_byte.wait(0.61) == ASK_CREDITS * 2
    assert one_byte.take() == [Unanswered(CREDITS)]
    assert one_byte.host.ready(one_byte.now)


def test_a_long_poll_the_machine_may_not_know_keeps_no_exception_waiting(one_byte: Bench) -> None:
    one_byte.ask(CREDITS)

    assert one_byte.wait(0.21) == b""
    assert one_byte.take() == [Unanswered(CREDITS)]
    assert one_byte.host.ready(one_byte.now)


def test_after_the_mode_was_asked_for_in_vain_silence_may_hide_an_event(one_byte: Bench) -> None:
    """The machine may have taken it, and its ACK was lost: events answer long polls from then on."""
    one_byte.ask(ON)
    one_byte.wait(0.6)
    assert Unanswered(ON) in one_byte.take()

    one_byte.ask(CREDITS)

    assert one_byte.wait(1.2).count(ASK_CREDITS) > 1
    assert Unanswered(CREDITS) not in one_byte.take()


def test_a_long_poll_that_is_always_garbled_is_given_up(one_byte: Bench) -> None:
    one_byte.ask(CREDITS)
    for _ in range(6):
        one_byte.hear(b"\x01\x1a\x00")
        one_byte.wait(0.1)

    assert one_byte.take()[-1] == Unanswered(CREDITS)


CREDITS_ARE_NO_NUMBER = stuff(append_crc(bytes.fromhex("011affffffff")))


@pytest.mark.parametrize("mode", ["one_byte", "real_time"])
def test_a_long_poll_whose_answer_nobody_can_read_is_given_up(
    mode: str, request: pytest.FixtureRequest
) -> None:
    """It checks out, so the machine means it, and would say the same for ever."""
    bench: Bench = request.getfixturevalue(mode)
    bench.ask(CREDITS)

    for _ in range(3):
        bench.hear(CREDITS_ARE_NO_NUMBER)
        bench.wait(0.1)

    heard = bench.take()
    assert [type(event) for event in heard] == [GarbageHeard] * 3 + [Unanswered]
    assert heard[-1] == Unanswered(CREDITS)
    assert bench.host.ready(bench.now)


def test_an_answer_nobody_can_read_proves_that_the_event_before_it_has_gone(real_time: Bench) -> None:
    real_time.ask(GAMES)
    real_time.hear(DOOR_OPENED)
    real_time.ask(CREDITS)

    for _ in range(3):
        real_time.hear(CREDITS_ARE_NO_NUMBER)
        real_time.wait(0.1)

    assert not real_time.host.confirming


@pytest.mark.parametrize(
    ("data", "unread"),
    [
        ("4f 37 03 00 00 00 00 12", "3703000000 0012"),  # longer
        ("4f 37 03", "3703"),  # shorter
        ("4f 37 0a 00 00 00 12", "370a00000012"),  # no digits
        ("11 00", "00"),  # reserved bytes
    ],
)
def test_an_event_with_data_nobody_can_read_is_reported_without_once_heard_twice(
    real_time: Bench, data: str, unread: str
) -> None:
    """A machine that is not understood keeps saying the same, and has no other way to say anything."""
    frame = append_crc(bytes.fromhex("01ff" + data))
    real_time.ask(CREDITS)

    real_time.hear(stuff(frame))
    real_time.wait(0.1)
    assert not any(isinstance(event, ExceptionReported) for event in real_time.take())
    real_time.hear(stuff(frame))
    real_time.wait(0.1)

    told = ExceptionReported(1, frame[2], real_time=True, unread=bytes.fromhex(unread))
    assert real_time.take() == [told]
    assert real_time.host.ready(real_time.now)


def test_under_real_time_events_a_long_poll_is_never_given_up(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.wait(2.3)

    assert real_time.take() == []


def test_a_machine_that_answers_no_poll_at_all_is_lost(one_byte: Bench) -> None:
    for _ in range(12):
        one_byte.ask(CREDITS)
        one_byte.wait(0.21)

    assert isinstance(one_byte.take()[-1], MachineLost)


SIGNATURE_IS_1234 = append_crc(bytes.fromhex("01213412"))


@pytest.mark.parametrize("asked", [CREDITS, GENERAL])
def test_a_signature_in_place_of_an_answer_answers_nothing(
    one_byte: Bench, asked: LongPollRequest | GeneralPoll
) -> None:
    """Long poll 21 is answered when the machine has computed it, whatever is asked then."""
    one_byte.ask(asked)
    one_byte.hear(SIGNATURE_IS_1234)

    assert one_byte.take() == [SignatureHeard(0x1234)]
    assert one_byte.host.ready(one_byte.now)


def test_an_answer_an_earlier_run_may_have_heard_is_possibly_repeated() -> None:
    bench = started(b"\x01\x1a")
    bench.wait(1.0)

    bench.hear(CREDITS_ARE_103)

    assert bench.take()[-1] == Answered(CREDITS, {"current_credits": 103}, possibly_repeated=True)
    bench.ask(GAMES)
    bench.hear(GAMES_ARE_5)
    assert bench.take()[-1] == Answered(GAMES, {"games_played": 5})


def test_a_quiet_answer_an_earlier_run_may_have_heard_is_possibly_repeated() -> None:
    bench = started(b"\x81", real_time=False)
    bench.wait(1.0)

    bench.hear(b"\x00")
    bench.wait(GAP)

    assert bench.take()[-1] == Answered(GENERAL, {"exception": 0}, possibly_repeated=True)


def test_busy_means_ask_again_later(one_byte: Bench) -> None:
    one_byte.ask(CREDITS)
    one_byte.hear(b"\x01\x00")
    one_byte.wait(GAP)

    assert one_byte.take() == [MachineBusy(CREDITS)]
    assert one_byte.host.ready(one_byte.now)


def test_a_machine_that_says_nothing_happened_to_a_long_poll_has_not_answered_it(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.hear(NOTHING_HAPPENED)

    assert real_time.take() == [MachineBusy(CREDITS)]


def test_an_idle_frame_answers_a_general_poll_and_shows_real_time_events(one_byte: Bench) -> None:
    one_byte.ask(GENERAL)
    one_byte.hear(NOTHING_HAPPENED)

    assert one_byte.take() == [Answered(GENERAL, {"exception": 0})]
    assert one_byte.host.real_time


def test_turning_events_off_is_noted(real_time: Bench) -> None:
    real_time.ask(OFF)
    real_time.hear(b"\x01")
    real_time.wait(0.1)
    real_time.hear(b"\x01")
    real_time.wait(GAP)

    assert real_time.take() == [Acknowledged(OFF)]
    assert not real_time.host.real_time


# 8. A second answer gets its time.


def test_before_a_different_poll_leaves_a_late_second_answer_gets_its_time(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.wait(0.25)
    assert real_time.hear(DOOR_OPENED) == b""
    assert not real_time.host.ready(real_time.now)
    real_time.wait(0.7)
    real_time.hear(DOOR_OPENED)

    assert real_time.wait(0.3) == SYNC
    assert real_time.take() == [ExceptionReported(1, 0x11, {}, real_time=True), RepeatRecognised(0x11)]


def prove_quick(bench: Bench) -> None:
    """So many answers at once that a silence is a loss."""
    for _ in range(PROOF_ANSWERS):
        bench.ask(CREDITS)
        bench.hear(CREDITS_ARE_103)
        bench.ask(GAMES)
        bench.hear(GAMES_ARE_5)
    bench.take()


def test_on_a_line_that_has_proved_quick_a_second_answer_gets_less_time(real_time: Bench) -> None:
    prove_quick(real_time)
    real_time.ask(CREDITS)
    real_time.wait(0.25)

    real_time.hear(DOOR_OPENED)

    assert real_time.wait(0.1) == b""
    assert real_time.wait(0.1) == SYNC


def test_a_second_answer_that_came_late_makes_the_next_one_waited_for(real_time: Bench) -> None:
    prove_quick(real_time)
    for _ in range(2):
        real_time.ask(CREDITS)
        real_time.wait(0.25)
        real_time.hear(CREDITS_ARE_103)
        real_time.hear(CREDITS_ARE_103)
        real_time.ask(GAMES)
        real_time.hear(GAMES_ARE_5)
    real_time.ask(CREDITS)
    real_time.wait(0.25)

    real_time.hear(DOOR_OPENED)

    assert real_time.wait(0.8) == b""
    assert real_time.wait(0.2) == SYNC


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (b"\x00", b"\x11", [Answered(GENERAL, {"exception": 0}), ExceptionReported(1, 0x11)]),
        (b"\x11", b"\x11", [ExceptionReported(1, 0x11), RepeatRecognised(0x11)]),
    ],
)
def test_a_general_poll_that_was_repeated_may_find_something_the_second_time(
    one_byte: Bench, first: bytes, second: bytes, told: list[HostEvent]
) -> None:
    """What nobody waited for would be acknowledged by the next poll all the same."""
    one_byte.ask(GENERAL)
    one_byte.wait(0.25)

    one_byte.hear(first)
    one_byte.wait(GAP)
    one_byte.hear(second)
    one_byte.wait(GAP)

    assert one_byte.take() == told


def test_a_different_second_answer_is_an_event_of_its_own(real_time: Bench) -> None:
    """A priority exception may overtake when the machine resets its poll state."""
    real_time.ask(CREDITS)
    real_time.wait(0.25)
    real_time.hear(DOOR_OPENED)
    real_time.hear(DOOR_CLOSED)

    assert [event.code for event in real_time.take() if isinstance(event, ExceptionReported)] == [0x11, 0x12]


def test_a_second_answer_with_data_is_nothing_new(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.wait(0.25)
    real_time.hear(CREDITS_ARE_103)
    real_time.take()
    real_time.hear(CREDITS_ARE_103)

    assert real_time.take() == []


def test_an_event_proved_to_be_a_repeat_leaves_time_for_the_real_answer(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.hear(game_started(102))
    real_time.ask(GAMES)
    real_time.wait(2.8)
    real_time.take()
    assert real_time.next_words() == SYNC + ASK_GAMES

    real_time.hear(game_started(102))
    assert real_time.take() == [MachineFound(), RepeatRecognised(0x7E)]
    assert real_time.wait(0.9) == b""
    assert real_time.wait(0.1) == SYNC


def test_a_late_answer_to_another_poll_leaves_time_for_the_real_answer(one_byte: Bench) -> None:
    """Asked again at once, it would be answered twice: the second answer would pass for that to the next."""
    one_byte.ask(GENERAL)

    one_byte.hear(GAMES_ARE_5)

    assert one_byte.wait(0.15) == b""
    one_byte.hear(b"\x7f")
    assert ExceptionReported(1, 0x7F, {}, real_time=False, possibly_repeated=False) in one_byte.take()


# 9. What carries no proof is heard twice.


def test_a_short_answer_is_heard_twice_where_events_may_be_hidden(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.hear(b"\x01\x00")
    assert real_time.wait(0.1) == ASK_CREDITS
    assert real_time.take() == []

    real_time.hear(b"\x01\x00")
    real_time.wait(GAP)

    assert real_time.take() == [MachineBusy(CREDITS)]


def test_a_nack_after_garbage_is_heard_four_times_where_events_may_be_hidden(real_time: Bench) -> None:
    """The NACK is about a repeat that lost its command; what could not be read before it was an event."""
    real_time.ask(ON)
    real_time.hear(b"\x01\xff\xff\x7e\x00\x80\x61")
    real_time.wait(0.1)
    for _ in range(3):
        real_time.hear(b"\x81")
        assert real_time.wait(0.1) == b"\xff\x00\x01\x0e\x01\x45\xd1"

    real_time.hear(b"\x81")
    real_time.wait(GAP)

    assert real_time.take()[-1] == Refused(ON)


def test_an_event_with_an_unlisted_code_is_heard_twice(real_time: Bench) -> None:
    unlisted = stuff(encode_reply(EventReply(1, 0x7D, {"data": b""})))
    real_time.ask(CREDITS)
    real_time.hear(unlisted)
    real_time.wait(0.1)
    assert real_time.take() == []
    real_time.hear(unlisted)
    real_time.wait(GAP)

    [event] = real_time.take()
    assert isinstance(event, ExceptionReported)
    assert event.code == 0x7D


def test_an_exception_with_an_unlisted_code_is_heard_twice(one_byte: Bench) -> None:
    """Any byte of noise would be one."""
    one_byte.ask(GENERAL)
    one_byte.hear(b"\xdf")
    assert one_byte.wait(0.1) == ASK
    assert one_byte.take() == []

    one_byte.hear(b"\xdf")
    one_byte.wait(GAP)

    assert one_byte.take() == [ExceptionReported(1, 0xDF, {}, real_time=False)]


# How long an answer is waited for.


def test_until_a_machine_has_answered_it_may_be_slow() -> None:
    bench = started(b"\x01\x1a")

    assert bench.wait(0.5) == ASK_CREDITS
    assert bench.wait(0.4) == b""
    assert bench.wait(0.1) == ASK_CREDITS


def test_a_slow_machine_is_given_twice_what_it_took(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.now += 0.18
    real_time.hear(CREDITS_ARE_103)
    real_time.ask(GAMES)

    assert real_time.wait(0.37) == b""
    assert real_time.wait(0.02) == ASK_GAMES


def test_a_machine_that_is_quick_again_is_waited_for_less(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.now += 0.18
    real_time.hear(CREDITS_ARE_103)
    for _ in range(100):
        real_time.ask(GAMES)
        real_time.hear(GAMES_ARE_5)
        real_time.ask(CREDITS)
        real_time.hear(CREDITS_ARE_103)
    real_time.ask(GAMES)

    assert real_time.wait(0.21) == ASK_GAMES


# Links, and misuse.


def test_a_link_that_comes_back_finds_the_poll_where_it_was(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.hear(CREDITS_ARE_103[:3])
    real_time.host.link_lost(real_time.now)
    assert real_time.wait(60.0) == b""
    assert real_time.host.next_timer() is None
    assert not real_time.host.ready(real_time.now)

    real_time.host.link_opened(real_time.now)

    assert real_time.turn() == ASK_CREDITS
    real_time.hear(CREDITS_ARE_103)
    assert real_time.take() == [Answered(CREDITS, {"current_credits": 103})]


def test_a_link_that_comes_back_with_nothing_asked_is_ready(real_time: Bench) -> None:
    real_time.host.link_lost(real_time.now)
    real_time.host.link_opened(real_time.now)

    assert real_time.host.ready(real_time.now)


def test_a_link_that_comes_back_during_the_quiet_stays_quiet(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.wait(2.8)
    real_time.host.link_lost(real_time.now)
    real_time.host.link_opened(real_time.now)

    assert real_time.wait(5.0) == b""
    assert real_time.next_words() == SYNC + ASK_CREDITS


def test_one_poll_at_a_time(real_time: Bench) -> None:
    real_time.ask(CREDITS)

    with pytest.raises(LocalProtocolError, match=r"is not ready for a poll — wait until it is$"):
        real_time.host.send(GAMES)


def test_a_poll_for_another_machine_is_refused(real_time: Bench) -> None:
    with pytest.raises(LocalProtocolError, match="address 2"):
        real_time.host.send(LongPollRequest(2, 0x1A))


@pytest.mark.parametrize(
    ("poll", "named"), [(LongPollRequest(1, 0x1B), "long poll 1B"), (GENERAL, "a general poll")]
)
def test_a_poll_that_may_not_leave_is_refused_without_its_data(
    poll: GeneralPoll | LongPollRequest, named: str
) -> None:
    bench = Bench(HostConnection(1, last_poll=b"\x01\x1a", may_send=lambda asked: asked == CREDITS))
    bench.host.link_opened(bench.now)
    assert bench.wait(1.0).startswith(ASK_CREDITS)
    bench.hear(CREDITS_ARE_103)

    with pytest.raises(
        LocalProtocolError, match=f"^{named} may not leave here — send what this host may ask$"
    ):
        bench.host.send(poll)
    assert bench.ask(CREDITS).endswith(ASK_CREDITS)


def test_what_an_earlier_run_asked_and_may_not_leave_now_is_not_repeated() -> None:
    bench = Bench(HostConnection(1, last_poll=b"\x01\x1b", may_send=lambda asked: asked == GENERAL))
    bench.host.link_opened(bench.now)

    assert bench.host.state is HostState.QUIET
    assert bench.wait(5.4) == b""
    assert bench.wait(0.2) == SYNC + ASK


def test_a_host_says_what_it_is_about(real_time: Bench) -> None:
    assert repr(real_time.host) == "<HostConnection 01 polling>"
    real_time.ask(CREDITS)
    assert repr(real_time.host) == "<HostConnection 01 polling asked 01 1a x1>"


def test_half_a_mark_is_nothing_yet(real_time: Bench) -> None:
    real_time.ask(CREDITS)
    real_time.hear(b"\xff")

    assert real_time.take() == []


def test_what_is_given_waits_for_a_second_answer(real_time: Bench) -> None:
    """A caller that does not ask whether the host is ready is safe, too."""
    real_time.ask(CREDITS)
    real_time.wait(0.25)
    real_time.hear(CREDITS_ARE_103)

    real_time.host.send(GAMES)

    assert real_time.turn() == b""
    real_time.hear(DOOR_OPENED)
    assert real_time.take()[-1] == ExceptionReported(1, 0x11, {}, real_time=True)
    assert real_time.wait(1.0).endswith(ASK_GAMES)


@pytest.mark.parametrize(("wanted", "given"), [(None, 0.2), (0.1, 0.1), (0.45, 0.45)])
def test_an_answer_is_given_as_long_as_is_wanted_however_soon_others_came(
    one_byte: Bench, wanted: float | None, given: float
) -> None:
    if wanted is not None:
        one_byte.host.wait_at_least(wanted)
    for _ in range(2):
        one_byte.ask(CREDITS)
        one_byte.hear(CREDITS_ARE_103)
        one_byte.ask(GAMES)
        one_byte.hear(GAMES_ARE_5)

    one_byte.ask(CREDITS)

    assert one_byte.host.next_timer() == pytest.approx(one_byte.now + given)


def test_a_longer_wait_holds_at_once(one_byte: Bench) -> None:
    one_byte.host.wait_at_least(0.9)

    one_byte.ask(CREDITS)

    assert one_byte.host.next_timer() == pytest.approx(one_byte.now + 0.9)


# -- on a line that machines share -------------------------------------------------------------------


@pytest.fixture
def shared() -> Bench:
    """A host that shares its line and has found a machine which reports in one byte."""
    bench = Bench(HostConnection(1, shared=True))
    bench.host.link_opened(bench.now)
    bench.hear(CHIRP)
    bench.hear(CREDITS_ARE_103)
    bench.ask(GENERAL)
    for _ in range(2):
        bench.hear(b"\x00")
        bench.wait(0.1)
    bench.ask(CREDITS)
    bench.hear(CREDITS_ARE_103)
    assert bench.take()[-1] == Answered(CREDITS, {"current_credits": 103})
    return bench


def test_the_line_is_held_from_a_poll_to_its_answer(shared: Bench) -> None:
    assert not shared.host.holds_line(shared.now)

    shared.ask(GENERAL)
    assert shared.host.holds_line(shared.now)
    shared.wait(0.3)
    assert shared.host.holds_line(shared.now)

    shared.hear(b"\x11")
    shared.wait(1.0)
    assert not shared.host.holds_line(shared.now)


def test_the_line_is_held_while_a_second_answer_may_come(shared: Bench) -> None:
    shared.ask(GENERAL)
    shared.wait(0.5)
    shared.hear(b"\x11")

    assert shared.host.holds_line(shared.now)
    shared.wait(1.0)
    assert not shared.host.holds_line(shared.now)


def test_the_line_is_free_at_the_very_moment_when_no_second_answer_can_come_any_more(shared: Bench) -> None:
    shared.ask(GENERAL)
    shared.wait(0.5)
    shared.hear(b"\x11")
    shared.wait(GAP)

    free_at = shared.host.next_timer()

    assert free_at is not None
    assert shared.host.holds_line(free_at - 0.001)
    assert not shared.host.ready(free_at - 0.001)
    assert not shared.host.holds_line(free_at)
    assert shared.host.ready(free_at)


def test_after_a_restart_the_line_is_held_until_the_last_poll_is_answered() -> None:
    bench = Bench(HostConnection(1, last_poll=b"\x81", shared=True))
    bench.host.link_opened(bench.now)

    assert bench.host.holds_line(bench.now)
    assert bench.next_words() == ASK
    for _ in range(2):
        bench.hear(b"\x11")
        bench.wait(0.1)
    bench.wait(1.0)
    assert not bench.host.holds_line(bench.now)


def test_a_poll_to_a_neighbour_acknowledges_as_a_synchronisation_poll_does(shared: Bench) -> None:
    shared.ask(GENERAL)
    shared.hear(b"\x00")
    shared.host.neighbour_polled(shared.now)

    assert shared.turn() == b""
    assert shared.ask(GENERAL) == ASK


def test_a_poll_to_a_neighbour_acknowledges_an_event(shared: Bench) -> None:
    shared.ask(GENERAL)
    shared.hear(b"\x11")
    shared.wait(GAP)
    assert ExceptionReported(1, 0x11, {}, real_time=False) in shared.take()

    shared.host.neighbour_polled(shared.now)

    assert shared.wait(0.1) == b""
    assert shared.ask(CREDITS) == ASK_CREDITS


def test_a_machine_that_falls_silent_has_all_wait_once_and_is_then_looked_for_between_their_turns(
    shared: Bench,
) -> None:
    shared.ask(GENERAL)
    while not shared.host.keeps_quiet:
        shared.wait(0.1)
    assert isinstance(shared.take()[-1], MachineLost)
    assert shared.host.holds_line(shared.now)

    asked = [(shared.next_words(), shared.now)]
    for _ in range(8):
        shared.now += 0.001
        asked.append((shared.next_words(), shared.now))
        assert not shared.host.keeps_quiet

    assert {words.removeprefix(SYNC) for words, _ in asked} == {ASK_CREDITS}
    rests = [round(later - sooner) for (_, sooner), (_, later) in pairwise(asked)]
    assert rests == [0, 0, 2, 4, 8, 16, 32, 32]


def test_while_a_machine_rests_its_neighbours_may_be_polled(shared: Bench) -> None:
    shared.ask(GENERAL)
    while not shared.host.keeps_quiet:
        shared.wait(0.1)
    shared.next_words()
    assert shared.host.holds_line(shared.now)

    shared.wait(1.1)

    assert shared.host.state is HostState.QUIET
    assert not shared.host.holds_line(shared.now)


def test_a_machine_found_again_is_asked_as_before(shared: Bench) -> None:
    shared.ask(GENERAL)
    while not shared.host.keeps_quiet:
        shared.wait(0.1)
    for _ in range(4):
        shared.next_words()
        shared.now += 0.001
    shared.take()

    shared.hear(CREDITS_ARE_103)

    assert MachineFound() in shared.take()
    assert shared.ask(GENERAL).endswith(ASK)


def test_a_general_poll_that_is_always_garbled_does_not_hold_the_line_for_ever(shared: Bench) -> None:
    shared.ask(GENERAL)
    for _ in range(6):
        assert not shared.host.keeps_quiet
        shared.hear(b"\xfe\xfe\xfe")
        shared.wait(0.1)

    assert shared.host.keeps_quiet


def test_a_garbled_machine_that_is_being_woken_is_left_to_rest(shared: Bench) -> None:
    shared.ask(GENERAL)
    while not shared.host.keeps_quiet:
        shared.wait(0.1)
    shared.next_words()
    for _ in range(6):
        assert shared.host.holds_line(shared.now)
        shared.hear(b"\xfe\xfe\xfe")
        shared.wait(0.1)

    assert not shared.host.holds_line(shared.now)


def test_a_machine_that_says_only_what_was_not_asked_does_not_hold_the_line_for_ever(shared: Bench) -> None:
    """One that talks out of turn would keep all others from being polled."""
    shared.ask(GENERAL)
    for _ in range(30):
        shared.hear(GAMES_ARE_5)
        shared.wait(0.15)

    assert shared.host.keeps_quiet


# -- polls that change the machine -------------------------------------------------------------------


SHUTDOWN = LongPollRequest(1, 0x01)
ASK_SHUTDOWN = encode_host_message(bytes.fromhex("01015108"))


def sends(written: bytes) -> int:
    return written.count(ASK_SHUTDOWN)


def test_a_command_that_is_not_answered_leaves_three_times_and_is_given_up(one_byte: Bench) -> None:
    written = one_byte.ask(SHUTDOWN) + one_byte.wait(5.0)

    assert sends(written) == 3
    assert one_byte.take()[-1] == Unanswered(SHUTDOWN)


def test_a_command_whose_answers_are_garbled_leaves_three_times(one_byte: Bench) -> None:
    written = one_byte.ask(SHUTDOWN)
    for _ in range(5):
        written += one_byte.hear(b"\xfe\xfe\xfe") + one_byte.wait(0.1)

    assert sends(written) == 3
    assert Unanswered(SHUTDOWN) in one_byte.take()


@pytest.mark.parametrize(
    "answers",
    [[b"\xfe\xfe\xfe", b"\x81", b"\x81", b"\x81", b"\x81"], [b"\x81", b"\x01", b"\x81", b"\x01"]],
    ids=["refusals after garbage", "one answer and another"],
)
def test_a_command_whose_answers_prove_nothing_leaves_three_times(
    real_time: Bench, answers: list[bytes]
) -> None:
    """A machine takes what comes after three for a new one: what became of it is not known."""
    written = real_time.ask(SHUTDOWN)
    for answer in answers:
        written += real_time.hear(answer) + real_time.wait(0.1)

    assert sends(written) == 3
    assert real_time.host.state is HostState.QUIET
    assert real_time.next_words() == SYNC + ASK_CREDITS
    real_time.hear(CREDITS_ARE_103)
    assert Unanswered(SHUTDOWN) in real_time.take()


@pytest.mark.parametrize("heard", [b"", b"\xfe\xfe\xfe"], ids=["silence", "garbage"])
def test_under_real_time_events_the_link_is_left_to_drop_and_another_poll_wakes_the_machine(
    real_time: Bench, heard: bytes
) -> None:
    written = real_time.ask(SHUTDOWN)
    while real_time.host.state is not HostState.QUIET:
        written += (real_time.hear(heard) if heard else b"") + real_time.wait(0.1)
    assert sends(written) == 3

    woken = real_time.next_words()
    real_time.hear(CREDITS_ARE_103)

    assert woken == SYNC + ASK_CREDITS
    assert Unanswered(SHUTDOWN) in real_time.take()


def test_a_command_is_not_repeated_once_the_port_was_lost(real_time: Bench) -> None:
    real_time.ask(SHUTDOWN)
    real_time.host.link_lost(real_time.now)
    real_time.host.link_opened(real_time.now)

    assert real_time.host.state is HostState.QUIET
    assert real_time.next_words() == SYNC + ASK_CREDITS


def test_a_command_that_has_not_left_waits_for_the_port(real_time: Bench) -> None:
    real_time.host.link_lost(real_time.now)
    real_time.host.send(SHUTDOWN)
    real_time.host.link_opened(real_time.now)

    assert sends(real_time.turn()) == 1


def test_a_refused_general_poll_is_repeated_and_lets_nothing_go(one_byte: Bench) -> None:
    one_byte.host.refuses_with = 0x81
    one_byte.ask(GENERAL)
    one_byte.hear(b"\x81")

    assert one_byte.wait(GAP) == b""
    assert one_byte.take() == [Refused(GENERAL)]
    assert one_byte.host.next_timer() == pytest.approx(one_byte.now + REPEAT_PAUSE_SECONDS, abs=0.002)
    assert one_byte.wait(REPEAT_PAUSE_SECONDS) == ASK
    one_byte.hear(b"\x11")
    assert [event.code for event in one_byte.take() if isinstance(event, ExceptionReported)] == [0x11]


@pytest.mark.parametrize(("after", "is_refused"), [(REFUSED_SECONDS - 0.1, True), (REFUSED_SECONDS, False)])
def test_what_is_said_for_longer_than_a_refusal_lasts_is_reported(
    one_byte: Bench, after: float, *, is_refused: bool
) -> None:
    one_byte.host.refuses_with = 0x81
    one_byte.ask(GENERAL)
    one_byte.hear(b"\x81")
    first = one_byte.wait(GAP)
    began = one_byte.now
    while one_byte.now < began + after - 0.06:
        one_byte.next_words()
        one_byte.hear(b"\x81")
        one_byte.wait(GAP)
    one_byte.take()

    one_byte.now = max(one_byte.now, began + after - 0.01)
    one_byte.next_words()
    one_byte.hear(b"\x81")
    one_byte.wait(GAP)

    assert first == b""
    said = [type(event) for event in one_byte.take()]
    assert said == ([Refused] if is_refused else [ExceptionReported])


def test_a_flag_that_is_told_again_and_again_does_not_hide_what_is_no_refusal(one_byte: Bench) -> None:
    """81 waits behind 57, which comes every 0.8 s: taken for a new refusal each time, it is never heard."""
    one_byte.host.refuses_with = 0x81
    for _ in range(4):
        one_byte.ask(GENERAL)
        until = one_byte.now + 0.8
        while one_byte.now < until:
            one_byte.hear(b"\x81")
            one_byte.wait(0.1)
        one_byte.hear(b"\x57")
        one_byte.wait(0.1)
        one_byte.ask(CREDITS)
        one_byte.hear(CREDITS_ARE_103)

    reported = [event.code for event in one_byte.take() if isinstance(event, ExceptionReported)]
    assert 0x81 in reported


@pytest.mark.parametrize(("refuses_with", "said"), [(None, 0x81), (0x82, 0x81), (0x81, 0x11)])
def test_other_exceptions_are_no_refusals(one_byte: Bench, refuses_with: int | None, said: int) -> None:
    one_byte.host.refuses_with = refuses_with
    one_byte.ask(GENERAL)
    one_byte.hear(bytes((said,)))
    one_byte.wait(GAP)

    assert [event.code for event in one_byte.take() if isinstance(event, ExceptionReported)] == [said]


def test_a_machine_that_chirps_and_does_not_wake_up_is_lost_and_left_to_rest() -> None:
    bench = Bench(HostConnection(1, shared=True))
    bench.host.link_opened(bench.now)
    bench.hear(CHIRP)

    bench.wait(3.0)

    assert [type(event) for event in bench.take()] == [ChirpHeard, MachineLost]
    assert bench.host.state is HostState.QUIET
    assert not bench.host.keeps_quiet


@pytest.mark.parametrize("awaited", [True, False])
def test_an_event_nobody_awaited_may_come_again(real_time: Bench, awaited: bool) -> None:  # noqa: FBT001
    """Nobody knows which poll it answered, so nobody knows which one has let it go."""
    if awaited:
        real_time.ask(CREDITS)
    real_time.hear(DOOR_OPENED)
    real_time.take()

    real_time.ask(GAMES)
    real_time.hear(DOOR_OPENED)

    (again,) = real_time.take()
    assert isinstance(again, ExceptionReported)
    assert again.possibly_repeated is not awaited


def test_before_the_link_is_open_nothing_leaves_and_nothing_is_due() -> None:
    host = HostConnection(1, last_poll=b"\x81", real_time=False)

    host.handle_timer(200.0)

    assert host.data_to_send(200.0) == b""
    assert host.next_timer() is None
    assert not host.ready(200.0)
    assert host.repeats == 0


def test_when_the_link_comes_back_the_poll_is_repeated_at_once_and_may_be_answered_twice(
    real_time: Bench,
) -> None:
    repeats = real_time.host.repeats
    real_time.ask(CREDITS)
    real_time.host.link_lost(real_time.now)
    assert real_time.wait(0.05) == b""

    real_time.host.link_opened(real_time.now)

    assert real_time.turn() == ASK_CREDITS
    assert real_time.host.repeats == repeats + 1
    real_time.hear(CREDITS_ARE_103)
    assert not real_time.host.ready(real_time.now)
    assert real_time.wait(1.0) == b""
    assert real_time.host.ready(real_time.now)


def test_the_note_of_the_last_poll_follows_what_leaves(one_byte: Bench) -> None:
    one_byte.ask(GENERAL)
    assert one_byte.host.last_poll == b"\x81"

    assert one_byte.hear(b"\x11") == SYNC

    assert one_byte.host.last_poll == b"\x80"


def test_every_poll_sent_again_is_counted(one_byte: Bench) -> None:
    before = one_byte.host.repeats
    one_byte.ask(GENERAL)

    for repeats in (1, 2, 3):
        assert one_byte.next_words().endswith(ASK)
        assert one_byte.host.repeats == before + repeats


def test_under_real_time_events_a_general_poll_is_refused_with_what_to_send(real_time: Bench) -> None:
    with pytest.raises(LocalProtocolError, match=r"silence could mean anything — send a long poll$"):
        real_time.host.send(GENERAL)


@pytest.mark.parametrize(
    ("heard", "named"),
    [
        (stuff(append_crc(bytes.fromhex("021a00000103"))), "02"),
        (b"\xfe\xfe\xfe", "only noise: "),
    ],
    ids=["a neighbour", "noise"],
)
def test_a_machine_that_is_not_heard_for_what_is_heard_instead_is_lost_with_its_reason(
    real_time: Bench, heard: bytes, named: str
) -> None:
    real_time.ask(CREDITS)
    began = real_time.now
    lost: list[MachineLost] = []
    while not lost and real_time.now < began + 10.0:
        real_time.hear(heard)
        real_time.wait(0.2)
        lost = [event for event in real_time.take() if isinstance(event, MachineLost)]

    assert 2.5 <= real_time.now - began < 4.0
    assert named in lost[0].heard
    assert lost[0].silent_for >= 2.5
