"""An observer reads, and reads nothing that a machine forgets after telling it."""

from __future__ import annotations

import pytest

from edge_agent.drivers.sas.acquaintance import REAL_TIME_EVENTS
from edge_agent.drivers.sas.duties import DUTIES, NO_DUTY, TICKET_INFORMATION, duty_of
from edge_agent.drivers.sas.interrogation import QUESTIONS
from edge_agent.drivers.sas.meters import requests_for
from edge_agent.drivers.sas.profile import EXTENDED_METERS, MachineProfile
from edge_agent.drivers.sas.schedule import HEARTBEATS
from edge_agent.drivers.sas.snapshot import REASONS
from edge_agent.sas.exception_codes import EXCEPTIONS
from edge_agent.sas.long_polls import LONG_POLLS

ASKED = frozenset(
    {
        REAL_TIME_EVENTS,
        *HEARTBEATS,
        *(question.command for question in QUESTIONS),
        *(duty.read for duty in DUTIES.values() if duty.read is not None),
        *(
            request.command
            for reason in REASONS
            for profile in (MachineProfile(), MachineProfile(features=(EXTENDED_METERS,)))
            for request in requests_for(reason, 1, profile)
        ),
    }
)


@pytest.mark.parametrize("command", sorted(ASKED))
def test_nothing_the_driver_asks_changes_the_machine_or_consumes(command: int) -> None:
    row = LONG_POLLS[command]

    assert not row.changes_machine
    # Standard validation alone answers 3D, and repeats the last ticket until another has been printed.
    assert not row.consumes or command == TICKET_INFORMATION


@pytest.mark.parametrize("command", [0x1B, 0x4D, 0x70, 0x71, 0x72, 0x85, 0x87, 0x90])
def test_what_belongs_to_the_host_that_runs_the_machine_is_never_asked(command: int) -> None:
    assert command not in ASKED


def test_duties_are_only_for_codes_the_table_lists() -> None:
    assert set(DUTIES) <= set(EXCEPTIONS)


def test_most_exceptions_need_nothing_but_being_journalled() -> None:
    assert duty_of(0x71) is NO_DUTY
    assert duty_of(0xEE) is NO_DUTY


@pytest.mark.parametrize("code", [0x17, 0x36, 0x38, 0x3A, 0x3C, 0xA2])
def test_a_machine_that_may_have_changed_is_asked_again(code: int) -> None:
    assert duty_of(code).interrogate
