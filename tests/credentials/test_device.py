"""Each way an identity can be unusable has its own clear line."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.credentials.dev_pki import PkiPaths, Validity, issue, make_ca
from edge_agent.credentials.device import check_identity
from edge_agent.errors import CredentialError


def check(pki: PkiPaths, now: datetime | None = None) -> None:
    check_identity(pki.ca, pki.device_certificate, pki.device_key, now)


def refusal(pki: PkiPaths, now: datetime | None = None) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        check(pki, now)
    assert caught.value.mend
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_good_identity_is_described(pki: PkiPaths) -> None:
    certificate = check_identity(pki.ca, pki.device_certificate, pki.device_key)

    assert certificate.subject == "gw-07"
    assert certificate.not_before < datetime.now(UTC) < certificate.not_after
    assert int(certificate.serial_number, 16) > 0


def test_a_certificate_without_a_common_name_has_no_subject(pki: PkiPaths) -> None:
    openssl(
        "req", "-x509", "-new", "-key", pki.device_key, "-subj", "/O=floor", "-out", pki.device_certificate
    )

    assert check_identity(pki.ca, pki.device_certificate, pki.device_key).subject == ""


@pytest.mark.parametrize("which", ["ca", "device_certificate", "device_key"])
def test_a_file_that_is_not_there_is_named(pki: PkiPaths, which: str) -> None:
    path: Path = getattr(pki, which)
    path.unlink()

    error = refusal(pki)

    assert str(path) in error.what
    assert "No such file" in error.what


def test_a_folder_is_not_a_certificate(pki: PkiPaths, tmp_path: Path) -> None:
    assert "Is a directory" in refusal(replace(pki, device_certificate=tmp_path)).what


@pytest.mark.parametrize("content", [b"", b"rubbish", bytes(range(256))])
@pytest.mark.parametrize(
    ("which", "complaint"),
    [
        ("ca", "holds no certificate in PEM"),
        ("device_certificate", "is not a certificate in PEM"),
        ("device_key", "is not a private key in PEM"),
    ],
)
def test_a_malformed_file_is_named(pki: PkiPaths, which: str, complaint: str, content: bytes) -> None:
    path: Path = getattr(pki, which)
    path.write_bytes(content)

    error = refusal(pki)

    assert str(path) in error.what
    assert complaint in error.what


def test_a_certificate_cut_short_is_malformed(pki: PkiPaths) -> None:
    text = pki.device_certificate.read_bytes()
    pki.device_certificate.write_bytes(text[: len(text) // 2])

    assert "is not a certificate in PEM" in refusal(pki).what


def test_a_key_where_the_certificate_belongs_is_malformed(pki: PkiPaths) -> None:
    assert "is not a certificate" in refusal(replace(pki, device_certificate=pki.device_key)).what


def test_a_certificate_where_the_key_belongs_is_malformed(pki: PkiPaths) -> None:
    assert "is not a private key" in refusal(replace(pki, device_key=pki.device_certificate)).what


def test_the_key_of_another_certificate_is_told(pki: PkiPaths) -> None:
    error = refusal(replace(pki, device_key=pki.server_key))

    assert f"{pki.server_key} is not the key of certificate {pki.device_certificate}" in error.what


def test_a_key_of_another_kind_is_another_certificates_too(pki: PkiPaths) -> None:
    openssl("genrsa", "-out", pki.device_key, "2048")

    assert "is not the key of certificate" in refusal(pki).what


def test_a_key_behind_a_passphrase_is_refused_and_nobody_is_asked_to_type(pki: PkiPaths) -> None:
    openssl("ec", "-in", pki.device_key, "-aes128", "-passout", "pass:secret", "-out", pki.device_key)

    assert "passphrase" in refusal(pki).what


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602])
def test_a_key_others_may_read_or_change_is_refused(pki: PkiPaths, mode: int) -> None:
    pki.device_key.chmod(mode)

    error = refusal(pki)

    assert f"mode {mode:04o}" in error.what
    assert f"chmod 600 {pki.device_key}" in error.mend


def test_an_expired_certificate_is_told_with_its_date(pki: PkiPaths) -> None:
    issue(make_ca(), "gw-07", validity=Validity.expired()).write(pki.device_certificate, pki.device_key)

    error = refusal(pki)

    assert (
        f"{pki.device_certificate} expired on {datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}" in error.what
    )


def test_a_certificate_not_yet_valid_makes_us_look_at_the_clock(pki: PkiPaths) -> None:
    issue(make_ca(), "gw-07", validity=Validity.not_yet()).write(pki.device_certificate, pki.device_key)

    error = refusal(pki)

    assert "is not valid before" in error.what
    assert "clock" in error.mend


def test_a_gateway_that_woke_in_1970_is_told_so(pki: PkiPaths) -> None:
    assert "1970-01-01" in refusal(pki, datetime(1970, 1, 1, tzinfo=UTC)).mend


def test_roots_that_have_all_expired_are_told(pki: PkiPaths) -> None:
    pki.ca.write_bytes(make_ca(validity=Validity.expired()).pem)

    assert f"every certificate in CA {pki.ca} has expired" in refusal(pki).what


def test_one_root_that_lasts_is_enough(pki: PkiPaths) -> None:
    pki.ca.write_bytes(make_ca(validity=Validity.expired()).pem + make_ca().pem)

    check(pki)


def test_a_certificate_for_servers_cannot_identify_a_device(pki: PkiPaths) -> None:
    error = refusal(replace(pki, device_certificate=pki.server_certificate, device_key=pki.server_key))

    assert "cannot identify a device" in error.what
    assert "purpose" in error.what


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
