"""The check-up: everything about a gateway's identity that can be known without the cloud, a line each.

Needs no package beside the agent's own, except where a key lies in a token.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_agent.credentials.certificate import Certificate, read_certificates
from edge_agent.credentials.expiry import DAYS_AHEAD
from edge_agent.credentials.identity import Generation, IdentityStore, Phase
from edge_agent.credentials.in_use import Identity, check_in_use, identity_in_use
from edge_agent.errors import AgentError, CredentialError
from edge_agent.private_file import OTHERS, check_private
from edge_agent.settings import Settings, UplinkSettings

# The first of the days on which the agent warns ahead.
SOON = timedelta(days=DAYS_AHEAD[0])


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check-up."""

    good: bool
    text: str


def check_up(settings: Settings, now: datetime | None = None) -> Sequence[Finding]:
    """Everything that was looked at; what is not good names the mend."""
    moment = now or datetime.now(UTC)
    uplink = settings.uplink
    if uplink is None or uplink.kind != "iot_core":
        return (_fine("this uplink needs no identity of its own"),)
    return tuple(dict.fromkeys(_findings(settings, uplink, moment)))  # one trouble may be met twice


def _findings(settings: Settings, uplink: UplinkSettings, now: datetime) -> Iterator[Finding]:
    if uplink.ca is not None:
        yield from _roots(uplink.ca, now)
    if uplink.identity is not None:
        yield from _store(uplink.identity, settings.gateway)
    identity: Identity | None = None
    try:
        identity = identity_in_use(uplink)
        yield from _identity(uplink, identity, now)
    except AgentError as error:
        yield _bad(error)
    yield from _claim(uplink, enrolled=identity is not None and uplink.identity is not None)


def _roots(ca: Path, now: datetime) -> Iterator[Finding]:
    try:
        roots = read_certificates("CA", ca)
    except CredentialError as error:
        yield _bad(error)
        return
    for root in roots:
        if root.subject != root.issuer:
            yield Finding(
                good=False,
                text=f"{root.subject or root.serial_number} ({ca}) is no root: {root.issuer} signed it — "
                "put the root certificates there (certs/README.md)",
            )
        else:
            yield _dated(f"root {root.subject or root.serial_number} ({ca})", root, now)


def _identity(uplink: UplinkSettings, identity: Identity, now: datetime) -> Iterator[Finding]:
    assert uplink.ca is not None  # noqa: S101  see UplinkSettings
    check_in_use(uplink.ca, identity, now)
    certificate, *chain = read_certificates("certificate", identity.certificate)
    yield _dated(f"certificate {identity.certificate}", certificate, now)
    yield _fine(
        f"it is {certificate.subject or 'without a common name'}, signed by {certificate.issuer}, "
        f"id {certificate.fingerprint}"
    )
    for one in chain:
        yield _dated(f"its chain's {one.subject}", one, now)
    if isinstance(identity.key, Path):
        mode = stat.S_IMODE(identity.key.stat().st_mode)
        yield _fine(f"key {identity.key} is the certificate's, mode {mode:04o}")
    else:
        key, token = identity.key.key_label, identity.key.token_label
        yield _fine(f"key {key} in token {token} is the certificate's: it signed, the certificate verified")


def _store(folder: Path, gateway: str) -> Iterator[Finding]:
    """The state of the identity store."""
    store = IdentityStore(folder)
    if not folder.is_dir():
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & OTHERS:
        yield Finding(
            good=False, text=f"identity {folder} is open to others (mode {mode:04o}) — chmod 700 {folder}"
        )
    for generation in store.generations():
        yield from _generation(store, generation, gateway)


def _generation(store: IdentityStore, generation: Generation, gateway: str) -> Iterator[Finding]:
    name, phase = f"identity {store.folder}, generation {generation.name}", generation.phase
    if generation.name > store.version():
        mend = "run enrol or rotate again to go on with it"
        yield Finding(good=True, text=f"{name} is under way ({phase.name.lower()}): {mend}")
    elif generation.name < store.version():
        yield _fine(f"{name} is the one before, kept until the forwarder has used the current one")
    elif phase >= Phase.REGISTERED:
        thing = generation.registration().thing
        used = "in use" if phase is Phase.CONFIRMED else "not yet used by the forwarder"
        yield Finding(
            good=thing == gateway,
            text=f"{name} is current, {used}, registered as thing {thing}"
            + ("" if thing == gateway else f", the settings say {gateway} — set gateway: {thing}"),
        )


def _claim(uplink: UplinkSettings, *, enrolled: bool) -> Iterator[Finding]:
    """A claim key has no business on a gateway that is enrolled."""
    if uplink.enrolment is None or not uplink.enrolment.claim_key.exists():
        return
    key = uplink.enrolment.claim_key
    if enrolled:
        yield Finding(
            good=False,
            text=f"claim key {key} is still here, and this gateway is enrolled — "
            "run edge-agent certs enrol, which wipes it",
        )
        return
    try:
        check_private("claim key", key)
    except CredentialError as error:
        yield _bad(error)
    else:
        yield _fine(f"claim key {key} is here, for enrolling")


def _dated(what: str, certificate: Certificate, now: datetime) -> Finding:
    left = certificate.not_after - now
    until = f"until {certificate.not_after:%Y-%m-%d}"
    if left < timedelta(0):
        return Finding(good=False, text=f"{what} has expired: it counted {until} — replace it")
    soon = " — renew it soon" if left < SOON else ""
    return Finding(good=True, text=f"{what} counts {until}, {left.days} days left{soon}")


def _fine(text: str) -> Finding:
    return Finding(good=True, text=text)


def _bad(error: AgentError) -> Finding:
    return Finding(good=False, text=str(error))
