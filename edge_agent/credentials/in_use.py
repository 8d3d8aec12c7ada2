"""The identity in use: that of the store, or files named by hand; the key a file or in a token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.credentials.certificate import read_certificates
from edge_agent.credentials.device import DeviceCertificate, check_dates, check_identity, check_roots
from edge_agent.credentials.identity import Generation, IdentityStore
from edge_agent.credentials.token import check_token_key
from edge_agent.errors import CredentialError
from edge_agent.settings import TokenSettings, UplinkSettings


@dataclass(frozen=True, slots=True)
class Identity:
    """What a client proves itself with: a certificate, and a key in a file or in a token."""

    certificate: Path
    key: Path | TokenSettings


def identity_in_use(uplink: UplinkSettings) -> Identity:
    """What the settings say to use now. Raises CredentialError if the store has none yet."""
    if uplink.identity is None:
        key = uplink.token or uplink.key
        assert uplink.certificate is not None  # noqa: S101  see UplinkSettings
        assert key is not None  # noqa: S101  as the line above
        return Identity(uplink.certificate, key)
    current = IdentityStore(uplink.identity).current()
    if current is None:
        raise CredentialError(
            f"there is no identity in {uplink.identity} yet", "enrol: edge-agent certs enrol"
        )
    return identity_of(current, uplink.token)


def identity_of(generation: Generation, token: TokenSettings | None) -> Identity:
    """What a generation proves itself with. Raises CredentialError if its key is in a token we lack."""
    label = generation.key_label()
    if label is None:
        return Identity(generation.certificate, generation.key)
    if token is None:
        raise CredentialError(
            f"the key of {generation.folder} lies in a token, and none is set", "set uplink.token"
        )
    return Identity(generation.certificate, token.model_copy(update={"key_label": label}))


def check_in_use(ca: Path, identity: Identity, now: datetime | None = None) -> DeviceCertificate:
    """As check_identity, wherever the key is. Raises CredentialError."""
    if isinstance(identity.key, Path):
        return check_identity(ca, identity.certificate, identity.key, now)
    moment = now or datetime.now(UTC)
    check_roots(ca, moment)
    certificate = read_certificates("certificate", identity.certificate)[0]
    check_token_key(identity.key, certificate)
    described = DeviceCertificate(
        certificate.subject, certificate.serial_number, certificate.not_before, certificate.not_after
    )
    return check_dates(identity.certificate, described, moment)
