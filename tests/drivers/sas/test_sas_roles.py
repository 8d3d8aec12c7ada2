"""What may leave, poll by poll. `tests/properties/test_roles.py` looks at what does."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.drivers.sas.roles import OBSERVER, PRIMARY, may_send
from edge_agent.sas.messages import GeneralPoll, LongPollRequest

NOTHING: dict[str, Any] = {}
EXTENDED = {
    "control_mask": 0,
    "status_bits": 0,
    "cashable_expiration_days": 0,
    "restricted_expiration_days": 0,
}


@pytest.mark.parametrize("role", [OBSERVER, PRIMARY])
@pytest.mark.parametrize(
    ("command", "values"),
    [
        (0x1A, NOTHING),
        (0x54, NOTHING),
        (0x0E, {"enable": 1}),
        (0x4D, {"function": 0xFF}),
        (0x4D, {"function": 0x1F}),
        (0x72, {"transfer_code": 0xFE, "transaction_index": 0}),
        (0x73, {"registration_code": 0xFF}),
        (0x74, {"lock_code": 0xFF, "lock_conditions": 0, "lock_timeout_hundredths": 0}),
        (0x7B, EXTENDED),
        (0x6E, {"action": 0x03}),
        (0xB0, {"denomination": 1, "base_command": 0x11, "base": {}}),
    ],
)
def test_what_only_reads_may_leave_in_either_role(role: Any, command: int, values: dict[str, Any]) -> None:
    assert may_send(role, LongPollRequest(1, command, values))
    assert may_send(role, GeneralPoll(1))


@pytest.mark.parametrize(
    ("command", "values"),
    [
        (0x1B, NOTHING),
        (0x3D, NOTHING),
        (0x4D, {"function": 0x00}),
        (0x57, NOTHING),
        (0x70, NOTHING),
        (0x71, {"transfer_code": 0xFF}),
        (0x72, {"transfer_code": 0xFF, "transaction_index": 0}),
        (0x85, NOTHING),
        (0x87, NOTHING),
        (0x90, NOTHING),
        (0xB6, {"host_status": 0x00}),
        (0xB6, {"host_status": 0x01}),
    ],
)
def test_what_a_machine_forgets_after_telling_it_is_the_primarys_to_ask(
    command: int, values: dict[str, Any]
) -> None:
    assert not may_send(OBSERVER, LongPollRequest(1, command, values))
    assert may_send(PRIMARY, LongPollRequest(1, command, values))


@pytest.mark.parametrize("role", [OBSERVER, PRIMARY])
@pytest.mark.parametrize(
    ("command", "values"),
    [
        *((command, NOTHING) for command in (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0A, 0x0B, 0x94)),
        (0x58, {"validation_system": "01", "validation_number": "0" * 16}),
        (0x71, {"transfer_code": 0x00}),
        (0x71, {"transfer_code": 0x84}),
        (0x72, {"transfer_code": 0x00}),
        (0x72, {"transfer_code": 0x80}),
        (0x73, {"registration_code": 0x80}),
        (0x74, {"lock_code": 0x00, "lock_conditions": 1, "lock_timeout_hundredths": 500}),
        (0x7B, EXTENDED | {"control_mask": 1}),
        (0x7F, {"date": "07042026", "time": "120000"}),
        (0x8A, {"amount": 615, "tax_status": 0}),
        (0xA8, {"reset_method": 1}),
        (0xB0, {"denomination": 1, "base_command": 0x09, "base": {"game": 1, "enable": 0}}),
        (0x4C, {"machine_id": 1, "sequence": 0}),
    ],
)
def test_what_changes_a_machine_never_leaves(role: Any, command: int, values: dict[str, Any]) -> None:
    assert not may_send(role, LongPollRequest(1, command, values))
