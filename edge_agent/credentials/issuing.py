"""An issuing authority: signs the requests of gateways, as IoT Core does with its own.

For trials and tests. Its key is kept, mode 0600, so that what it signed still counts after a
restart; whoever reads the key can make any certificate that this stand-in trusts, and nothing
else in the world trusts it.

A request is refused unless it proves that its sender holds the key, and the key is one that IoT
Core takes: EC P-256, P-384 or P-521, or RSA of 2,048 bits or more, with SHA-256 or better.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_agent.credentials.dev_pki import (
    BACKDATED,
    REUSE_MARGIN,
    CertificateAuthority,
    Credential,
    Validity,
    issue,
    make_ca,
    write_private,
)
from edge_agent.errors import CredentialError

# Who it says it is; the stand-in tells by this name which certificates are its own.
ISSUER = "Stand-in issuing CA"
# Ours: the service's certificates run until 2049. Long enough that nothing expires during a trial.
AUTHORITY_DAYS = 3_650
CERTIFICATE_DAYS = 365.0
# X.509 in PEM: a request of the largest key taken is some 3 kB.
REQUEST_LIMIT = 16_384
RSA_LEAST_BITS = 2_048
CURVES = ("secp256r1", "secp384r1", "secp521r1")


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate that has just been issued."""

    pem: str
    id: str  # SHA-256 of the DER form, hexadecimal
    common_name: str


class IssuingAuthority:
    """Signs; `pem` is what those who meet its certificates must trust."""

    def __init__(self, authority: CertificateAuthority, days: float = CERTIFICATE_DAYS) -> None:
        self._authority = authority
        self._days = days

    @classmethod
    def load_or_make(cls, folder: Path, days: float = CERTIFICATE_DAYS) -> IssuingAuthority:
        """The authority kept in `folder`, made if there is none. It signs for `days`.

        Raises CredentialError when the folder holds one that cannot be used, or cannot be written.
        """
        certificate, key = folder / "issuing-ca.pem", folder / "issuing-ca.key"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not certificate.exists():
                _make(certificate, key)
            return cls(_load(certificate, key), days)
        except OSError as error:
            raise CredentialError(
                f"an issuing authority cannot be kept in {folder}: {error.strerror}",
                "choose another folder",
            ) from error

    @property
    def name(self) -> str:
        """Its common name, which no other authority of a stand-in has."""
        return _common_name(self._authority.certificate.subject)

    @property
    def pem(self) -> str:
        """Its own certificate."""
        return self._authority.pem.decode("ascii")

    def issue_claim(self, name: str) -> Credential:
        """A claim certificate and its key: good for asking, and for nothing else."""
        return issue(self._authority, name, validity=self._validity())

    def keep_claim(self, folder: Path) -> Path:
        """The claim certificate kept in `folder`, with its key; made if there is none of ours.

        `claim.pem`, and `claim.key` beside it. Raises CredentialError when it cannot be written.
        """
        certificate, key = folder / "claim.pem", folder / "claim.key"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (key.exists() and self._issued(certificate)):
                self.issue_claim("claim").write(certificate, key)
        except OSError as error:
            raise CredentialError(
                f"a claim certificate cannot be kept in {folder}: {error.strerror}", "choose another --pki"
            ) from error
        return certificate

    def sign(self, request: str) -> Signed:
        """The certificate for a signing request in PEM. Raises CredentialError saying what it lacks."""
        asked = _read(request)
        span = self._validity()
        builder = (
            x509.CertificateBuilder()
            .subject_name(asked.subject)
            .issuer_name(self._authority.certificate.subject)
            .public_key(asked.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(span.not_before)
            .not_valid_after(span.not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(asked.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority.key.public_key()),
                critical=False,
            )
        )
        certificate = builder.sign(self._authority.key, SHA256())
        return Signed(
            certificate.public_bytes(Encoding.PEM).decode("ascii"),
            certificate.fingerprint(SHA256()).hex(),
            _common_name(asked.subject),
        )

    def _issued(self, certificate: Path) -> bool:
        """Whether this is a certificate of ours that lasts another day."""
        try:
            read = x509.load_pem_x509_certificate(certificate.read_bytes())
            read.verify_directly_issued_by(self._authority.certificate)
        except (FileNotFoundError, ValueError, TypeError, InvalidSignature):
            return False
        return datetime.now(UTC) <= read.not_valid_after_utc - REUSE_MARGIN

    def _validity(self) -> Validity:
        """So many days, but never beyond the authority itself."""
        own = self._authority.certificate
        now = datetime.now(UTC)
        ends = min(now + timedelta(days=self._days), own.not_valid_after_utc)
        return Validity(max(now - BACKDATED, own.not_valid_before_utc), ends)


def _make(certificate: Path, key: Path) -> None:
    """The key first: an authority without a key would be found again, and be of no use."""
    made = make_ca(ISSUER, validity=Validity.days(AUTHORITY_DAYS))
    secret = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(key, secret)
    write_private(certificate, made.pem)


def _load(certificate: Path, key: Path) -> CertificateAuthority:
    try:
        own = x509.load_pem_x509_certificate(certificate.read_bytes())
        secret = load_pem_private_key(key.read_bytes(), password=None)
    except (ValueError, TypeError, FileNotFoundError) as error:
        raise _unusable(certificate.parent, str(error)) from error
    if not isinstance(secret, ec.EllipticCurvePrivateKey) or secret.public_key() != own.public_key():
        raise _unusable(certificate.parent, "the key is another certificate's")
    return CertificateAuthority(own, secret)


def _unusable(folder: Path, why: str) -> CredentialError:
    return CredentialError(
        f"the issuing authority in {folder} cannot be used: {why}",
        "remove the folder, and it is made anew; what it issued no longer counts",
    )


def _read(request: str) -> x509.CertificateSigningRequest:
    """A request whose signature, key and hash will do."""
    if len(request) > REQUEST_LIMIT:
        raise CredentialError("the signing request is too long", f"send {REQUEST_LIMIT} characters at most")
    try:
        asked = x509.load_pem_x509_csr(request.encode("ascii"))
        key, digest = asked.public_key(), asked.signature_hash_algorithm
        proven = asked.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CredentialError("the signing request is no PKCS #10 request in PEM", "send one") from error
    if not proven:
        raise CredentialError("the signing request is not signed by its own key", "sign it")
    if not isinstance(digest, SHA256 | SHA384 | SHA512):
        raise CredentialError("the signing request is signed with a weak hash", "use SHA-256")
    if not _takes(key):
        raise CredentialError(
            "the signing request's key is of a kind or size that IoT Core does not take",
            f"use EC P-256, or RSA of {RSA_LEAST_BITS} bits or more",
        )
    return asked


def _takes(key: object) -> bool:
    """Whether IoT Core takes a public key of this kind and size."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= RSA_LEAST_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES


def _common_name(name: x509.Name) -> str:
    values = [str(one.value) for one in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return values[0] if values else ""
