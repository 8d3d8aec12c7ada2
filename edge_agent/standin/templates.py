"""Provisioning templates: what becomes of a gateway's parameters, and whom the hook lets have it.

A template is the JSON document of fleet provisioning; `certs/policies/` has the two we ship, and
the stand-in reads those very files. Read here: parameters that are given as they are, one
certificate that becomes ACTIVE, one thing named by a parameter, its attributes, and policies by
name. What a document holds beyond that is refused when it is read, never guessed at.

The hook is not in the document: in the cloud it is a Lambda function, here an allow-list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.errors import ConfigurationError
from edge_agent.standin.registry import DEFAULT_POLICY

# Parameters that the service gives itself.
OWN_PARAMETERS = "AWS::"
# Our policies are called so in an account; here they go by the names of their documents.
POLICY_PREFIX = "edge-agent-"


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a template makes: names are those of parameters, but for those of attributes and policies."""

    required: tuple[str, ...] = ("SerialNumber", "Site")
    thing: str = "Thing"
    attributes: Mapping[str, str] = field(
        default_factory=lambda: {"site": "Site", "serial_number": "SerialNumber"}
    )
    replaces: bool = False  # the attributes of a thing that exists
    policies: tuple[str, ...] = (DEFAULT_POLICY,)


@dataclass(frozen=True, slots=True)
class Template:
    """A provisioning template and its hook.

    `serials` is the allow-list: which serial numbers may register, and as which thing, "" for any;
    None lets everybody. The thing is called as the list says, else as the parameter `Thing` says, or
    else as its serial number. `site` likewise goes before the parameter `Site`. With `once` a serial
    number enrols once, like with the hook in `certs/`. `policies` go before those of the blueprint.
    """

    name: str
    serials: Mapping[str, str] | None = None
    site: str = ""
    once: bool = False
    policies: tuple[str, ...] = ()
    device_configuration: Mapping[str, Any] = field(default_factory=dict)
    blueprint: Blueprint = field(default_factory=Blueprint)


def shipped_blueprint(template: str) -> Blueprint:
    """That of the template of this name in `certs/`; for another name one that does what ours do."""
    file = Path(__file__).with_name("blueprints") / f"{template}.json"
    return read_blueprint(file) if file.is_file() else Blueprint()


def read_blueprint(file: Path) -> Blueprint:
    """What a template document makes. Raises ConfigurationError naming what is wrong with it."""
    try:
        document = json.loads(file.read_bytes())
        return _Reader(str(file)).blueprint(document)
    except OSError as error:
        raise ConfigurationError(
            f"template {file} cannot be read: {error.strerror}", "name another"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"template {file} is no provisioning template: {error}", "see certs/README.md"
        ) from error


class _Reader:
    """Reads one document, strictly."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def blueprint(self, document: Mapping[str, Any]) -> Blueprint:
        self._only(document, "Parameters", "Resources")
        parameters = [name for name in document["Parameters"] if not name.startswith(OWN_PARAMETERS)]
        if any(document["Parameters"][name] != {"Type": "String"} for name in parameters):
            raise self._unfit("a parameter is more than a String")
        kinds: dict[str, list[Mapping[str, Any]]] = {}
        for resource in document["Resources"].values():
            self._only(resource, "Type", "Properties", "OverrideSettings")
            kinds.setdefault(resource["Type"], []).append(resource)
        self._only(kinds, "AWS::IoT::Certificate", "AWS::IoT::Thing", "AWS::IoT::Policy")
        self._check_certificate(kinds["AWS::IoT::Certificate"])
        (thing,) = kinds["AWS::IoT::Thing"]
        self._only(thing["Properties"], "ThingName", "AttributePayload")
        override = thing.get("OverrideSettings", {}).get("AttributePayload", "DO_NOTHING")
        if override not in ("DO_NOTHING", "REPLACE"):
            raise self._unfit(f"AttributePayload is overridden by {override}")
        return Blueprint(
            required=tuple(parameters),
            thing=self._reference(thing["Properties"]["ThingName"], parameters),
            attributes={
                name: self._reference(value, parameters)
                for name, value in thing["Properties"].get("AttributePayload", {}).items()
            },
            replaces=override == "REPLACE",
            policies=tuple(self._policy(one) for one in kinds.get("AWS::IoT::Policy", ())),
        )

    def _check_certificate(self, resources: list[Mapping[str, Any]]) -> None:
        (certificate,) = resources
        self._only(certificate["Properties"], "CertificateId", "Status", "ThingPrincipalType")
        if certificate["Properties"]["Status"].upper() != "ACTIVE":
            raise self._unfit("the certificate does not become ACTIVE")

    def _policy(self, resource: Mapping[str, Any]) -> str:
        self._only(resource["Properties"], "PolicyName")
        return str(resource["Properties"]["PolicyName"]).removeprefix(POLICY_PREFIX)

    def _reference(self, value: Mapping[str, Any], parameters: Iterable[str]) -> str:
        self._only(value, "Ref")
        if value["Ref"] not in parameters:
            raise self._unfit(f"{value['Ref']} is no parameter of it")
        return str(value["Ref"])

    def _only(self, document: Mapping[str, Any], *known: str) -> None:
        if unknown := document.keys() - set(known):
            raise self._unfit(f"{min(unknown)} is not understood")

    def _unfit(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"template {self._origin} cannot be followed: {reason}", "see certs/README.md"
        )
