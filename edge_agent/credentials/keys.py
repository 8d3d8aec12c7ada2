"""Keys: made on the gateway, EC P-256, and asked for a certificate with.

A private key is written once, by the identity store, and never leaves the gateway; what leaves
is a signing request. `FileKeys` keeps it in a file, `edge_agent.credentials.token` in a token.
"""

from __future__ import annotations

from typing import Protocol

from edge_agent.credentials.certificate import Certificate
from edge_agent.credentials.identity import Generation, IdentityStore
from edge_agent.errors import CredentialError


class Keys(Protocol):
    """A way to have keys."""

    def make(self, store: IdentityStore, generation: Generation) -> None:
        """Make the generation's key, or say where it will be made."""

    def request(self, generation: Generation, common_name: str) -> bytes:
        """A signing request of that key, PEM."""

    def check(self, generation: Generation, certificate: Certificate) -> None:
        """Raise CredentialError unless the certificate is for that key."""

    def forget(self, generation: Generation) -> None:
        """Destroy the key where the store cannot: before the generation is discarded."""


class FileKeys:
    """Keys in files of 0600."""

    def make(self, store: IdentityStore, generation: Generation) -> None:
        """Make a key and keep it."""
        from edge_agent.credentials import signing  # noqa: PLC0415  an extra, which a forwarder does without

        store.keep_key(generation, signing.make_key())

    def request(self, generation: Generation, common_name: str) -> bytes:
        """A signing request of the generation's key."""
        from edge_agent.credentials import signing  # noqa: PLC0415  as make

        return signing.make_request(_read(generation), common_name)

    def check(self, generation: Generation, certificate: Certificate) -> None:
        """Compare the public keys."""
        from edge_agent.credentials import signing  # noqa: PLC0415  as make

        if signing.public_key(_read(generation)) != certificate.public_key:
            raise CredentialError(
                f"the certificate that was issued is not for key {generation.key}",
                "look at the provisioning template and whoever signs",
            )

    def forget(self, generation: Generation) -> None:
        """The store wipes files."""


def _read(generation: Generation) -> bytes:
    try:
        return generation.key.read_bytes()
    except OSError as error:
        raise CredentialError(
            f"key {generation.key} cannot be read: {error.strerror}", "check its owner and its mode"
        ) from error
