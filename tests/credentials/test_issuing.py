"""The issuing authority: what it signs, what it will not sign, and that it is the same one tomorrow."""

from __future__ import annotations

import hashlib
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from edge_agent.credentials.issuing import REQUEST_LIMIT, IssuingAuthority
from edge_agent.errors import CredentialError

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def request(key: Key, name: str = "gw-07") -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signing = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(key, signing).public_bytes(Encoding.PEM).decode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> IssuingAuthority:
    return IssuingAuthority.load_or_make(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-256", "P-384", "RSA 2048"],
)
def test_a_request_becomes_a_certificate_for_its_key_and_subject(
    authority: IssuingAuthority, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> None:
    signed = authority.sign(request(key))

    certificate = x509.load_pem_x509_certificate(signed.pem.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pem.encode()))
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == "CN=gw-07"
    assert signed.common_name == "gw-07"
    assert signed.id == hashlib.sha256(ssl.PEM_cert_to_DER_cert(signed.pem.strip())).hexdigest()


def test_a_request_without_a_common_name_is_signed_as_well(authority: IssuingAuthority) -> None:
    signed = authority.sign(request(ec.generate_private_key(ec.SECP256R1()), name=""))

    assert signed.common_name == ""


def tampered() -> str:
    """A request whose key was exchanged after it was signed."""
    mine, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    der = ssl.PEM_cert_to_DER_cert(request(mine).replace("CERTIFICATE REQUEST", "CERTIFICATE").strip())
    here, there = (_point(key) for key in (mine, other))
    assert here in der
    return ssl.DER_cert_to_PEM_cert(der.replace(here, there)).replace("CERTIFICATE", "CERTIFICATE REQUEST")


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("", "no PKCS #10 request"),
        ("Ω", "no PKCS #10 request"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "no PKCS #10"),
        ("x" * (REQUEST_LIMIT + 1), "too long"),
        (tampered(), "not signed by its own key"),
        (request(rsa.generate_private_key(65537, 1024)), "kind or size"),  # noqa: S505  that is the point
        (request(ec.generate_private_key(ec.SECP256K1())), "kind or size"),
        (request(ed25519.Ed25519PrivateKey.generate()), "weak hash"),
    ],
)
def test_what_iot_core_would_not_sign_is_refused(
    authority: IssuingAuthority, asked: str, reason: str
) -> None:
    with pytest.raises(CredentialError, match=reason):
        authority.sign(asked)


def test_it_is_the_same_authority_after_a_restart_and_its_key_is_private(tmp_path: Path) -> None:
    first = IssuingAuthority.load_or_make(tmp_path / "issuing")
    second = IssuingAuthority.load_or_make(tmp_path / "issuing")

    assert first.pem == second.pem
    assert stat.S_IMODE((tmp_path / "issuing" / "issuing-ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "issuing").stat().st_mode) == 0o700


def test_a_certificate_lasts_as_long_as_it_is_told(tmp_path: Path) -> None:
    authority = IssuingAuthority.load_or_make(tmp_path, days=7)

    signed = authority.sign(request(ec.generate_private_key(ec.SECP256R1())))

    ends = x509.load_pem_x509_certificate(signed.pem.encode()).not_valid_after_utc
    assert abs(ends - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=5)


def test_a_claim_certificate_comes_with_its_key(authority: IssuingAuthority) -> None:
    claim = authority.issue_claim("claim")

    certificate = x509.load_pem_x509_certificate(claim.certificate)
    assert certificate.issuer == x509.load_pem_x509_certificate(authority.pem.encode()).subject
    assert claim.key.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_an_authority_that_cannot_be_used_is_one_line_and_is_left_alone(tmp_path: Path) -> None:
    IssuingAuthority.load_or_make(tmp_path / "a")
    IssuingAuthority.load_or_make(tmp_path / "b")
    (tmp_path / "b" / "issuing-ca.key").replace(tmp_path / "a" / "issuing-ca.key")

    with pytest.raises(CredentialError, match="another certificate's — remove the folder"):
        IssuingAuthority.load_or_make(tmp_path / "a")
    with pytest.raises(CredentialError, match="cannot be used"):
        IssuingAuthority.load_or_make(tmp_path / "b")
    with pytest.raises(CredentialError, match="cannot be kept in /proc/nowhere"):
        IssuingAuthority.load_or_make(Path("/proc/nowhere"))


def test_a_claim_is_kept_until_another_authority_comes(tmp_path: Path) -> None:
    first = IssuingAuthority.load_or_make(tmp_path / "first")
    kept = first.keep_claim(tmp_path / "pki").read_bytes()

    again = first.keep_claim(tmp_path / "pki").read_bytes()
    other = IssuingAuthority.load_or_make(tmp_path / "other").keep_claim(tmp_path / "pki").read_bytes()

    assert kept == again != other
    assert stat.S_IMODE((tmp_path / "pki" / "claim.key").stat().st_mode) == 0o600


def test_a_claim_that_cannot_be_written_is_one_line(authority: IssuingAuthority) -> None:
    with pytest.raises(CredentialError, match="cannot be kept in /proc/nowhere"):
        authority.keep_claim(Path("/proc/nowhere"))
