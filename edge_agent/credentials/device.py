"""The device's identity: whether its files can be used, and if not, which one and why.

`check_identity` needs no network and no cryptography package: it lets OpenSSL shake hands with
itself in memory, in the real roles, with the device's certificate as its own trust anchor. What
OpenSSL then says about the certificate is what a broker's TLS would say, except for who
signed it, which only the broker knows.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from edge_agent.errors import CredentialError
from edge_agent.private_file import check_private

# openssl/x509_vfy.h, X509_V_FLAG_NO_CHECK_TIME: the dates are for us to judge, by the `now` we were given.
_NO_CHECK_TIME = 0x200000
# A key that is not this certificate's; of another kind, OpenSSL keeps it and finds no certificate for it.
_MISMATCH = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}
# A handshake in memory takes two turns of each side (TLS 1.3) or three (TLS 1.2).
_TURNS = 6


@dataclass(frozen=True, slots=True)
class DeviceCertificate:
    """What a device's certificate says."""

    subject: str  # the common name; empty if it has none
    serial_number: str
    not_before: datetime
    not_after: datetime


def check_identity(ca: Path, certificate: Path, key: Path, now: datetime | None = None) -> DeviceCertificate:
    """Make sure that a device can prove itself with these files.

    Raises CredentialError, naming the file and the mend, if one cannot be read, is malformed,
    expired or not yet valid, if the key is another certificate's or others may read it.
    """
    moment = now or datetime.now(UTC)
    check_roots(ca, moment)
    _check_is_certificate(certificate)
    _check_key_is_private(key)
    return check_dates(certificate, _described_by_openssl(certificate, key), moment)


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Give a TLS context a certificate and its key. Raises CredentialError."""

    def refuse() -> NoReturn:
        raise CredentialError(
            f"key {key} is protected by a passphrase, and nobody is there to type it",
            f"store it without one: openssl pkey -in {key}",
        )

    try:
        context.load_cert_chain(certificate, key, password=refuse)
    except ssl.SSLError as error:
        if error.reason in _MISMATCH:
            raise CredentialError(
                f"key {key} is not the key of certificate {certificate}", "point both at one identity"
            ) from error
        raise CredentialError(
            f"key {key} is not a private key in PEM", "put the device's key there"
        ) from error
    except OSError as error:
        raise _unreadable("key or certificate", key, error) from error


def check_roots(ca: Path, now: datetime) -> None:
    """Raise CredentialError unless there is a root certificate that has not expired."""
    context = _client_context()
    _read("CA", ca)
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise CredentialError(
            f"CA {ca} holds no certificate in PEM", "put the root certificates there (certs/README.md)"
        ) from error
    ends = [_moment(str(root["notAfter"])) for root in context.get_ca_certs()]
    if ends and max(ends) < now:
        raise CredentialError(
            f"every certificate in CA {ca} has expired, the last on {max(ends):%Y-%m-%d %H:%M} UTC",
            f"put current roots there, or set the clock if it is not {now:%Y-%m-%d %H:%M} UTC",
        )


def _check_is_certificate(certificate: Path) -> None:
    text = _read("certificate", certificate)
    try:
        _client_context().load_verify_locations(cadata=text.decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError) as error:  # an empty text is a ValueError
        raise CredentialError(
            f"certificate {certificate} is not a certificate in PEM", "put the device's certificate there"
        ) from error


def _check_key_is_private(key: Path) -> None:
    """IoT Core ties a gateway's whole identity to this one file."""
    _read("key", key)
    check_private("key", key)


def check_dates(path: Path, certificate: DeviceCertificate, now: datetime) -> DeviceCertificate:
    """The certificate, if it counts now. Raises CredentialError."""
    if now > certificate.not_after:
        raise CredentialError(
            f"certificate {path} expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC",
            f"give the gateway a new one, or set the clock if it is not {now:%Y-%m-%d %H:%M} UTC",
        )
    if now < certificate.not_before:
        raise CredentialError(
            f"certificate {path} is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC",
            f"set the gateway's clock, which says {now:%Y-%m-%d %H:%M} UTC",
        )
    return certificate


def _described_by_openssl(certificate: Path, key: Path) -> DeviceCertificate:
    """What the server's end of a handshake sees of the device's certificate."""
    device = _client_context()
    load_pair(device, certificate, key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(server, certificate, key)  # a server must have one; the device does not look at it
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(certificate)
    server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    server.verify_flags |= _NO_CHECK_TIME
    try:
        seen = _shake_hands(device, server)
    except ssl.SSLError as error:
        says = getattr(error, "verify_message", None) or error.reason or str(error)
        raise CredentialError(
            f"certificate {certificate} cannot identify a device: {says}", "ask for one for TLS clients"
        ) from error
    names = [value for part in seen.get("subject", ()) for name, value in part if name == "commonName"]
    return DeviceCertificate(
        subject=names[0] if names else "",
        serial_number=seen["serialNumber"],
        not_before=_moment(seen["notBefore"]),
        not_after=_moment(seen["notAfter"]),
    )


def _shake_hands(device: ssl.SSLContext, server: ssl.SSLContext) -> dict[str, Any]:
    """One handshake in memory; the device's certificate as the server decoded it."""
    to_server, to_device = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = device.wrap_bio(to_device, to_server)
    there = server.wrap_bio(to_server, to_device, server_side=True)
    for _turn in range(_TURNS):
        for end in (here, there):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return dict(there.getpeercert() or {})


def _client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it meets nobody but itself, in memory
    return context


def _read(what: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(what, path, error) from error


def _unreadable(what: str, path: Path, error: OSError) -> CredentialError:
    return CredentialError(
        f"{what} {path} cannot be read: {error.strerror}", "check the path, its owner and its mode"
    )


def _moment(openssl_time: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(openssl_time), UTC)
