"""The silent link between two sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from edge_agent.testing.patience import wait_until
from edge_agent.testing.silent_link import SilentLink

SILENT_FOR = 0.3


@pytest.fixture
def far() -> Iterator[socket.socket]:
    """Where the link leads."""
    with socket.create_server(("127.0.0.1", 0)) as far:
        yield far


@pytest.fixture
def link(far: socket.socket) -> Iterator[SilentLink]:
    with SilentLink(far.getsockname()[1]) as link:
        yield link


def connect(link: SilentLink) -> socket.socket:
    near = socket.create_connection(("127.0.0.1", link.port))
    near.settimeout(SILENT_FOR)
    return near


def accept(far: socket.socket) -> socket.socket:
    end, _ = far.accept()
    end.settimeout(SILENT_FOR)
    return end


def test_bytes_and_the_end_are_carried_both_ways(link: SilentLink, far: socket.socket) -> None:
    with closing(connect(link)) as near, closing(accept(far)) as end:
        near.sendall(b"there")
        assert end.recv(16) == b"there"
        end.sendall(b"back")
        assert near.recv(16) == b"back"

        near.shutdown(socket.SHUT_WR)
        assert end.recv(16) == b""


def test_a_cut_is_silent_for_both_ends_and_for_ever(link: SilentLink, far: socket.socket) -> None:
    with closing(connect(link)) as near, closing(accept(far)) as end:
        link.cut()
        near.sendall(b"lost")
        wait_until(lambda: link.swallowed_bytes == 4)
        link.mend()
        near.sendall(b"lost too")
        wait_until(lambda: link.swallowed_bytes == 12)
        near.shutdown(socket.SHUT_WR)

        for one in (near, end):
            with pytest.raises(TimeoutError):
                one.recv(16)


def test_a_connection_made_during_a_cut_hears_nothing_and_one_made_later_is_carried(
    link: SilentLink, far: socket.socket
) -> None:
    link.cut()
    with closing(connect(link)) as near:
        near.sendall(b"hello")
        wait_until(lambda: link.swallowed_bytes == 5)
    link.mend()

    with closing(connect(link)) as near, closing(accept(far)) as end:
        near.sendall(b"hello again")
        assert end.recv(16) == b"hello again"


def test_what_is_held_arrives_in_order_once_mended(link: SilentLink, far: socket.socket) -> None:
    with closing(connect(link)) as near, closing(accept(far)) as end:
        link.hold()
        near.sendall(b"late")
        with pytest.raises(TimeoutError):
            end.recv(16)

        link.mend()
        assert end.recv(16) == b"late"


def test_nobody_at_the_far_end_is_heard_at_once(far: socket.socket) -> None:
    port = far.getsockname()[1]
    far.close()
    with SilentLink(port) as link, closing(connect(link)) as near:
        assert near.recv(16) == b""
