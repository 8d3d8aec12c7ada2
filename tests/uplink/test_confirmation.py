"""What the cloud says it has, as it comes."""

from __future__ import annotations

import pytest

from edge_agent.errors import RemoteProtocolError
from edge_agent.uplink.confirmation import Confirmation, read_confirmation


@pytest.mark.parametrize(
    "payload",
    [
        b'{"journal": "j", "through": 7}',
        b'{"through":7,"journal":"j","at":"what else the cloud wants to say"}',
        b'{"journal": "j", "through": 7}\r\n',
    ],
)
def test_a_confirmation_names_a_journal_and_a_sequence(payload: bytes) -> None:
    assert read_confirmation(payload) == Confirmation("j", 7)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"7",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"journal": "j"}',
        b'{"journal": 1, "through": 7}',
        b'{"journal": "j", "through": "7"}',
        b'{"journal": "j", "through": 7.0}',
        b'{"journal": "j", "through": true}',
        b'{"journal": "j", "through": -1}',
        b'{"journal": "j", "through": 9223372036854775808}',
        b'{"journal": "j", "through": 7, "more": "%s"}' % (b"x" * 2000),
        b"[" * 1024,
        b'{"journal": "j", "through": ' + b"9" * 900 + b"}",
    ],
)
def test_anything_else_is_no_confirmation(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="a confirmation"):
        read_confirmation(payload)
