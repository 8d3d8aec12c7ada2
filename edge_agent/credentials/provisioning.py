"""Enrolling and rotating: the sequence, whoever carries its messages.

    key ── request ──▶ certificate ──▶ registered ──▶ proved ──▶ current

Each arrow is one durable step of the identity store, so an operation that was interrupted, by a
power cut or a refusal, goes on where it was when it is run again, and until the last step
nothing has changed for whoever uses the current identity. A session with the new identity is
opened only after the session that asked for it has ended: no client id is ever used twice at once.

Topics and payloads are those of AWS IoT device provisioning. The certificate is useless until
the gateway is registered with it; the token that allows this is good for an hour.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from edge_agent.credentials.certificate import Certificate, parse_pem
from edge_agent.credentials.identity import Generation, IdentityStore, Issued, Phase
from edge_agent.credentials.in_use import Identity, identity_of
from edge_agent.credentials.keys import Keys
from edge_agent.errors import CredentialError, Refused, UplinkError
from edge_agent.settings import TokenSettings

CREATE = "$aws/certificates/create-from-csr/json"
PROVISION = "$aws/provisioning-templates/{}/provision/json"

# AWS IoT: an ownership token that is an hour old is dead. The margin is for clocks that were just set.
TOKEN_SECONDS = 3_600.0 - 300.0
BAD_TOKEN = "InvalidCertificateOwnershipToken"  # noqa: S105  the name of an error
# IoT Core lets a client id in once a second, and the rotation's id has just been used for asking.
CONNECT_PAUSE_SECONDS = 1.1
# A certificate that was registered a moment ago may be unknown at another front end for some seconds.
PROOFS = 5
PROOF_PAUSE_SECONDS = 2.0
# A forwarder that retires an identity is done within this.
LOCK_SECONDS = 3.0


class Session(Protocol):
    """An MQTT session with the cloud."""

    async def ask(self, topic: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer on `topic`/accepted. Raises Refused for one on `topic`/rejected, and UplinkError."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish, and wait for a receipt that means success. Raises UplinkError."""


# Opens a session with an identity and as a client id. Raises UplinkError, CredentialError.
Connect = Callable[[Identity, str], AbstractAsyncContextManager[Session]]


@dataclass(frozen=True, slots=True)
class Gateway:
    """Who is to be registered, and how."""

    thing: str
    site: str
    serial_number: str
    template: str
    status_topic: str

    @property
    def claim_client_id(self) -> str:
        """Who asks with a claim certificate: one id for each gateway, for they start together."""
        return "enrol-" + re.sub(r"[^A-Za-z0-9:_-]", "-", self.serial_number)

    @property
    def rotation_client_id(self) -> str:
        """Who asks, and who proves, beside the forwarder's own session."""
        return f"{self.thing}-rotation"


class Provisioning:
    """Enrols a gateway, or renews its identity.

    Args:
        store: where the identities are.
        keys: how keys are made.
        connect: opens a session.
        gateway: who is to be registered.
        token: where keys are, if they are not files.
        pause: waits some seconds.
        now: seconds since 1970.
    """

    def __init__(
        self,
        store: IdentityStore,
        keys: Keys,
        connect: Connect,
        gateway: Gateway,
        *,
        token: TokenSettings | None = None,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._keys = keys
        self._connect = connect
        self._gateway = gateway
        self._token = token
        self._pause = pause
        self._now = now
        self._log = structlog.get_logger().bind(thing=gateway.thing, template=gateway.template)

    async def enrol(self, claim: Identity, *, force: bool = False) -> Generation:
        """Get an identity by a claim certificate; it is current when this returns.

        Raises CredentialError if there is one already and it is not to be replaced by `force`.
        """
        with self._store.lock(LOCK_SECONDS):
            if not force and (current := self._store.current()):
                raise CredentialError(
                    f"this gateway is enrolled already, as {current.registration().thing} "
                    f"({self._store.folder})",
                    "rotate, or enrol with --force",
                )
            return await self._renew(claim, self._gateway.claim_client_id, force=force)

    async def rotate(self, *, force: bool = False) -> Generation:
        """Renew the key and the certificate; the new identity is current when this returns.

        `force` begins with a new key where an interrupted rotation could be gone on with.
        Raises CredentialError if there is nothing to renew.
        """
        with self._store.lock(LOCK_SECONDS):
            current = self._store.current()
            if current is None:
                raise CredentialError(
                    f"there is no identity in {self._store.folder} to rotate", "enrol first"
                )
            identity = identity_of(current, self._token)
            return await self._renew(identity, self._gateway.rotation_client_id, force=force)

    async def _renew(self, asker: Identity, client_id: str, *, force: bool) -> Generation:
        pending = self._store.pending()
        if force and pending is not None:
            self._store.discard(pending)
        generation = await self._obtain(asker, client_id)
        self._check_thing(generation)
        await self._prove(generation)
        self._store.switch(generation)
        self._log.info("identity is current", generation=generation.name)
        return generation

    async def _obtain(self, asker: Identity, client_id: str) -> Generation:
        """A generation that the cloud has registered."""
        generation = self._store.begin()
        if generation.phase is Phase.ISSUED:
            generation = await self._resume(generation)
        if generation.phase >= Phase.REGISTERED:
            return generation
        resumed = generation.phase is Phase.ISSUED
        try:
            await self._register(asker, client_id, generation)
        except Refused as refused:
            if not resumed or refused.code != BAD_TOKEN:
                raise
            generation = self._anew(generation)
            await self._pause(CONNECT_PAUSE_SECONDS)
            await self._register(asker, client_id, generation)
        return generation

    async def _resume(self, generation: Generation) -> Generation:
        """Go on with a certificate that was issued before an interruption.

        If the cloud registered it and its answer was lost, it would not do so again: the token is
        used up, and an allow-list may let a serial number pass once. Then the certificate works.
        """
        self._store.keep_certificate(generation)
        try:
            await self._publish_proof(generation, generation.issued().certificate_id)
        except UplinkError as error:
            self._log.info("the certificate is not registered yet", reason=str(error))
        else:
            self._store.keep_registration(generation, self._gateway.thing)
            return generation
        await self._pause(CONNECT_PAUSE_SECONDS)
        age = self._now() - (generation.folder / "issued.json").stat().st_mtime
        return generation if 0 <= age < TOKEN_SECONDS else self._anew(generation)

    def _anew(self, generation: Generation) -> Generation:
        """A new key, since the token of the old one's certificate is no longer good."""
        self._log.info("the certificate's token is no longer good: beginning anew")
        self._store.discard(generation)
        return self._store.begin()

    async def _register(self, asker: Identity, client_id: str, generation: Generation) -> None:
        """Take the generation through every phase it has not reached."""
        if generation.phase is Phase.EMPTY:
            self._keys.make(self._store, generation)
        if generation.phase is Phase.KEYED:
            self._store.keep_request(generation, self._keys.request(generation, self._gateway.thing))
        async with self._connect(asker, client_id) as session:
            if generation.phase is Phase.REQUESTED:
                self._store.keep_issued(generation, await self._ask_for_certificate(session, generation))
            if generation.phase is Phase.ISSUED:
                self._store.keep_registration(generation, await self._ask_to_register(session, generation))

    async def _ask_for_certificate(self, session: Session, generation: Generation) -> Issued:
        request = generation.request.read_text(encoding="ascii")
        answer = await self._ask(session, CREATE, {"certificateSigningRequest": request})
        issued = Issued(
            certificate_id=_text(answer, "certificateId", CREATE),
            certificate=_text(answer, "certificatePem", CREATE),
            token=_text(answer, "certificateOwnershipToken", CREATE),
        )
        self._keys.check(generation, _only_certificate(issued.certificate))
        self._log.info("certificate issued", certificate_id=issued.certificate_id)
        return issued

    async def _ask_to_register(self, session: Session, generation: Generation) -> str:
        topic = PROVISION.format(self._gateway.template)
        parameters = {
            "SerialNumber": self._gateway.serial_number,
            "Site": self._gateway.site,
            "Thing": self._gateway.thing,
        }
        token = generation.issued().token
        asked = {"certificateOwnershipToken": token, "parameters": parameters}
        return _text(await self._ask(session, topic, asked), "thingName", topic)

    async def _ask(self, session: Session, topic: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await session.ask(topic, payload)
        except Refused as refused:
            if refused.mend:
                raise
            raise Refused(refused.what, self._mend(topic, refused.code), refused.code) from refused

    def _mend(self, topic: str, code: str) -> str:
        """What to do about a rejected answer."""
        if topic == CREATE:
            return "look at what the service says, and run this again"
        if code == BAD_TOKEN:
            return "run this again; it begins with a new certificate"
        return (
            f"look at template {self._gateway.template}: it and its hook must know "
            f"serial number {self._gateway.serial_number}"
        )

    def _check_thing(self, generation: Generation) -> None:
        registered = generation.registration().thing
        if registered != self._gateway.thing:
            raise CredentialError(
                f"the cloud registered this gateway as thing {registered}, its settings say "
                f"{self._gateway.thing}",
                f"set gateway to {registered} and run this again, or mend template "
                f"{self._gateway.template} and run it with --force",
            )

    async def _prove(self, generation: Generation) -> None:
        """Connect with the new identity and publish once."""
        certificate_id = generation.registration().certificate_id
        pause = CONNECT_PAUSE_SECONDS
        for attempt in range(1, PROOFS + 1):
            await self._pause(pause)
            pause = PROOF_PAUSE_SECONDS
            try:
                await self._publish_proof(generation, certificate_id)
            except UplinkError as error:
                self._log.warning("the new identity is not taken yet", attempt=attempt, reason=str(error))
                if attempt == PROOFS:
                    raise UplinkError(
                        f"the new identity is registered and the cloud does not take it: {error.what}",
                        "check the policy that the template attaches, and run this again; "
                        "with --force it begins with a new key",
                    ) from error
            else:
                return

    async def _publish_proof(self, generation: Generation, certificate_id: str) -> None:
        identity = identity_of(generation, self._token)
        proof = {"state": "proving", "certificate": certificate_id}
        async with self._connect(identity, self._gateway.rotation_client_id) as session:
            await session.publish(self._gateway.status_topic, json.dumps(proof).encode())


def _text(answer: Mapping[str, Any], name: str, topic: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise UplinkError(f"the answer on {topic}/accepted has no {name}", "look at what serves this topic")
    return value


def _only_certificate(pem: str) -> Certificate:
    try:
        (certificate, *_chain) = parse_pem(pem.encode("ascii"))
    except ValueError as error:  # no PEM, no DER, no certificate
        raise CredentialError(
            "what was issued is not a certificate in PEM", "look at what signs for the template"
        ) from error
    return certificate
