"""The nucleus' way to the cloud: what it accepts, what it keeps, and what has arrived."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.testing.nucleus.flavours import Flavour


@dataclass(frozen=True, slots=True)
class Published:
    """One publish of a component."""

    topic: str
    payload: bytes
    retain: bool = False
    content_type: str = ""
    user_properties: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, request: Mapping[str, object], payload: bytes, flavour: Flavour) -> Published:
        """What such a nucleus publishes of a request."""
        topic = str(request.get("topicName", ""))
        if flavour.forgets_properties:
            return cls(topic, payload)
        properties = request.get("userProperties")
        pairs = properties if isinstance(properties, list) else []
        return cls(
            topic,
            payload,
            retain=bool(request.get("retain")),
            content_type=str(request.get("contentType") or ""),
            user_properties=tuple((str(one["key"]), str(one["value"])) for one in pairs),
        )


@dataclass(slots=True)
class Cloud:
    """What is on its way, and what has arrived. `silent` keeps the cloud from answering."""

    flavour: Flavour
    online: bool = True
    silent: bool = False
    waiting: deque[Published] = field(default_factory=deque)
    accepted: list[Published] = field(default_factory=list)
    arrived: list[Published] = field(default_factory=list)
    lost: list[Published] = field(default_factory=list)

    def takes(self, message: Published) -> bool:
        """Whether the nucleus accepts a message; then it is on its way."""
        if not self._has_room(message):
            return False
        self.accepted.append(message)
        self.waiting.append(message)
        return True

    def _has_room(self, message: Published) -> bool:
        size = sum(len(one.payload) for one in self.waiting) + len(message.payload)
        if not self.online or self.flavour.spool_bytes:
            return size <= self.flavour.spool_bytes
        few = len(self.waiting) < self.flavour.most_unacknowledged
        return few and size <= self.flavour.most_unacknowledged_bytes

    def deliver(self) -> None:
        """Everything on its way arrives, if there is a connection and the cloud answers."""
        if self.online and not self.silent:
            self.arrived += self.waiting
            self.waiting.clear()

    def go_offline(self) -> None:
        """The connection is lost; what no spool keeps is lost with it."""
        self.online = False
        if not self.flavour.spool_bytes:
            self.lost += self.waiting
            self.waiting.clear()
