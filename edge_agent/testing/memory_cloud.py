"""MemoryCloud: IoT Core's provisioning without a network: it signs, registers, and lets in whom it knows.

It is as strict as the service where a gateway would notice: an unknown or unregistered certificate
gets no session, a token is good for one registration, and a client id is used once at a time.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from edge_agent.credentials.certificate import read_certificates
from edge_agent.credentials.in_use import Identity
from edge_agent.credentials.issuing import IssuingAuthority
from edge_agent.credentials.provisioning import BAD_TOKEN, CREATE
from edge_agent.errors import NotConnected, Refused

Refusal = Refused | NotConnected


@dataclass(slots=True)
class MemoryCloud:
    """The cloud. `connect` is what `Provisioning` is given."""

    authority: IssuingAuthority
    active: set[str] = field(default_factory=set)  # certificate ids
    tokens: dict[str, str] = field(default_factory=dict)  # token: certificate id
    things: dict[str, str] = field(default_factory=dict)  # certificate id: thing
    published: list[tuple[str, str, bytes]] = field(default_factory=list)  # client id, topic, payload
    sessions: list[str] = field(default_factory=list)  # client ids, as they were let in
    renames: dict[str, str] = field(default_factory=dict)  # what a template makes of a thing's name
    refusals: dict[str, Refusal] = field(default_factory=dict)  # by topic; once
    lost_answers: set[str] = field(default_factory=set)  # topics whose next answer does not arrive
    _connected: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def connect(self, identity: Identity, client_id: str) -> AsyncIterator[MemorySession]:
        """A session, for a certificate that is active."""
        certificate_id = read_certificates("certificate", identity.certificate)[0].fingerprint
        if certificate_id not in self.active:
            raise NotConnected(f"memory cloud does not know certificate {certificate_id[:8]}", "register it")
        assert client_id not in self._connected, f"{client_id} is connected twice"  # noqa: S101  a double's own
        self._connected.add(client_id)
        self.sessions.append(client_id)
        try:
            yield MemorySession(self, client_id)
        finally:
            self._connected.discard(client_id)

    def answer(self, topic: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What the service answers, having done what was asked. Raises Refused, or NotConnected if lost."""
        if topic in self.refusals:
            raise self.refusals.pop(topic)
        made = self._create(payload) if topic == CREATE else self._register(payload)
        if topic in self.lost_answers:
            self.lost_answers.remove(topic)
            raise NotConnected("memory cloud: the session was lost before the answer")
        return made

    def _create(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        signed = self.authority.sign(payload["certificateSigningRequest"])
        token = secrets.token_hex(16)
        self.tokens[token] = signed.id
        return {
            "certificateId": signed.id,
            "certificatePem": signed.pem,
            "certificateOwnershipToken": token,
        }

    def _register(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        certificate_id = self.tokens.pop(payload["certificateOwnershipToken"], None)
        if certificate_id is None:
            raise Refused("the ownership token is not good", code=BAD_TOKEN)
        thing = payload["parameters"]["Thing"]
        self.things[certificate_id] = self.renames.get(thing, thing)
        self.active.add(certificate_id)
        return {"thingName": self.things[certificate_id], "deviceConfiguration": {}}


@dataclass(slots=True)
class MemorySession:
    """One client's session."""

    cloud: MemoryCloud
    client_id: str

    async def ask(self, topic: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """As AskingSession."""
        return self.cloud.answer(topic, payload)

    async def publish(self, topic: str, payload: bytes) -> None:
        """As AskingSession."""
        if topic in self.cloud.refusals:
            raise self.cloud.refusals.pop(topic)
        self.cloud.published.append((self.client_id, topic, payload))
