"""A line that is not silent and yet not heard: noise, another address, a wire that carries one way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from edge_agent.events.agent import LineDown, LineUp, ProtocolErrors
from edge_agent.sas.crc import append_crc
from edge_agent.sas.machine import MachineConnection
from edge_agent.sas.wakeup import marked, stuff

Start = Callable[..., Any]

# The first poll leaves after 5.5 s of quiet; ten of them in 2.5 s or more without an answer are an outage.
BOUND_SECONDS = 12.0
NOISE = bytes.fromhex("5a a5 c3 3c 99 e7 7e")
ANSWER_02 = stuff(append_crc(bytes.fromhex("02 1a 00 00 01 03")))
ANSWERS = "address 02 answers, this line is set to 01"
CHIRPS = "address 02 chirps, this line is set to 01"


class Parrot:
    """Says the same to everything it hears."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._heard = b""

    def receive_data(self, stream: bytes, _now: float) -> None:
        self._heard += stream

    def handle_timer(self, _now: float) -> None:
        """It has no clock."""

    def next_timer(self) -> float | None:
        return None

    def data_to_send(self, _now: float) -> bytes:
        heard, self._heard = self._heard, b""
        return self._reply if heard else b""


def reasons(talk: Any) -> list[str]:
    return [down.reason for down in talk.of(LineDown)]


@pytest.mark.parametrize(
    ("reply", "reason"), [(ANSWER_02, ANSWERS), (b"\x00" + ANSWER_02, ANSWERS), (marked(2), CHIRPS)]
)
def test_a_machine_of_another_address_is_a_line_down_that_names_it(
    start: Start, reply: bytes, reason: str
) -> None:
    talk = start()
    talk.machine = Parrot(reply)

    talk.run_for(BOUND_SECONDS)

    assert reasons(talk) == [reason]
    assert talk.of(ProtocolErrors)[0].last == reason
    assert talk.station.counters.state == "silent"


def test_a_machine_that_chirps_another_address_until_it_is_polled_is_named_too(start: Start) -> None:
    """Polls to any address end its chirps, and none of ours is for it."""
    talk = start()
    talk.machine = MachineConnection(2, talk.cabinet)

    talk.run_for(BOUND_SECONDS)

    assert reasons(talk) == [CHIRPS]


def test_nothing_but_noise_is_one_line_down_that_counts_it(start: Start) -> None:
    talk = start()
    talk.machine = Parrot(NOISE)

    talk.run_for(300)

    [reason] = reasons(talk)
    assert re.fullmatch(r"only noise: \d{2,} unreadable answers", reason)
    assert talk.journal[-1].at - talk.journal[0].at > 200  # the errors go on being told
    assert talk.of(LineUp) == []
    assert talk.station.counters.state == "silent"


def test_until_silence_would_be_believed_noise_is_no_outage(start: Start) -> None:
    talk = start()
    talk.machine = Parrot(NOISE)

    talk.run_for(8)

    assert talk.of(LineDown) == []
    assert talk.station.counters.state == "starting"


def test_a_line_that_is_down_for_noise_goes_on_with_the_same_poll(talk: Any) -> None:
    talk.machine = Parrot(NOISE)
    talk.run_for(0.5)
    talk.written.clear()

    talk.run_for(30)

    assert len(talk.of(LineDown)) == 1
    assert len(talk.written) > 50
    assert len(set(talk.written)) == 1


def test_a_line_that_was_down_for_noise_is_up_with_the_first_answer(talk: Any) -> None:
    machine, talk.machine = talk.machine, Parrot(NOISE)
    talk.run_for(4)
    talk.machine = machine
    talk.run_for(10)
    talk.machine = Parrot(ANSWER_02)
    talk.run_for(4)

    assert [kind for kind in talk.types if kind in {"line.down", "line.up"}] == [
        "line.down",
        "line.up",
        "line.down",
    ]
    assert reasons(talk)[1] == ANSWERS
    assert talk.of(LineUp)[0].silent_seconds == pytest.approx(4, abs=0.5)


def test_a_machine_that_hears_no_poll_and_chirps_for_ever_is_a_line_down(start: Start) -> None:
    talk = start()
    talk.to_machine = False

    talk.run_for(60)

    assert reasons(talk) == ["address 01 chirps and answers nothing: it hears no poll"]
    assert talk.station.counters.state == "silent"
