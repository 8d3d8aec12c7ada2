"""A machine at its end of a line, polled by a host that is only bytes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from edge_agent.sas.code_tables import BILL_EXCEPTIONS
from edge_agent.sas.crc import append_crc
from edge_agent.sas.messages import (
    Ack,
    DataReply,
    EventReply,
    ExceptionReply,
    GeneralPoll,
    LongPollRequest,
    Poll,
    Reply,
    decode_reply,
    encode_poll,
)
from edge_agent.sas.wakeup import WakeupDecoder, encode_host_message, marked
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.handpays import Handpay
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.simulator.specification import Chances, GameSpec, MachineSpec

QUIET = Chances(*[0.0] * 8)
QUARTERS = MachineSpec(
    1, (GameSpec("Test", "000001", 9_000, (1, 2, 3)),), denomination_code=0x04, chances=QUIET
)
SYNCHRONISE = GeneralPoll(0)
OWN = GeneralPoll(1)
CREDITS = LongPollRequest(1, 0x1A)
POLL_SECONDS = 0.040
CHIRP = marked(1)


class Host:
    """Polls one machine every 40 ms, alternating the synchronisation poll and its own."""

    def __init__(self, line: MachineOnLine) -> None:
        self.line = line
        self.now = 100.0
        self.heard: list[Reply] = []
        line.handle_timer(self.now)

    def ask(self, poll: Poll) -> Reply | None:
        self.now += POLL_SECONDS
        while (due := self.line.next_timer()) is not None and due < self.now:
            self.line.handle_timer(due)
        self.line.data_to_send(self.now)
        self.line.receive_data(encode_host_message(encode_poll(poll)), self.now)
        answer = bytes(WakeupDecoder().feed(self.line.data_to_send(self.now)))
        return decode_reply(answer, poll) if answer else None

    def take(self) -> Reply | None:
        self.ask(SYNCHRONISE)
        reply = self.ask(OWN)
        if isinstance(reply, EventReply) or (isinstance(reply, ExceptionReply) and reply.code):
            self.heard.append(reply)
        return reply

    def watch(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.take()


def ledger(line: MachineOnLine) -> list[dict[str, Any]]:
    return list(line.history())


def has_power(line: MachineOnLine) -> bool:
    return line.machine.cabinet.powered


def test_a_host_hears_the_story_in_order_as_one_byte_exceptions() -> None:
    host = Host(MachineOnLine(QUARTERS, seed=1))

    host.watch(120.0)

    raised = [entry["code"] for entry in ledger(host.line) if entry["what"] == "raised"]
    heard = [reply.code for reply in host.heard if isinstance(reply, ExceptionReply)]
    assert len(heard) > 30
    assert heard == raised[: len(heard)]


def test_a_host_hears_the_data_in_real_time_events() -> None:
    host = Host(MachineOnLine(QUARTERS, seed=1))
    host.take()
    assert host.ask(LongPollRequest(1, 0x0E, {"enable": 1})) == Ack(1)

    host.watch(120.0)

    raised = [entry for entry in ledger(host.line) if entry["what"] == "raised"]
    heard = [reply for reply in host.heard if isinstance(reply, EventReply)]
    assert len(heard) > 30
    for entry, event in zip(raised, heard, strict=False):
        assert event.code == (0x4F if entry["code"] in BILL_EXCEPTIONS else entry["code"])
        assert event.values == entry["values"]


def test_the_ledger_pairs_every_raised_exception_with_its_acknowledgement() -> None:
    host = Host(MachineOnLine(QUARTERS, seed=1))

    host.watch(60.0)
    host.line.stop_play(host.now)
    while host.line.pending:
        host.take()

    entries = ledger(host.line)
    raised = {entry["serial"]: entry["at"] for entry in entries if entry["what"] == "raised"}
    acknowledged = {entry["serial"]: entry["at"] for entry in entries if entry["what"] == "acknowledged"}
    assert raised
    assert set(raised) == set(acknowledged)
    assert all(acknowledged[serial] >= at for serial, at in raised.items())


def test_meters_answer_between_the_events_and_end_as_the_truth() -> None:
    host = Host(MachineOnLine(QUARTERS, seed=1))
    host.watch(60.0)
    host.line.stop_play(host.now)
    while host.line.pending:
        host.take()

    meters = host.ask(LongPollRequest(1, 0x0F))
    credits_ = host.ask(CREDITS)

    assert isinstance(meters, DataReply)
    assert isinstance(credits_, DataReply)
    truth = host.line.truth()
    assert meters.values["coin_in"] * 25 == truth["coin_in"] > 0
    assert meters.values["coin_out"] * 25 == truth["coin_out"]
    assert credits_.values["current_credits"] * 25 == truth["credits"]


def test_an_unpolled_machine_drops_its_oldest_and_says_so() -> None:
    line = MachineOnLine(replace(QUARTERS, queue_capacity=20), seed=1)
    now = 0.0
    while now < 300.0:
        line.handle_timer(now)
        now = line.next_timer() or now + 1.0

    entries = ledger(line)
    dropped = [entry for entry in entries if entry["what"] == "dropped"]
    raised = [entry for entry in entries if entry["what"] == "raised"]
    assert dropped
    assert [entry["code"] for entry in raised].count(0x70) == 1
    assert [entry["serial"] for entry in dropped] == sorted(entry["serial"] for entry in dropped)
    assert line.pending == 20 + 1
    assert line.history() is not None
    assert "slot" not in repr(line)


def test_a_machine_chirps_its_address_with_the_wakeup_bit() -> None:
    line = MachineOnLine(QUARTERS, seed=1)

    assert line.data_to_send(0.0) == CHIRP
    assert line.data_to_send(0.1) == b""
    assert line.data_to_send(0.2) == CHIRP


def test_a_dark_machine_says_nothing_and_tells_afterwards() -> None:
    spec = replace(QUARTERS, chances=replace(QUIET, power_per_game=1.0))
    host = Host(MachineOnLine(spec, seed=1))
    while has_power(host.line):
        host.take()

    assert host.ask(OWN) is None
    while not has_power(host.line):
        host.take()
    host.watch(10.0)

    codes = [reply.code for reply in host.heard if isinstance(reply, ExceptionReply)]
    assert (0x18, 0x17) in pairwise(codes)


def test_secure_handpays_are_told_one_at_a_time_until_they_are_read() -> None:
    spec = replace(QUARTERS, attendant_pays_from_cents=25, secure_handpays=True)
    line = MachineOnLine(spec, seed=3)
    cabinet = line.machine.cabinet
    host = Host(line)
    host.take()
    line.stop_play(host.now)
    for amount in (100, 200):
        cabinet.handpays.call_attendant(Handpay(0x80, amount))
        cabinet.key_off()

    told = [host.take(), host.take()]
    first = host.ask(LongPollRequest(1, 0x1B))
    told.append(host.take())
    second = host.ask(LongPollRequest(1, 0x1B))
    told.append(host.take())
    nothing = host.ask(LongPollRequest(1, 0x1B))
    host.take()

    assert [reply.code for reply in told if isinstance(reply, ExceptionReply)] == [0x52, 0x51, 0x51, 0x00]
    amounts = [reply.values["amount"] for reply in (first, second, nothing) if isinstance(reply, DataReply)]
    assert amounts == [100, 200, 0]


class Late:
    """A wire on which everything takes 30 ms."""

    def carry(self, stream: bytes, now: float) -> list[tuple[float, bytes]]:
        return [(now + 0.030, stream)]


def test_late_wires_deliver_when_they_say() -> None:
    line = MachineOnLine(QUARTERS, seed=1, to_machine=Late(), to_host=Late())
    line.receive_data(encode_host_message(b"\x80"), 0.0)
    line.handle_timer(0.0)
    assert line.data_to_send(0.030) == CHIRP  # a chirp of before
    line.receive_data(encode_host_message(b"\x81"), 0.040)

    assert line.next_timer() == pytest.approx(0.070)
    assert line.data_to_send(0.070) == b""
    assert line.next_timer() == pytest.approx(0.100)
    assert line.data_to_send(0.100) == b"\x00"


def test_a_machine_ignores_what_it_does_not_know() -> None:
    host = Host(MachineOnLine(default_floor(2, seed=1)[1], seed=1))
    host.take()

    assert host.ask(LongPollRequest(1, 0xB3)) is None
    host.ask(SYNCHRONISE)
    host.line.receive_data(encode_host_message(append_crc(b"\x01\xa5")), host.now)
    assert host.line.data_to_send(host.now) == b""
