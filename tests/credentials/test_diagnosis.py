"""Why a connection fails, in a sentence; each against a real TLS server on loopback."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.credentials import diagnosis
from edge_agent.credentials.dev_pki import PkiPaths, Validity, issue, make_ca, make_pki
from edge_agent.credentials.diagnosis import diagnose
from tests.credentials.conftest import broker, server

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def ask(pki: PkiPaths, port: int, endpoint: str = "localhost", timeout: float = 3.0) -> str:
    return diagnose(endpoint, port, pki.ca, pki.device_certificate, pki.device_key, timeout=timeout)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_broker_that_takes_us_gives_no_reason(
    pki: PkiPaths, version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "REFUSAL_SECONDS", 0.05)

    with server(broker(pki, version)) as port:
        assert ask(pki, port) == ""


def test_a_server_not_signed_by_our_ca(pki: PkiPaths, tmp_path: Path) -> None:
    foreign = make_pki(tmp_path / "foreign", thing="gw-07")

    with server(broker(foreign)) as port:
        sentence = ask(pki, port)

    assert sentence == (
        f"localhost:{port}: its certificate is not signed by our CA — check uplink.ca and uplink.endpoint"
    )


@pytest.mark.parametrize(
    ("validity", "complaint"),
    [(Validity.expired(), "has expired"), (Validity.not_yet(), "is not yet valid")],
)
def test_a_server_certificate_at_the_wrong_time(pki: PkiPaths, validity: Validity, complaint: str) -> None:
    ca = make_ca()
    pki.ca.write_bytes(ca.pem)
    issue(ca, "localhost", server_names=["localhost"], validity=validity).write(
        pki.server_certificate, pki.server_key
    )

    with server(broker(pki)) as port:
        assert f"its certificate {complaint}" in ask(pki, port)


@pytest.mark.parametrize(
    ("endpoint", "complaint"), [("localhost", "for another name"), ("127.0.0.1", "for another address")]
)
def test_a_server_with_another_name(pki: PkiPaths, endpoint: str, complaint: str) -> None:
    ca = make_ca()
    pki.ca.write_bytes(ca.pem)
    issue(ca, "elsewhere", server_names=["elsewhere"]).write(pki.server_certificate, pki.server_key)

    with server(broker(pki)) as port:
        assert complaint in ask(pki, port, endpoint)


def test_a_server_certificate_wrong_in_another_way_is_told_in_openssls_words(pki: PkiPaths) -> None:
    ca = make_ca()
    pki.ca.write_bytes(ca.pem)
    issue(ca, "localhost").write(pki.server_certificate, pki.server_key)

    with server(broker(pki)) as port:
        assert "its certificate is refused: unsuitable certificate purpose" in ask(pki, port)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_broker_that_does_not_know_who_signed_us(
    pki: PkiPaths, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    foreign = make_ca()
    (tmp_path / "foreign.pem").write_bytes(foreign.pem)

    with server(broker(replace(pki, ca=tmp_path / "foreign.pem"), version)) as port:
        assert "it does not know who signed our certificate" in ask(pki, port)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_broker_that_finds_our_certificate_expired(pki: PkiPaths, version: ssl.TLSVersion) -> None:
    ca = make_ca()
    ours = PkiPaths.within(pki.ca.parent)
    pki.ca.write_bytes(ca.pem)
    issue(ca, "localhost", server_names=["localhost"]).write(ours.server_certificate, ours.server_key)
    issue(ca, "gw-07", validity=Validity.expired()).write(ours.device_certificate, ours.device_key)

    with server(broker(ours, version)) as port:
        assert "it says our certificate has expired" in ask(pki, port)


def test_a_broker_that_hangs_up_after_the_handshake(pki: PkiPaths) -> None:
    with server(broker(pki, hang_up=True)) as port:
        assert "hangs up on our certificate without a word" in ask(pki, port)


def test_a_server_that_closes_in_the_middle_of_the_handshake(pki: PkiPaths) -> None:
    with server(lambda connection: connection.shutdown(socket.SHUT_RDWR)) as port:
        assert "hangs up" in ask(pki, port)


def test_a_server_that_does_not_speak_tls(pki: PkiPaths) -> None:
    with server(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert "it does not speak TLS there" in ask(pki, port)


def test_a_server_that_shares_no_version_of_tls_is_told_in_openssls_words(pki: PkiPaths) -> None:
    # A fatal alert, protocol_version, from a server of the nineties.
    with server(lambda connection: connection.sendall(bytes.fromhex("15030100020246"))) as port:
        assert "TLS fails: tlsv1 alert protocol version" in ask(pki, port)


def test_port_443_asks_for_mqtt_by_name(pki: PkiPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(broker(pki, alpn=diagnosis.ALPN)) as port:
        monkeypatch.setattr(diagnosis, "HTTPS_PORT", port)
        monkeypatch.setattr(diagnosis, "REFUSAL_SECONDS", 0.05)
        assert ask(pki, port) == ""


def test_nobody_at_that_port(pki: PkiPaths) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]

    assert ask(pki, port) == (
        f"localhost:{port}: the connection is refused — check uplink.port, and that the broker is up"
    )


def test_a_server_that_says_nothing(pki: PkiPaths) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        assert "no answer" in ask(pki, listening.getsockname()[1], timeout=0.1)


def test_a_name_that_does_not_exist(pki: PkiPaths) -> None:
    assert "the name cannot be resolved" in ask(pki, 8883, "gateway.invalid")


def test_an_address_without_a_route(pki: PkiPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_arguments: object, **_options: object) -> socket.socket:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", unreachable)

    assert "it cannot be reached: Network is unreachable" in ask(pki, 8883)


def test_files_that_cannot_be_used_are_the_reason(pki: PkiPaths) -> None:
    pki.device_key.unlink()
    assert "No such file" in ask(pki, 8883)

    pki.ca.unlink()
    assert "No such file" in ask(pki, 8883)
