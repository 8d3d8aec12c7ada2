"""Fleet provisioning: a signing request becomes a certificate, and a certificate a thing's own.

Two questions, as in "Device provisioning MQTT API". CreateCertificateFromCsr answers with a
certificate that is still pending, and a token that proves who asked for it. RegisterThing takes
the token, once and within the hour, and a template's parameters; it makes the thing if there is
none, activates the certificate and attaches the policies of the template. A pending certificate
whose token has died is deleted.

Whoever asks with the certificate of a thing, which is how certificates are rotated, may ask for
that thing alone.

Pure: time is an argument, in seconds that never go back.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from edge_agent.errors import ConfigurationError, CredentialError
from edge_agent.standin.answers import Refused
from edge_agent.standin.registry import Certificate, Registry, Status
from edge_agent.standin.templates import Template

# AWS IoT: "expires after one hour".
TOKEN_LIFETIME = 3600.0
# Ours: what one claim could make us remember by asking and never registering.
PENDING_CERTIFICATES = 1_000
# AWS IoT: what a thing may be called.
THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")


class Signed(Protocol):
    """A certificate just issued."""

    @property
    def pem(self) -> str:
        """The certificate."""

    @property
    def id(self) -> str:
        """SHA-256 of its DER form, hexadecimal."""

    @property
    def common_name(self) -> str:
        """The common name of its subject."""


class Signs(Protocol):
    """Who makes certificates: `edge_agent.credentials.issuing.IssuingAuthority`."""

    def sign(self, request: str) -> Signed:
        """The certificate for a signing request in PEM. Raises CredentialError."""


class Provisioning:
    """The two questions and the tokens between them."""

    def __init__(
        self,
        registry: Registry,
        templates: Iterable[Template],
        authority: Signs,
        *,
        lifetime: float = TOKEN_LIFETIME,
        make_token: Callable[[], str] = lambda: secrets.token_urlsafe(48),
    ) -> None:
        self._registry = registry
        self._templates = {one.name: one for one in templates}
        self._authority = authority
        self._lifetime = lifetime
        self._make_token = make_token
        self._enrolled: set[tuple[str, str]] = set()
        self._tokens: dict[str, tuple[str, float]] = {}  # certificate id, and until when; the oldest first

    def create_from_csr(self, request: Mapping[str, Any], now: float) -> dict[str, Any]:
        """CreateCertificateFromCsr. Raises Refused."""
        self.forget_dead(now)
        asked = request.get("certificateSigningRequest")
        if not isinstance(asked, str) or not asked:
            raise Refused(400, "InvalidCertificateSigningRequest", "CSR cannot be empty.")
        if len(self._tokens) >= PENDING_CERTIFICATES:
            raise Refused(429, "TooManyRequests", "Too many certificates wait to be registered.")
        try:
            signed = self._authority.sign(asked)
        except CredentialError as error:
            raise Refused(400, "InvalidCertificateSigningRequest", error.what) from error
        self._registry.add(Certificate(signed.id, signed.common_name, Status.PENDING))
        token = self._make_token()
        self._tokens[token] = (signed.id, now + self._lifetime)
        return {
            "certificateId": signed.id,
            "certificatePem": signed.pem,
            "certificateOwnershipToken": token,
        }

    def register_thing(
        self, template_name: str, request: Mapping[str, Any], asker: Certificate, now: float
    ) -> dict[str, Any]:
        """RegisterThing. Raises Refused, and then the token can still be used."""
        self.forget_dead(now)
        template = self._templates.get(template_name)
        if template is None:
            raise Refused(404, "ResourceNotFound", f"There is no template {template_name}.")
        token = request.get("certificateOwnershipToken")
        certificate_id = self._certificate_of(token)
        parameters = self._ask_hook(template, _parameters(request), asker)
        blueprint = template.blueprint
        if missing := [name for name in blueprint.required if not parameters.get(name)]:
            raise Refused(400, "InvalidParameters", f"The template needs the parameter {missing[0]}.")
        thing = parameters[blueprint.thing]
        if not THING_NAME.fullmatch(thing):
            raise Refused(400, "InvalidParameters", f"A thing cannot be called {thing!r}.")
        attributes = {name: parameters[parameter] for name, parameter in blueprint.attributes.items()}
        policies = template.policies or blueprint.policies
        try:
            self._registry.register(
                certificate_id, thing, attributes, policies, replace_attributes=blueprint.replaces
            )
        except ConfigurationError as error:
            raise Refused(500, "InternalFailure", error.what) from error
        del self._tokens[str(token)]
        self._enrolled.add((template.name, parameters["SerialNumber"]))
        return {"deviceConfiguration": dict(template.device_configuration), "thingName": thing}

    def expire_tokens(self) -> int:
        """Let every token die now; how many."""
        count = len(self._tokens)
        self.forget_dead(float("inf"))
        return count

    def forget_dead(self, now: float) -> None:
        """Delete the certificates nobody registered in time."""
        for token, (certificate_id, until) in tuple(self._tokens.items()):
            if now >= until:
                del self._tokens[token]
                self._registry.forget(certificate_id)

    def _ask_hook(self, template: Template, given: dict[str, str], asker: Certificate) -> dict[str, str]:
        """What the hook of a real template would be asked: may this become that? The parameters it leaves."""
        serial = given.get("SerialNumber")
        if not serial:
            raise Refused(400, "InvalidParameters", "The hook needs the parameter SerialNumber.")
        asked = {"Thing": given.get("Thing") or serial}
        if asker.thing is not None:
            if asker.thing != asked["Thing"]:
                raise _denied("A thing may ask for a certificate of its own alone.")
            return given | asked
        if template.serials is not None and serial not in template.serials:
            raise _denied("The provisioning hook does not know this serial number.")
        if template.once and (template.name, serial) in self._enrolled:
            raise _denied("The provisioning hook has enrolled this serial number already.")
        listed = {} if template.serials is None else {"Thing": template.serials[serial]}
        known = {name: value for name, value in (listed | {"Site": template.site}).items() if value}
        return given | asked | known

    def _certificate_of(self, token: object) -> str:
        if not isinstance(token, str) or not token:
            raise _invalid_token("Certificate ownership token cannot be empty.")
        if token not in self._tokens:
            raise _invalid_token("Certificate ownership token is unknown, used or expired.")
        certificate_id, _ = self._tokens[token]
        if self._registry.get(certificate_id) is None:  # forgotten in the meantime
            raise _invalid_token("Certificate ownership token has lost its certificate.")
        return certificate_id


def _parameters(request: Mapping[str, Any]) -> dict[str, str]:
    given = request.get("parameters", {})
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Refused(400, "InvalidParameters", "The parameters are no object of strings.")
    return given


def _denied(message: str) -> Refused:
    return Refused(403, "AccessDenied", message)


def _invalid_token(message: str) -> Refused:
    return Refused(400, "InvalidCertificateOwnershipToken", message)
