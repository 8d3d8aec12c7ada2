"""Mutual TLS with the SDK: a client whose key is a file, or lies in a token and stays there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from awscrt.io import Pkcs11Lib
from awsiot import mqtt5_client_builder

from edge_agent.errors import CredentialError
from edge_agent.private_file import read_secret
from edge_agent.uplink.base import TokenKey


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


def make_client(peer: Peer, **options: Any) -> Any:  # noqa: ANN401  awscrt has no types
    """An MQTT 5 client, not started. Raises CredentialError for what the SDK says no to at once."""
    common = {
        **options,
        "endpoint": peer.endpoint,
        "port": peer.port,
        "ca_filepath": str(peer.ca),
        "cert_filepath": str(peer.certificate),
        "enable_metrics_collection": False,
    }
    key = peer.key
    try:
        if isinstance(key, Path):
            return mqtt5_client_builder.mtls_from_path(pri_key_filepath=str(key), **common)
        return mqtt5_client_builder.mtls_with_pkcs11(
            pkcs11_lib=Pkcs11Lib(file=str(key.library)),
            user_pin=read_secret("PIN file", key.pin_file),
            token_label=key.token_label,
            private_key_label=key.key_label,
            **common,
        )
    except RuntimeError as error:
        raise CredentialError(
            f"TLS cannot use {peer.certificate} and {key}: {error}", "run edge-agent certs check"
        ) from error
