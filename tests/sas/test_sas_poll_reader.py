"""The machine's reader and the restorer of the ninth bit."""

from __future__ import annotations

import pytest

from edge_agent.sas.crc import append_crc
from edge_agent.sas.framing import BadPoll, PollReader, WakeupRestorer
from edge_agent.sas.messages import GeneralPoll, LongPollRequest, Poll, UnknownPoll, decode_poll, encode_poll
from edge_agent.sas.poll_reader import WAKEUPS_IN_A_ROW
from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder, encode_host_message

CREDITS = LongPollRequest(1, 0x1A)
EVENTS_ON = LongPollRequest(1, 0x0E, {"enable": 1})
METERS = LongPollRequest(1, 0x6F, {"game": 0, "meter_codes": (9, 0x7F)})
POLLS: list[Poll] = [GeneralPoll(0), GeneralPoll(1), GeneralPoll(0x7F), CREDITS, EVENTS_ON, METERS]


def characters(poll: Poll) -> list[int]:
    return WakeupDecoder().feed(encode_host_message(encode_poll(poll)))


@pytest.mark.parametrize("poll", POLLS)
def test_whole(poll: Poll) -> None:
    assert PollReader().feed(characters(poll), 0.0) == [poll]


@pytest.mark.parametrize("poll", POLLS)
def test_byte_by_byte_nothing_comes_early(poll: Poll) -> None:
    reader = PollReader()
    *early, last = characters(poll)

    for character in early:
        assert reader.feed([character], 0.0) == []
    assert reader.feed([last], 0.0) == [poll]


@pytest.mark.parametrize("poll", POLLS)
def test_with_the_next_poll_behind_it(poll: Poll) -> None:
    assert PollReader().feed(characters(poll) + characters(CREDITS), 0.0) == [poll, CREDITS]


@pytest.mark.parametrize("poll", POLLS)
def test_with_rubbish_in_front(poll: Poll) -> None:
    reader = PollReader()

    assert reader.feed([0x55, 0x00, *characters(poll)], 0.0) == [poll]
    assert reader.strays == 2


@pytest.mark.parametrize("poll", POLLS)
def test_a_wakeup_starts_a_message_always(poll: Poll) -> None:
    reader = PollReader()

    assert reader.feed([*characters(METERS)[:-3], *characters(poll)], 0.0) == [poll]
    assert reader.dropped == 1


def test_silence_drops_what_has_begun() -> None:
    reader = PollReader(gap_seconds=0.005)
    reader.feed([WAKEUP | 1], 10.0)

    assert reader.deadline == pytest.approx(10.005)
    reader.handle_gap()

    assert reader.deadline is None
    assert reader.feed([0x1A], 10.001) == []
    assert (reader.dropped, reader.strays) == (1, 1)


@pytest.mark.parametrize(("late", "polls"), [(0.005, [CREDITS]), (0.0051, [])])
def test_the_gap_is_measured_between_characters(late: float, polls: list[Poll]) -> None:
    reader = PollReader(gap_seconds=0.005)
    reader.feed([WAKEUP | 1], 0.0)

    assert reader.feed([0x1A], late) == polls


def test_the_crc_some_hosts_put_behind_a_read_is_ignored() -> None:
    reader = PollReader()

    assert reader.feed([WAKEUP | 1, 0x1A, 0x03, 0xA6], 0.0) == [CREDITS]
    assert reader.strays == 2


def test_a_wrong_crc_is_told_with_its_poll() -> None:
    (bad,) = PollReader().feed([WAKEUP | 1, 0x0E, 0x01, 0x45, 0xD0], 0.0)

    assert isinstance(bad, BadPoll)
    assert (bad.address, bad.command, bad.data) == (1, 0x0E, b"\x01\x45\xd0")
    assert "CRC" in bad.reason


def test_good_crc_over_bad_contents_is_a_bad_poll() -> None:
    wire = encode_host_message(bytes.fromhex("01 52 00 0A 20 97"))

    (bad,) = PollReader().feed(WakeupDecoder().feed(wire), 0.0)

    assert isinstance(bad, BadPoll)


def test_polls_nobody_laid_out_are_framed_and_checked() -> None:
    wire = encode_host_message(append_crc(bytes.fromhex("01 77 01 02 03 04 05")))
    unlisted = encode_host_message(bytes.fromhex("01 EB"))
    of_known_length = encode_host_message(append_crc(bytes.fromhex("01 62 01 00 00 00 01 00")))

    assert PollReader().feed(WakeupDecoder().feed(wire + unlisted + of_known_length), 0.0) == [
        LongPollRequest(1, 0x77, {"data": bytes.fromhex("0102030405")}),
        UnknownPoll(1, 0xEB, b""),
        UnknownPoll(1, 0x62, bytes.fromhex("010000000100")),
    ]


TOO_LONG = append_crc(bytes.fromhex("01 2E 90 00 00"))
DELAYED = LongPollRequest(1, 0x2E, {"delay_tenths": 0x90, "extra": b"\x00"})


def marked_first(frame: bytes) -> list[int]:
    return [WAKEUP | frame[0], *frame[1:]]


def test_a_poll_that_some_hosts_make_too_long_is_waited_for() -> None:
    reader = PollReader()

    assert reader.feed(marked_first(TOO_LONG)[:-1], 0.0) == []
    assert reader.feed([TOO_LONG[-1]], 0.0) == [DELAYED]
    assert (reader.strays, reader.dropped) == (0, 0)


def test_a_poll_that_is_as_long_as_it_should_be_waits_for_nothing() -> None:
    frame = encode_poll(LongPollRequest(1, 0x2E, {"delay_tenths": 0x90}))

    assert PollReader().feed(marked_first(frame), 0.0) == [decode_poll(frame)]


@pytest.mark.parametrize("how", ["silence", "the timer", "the next poll"])
def test_a_damaged_poll_that_might_have_been_longer_is_a_bad_poll(how: str) -> None:
    reader = PollReader()
    damaged = bytes.fromhex("01 2E 90 00 C6 17")
    assert reader.feed(marked_first(damaged), 0.0) == []

    found = reader.handle_gap() if how == "the timer" else reader.feed([WAKEUP | 0x81], 1.0)
    if how == "the next poll":
        reader.feed(marked_first(damaged), 2.0)
        found = reader.feed([WAKEUP | 0x81], 2.0)

    assert isinstance(found[0], BadPoll)
    assert (found[0].command, found[0].data) == (0x2E, damaged[2:])
    assert found[1:] == ([] if how == "the timer" else [GeneralPoll(1)])
    assert reader.dropped == 0


def test_a_poll_that_is_longer_than_some_hosts_make_it_is_a_bad_poll() -> None:
    reader = PollReader()

    found = reader.feed(marked_first(append_crc(bytes.fromhex("01 2E 90 00 00 00"))), 0.0)

    assert [type(poll) for poll in found] == [BadPoll]
    assert reader.strays == 1


@pytest.mark.parametrize("poll", POLLS)
@pytest.mark.parametrize("prefix", [b"", b"\x82"], ids=["plain", "saspy"])
def test_marks_come_back_by_the_lengths(poll: Poll, prefix: bytes) -> None:
    restorer = WakeupRestorer()
    message = encode_poll(poll)
    expected = (b"\xff\x00\x82" if prefix else b"") + encode_host_message(message)

    assert restorer.feed(prefix + message) + restorer.gap() == expected


@pytest.mark.parametrize("follower", POLLS)
@pytest.mark.parametrize(
    "wire",
    ["01 54 00", "01 54 79 0D", "01 1A 03 A6"],
    ids=["saspy pads 54 with a zero", "a CRC behind 54", "a CRC behind a read"],
)
def test_what_field_hosts_send_besides_belongs_to_no_poll(wire: str, follower: Poll) -> None:
    data = bytes.fromhex(wire)
    restorer = WakeupRestorer()

    stream = restorer.feed(data + encode_poll(follower)) + restorer.gap()

    tail = encode_host_message(encode_poll(follower))
    assert stream == encode_host_message(data) + tail


def test_a_byte_that_could_be_such_a_tail_is_held_until_it_is_told() -> None:
    """03 is the first byte of the CRC of `01 1A`, and an address."""
    restorer = WakeupRestorer()

    assert restorer.feed(bytes.fromhex("01 1A 03")) == bytes.fromhex("FF 00 01 1A")
    assert restorer.feed(bytes.fromhex("1A")) == bytes.fromhex("FF 00 03 1A")


def test_silence_gives_back_what_was_held() -> None:
    restorer = WakeupRestorer()
    restorer.feed(bytes.fromhex("01 1A 03"))

    assert restorer.gap() == bytes.fromhex("FF 00 03")
    assert restorer.feed(b"\x81") == bytes.fromhex("FF 00 81")


def test_a_zero_behind_any_other_read_is_a_poll_to_address_0() -> None:
    assert WakeupRestorer().feed(bytes.fromhex("01 1A 00")) == bytes.fromhex("FF 00 01 1A FF 00 00")


@pytest.mark.parametrize(
    "before",
    ["", "01 1A 03 A6", "01 1A 03 1A", "01 1A 03"],
    ids=["silence", "another tail", "what was none", "what was held"],
)
def test_a_tail_is_told_whatever_was_there_before(before: str) -> None:
    restorer = WakeupRestorer()
    restorer.feed(bytes.fromhex(before))
    restorer.gap()

    assert restorer.feed(bytes.fromhex("01 1A 03 A6")) == bytes.fromhex("FF 00 01 1A 03 A6")


def test_tails_of_polls_in_a_row_are_told() -> None:
    wire = bytes.fromhex("01 1A 03 A6 01 1A 03 1A 01 1A 03 A6")

    assert WakeupRestorer().feed(wire) == bytes.fromhex(
        "FF 00 01 1A 03 A6 FF 00 01 1A FF 00 03 1A FF 00 01 1A 03 A6"
    )


def test_after_silence_a_message_begins() -> None:
    restorer = WakeupRestorer()
    restorer.feed(bytes.fromhex("01 6F 0C 00"))

    assert restorer.gap() == b""
    assert restorer.feed(b"\x81") == bytes.fromhex("FF 00 81")


def test_an_ff_inside_a_message_is_stuffed() -> None:
    message = bytes.fromhex("01 72 02 FF 00 0F 22")

    assert WakeupRestorer().feed(message) == bytes.fromhex("FF 00 01 72 02 FF FF 00 0F 22")


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ("01 2E 05 00 00 11 22", "one byte too many for a delay"),
        ("01 08 00 FF FF 00 00 00 12 34", "one byte too many for a mask"),
        ("01 EB 01 02 03 04", "nobody knows how long EB is"),
    ],
)
def test_what_follows_a_poll_with_no_certain_end_belongs_to_it(wire: str, reason: str) -> None:
    data = bytes.fromhex(wire)
    restorer = WakeupRestorer()

    assert restorer.feed(data) == encode_host_message(data), reason
    assert restorer.feed(b"\x80") == b"\x80"
    assert restorer.gap() == b""
    assert restorer.feed(b"\x81") == bytes.fromhex("FF 00 81")


def test_the_machines_answer_ends_a_poll_with_no_certain_end() -> None:
    restorer = WakeupRestorer()
    restorer.feed(bytes.fromhex("01 2E 05 00 00 11 22"))

    restorer.answered()

    assert restorer.feed(b"\x81") == bytes.fromhex("FF 00 81")


def test_what_is_known_to_carry_the_wakeup_bit_begins_a_message_always() -> None:
    restorer = WakeupRestorer()
    restorer.feed(bytes.fromhex("01 6F 0C 00"))

    assert restorer.feed(b"\x82\x01", wakeup=True) == bytes.fromhex("FF 00 82 FF 00 01")
    assert restorer.feed(b"\x1a") == b"\x1a"
    assert restorer.feed(b"\x81") == bytes.fromhex("FF 00 81")


def test_what_is_known_to_carry_none_begins_no_message() -> None:
    restorer = WakeupRestorer()

    assert restorer.feed(bytes.fromhex("01 1A FF"), wakeup=False) == bytes.fromhex("01 1A FF FF")
    assert restorer.feed(b"\x01", wakeup=True) == bytes.fromhex("FF 00 01")
    assert restorer.feed(bytes.fromhex("54 00"), wakeup=False) == bytes.fromhex("54 00")
    assert restorer.feed(b"\x81") == bytes.fromhex("FF 00 81")


def test_what_was_held_belongs_to_no_poll_once_it_is_known_how_the_next_byte_was_sent() -> None:
    restorer = WakeupRestorer()
    assert restorer.feed(bytes.fromhex("01 1A 03")) == bytes.fromhex("FF 00 01 1A")

    assert restorer.feed(b"\x01", wakeup=True) == bytes.fromhex("03 FF 00 01")


def test_a_known_wakeup_ends_a_poll_with_no_certain_end() -> None:
    restorer = WakeupRestorer()
    restorer.feed(bytes.fromhex("01 EB 01"))

    assert restorer.feed(b"\x01", wakeup=True) == bytes.fromhex("FF 00 01")
    assert restorer.feed(b"\x1a") == b"\x1a"


def test_wakeups_in_a_row_that_begin_nothing_reset_the_reader() -> None:
    reader = PollReader(gap_seconds=0.005)
    reader.feed([WAKEUP | 1] * WAKEUPS_IN_A_ROW, 0.0)
    assert (reader.resets, reader.strays, reader.dropped) == (0, 0, WAKEUPS_IN_A_ROW - 1)

    assert reader.feed([WAKEUP | 1, *characters(CREDITS)], 0.0) == []

    assert (reader.resets, reader.strays, reader.dropped) == (1, 3, WAKEUPS_IN_A_ROW)
    assert reader.deadline == pytest.approx(0.005)


@pytest.mark.parametrize(("after", "polls"), [(0.0049, []), (0.0051, [CREDITS])])
def test_a_reader_that_was_reset_hears_again_after_silence(after: float, polls: list[Poll]) -> None:
    reader = PollReader(gap_seconds=0.005)
    reader.feed([WAKEUP | 1] * (WAKEUPS_IN_A_ROW + 1), 0.0)

    assert reader.feed(characters(CREDITS), after) == polls


def test_silence_ends_a_reset_by_the_clock_too() -> None:
    reader = PollReader()
    reader.feed([WAKEUP | 1] * (WAKEUPS_IN_A_ROW + 1), 0.0)

    reader.handle_gap()

    assert reader.deadline is None
    assert reader.feed(characters(CREDITS), 0.0) == [CREDITS]
    assert reader.resets == 1


@pytest.mark.parametrize("between", [GeneralPoll(0), CREDITS])
def test_general_polls_and_whole_polls_are_no_such_wakeups(between: Poll) -> None:
    reader = PollReader()
    almost = [WAKEUP | 1] * (WAKEUPS_IN_A_ROW - 1)

    heard = reader.feed([*almost, *characters(between), *almost, *characters(CREDITS)], 0.0)
    general = reader.feed(characters(GeneralPoll(1)) * 50, 0.0)

    assert heard == [between, CREDITS]
    assert len(general) == 50
    assert reader.resets == 0
