"""Inspecting says what files hold, and never a key."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edge_agent.credentials.dev_pki import PkiPaths, Validity, issue, make_ca, write_private
from edge_agent.credentials.inspection import inspect
from edge_agent.credentials.signing import make_key, make_request
from edge_agent.errors import CredentialError


def test_a_certificate_says_whose_it_is_until_when_and_who_signed_it(pki: PkiPaths) -> None:
    (device, ca) = inspect([pki.device_certificate, pki.ca])

    assert device.says["subject"] == "CN=gw-07"
    assert device.says["issuer"] == "CN=Trial floor CA"
    assert device.says["key"] == "EC P-256"
    assert device.says["usage"] == ["digital signature", "TLS client"]
    assert device.says["chain"] == [f"signed by CN=Trial floor CA ({pki.ca})"]
    assert device.says["valid_now"]
    assert 88 <= device.says["days_left"] <= 90
    assert ca.says["chain"] == ["signed by itself"]


def test_the_fingerprint_is_what_openssl_says(pki: PkiPaths) -> None:
    (device,) = inspect([pki.device_certificate])

    command = ["openssl", "x509", "-in", str(pki.device_certificate), "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert device.says["sha256"] == said.partition("=")[2].strip().replace(":", "").lower()


def test_a_chain_with_a_gap_names_it(pki: PkiPaths) -> None:
    (device,) = inspect([pki.device_certificate])

    assert device.says["chain"] == ["signed by CN=Trial floor CA, which is not among these files"]


def test_a_key_says_its_mode_and_its_certificate(pki: PkiPaths) -> None:
    _certificate, key, other = inspect([pki.device_certificate, pki.device_key, pki.server_key])

    assert key.says == {"key": "EC P-256", "mode": "0600", "matches": str(pki.device_certificate)}
    assert other.says["matches"] is None


def test_nothing_of_a_key_is_told(pki: PkiPaths) -> None:
    secret = pki.device_key.read_text().splitlines()[1]

    told = repr(inspect([pki.device_key, pki.device_certificate]))

    assert secret[:20] not in told


def test_a_signing_request_says_whose_it_is(tmp_path: Path) -> None:
    request = tmp_path / "device.csr"
    request.write_bytes(make_request(make_key(), "gw-07"))

    (said,) = inspect([request])

    assert (said.kind, said.says["subject"], said.says["signature_good"]) == (
        "signing request",
        "CN=gw-07",
        True,
    )


def test_keys_of_other_kinds_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rsa.key"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    assert inspect([path])[0].says["key"] == "RSA 2048"


def test_an_expired_certificate_is_not_valid_now(tmp_path: Path) -> None:
    path = tmp_path / "device.pem"
    path.write_bytes(issue(make_ca(), "gw-07", validity=Validity.expired()).certificate)

    (said,) = inspect([path], datetime.now(UTC))

    assert not said.says["valid_now"]
    assert said.says["days_left"] < 0


@pytest.mark.parametrize(
    "content", [b"", b"rubbish", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_that_holds_none_of_them_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(CredentialError, match="holds no certificate") as refused:
        inspect([path])

    assert str(path) in refused.value.what


def test_a_key_behind_a_passphrase_is_told_as_such(pki: PkiPaths, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkey", "-in", str(pki.device_key), "-aes256", "-passout", "pass:floor"]
    subprocess.run([*command, "-out", str(locked)], check=True, capture_output=True)

    assert "passphrase" in inspect([locked])[0].says["key"]
