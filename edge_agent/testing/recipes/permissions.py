"""What a recipe permits its component over IPC: `accessControl`, by service and policy.

A nucleus takes a misspelt operation or service for one that nobody asks for, and refuses on the gateway
what the recipe meant to permit. Both nuclei know `+` and `#` as MQTT does; `*` lite cannot mix with them,
and it permits more than is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

OPERATIONS: Mapping[str, frozenset[str]] = {
    "mqttproxy": frozenset({"aws.greengrass#PublishToIoTCore", "aws.greengrass#SubscribeToIoTCore"}),
    "pubsub": frozenset({"aws.greengrass#PublishToTopic", "aws.greengrass#SubscribeToTopic"}),
}
THING = "{iot:thingName}"

# One line: what a person reads beside the permission.
Line = Annotated[str, StringConstraints(pattern=r"^[^\n]+$", max_length=200)]

# What a resource must not hold, and what is then said of it.
_WRONG = (
    (r"[*?]", "has a wildcard other than + and #"),
    (r"\$\{", "has a variable of IoT policies"),
    (r"\{(?!iot:thingName\})", f"has a variable other than {THING}"),
    (r"^(?!(.*/)?\{iot:thingName\}(/|$))", f"is not bound to {THING}"),
    (r"#.|[^/]#", "has # elsewhere than alone at its end"),
    (r"[^/]\+|\+[^/]", "has + beside something in a level"),
    (r"^.{257}|(.*/){8}", "is longer than a topic can be"),
)


class Policy(BaseModel):
    """One permission."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    description: Line = Field(alias="policyDescription")
    operations: list[str] = Field(min_length=1)
    resources: list[str] = Field(min_length=1)


class AccessControl(BaseModel):
    """Permissions by service, each with an id that is unique on the gateway."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    mqttproxy: dict[str, Policy] = Field(default={}, alias="aws.greengrass.ipc.mqttproxy")
    pubsub: dict[str, Policy] = Field(default={}, alias="aws.greengrass.ipc.pubsub")

    def policies(self) -> Iterator[tuple[str, str, Policy]]:
        """Service, id and policy of each."""
        for service, policies in (("mqttproxy", self.mqttproxy), ("pubsub", self.pubsub)):
            yield from ((service, name, policy) for name, policy in policies.items())

    @model_validator(mode="after")
    def _permits_what_it_says(self) -> AccessControl:
        for service, name, policy in self.policies():
            if strangers := set(policy.operations) - OPERATIONS[service]:
                raise ValueError(f"{name}: {service} has no operation {min(strangers)!r}")
            for resource in policy.resources:
                if problem := next((said for wrong, said in _WRONG if re.search(wrong, resource)), ""):
                    raise ValueError(f"{name}: resource {resource!r} {problem}")
        return self


def permits(access: AccessControl, operation: str, resource: str, thing: str) -> bool:
    """Whether a component on the gateway `thing` may do this with that topic or filter."""
    return any(
        operation in policy.operations
        and any(_covers(pattern.replace(THING, thing), resource) for pattern in policy.resources)
        for _, _, policy in access.policies()
    )


def _covers(pattern: str, resource: str) -> bool:
    wanted, asked = pattern.split("/"), resource.split("/")
    if wanted[-1] == "#":
        wanted, asked = wanted[:-1], asked[: len(wanted) - 1]
    return len(wanted) == len(asked) and all(
        level in ("+", heard) for level, heard in zip(wanted, asked, strict=True)
    )
