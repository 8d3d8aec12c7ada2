"""What a poll does to a machine, form by form: what an observer may send, and what it must not."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.errors import LocalProtocolError
from edge_agent.sas.effects import Effect, effect_of
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.messages import LongPollRequest
from edge_agent.testing.layouts import smallest

READS, CONSUMES, CHANGES = Effect

SETTINGS = {
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x2E, 0x7F, 0x94, 0xA8, 0xAA, 0xB7,
    0x4C, 0x58, 0x71, 0x7B, 0x7C, 0x7D, 0x7A, 0x80, 0x86, 0x8A, 0x8B, 0x8C, 0x72, 0x73, 0x74, 0x75, 0x76,
    0x63, 0x64, 0x66, 0x69, 0x6B, 0x5C, 0x5F, 0x77,
}  # fmt: skip
FORGETTING = {0x1B, 0x3D, 0x4D, 0x57, 0x70, 0x85, 0x87, 0x90, 0xB6}

DAYS = {"cashable_expiration_days": 0, "restricted_expiration_days": 0}


@pytest.mark.parametrize("command", LONG_POLLS)
def test_every_row_says_what_it_does(command: int) -> None:
    expected = CHANGES if command in SETTINGS else CONSUMES if command in FORGETTING else READS

    row = LONG_POLLS[command]

    assert row.effect is expected
    assert row.changes_machine is (expected is CHANGES)
    assert row.consumes is (expected is CONSUMES)


@pytest.mark.parametrize(
    ("command", "values", "effect"),
    [
        (0x4D, {"function": 0x00}, CONSUMES),
        (0x4D, {"function": 0x01}, READS),
        (0x4D, {"function": 0x1F}, READS),
        (0x4D, {"function": 0x20}, CONSUMES),
        (0x4D, {"function": 0xFE}, CONSUMES),
        (0x4D, {"function": 0xFF}, READS),
        (0x4C, {"machine_id": 0, "sequence": 0}, READS),
        (0x4C, {"machine_id": 1, "sequence": 0}, CHANGES),
        (0x71, {"transfer_code": 0xFF}, CONSUMES),
        (0x71, {"transfer_code": 0x80}, CHANGES),
        (0x72, {"transfer_code": 0xFE, "transaction_index": 0}, READS),
        (0x72, {"transfer_code": 0xFF, "transaction_index": 0}, CONSUMES),
        (0x72, {"transfer_code": 0x80}, CHANGES),
        (0x72, {"transfer_code": 0x00}, CHANGES),
        (0x73, {"registration_code": 0xFF}, READS),
        (0x73, {"registration_code": 0x80}, CHANGES),
        (0x74, {"lock_code": 0xFF, "lock_conditions": 0, "lock_timeout_hundredths": 0}, READS),
        (0x74, {"lock_code": 0x80, "lock_conditions": 0, "lock_timeout_hundredths": 0}, CHANGES),
        (0x7B, {"control_mask": 0, "status_bits": 0xFFFF, **DAYS}, READS),
        (0x7B, {"control_mask": 1, "status_bits": 0, **DAYS}, CHANGES),
        (0x7B, {"control_mask": 0, "status_bits": 0, **DAYS, "cashable_expiration_days": 1}, CHANGES),
        (0x7B, {"control_mask": 0, "status_bits": 0, **DAYS, "restricted_expiration_days": 1}, CHANGES),
        (0x7C, {"texts": ()}, READS),
        (0x7C, {"texts": ({"code": 0, "text": ""},)}, CHANGES),
        (0x7D, {}, READS),
        (0x7D, {"host_id": 0}, CHANGES),
        (0x6E, {"action": 0x00}, READS),
        (0x6E, {"action": 0x02}, CHANGES),
        (0x6E, {"action": 0x03}, READS),
        (0xB7, {"asset_number": 0, "location": ""}, READS),
        (0xB7, {"asset_number": 0, "location": "A1"}, CHANGES),
        (0xB7, {"asset_number": 7, "location": ""}, CHANGES),
        (0xB0, {"denomination": 1, "base_command": 0x11, "base": {}}, READS),
        (0xB0, {"denomination": 1, "base_command": 0x09, "base": {"game": 1, "enable": 0}}, CHANGES),
        (0xB0, {"denomination": 1, "base_command": 0x1B, "base": {"data": b""}}, CONSUMES),
        (0xB0, {"denomination": 1, "base_command": 0xEB, "base": {"data": b""}}, CHANGES),
    ],
)  # fmt: skip
def test_what_is_said_decides(command: int, values: dict[str, Any], effect: Effect) -> None:
    assert effect_of(LongPollRequest(1, command, values)) is effect


def test_a_poll_nobody_laid_out_has_no_effect_to_tell() -> None:
    with pytest.raises(LocalProtocolError, match="EB has no row"):
        effect_of(LongPollRequest(1, 0xEB))


@pytest.mark.parametrize("command", [0x1A, 0x0E, 0x50, 0x21, 0x84])
def test_reads_are_reads_whatever_they_say(command: int) -> None:
    assert effect_of(LongPollRequest(1, command, smallest(LONG_POLLS[command].request))) is READS
