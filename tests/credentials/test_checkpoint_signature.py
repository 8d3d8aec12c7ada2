"""Signatures of checkpoints are checked with the certificates that are handed in, and no others."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from edge_agent.chain import written
from edge_agent.cli.main import main
from edge_agent.credentials.checkpoint_signature import checker_of
from edge_agent.errors import CredentialError
from tests.verify.journals import telling

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
TEXT = b"edge-agent checkpoint J 7 AAAAAAAAAAAAAAAAAAAAAA"


def certified(key: Key, path: Path) -> str:
    """Write a certificate for a key; its fingerprint."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw-07")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=2)).not_valid_after(now - timedelta(days=1))
    certificate = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return certificate.fingerprint(SHA256()).hex()


def signed(key: Key, text: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(text, padding.PKCS1v15(), SHA256())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(text, ec.ECDSA(SHA256()))


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-256", "P-384", "RSA"],
)
def test_a_good_signature_is_told_from_a_bad_one(key: Key, tmp_path: Path) -> None:
    """Certificates that have ended count too: what they signed is older than they are."""
    fingerprint = certified(key, tmp_path / "gw.pem")
    check = checker_of([tmp_path / "gw.pem"])

    assert check(TEXT, signed(key, TEXT), fingerprint) is True
    assert check(TEXT + b"x", signed(key, TEXT), fingerprint) is False
    assert check(TEXT, b"", fingerprint) is False
    assert check(TEXT, signed(key, TEXT), "00" * 32) is None


def test_a_certificate_that_signs_nothing_here_is_refused(tmp_path: Path) -> None:
    certified(ed25519.Ed25519PrivateKey.generate(), tmp_path / "gw.pem")

    with pytest.raises(CredentialError, match="neither EC nor RSA"):
        checker_of([tmp_path / "gw.pem"])


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "gw.pem").write_text("hello")

    with pytest.raises(CredentialError, match=r"gw\.pem is not a certificate in PEM"):
        checker_of([tmp_path / "gw.pem"])
    with pytest.raises(CredentialError, match=r"none\.pem cannot be read"):
        checker_of([tmp_path / "none.pem"])


@pytest.mark.parametrize(("forged", "status"), [(False, 0), (True, 31)])
def test_the_command_checks_signatures_with_a_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, forged: bool, status: int
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    fingerprint, told = certified(key, tmp_path / "gw.pem"), telling(3)
    text = f"edge-agent checkpoint {told.journal} 3 {written(told.links[3])}"
    signature = signed(ec.generate_private_key(ec.SECP256R1()) if forged else key, text.encode())
    told.add(
        "floor.agent.journal_checkpoint",
        sequence=3,
        chain=written(told.links[3]),
        signature=b64encode(signature).decode(),
        certificate=fingerprint,
    )
    (tmp_path / "events.json").write_bytes(b"".join(told.events()))
    arguments = ["verify", "--json", "--certificate", str(tmp_path / "gw.pem"), str(tmp_path / "events.json")]

    assert main(arguments) == status

    checkpoints = json.loads(capsys.readouterr().out)["journals"][0]["checkpoints"]
    assert (checkpoints["signatures_checked"], checkpoints["forged"]) == (1 - forged, int(forged))
