"""What a recipe's accessControl lets a component do over MQTT."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

SERVICE = "aws.greengrass.ipc.mqttproxy"

# An accessControl by which a gateway publishes below its own topics and hears its own commands.
OWN_TOPICS: Mapping[str, Any] = {
    SERVICE: {
        "test:mqttproxy:1": {
            "operations": ["aws.greengrass#PublishToIoTCore"],
            "resources": ["floor/+/{iot:thingName}/#"],
        },
        "test:mqttproxy:2": {
            "operations": ["aws.greengrass#SubscribeToIoTCore"],
            "resources": ["cmd/+/{iot:thingName}/#"],
        },
    }
}


def allowed(access_control: Mapping[str, Any], operation: str, topic: str, thing: str) -> bool:
    """Whether an operation on a topic or filter is listed; nothing is that is not."""
    return any(covers(resource, topic, thing) for resource in _resources(access_control, operation))


def _resources(access_control: Mapping[str, Any], operation: str) -> Iterator[str]:
    for policy in access_control.get(SERVICE, {}).values():
        operations = policy.get("operations", ())
        if f"aws.greengrass#{operation}" in operations or "*" in operations:
            yield from policy.get("resources", ())


def covers(resource: str, topic: str, thing: str = "") -> bool:
    """Whether a resource or a filter is about a topic.

    `*` is anything; `+` is one level and `#` the rest, also where the topic is itself a filter.
    """
    resource = resource.replace("{iot:thingName}", thing)
    if resource == topic:
        return True
    pattern = re.escape(resource).replace(r"\*", ".*").replace(r"\+", "[^/]+")
    if pattern.endswith(r"/\#"):
        pattern = pattern.removesuffix(r"/\#") + "(/.*)?"
    return re.fullmatch(pattern.replace(r"\#", ".*"), topic) is not None
