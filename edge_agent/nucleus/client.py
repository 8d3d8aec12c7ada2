"""Nucleus: the one door to the Greengrass IPC.

Every call has a time limit, which the SDK's own have not. Callbacks come on threads of the SDK's
pool, several at once; a failure in one is logged and ends nothing.

The SDK never reconnects, and a token from before a restart of the nucleus is refused for good. So a
connection that is lost is told once, and the component ends: started again, it gets a new token.

The Java nucleus asks before it applies a configuration or updates a component. Nucleus lite does
neither, and says so by refusing the subscription; that is no error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import structlog
from awsiot import eventstreamrpc, greengrasscoreipc
from awsiot.greengrasscoreipc import model
from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2

from edge_agent.errors import ConfigurationError
from edge_agent.nucleus.changes import Changes
from edge_agent.nucleus.document import settings_document
from edge_agent.nucleus.errors import LOST, NOT_FOUND, SERVICE, NucleusError, translated

SOCKET_VARIABLE = "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"
TOKEN_VARIABLE = "SVCUID"  # noqa: S105  the name of a variable

CONNECT_SECONDS = 10.0
# The nucleus answers in milliseconds; a busy one takes a second.
CALL_SECONDS = 10.0
CALLBACK_THREADS = 4

Veto = Callable[[dict[str, Any]], str | None]
Defer = Callable[[str], int | None]
Event = Callable[[Any], None]


class Nucleus:
    """A connection with the nucleus that started this process. Any thread may use it.

    Attributes:
        asks_first: it has agreed to ask before it applies a configuration: it is the Java nucleus.
        lost: there is no connection any more.
    """

    def __init__(self, socket: str, token: str) -> None:
        self._log = structlog.get_logger()
        self._on_lost: Callable[[], object] = lambda: None
        self.asks_first = False
        self.lost = False
        self._closing = False
        self._changes: Changes | None = None
        try:
            client = greengrasscoreipc.connect(
                ipc_socket=socket,
                authtoken=token,
                lifecycle_handler=_Lifecycle(self._on_disconnect),
                timeout=CONNECT_SECONDS,
            )
        except Exception as error:  # the SDK's errors have no common kind
            reason = getattr(error, "name", type(error).__name__)
            raise NucleusError(
                f"the nucleus' socket {socket} does not let us in: {reason}",
                "let the nucleus start the component again: it gets a new token then",
                code=LOST,
            ) from error
        self._pool = ThreadPoolExecutor(CALLBACK_THREADS, thread_name_prefix="nucleus")
        self._client = GreengrassCoreIPCClientV2(client=client, executor=self._pool)

    @classmethod
    def connect(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Connect to the nucleus that started us.

        Raises ConfigurationError if none did, NucleusError if it does not let us in.
        """
        variables = os.environ if environment is None else environment
        socket, token = variables.get(SOCKET_VARIABLE, ""), variables.get(TOKEN_VARIABLE, "")
        if not (socket and token):
            raise ConfigurationError(
                "no Greengrass nucleus has started this process",
                f"deploy it as a component; {SOCKET_VARIABLE} and {TOKEN_VARIABLE} are then set",
            )
        return cls(socket, token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, and every thread of it."""
        self._closing = True
        if self._changes is not None:
            self._changes.close()
        with suppress(Exception):  # why it closed is of no interest any more
            self._client.close().result(CALL_SECONDS)

    def on_lost(self, lost: Callable[[], object]) -> None:
        """Call once, from a thread of the SDK, when the connection is lost; at once if it is already."""
        self._on_lost = lost
        if self.lost:
            lost()

    # Configuration.

    def configuration(self, groups: Sequence[str] = ()) -> dict[str, Any]:
        """The component's settings, without what is null and without accessControl.

        Nucleus lite cannot hand over more than some 120 entries at once; then the `groups` are asked for
        one by one. Raises NucleusError.
        """
        try:
            return settings_document(self._configuration([]))
        except NucleusError as error:
            if error.code != SERVICE or not groups:
                raise
        self._log.info("configuration is too large to be read at once; reading it by groups")
        parts = {name: part for name in groups if (part := self._group(name)) is not None}
        return settings_document(parts)

    def _group(self, name: str) -> Any:  # noqa: ANN401  whatever JSON held
        try:
            part = self._configuration([name])
        except NucleusError as error:
            if error.code == NOT_FOUND:
                return None
            raise
        return part[name] if part.keys() == {name} else part  # a scalar comes wrapped in its name

    def _configuration(self, key_path: list[str]) -> dict[str, Any]:
        answer = self._ask(
            "hand over the configuration", lambda client: client.get_configuration_async(key_path=key_path)
        )
        return dict(answer.value) if isinstance(answer.value, Mapping) else {}

    def on_configuration_changed(self, changed: Callable[[], object]) -> None:
        """Call after each deployment that changes the configuration. Raises NucleusError."""
        changes = self._changes = Changes(lambda: None if self.lost else changed())
        self._subscribe(
            "tell of changes of the configuration",
            lambda client, told: client.subscribe_to_configuration_update_async(
                key_path=[], on_stream_event=told
            ),
            lambda _event: changes.happened(),
        )

    # Deployments.

    def on_validate(self, objection: Veto) -> None:
        """Ask `objection` before a configuration is applied: why it may not be, None if it may."""

        def judge(events: Any) -> None:  # noqa: ANN401  the SDK has no types
            event = events.validate_configuration_update_event
            if event is not None:
                reason = objection(settings_document(event.configuration or {}))
                self._report_validity(event.deployment_id, reason)

        with self._doing_without():
            self._subscribe(
                "validate configurations before it applies them",
                lambda client, told: client.subscribe_to_validate_configuration_updates_async(
                    on_stream_event=told
                ),
                judge,
            )
            self.asks_first = True

    def _report_validity(self, deployment: str, reason: str | None) -> None:
        status = model.ConfigurationValidityStatus
        report = model.ConfigurationValidityReport(
            status=status.ACCEPTED if reason is None else status.REJECTED,
            deployment_id=deployment,
            message=reason,
        )
        with self._doing_without():
            self._ask(
                "take the verdict on a configuration",
                lambda client: client.send_configuration_validity_report_async(
                    configuration_validity_report=report
                ),
            )

    def on_update(self, defer: Defer) -> None:
        """Ask `defer` before the component is updated: milliseconds to wait, None if it may go ahead."""

        def judge(events: Any) -> None:  # noqa: ANN401  the SDK has no types
            event = events.pre_update_event
            if event is not None:
                self._answer_update(event.deployment_id, defer(event.deployment_id) or 0)

        with self._doing_without():
            self._subscribe(
                "ask before it updates components",
                lambda client, told: client.subscribe_to_component_updates_async(on_stream_event=told),
                judge,
            )

    def _answer_update(self, deployment: str, wait_ms: int) -> None:
        with self._doing_without():
            self._ask(
                "take the answer to an update",
                lambda client: client.defer_component_update_async(
                    deployment_id=deployment, recheck_after_ms=wait_ms
                ),
            )

    def report_state(self, state: str) -> None:
        """Report RUNNING or ERRORED. What prevents it is logged."""
        with self._doing_without():
            self._ask("take the component's state", lambda client: client.update_state_async(state=state))

    # The cloud behind it.

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        content_type: str = "",
        user_properties: Sequence[tuple[str, str]] = (),
    ) -> Future[Any]:
        """Hand a message at QoS 1 to the nucleus; done when it has accepted it, which is not delivery.

        The future fails with NucleusError. Nucleus lite drops all but topic and payload, and closes the
        connection on payloads over some 7.2 kB.
        """
        properties = [model.UserProperty(key=key, value=value) for key, value in user_properties]
        accepted: Future[Any] = Future()

        def pass_on(answer: Future[Any]) -> None:
            error = answer.exception()
            if error is None:
                accepted.set_result(None)
            else:
                accepted.set_exception(translated(f"accept a publish to {topic}", error))

        try:
            answer = self._client.publish_to_iot_core_async(
                topic_name=topic,
                qos=model.QOS.AT_LEAST_ONCE,
                payload=payload,
                retain=retain or None,
                content_type=content_type or None,
                user_properties=properties or None,
            )
        except Exception as error:  # noqa: BLE001  the SDK's errors have no common kind
            accepted.set_exception(translated(f"accept a publish to {topic}", error))
        else:
            answer.add_done_callback(pass_on)
        return accepted

    def subscribe(self, topic_filter: str, received: Callable[[str, bytes], object]) -> Callable[[], object]:
        """Call with topic and payload of whatever the cloud publishes there; what ends that.

        Raises NucleusError.
        """

        def hand_over(event: Any) -> None:  # noqa: ANN401  the SDK has no types
            received(event.message.topic_name, bytes(event.message.payload or b""))

        return self._subscribe(
            f"subscribe to {topic_filter}",
            lambda client, told: client.subscribe_to_iot_core_async(
                topic_name=topic_filter, qos=model.QOS.AT_LEAST_ONCE, on_stream_event=told
            ),
            hand_over,
        )

    # Asking.

    def _ask(self, what: str, ask: Callable[[Any], Future[Any]]) -> Any:  # noqa: ANN401  the SDK has no types
        try:
            return ask(self._client).result(CALL_SECONDS)
        except TimeoutError as error:
            raise NucleusError(
                f"the nucleus does not {what}: no answer within {CALL_SECONDS:g} s",
                "see the log of the nucleus",
                code="TimeoutError",
            ) from error
        except Exception as error:  # the SDK's errors have no common kind
            raise translated(what, error) from error

    def _subscribe(
        self, what: str, subscribe: Callable[[Any, Event], tuple[Future[Any], Any]], told: Event
    ) -> Callable[[], object]:
        """Have `told` called with every event; what ends that.

        A fault in it is logged, and the next event still comes.
        """

        def tell(event: Any) -> None:  # noqa: ANN401  the SDK has no types
            try:
                told(event)
            except Exception as fault:  # noqa: BLE001  ours, whatever it is: the SDK would print it and go on
                self._log.error("fault of the agent; an event of the nucleus is lost", exc_info=fault)

        streams: list[Any] = []

        def begin(client: Any) -> Future[Any]:  # noqa: ANN401  the SDK has no types
            answer, stream = subscribe(client, tell)
            streams.append(stream)
            return answer

        self._ask(what, begin)
        end: Callable[[], object] = streams[0].close
        return end

    @contextmanager
    def _doing_without(self) -> Iterator[None]:
        """Ask for what a nucleus may not offer."""
        try:
            yield
        except NucleusError as error:
            self._log.info("the nucleus does without", reason=error.what)

    def _on_disconnect(self) -> None:
        if not self._closing and not self.lost:
            self.lost = True
            self._log.error("the connection with the nucleus is lost")
            self._on_lost()


class _Lifecycle(eventstreamrpc.LifecycleHandler):  # type: ignore[misc]  # the SDK has no types
    """Tells of the end of a connection, and of nothing else."""

    def __init__(self, on_disconnect: Callable[[], None]) -> None:
        self._tell = on_disconnect

    def on_disconnect(self, reason: Exception | None) -> None:
        """The connection is gone."""
        del reason
        self._tell()

    def on_error(self, error: Exception) -> bool:
        """Whether an error ends the connection: it does."""
        del error
        return True
