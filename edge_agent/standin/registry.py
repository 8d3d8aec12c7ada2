"""The registry: which certificates exist, what each may do, and which thing it speaks for.

A certificate is known by its id, as IoT Core knows it: the SHA-256 of its DER form in lower-case
hexadecimals. It is ACTIVE, INACTIVE or, from its signing request until a thing is registered with
it, PENDING_ACTIVATION. Only an ACTIVE one may connect. A thing and policies are attached to it; a
claim certificate has policies alone.

The simple case needs no registering: a certificate of the trusted authority that was never seen
is taken as ACTIVE, with the thing of its common name if there is one, and the default policy. One
that was forgotten, or that the stand-in issued itself and no longer knows, is not.

Pure: `keep` is handed a snapshot after whatever must outlive a restart has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from itertools import chain
from typing import Any

from edge_agent.errors import AgentError, ConfigurationError
from edge_agent.standin.policy import Identity, Policy

# The policy of a certificate nobody registered.
DEFAULT_POLICY = "default"

Snapshot = dict[str, Any]


class Status(Enum):
    """What IoT Core calls the states of a certificate."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    PENDING = "PENDING_ACTIVATION"


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate, as far as the cloud knows it."""

    id: str
    common_name: str
    status: Status = Status.ACTIVE
    thing: str | None = None
    policies: tuple[str, ...] = ()  # names
    lasting: bool = True  # outlives a restart; one taken without being registered is taken again

    def document(self) -> dict[str, Any]:
        """As it is shown and kept."""
        return {
            "id": self.id,
            "common_name": self.common_name,
            "status": self.status.value,
            "thing": self.thing,
            "policies": list(self.policies),
        }


class Registry:
    """Certificates, things and policies."""

    def __init__(
        self,
        things: Mapping[str, Mapping[str, str]],
        policies: Mapping[str, Policy],
        keep: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        self._things = {name: dict(attributes) for name, attributes in things.items()}
        self._configured = frozenset(things)  # the configuration says what these are, each time anew
        self._policies = policies
        self._keep = keep
        self.generation = 0  # rises with every change that a decision may depend on
        self._certificates: dict[str, Certificate] = {}
        self._forgotten: set[str] = set()
        self._merged: dict[tuple[str, ...], Policy] = {}

    def __repr__(self) -> str:
        return f"<Registry certificates:{len(self._certificates)} things:{len(self._things)}>"

    @property
    def certificates(self) -> Iterable[Certificate]:
        """Every certificate, in the order they came."""
        return self._certificates.values()

    @property
    def things(self) -> Mapping[str, Mapping[str, str]]:
        """Every thing and its attributes."""
        return self._things

    def get(self, certificate_id: str) -> Certificate | None:
        """What is known of a certificate."""
        return self._certificates.get(certificate_id)

    def forgot(self, certificate_id: str) -> bool:
        """Whether a certificate was known and then forgotten."""
        return certificate_id in self._forgotten

    def find(self, certificate_id: str) -> Certificate:
        """A certificate by its id or the beginning of it. Raises ConfigurationError."""
        found = [one for one in self._certificates.values() if one.id.startswith(certificate_id)]
        if len(found) != 1:
            raise ConfigurationError(
                f"{len(found)} certificates have an id that begins with {certificate_id!r}",
                "ask for `certificates`",
            )
        return found[0]

    def present(self, certificate_id: str, common_name: str, *, issued: bool = False) -> None:
        """Somebody shows a certificate. One never seen is taken, unless we `issued` it."""
        if issued or certificate_id in self._certificates or certificate_id in self._forgotten:
            return
        thing = common_name if common_name in self._things else None
        self.generation += 1
        self._certificates[certificate_id] = Certificate(
            certificate_id, common_name, thing=thing, policies=(DEFAULT_POLICY,), lasting=False
        )

    def add(self, certificate: Certificate) -> None:
        """Register a certificate."""
        self._check_policies(certificate.policies)
        self._put(certificate)

    def set_status(self, certificate_id: str, status: Status) -> None:
        """Activate or deactivate; it outlives a restart from now on."""
        self._put(replace(self._certificates[certificate_id], status=status, lasting=True))

    def register(
        self,
        certificate_id: str,
        thing: str,
        attributes: Mapping[str, str],
        policies: tuple[str, ...],
        *,
        replace_attributes: bool = False,
    ) -> None:
        """Activate a certificate for a thing, made if need be; one that exists keeps its attributes."""
        self._check_policies(policies)
        if replace_attributes or thing not in self._things:
            self._things[thing] = dict(attributes)
        certificate = self._certificates[certificate_id]
        self._put(replace(certificate, status=Status.ACTIVE, thing=thing, policies=policies))

    def forget(self, certificate_id: str) -> None:
        """Delete a certificate: nobody gets in with it any more."""
        certificate = self._certificates.get(certificate_id)
        if certificate is None:
            return
        self.generation += 1
        del self._certificates[certificate_id]
        if certificate.status is Status.PENDING:
            return
        self._forgotten.add(certificate_id)
        try:
            self._keep(self.snapshot())
        except AgentError:
            self._forgotten.discard(certificate_id)
            self._certificates[certificate_id] = certificate
            self.generation += 1
            raise

    def identity(self, certificate: Certificate, client_id: str) -> Identity:
        """What policies may ask about a connection with this certificate."""
        attributes = None if certificate.thing is None else self._things[certificate.thing]
        return Identity(certificate.common_name, client_id, attributes, certificate.thing or "")

    def policy(self, certificate: Certificate) -> Policy:
        """All its policies as one: they add up, and a Deny in any of them wins."""
        merged = self._merged.get(certificate.policies)
        if merged is None:
            statements = chain.from_iterable(self._policies[one].statements for one in certificate.policies)
            merged = self._merged[certificate.policies] = Policy(tuple(statements))
        return merged

    def snapshot(self) -> Snapshot:
        """What must outlive a restart. A pending certificate does not: its token is gone as well."""
        lasting = [one for one in self.certificates if one.lasting and one.status is not Status.PENDING]
        made = {name: of for name, of in self._things.items() if name not in self._configured}
        return {
            "certificates": [one.document() for one in lasting],
            "things": made,
            "forgotten": sorted(self._forgotten),
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Know again what was kept. Raises ConfigurationError, KeyError, TypeError or ValueError."""
        for name, attributes in snapshot["things"].items():
            self._things.setdefault(name, {str(key): str(value) for key, value in attributes.items()})
        self._forgotten |= set(snapshot["forgotten"])
        self.generation += 1
        for one in snapshot["certificates"]:
            certificate = Certificate(
                one["id"], one["common_name"], Status(one["status"]), one["thing"], tuple(one["policies"])
            )
            self._check_policies(certificate.policies)
            if certificate.thing is not None:
                self._things.setdefault(certificate.thing, {})
            self._certificates[certificate.id] = certificate

    def _put(self, certificate: Certificate) -> None:
        """What cannot be kept has not happened."""
        self.generation += 1
        before = self._certificates.get(certificate.id)
        self._certificates[certificate.id] = certificate
        if not certificate.lasting or certificate.status is Status.PENDING:
            return
        try:
            self._keep(self.snapshot())
        except AgentError:
            if before is None:
                del self._certificates[certificate.id]
            else:
                self._certificates[certificate.id] = before
            self.generation += 1
            raise

    def _check_policies(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._policies:
                raise ConfigurationError(
                    f"there is no policy {name!r}", f"name one of {', '.join(sorted(self._policies))}"
                )
