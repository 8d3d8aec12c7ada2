"""Certificates that a test may change, and a TLS server on loopback to find out about by connecting."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from edge_agent.credentials.dev_pki import PkiPaths, make_pki


@pytest.fixture
def pki(tmp_path: Path) -> PkiPaths:
    """Certificates for gateway gw-07 and its broker, this test's own."""
    return make_pki(tmp_path / "pki", thing="gw-07")


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server for one connection; its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            with suppress(OSError):
                connection, _peer = listening.accept()
                with connection, suppress(OSError):
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def broker(
    pki: PkiPaths, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, alpn: str = "", *, hang_up: bool = False
) -> Callable[[socket.socket], None]:
    """Shakes hands as a broker does, and then listens."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(pki.ca)
    context.load_cert_chain(pki.server_certificate, pki.server_key)
    if alpn:
        context.set_alpn_protocols([alpn])

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            if not hang_up:
                secure.recv(1)

    return answer
