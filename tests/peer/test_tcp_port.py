"""A TCP port as a machine's port: hosts with marks and without, one at a time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from edge_agent.errors import ConfigurationError, InUseError, LinkError
from edge_agent.peer.ports import make_port
from edge_agent.peer.tcp_port import TcpPort
from edge_agent.sas.wakeup import encode_host_message, marked, stuff
from edge_agent.testing.patience import wait_until

pytestmark = pytest.mark.integration

ANSWER = bytes.fromhex("01 FF 1F 6A 4D")


@pytest.fixture
def port() -> Iterator[TcpPort]:
    port = TcpPort("127.0.0.1", 0)
    port.open(lambda _: None)
    yield port
    port.close()


def number_of(port: TcpPort) -> int:
    return int(port.name.rpartition(":")[2])


def call(port: TcpPort) -> socket.socket:
    return socket.create_connection(("127.0.0.1", number_of(port)), timeout=5.0)


def hear(port: TcpPort) -> bytes:
    heard = b""
    while (stream := port.read(time.monotonic())) is not None:
        heard += stream
    return heard


def hears(port: TcpPort, wanted: bytes) -> None:
    heard = b""

    def so_far() -> bool:
        nonlocal heard
        heard += hear(port)
        return len(heard) >= len(wanted)

    wait_until(so_far, missing=lambda: heard)
    assert heard == wanted


def come(port: TcpPort) -> Callable[[], bool]:
    def has_come() -> bool:
        hear(port)
        return port.has_host

    return has_come


def test_a_host_with_marks_is_told_by_its_first_byte_and_answered_so(port: TcpPort) -> None:
    poll = encode_host_message(bytes.fromhex("01 72 02 FF 00 0F 22"))
    with call(port) as host:
        host.sendall(poll[:1])
        wait_until(come(port))
        host.sendall(poll[1:])
        hears(port, poll)

        port.write(stuff(ANSWER))
        port.write(marked(1))

        said = stuff(ANSWER) + marked(1)
        assert host.recv(len(said), socket.MSG_WAITALL) == said


def test_a_plain_host_is_told_by_the_table_and_answered_plainly(port: TcpPort) -> None:
    with call(port) as host:
        host.sendall(bytes.fromhex("80 01 1A"))
        hears(port, marked(0x80) + marked(1) + b"\x1a")

        port.write(stuff(ANSWER))

        assert host.recv(len(ANSWER), socket.MSG_WAITALL) == ANSWER


def test_a_plain_host_may_begin_with_the_last_address(port: TcpPort) -> None:
    with call(port) as host:
        host.sendall(b"\xff")
        wait_until(come(port))
        host.sendall(b"\x81")

        hears(port, marked(0xFF) + marked(0x81))


def test_before_a_host_has_spoken_it_hears_plain_chirps(port: TcpPort) -> None:
    with call(port) as host:
        wait_until(come(port))

        port.write(marked(5))

        assert host.recv(1) == b"\x05"


def test_a_second_host_is_turned_away_and_may_come_later(port: TcpPort) -> None:
    with call(port) as first, call(port) as second:
        wait_until(come(port))
        wait_until(lambda: hear(port) == b"")
        assert second.recv(1) == b""

        first.sendall(b"\x80")
        hears(port, marked(0x80))
    wait_until(lambda: (hear(port), not port.has_host)[1])

    with call(port) as third:
        third.sendall(b"\x81")
        hears(port, marked(0x81))


def test_each_host_is_found_out_anew(port: TcpPort) -> None:
    with call(port) as host:
        host.sendall(encode_host_message(b"\x80"))
        hears(port, marked(0x80))
    wait_until(lambda: (hear(port), not port.has_host)[1])

    with call(port) as host:
        host.sendall(b"\x80")
        hears(port, marked(0x80))


def test_a_host_that_does_not_read_is_disconnected(port: TcpPort) -> None:
    with call(port) as host:
        host.sendall(b"\x80")
        hears(port, marked(0x80))

        while port.has_host:
            port.write(b"\x55" * 65536)

    port.write(b"\x01")
    assert hear(port) == b""


@pytest.mark.parametrize(("query", "has_marks"), [("?marks=none", False), ("?marks=in-band", True)])
def test_what_a_host_sends_may_be_given(query: str, has_marks: bool) -> None:  # noqa: FBT001
    with closing(make_port(f"tcp:127.0.0.1:0{query}", by_table=False)) as port:
        assert isinstance(port, TcpPort)
        port.open(lambda _: None)
        with call(port) as host:
            host.sendall(b"\xff\x00\x81")

            hears(port, marked(0x81) if has_marks else marked(0x7F | 0x80) + marked(0) + b"\x81")


def test_without_a_host_in_the_link_it_listens_on_loopback() -> None:
    with closing(make_port("tcp:0", by_table=True)) as port:
        port.open(lambda _: None)

        assert port.name.startswith("tcp:127.0.0.1:")


def test_an_ipv6_address_stands_in_brackets() -> None:
    with closing(make_port("tcp:[::1]:0", by_table=False)) as port:
        try:
            port.open(lambda _: None)
        except LinkError:
            pytest.skip("this computer has no IPv6")
        assert port.name.startswith("tcp:[::1]:")


@pytest.mark.parametrize("link", ["tcp:localhost", "tcp:localhost:x", "tcp:localhost:65536"])
def test_a_link_without_a_port_is_refused(link: str) -> None:
    with pytest.raises(ConfigurationError, match=r"has no TCP port — write tcp:HOST:PORT"):
        make_port(link, by_table=False)


@pytest.mark.parametrize("link", ["tcp:4001?marks=maybe", "tcp:4001?speed=1"])
def test_an_option_nobody_knows_is_refused(link: str) -> None:
    with pytest.raises(ConfigurationError, match=r"write \?marks=in-band or \?marks=none"):
        make_port(link, by_table=False)


def test_a_port_that_is_held_is_said_plainly(port: TcpPort) -> None:
    with pytest.raises(InUseError, match="is held by another program — stop it"):
        TcpPort("127.0.0.1", number_of(port)).open(lambda _: None)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_said_plainly(host: str) -> None:
    with pytest.raises(LinkError, match=r"cannot be opened: .* — name an address of this computer"):
        TcpPort(host, 0).open(lambda _: None)
