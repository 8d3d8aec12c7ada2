"""Why there is no way through the proxy, in a sentence; each against a real proxy on loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.credentials import diagnosis
from edge_agent.credentials.dev_pki import PkiPaths, make_pki
from edge_agent.credentials.diagnosis import diagnose
from edge_agent.proxy import Proxy
from edge_agent.testing.proxy import ConnectProxy
from tests.credentials.conftest import broker, server

BROKER = ("broker.example", 443)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), thing="gw-07", server_names=["broker.example"])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "REFUSAL_SECONDS", 0.05)


def ask(pki: PkiPaths, proxy: Proxy, timeout: float = 3.0, endpoint: str = "broker.example") -> str:
    return diagnose(
        endpoint, 443, pki.ca, pki.device_certificate, pki.device_key, proxy=proxy, timeout=timeout
    )


def test_a_broker_behind_the_proxy_that_takes_us_gives_no_reason(pki: PkiPaths) -> None:
    with server(broker(pki, alpn=diagnosis.ALPN)) as port, ConnectProxy({BROKER: port}) as proxy:
        assert ask(pki, Proxy.at(proxy.url)) == ""

    assert proxy.requests == ["CONNECT broker.example:443 HTTP/1.1"]


def test_the_right_user_and_password_are_let_through(pki: PkiPaths, tmp_path: Path) -> None:
    credentials = tmp_path / "proxy"
    credentials.touch(mode=0o600)
    credentials.write_text("gw-07:s:3cret\n", encoding="utf-8")

    with (
        server(broker(pki, alpn=diagnosis.ALPN)) as port,
        ConnectProxy({BROKER: port}, credentials="gw-07:s:3cret") as proxy,
    ):
        assert ask(pki, Proxy.at(proxy.url, credentials)) == ""


def test_a_server_behind_the_proxy_with_another_name(pki: PkiPaths) -> None:
    """The proxy, or whoever has taken it over, can show us another server; its name gives it away."""
    with (
        server(broker(pki, alpn=diagnosis.ALPN)) as port,
        ConnectProxy({("other.example", 443): port}) as proxy,
    ):
        sentence = ask(pki, Proxy.at(proxy.url), endpoint="other.example")

    assert sentence == (
        f"other.example:443 by proxy 127.0.0.1:{proxy.port}: its certificate is for another name"
        " — check uplink.endpoint"
    )


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("400 Bad Request", "the proxy does not understand CONNECT — check uplink.proxy"),
        ("401 Unauthorized", "the proxy does not know us — check uplink.proxy_credentials"),
        ("403 Forbidden", "the proxy does not let us through — have it allow CONNECT to this name and port"),
        ("405 Method Not Allowed", "the proxy does not do CONNECT"),
        ("407 Proxy Authentication Required", "demands a user and a password it knows"),
        ("502 Bad Gateway", "the proxy cannot reach it — check uplink.endpoint, and the proxy's way out"),
        ("503 Service Unavailable", "the proxy cannot reach it"),
        ("504 Gateway Timeout", "the proxy gets no answer from it"),
        ("418 I'm a teapot", "the proxy answers 418 to CONNECT — ask whoever runs it"),
    ],
)
def test_what_a_proxy_refuses_with(pki: PkiPaths, answer: str, complaint: str) -> None:
    with ConnectProxy({}, answer=answer) as proxy:
        sentence = ask(pki, Proxy.at(proxy.url))
        where = f"broker.example:443 by proxy 127.0.0.1:{proxy.port}: "

    assert sentence.startswith(where)
    assert complaint in sentence


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (
            lambda connection: [connection.sendall(b"SSH-2.0-OpenSSH\r\n"), connection.recv(999)],
            "is no HTTP proxy",
        ),
        (lambda connection: connection.sendall(b"HTTP/1.1 " + b"x" * 20_000), "is no HTTP proxy"),
        (lambda connection: connection.recv(1), "the proxy hangs up"),
        (lambda connection: connection.shutdown(socket.SHUT_RDWR), "the proxy hangs up"),
    ],
    ids=["ssh", "endless", "reads and hangs up", "hangs up"],
)
def test_what_is_no_proxy(pki: PkiPaths, answer: Callable[[socket.socket], None], complaint: str) -> None:
    with server(answer) as port:
        assert complaint in ask(pki, Proxy("127.0.0.1", port))


def test_nobody_at_the_proxys_port(pki: PkiPaths) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]

    assert "the proxy refuses the connection — check uplink.proxy" in ask(pki, Proxy("127.0.0.1", port))


def test_a_proxy_that_says_nothing(pki: PkiPaths) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        assert "the proxy does not answer" in ask(pki, Proxy("127.0.0.1", silent.getsockname()[1]), 0.1)


def test_a_proxys_name_that_does_not_exist(pki: PkiPaths) -> None:
    assert "the proxy's name cannot be resolved" in ask(pki, Proxy("proxy.invalid", 3128))


def test_credentials_that_cannot_be_read_are_the_reason(pki: PkiPaths, tmp_path: Path) -> None:
    assert "proxy credentials" in ask(pki, Proxy("127.0.0.1", 1, tmp_path / "missing"))
