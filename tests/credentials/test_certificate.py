"""Our few lines of DER read what the cryptography package reads, and nothing makes them fall over."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.credentials.certificate import parse, parse_pem, read_certificates
from edge_agent.credentials.dev_pki import Validity, issue, make_ca
from edge_agent.errors import CredentialError

ROOTS = sorted(Path("certs").glob("AmazonRootCA*.pem"))
MADE = issue(make_ca("floor CA"), "gw-07").certificate
DER = x509.load_pem_x509_certificate(MADE).public_bytes(Encoding.DER)


@pytest.mark.parametrize("pem", [MADE, *(path.read_bytes() for path in ROOTS)], ids=["made", "ca1", "ca3"])
def test_a_certificate_reads_as_the_cryptography_package_reads_it(pem: bytes) -> None:
    theirs = x509.load_pem_x509_certificate(pem)

    (ours,) = parse_pem(pem)

    assert ours.subject == theirs.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert ours.issuer == theirs.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert int(ours.serial_number, 16) == theirs.serial_number
    assert (ours.not_before, ours.not_after) == (theirs.not_valid_before_utc, theirs.not_valid_after_utc)
    assert ours.fingerprint == theirs.fingerprint(SHA256()).hex()
    assert ours.public_key == theirs.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


def test_dates_beyond_2049_are_read() -> None:
    far = Validity.days(365 * 60)

    (certificate,) = parse_pem(issue(make_ca(validity=far), "gw-07", validity=far).certificate)

    assert certificate.not_after == far.not_after.replace(microsecond=0)
    assert certificate.not_after.year > 2050


def test_a_chain_is_read_in_its_order(tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(MADE + b"and then\n" + ROOTS[0].read_bytes())

    assert [one.subject for one in read_certificates("chain", chain)] == ["gw-07", "Amazon Root CA 1"]


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_any_changed_byte_is_read_or_is_a_value_error(at: int, byte: int) -> None:
    changed = DER[:at] + bytes([byte]) + DER[at + 1 :]

    with suppress(ValueError):
        parse(changed)


@given(st.binary(max_size=200))
@example(b"\x30\x00")
@example(b"")
def test_any_bytes_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any of them
        parse(data)


@pytest.mark.parametrize("cut", [0, 1, 2, 5, 30, 200])
def test_a_certificate_that_ends_early_is_a_value_error(cut: int) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any of them
        parse(DER[:cut])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"rubbish", "is not a certificate in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is malformed"),
        (b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n", "is malformed"),
    ],
)
def test_a_file_that_holds_none_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "device.pem"
    path.write_bytes(content)

    with pytest.raises(CredentialError, match=complaint) as refused:
        read_certificates("certificate", path)

    assert str(path) in refused.value.what
    assert refused.value.mend


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="No such file"):
        read_certificates("certificate", tmp_path / "device.pem")
