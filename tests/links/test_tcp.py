"""Raw TCP: marks in band or none, and everything that can stand between a gateway and a device server."""

from __future__ import annotations

import errno
import socket
import struct
import time

import pytest

from edge_agent.errors import ConfigurationError, LinkError
from edge_agent.links import Advising, Link, open_link
from edge_agent.station import SerialFormat
from edge_agent.testing.device_server import DeviceServer, Recorder
from edge_agent.testing.patience import wait_until

pytestmark = pytest.mark.integration

SAS = SerialFormat(baud=19200, wakeup_bit=True)
PLAIN = SerialFormat(baud=9600, wakeup_bit=False)
POLL = bytes.fromhex("ff0001 1a ffff")


@pytest.mark.parametrize(
    ("serial_format", "options", "travels"),
    [
        (SAS, "", "ff 00 01 1a ff ff"),
        (SAS, "?marks=in-band", "ff 00 01 1a ff ff"),
        (SAS, "?marks=none", "01 1a ff"),
        (PLAIN, "", "01 1a ff"),
        (PLAIN, "?marks=none", "01 1a ff"),
    ],
)
def test_what_is_written_travels_with_its_marks_or_without(
    serial_format: SerialFormat, options: str, travels: str
) -> None:
    device = Recorder()
    with DeviceServer(device, rfc2217=False) as server:
        link = open_link(f"tcp:{server.address}{options}", serial_format)
        link.open()
        link.write(POLL)
        wait_until(lambda: len(device.heard) == len(travels.split()))
        link.close()

    assert device.heard.hex(" ") == travels


@pytest.mark.parametrize(("options", "travels"), [("", "01 ffff 1c"), ("?marks=none", "01 ff 1c")])
def test_what_is_heard_is_taken_as_it_is_or_as_plain_characters(options: str, travels: str) -> None:
    device = Recorder()
    with DeviceServer(device, rfc2217=False) as server:
        link = open_link(f"tcp:{server.address}{options}", SAS)
        link.open()
        device.says = bytes.fromhex(travels)

        assert read(link, 4).hex(" ") == "01 ff ff 1c"
        link.close()


def test_silence_reads_as_nothing() -> None:
    with DeviceServer(Recorder(), rfc2217=False) as server:
        link = open_link(f"tcp:{server.address}", SAS)
        link.open()

        assert link.read(0.0) == b""
        link.close()


def test_small_writes_are_not_held_back_and_a_dead_server_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[socket.socket] = []
    connect = socket.create_connection

    def watched(address: tuple[str, int], timeout: float) -> socket.socket:
        made.append(connect(address, timeout))
        return made[-1]

    monkeypatch.setattr("edge_agent.links.device_server.socket.create_connection", watched)
    with DeviceServer(Recorder(), rfc2217=False) as server:
        link = open_link(f"tcp:{server.address}", SAS)
        link.open()

        assert made[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert made[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert made[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        link.close()


def test_a_server_that_hangs_up_is_lost_and_found_again() -> None:
    device = Recorder()
    with DeviceServer(device, rfc2217=False) as server:
        link = open_link(f"tcp:{server.address}", SAS)
        link.open()
        server.hang_up()
        with pytest.raises(LinkError, match=r"was lost: the device server closed the connection — check"):
            read(link, 1)

        link.open()
        link.write(POLL)
        wait_until(lambda: device.heard)
        link.close()


def test_a_server_that_resets_is_lost_with_the_systems_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        link = open_link(f"tcp:127.0.0.1:{listening.getsockname()[1]}", SAS)
        link.open()
        client, _ = listening.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

        with pytest.raises(LinkError, match=r"was lost: .*reset by peer"):
            read(link, 1)
        link.close()


def test_a_link_that_is_not_open_is_lost() -> None:
    link = open_link("tcp:127.0.0.1:1", SAS)

    assert repr(link) == "<TcpLink tcp:127.0.0.1:1 closed>"
    with pytest.raises(LinkError, match="it is not open"):
        link.write(b"\x01")


def test_a_port_nobody_serves_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(
        LinkError, match=rf"127.0.0.1 answers and has nothing on TCP port {port} — .*one connection at a time"
    ):
        open_link(f"tcp:127.0.0.1:{port}", SAS).open()


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "there is no host ds-7 — check the name"),
        (TimeoutError("timed out"), "ds-7 does not answer — check its power"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "ds-7 cannot be reached: No route to host — check"),
        (OSError(errno.EAFNOSUPPORT, "Address family not supported"), "may not use the network — allow it"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "may not use the network — allow it"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_stands_in_the_way_is_one_line_with_its_mend(
    monkeypatch: pytest.MonkeyPatch, raised: OSError, said: str
) -> None:
    def refuse(*_: object, **__: object) -> socket.socket:
        raise raised

    monkeypatch.setattr("edge_agent.links.device_server.socket.create_connection", refuse)

    with pytest.raises(LinkError, match=rf"^port tcp:ds-7:4001.* {said}"):
        open_link("tcp:ds-7:4001", SAS).open()


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("tcp:4001", r"does not say which host and TCP port — write tcp:HOST:PORT"),
        ("tcp:ds-7:0", r"has the TCP port '0' — write a number from 1 to 65535"),
        ("tcp:ds-7:65536", r"has the TCP port '65536'"),
        ("tcp:ds-7:", r"has the TCP port ''"),
        ("tcp:fe80::1:4001", r"has the host 'fe80::1' — put an IPv6 address in brackets"),
        ("tcp:ds-7:4001?mark=none", r"has the option 'mark' — known are marks"),
        ("tcp:ds-7:4001?marks=some", r"has marks 'some' — write in-band or none"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused_by_name(spec: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        open_link(spec, SAS)


def test_a_table_device_has_no_marks_to_carry() -> None:
    with pytest.raises(ConfigurationError, match="marks in band for a device without a wakeup bit"):
        open_link("tcp:ds-7:4001?marks=in-band", PLAIN)


@pytest.mark.parametrize(
    ("serial_format", "options", "told"),
    [
        (SAS, "", True),
        (SAS, "?marks=in-band", False),
        (SAS, "?marks=none", False),
        (PLAIN, "", False),
    ],
)
def test_who_did_not_ask_for_marks_is_told_of_them(
    serial_format: SerialFormat, options: str, *, told: bool
) -> None:
    link = open_link(f"tcp:ds-7:4001{options}", serial_format)

    assert isinstance(link, Advising)
    assert [("say ?marks=in-band" in advice) for advice in link.advice] == [True] * told


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert open_link("tcp:[fe80::1]:4001", SAS).name == "tcp:[fe80::1]:4001"


def read(link: Link, characters: int) -> bytes:
    """So many bytes, or what came within some seconds."""
    heard, until = b"", time.monotonic() + 10
    while len(heard) < characters and time.monotonic() < until:
        heard += link.read(0.1)
    return heard
