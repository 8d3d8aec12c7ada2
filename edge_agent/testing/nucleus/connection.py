"""One connection of a component with the nucleus' double: messages in, answers and events out."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from edge_agent.testing.nucleus import wire
from edge_agent.testing.nucleus.access import allowed, covers
from edge_agent.testing.nucleus.cloud import Published
from edge_agent.testing.nucleus.flavours import DEPLOYMENT_OPERATIONS, entries
from edge_agent.testing.nucleus.wire import Message, MessageType

if TYPE_CHECKING:
    from edge_agent.testing.nucleus.double import NucleusDouble

PREFIX = "aws.greengrass#"
SUBSCRIPTIONS = {
    "SubscribeToConfigurationUpdate": "ConfigurationUpdateEvents",
    "SubscribeToValidateConfigurationUpdates": "ValidateConfigurationUpdateEvents",
    "SubscribeToComponentUpdates": "ComponentUpdatePolicyEvents",
    "SubscribeToIoTCore": "IoTCoreMessage",
}

Answer = dict[str, Any]


class Refusal(Exception):  # noqa: N818  what it is
    """A call is answered with an error of this name."""


class HangUp(Exception):  # noqa: N818  what it is
    """The nucleus closes the connection."""


class Connection(asyncio.Protocol):
    """Serves one component."""

    def __init__(self, nucleus: NucleusDouble) -> None:
        self._nucleus = nucleus
        self._transport: asyncio.Transport
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._data = bytearray()
        self._known = False
        self._streams: dict[int, tuple[str, Mapping[str, Any]]] = {}  # subscriptions: operation, request
        self._operations: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "GetConfiguration": self._get_configuration,
            "UpdateState": self._update_state,
            "SendConfigurationValidityReport": self._take_verdict,
            "DeferComponentUpdate": self._take_deferral,
            "PublishToIoTCore": self._publish,
            "SubscribeToIoTCore": self._subscribe_to_cloud,
            "SubscribeToConfigurationUpdate": lambda _request: {},
            "SubscribeToValidateConfigurationUpdates": lambda _request: {},
            "SubscribeToComponentUpdates": lambda _request: {},
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A component has connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._nucleus.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        del exc
        self._nucleus.connections.discard(self)
        self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take whole messages out of what has arrived."""
        self._data += data
        try:
            while len(self._data) >= wire.PRELUDE_BYTES:
                size = self._next_size()
                if len(self._data) < size:
                    return
                message, self._data = wire.decode(bytes(self._data[:size])), self._data[size:]
                self._receive(message)
        except (wire.BadMessage, HangUp):
            self.close()

    def _next_size(self) -> int:
        size = wire.length(bytes(self._data[: wire.PRELUDE_BYTES]))
        if size > self._nucleus.flavour.longest_packet_bytes:
            raise HangUp
        return size

    def close(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def tell(self, operation: str, event: Mapping[str, Any]) -> None:
        """Send an event to whoever subscribed by this operation."""
        for stream, (subscribed, _) in self._streams.items():
            if subscribed == operation:
                self._say(stream, SUBSCRIPTIONS[operation], event)

    def subscribed(self, operation: str) -> bool:
        """Whether the component hears the events of an operation now."""
        return any(subscribed == operation for subscribed, _ in self._streams.values())

    def deliver(self, topic: str, payload: bytes) -> None:
        """Hand a message of the cloud to whoever subscribed to its topic."""
        message = {"message": {"topicName": topic, "payload": base64.b64encode(payload).decode()}}
        for stream, (subscribed, request) in self._streams.items():
            if subscribed == "SubscribeToIoTCore" and covers(str(request["topicName"]), topic):
                self._say(stream, "IoTCoreMessage", message)

    # What arrives.

    def _receive(self, message: Message) -> None:
        if message.kind == MessageType.CONNECT:
            self._connect(message)
        elif message.kind == MessageType.PING:
            self._send(Message(MessageType.PING_RESPONSE, payload=message.payload))
        elif not self._known:
            raise HangUp
        elif message.flags & wire.TERMINATE_STREAM:
            self._streams.pop(message.stream, None)
        elif message.kind == MessageType.APPLICATION:
            loop = asyncio.get_running_loop()
            loop.call_later(self._nucleus.delay_seconds, self._answer, message)

    def _connect(self, message: Message) -> None:
        self._known = json.loads(message.payload).get("authToken") == self._nucleus.token
        if not self._known:
            self._nucleus.refused_connections += 1
            raise HangUp  # measured: the client sees the socket closed, not an access denied
        self._send(Message(MessageType.CONNECT_ACK, wire.CONNECTION_ACCEPTED))

    def _answer(self, message: Message) -> None:
        operation = str(message.headers.get("operation", "")).removeprefix(PREFIX)
        request = json.loads(message.payload or b"{}")
        try:
            answer = self._carry_out(operation, request)
        except Refusal as refusal:
            text = {self._nucleus.flavour.error_text: f"{operation} is refused", "_errorCode": str(refusal)}
            self._say(message.stream, str(refusal), text, MessageType.ERROR, wire.TERMINATE_STREAM)
            return
        except HangUp:
            self.close()
            return
        lasts = operation in SUBSCRIPTIONS
        if lasts:
            self._streams[message.stream] = (operation, request)
        self._say(message.stream, f"{operation}Response", answer, flags=0 if lasts else wire.TERMINATE_STREAM)

    def _carry_out(self, operation: str, request: Mapping[str, Any]) -> Answer:
        nucleus = self._nucleus
        nucleus.requested.append((operation, request))
        if nucleus.failing:
            raise Refusal(nucleus.failing.pop(0))
        missing = operation in DEPLOYMENT_OPERATIONS and not nucleus.flavour.asks_before_deployments
        if missing or operation not in self._operations:
            raise Refusal("ServiceError")
        return self._operations[operation](request)

    # What a component may ask for.

    def _get_configuration(self, request: Mapping[str, Any]) -> Answer:
        nucleus = self._nucleus
        value: Any = nucleus.configuration
        path = request.get("keyPath") or []
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                raise Refusal("ResourceNotFoundError")
            value = value[name]
        if nucleus.flavour.most_entries and entries(value) > nucleus.flavour.most_entries:
            raise Refusal("ServiceError")
        group = value if isinstance(value, Mapping) else {path[-1]: value}
        return {"componentName": "", "value": nucleus.flavour.hand_over(group)}

    def _update_state(self, request: Mapping[str, Any]) -> Answer:
        self._nucleus.states.append(str(request["state"]))
        return {}

    def _take_verdict(self, request: Mapping[str, Any]) -> Answer:
        report = request["configurationValidityReport"]
        verdict = (str(report["deploymentId"]), str(report["status"]), str(report.get("message") or ""))
        self._nucleus.verdicts.append(verdict)
        return {}

    def _take_deferral(self, request: Mapping[str, Any]) -> Answer:
        wait_ms = int(request.get("recheckAfterMs") or 0)
        self._nucleus.deferrals.append((str(request["deploymentId"]), wait_ms))
        return {}

    def _publish(self, request: Mapping[str, Any]) -> Answer:
        nucleus = self._nucleus
        self._authorise("PublishToIoTCore", request)
        message = Published.of(request, base64.b64decode(request.get("payload") or ""), nucleus.flavour)
        if len(message.payload) > nucleus.flavour.longest_payload_bytes:
            raise HangUp
        if not nucleus.cloud.takes(message):
            raise Refusal("ServiceError")
        asyncio.get_running_loop().call_later(nucleus.puback_seconds, nucleus.cloud.deliver)
        return {}

    def _subscribe_to_cloud(self, request: Mapping[str, Any]) -> Answer:
        self._authorise("SubscribeToIoTCore", request)
        return {}

    def _authorise(self, operation: str, request: Mapping[str, Any]) -> None:
        control = self._nucleus.configuration.get("accessControl", {})
        topic, thing = str(request.get("topicName", "")), self._nucleus.environment["AWS_IOT_THING_NAME"]
        if not allowed(control, operation, topic, thing):
            raise Refusal("UnauthorizedError")

    # What leaves.

    def _say(
        self,
        stream: int,
        model: str,
        payload: Mapping[str, Any],
        kind: int = MessageType.APPLICATION,
        flags: int = 0,
    ) -> None:
        headers = {"service-model-type": PREFIX + model, ":content-type": "application/json"}
        self._send(Message(kind, flags, stream, headers, json.dumps(payload).encode()))

    def _send(self, message: Message) -> None:
        if not self._transport.is_closing():
            self._transport.write(wire.encode(message))
