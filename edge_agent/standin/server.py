"""The server: TLS on loopback, the clock, and the broker between them.

Listens on 127.0.0.1 only and takes no connection without a certificate of its own authority. One
event loop; after whatever happens, `_settle` sends what the sessions have to say and asks the
broker when it wants to be woken.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
import ssl
import sys
import threading
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, cast

from edge_agent.errors import ConfigurationError, CredentialError, InUseError
from edge_agent.standin.broker import Broker
from edge_agent.standin.config import StandinConfig
from edge_agent.standin.control import Controls, StandinControl, listen
from edge_agent.standin.faults import Faults
from edge_agent.standin.ledger import Ledger
from edge_agent.standin.listener import SHUTDOWN_WITHIN, Listener
from edge_agent.standin.packets import Reason
from edge_agent.standin.policy import load_policy
from edge_agent.standin.session import Session

HOST = "127.0.0.1"
# What may wait in user space for a client that reads slowly; beyond it the client is let go.
WRITE_BUFFER_LIMIT_BYTES = 4 * 1024 * 1024
# While another process holds our port after an outage, we try again this often.
REOPEN_EVERY = 0.2


class Standin:
    """A running stand-in: `async with Standin(config) as standin`. Has `port` and `broker`."""

    def __init__(self, config: StandinConfig) -> None:
        self.config = config
        self.port = config.port
        self._stack = AsyncExitStack()
        self._listener: Listener | None = None
        self._connections: dict[Session, _Connection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._reopening: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Standin {HOST}:{self.port} {'up' if self._listener else 'down'} {self.broker!r}>"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._tls = _tls_context(self.config)
            policy = load_policy(self.config.policy)
            stack.callback(os.close, _lock(self.config))
            self.broker = Broker(
                things=self.config.things,
                policy=policy,
                ledger=stack.enter_context(Ledger(self.config.ledger_file)),
                faults=Faults(self.config.seed),
                observer=self.config.observer,
                rates=self.config.rates,
            )
            self._open_listener()
            stack.push_async_callback(self._close)
            await stack.enter_async_context(listen(self.config.state, Controls(self)))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def now(self) -> float:
        """Monotonic seconds."""
        return asyncio.get_running_loop().time()

    def settle(self) -> None:
        """Do what became due, send what is to be said, and set the next alarm."""
        now = self.now()
        self.broker.handle_timer(now)
        self.broker.take_touched()
        for connection in tuple(self._connections.values()):
            connection.flush(now)
        self._set_alarm(now)

    def go_down(self, seconds: float) -> None:
        """Be away: no listener, no connections, for so long."""
        self._close_listener()
        for connection in tuple(self._connections.values()):
            connection.abort()
        if self._reopening is not None:
            self._reopening.cancel()
        self._reopening = asyncio.create_task(self._come_back(seconds), name="standin-outage")

    @property
    def up(self) -> bool:
        """Whether anybody could connect."""
        return self._listener is not None

    def opened(self, connection: _Connection, common_name: str) -> Session:
        """A TLS connection has been made."""
        session = self.broker.open(common_name, self.now())
        self._connections[session] = connection
        return session

    def received(self, session: Session, data: bytes) -> None:
        """Bytes from a client."""
        session.receive_data(data, self.now())
        self._settle_touched()

    def lost(self, session: Session) -> None:
        """A client is gone."""
        self._connections.pop(session, None)
        session.connection_lost(self.now())
        self._settle_touched()

    def _settle_touched(self) -> None:
        """As `settle`, for the few that changed: this is the path of every PUBLISH."""
        now = self.now()
        for session in self.broker.take_touched():
            if session in self._connections:
                self._connections[session].flush(now)
        self._set_alarm(now)

    def _set_alarm(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        resumes = [one.resumes_at for one in self._connections.values() if one.resumes_at is not None]
        wanted = [*resumes, *filter(None, [self.broker.next_timer(now)])]
        self._timer = asyncio.get_running_loop().call_at(min(wanted), self.settle) if wanted else None

    def _open_listener(self) -> None:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, self.port))
            self._listener = Listener(bound, lambda: _Connection(self), self._tls)
        except OSError as error:
            bound.close()
            raise InUseError(
                f"port {self.port} of {HOST} cannot be had: {error.strerror}", "choose another, or 0 for any"
            ) from error
        self.port = bound.getsockname()[1]

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        while self._listener is None:
            try:
                self._open_listener()
            except InUseError:
                await asyncio.sleep(REOPEN_EVERY)

    async def _close(self) -> None:
        """Say good-bye to everybody, and wait for it to be heard, but not for ever."""
        listener = self._listener
        self._close_listener()
        if listener is not None:
            await listener.closed()
        if self._reopening is not None:
            self._reopening.cancel()
        closing = [connection.closed for connection in self._connections.values()]
        self.broker.drop(self.now(), reason=Reason.SERVER_SHUTTING_DOWN)
        self.settle()
        if closing:
            await asyncio.wait(closing, timeout=SHUTDOWN_WITHIN)
        for connection in tuple(self._connections.values()):
            connection.abort()
            await connection.closed
        if self._timer is not None:
            self._timer.cancel()


class _Connection(asyncio.Protocol):
    """One TLS connection and its session."""

    def __init__(self, server: Standin) -> None:
        self._server = server
        self._transport: asyncio.Transport
        self._session: Session
        self._paused = False
        self.resumes_at: float | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._session = self._server.opened(self, _common_name(transport.get_extra_info("peercert")))
        self._server.settle()

    def data_received(self, data: bytes) -> None:
        self._server.received(self._session, data)
        self._pace(self._server.now())

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.lost(self._session)
        self.closed.set_result(None)

    def flush(self, now: float) -> None:
        """Send what the session has to say; close once it has said its last."""
        if out := self._session.data_to_send():
            self._transport.write(out)
        if self._session.closed:
            self._pace(now)  # the other side's good-bye must be read
            self._transport.close()
        elif self._transport.get_write_buffer_size() > WRITE_BUFFER_LIMIT_BYTES:
            self.abort()
        else:
            self._pace(now)

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._transport.abort()

    def _pace(self, now: float) -> None:
        """Leave bytes to TCP while the connection is over its rate."""
        pause = self._session.paused_until > now and not self._session.closed
        if pause and not self._paused:
            self._transport.pause_reading()
        elif self._paused and not pause:
            self._transport.resume_reading()
        self._paused = pause
        self.resumes_at = self._session.paused_until if pause else None


def run_standin(config: StandinConfig) -> None:
    """Run until SIGTERM or SIGINT. Prints one JSON line when ready."""
    asyncio.run(_run(config))


async def _run(config: StandinConfig) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    async with Standin(config) as standin:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        ready = {
            "ready": True,
            "port": standin.port,
            "control": str(StandinControl.socket_in(config.state)),
            "ledger": str(config.ledger_file),
            "pid": os.getpid(),
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


class StandinThread:
    """A stand-in in a thread of this process: `with StandinThread(config) as standin`. Has `port`."""

    def __init__(self, config: StandinConfig) -> None:
        self.config = config
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="standin")

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def control(self) -> StandinControl:
        """A way to ask for faults."""
        return StandinControl(self.config.state)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            async with Standin(self.config) as standin:
                self.port = standin.port
                self._ready.set()
                await self._stop.wait()
        except Exception as failure:  # noqa: BLE001  raised again in the thread that started us
            self._failure = failure
            self._ready.set()


def _tls_context(config: StandinConfig) -> ssl.SSLContext:
    """TLS 1.2 or newer; a client shows a certificate of our authority or is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(config.ca)
        context.load_cert_chain(config.certificate, config.key)
    except (OSError, ssl.SSLError) as error:
        raise CredentialError(
            f"the stand-in cannot use {config.certificate}, {config.key} and {config.ca}: {error}",
            "remove the folder they are in, and they are made anew",
        ) from error
    return context


def _lock(config: StandinConfig) -> int:
    """A lock on the state folder, as a descriptor: one stand-in a folder, even after a kill."""
    try:
        config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(config.state / "standin.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"state folder {config.state} cannot be used: {error.strerror}", "name another with --state"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise InUseError(
            f"state folder {config.state} is in use by another stand-in",
            "stop it, or name another with --state",
        ) from error
    return descriptor


def _common_name(certificate: dict[str, Any] | None) -> str:
    """The common name of a certificate as the ssl module gives it."""
    subject = [attribute for rdn in (certificate or {}).get("subject", ()) for attribute in rdn]
    return next((str(value) for name, value in subject if name == "commonName"), "")
