"""The double of the nucleus' socket: its limits, and the trouble it makes on request."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from edge_agent.nucleus import Nucleus, NucleusError
from edge_agent.testing.nucleus import JAVA, LITE, Flavour, NucleusDouble, wire
from edge_agent.testing.nucleus.double import leaves, merge
from edge_agent.testing.nucleus.wire import Message, MessageType

SECONDS = 60.0


def test_a_header_is_counted_in_bytes() -> None:
    message = Message(MessageType.PING, headers={"größe": "viel", "n": -1})

    assert wire.decode(wire.encode(message)) == message


@pytest.fixture
def raw() -> Iterator[tuple[NucleusDouble, socket.socket]]:
    """A socket of our own to a nucleus."""
    with NucleusDouble(flavour=LITE) as double, socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(SECONDS)
        plain.connect(str(double.socket))
        yield double, plain


def hello(double: NucleusDouble) -> bytes:
    return wire.encode(
        Message(MessageType.CONNECT, headers={}, payload=json.dumps({"authToken": double.token}).encode())
    )


def heard(plain: socket.socket) -> Message:
    prelude = plain.recv(wire.PRELUDE_BYTES, socket.MSG_WAITALL)
    return wire.decode(prelude + plain.recv(wire.length(prelude) - len(prelude), socket.MSG_WAITALL))


@pytest.mark.integration
def test_messages_may_come_byte_by_byte_and_on_top_of_each_other(
    raw: tuple[NucleusDouble, socket.socket],
) -> None:
    double, plain = raw
    ping = wire.encode(Message(MessageType.PING, payload=b"there?"))
    for byte in hello(double):
        plain.sendall(bytes([byte]))

    plain.sendall(ping + ping)

    assert heard(plain).flags == wire.CONNECTION_ACCEPTED
    assert [heard(plain).payload, heard(plain).payload] == [b"there?", b"there?"]


@pytest.mark.integration
@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1\r\n\r\n", bytes(64), b"\xff" * 64])
def test_rubbish_is_hung_up_on(raw: tuple[NucleusDouble, socket.socket], rubbish: bytes) -> None:
    _double, plain = raw

    plain.sendall(rubbish)

    assert is_hung_up(plain)


@pytest.mark.integration
def test_whoever_says_nothing_of_who_it_is_is_hung_up_on(raw: tuple[NucleusDouble, socket.socket]) -> None:
    _double, plain = raw

    plain.sendall(wire.encode(Message(MessageType.APPLICATION, stream=1)))

    assert is_hung_up(plain)


@pytest.mark.integration
@pytest.mark.parametrize(("size", "taken"), [(10_000, True), (10_001, False)])
def test_lite_takes_packets_of_ten_thousand_bytes(
    raw: tuple[NucleusDouble, socket.socket], size: int, *, taken: bool
) -> None:
    double, plain = raw
    around = len(wire.encode(Message(MessageType.PING)))
    plain.sendall(hello(double))
    heard(plain)

    plain.sendall(wire.encode(Message(MessageType.PING, payload=bytes(size - around))))

    if taken:
        assert heard(plain).kind == MessageType.PING_RESPONSE
    else:
        assert is_hung_up(plain)


def is_hung_up(plain: socket.socket) -> bool:
    with contextlib.suppress(ConnectionResetError):
        return plain.recv(1) == b""
    return True


@pytest.mark.integration
def test_the_next_calls_fail_as_asked_and_the_one_after_them_does_not() -> None:
    with NucleusDouble({"site": "harbour"}) as double, Nucleus.connect(double.environment) as nucleus:
        double.failing = ["ServiceError", "UnauthorizedError"]

        for name in ("ServiceError", "UnauthorizedError"):
            with pytest.raises(NucleusError) as refused:
                nucleus.configuration()
            assert refused.value.code == name
        assert nucleus.configuration() == {"site": "harbour"}


@pytest.mark.integration
@pytest.mark.parametrize(("flavour", "known"), [(JAVA, True), (LITE, False)])
def test_after_a_restart_of_the_ipc_only_the_java_nucleus_knows_the_token(
    flavour: Flavour, *, known: bool
) -> None:
    with NucleusDouble(flavour=flavour) as double:
        before = double.environment

        double.restart()

        with contextlib.nullcontext() if known else pytest.raises(NucleusError):
            Nucleus.connect(before).close()


@pytest.mark.integration
def test_what_lite_has_on_its_way_is_lost_with_the_connection_and_the_java_nucleus_has_it_still() -> None:
    """Eight of eight, as measured."""
    control = {"operations": ["aws.greengrass#PublishToIoTCore"], "resources": ["a"]}
    configuration = {"accessControl": {"aws.greengrass.ipc.mqttproxy": {"p": control}}}
    for flavour, lost in ((LITE, 8), (JAVA, 0)):
        with (
            NucleusDouble(configuration, flavour=flavour, puback_seconds=60) as double,
            Nucleus.connect(double.environment) as nucleus,
        ):
            for _publish in range(8):
                nucleus.publish("a", b"x").result(SECONDS)

            double.go_offline()
            double.go_online()

            assert len(double.cloud.lost) == lost
            assert len(double.arrived) == 8 - lost


def test_a_double_leaves_no_thread_and_no_socket() -> None:
    with NucleusDouble() as double:
        assert "nucleus-double" in {thread.name for thread in threading.enumerate()}

    assert "nucleus-double" not in {thread.name for thread in threading.enumerate()}
    assert not double.socket.exists()


def test_a_merge_keeps_what_it_does_not_name() -> None:
    configuration = {"lines": {"a": {"port": "1"}}, "site": "x"}

    merge(configuration, {"lines": {"b": {"port": "2"}}})

    assert configuration == {"lines": {"a": {"port": "1"}, "b": {"port": "2"}}, "site": "x"}
    assert list(leaves({"lines": {"b": {"port": "2"}}, "n": {}})) == [("lines", "b", "port"), ("n",)]
