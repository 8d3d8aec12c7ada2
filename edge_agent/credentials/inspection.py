"""Inspection: what certificates, requests and keys in files say, for people; never a key itself.

Needs the cryptography package (extra `credentials`). Whether a gateway can work with them is for
`edge_agent.credentials.checkup` to say.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from edge_agent.errors import CredentialError

_USES = {
    ExtendedKeyUsageOID.CLIENT_AUTH: "TLS client",
    ExtendedKeyUsageOID.SERVER_AUTH: "TLS server",
}
_KEY_USES = {
    "digital_signature": "digital signature",
    "key_encipherment": "key encipherment",
    "key_agreement": "key agreement",
    "key_cert_sign": "signs certificates",
    "crl_sign": "signs revocations",
}
_HEADERS = {
    b"BEGIN CERTIFICATE-----": "certificate",
    b"BEGIN CERTIFICATE REQUEST-----": "request",
    b"BEGIN NEW CERTIFICATE REQUEST-----": "request",
    b"PRIVATE KEY-----": "key",
}


@dataclass(frozen=True, slots=True)
class Inspected:
    """One thing in a file: what it is, and what it says by name."""

    file: Path
    kind: str  # certificate, signing request, private key
    says: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"file": str(self.file), "kind": self.kind, **self.says}


def inspect(files: Sequence[Path], now: datetime | None = None) -> Sequence[Inspected]:
    """Everything in these files, in their order. Raises CredentialError, naming the file."""
    moment = now or datetime.now(UTC)
    found = [(file, thing) for file in files for thing in _load(file)]
    certificates = [(file, one) for file, one in found if isinstance(one, x509.Certificate)]
    return tuple(_inspected(file, thing, certificates, moment) for file, thing in found)


def _load(file: Path) -> Iterator[Any]:
    """The things in a file: certificates, or a request, or a private key."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise CredentialError(
            f"{file} cannot be read: {error.strerror}", "check the path, its owner and its mode"
        ) from error
    kind = next((kind for header, kind in _HEADERS.items() if header in text), None)
    try:
        match kind:
            case "certificate":
                yield from x509.load_pem_x509_certificates(text)
            case "request":
                yield x509.load_pem_x509_csr(text)
            case "key":
                yield _key(text)
            case _:
                raise ValueError  # noqa: TRY301  told with the others
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CredentialError(
            f"{file} holds no certificate, signing request or private key in PEM that can be read",
            "give a PEM file",
        ) from error


def _key(text: bytes) -> Any:  # noqa: ANN401  one of many kinds of key
    try:
        return load_pem_private_key(text, password=None)
    except TypeError:
        return "private key protected by a passphrase"


def _inspected(
    file: Path,
    thing: object,
    certificates: Sequence[tuple[Path, x509.Certificate]],
    now: datetime,
) -> Inspected:
    match thing:
        case x509.Certificate():
            return Inspected(file, "certificate", _certificate(thing, certificates, now))
        case x509.CertificateSigningRequest():
            return Inspected(file, "signing request", _request(thing))
        case str():
            return Inspected(file, "private key", {"key": thing, "mode": _mode(file), "matches": None})
        case _:
            return Inspected(file, "private key", _private_key(file, thing, certificates))


def _certificate(
    certificate: x509.Certificate, certificates: Sequence[tuple[Path, x509.Certificate]], now: datetime
) -> dict[str, Any]:
    left = certificate.not_valid_after_utc - now
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial_number": f"{certificate.serial_number:X}",
        "sha256": certificate.fingerprint(SHA256()).hex(),
        "not_before": _moment(certificate.not_valid_before_utc),
        "not_after": _moment(certificate.not_valid_after_utc),
        "days_left": left.days,
        "valid_now": certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc,
        "key": _key_kind(certificate.public_key()),
        "usage": _usage(certificate),
        "names": _names(certificate),
        "chain": _chain(certificate, certificates),
    }


def _request(request: x509.CertificateSigningRequest) -> dict[str, Any]:
    return {
        "subject": request.subject.rfc4514_string(),
        "key": _key_kind(request.public_key()),
        "signature_good": request.is_signature_valid,
    }


def _private_key(
    file: Path,
    key: Any,  # noqa: ANN401  as _key
    certificates: Sequence[tuple[Path, x509.Certificate]],
) -> dict[str, Any]:
    public = _spki(key.public_key())
    matches = [name for name, one in certificates if _spki(one.public_key()) == public]
    return {
        "key": _key_kind(key.public_key()),
        "mode": _mode(file),
        "matches": str(matches[0]) if matches else None,
    }


def _mode(file: Path) -> str:
    return f"{stat.S_IMODE(file.stat().st_mode):04o}"


def _spki(key: Any) -> bytes:  # noqa: ANN401  as _key
    der: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def _key_kind(key: object) -> str:
    match key:
        case ec.EllipticCurvePublicKey():
            return f"EC {key.curve.name.replace('secp256r1', 'P-256').replace('secp384r1', 'P-384')}"
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case _:
            return type(key).__name__.removesuffix("PublicKey")


def _usage(certificate: x509.Certificate) -> list[str]:
    uses: list[str] = []
    for extension in certificate.extensions:
        match extension.value:
            case x509.KeyUsage() as usage:
                uses += [name for field, name in _KEY_USES.items() if getattr(usage, field)]
            case x509.ExtendedKeyUsage() as extended:
                uses += [_USES.get(oid, oid.dotted_string) for oid in extended]
            case x509.BasicConstraints(ca=True):
                uses.append("certificate authority")
            case _:
                pass
    return uses


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names]


def _chain(certificate: x509.Certificate, certificates: Sequence[tuple[Path, x509.Certificate]]) -> list[str]:
    """Who signed it, and who signed that, as far as these files say; ends with a root or with a gap."""
    chain: list[str] = []
    while len(chain) <= len(certificates):
        if _signed_by(certificate, certificate):
            return chain or ["signed by itself"]
        signer = next(((name, one) for name, one in certificates if _signed_by(certificate, one)), None)
        if signer is None:
            return [
                *chain,
                f"signed by {certificate.issuer.rfc4514_string()}, which is not among these files",
            ]
        chain.append(f"signed by {signer[1].subject.rfc4514_string()} ({signer[0]})")
        certificate = signer[1]
    return chain


def _signed_by(certificate: x509.Certificate, signer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(signer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
