"""The host's reader: whole, byte by byte, with a follower, with rubbish in front; and every doubtful case."""

from __future__ import annotations

import pytest

from edge_agent.sas.crc import append_crc
from edge_agent.sas.messages import (
    Ack,
    Busy,
    DataReply,
    EventReply,
    ExceptionReply,
    GeneralPoll,
    LongPollRequest,
    Nack,
    Poll,
    Reply,
    encode_reply,
)
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.sas.reply_reader import (
    LONGEST_EVENT_BYTES,
    RUBBISH_LIMIT_BYTES,
    Chirp,
    Garbage,
    Heard,
    ReplyReader,
)
from edge_agent.sas.wakeup import WAKEUP

CREDITS, METERS_ON = LongPollRequest(1, 0x1A), LongPollRequest(1, 0x0E, {"enable": 1})
GENERAL = GeneralPoll(1)
DOOR_OPEN, DOOR_CLOSED = EventReply(1, 0x11), EventReply(1, 0x12)
MACHINE = {
    "game_id": "AT", "additional_id": "001", "denomination": 1, "max_bet": 201, "progressive_group": 0,
    "game_options": 0, "paytable_id": "PT0001", "base_percent": "9050",
}  # fmt: skip

# Answers that are complete as soon as their last byte is there.
FRAMES: list[tuple[Poll, Reply]] = [
    (CREDITS, DataReply(1, 0x1A, {"current_credits": 103})),
    (GENERAL, DOOR_OPEN),
    (CREDITS, DOOR_OPEN),
    (METERS_ON, DOOR_OPEN),
    (GENERAL, EventReply(1, 0x7E, {"wager": 2, "coin_in": 102, "wager_type": 65, "progressive_group": 0})),
    (GENERAL, EventReply(1, 0x4F, {"country": 37, "denomination_code": 3, "count": 7})),
    (GENERAL, EventReply(1, 0x88, {"reel": 1, "stop": 0xFF})),
    (GENERAL, EventReply(1, 0x7D)),
    (GENERAL, EventReply(1, 0x89)),
    (GENERAL, DataReply(1, 0x21, {"signature": 0xABCD})),
    (CREDITS, DataReply(1, 0x21, {"signature": 0xABCD})),
    (LongPollRequest(1, 0x1F), DataReply(1, 0x1F, MACHINE)),
    (LongPollRequest(1, 0x54), DataReply(1, 0x54, {"version": "602", "serial": "A1"})),
    (
        LongPollRequest(1, 0x6F, {"game": 0, "meter_codes": (0,)}),
        DataReply(1, 0x6F, {"game": 0, "meters": (MeterValue(0, 7, 4),)}),
    ),
]


def reader(poll: Poll, *, real_time: bool = True) -> ReplyReader:
    made = ReplyReader(1)
    made.expect(poll, real_time)
    return made


def listen(poll: Poll, wire: str, *, real_time: bool = True) -> list[Heard]:
    """Everything heard, the silence at the end included."""
    listening = reader(poll, real_time=real_time)
    return listening.feed(list(bytes.fromhex(wire))) + listening.finish()


@pytest.mark.parametrize(("poll", "reply"), FRAMES)
def test_whole(poll: Poll, reply: Reply) -> None:
    listening = reader(poll)

    assert listening.feed(list(encode_reply(reply))) == [reply]
    assert not listening.pending


@pytest.mark.parametrize(("poll", "reply"), FRAMES)
def test_byte_by_byte_nothing_comes_early(poll: Poll, reply: Reply) -> None:
    listening = reader(poll)
    *early, last = encode_reply(reply)

    for byte in early:
        assert listening.feed([byte]) == []
        assert listening.pending
    assert listening.feed([last]) == [reply]


@pytest.mark.parametrize(("poll", "reply"), FRAMES)
def test_with_the_next_message_behind_it(poll: Poll, reply: Reply) -> None:
    follower = list(encode_reply(DOOR_CLOSED))

    assert reader(poll).feed([*encode_reply(reply), *follower]) == [reply, DOOR_CLOSED]


@pytest.mark.parametrize(("poll", "reply"), FRAMES)
def test_with_rubbish_in_front(poll: Poll, reply: Reply) -> None:
    heard = reader(poll).feed([0x55, 0xAA, *encode_reply(reply)])

    assert heard == [Garbage(b"\x55\xaa", "in front of a message"), reply]


@pytest.mark.parametrize(("poll", "reply"), FRAMES)
def test_with_chirps_and_zeros_in_front(poll: Poll, reply: Reply) -> None:
    """Captures show `01010101 72…`; restarting UARTs send zeros."""
    assert reader(poll).feed([0, 1, 1, 1, 1, *encode_reply(reply)]) == [reply]


@pytest.mark.parametrize(("poll", "reply"), FRAMES)
def test_behind_the_head_of_a_broken_frame(poll: Poll, reply: Reply) -> None:
    listening = reader(poll)

    heard = listening.feed([0x01, 0xFF, 0x12, *encode_reply(reply)]) + listening.finish()

    assert heard == [Garbage(b"\x01\xff\x12", "in front of a message"), reply]


@pytest.mark.parametrize(
    ("poll", "wire", "reply"),
    [
        (METERS_ON, "01", Ack(1)),
        (METERS_ON, "81", Nack(1)),
        (METERS_ON, "01 00", Busy(1)),
        (CREDITS, "01 00", Busy(1)),
        (METERS_ON, "00 01", Ack(1)),
        (GENERAL, "51", ExceptionReply(1, 0x51)),
        (GENERAL, "00", ExceptionReply(1, 0x00)),
        (GENERAL, "7D", ExceptionReply(1, 0x7D)),
        (GENERAL, "80", ExceptionReply(1, 0x80)),
        (GENERAL, "81", ExceptionReply(1, 0x81)),
        (GENERAL, "01 FF 88 5C AD", EventReply(1, 0x88, missing_data=True)),
    ],
)
def test_what_only_silence_completes(poll: Poll, wire: str, reply: Reply) -> None:
    listening = reader(poll)

    assert listening.feed(list(bytes.fromhex(wire))) == []
    assert listening.pending
    assert listening.finish() == [reply]
    assert listening.finish() == []


@pytest.mark.parametrize("code", [0x1F, 0x51, 0x8C])
def test_a_known_exception_needs_no_silence_in_one_byte_mode(code: int) -> None:
    assert reader(GENERAL, real_time=False).feed([code]) == [ExceptionReply(1, code)]


@pytest.mark.parametrize("code", [0x05, 0x7D, 0x80, 0x81, 0xFE])
def test_a_doubtful_exception_waits_for_silence(code: int) -> None:
    """Unknown codes are more often a piece of something; 80 and 81 may be echoes of our polls."""
    listening = reader(GENERAL, real_time=False)

    assert listening.feed([code]) == []
    assert listening.finish() == [ExceptionReply(1, code)]


@pytest.mark.parametrize("real_time", [False, True])
@pytest.mark.parametrize(
    ("wire", "reply"),
    [
        ("00", ExceptionReply(1, 0x00)),
        ("00 00", ExceptionReply(1, 0x00)),
        ("00 11", ExceptionReply(1, 0x11)),
        ("00 00 11", ExceptionReply(1, 0x11)),
        ("00 01", Chirp(1)),
    ],
)
@pytest.mark.parametrize("piece", [1, 3])
def test_nothing_to_report_waits_for_silence_as_a_stray_zero_hides_what_is_behind_it(
    wire: str, reply: Reply | Chirp, piece: int, *, real_time: bool
) -> None:
    listening = reader(GENERAL, real_time=real_time)
    data = list(bytes.fromhex(wire))

    assert [
        heard for at in range(0, len(data), piece) for heard in listening.feed(data[at : at + piece])
    ] == []
    assert listening.finish() == [reply]


def test_a_stray_zero_before_an_event_hides_nothing() -> None:
    event = bytes.fromhex("01ff1114a4")

    assert reader(GENERAL, real_time=False).feed([0, *event]) == [EventReply(1, 0x11)]


def test_an_exception_equal_to_the_address_waits_for_silence() -> None:
    listening = ReplyReader(0x11)
    listening.expect(GeneralPoll(0x11), real_time=False)

    assert listening.feed([0x11]) == []
    assert listening.finish() == [ExceptionReply(0x11, 0x11)]


def test_an_address_that_is_no_exception_is_a_chirp() -> None:
    assert listen(GENERAL, "01", real_time=False) == [Chirp(1)]


@pytest.mark.parametrize(
    ("poll", "wire", "data"),
    [
        (GENERAL, "FF 12 8F 96", "FF 12 8F 96"),
        (GENERAL, "01 51", "01 51"),
        (GENERAL, "FF", "FF"),
        (CREDITS, "81", "81"),
        (CREDITS, "00", "00"),
        (CREDITS, "00 00 01 03 80 D7", "00 00 01 03 80 D7"),
        (CREDITS, "01 1A 00 00 01 03 80 D6", "01 1A 00 00 01 03 80 D6"),
        (CREDITS, "01 1A 00 00", "01 1A 00 00"),
        (CREDITS, "01 FF", "01 FF"),
        (CREDITS, "01 54", "01 54"),
        (CREDITS, "01 00 01 00", "01 00 01 00"),
        (CREDITS, "02 1A 00 00 01 03", "02 1A 00 00 01 03"),
        (METERS_ON, "82", "82"),
    ],
)
def test_pieces_are_garbage_and_forge_nothing(poll: Poll, wire: str, data: str) -> None:
    assert listen(poll, wire, real_time=False) == [Garbage(bytes.fromhex(data), "no message in it")]


def test_a_late_answer_to_another_poll_is_garbage_with_its_name() -> None:
    late = encode_reply(DataReply(1, 0x15, {"games_played": 9}))

    assert reader(CREDITS).feed(list(late)) == [
        Garbage(late, "an answer to long poll 15, which was not asked", late=True)
    ]


def test_a_late_answer_cannot_pass_for_an_exception() -> None:
    """A one-byte reader that took the second byte of `01 15 …` would report a card cage."""
    late = encode_reply(DataReply(1, 0x15, {"games_played": 9}))

    assert reader(GENERAL, real_time=False).feed(list(late)) == [
        Garbage(late, "an answer to long poll 15, which was not asked", late=True)
    ]


def test_good_crc_over_bad_contents_is_garbage() -> None:
    frame = append_crc(bytes.fromhex("01 1A 00 00 0A 03"))

    assert reader(CREDITS).feed(list(frame)) == [
        Garbage(frame, "current_credits: current_credits is not BCD at digit 6 of 8", answer=True)
    ]


def test_a_late_and_a_timely_answer_are_both_heard() -> None:
    answer = DataReply(1, 0x1A, {"current_credits": 1})

    assert reader(CREDITS).feed([*encode_reply(answer), *encode_reply(answer)]) == [answer, answer]


@pytest.mark.parametrize(
    ("poll", "wire", "heard"),
    [
        (CREDITS, "01 1A 01 1A 00 00 01 03 80 D7", [DataReply(1, 0x1A, {"current_credits": 103})]),
        (CREDITS, "01 1A 01 00", [Busy(1)]),
        (CREDITS, "01 1A 01 FF 12 8F 96", [DOOR_CLOSED]),
        (CREDITS, "80 01 1A 01 FF 12 8F 96", [DOOR_CLOSED]),
        (CREDITS, "01 1A", []),
        (CREDITS, "80 01 1A", []),
        (METERS_ON, "01 0E 01 45 D1 01", [Ack(1)]),
        (METERS_ON, "01 0E 01 45 D1 81", [Nack(1)]),
        (METERS_ON, "01 0E 01 45 D1", []),
        (METERS_ON, "01 0E 01", [Garbage(b"\x01\x0e\x01", "no message in it")]),
        (GENERAL, "81 51", [ExceptionReply(1, 0x51)]),
        (GENERAL, "80 81 51", [ExceptionReply(1, 0x51)]),
        (GENERAL, "81 81", [ExceptionReply(1, 0x81)]),
        (GENERAL, "81 01 FF 12 8F 96", [DOOR_CLOSED]),
    ],
)
@pytest.mark.parametrize("real_time", [True, False])
def test_a_loop_that_echoes(poll: Poll, wire: str, heard: list[Heard], real_time: bool) -> None:  # noqa: FBT001
    assert listen(poll, wire, real_time=real_time) == heard


@pytest.mark.parametrize("echo", [0x81, 0x80])
def test_an_echo_that_comes_before_its_answer_is_no_rubbish(echo: int) -> None:
    listening = reader(GENERAL, real_time=False)

    assert listening.feed([echo]) == []
    assert listening.feed([0x11]) == [ExceptionReply(1, 0x11)]
    assert listening.finish() == []


def test_an_echo_cannot_pass_for_its_own_answer() -> None:
    """A 6F request reads as a 6F answer: meter 0000 of one byte."""
    poll = LongPollRequest(1, 0x6F, {"game": 0, "meter_codes": (0x0000, 0x0001)})

    assert listen(poll, append_crc(bytes.fromhex("01 6F 06 00 00 00 00 01 00")).hex()) == []


NO_TICKET = "01 71 01 FF 1F D0"
ASK_FOR_THE_TICKET = LongPollRequest(1, 0x71, {"transfer_code": 0xFF})
NONE_KNOWN = DataReply(1, 0x71, {"machine_status": 0xFF})


def test_an_answer_may_repeat_its_poll() -> None:
    listening = reader(ASK_FOR_THE_TICKET)

    assert listening.feed(list(bytes.fromhex(NO_TICKET))) == [NONE_KNOWN]
    assert listening.finish() == []


@pytest.mark.parametrize(
    ("wire", "heard"),
    [(NO_TICKET, []), (NO_TICKET + NO_TICKET, [NONE_KNOWN]), (NO_TICKET + "01 00", [Busy(1)])],
)
def test_on_a_line_that_echoes_the_first_repetition_is_the_poll(wire: str, heard: list[Heard]) -> None:
    listening = reader(CREDITS)
    listening.feed(list(bytes.fromhex("01 1A 01 1A 00 00 01 03 80 D7")))

    listening.expect(ASK_FOR_THE_TICKET, real_time=True)

    assert listening.feed(list(bytes.fromhex(wire))) + listening.finish() == heard


def test_a_line_that_no_longer_echoes_is_believed_again() -> None:
    listening = reader(CREDITS)
    listening.feed(list(bytes.fromhex("01 1A 01 1A 00 00 01 03 80 D7")))
    listening.expect(CREDITS, real_time=True)
    listening.feed(list(bytes.fromhex("01 1A 00 00 01 03 80 D7")))

    listening.expect(ASK_FOR_THE_TICKET, real_time=True)

    assert listening.feed(list(bytes.fromhex(NO_TICKET))) == [NONE_KNOWN]


def test_an_answer_nobody_laid_out_ends_with_the_line() -> None:
    listening = reader(LongPollRequest(1, 0x5A))

    assert listening.feed(list(append_crc(bytes.fromhex("01 5A 07 01 02 03")))) == []
    assert listening.finish() == [DataReply(1, 0x5A, {"data": b"\x07\x01\x02\x03"})]


def test_an_answer_nobody_laid_out_may_be_empty() -> None:
    assert listen(LongPollRequest(1, 0x5A), append_crc(bytes.fromhex("01 5A")).hex()) == [DataReply(1, 0x5A)]


def marked_first(wire: str) -> list[int]:
    first, *rest = bytes.fromhex(wire)
    return [WAKEUP | first, *rest]


@pytest.mark.parametrize(
    ("poll", "echo", "answer", "heard"),
    [
        (CREDITS, "01 1A", "01 1A 00 00 01 03 80 D7", [DataReply(1, 0x1A, {"current_credits": 103})]),
        (METERS_ON, "01 0E 01 45 D1", "01", [Ack(1)]),
        (GENERAL, "81", "51", [ExceptionReply(1, 0x51)]),
        (GENERAL, "80", "51", [ExceptionReply(1, 0x51)]),
        (CREDITS, "00", "", []),
    ],
)
def test_a_marked_echo_is_our_own(poll: Poll, echo: str, answer: str, heard: list[Heard]) -> None:
    listening = reader(poll, real_time=False)

    found = listening.feed([*marked_first(echo), *bytes.fromhex(answer)])

    assert found + listening.finish() == heard


def test_a_marked_chirp_is_a_chirp_at_once() -> None:
    assert reader(GENERAL).feed([WAKEUP | 1]) == [Chirp(1)]


def test_the_chirp_of_another_machine_says_who_and_is_none_of_ours() -> None:
    assert reader(CREDITS).feed([WAKEUP | 5]) == [
        Garbage(b"\x05", "address 05 chirps, this line is set to 01", stranger=True)
    ]


def test_the_answer_of_another_machine_says_who_and_is_none_of_ours() -> None:
    frame = encode_reply(DataReply(2, 0x1A, {"current_credits": 103}))

    assert listen(CREDITS, frame.hex()) == [
        Garbage(frame, "address 02 answers, this line is set to 01", stranger=True)
    ]


@pytest.mark.parametrize("strays", ["00", "80", "00 80 00"])
def test_strays_in_front_of_another_machines_answer_do_not_hide_who_it_is(strays: str) -> None:
    frame = encode_reply(DataReply(2, 0x1A, {"current_credits": 103}))

    [garbage] = listen(CREDITS, strays + frame.hex())

    assert isinstance(garbage, Garbage)
    assert garbage.reason == "address 02 answers, this line is set to 01"
    assert garbage.stranger


def test_what_begins_like_another_machines_answer_and_does_not_check_out_is_noise() -> None:
    damaged = encode_reply(DataReply(2, 0x1A, {"current_credits": 103}))[:-1] + b"\x55"

    assert listen(CREDITS, damaged.hex()) == [Garbage(damaged, "no message in it")]


def test_a_chirp_while_a_long_poll_is_out_waits_to_be_told_from_an_echo() -> None:
    listening = reader(CREDITS)

    assert listening.feed([WAKEUP | 1]) == []
    assert listening.feed([WAKEUP | 1]) == [Chirp(1)]
    assert listening.finish() == [Chirp(1)]


def test_a_chirp_then_the_answer() -> None:
    heard = reader(CREDITS).feed([WAKEUP | 1, *encode_reply(DOOR_OPEN)])

    assert heard == [Chirp(1), DOOR_OPEN]


def test_rubbish_then_a_chirp() -> None:
    heard = reader(CREDITS).feed([0x55, WAKEUP | 1, WAKEUP | 1])

    assert heard == [Garbage(b"\x55", "in front of a message"), Chirp(1)]


def test_a_flipped_ninth_bit_inside_a_frame_does_no_harm() -> None:
    first, second, *rest = encode_reply(DOOR_OPEN)

    assert reader(CREDITS).feed([first, WAKEUP | second, *rest]) == [DOOR_OPEN]


@pytest.mark.parametrize(
    ("wire", "heard"),
    [("01", [Chirp(1)]), ("01 01", [Chirp(1), Chirp(1)]), ("00", []), ("01 00", [Chirp(1)])],
)
def test_strays_behind_an_answer(wire: str, heard: list[Heard]) -> None:
    """A field capture of 2F ends in a stray 01."""
    listening = reader(CREDITS)
    listening.feed(list(encode_reply(DOOR_OPEN)))

    assert listening.feed(list(bytes.fromhex(wire))) == []
    assert listening.finish() == heard


def test_only_one_exception_answers_one_poll() -> None:
    listening = reader(GENERAL, real_time=False)

    assert listening.feed([0x51, 0x52]) == [ExceptionReply(1, 0x51)]
    assert listening.finish() == [Garbage(b"\x52", "no message in it")]


def test_nobody_answers_the_synchronisation_poll() -> None:
    frame = encode_reply(DOOR_OPEN)

    assert listen(GeneralPoll(0), "01") == [Chirp(1)]
    assert listen(GeneralPoll(0), frame.hex()) == [Garbage(frame, "an answer from address 1, not 0")]
    assert listen(GeneralPoll(0), "51") == [Garbage(b"\x51", "no message in it")]


def test_before_any_poll_only_chirps_make_sense() -> None:
    listening = ReplyReader(1)

    assert listening.feed([WAKEUP | 1]) == [Chirp(1)]
    assert listening.feed([0x01]) + listening.finish() == [Chirp(1)]


def test_a_new_poll_forgets_the_rest_of_the_last_answer() -> None:
    listening = reader(CREDITS)
    listening.feed([0x55, 0x01, 0x1A])

    listening.expect(METERS_ON, real_time=False)

    assert not listening.pending
    assert listening.feed([0x01]) + listening.finish() == [Ack(1)]


@pytest.mark.parametrize("size", [24, 25])
def test_machine_information_of_24_and_25_bytes(size: int) -> None:
    extra = {"extra": b"\x07"} if size == 25 else {}
    reply = DataReply(1, 0x1F, MACHINE | extra)
    frame = encode_reply(reply)
    listening = reader(LongPollRequest(1, 0x1F))

    assert len(frame) == size
    assert listening.feed(list(frame[:-1])) == []
    assert listening.feed([frame[-1]]) == [reply]


def test_an_event_without_its_data_is_known_by_what_follows() -> None:
    wire = [*bytes.fromhex("01 FF 88 5C AD"), *encode_reply(DOOR_OPEN)]

    assert reader(GENERAL).feed(wire) == [EventReply(1, 0x88, missing_data=True), DOOR_OPEN]


@pytest.mark.parametrize("code", [0x7D, 0x89])
def test_data_nobody_laid_out_travels_as_it_is(code: int) -> None:
    reply = EventReply(1, code, {"data": b"\x12\x34\x56"})
    listening = reader(GENERAL)

    assert listening.feed(list(encode_reply(reply))) == []
    assert listening.finish() == [reply]


def test_an_unknown_event_does_not_hold_the_reader_for_ever() -> None:
    listening = reader(GENERAL)

    heard = listening.feed([0x01, 0xFF, 0x7D, *[0x55] * LONGEST_EVENT_BYTES, *encode_reply(DOOR_OPEN)])

    assert heard[-1] == DOOR_OPEN
    assert isinstance(heard[0], Garbage)


def test_rubbish_is_reported_in_pieces() -> None:
    listening = reader(GENERAL)

    heard = listening.feed([0x55] * (2 * RUBBISH_LIMIT_BYTES + 5)) + listening.finish()

    assert [len(found.data) for found in heard if isinstance(found, Garbage)] == [
        RUBBISH_LIMIT_BYTES,
        RUBBISH_LIMIT_BYTES,
        5,
    ]


@pytest.mark.parametrize(("again", "second"), [(False, []), (True, [ExceptionReply(1, 0x12)])])
@pytest.mark.parametrize("first", [0x11, 0x00], ids=["at once", "by silence"])
def test_a_general_poll_may_be_answered_once_for_each_time_it_was_sent(
    first: int,
    again: bool,  # noqa: FBT001
    second: list[Heard],
) -> None:
    listening = ReplyReader(1)
    listening.expect(GENERAL, real_time=False, again=again)
    assert listening.feed([first]) + listening.finish() == [ExceptionReply(1, first)]

    heard = [one for one in listening.feed([0x12]) if isinstance(one, ExceptionReply)]

    assert heard == second


def test_on_a_shared_line_an_exception_is_complete_by_silence() -> None:
    """The address of a neighbour that talks out of turn is the code of an exception too."""
    listener = ReplyReader(1, shared=True)
    neighbour = append_crc(bytes.fromhex("7f1a00000102"))
    listener.expect(GENERAL, real_time=False)

    assert listener.feed(list(neighbour)) == []
    assert listener.finish() == [
        Garbage(neighbour, "address 127 answers, this line is set to 01", stranger=True)
    ]

    listener.expect(GENERAL, real_time=False)
    assert listener.feed([0x7F]) == []
    assert listener.finish() == [ExceptionReply(1, 0x7F)]


def test_on_a_shared_line_strays_behind_an_exception_take_nothing_from_it() -> None:
    listener = ReplyReader(1, shared=True)
    listener.expect(GENERAL, real_time=False)

    listener.feed([0x11, 0x00])

    assert ExceptionReply(1, 0x11) in listener.finish()
