"""The two nuclei, by what a component can tell them apart. Measured, where nothing else is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEPLOYMENT_OPERATIONS = frozenset(
    {
        "SubscribeToValidateConfigurationUpdates",
        "SendConfigurationValidityReport",
        "SubscribeToComponentUpdates",
        "DeferComponentUpdate",
    }
)


@dataclass(frozen=True, slots=True)
class Flavour:
    """How a nucleus behaves at its socket."""

    name: str
    asks_before_deployments: bool  # validates configurations, and asks before updates
    spool_bytes: int  # what it keeps of publishes while there is no connection; 0 refuses them
    most_unacknowledged: int  # publishes on their way to the cloud
    most_unacknowledged_bytes: int
    longest_payload_bytes: int
    longest_packet_bytes: int  # beyond it the connection itself is closed
    most_entries: int  # of one configuration answer, each entry of a group counting two; 0 for any number
    forgets_properties: bool  # all but topic and payload are dropped
    error_text: str  # the name of the field that says why

    def hand_over(self, value: Any) -> Any:  # noqa: ANN401  any JSON
        """A configuration as a component receives it: text on lite, numbers as floats on Java."""
        match value:
            case Mapping():
                return {name: self.hand_over(one) for name, one in value.items()}
            case list():
                return [self.hand_over(one) for one in value]
            case bool() | None:
                return value if self.name == "java" else {True: "true", False: "false", None: "null"}[value]
            case int() | float():
                return float(value) if self.name == "java" else str(value)
            case _:
                return value


# The spooler's documented defaults; what it does with a PUBACK that refuses is not modelled.
JAVA = Flavour(
    name="java",
    asks_before_deployments=True,
    spool_bytes=2_621_440,
    most_unacknowledged=1 << 30,
    most_unacknowledged_bytes=1 << 30,
    longest_payload_bytes=128 * 1024,
    longest_packet_bytes=1 << 20,
    most_entries=0,
    forgets_properties=False,
    error_text="message",
)

LITE = Flavour(
    name="lite",
    asks_before_deployments=False,
    spool_bytes=0,
    most_unacknowledged=10,
    most_unacknowledged_bytes=15_000,
    longest_payload_bytes=128 * 1024,
    longest_packet_bytes=10_000,  # some 7,300 of payload, which travels in base64
    most_entries=250,
    forgets_properties=True,
    error_text="_message",
)


def entries(value: object) -> int:
    """How many objects a value is passed around as: a group's entry is two, a list's item one."""
    match value:
        case Mapping():
            return sum(2 + entries(one) for one in value.values())
        case list():
            return sum(1 + entries(one) for one in value)
        case _:
            return 0
