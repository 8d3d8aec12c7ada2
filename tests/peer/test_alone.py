"""A machine that runs alone, as its users meet it: started, asked, stopped, killed and started again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.sas.crc import crc_is_good
from tests.peer.conftest import Alone
from tests.peer.field_hosts import FieldHost, FlippingHost, PlainHost, ReopeningHost, SleepingHost

pytestmark = pytest.mark.integration

KINDS = pytest.mark.parametrize("kind", [ReopeningHost, SleepingHost, FlippingHost, PlainHost])


@KINDS
def test_every_kind_of_host_learns_the_address_and_is_answered(
    kind: Callable[[Path], FieldHost], tmp_path: Path
) -> None:
    with Alone(tmp_path, "--address", "5") as alone:
        host = kind(alone.port)

        assert host.address == 5
        assert host.general_poll() == b"\x17"
        for command in (0x1A, 0x1F, 0x0F, 0x19):
            answer = host.ask(bytes((command,)), with_crc=False)
            assert answer[:2] == bytes((5, command))
            assert crc_is_good(answer)
        assert host.general_poll() == b"\x00"


def test_it_ends_well_at_a_signal(tmp_path: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with Alone(tmp_path) as alone:
            assert alone.port.is_symlink()
            assert alone.end(number) == 0
        assert [path.name for path in tmp_path.iterdir()] == ["told.jsonl"]


def test_a_killed_machine_is_started_again_under_the_same_name(tmp_path: Path) -> None:
    with Alone(tmp_path) as alone:
        alone.end(signal.SIGKILL)
        assert alone.port.is_symlink()

        alone.start()

        assert PlainHost(alone.port).address == 1
