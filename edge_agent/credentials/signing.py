"""Making a key and a signing request of it, with the cryptography package (extra `credentials`).

EC P-256: what IoT Core takes, and what a small gateway signs with in a millisecond.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from edge_agent.errors import CredentialError


def make_key() -> bytes:
    """A new private key, PKCS#8 in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_request(key: bytes, common_name: str) -> bytes:
    """A signing request (PKCS#10, PEM) for a name. Raises CredentialError."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(_load(key), SHA256())
    return request.public_bytes(Encoding.PEM)


def public_key(key: bytes) -> bytes:
    """The public half of a private key, SubjectPublicKeyInfo in DER. Raises CredentialError."""
    return _load(key).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _load(key: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        loaded = load_pem_private_key(key, password=None)
    except (ValueError, TypeError) as error:
        raise CredentialError(
            "the identity's key is not a private key in PEM", "enrol again with --force"
        ) from error
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise CredentialError("the identity's key is not an EC key", "enrol again with --force")
    return loaded
