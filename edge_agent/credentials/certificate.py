"""A certificate, read as far as a gateway needs: whose it is, until when, and which key it is for.

A few lines of DER (X.690) and RFC 5280, 4.1, because the standard library reads only what a
handshake brought, and a gateway watches certificates that no handshake brings: its own while the
key lies in a token, and its roots. Nothing here says whether a signature is good; TLS does.

Whatever cannot be read is a ValueError, `read_certificates` apart, which names the file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from edge_agent.errors import CredentialError

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
# X.690, 8.1.2: the tags a certificate is made of.
_INTEGER, _OID = 0x02, 0x06
_SEQUENCE, _SET, _VERSION = 0x30, 0x31, 0xA0
_COMMON_NAME = bytes.fromhex("550403")  # 2.5.4.3
_TEXT_ENCODINGS = {0x1E: "utf-16-be"}  # BMPString; the others are UTF-8 or a part of it
# RFC 5280, 4.1.2.5.1: two digits of a year, 1950 to 2049.
_CENTURY_SPLIT = 50
_LONG_LENGTH = 0x80
_LENGTH_BYTES = 3  # 16 MiB, which no certificate is


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says."""

    subject: str  # the common name; empty if it has none
    issuer: str
    serial_number: str  # upper-case hexadecimal, as OpenSSL prints it
    not_before: datetime
    not_after: datetime
    public_key: bytes  # SubjectPublicKeyInfo, DER
    fingerprint: str  # SHA-256, lower-case hexadecimal: what IoT Core calls the certificate id


class _Value(NamedTuple):
    tag: int
    content: bytes
    whole: bytes  # with tag and length


def read_certificates(what: str, path: Path) -> Sequence[Certificate]:
    """Every certificate in a PEM file, at least one. Raises CredentialError, naming the file as `what`."""
    try:
        found = parse_pem(path.read_bytes())
    except OSError as error:
        raise CredentialError(
            f"{what} {path} cannot be read: {error.strerror}", "check the path, its owner and its mode"
        ) from error
    except ValueError as error:
        raise CredentialError(f"{what} {path} is malformed: {error}", "put a certificate there") from error
    if not found:
        raise CredentialError(f"{what} {path} is not a certificate in PEM", "put a certificate there")
    return found


def parse_pem(text: bytes) -> Sequence[Certificate]:
    """Every certificate in a PEM text, in its order."""
    try:
        return tuple(parse(base64.b64decode(b"".join(body.split()))) for body in _PEM.findall(text))
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def parse(der: bytes) -> Certificate:
    """One certificate."""
    (certificate,) = _values(der, _SEQUENCE)
    to_be_signed = _value(certificate.content, 0)
    fields = [value for value in _values(to_be_signed.content) if value.tag != _VERSION]
    if len(fields) < 6 or fields[0].tag != _INTEGER:
        raise ValueError("that is no certificate")
    serial, _algorithm, issuer, validity, subject, public_key = fields[:6]
    begin, end = _values(validity.content)
    return Certificate(
        subject=_common_name(subject),
        issuer=_common_name(issuer),
        serial_number=f"{int.from_bytes(serial.content, signed=True):X}",
        not_before=_moment(begin),
        not_after=_moment(end),
        public_key=public_key.whole,
        fingerprint=hashlib.sha256(der).hexdigest(),
    )


def _values(data: bytes, expected: int | None = None) -> Iterator[_Value]:
    """The values one after another."""
    at = 0
    while at < len(data):
        value = _value(data, at)
        if expected is not None and value.tag != expected:
            raise ValueError(f"tag {value.tag:#04x} where {expected:#04x} belongs")
        yield value
        at += len(value.whole)


def _value(data: bytes, at: int) -> _Value:
    header = data[at : at + 2]
    if len(header) < 2:
        raise ValueError("it ends too early")
    tag, length = header
    start = at + 2
    if length >= _LONG_LENGTH:
        count = length - _LONG_LENGTH
        if not 0 < count <= _LENGTH_BYTES:
            raise ValueError("a length is not DER")
        length = int.from_bytes(data[start : start + count])
        start += count
    if start + length > len(data):
        raise ValueError("it ends too early")
    return _Value(tag, data[start : start + length], data[at : start + length])


def _common_name(name: _Value) -> str:
    """The first common name of a distinguished name."""
    for part in _values(name.content, _SET):
        for attribute in _values(part.content, _SEQUENCE):
            kind, *rest = _values(attribute.content)
            if kind.tag == _OID and kind.content == _COMMON_NAME and rest:
                return rest[0].content.decode(_TEXT_ENCODINGS.get(rest[0].tag, "utf-8"), "replace")
    return ""


def _moment(value: _Value) -> datetime:
    """YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ."""
    text = value.content.decode("ascii", "replace")
    match value.tag:
        case 0x17:  # UTCTime
            text = ("20" if int(text[:2]) < _CENTURY_SPLIT else "19") + text
        case 0x18:  # GeneralizedTime
            pass
        case _:
            raise ValueError("a time is neither UTCTime nor GeneralizedTime")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
