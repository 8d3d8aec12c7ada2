"""A development PKI: a certificate authority, a server and a device, made on the spot.

For the trial floor and for tests, never for a casino: there IoT Core issues the certificate
and the key never leaves the gateway. The authority's own key is not written anywhere, so
nobody, us included, can add to a set once it is made; a set that has become unusable is made
anew as a whole.

Keys are EC P-256, as on a real gateway. Files are written 0600 in a folder of 0700, each by
rename; a set torn by a crash fails the check that `make_pki` makes before it reuses one.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_agent.errors import CredentialError

LOOPBACK = ("localhost", "127.0.0.1")
# The agent warns 60 days ahead: long enough that a new set does not already want a look, short enough
# that nobody builds on it.
DAYS = 90
# Clocks of laptops and containers differ by minutes; a certificate must not be "not yet valid".
BACKDATED = timedelta(hours=1)
# A set that would expire during the run is not worth reusing.
REUSE_MARGIN = timedelta(days=1)
# X.520 ub-common-name.
COMMON_NAME_LIMIT = 64


@dataclass(frozen=True, slots=True)
class PkiPaths:
    """Where the files of one development PKI are."""

    ca: Path
    server_certificate: Path
    server_key: Path
    device_certificate: Path
    device_key: Path

    @classmethod
    def within(cls, folder: Path) -> PkiPaths:
        """The paths of a set kept in `folder`, whether or not it is there."""
        return cls(
            ca=folder / "ca.pem",
            server_certificate=folder / "server.pem",
            server_key=folder / "server.key",
            device_certificate=folder / "device.pem",
            device_key=folder / "device.key",
        )


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when a certificate counts."""

    not_before: datetime
    not_after: datetime

    @classmethod
    def days(cls, days: float) -> Validity:
        """From an hour ago for so many days."""
        now = datetime.now(UTC)
        return cls(now - BACKDATED, now + timedelta(days=days))

    @classmethod
    def expired(cls) -> Validity:
        """It ended yesterday."""
        now = datetime.now(UTC)
        return cls(now - timedelta(days=30), now - timedelta(days=1))

    @classmethod
    def not_yet(cls) -> Validity:
        """It begins tomorrow."""
        now = datetime.now(UTC)
        return cls(now + timedelta(days=1), now + timedelta(days=30))


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """Who signs. Its key lives as long as this object."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate others trust."""
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate and its private key, as PEM."""

    certificate: bytes
    key: bytes

    def write(self, certificate: Path, key: Path) -> None:
        """Put both where they belong, readable by us alone."""
        write_private(certificate, self.certificate)
        write_private(key, self.key)


def make_pki(
    folder: Path, *, thing: str, server_names: Sequence[str] = LOOPBACK, days: float = DAYS
) -> PkiPaths:
    """Make a CA, a server certificate and the device certificate of `thing`, or reuse those in `folder`.

    Raises CredentialError when the folder cannot be written or the thing cannot be a common name.
    """
    paths = PkiPaths.within(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        if not _usable(paths, thing, server_names):
            _make(paths, thing, server_names, Validity.days(days))
    except OSError as error:
        raise CredentialError(
            f"development certificates cannot be kept in {folder}: {error.strerror}",
            "choose another folder",
        ) from error
    return paths


def make_ca(common_name: str = "Trial floor CA", *, validity: Validity | None = None) -> CertificateAuthority:
    """A certificate authority with a key of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, span = _name(common_name), validity or Validity.days(DAYS)
    builder = _builder(name, name, key.public_key(), span)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return CertificateAuthority(builder.sign(key, SHA256()), key)


def issue(
    ca: CertificateAuthority,
    common_name: str,
    *,
    server_names: Sequence[str] = (),
    validity: Validity | None = None,
) -> Credential:
    """A certificate for a device, or for a server when it has `server_names`."""
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if server_names else ExtendedKeyUsageOID.CLIENT_AUTH
    span = validity or Validity.days(DAYS)
    builder = _builder(_name(common_name), ca.certificate.subject, key.public_key(), span)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False
    )
    if server_names:
        names = x509.SubjectAlternativeName([_general_name(name) for name in server_names])
        builder = builder.add_extension(names, critical=False)
    certificate = builder.sign(ca.key, SHA256())
    return Credential(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def write_private(path: Path, data: bytes) -> None:
    """Write a file only we can read; whoever looks sees the old one or the new one, never half."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    part.replace(path)


def _make(paths: PkiPaths, thing: str, server_names: Sequence[str], validity: Validity) -> None:
    ca = make_ca(validity=validity)
    server = issue(ca, server_names[0], server_names=server_names, validity=validity)
    device = issue(ca, thing, validity=validity)
    write_private(paths.ca, ca.pem)
    server.write(paths.server_certificate, paths.server_key)
    device.write(paths.device_certificate, paths.device_key)


def _usable(paths: PkiPaths, thing: str, server_names: Sequence[str]) -> bool:
    """Whether the set in the folder belongs together, is for us, and will last."""
    try:
        ca = x509.load_pem_x509_certificate(paths.ca.read_bytes())
        server = _load_pair(paths.server_certificate, paths.server_key)
        device = _load_pair(paths.device_certificate, paths.device_key)
        for certificate in (ca, server, device):
            certificate.verify_directly_issued_by(ca)
        names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    now = datetime.now(UTC)
    lasting = all(
        certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - REUSE_MARGIN
        for certificate in (ca, server, device)
    )
    return (
        lasting
        and device.subject == _name(thing)
        and list(names) == [_general_name(name) for name in server_names]
    )


def _load_pair(certificate_path: Path, key_path: Path) -> x509.Certificate:
    """The certificate; ValueError unless the key is its own and private."""
    certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
    key = load_pem_private_key(key_path.read_bytes(), password=None)
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*spki) != certificate.public_key().public_bytes(*spki):
        raise ValueError("the key is another certificate's")
    if key_path.stat().st_mode & 0o077:
        raise ValueError("the key may have been read by others")
    return certificate


def _name(common_name: str) -> x509.Name:
    if not 0 < len(common_name) <= COMMON_NAME_LIMIT:
        raise CredentialError(
            f"{common_name!r} cannot be the common name of a certificate",
            f"use 1 to {COMMON_NAME_LIMIT} characters",
        )
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, validity: Validity
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
