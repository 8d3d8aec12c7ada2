"""NucleusDouble: a Unix socket that behaves as a Greengrass nucleus, for one component.

It runs in a thread of the test's process. What a component asks for is answered as the flavour would;
what a nucleus does by itself, a test asks for: merge a configuration, ask before a deployment, lose
the cloud, restart the IPC daemon. Everything a component said is kept.
"""

from __future__ import annotations

import asyncio
import copy
import secrets
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from edge_agent.testing.nucleus.cloud import Cloud, Published
from edge_agent.testing.nucleus.connection import Connection
from edge_agent.testing.nucleus.flavours import JAVA, Flavour
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until

COMPONENT, THING = "casino.edge.Test", "gw-07"

T = TypeVar("T")


class NucleusDouble:
    """`with NucleusDouble(configuration) as nucleus:`; start a component with `nucleus.environment`.

    Args:
        configuration: the component's, accessControl included.
        flavour: JAVA or LITE.
        puback_seconds: how long the cloud takes to acknowledge a publish.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any] | None = None,
        *,
        flavour: Flavour = JAVA,
        puback_seconds: float = 0.005,
    ) -> None:
        self.flavour = flavour
        self.configuration: dict[str, Any] = copy.deepcopy(dict(configuration or {}))
        self.cloud = Cloud(flavour)
        self.states: list[str] = []
        self.deferrals: list[tuple[str, int]] = []  # deployment, milliseconds; 0 is "go ahead"
        self.verdicts: list[tuple[str, str, str]] = []  # deployment, ACCEPTED or REJECTED, why
        self.token = secrets.token_hex(8)
        self.puback_seconds = puback_seconds
        self.requested: list[tuple[str, Mapping[str, Any]]] = []  # operation, request; all there were
        self.failing: list[str] = []  # names of errors that the next calls are answered with
        self.delay_seconds = 0.0
        self.connections: set[Connection] = set()
        self.refused_connections = 0
        self._folder = tempfile.TemporaryDirectory(prefix="nucleus-")
        self.socket = Path(self._folder.name) / "ipc.socket"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nucleus-double")
        self._server: asyncio.Server

    @property
    def environment(self) -> dict[str, str]:
        """What a nucleus sets for the component it starts."""
        return {
            "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": str(self.socket),
            "SVCUID": self.token,
            "AWS_IOT_THING_NAME": THING,
        }

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    # What a nucleus does by itself.

    def merge(self, update: Mapping[str, Any], *, told: bool = True) -> None:
        """A deployment merges into the configuration: one event for each leaf, unless nobody is told."""
        merge(self.configuration, update)
        if told:
            for path in leaves(update):
                self._tell_all("SubscribeToConfigurationUpdate", configuration_event(path))

    def ask_to_validate(
        self,
        configuration: Mapping[str, Any],
        deployment: str = "d-1",
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> tuple[str, str]:
        """Ask whether a configuration may be applied; the verdict and why."""
        before = len(self.verdicts)
        event = {"configuration": configuration, "deploymentId": deployment}
        self._tell_all("SubscribeToValidateConfigurationUpdates", {"validateConfigurationUpdateEvent": event})
        self.wait_until(lambda: len(self.verdicts) > before, patience_seconds)
        _, status, reason = self.verdicts[-1]
        return status, reason

    def ask_before_update(self, deployment: str = "d-1") -> int:
        """Ask whether a component may be updated; the milliseconds to wait, 0 for none."""
        before = len(self.deferrals)
        self._tell_all(
            "SubscribeToComponentUpdates",
            {"preUpdateEvent": {"deploymentId": deployment, "isGgcRestarting": False}},
        )
        self.wait_until(lambda: len(self.deferrals) > before)
        return self.deferrals[-1][1]

    def deliver(self, topic: str, payload: bytes) -> None:
        """The cloud publishes to a topic; whoever subscribed is told."""
        self._each(lambda one: one.deliver(topic, payload))

    def go_offline(self) -> None:
        """Lose the connection with the cloud."""
        self._call(self.cloud.go_offline)

    def go_online(self) -> None:
        """Have it back; what is spooled leaves."""

        def come_back() -> None:
            self.cloud.online = True
            self.cloud.deliver()

        self._call(come_back)

    def drop_connections(self) -> None:
        """Cut every connection, and take new ones with the same token."""
        self._each(Connection.close)

    def restart(self) -> None:
        """Restart the IPC: connections are cut, and on lite the token is no longer known."""
        if self.flavour.name == "lite":
            self.token = secrets.token_hex(8)
        self.drop_connections()

    def wait_until(self, true: Callable[[], object], patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for something; AssertionError if it does not come."""
        wait_until(true, patience_seconds, lambda: "what the component was to do")

    @property
    def arrived(self) -> list[Published]:
        """What has reached the cloud."""
        return [*self.cloud.arrived]

    def requests(self, operation: str) -> list[Mapping[str, Any]]:
        """What was asked for by an operation, refused ones included."""
        return [request for asked, request in [*self.requested] if asked == operation]

    def subscribed(self, operation: str) -> bool:
        """Whether somebody hears the events of an operation now."""
        return any(connection.subscribed(operation) for connection in [*self.connections])

    # Between the threads.

    async def _listen(self) -> None:
        def connect() -> Connection:
            return Connection(self)

        self._server = await self._loop.create_unix_server(connect, self.socket)

    async def _end(self) -> None:
        self._server.close()
        for connection in self.connections:
            connection.close()
        await asyncio.gather(*(connection.closed for connection in [*self.connections]))

    def _tell_all(self, operation: str, event: Mapping[str, Any]) -> None:
        self._each(lambda one: one.tell(operation, event))

    def _each(self, act: Callable[[Connection], None]) -> None:
        def act_on_each() -> None:
            for connection in [*self.connections]:
                act(connection)

        self._call(act_on_each)

    def _call(self, act: Callable[[], object]) -> None:
        async def do() -> None:
            act()

        self._do(do())

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE_SECONDS)


def merge(configuration: dict[str, Any], update: Mapping[str, Any]) -> None:
    """Merge as a deployment does: groups key by key, everything else whole."""
    for name, value in update.items():
        if isinstance(value, Mapping) and isinstance(configuration.get(name), dict):
            merge(configuration[name], value)
        else:
            configuration[name] = value


def leaves(update: Mapping[str, Any], within: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths that an update sets."""
    for name, value in update.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*within, name))
        else:
            yield (*within, name)


def configuration_event(path: tuple[str, ...]) -> dict[str, Any]:
    """The event of one changed key: it says which, not what."""
    return {"configurationUpdateEvent": {"componentName": COMPONENT, "keyPath": list(path)}}
