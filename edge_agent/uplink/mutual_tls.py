"""Mutual TLS with the SDK: the one place that builds an MQTT client, and so the one that says what is safe.

Whatever the way, direct, on port 443 or through a proxy, and wherever the key is, in a file or a token:
TLS 1.2 at least, the roots of `ca` and no others, and the server's name checked against `endpoint`.
The SDK checks names by itself, and is told never to do without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from awscrt import mqtt5
from awscrt.http import HttpProxyAuthenticationType, HttpProxyConnectionType, HttpProxyOptions
from awscrt.io import ClientTlsContext, Pkcs11Lib, TlsContextOptions, TlsVersion

from edge_agent.errors import CredentialError
from edge_agent.private_file import read_secret
from edge_agent.proxy import Proxy
from edge_agent.uplink.base import TokenKey

HTTPS_PORT = 443
# AWS IoT Core: MQTT on 443 is asked for by this name.
ALPN = "x-amzn-mqtt-ca"
# What our callers name, and where the SDK has it.
_OF_CONNECT = {"client_id", "keep_alive_interval_sec", "receive_maximum", "will"}
_CALLBACKS = {
    "on_publish_received": "on_publish_callback_fn",
    **{
        f"on_lifecycle_{event}": f"on_lifecycle_event_{event}_fn"
        for event in (
            "attempting_connect",
            "connection_failure",
            "connection_success",
            "disconnection",
            "stopped",
        )
    },
}


class Peer(Protocol):
    """Where to connect, and what to prove ourselves with."""

    @property
    def endpoint(self) -> str:
        """The server's name, which its certificate must have."""

    @property
    def port(self) -> int:
        """8883, or 443 by ALPN."""

    @property
    def ca(self) -> Path:
        """The roots to trust, and no others."""

    @property
    def certificate(self) -> Path:
        """Ours."""

    @property
    def key(self) -> Path | TokenKey:
        """Its key."""

    @property
    def proxy(self) -> Proxy | None:
        """What stands between, if anything."""


def make_client(peer: Peer, **options: Any) -> Any:  # noqa: ANN401  awscrt has no types
    """An MQTT 5 client, not started. Raises CredentialError for what the SDK says no to at once."""
    connect = {name: value for name, value in options.items() if name in _OF_CONNECT}
    rest = {_CALLBACKS.get(name, name): value for name, value in options.items() if name not in _OF_CONNECT}
    try:
        return mqtt5.Client(
            mqtt5.ClientOptions(
                host_name=peer.endpoint,
                port=peer.port,
                tls_ctx=ClientTlsContext(_tls(peer)),
                http_proxy_options=None if peer.proxy is None else _through(peer.proxy),
                connect_options=mqtt5.ConnectPacket(**connect),
                disable_metrics=True,
                **rest,
            )
        )
    except (RuntimeError, OSError) as error:
        raise CredentialError(
            f"TLS cannot use {peer.certificate} and {peer.key}: {error}", "run edge-agent certs check"
        ) from error


def _tls(peer: Peer) -> TlsContextOptions:
    options = _identity(peer)
    options.min_tls_ver = TlsVersion.TLSv1_2  # the SDK's own default still admits TLS 1.0
    options.verify_peer = True
    options.override_default_trust_store_from_path(ca_filepath=str(peer.ca))
    if peer.port == HTTPS_PORT:
        options.alpn_list = [ALPN]
    return options


def _identity(peer: Peer) -> TlsContextOptions:
    key = peer.key
    if isinstance(key, Path):
        return TlsContextOptions.create_client_with_mtls_from_path(str(peer.certificate), str(key))
    return TlsContextOptions.create_client_with_mtls_pkcs11(
        pkcs11_lib=Pkcs11Lib(file=str(key.library)),
        user_pin=read_secret("PIN file", key.pin_file),
        token_label=key.token_label,
        private_key_label=key.key_label,
        cert_file_path=str(peer.certificate),
    )


def _through(proxy: Proxy) -> HttpProxyOptions:
    identity = proxy.user_and_password()
    basic, nothing = HttpProxyAuthenticationType.Basic, HttpProxyAuthenticationType.Nothing
    user, password = identity or (None, None)
    return HttpProxyOptions(
        proxy.host,
        proxy.port,
        auth_type=nothing if identity is None else basic,
        auth_username=user,
        auth_password=password,
        connection_type=HttpProxyConnectionType.Tunneling,
    )
