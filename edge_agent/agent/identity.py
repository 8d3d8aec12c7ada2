"""Identity: enrolling, rotating and proving, put together from settings."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import structlog

from edge_agent.agent.checks import given, proxy_of, uplink_of
from edge_agent.credentials.device import check_identity
from edge_agent.credentials.diagnosis import diagnose
from edge_agent.credentials.disk import Disk, wipe
from edge_agent.credentials.identity import Generation, IdentityStore
from edge_agent.credentials.in_use import Identity, check_in_use
from edge_agent.credentials.keys import FileKeys, Keys
from edge_agent.credentials.provisioning import Connect, Gateway, Provisioning
from edge_agent.credentials.token import TokenKeys
from edge_agent.errors import ConfigurationError, CredentialError
from edge_agent.extras import missing
from edge_agent.settings import EnrolmentSettings, Settings, UplinkSettings
from edge_agent.uplink.base import TokenKey


def store_of(uplink: UplinkSettings) -> IdentityStore:
    """The identity store. Raises ConfigurationError if the settings name none."""
    if uplink.identity is None:
        raise ConfigurationError(
            "uplink.identity is missing", "name the folder where the identity is to be kept"
        )
    forget = TokenKeys(uplink.token).forget if uplink.token is not None else lambda _generation: None
    return IdentityStore(uplink.identity, forget=forget)


async def enrol(settings: Settings, *, force: bool = False, keep_claim: bool = False) -> Generation:
    """Enrol by the claim, and wipe its key unless the caller does. Raises AgentError."""
    uplink = uplink_of(settings)
    enrolment = _enrolment(uplink)
    store, claim = store_of(uplink), Identity(enrolment.claim_certificate, enrolment.claim_key)
    current = store.current() if not force else None
    if current is not None and enrolment.claim_key.exists():
        wipe_claim(enrolment.claim_key)  # a power cut came between the last two steps
        return current
    if current is None:
        _check_claim(uplink, enrolment, store)
    serial_number = enrolment.serial_number or settings.gateway
    provisioning = _provisioning(settings, store, enrolment.template, serial_number)
    generation = await provisioning.enrol(claim, force=force)
    if not keep_claim:
        wipe_claim(enrolment.claim_key)
    return generation


def _check_claim(uplink: UplinkSettings, enrolment: EnrolmentSettings, store: IdentityStore) -> None:
    """Raise CredentialError if we could not ask with it."""
    if store.version() and not enrolment.claim_key.exists():
        raise CredentialError(
            f"claim key {enrolment.claim_key} is not there: it is wiped once a gateway is enrolled",
            "put it there again, or rotate",
        )
    check_identity(given(uplink.ca), enrolment.claim_certificate, enrolment.claim_key)


async def rotate(settings: Settings, *, force: bool = False) -> Generation:
    """Renew key and certificate beside the running forwarder, which takes them up. Raises AgentError."""
    uplink = uplink_of(settings)
    serial_number = uplink.enrolment.serial_number if uplink.enrolment else ""
    provisioning = _provisioning(
        settings, store_of(uplink), uplink.rotation_template, serial_number or settings.gateway
    )
    return await provisioning.rotate(force=force)


def connect_by(settings: Settings) -> Connect:
    """How sessions are opened that ask the cloud something."""
    # awscrt takes a tenth of a second to import, which whoever is enrolled does without.
    from edge_agent.uplink.asking import AskingSession, SessionOptions  # noqa: PLC0415

    uplink = uplink_of(settings)

    def connect(identity: Identity, client_id: str) -> AskingSession:
        check_in_use(given(uplink.ca), identity)
        options = SessionOptions(
            endpoint=uplink.endpoint,
            port=uplink.port,
            ca=given(uplink.ca),
            certificate=identity.certificate,
            key=key_of(identity),
            client_id=client_id,
            proxy=proxy_of(uplink),
            answer_seconds=uplink.ack_timeout_seconds,
        )
        return AskingSession(options, diagnose_by(uplink, identity))

    return connect


def key_of(identity: Identity) -> Path | TokenKey:
    """The key, as the uplinks know it."""
    if isinstance(identity.key, Path):
        return identity.key
    return TokenKey(**identity.key.model_dump())


def diagnose_by(uplink: UplinkSettings, identity: Identity) -> Callable[[], str]:
    """What says why this identity cannot connect."""
    key = identity.key if isinstance(identity.key, Path) else None
    return lambda: diagnose(
        uplink.endpoint,
        uplink.port,
        given(uplink.ca),
        identity.certificate,
        key,
        proxy=proxy_of(uplink),
    )


def _provisioning(
    settings: Settings, store: IdentityStore, template: str, serial_number: str
) -> Provisioning:
    uplink = uplink_of(settings)
    gateway = Gateway(
        thing=settings.gateway,
        site=settings.site,
        serial_number=serial_number,
        template=template,
        status_topic=settings.status_topic,
    )
    return Provisioning(store, _keys(uplink), connect_by(settings), gateway, token=uplink.token)


def _keys(uplink: UplinkSettings) -> Keys:
    """Keys in a token if one is set, in files otherwise."""
    if uplink.token is not None:
        return TokenKeys(uplink.token)
    if find_spec("cryptography") is None:
        raise missing("a key in a file", "cryptography", extra="credentials")
    return FileKeys()


def _enrolment(uplink: UplinkSettings) -> EnrolmentSettings:
    if uplink.enrolment is None:
        raise ConfigurationError(
            "uplink.enrolment is missing", "name the template, the claim certificate and its key"
        )
    return uplink.enrolment


def wipe_claim(claim_key: Path) -> None:
    """The claim is good for every gateway: its key has no business on one that is enrolled.

    Raises CredentialError, and logs an alarm, if it cannot be wiped.
    """
    if not claim_key.exists():
        return
    log = structlog.get_logger().bind(path=str(claim_key))
    try:
        wipe(Disk(), claim_key)
    except OSError as error:
        mend = f"remove it by hand: rm {claim_key}"
        log.error(  # noqa: TRY400  a person's to mend, no fault of ours
            "the claim key is still here", alarm=True, reason=error.strerror, mend=mend
        )
        raise CredentialError(
            f"this gateway is enrolled, but claim key {claim_key} cannot be wiped: {error.strerror}", mend
        ) from error
    log.info("claim key wiped")
