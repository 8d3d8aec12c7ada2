"""The server: TLS on loopback, the clock, and the broker between them.

Listens on 127.0.0.1 only and takes no connection without a certificate of its own authority. One
event loop; after whatever happens, `_settle` sends what the sessions have to say and asks the
broker when it wants to be woken.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

from edge_agent.errors import InUseError
from edge_agent.standin.assembly import (
    ALPN,
    load_authority,
    lock,
    make_broker,
    make_ledger,
    tls_context,
)
from edge_agent.standin.config import StandinConfig
from edge_agent.standin.control import StandinControl
from edge_agent.standin.controls import Controls, listen
from edge_agent.standin.listener import SHUTDOWN_WITHIN, Listener
from edge_agent.standin.packets import Reason
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
            stack.callback(os.close, lock(self.config))
            authority = load_authority(self.config)
            self._tls = tls_context(self.config, authority)
            self._issuer = None if authority is None else authority.name
            ledger = make_ledger(self.config)
            stack.enter_context(ledger)
            self.broker = make_broker(self.config, ledger, authority)
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

    def swallow(self, seconds: float) -> None:
        """Be a cable that was cut: who is connected, or tries to be for so long, hears nothing, nor a FIN."""
        for connection in self._connections.values():
            connection.swallow()
        if self._listener is not None:
            self._listener.swallow(seconds)

    @property
    def up(self) -> bool:
        """Whether anybody could connect."""
        return self._listener is not None

    def opened(self, connection: _Connection, shown: Shown) -> Session:
        """A TLS connection has been made."""
        issued = shown.issuer == self._issuer
        session = self.broker.open(shown.common_name, self.now(), shown.certificate_id, issued=issued)
        self._connections[session] = connection
        if self.config.alpn_demanded and shown.alpn != ALPN:
            session.drop(self.now())
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

    def vanished(self, session: Session) -> None:
        """A client beyond a cut cable is gone: the broker finds out by its keep-alive, or by its return."""
        self._connections.pop(session, None)

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
        self._swallowed = False
        self.resumes_at: float | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._session = self._server.opened(self, Shown.by(transport))
        self._server.settle()

    def swallow(self) -> None:
        """Take bytes and do nothing about them, say nothing, and leave it to the other side to give up."""
        self._swallowed = True

    def data_received(self, data: bytes) -> None:
        if self._swallowed:
            self._server.broker.counters.bytes_swallowed += len(data)
            return
        self._server.received(self._session, data)
        self._pace(self._server.now())

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._swallowed:
            self._server.vanished(self._session)
        else:
            self._server.lost(self._session)
        self.closed.set_result(None)

    def flush(self, now: float) -> None:
        """Send what the session has to say; close once it has said its last."""
        out = self._session.data_to_send()
        if self._swallowed:
            return
        if out:
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
        ready: dict[str, object] = {
            "ready": True,
            "port": standin.port,
            "control": str(StandinControl.socket_in(config.state)),
            "ledger": str(config.ledger_file),
            "pid": os.getpid(),
        }
        if config.claims:
            ready["claim"] = str(config.claims[0])
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


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client showed of itself in the handshake."""

    common_name: str
    certificate_id: str
    issuer: str  # its common name
    alpn: str | None

    @classmethod
    def by(cls, transport: asyncio.BaseTransport) -> Shown:
        """What the client at the other end showed; TLS has made sure that it showed something."""
        tls = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert()
        return cls(
            _common_name(certificate["subject"]),
            hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest(),
            _common_name(certificate["issuer"]),
            tls.selected_alpn_protocol(),
        )


def _common_name(name: Iterable[Iterable[tuple[str, str]]]) -> str:
    """The common name in a subject or issuer as the ssl module gives it."""
    attributes = [attribute for rdn in name for attribute in rdn]
    return next((value for kind, value in attributes if kind == "commonName"), "")
