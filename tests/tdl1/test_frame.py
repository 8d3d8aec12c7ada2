"""Frames: the examples of the protocol, both directions, and every way a line can spoil them."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.errors import LocalProtocolError
from edge_agent.tdl1 import BadFrame, Fault, FrameReader, Kind, Message, encode
from edge_agent.tdl1.frame import MAXIMUM_FRAME_BYTES, crc

# (frame, address, sequence, kind, code, values): the examples of TDL/1, whose CRCs are real.
VECTORS = [
    (
        "$TDL1|01|0000|H|DEV.BOOT|dev=SHF|mfr=ACME|model=S1|sn=A1234|fw=2.4.1|boot=17*66B7",
        Message(
            1,
            0,
            Kind.HEARTBEAT,
            "DEV.BOOT",
            {"dev": "SHF", "mfr": "ACME", "model": "S1", "sn": "A1234", "fw": "2.4.1", "boot": "17"},
        ),
    ),
    (
        "$TDL1|01|0001|E|SHF.DECK_IN|ts=20250611T081500.120Z|batch=4411|decks=1|exp=52*E1CE",
        Message(
            1,
            1,
            Kind.EVENT,
            "SHF.DECK_IN",
            {"ts": "20250611T081500.120Z", "batch": "4411", "decks": "1", "exp": "52"},
        ),
    ),
    (
        "$TDL1|01|0002|E|SHF.START|ts=20250611T081501.000Z|batch=4411*12B1",
        Message(1, 2, Kind.EVENT, "SHF.START", {"ts": "20250611T081501.000Z", "batch": "4411"}),
    ),
    (
        "$TDL1|01|0003|E|SHF.DONE|ts=20250611T081523.400Z|batch=4411|ms=22400|cnt=52|exp=52|res=OK|retry=0*D204",
        Message(
            1,
            3,
            Kind.EVENT,
            "SHF.DONE",
            {
                "ts": "20250611T081523.400Z",
                "batch": "4411",
                "ms": "22400",
                "cnt": "52",
                "exp": "52",
                "res": "OK",
                "retry": "0",
            },
        ),
    ),
    (
        "$TDL1|01|0004|E|SHF.JAM|ts=20250611T083010.050Z|batch=4412|loc=2|at=31|att=1|code=J02*6424",
        Message(
            1,
            4,
            Kind.EVENT,
            "SHF.JAM",
            {
                "ts": "20250611T083010.050Z",
                "batch": "4412",
                "loc": "2",
                "at": "31",
                "att": "1",
                "code": "J02",
            },
        ),
    ),
    ("$TDL1|01|0004|A|OK*7409", Message(1, 4, Kind.ACK, "OK")),
    (
        "$TDL1|01|0005|S|SHF.CTR|cyc=182340|svc=5120|cards=9481680|jam=412|mis=77|hrs=6120|tmp=41.5|imot=0.62*83E8",
        Message(
            1,
            5,
            Kind.SNAPSHOT,
            "SHF.CTR",
            {
                "cyc": "182340",
                "svc": "5120",
                "cards": "9481680",
                "jam": "412",
                "mis": "77",
                "hrs": "6120",
                "tmp": "41.5",
                "imot": "0.62",
            },
        ),
    ),
    (
        "$TDL1|01|0005|H|DEV.HB|st=IDLE|q=0|up=360500*1786",
        Message(1, 5, Kind.HEARTBEAT, "DEV.HB", {"st": "IDLE", "q": "0", "up": "360500"}),
    ),
    (
        "$TDL1|02|0007|E|RLT.RESULT|ts=20250611T083102.400Z|spin=28|num=28|dir=CCW|rpm=17.2|ms=28000*E79F",
        Message(
            2,
            7,
            Kind.EVENT,
            "RLT.RESULT",
            {
                "ts": "20250611T083102.400Z",
                "spin": "28",
                "num": "28",
                "dir": "CCW",
                "rpm": "17.2",
                "ms": "28000",
            },
        ),
    ),
    (
        "$TDL1|03|0011|E|SHO.CARD|ts=20250611T083201.000Z|rnd=12|to=P|idx=1|card=AH*6672",
        Message(
            3,
            0x11,
            Kind.EVENT,
            "SHO.CARD",
            {"ts": "20250611T083201.000Z", "rnd": "12", "to": "P", "idx": "1", "card": "AH"},
        ),
    ),
    (
        "$TDL1|03|0016|E|SHO.RESULT|ts=20250611T083215.900Z|rnd=12|out=B|pp=0|bp=1|p=6|b=7|cards=5*A561",
        Message(
            3,
            0x16,
            Kind.EVENT,
            "SHO.RESULT",
            {
                "ts": "20250611T083215.900Z",
                "rnd": "12",
                "out": "B",
                "pp": "0",
                "bp": "1",
                "p": "6",
                "b": "7",
                "cards": "5",
            },
        ),
    ),
    ("$TDL1|FF|0001|C|ID?*0D89", Message(0xFF, 1, Kind.COMMAND, "ID?")),
]

Feed = Callable[[FrameReader, bytes], list[Message | BadFrame]]


def whole(reader: FrameReader, frame: bytes) -> list[Message | BadFrame]:
    return reader.receive_data(frame)


def byte_by_byte(reader: FrameReader, frame: bytes) -> list[Message | BadFrame]:
    for at in range(len(frame) - 1):
        assert reader.receive_data(frame[at : at + 1]) == [], "a message before its last byte"
    return reader.receive_data(frame[-1:])


def with_a_follower(reader: FrameReader, frame: bytes) -> list[Message | BadFrame]:
    found = reader.receive_data(frame + b"$TDL1|01|00")
    assert reader.receive_data(b"04|A|OK*7409\r\n") == [Message(1, 4, Kind.ACK, "OK")]
    return found


def after_garbage(reader: FrameReader, frame: bytes) -> list[Message | BadFrame]:
    first, *found = reader.receive_data(b"\x00\xfe rubbish *1234\r\n" + frame)
    assert first == BadFrame(Fault.NOISE, "bytes outside a frame")
    return found


@pytest.mark.parametrize("feed", [whole, byte_by_byte, with_a_follower, after_garbage])
@pytest.mark.parametrize(("line", "message"), VECTORS, ids=[message.code for _, message in VECTORS])
def test_an_example_is_read(feed: Feed, line: str, message: Message) -> None:
    assert feed(FrameReader(), line.encode() + b"\r\n") == [message]


@pytest.mark.parametrize(("line", "message"), VECTORS, ids=[message.code for _, message in VECTORS])
def test_an_example_is_written(line: str, message: Message) -> None:
    assert encode(message) == line.encode() + b"\r\n"


def test_the_crc_has_its_published_check_value() -> None:
    assert crc(b"123456789") == 0x29B1


def framed(payload: bytes) -> bytes:
    return b"$%b*%04X\r\n" % (payload, crc(payload))


GOOD = VECTORS[5][0].encode() + b"\r\n"
ACK = VECTORS[5][1]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\r\n\r\n" + GOOD, [ACK]),
        (b"$TDL1|01|0004|A" + GOOD, [BadFrame(Fault.CUT, "a frame began inside another"), ACK]),
        (b"$TDL1|01\x07|0004|A|OK*7409\r\n" + GOOD, [BadFrame(Fault.CUT, "character 0x07 in a frame"), ACK]),
        (b"$TDL1|01|0004|A|OK*7409\rX" + GOOD, [BadFrame(Fault.CUT, "no LF after CR"), ACK]),
        (b"$TDL1|01|0004|A|OK*7409\n" + GOOD, [BadFrame(Fault.CUT, "character 0x0a in a frame"), ACK]),
        (b"$TDL1|01|0004|A|OK\r\n" + GOOD, [BadFrame(Fault.FORMAT, "no *CCCC at its end"), ACK]),
        (b"$\r\n" + GOOD, [BadFrame(Fault.FORMAT, "no *CCCC at its end"), ACK]),
        (
            b"$TDL1|01|0004|A|OK*7408\r\n" + GOOD,
            [BadFrame(Fault.CRC, "CRC is 7408, the payload's is 7409"), ACK],
        ),
        (b"$TDL1|FF|0001|C|ID?*0d89\r\n" + GOOD, [BadFrame(Fault.FORMAT, "no *CCCC at its end"), ACK]),
        (b"noise" + b"$" * 3 + GOOD[1:], [BadFrame(Fault.NOISE, "bytes outside a frame")] + 2 * [
            BadFrame(Fault.CUT, "a frame began inside another")
        ] + [ACK]),
    ],
)  # fmt: skip
def test_what_is_not_a_frame_is_named_and_the_next_one_is_read(
    data: bytes, found: list[Message | BadFrame]
) -> None:
    assert FrameReader().receive_data(data) == found


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"TDL2|01|0004|A|OK", "version 'TDL2' is not TDL1"),
        (b"TDL1|01|0004|A", "fields are missing"),
        (b"TDL1|1|0004|A|OK", "address '1' or sequence '0004' is not upper-case hex"),
        (b"TDL1|0a|0004|A|OK", "address '0a' or sequence '0004' is not upper-case hex"),
        (b"TDL1|01|04|A|OK", "address '01' or sequence '04' is not upper-case hex"),
        (b"TDL1|01|0004|X|OK", "kind 'X' is unknown"),
        (b"TDL1|01|0004|A|ok", "'ok' is no code"),
        (b"TDL1|01|0004|E|SHF.JAM|", "field 1 is not key=value"),
        (b"TDL1|01|0004|E|SHF.JAM|loc=2|3", "field 2 is not key=value"),
        (b"TDL1|01|0004|E|SHF.JAM|Loc=2", "field 1 is not key=value"),
        (b"TDL1|01|0004|E|SHF.JAM|abcdefghijklmnopq=2", "field 1 is not key=value"),
        (b"TDL1|01|0004|E|SHF.JAM|loc=2|loc=3", "key 'loc' stands twice"),
        (b"TDL1|01|0004|E|SHF.JAM|loc=2=3", "value of 'loc' has a reserved character that is not encoded"),
        (b"TDL1|01|0004|E|SHF.JAM|loc=2*3", "value of 'loc' has a reserved character that is not encoded"),
        (b"TDL1|01|0004|E|SHF.JAM|txt=%4", "value of 'txt' has a % that encodes nothing"),
        (b"TDL1|01|0004|E|SHF.JAM|txt=%C3", "value of 'txt' has characters that are not UTF-8"),
    ],
)
def test_a_frame_that_says_nothing_is_named(payload: bytes, reason: str) -> None:
    assert FrameReader().receive_data(framed(payload)) == [BadFrame(Fault.FORMAT, reason)]


def test_the_longest_frame_is_read_and_one_byte_more_is_dropped() -> None:
    head = b"TDL1|01|0001|E|DEV.FAULT|txt="
    longest = head + b"x" * (MAXIMUM_FRAME_BYTES - len(framed(head)))

    assert len(framed(longest)) == MAXIMUM_FRAME_BYTES
    for feed in (whole, byte_by_byte):
        (message,) = feed(FrameReader(), framed(longest))
        assert isinstance(message, Message)
    too_long = BadFrame(Fault.TOO_LONG, "no end within 512 bytes")
    assert FrameReader().receive_data(framed(longest + b"x") + GOOD) == [too_long, ACK]


def test_a_reader_holds_no_more_than_a_frame() -> None:
    reader = FrameReader()
    for _ in range(1_000):
        reader.receive_data(b"$" + b"x" * 300)

    assert len(reader._buffer) <= MAXIMUM_FRAME_BYTES
    assert "bytes" in repr(reader)


def test_a_reset_forgets_half_a_frame() -> None:
    reader = FrameReader()
    reader.receive_data(GOOD[:10])

    reader.reset()

    assert reader.receive_data(GOOD) == [ACK]


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (Message(256, 1, Kind.ACK, "OK"), "address 256"),
        (Message(1, 0x10000, Kind.ACK, "OK"), "sequence 65536"),
        (Message(1, 1, Kind.ACK, "ok"), "'ok' is no code"),
        (Message(1, 1, Kind.EVENT, "SHF.JAM", {"Loc": "1"}), "'Loc' is no key"),
        (Message(1, 1, Kind.EVENT, "SHF.JAM", {"txt": "\ud800"}), "no character"),
        (Message(1, 1, Kind.EVENT, "DEV.FAULT", {"txt": "x" * 500}), "a frame 512"),
    ],
)
def test_what_cannot_be_said_is_our_mistake(message: Message, what: str) -> None:
    with pytest.raises(LocalProtocolError, match=what):
        encode(message)


KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True)
MESSAGES = st.builds(
    Message,
    st.integers(0, 0xFF),
    st.integers(0, 0xFFFF),
    st.sampled_from(Kind),
    st.from_regex(r"[A-Z]{3}\.[A-Z0-9_]{1,16}", fullmatch=True) | st.sampled_from(["OK", "ID?", "PO", "CRC"]),
    st.dictionaries(KEYS, st.text(st.characters(exclude_categories=["Cs"]), max_size=10), max_size=5),
)


@given(MESSAGES)
@example(Message(1, 1, Kind.EVENT, "DEV.FAULT", {"txt": "100 % | $5 = *"}))
def test_a_written_message_is_read_as_itself(message: Message) -> None:
    frame = encode(message) if sum(map(len, message.values.values())) < 30 else b""

    assert FrameReader().receive_data(frame) == ([message] if frame else [])


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=10))
@example(b"$" + b"x" * 600 + b"\r\n" + GOOD, [100, 511, 512])
@example(b"$\r", [1])
def test_how_a_stream_is_cut_changes_nothing(data: bytes, cuts: list[int]) -> None:
    stream = data + GOOD + data[::-1]
    whole_reader, reader = FrameReader(), FrameReader()
    expected = whole_reader.receive_data(stream)
    places = sorted({0, *(cut % (len(stream) + 1) for cut in cuts), len(stream)})

    found = [one for start, end in pairwise(places) for one in reader.receive_data(stream[start:end])]

    assert found == expected


@given(
    st.lists(
        st.sampled_from([*GOOD, 0, 0xFF, 0x24, 0x0D, 0x0A, 0x2A]).map(lambda byte: bytes([byte])),
        max_size=200,
    )
)
def test_any_bytes_give_messages_or_a_named_fault(data: list[bytes]) -> None:
    reader = FrameReader()

    found = reader.receive_data(b"".join(data))

    assert all(isinstance(one, Message | BadFrame) for one in found)
    assert reader.receive_data(b"\r\n" + GOOD)[-1] == ACK
