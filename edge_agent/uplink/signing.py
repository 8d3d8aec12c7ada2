"""Signing: with the key the gateway proves itself with, by the SDK that uses it anyway."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from awscrt import crypto

from edge_agent.errors import CredentialError


def sign(key: Path, text: bytes) -> bytes:
    """The signature of `text` by a private key in a PEM file, SHA-256: ECDSA in DER, or RSA PKCS #1 v1.5.

    Raises CredentialError for a key that cannot be read or is of another kind.
    """
    try:
        pem = key.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialError(
            f"key {key} cannot be read", "check the path, its owner and its mode"
        ) from error
    digest = hashlib.sha256(text).digest()
    try:
        if "RSA PRIVATE KEY" not in pem:
            return bytes(crypto.EC.new_key_from_der_data(_der(pem)).sign(digest))
    except (RuntimeError, ValueError):
        pass  # PKCS #8 does not say of which kind it is
    try:
        rsa = crypto.RSA.new_private_key_from_pem_data(pem)
        return bytes(rsa.sign(crypto.RSASignatureAlgorithm.PKCS1_5_SHA256, digest))
    except (RuntimeError, ValueError) as error:
        raise CredentialError(
            f"key {key} signs nothing", "use an EC key (P-256, P-384) or an RSA key"
        ) from error


def _der(pem: str) -> bytes:
    """What the private key's block holds: others, as `EC PARAMETERS`, may stand before it."""
    _before, _begin, block = pem.partition("PRIVATE KEY-----")
    return base64.b64decode("".join(block.partition("-----")[0].split()))
