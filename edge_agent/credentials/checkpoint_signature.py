"""Whether a checkpoint was signed with a certificate's key; with cryptography (extra `credentials`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from edge_agent.errors import CredentialError


def checker_of(paths: Sequence[Path]) -> Callable[[bytes, bytes, str], bool | None]:
    """What checks (text, signature, SHA-256 of the certificate in hex) with the certificates in PEM files.

    It answers None where none of them is the one that is named. Who issued them it does not ask:
    whoever hands them in trusts them.

    Raises:
        CredentialError: a file has no certificate that can be read, or one with a key of another kind.
    """
    keys = {}
    for path in paths:
        for certificate in _read(path):
            keys[certificate.fingerprint(SHA256()).hex()] = _key(certificate, path)

    def check(text: bytes, signature: bytes, fingerprint: str) -> bool | None:
        key = keys.get(fingerprint.lower().replace(":", ""))
        return None if key is None else _is_good(key, signature, text)

    return check


def _read(path: Path) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise CredentialError(
            f"certificate {path} cannot be read: {error.strerror}", "check the path, its owner and its mode"
        ) from error
    except ValueError as error:
        raise CredentialError(
            f"certificate {path} is not a certificate in PEM", "name the gateway's certificate"
        ) from error


def _key(certificate: x509.Certificate, path: Path) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise CredentialError(
            f"certificate {path} has a key that is neither EC nor RSA", "name the gateway's certificate"
        )
    return key


def _is_good(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, signature: bytes, text: bytes) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, text, padding.PKCS1v15(), SHA256())
        else:
            key.verify(signature, text, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
