"""Hosts as they are found in the field, and all they may ask of one machine, on a real pseudo-terminal."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.errors import RemoteProtocolError
from edge_agent.sas.crc import append_crc, crc_is_good
from edge_agent.sas.messages import GeneralPoll, LongPollRequest, Poll, decode_poll, decode_reply
from tests.peer.conftest import Alone
from tests.peer.field_hosts import FieldHost, FlippingHost, PlainHost, ReopeningHost, SleepingHost

pytestmark = pytest.mark.integration

KINDS = pytest.mark.parametrize("kind", [ReopeningHost, SleepingHost, FlippingHost, PlainHost])
# Longer than the pause that ends a partial poll.
PAUSE_SECONDS = 0.06
VECTORS = Path(__file__).parents[1] / "vectors" / "sas-constructed.jsonl"
# A host that is kept waiting by a loaded computer between two characters asks again, as hosts do.
ATTEMPTS = 10
ACK, NACK, SILENCE = "01", "81", ""

# Of every family of polls some, as a host sends them, without address and CRC: how the answer begins.
WITH_CRC = {
    "02": ACK,
    "06": ACK,
    "2E 05 00": ACK,
    "08 FF FF FF 00 01": ACK,
    "0E 00": ACK,
    "7F 07 04 20 26 12 30 00": ACK,
    "09 00 01 01": ACK,
    "2F 03 00 00 05": "01 2F",
    "6F 04 00 00 00 00": "01 6F",
    "AF 04 00 00 00 00": "01 AF",
    "52 00 01": "01 52 00 01",
    "53 00 00": "01 53 00 00",
    "A0 00 00": "01 A0 00 00",
    "B5 00 01": "01 B5",
    "B0 02 01 11": "01 B0",
    "4C 00 00 00 00 00 00": "01 4C",
    "4D FF": "01 4D",
    "50 00": "01 50 00",
    "71 01 FF": "01 71",
    "72 02 FF 00": "01 72",
    "73 01 FF": "01 73",
    "74 FF 00 00 00": "01 74 23",
    "7B 08 00 00 00 00 00 00 00 00": "01 7B 0A",
    "80 01 01 00 00 00 10 00": ACK,
    "94": "01 94 02",
    # One byte too long, as some hosts send them.
    "2E 05 00 00": ACK,
    "74 FF 00 00 00 00": "01 74 23",
    "08 00 FF FF FF 00 01": NACK,
    # Contents that make no sense.
    "52 00 0A": NACK,
}
WITHOUT_CRC = {
    "1A": "01 1A",
    "0F": "01 0F",
    "19": "01 19",
    "1F": "01 1F",
    "1B": "01 1B",
    "7E": "01 7E 07 04 20 26 12",
    "51": "01 51",
    "55": "01 55",
    "56": "01 56",
    "70": "01 70",
    "B1": "01 B1",
    "B2": "01 B2",
    # As some hosts send them, with a zero or a CRC behind.
    "54": "01 54",
    "54 00": "01 54",
    "1A 03 A6": "01 1A",
    # What no machine knows.
    "EB": SILENCE,
    # A command whose CRC is missing.
    "02 00 00": NACK,
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    with Alone(tmp_path_factory.mktemp("alone"), "--personality", "modern-603") as alone:
        yield alone


def begins(answer: bytes, wanted: str) -> bool:
    expected = bytes.fromhex(wanted)
    if len(expected) <= 1:
        return answer == expected
    return answer.startswith(expected) and crc_is_good(answer)


@KINDS
def test_every_family_of_polls_is_served(kind: Callable[..., FieldHost], alone: Alone) -> None:
    host = kind(alone.port, address=1)
    polls = [(poll, wanted, True) for poll, wanted in WITH_CRC.items()]
    polls += [(poll, wanted, False) for poll, wanted in WITHOUT_CRC.items()]

    heard: list[str] = []
    for _ in range(ATTEMPTS):
        answers = [host.ask(bytes.fromhex(poll), with_crc=with_crc) for poll, _, with_crc in polls]
        heard = [answer.hex(" ") for answer in answers]
        polls = [asked for asked, answer in zip(polls, answers, strict=True) if not begins(answer, asked[1])]

    assert polls == [], heard
    assert len(host.general_poll()) == 1
    host.close()


def is_answer(frame: bytes, poll: Poll) -> bool:
    try:
        decode_reply(frame, poll)
    except RemoteProtocolError:
        return False
    return True


def polls_of_the_table() -> Iterator[tuple[bytes, LongPollRequest]]:
    """Every poll to machine 1, but for that which changes how the others are answered."""
    for row in map(json.loads, VECTORS.read_text().splitlines()):
        frame = bytes.fromhex(row["hex"])
        if row["direction"] == "host" and frame[0] == 1 and frame[1] != 0x0E:
            poll = decode_poll(frame)
            assert isinstance(poll, LongPollRequest)
            yield frame, poll


def test_every_poll_of_the_table_is_answered_so_that_a_host_can_read_it(tmp_path: Path) -> None:
    with Alone(tmp_path, "--personality", "modern-603") as alone:
        host = PlainHost(alone.port, patience=0.1)
        polls = list(polls_of_the_table())
        heard = [host.ask(frame[1:], with_crc=False) for frame, _ in polls]

        unread = [
            (frame.hex(" "), answer.hex(" "))
            for (frame, poll), answer in zip(polls, heard, strict=True)
            if answer and not is_answer(answer, poll)
        ]
        assert unread == []
        assert len(polls) > 100
        assert heard.count(b"") < len(polls) / 3
        assert is_answer(host.general_poll(), GeneralPoll(1))
        host.close()


def assert_is_served(host: PlainHost) -> None:
    """A good poll is answered; on a loaded computer perhaps not the first."""
    answers: list[bytes] = []
    while len(answers) < ATTEMPTS and not begins(b"".join(answers[-1:]), "01 1A"):
        answers.append(host.ask(b"\x1a", with_crc=False))
        host.read(PAUSE_SECONDS)
    assert begins(answers[-1], "01 1A"), answers


@pytest.mark.parametrize("seed", range(3))
def test_rubbish_keeps_no_host_from_being_answered_after_a_pause(seed: int, alone: Alone) -> None:
    host = PlainHost(alone.port, address=1)
    chance = random.Random(seed)  # noqa: S311  rubbish, not a secret

    for _ in range(10):
        host.shout(chance.randbytes(chance.randint(1, 40)))
        host.read(PAUSE_SECONDS)

        assert_is_served(host)
    host.close()


def test_a_poll_that_stops_halfway_is_forgotten(alone: Alone) -> None:
    host = PlainHost(alone.port, address=1)
    for half in ("01", "01 72", "01 72 39 00 00", "01 6F FF", "01 7F 07 04"):
        host.shout(b"\x80" + bytes.fromhex(half))
        host.read(PAUSE_SECONDS)

        assert_is_served(host)
    host.close()


def test_a_broadcast_is_obeyed_and_not_answered(alone: Alone) -> None:
    host = PlainHost(alone.port, address=1)
    host.general_poll()  # it need not chirp

    assert host.say(append_crc(bytes.fromhex("00 7F 12 31 20 26 23 59 00"))) == b""

    assert host.ask(b"\x7e", with_crc=False)[:6] == bytes.fromhex("01 7E 12 31 20 26")
    host.ask(bytes.fromhex("7F 07 04 20 26 12 30 00"))
    host.close()


def test_nothing_to_tell_is_silence_while_real_time_events_are_on(alone: Alone) -> None:
    host = PlainHost(alone.port, address=1)
    while host.general_poll() != b"\x00":
        pass

    assert host.ask(bytes.fromhex("0E 01")) == b"\x01"
    assert len(host.general_poll()) != 1
    assert host.ask(bytes.fromhex("0E 00")) == b"\x01"
    assert host.general_poll() == b"\x00"
    host.close()
