"""What the real SDK checks of a server, whichever way it goes and wherever the key is."""

from __future__ import annotations

import queue
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.credentials.dev_pki import LOOPBACK, PkiPaths, issue, make_ca, make_pki
from edge_agent.errors import CredentialError
from edge_agent.proxy import Proxy
from edge_agent.testing.patience import PATIENCE_SECONDS
from edge_agent.testing.proxy import ConnectProxy
from edge_agent.testing.softhsm import KEY, PIN, TOKEN, softhsm, softhsm_library
from edge_agent.uplink.base import TokenKey
from edge_agent.uplink.mutual_tls import ALPN, make_client

pytestmark = pytest.mark.integration

needs_softhsm = pytest.mark.skipif(softhsm_library() is None, reason="needs SoftHSM (apt install softhsm2)")
# A handshake on loopback takes milliseconds; a client that refuses a server says nothing for 10 s and more.
SILENT_FOR = 0.6
STOPPED_WITHIN = 0.2


@dataclass(frozen=True, slots=True)
class Where:
    """A peer of `make_client`."""

    ca: Path
    certificate: Path
    key: Path | TokenKey
    port: int
    endpoint: str = "localhost"
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a server learnt of one client."""

    version: str | None
    alpn: str | None
    name: str
    first: bytes


class Server:
    """A TLS server that takes one client, and says what it heard first, if anything."""

    def __init__(self, context: ssl.SSLContext, listening: socket.socket) -> None:
        self._context = context
        self._listening = listening
        self._names: list[str] = []
        self._accepted: list[socket.socket] = []
        context.sni_callback = lambda _socket, name, _context: self._names.append(name or "")
        self.heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self.port = int(listening.getsockname()[1])

    def serve(self) -> None:
        with suppress(OSError):
            connection, _ = self._listening.accept()
            self._accepted.append(connection.dup())  # TLS takes the other one over
            connection.settimeout(PATIENCE_SECONDS)
            with connection, self._context.wrap_socket(connection, server_side=True) as secure:
                first = secure.recv(64)
                if first:
                    name = self._names[0] if self._names else ""
                    self.heard.put(Heard(secure.version(), secure.selected_alpn_protocol(), name, first))

    def end(self) -> None:
        for open_one in (self._listening, *self._accepted):
            with closing(open_one), suppress(OSError):
                open_one.shutdown(socket.SHUT_RDWR)


@contextmanager
def server(context: ssl.SSLContext) -> Iterator[Server]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        serving = Server(context, listening)
        thread = threading.Thread(target=serving.serve)
        thread.start()
        try:
            yield serving
        finally:
            serving.end()
            thread.join()


def context_of(pki: PkiPaths) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(pki.ca)
    context.load_cert_chain(pki.server_certificate, pki.server_key)
    return context


@contextmanager
def trying(where: Where) -> Iterator[None]:
    """The SDK's client trying to connect."""
    stopped: queue.SimpleQueue[Any] = queue.SimpleQueue()
    client = make_client(where, client_id="gw-07-events", on_lifecycle_stopped=stopped.put)
    client.start()
    try:
        yield
    finally:
        client.stop()  # after a refusal it waits for 10 s and more on purpose, and we do not
        with suppress(queue.Empty):
            stopped.get(timeout=STOPPED_WITHIN)


def hears(serving: Server, where: Where) -> Heard:
    with trying(where):
        return serving.heard.get(timeout=PATIENCE_SECONDS)


def hears_nothing(serving: Server, where: Where) -> bool:
    with trying(where):
        try:
            serving.heard.get(timeout=SILENT_FOR)
        except queue.Empty:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Floor:
    """Two servers of one authority, one of which has the name it is called by."""

    rightly: PkiPaths
    wrongly: PkiPaths


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Floor:
    folder = tmp_path_factory.mktemp("pki")
    rightly = make_pki(folder, thing="gw-07")  # for its device
    wrongly = replace(rightly, server_certificate=folder / "other.pem", server_key=folder / "other.key")
    ca = make_ca()
    rightly.ca.write_bytes(ca.pem)
    for paths, names in ((rightly, ("broker.example", *LOOPBACK)), (wrongly, ("other.example",))):
        issue(ca, names[0], server_names=names).write(paths.server_certificate, paths.server_key)
    issue(ca, "gw-07").write(rightly.device_certificate, rightly.device_key)
    return Floor(rightly, wrongly)


@pytest.fixture(scope="module")
def pki(floor: Floor) -> PkiPaths:
    return floor.rightly


@pytest.fixture
def where(pki: PkiPaths) -> Where:
    return Where(pki.ca, pki.device_certificate, pki.device_key, port=0)


def connects(heard: Heard) -> bool:
    return heard.first[0] == 0x10  # CONNECT


def test_the_newest_tls_is_taken_and_the_server_is_named(pki: PkiPaths, where: Where) -> None:
    with server(context_of(pki)) as serving:
        heard = hears(serving, replace(where, port=serving.port))

    assert connects(heard)
    assert (heard.version, heard.name, heard.alpn) == ("TLSv1.3", "localhost", None)


def test_tls_1_2_still_does(pki: PkiPaths, where: Where) -> None:
    context = context_of(pki)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with server(context) as serving:
        heard = hears(serving, replace(where, port=serving.port))

    assert connects(heard)
    assert heard.version == "TLSv1.2"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_1_does_not(pki: PkiPaths, where: Where) -> None:
    context = context_of(pki)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.maximum_version = ssl.TLSVersion.TLSv1_1

    with server(context) as serving:
        assert hears_nothing(serving, replace(where, port=serving.port))


def test_port_443_is_asked_for_mqtt_by_name(pki: PkiPaths, where: Where) -> None:
    context = context_of(pki)
    context.set_alpn_protocols([ALPN])

    with server(context) as serving, ConnectProxy({("broker.example", 443): serving.port}) as proxy:
        through = replace(where, endpoint="broker.example", port=443, proxy=Proxy.at(proxy.url))
        heard = hears(serving, through)

    assert connects(heard)
    assert (heard.alpn, heard.name) == (ALPN, "broker.example")
    assert proxy.requests[0] == "CONNECT broker.example:443 HTTP/1.1"


def in_a_token(folder: Path, key: Path) -> TokenKey:
    library = softhsm_library()
    assert library is not None
    subprocess.run(
        [
            "softhsm2-util", "--import", str(key), "--token", TOKEN,
            "--label", KEY, "--id", "01", "--pin", PIN,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return TokenKey(library, TOKEN, KEY, folder / "pin")


@pytest.mark.parametrize("kept", ["in a file", pytest.param("in a token", marks=needs_softhsm)])
@pytest.mark.parametrize("way", ["8883", "8883 by proxy", "443 by proxy"])
@pytest.mark.parametrize("named", ["rightly", "wrongly"])
def test_a_server_of_another_name_is_told_nothing(
    floor: Floor, tmp_path: Path, kept: str, way: str, named: str
) -> None:
    """With its certificate from the right authority, over every way, wherever the key is."""
    pki = floor.rightly if named == "rightly" else floor.wrongly
    port = 443 if way.startswith("443") else 8883
    context = context_of(pki)
    context.set_alpn_protocols([ALPN])

    with server(context) as serving, softhsm_if(kept, tmp_path / "hsm"):
        key = pki.device_key if kept == "in a file" else in_a_token(tmp_path / "hsm", pki.device_key)
        with ConnectProxy({("broker.example", port): serving.port}) as proxy:
            peer = Where(pki.ca, pki.device_certificate, key, serving.port)
            if "proxy" in way:
                peer = replace(peer, endpoint="broker.example", port=port, proxy=Proxy.at(proxy.url))
            if named == "rightly":
                assert connects(hears(serving, peer))
            else:
                assert hears_nothing(serving, peer)


@contextmanager
def softhsm_if(kept: str, folder: Path) -> Iterator[None]:
    if kept == "in a file":
        yield
    else:
        with softhsm(folder):
            yield


def test_a_server_of_another_authority_is_told_nothing(pki: PkiPaths, where: Where, tmp_path: Path) -> None:
    foreign = make_pki(tmp_path / "foreign", thing="gw-07")
    stranger = replace(pki, server_certificate=foreign.server_certificate, server_key=foreign.server_key)

    with server(context_of(stranger)) as serving:
        assert hears_nothing(serving, replace(where, port=serving.port))


def test_files_that_are_no_certificates_are_named(where: Where, tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("nothing", encoding="utf-8")

    with pytest.raises(CredentialError, match=r"TLS cannot use .*rubbish\.pem"):
        make_client(replace(where, certificate=rubbish), client_id="x")
    with pytest.raises(CredentialError, match="TLS cannot use"):
        make_client(replace(where, ca=rubbish), client_id="x")
    with pytest.raises(CredentialError, match="TLS cannot use"):
        make_client(replace(where, ca=tmp_path / "missing.pem"), client_id="x")
