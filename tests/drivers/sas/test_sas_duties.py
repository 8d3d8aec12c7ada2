"""What each exception makes the driver ask, and that nothing it may ask changes a machine."""

from __future__ import annotations

import pytest

from edge_agent.drivers.sas import reads
from edge_agent.drivers.sas.acquaintance import REAL_TIME_EVENTS
from edge_agent.drivers.sas.duties import DUTIES, NO_DUTY, READS, duty_of
from edge_agent.drivers.sas.interrogation import EVERY_COMMAND, QUESTIONS
from edge_agent.drivers.sas.record_events import MAKERS
from edge_agent.drivers.sas.records import KINDS
from edge_agent.drivers.sas.roles import OBSERVER, PRIMARY
from edge_agent.drivers.sas.schedule import HEARTBEATS
from edge_agent.drivers.sas.snapshot import REASONS
from edge_agent.sas.effects import Effect, effect_of
from edge_agent.sas.exception_codes import EXCEPTIONS
from edge_agent.sas.messages import LongPollRequest, encode_poll

ASKED = (*QUESTIONS, *READS)


@pytest.mark.parametrize("read", ASKED, ids=lambda read: f"{read.command:02X}")
def test_an_observer_asks_for_nothing_that_a_machine_forgets_after_telling_it(read: reads.Read) -> None:
    if read.is_for(OBSERVER) and not read.each_game:
        assert effect_of(read.request(1, OBSERVER)) is Effect.READS


@pytest.mark.parametrize("read", ASKED, ids=lambda read: f"{read.command:02X}")
def test_a_primary_asks_for_nothing_that_changes_a_machine(read: reads.Read) -> None:
    if not read.each_game:
        assert effect_of(read.request(1, PRIMARY)) is not Effect.CHANGES
        encode_poll(read.request(1, PRIMARY))


def test_what_only_the_primary_asks_is_what_consumes() -> None:
    """And nothing is kept from an observer that it might ask."""
    for read in ASKED:
        if read.primary_only and read is not reads.OFFERED_CREDITS:  # which ends what the owner is asked
            assert effect_of(read.request(1, PRIMARY)) is Effect.CONSUMES


def test_what_a_machine_is_asked_without_an_exception_reads() -> None:
    for command in (REAL_TIME_EVENTS, *HEARTBEATS):
        values = {"enable": 1} if command == REAL_TIME_EVENTS else {}
        assert effect_of(LongPollRequest(1, command, values)) is Effect.READS


def test_what_exceptions_call_for_is_tried_when_a_machine_is_met() -> None:
    """With real-time events on, silence has to mean trouble: nothing is asked then for the first time.

    A meter change is announced only by machines that have it, and what they answer is in their features.
    """
    assert {read.command for read in READS} - EVERY_COMMAND == {0xB6}


def test_every_answer_a_duty_asks_for_has_its_record() -> None:
    assert set(KINDS) == set(MAKERS)
    assert {read.command for read in READS} - set(KINDS) == {0xB6}


def test_duties_are_only_for_codes_the_table_lists() -> None:
    assert set(DUTIES) <= set(EXCEPTIONS)


def test_the_reasons_of_snapshots_have_their_order() -> None:
    assert {duty.snapshot for duty in DUTIES.values() if duty.snapshot} <= set(REASONS)


def test_most_exceptions_need_nothing_but_being_journalled() -> None:
    assert duty_of(0x71) is NO_DUTY
    assert duty_of(0xEE) is NO_DUTY


@pytest.mark.parametrize("code", [0x17, 0x36, 0x38, 0x3A, 0x3C, 0xA2])
def test_a_machine_that_may_have_changed_is_asked_again(code: int) -> None:
    assert duty_of(code).interrogate


@pytest.mark.parametrize(
    ("code", "commands"),
    [
        (0x3D, {0x3D, 0x4D}),
        (0x3E, {0x3D, 0x4D}),
        (0x4A, {0x48}),
        (0x51, {0x1B}),
        (0x52, {0x1B}),
        (0x54, {0x84}),
        (0x56, {0x85, 0x87}),
        (0x57, {0x57}),
        (0x59, {0x5D}),
        (0x67, {0x70}),
        (0x68, {0x71}),
        (0x69, {0x72}),
        (0x6A, {0x74}),
        (0x6D, {0x73}),
        (0x6F, {0x74}),
        (0x7C, {0x90}),
        (0x8C, {0x55}),
        (0x8E, {0x6E}),
        (0x8F, {0x6E}),
        (0xA0, {0xB6}),
        (0x36, {0x6E}),
    ],
)
def test_what_an_exception_leaves_out_is_read(code: int, commands: set[int]) -> None:
    assert {read.command for read in duty_of(code).reads} == commands


def test_a_change_of_firmware_does_not_make_the_machine_compute_its_signature() -> None:
    assert 0x21 not in {read.command for read in ASKED}


@pytest.mark.parametrize(
    ("code", "reason"),
    [(0x1B, "drop"), (0x9E, "session_start"), (0x9F, "session_end"), (0xA0, "meter_change"), (0x11, "door")],
)
def test_the_meters_are_read_for_their_reason(code: int, reason: str) -> None:
    assert duty_of(code).snapshot == reason


def test_a_meter_change_is_let_go_on_once_the_meters_were_read() -> None:
    assert duty_of(0xA0).afterwards is reads.METERS_COLLECTED
