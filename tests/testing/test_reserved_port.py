"""A reserved port: a server may come and go on it, and nobody else is given it."""

from __future__ import annotations

import socket

import pytest

from edge_agent.testing.reserved_port import ReservedPort


def test_whoever_connects_is_refused_until_a_server_listens_and_after_it_has_gone() -> None:
    with ReservedPort() as port:
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port.number), timeout=5)
            with (
                socket.create_server(("127.0.0.1", port.number)),
                socket.create_connection(("127.0.0.1", port.number), timeout=5) as client,
            ):
                assert client.getpeername()[1] == port.number


def test_it_stays_reserved_while_nobody_listens() -> None:
    with ReservedPort() as port, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port.number))
