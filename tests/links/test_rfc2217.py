"""RFC 2217: a poll through a device server, in the order and with the wakeup bits a machine needs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from serial import PARITY_NONE, PARITY_SPACE

from edge_agent.drivers.sas import DRIVER
from edge_agent.errors import ConfigurationError, LinkError
from edge_agent.line import Line
from edge_agent.links import open_link
from edge_agent.links.rfc2217 import Rfc2217Link
from edge_agent.notebook import Notebook
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.station import DeviceIdentity, SerialFormat
from edge_agent.testing.device_server import DeviceServer, Recorder, UartModel
from edge_agent.testing.patience import Stopwatch, wait_until

pytestmark = pytest.mark.integration

SAS = SerialFormat(baud=19200, wakeup_bit=True)
PLAIN = SerialFormat(baud=9600, wakeup_bit=False)
GAP_SECONDS = 0.005


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy computer may keep the server waiting for longer than a line would."""
    monkeypatch.setattr("edge_agent.links.rfc2217.LATE_ANSWER_SECONDS", 10.0)


@contextmanager
def linked(server: DeviceServer, serial_format: SerialFormat = SAS) -> Iterator[Rfc2217Link]:
    link = open_link(f"rfc2217:{server.address}", serial_format)
    assert isinstance(link, Rfc2217Link)
    link.open()
    if not server.delay:
        link.round_trip = 0.001  # a short way, however busy this computer was when it was measured
    yield link
    link.close()


def test_opening_sets_up_the_port_at_the_far_end() -> None:
    with DeviceServer(Recorder()) as server, linked(server) as link:
        assert (server.port.baudrate, server.port.bytesize, server.port.stopbits) == (19200, 8, 1)
        assert server.port.parity == PARITY_SPACE
        assert not server.port.rtscts
        assert repr(link) == f"<Rfc2217Link rfc2217:{server.address} open>"


def test_an_address_leaves_with_the_wakeup_bit_and_the_rest_without() -> None:
    device = Recorder()
    with DeviceServer(device) as server, linked(server) as link:
        link.write(bytes.fromhex("ff0080 ff0001 2f 03 ffff"))
        link.write(bytes.fromhex("ff0081"))

        wait_until(lambda: device.heard.endswith(b"\x81"))

    assert device.heard.hex(" ") == "ff 00 80 ff 00 01 2f 03 ff ff ff 00 81"
    assert server.port.parity == PARITY_SPACE


def test_a_server_that_lags_still_gives_the_address_its_wakeup_bit() -> None:
    """Counted from sending, the address would not have left when `space` is obeyed."""
    device = Recorder()
    with DeviceServer(device) as server, linked(server) as link:
        server.delay = 0.02

        link.write(bytes.fromhex("ff0001 1a"))
        wait_until(lambda: device.heard.endswith(b"\x1a"))

    assert device.heard.hex(" ") == "ff 00 01 1a"


def test_a_server_that_does_not_answer_in_time_holds_no_line_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.links.rfc2217.LATE_ANSWER_SECONDS", 0.01)
    device = Recorder()
    with DeviceServer(device) as server, linked(server) as link:
        server.delay = 0.3

        watch = Stopwatch()
        link.write(bytes.fromhex("ff0001 1a"))

        assert watch.look() < 0.3


def test_what_a_server_says_of_other_options_is_no_data() -> None:
    with DeviceServer(Recorder()) as server, linked(server) as link:
        server.write(bytes.fromhex("fffa1801fff0 fffa2cfff0 1a"))

        assert link.read(5.0).hex() == "1a"


def test_over_a_long_way_no_answer_is_waited_for() -> None:
    device = Recorder()
    with DeviceServer(device, delay=0.05) as server, linked(server) as link:
        watch = Stopwatch()
        link.write(bytes.fromhex("ff0001 1a"))
        took = watch.look()

    assert took < 0.05


def test_the_rest_follows_its_address_within_5_ms() -> None:
    """The shortest of fifty: what else this computer does makes gaps longer, never shorter."""
    device = Recorder()
    with DeviceServer(device) as server, linked(server) as link:
        for _ in range(50):
            link.write(bytes.fromhex("ff0001 1a"))
            link.read(0.005)
        wait_until(lambda: len(server.port.sent) == 100)

    polls = [*zip(server.port.sent[::2], server.port.sent[1::2], strict=True)]
    right = [(address, rest) for address, rest in polls if address.wakeup and not rest.wakeup]
    assert len(right) > len(polls) / 2, "a server held up between its answer and its port may spoil some"
    assert 0 < min(rest.begins - address.ends for address, rest in right) < GAP_SECONDS


def test_what_a_machine_says_arrives_in_the_marked_form() -> None:
    device = Recorder()
    with DeviceServer(device) as server, linked(server) as link:
        device.says = bytes.fromhex("01 ffff 00 1c a5")
        heard = b""
        while len(heard) < 6:
            heard += link.read(5.0)

    assert heard.hex(" ") == "01 ff ff 00 1c a5"


def test_silence_reads_as_nothing_in_its_time() -> None:
    with DeviceServer(Recorder()) as server, linked(server) as link:
        watch, began = Stopwatch(), time.monotonic()

        assert link.read(0.05) == b""
        assert time.monotonic() - began >= 0.05
        assert watch.look() < 2


@pytest.mark.parametrize("error_first", [True, False], ids=["told before", "told behind"])
def test_a_character_alone_with_a_parity_error_is_a_chirp(*, error_first: bool) -> None:
    with DeviceServer(Recorder()) as server, linked(server) as link:
        notice = bytes((0xFF, 0xFA, 44, 106, 0x04, 0xFF, 0xF0))
        server.write(notice + b"\x01" if error_first else b"\x01" + notice)

        assert link.read(5.0).hex(" ") == "ff 00 01"
        server.write(b"\x01")
        assert link.read(5.0).hex(" ") == "01"


def test_a_parity_error_told_long_before_its_character_marks_it_and_no_answer() -> None:
    with DeviceServer(Recorder()) as server, linked(server) as link:
        server.notify(106, 0x04)
        assert link.read(0.2) == b""
        server.write(b"\x01")
        assert link.read(5.0).hex(" ") == "ff 00 01"

        server.notify(106, 0x04)
        assert link.read(0.2) == b""
        server.write(b"\x01\x1a")
        assert link.read(5.0).hex(" ") == "01 1a"


def test_a_break_is_a_zero_with_its_bit_set() -> None:
    with DeviceServer(Recorder()) as server, linked(server) as link:
        server.notify(106, 0x10)

        assert link.read(5.0).hex(" ") == "ff 00 00"


def test_a_table_device_has_a_port_without_parity() -> None:
    device = Recorder()
    with DeviceServer(device) as server, linked(server, PLAIN) as link:
        link.write(b"$\xff\xffA")
        wait_until(lambda: device.heard.endswith(b"A"))
        server.notify(106, 0x14)
        server.write(b"\x01")
        assert link.read(5.0) == b"\x01"
        assert (server.port.baudrate, server.port.parity) == (9600, PARITY_NONE)

    assert device.heard == b"$\xff\xffA"


def test_a_server_whose_port_has_no_mark_parity_is_refused() -> None:
    with DeviceServer(Recorder(), UartModel(parities="NEOS")) as server:
        link = open_link(f"rfc2217:{server.address}", SAS)

        with pytest.raises(LinkError, match=r"does not take mark parity, which is the wakeup bit — use one"):
            link.open()
        assert repr(link).endswith("closed>")


def test_a_server_that_only_copies_bytes_is_told_from_one_that_speaks_rfc_2217(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_agent.links.rfc2217.ANSWER_SECONDS", 0.1)
    with DeviceServer(Recorder(), rfc2217=False) as server:
        link = open_link(f"rfc2217:{server.address}", SAS)

        with pytest.raises(LinkError, match=r"does not speak RFC 2217 — set .* or use tcp:HOST:PORT"):
            link.open()
        assert repr(link).endswith("closed>")


def test_a_long_way_is_measured_and_said() -> None:
    with DeviceServer(Recorder(), delay=0.03) as server, linked(server) as link:
        assert link.round_trip >= 0.03
        (advice,) = link.advice
        assert f"the way there and back takes {round(1000 * link.round_trip)} ms" in advice


def test_polls_that_pause_behind_their_address_are_measured_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes 8 ms over each segment puts as much between an address and its rest."""
    monkeypatch.setattr("edge_agent.links.poll_gaps.JUDGED_POLLS", 10)
    with DeviceServer(Recorder(), delay=0.008) as server, linked(server) as link:
        for _ in range(10):
            link.write(bytes.fromhex("ff0001 1a"))
            link.read(0.05)
        wait_until(lambda: link.read(0.01) or link.advice)

        assert any("paused for more than 5 ms behind their address" in advice for advice in link.advice)


def test_a_connection_that_the_server_closes_is_lost_and_may_be_opened_again() -> None:
    device = Recorder()
    with DeviceServer(device) as server, linked(server) as link:
        server.hang_up()
        with pytest.raises(LinkError, match=r"was lost: .* — check the device server and the network"):
            link.read(10.0)

        link.open()
        link.write(bytes.fromhex("ff0081"))
        wait_until(lambda: device.heard.endswith(b"\x81"))


def test_what_the_server_offers_beyond_is_refused() -> None:
    """Each offer once, however often it comes; this server is one that offers everything but the port."""
    told = b""

    def serve(listening: socket.socket) -> None:
        nonlocal told
        client, _ = listening.accept()
        with client, suppress(OSError):
            client.sendall(bytes.fromhex("fffb01 fffd18 fffd18 fffe2c"))  # WILL ECHO, DO 24 twice, DONT 44
            while data := client.recv(4096):
                told += data

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=serve, args=(listening,))
        server.start()
        link = open_link(f"rfc2217:127.0.0.1:{listening.getsockname()[1]}", SAS)
        with pytest.raises(LinkError, match="does not speak RFC 2217"):
            link.open()
        link.close()
        server.join()

    assert told.count(bytes.fromhex("fffe01")) == told.count(bytes.fromhex("fffc18")) == 1


def test_a_gaming_machine_is_polled_through_a_device_server(tmp_path: Path) -> None:
    spec = default_floor(1, seed=1)[0]
    machine = MachineOnLine(spec, seed=1)
    with DeviceServer(machine) as server, Notebook(tmp_path / "note") as notebook:
        line = Line(
            name="far",
            link=open_link(f"rfc2217:{server.address}", DRIVER.serial_format),
            station=partial(DRIVER.station, DeviceIdentity("slot-1", "USD"), {"address": spec.address}),
            seal=lambda observation: observation.body.model_dump_json().encode(),
            append=lambda _: None,
            notebook=notebook,
            monotonic=time.monotonic,
        )
        line.start()
        wait_until(lambda: line.station.counters.polls > 20)
        line.stop()
        assert line.join(10.0)

    assert line.station.counters.protocol_errors == 0
    assert line.station.counters.polls_unanswered < 5
    addresses = {character.byte for character in server.port.sent if character.wakeup}
    assert addresses == {0x80, 0x80 | spec.address, spec.address}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("rfc2217:host", "does not say which host and TCP port — write rfc2217:HOST:PORT"),
        ("rfc2217::4001", "does not say which host and TCP port"),
        ("rfc2217:host:serial", "has the TCP port 'serial' — write a number from 1 to 65535"),
        ("rfc2217:host:4001?marks=none", "has the option 'marks' — this kind of port has none"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused_by_name(spec: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        open_link(spec, SAS)
