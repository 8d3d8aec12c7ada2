"""A machine that runs alone, as its users meet it: started, asked, stopped, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.drivers.sas import DRIVER
from edge_agent.line import Line
from edge_agent.links import open_link
from edge_agent.notebook import Notebook
from edge_agent.sas.crc import crc_is_good
from edge_agent.station import DeviceIdentity
from edge_agent.testing.patience import wait_until
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
            # A host on a busy computer sends its command too late now and then, and asks again.
            answer = wait_until(partial(host.ask, bytes((command,)), with_crc=False))
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


COIN_IN, GAMES_PLAYED = b"\x11", b"\x15"


def meter(host: FieldHost, command: bytes) -> int:
    """A meter; a machine that is played may be without power for a while."""
    answer = b""

    def is_told() -> bool:
        nonlocal answer
        answer = host.ask(command, with_crc=False)
        return crc_is_good(answer)

    wait_until(is_told)
    return int(answer[2:6].hex())


def test_a_killed_machine_knows_in_its_next_life_what_it_had_told(tmp_path: Path) -> None:
    options = ("--state", str(tmp_path / "state"), "--play", "--rate", "20")
    with Alone(tmp_path, *options) as alone:
        host = PlainHost(alone.port)
        wait_until(lambda: meter(host, GAMES_PLAYED) > 3)
        coin_in = meter(host, COIN_IN)
        alone.end(signal.SIGKILL)
        host.close()

        alone.start()

        host = PlainHost(alone.port)
        assert meter(host, COIN_IN) >= coin_in
        told = [entry["code"] for entry in alone.told("raised")]
        assert told.count(0x17) >= 2
        assert 0x18 in told
        host.close()


def test_what_was_not_heard_is_pending_after_a_kill(tmp_path: Path) -> None:
    with Alone(tmp_path, "--state", str(tmp_path / "state")) as alone:
        host = PlainHost(alone.port)
        assert host.general_poll() == b"\x17"  # and nothing says that it was heard
        alone.end(signal.SIGKILL)
        host.close()

        alone.start()

        host = PlainHost(alone.port)
        heard = b"".join(host.general_poll() for _ in range(4))
        assert heard == bytes.fromhex("17 18 17 00")
        assert [told["address"] for told in alone.told("remembers")] == [1]
        host.close()


def test_a_second_machine_is_refused_the_port_and_the_memory(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = ["--state", str(tmp_path / "state")]
    with Alone(tmp_path, *state) as alone:
        for options, wanted in (
            (["--link", f"pty:{alone.port}"], "port"),
            (["--link", f"pty:{tmp_path}/other", *state], "state"),
        ):
            assert main(["machine", *options]) == 6
            said = capfd.readouterr().err
            assert said.startswith(f"edge-agent: {wanted} {tmp_path}")
            assert "is held by another machine" in said


def test_a_chain_answers_a_host_that_polls_all_its_addresses(tmp_path: Path) -> None:
    with Alone(tmp_path, "--address", "1-3,7") as alone:
        host = PlainHost(alone.port, address=1)
        host.say(b"\x80")

        answers = {address: host.say(bytes((address, 0x1A))) for address in (1, 2, 3, 4, 7)}
        serials = {host.say(bytes((address, 0x54)))[6:-2] for address in (1, 2, 3, 7)}

        assert [address for address, answer in answers.items() if answer[:2] == bytes((address, 0x1A))] == [
            1,
            2,
            3,
            7,
        ]
        assert len(serials) == 4
        host.close()


def test_machines_on_one_line_do_not_chirp_all_at_once(tmp_path: Path) -> None:
    with Alone(tmp_path, "--address", "1-3") as alone:
        line = os.open(alone.port, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(line)
            pieces = [os.read(line, 64) for _ in range(12)]
        finally:
            os.close(line)

    assert set(b"".join(pieces)) == {1, 2, 3}
    assert {b"\x01", b"\x02", b"\x03"} & set(pieces)


def test_our_own_host_reads_a_machine_over_tcp_with_marks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_agent", "machine", "--link", "tcp:0", "--json", "--play"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as machine:
        assert machine.stdout is not None
        ready = json.loads(machine.stdout.readline())
        with Notebook(tmp_path / "note") as notebook:
            line = Line(
                name="tcp",
                link=open_link(f"{ready['port']}", DRIVER.serial_format),
                station=partial(DRIVER.station, DeviceIdentity("slot-1", "USD"), {"address": 1}),
                seal=lambda observation: observation.body.model_dump_json().encode(),
                append=lambda _: None,
                notebook=notebook,
                monotonic=time.monotonic,
            )
            line.start()
            wait_until(lambda: line.station.counters.polls > 40)
            line.stop()
            assert line.join(10.0)
        machine.send_signal(signal.SIGINT)
        told = [json.loads(entry) for entry in machine.stdout]

    assert machine.returncode == 0
    assert line.station.counters.protocol_errors == 0
    assert line.station.counters.events > 0
    assert set(told[-1]["polls"]["machine_information"]) == {"answered"}
    assert "host_came" in [entry["what"] for entry in told]


def test_quiet_tells_of_the_beginning_and_the_end(tmp_path: Path) -> None:
    with Alone(tmp_path, "--quiet") as alone:
        host = PlainHost(alone.port)
        assert host.general_poll() == b"\x17"
        host.close()
        alone.end()

        assert alone.all_told() == ["ready", "polls"]
