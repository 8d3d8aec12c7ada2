"""The development PKI, as OpenSSL and the file system see it."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge_agent.credentials.dev_pki import (
    Credential,
    PkiPaths,
    Validity,
    issue,
    make_ca,
    make_pki,
    write_private,
)
from edge_agent.errors import CredentialError


def test_the_device_certificate_names_its_thing(tmp_path: Path) -> None:
    paths = make_pki(tmp_path / "pki", thing="gw-07")

    certificate = x509.load_pem_x509_certificate(paths.device_certificate.read_bytes())
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    key = certificate.public_key()

    assert name.value == "gw-07"
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)


def test_keys_are_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "pki"

    paths = make_pki(folder, thing="gw-07")

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(paths.device_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.server_key.stat().st_mode) == 0o600
    assert sorted(path.name for path in folder.iterdir()) == [
        "ca.pem",
        "device.key",
        "device.pem",
        "server.key",
        "server.pem",
    ]


@pytest.mark.parametrize("server_name", ["localhost", "127.0.0.1"])
def test_both_ends_trust_each_other(tmp_path: Path, server_name: str) -> None:
    paths = make_pki(tmp_path, thing="gw-07")

    peer = shake_hands(paths, server_name)

    assert peer == "gw-07"


def test_a_server_of_another_name_is_refused(tmp_path: Path) -> None:
    paths = make_pki(tmp_path, thing="gw-07", server_names=("broker.test",))

    with pytest.raises(ssl.SSLCertVerificationError, match=r"localhost"):
        shake_hands(paths, "localhost")


@pytest.mark.parametrize(
    ("validity", "reason"),
    [(Validity.expired(), "expired"), (Validity.not_yet(), "not yet valid")],
    ids=["expired", "not yet valid"],
)
def test_validity_is_what_was_asked_for(tmp_path: Path, validity: Validity, reason: str) -> None:
    paths = PkiPaths.within(tmp_path)
    ca = make_ca()
    write_private(paths.ca, ca.pem)
    issue(ca, "localhost", server_names=("localhost",)).write(paths.server_certificate, paths.server_key)
    issue(ca, "gw-07", validity=validity).write(paths.device_certificate, paths.device_key)

    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        shake_hands(paths, "localhost")


def test_a_foreign_certificate_is_refused(tmp_path: Path) -> None:
    paths = make_pki(tmp_path, thing="gw-07")
    issue(make_ca("Somebody else"), "gw-07").write(paths.device_certificate, paths.device_key)

    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shake_hands(paths, "localhost")


def test_a_set_that_still_holds_is_reused(tmp_path: Path) -> None:
    first = contents(make_pki(tmp_path, thing="gw-07"))

    again = contents(make_pki(tmp_path, thing="gw-07"))

    assert again == first


def spoil_by_removing(paths: PkiPaths) -> None:
    paths.server_key.unlink()


def spoil_by_truncating(paths: PkiPaths) -> None:
    paths.device_certificate.write_bytes(b"-----BEGIN CERTIFICATE-----\n")


def spoil_by_foreign_key(paths: PkiPaths) -> None:
    paths.device_key.write_bytes(issue(make_ca(), "gw-07").key)


def spoil_by_foreign_pair(paths: PkiPaths) -> None:
    issue(make_ca("Somebody else"), "gw-07").write(paths.device_certificate, paths.device_key)


def spoil_by_forged_pair(paths: PkiPaths) -> None:
    """Signed by another key under our authority's name."""
    issue(make_ca(), "gw-07").write(paths.device_certificate, paths.device_key)


def spoil_by_nameless_server(paths: PkiPaths) -> None:
    ca = make_ca()
    paths.ca.write_bytes(ca.pem)
    issue(ca, "localhost").write(paths.server_certificate, paths.server_key)
    issue(ca, "gw-07").write(paths.device_certificate, paths.device_key)


def spoil_by_sharing_the_key(paths: PkiPaths) -> None:
    paths.device_key.chmod(0o644)


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_by_removing,
        spoil_by_truncating,
        spoil_by_foreign_key,
        spoil_by_foreign_pair,
        spoil_by_forged_pair,
        spoil_by_nameless_server,
        spoil_by_sharing_the_key,
    ],
)
def test_a_spoilt_set_is_made_anew(tmp_path: Path, spoil: object) -> None:
    paths = make_pki(tmp_path, thing="gw-07")
    before = paths.ca.read_bytes()
    assert callable(spoil)
    spoil(paths)

    made = make_pki(tmp_path, thing="gw-07")

    assert made.ca.read_bytes() != before
    assert stat.S_IMODE(made.device_key.stat().st_mode) == 0o600
    assert shake_hands(made, "localhost") == "gw-07"


def test_another_thing_gets_another_set(tmp_path: Path) -> None:
    make_pki(tmp_path, thing="gw-07")

    paths = make_pki(tmp_path, thing="gw-08")

    assert shake_hands(paths, "localhost") == "gw-08"


def test_other_server_names_get_another_set(tmp_path: Path) -> None:
    make_pki(tmp_path, thing="gw-07")

    paths = make_pki(tmp_path, thing="gw-07", server_names=("broker.test",))

    assert shake_hands(paths, "broker.test") == "gw-07"


def test_a_set_about_to_expire_is_not_reused(tmp_path: Path) -> None:
    first = make_pki(tmp_path, thing="gw-07", days=0.5).ca.read_bytes()

    paths = make_pki(tmp_path, thing="gw-07")

    assert paths.ca.read_bytes() != first


def test_the_lifetime_is_bounded(tmp_path: Path) -> None:
    paths = make_pki(tmp_path, thing="gw-07", days=2)

    certificate = x509.load_pem_x509_certificate(paths.device_certificate.read_bytes())

    assert 1 <= (certificate.not_valid_after_utc - datetime.now(UTC)).days <= 2


@pytest.mark.parametrize("thing", ["", "x" * 65])
def test_a_thing_no_certificate_can_name_is_refused(tmp_path: Path, thing: str) -> None:
    with pytest.raises(CredentialError, match="common name"):
        make_pki(tmp_path, thing=thing)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pki").write_text("in the way")

    with pytest.raises(CredentialError, match=r"pki: File exists — choose another folder"):
        make_pki(tmp_path / "pki", thing="gw-07")


def test_a_credential_is_a_matching_pair(tmp_path: Path) -> None:
    credential = issue(make_ca(), "gw-07")
    credential.write(tmp_path / "device.pem", tmp_path / "device.key")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(tmp_path / "device.pem", tmp_path / "device.key")

    assert isinstance(credential, Credential)


def contents(paths: PkiPaths) -> list[bytes]:
    return [
        path.read_bytes()
        for path in (
            paths.ca,
            paths.server_certificate,
            paths.server_key,
            paths.device_certificate,
            paths.device_key,
        )
    ]


def shake_hands(paths: PkiPaths, server_name: str) -> str:
    """A TLS handshake in memory, each end demanding a certificate; the device's name as the server saw it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(paths.server_certificate, paths.server_key)
    server_context.load_verify_locations(paths.ca)
    server_context.verify_mode = ssl.CERT_REQUIRED
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.load_cert_chain(paths.device_certificate, paths.device_key)
    client_context.load_verify_locations(paths.ca)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=server_name)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for end in (client, server):
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue
    peer = server.getpeercert()
    assert peer is not None
    decoded: Any = peer
    return str(dict(part[0] for part in decoded["subject"])["commonName"])
