"""The device end of a TDL/1 line: what a shuffler, a wheel or an adapter board has to do.

Events wait in a ring until the host acknowledges them: sent at once, repeated after 1 s three
times, then every 10 s. Each says of which boot it is, so that it is never taken for the event of
the same number before the power went. A full ring loses its oldest, and says so with DEV.LOST as
soon as there is room again. A heartbeat goes out every 5 s, the counters at boot, every 10 min and
on request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.errors import LocalProtocolError
from edge_agent.tdl1.frame import BadFrame, FrameReader, encode
from edge_agent.tdl1.messages import BROADCAST, Kind, Message
from edge_agent.tdl1.sequence import after, ahead

# TDL/1: at least 64 events wait for their acknowledgement.
RING_EVENTS = 64

# TDL/1: repeated after 1 s, 3 times, then every 10 s.
RESEND_SECONDS, RESENDS, SLOW_RESEND_SECONDS = 1.0, 3, 10.0

HEARTBEAT_SECONDS = 5.0
SNAPSHOT_SECONDS = 600.0

# Nobody has asked for the history of this many events: the oldest is of no more use.
HISTORY_EVENTS = 65_536


@dataclass(frozen=True, slots=True)
class DeviceCard:
    """What a device says of itself."""

    device_class: str  # "SHF"
    maker: str
    model: str
    serial: str
    firmware: str

    def values(self, boot: int) -> dict[str, str]:
        """The keys of DEV.BOOT and DEV.ID."""
        return {
            "dev": self.device_class,
            "mfr": self.maker,
            "model": self.model,
            "sn": self.serial,
            "fw": self.firmware,
            "boot": str(boot),
        }


class Fate(StrEnum):
    """What became of an event."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    OVERWRITTEN = "overwritten"  # the ring was full, or the power went


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of a device end's history."""

    at: float
    fate: Fate
    boot: int
    sequence: int
    code: str


@dataclass(slots=True)
class _Waiting:
    message: Message
    due: float
    sent: int = 0


@dataclass(slots=True)
class _Timers:
    heartbeat: float = 0.0
    snapshot: float = 0.0


class DeviceEnd:
    """One device end.

    Args:
        card: what the device is.
        counters: gives its snapshot: a code such as SHF.CTR and its values.
        status: gives its state for the heartbeat: IDLE, BUSY, FAULT or SERVICE.
        address: on its line.
        boot: its boot counter before the first `boot()`.
        acknowledged: False on a receive-only link, where each event is sent once.
        polled: True on a shared pair, where it speaks only when polled.
        settable_clock: whether it takes TM.
    """

    def __init__(
        self,
        card: DeviceCard,
        counters: Callable[[], tuple[str, Mapping[str, str]]],
        status: Callable[[], str] = lambda: "IDLE",
        *,
        address: int = 1,
        boot: int = 0,
        acknowledged: bool = True,
        polled: bool = False,
        settable_clock: bool = False,
    ) -> None:
        self.card = card
        self.address = address
        self.boot_counter = boot
        self.sequence = 0
        self.clock_set_to = ""
        self.errors = 0
        self._counters = counters
        self._status = status
        self._acknowledged = acknowledged
        self._polled = polled
        self._settable_clock = settable_clock
        self._reader = FrameReader()
        self._ring: deque[_Waiting] = deque()
        self._lost = 0
        self._outbox: deque[Message] = deque(maxlen=RING_EVENTS)
        self._may_speak = not polled
        self._timers: _Timers | None = None  # None before the first boot
        self._booted_at = 0.0
        self._history: deque[Happened] = deque(maxlen=HISTORY_EVENTS)

    def __repr__(self) -> str:
        at = f"{self.boot_counter}/{self.sequence:04X}"
        return f"<DeviceEnd {self.card.serial} {at}, {len(self._ring)} waiting>"

    @property
    def waiting(self) -> int:
        """Events raised and not yet acknowledged."""
        return len(self._ring)

    def boot(self, now: float) -> None:
        """Power up: a new boot, sequence from 0001. What waited before is gone."""
        for lost in self._ring:
            self._remember(now, Fate.OVERWRITTEN, lost.message)
        self._ring.clear()
        self._outbox.clear()
        self._reader.reset()
        self.boot_counter += 1
        self.sequence = self._lost = 0
        self._booted_at = now
        self._timers = _Timers(heartbeat=now + HEARTBEAT_SECONDS, snapshot=now + SNAPSHOT_SECONDS)
        self._outbox.append(Message(self.address, 0, Kind.HEARTBEAT, "DEV.BOOT", self._identity()))
        self._outbox.append(self._snapshot())

    def raise_event(self, code: str, values: Mapping[str, str], now: float) -> int:
        """Something happened; gives its sequence."""
        if self._timers is None:
            raise LocalProtocolError("TDL/1: the device has not booted", "call boot first")
        self.sequence = after(self.sequence)
        named = dict(values) | {"boot": str(self.boot_counter)}
        message = Message(self.address, self.sequence, Kind.EVENT, code, named)
        encode(message)  # what cannot be said fails here, where it is raised
        if len(self._ring) == RING_EVENTS:
            self._remember(now, Fate.OVERWRITTEN, self._ring.popleft().message)
            self._lost += 1
        self._ring.append(_Waiting(message, due=now))
        self._remember(now, Fate.RAISED, message)
        return self.sequence

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what the host sent. Rubbish is counted."""
        for found in self._reader.receive_data(data):
            if isinstance(found, BadFrame):
                self.errors += 1
            elif found.address in {self.address, BROADCAST} and self._timers is not None:
                self._on_message(found, now)

    def handle_timer(self, now: float) -> None:
        """Time has passed."""
        if self._timers is None:
            return
        if now >= self._timers.heartbeat:
            self._timers.heartbeat = now + HEARTBEAT_SECONDS
            self._outbox.append(self._heartbeat(Kind.HEARTBEAT, self.sequence, now))
        if now >= self._timers.snapshot:
            self._timers.snapshot = now + SNAPSHOT_SECONDS
            self._outbox.append(self._snapshot())

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called next, or None before the first boot."""
        if self._timers is None:
            return None
        dues = [self._timers.heartbeat, self._timers.snapshot]
        if not self._polled:
            dues += [waiting.due for waiting in self._ring]
        return min(dues)

    def data_to_send(self, now: float) -> bytes:
        """What to write now."""
        if not self._may_speak or self._timers is None:
            return b""
        self._may_speak = not self._polled
        frames = [encode(message) for message in self._outbox]
        self._outbox.clear()
        frames += [encode(message) for message in self._due_events(now)]
        return b"".join(frames)

    def take_history(self) -> list[Happened]:
        """What was raised, acknowledged and overwritten since last asked."""
        taken = list(self._history)
        self._history.clear()
        return taken

    def _due_events(self, now: float) -> Iterator[Message]:
        for waiting in list(self._ring):
            if now < waiting.due:
                continue
            waiting.sent += 1
            waiting.due = now + (RESEND_SECONDS if waiting.sent <= RESENDS else SLOW_RESEND_SECONDS)
            yield waiting.message
            if not self._acknowledged:
                self._ring.remove(waiting)

    def _on_message(self, message: Message, now: float) -> None:
        match message.kind:
            case Kind.ACK:
                self._on_ack(message.sequence, now)
            case Kind.NAK if message.code == "CRC":
                self._send_again(message.sequence, message.sequence, now)
            case Kind.COMMAND:
                answer = self._on_command(message, now)
                if answer is not None:
                    self._outbox.append(answer)
            case _:
                pass  # other devices on a shared pair

    def _on_ack(self, sequence: int, now: float) -> None:
        for waiting in self._ring:
            if waiting.message.sequence == sequence:
                self._ring.remove(waiting)
                self._remember(now, Fate.ACKNOWLEDGED, waiting.message)
                break
        if self._lost and len(self._ring) < RING_EVENTS:
            lost, self._lost = self._lost, 0
            self.raise_event("DEV.LOST", {"n": str(lost)}, now)

    def _on_command(self, command: Message, now: float) -> Message | None:
        answer: Message | None = Message(self.address, command.sequence, Kind.NAK, "UNSUP")
        match command.code:
            case "ID?":
                answer = self._reply(command, "DEV.ID", self._identity())
            case "ST?":
                answer = self._heartbeat(Kind.REPLY, command.sequence, now)
            case "CT?":
                answer = self._snapshot()
            case "RP":
                answer = self._on_replay(command, now)
            case "TM" if self._settable_clock and "ts" in command.values:
                self.clock_set_to = command.values["ts"]
                answer = self._reply(command, "TM", {"ts": self.clock_set_to})
            case "PO":
                self._may_speak = True
                busy = self._outbox or self._ring
                answer = None if busy else self._reply(command, "PO", {})
        return answer

    def _on_replay(self, command: Message, now: float) -> Message:
        try:
            first, last = (int(command.values[key], 16) for key in ("from", "to"))
        except (KeyError, ValueError):
            return Message(self.address, command.sequence, Kind.NAK, "FMT")
        return self._reply(command, "RP", {"n": str(self._send_again(first, last, now))})

    def _send_again(self, first: int, last: int, now: float) -> int:
        """Make the events of a range that still wait due now; how many they are."""
        span = ahead(last, first)
        wanted = [waiting for waiting in self._ring if 0 <= ahead(waiting.message.sequence, first) <= span]
        for waiting in wanted:
            waiting.due = now
        return len(wanted)

    def _heartbeat(self, kind: Kind, sequence: int, now: float) -> Message:
        values = {
            "st": self._status(),
            "q": str(len(self._ring)),
            "up": str(round(1000 * (now - self._booted_at))),
            "boot": str(self.boot_counter),
        }
        return Message(self.address, sequence, kind, "DEV.HB", values)

    def _snapshot(self) -> Message:
        code, values = self._counters()
        return Message(self.address, self.sequence, Kind.SNAPSHOT, code, dict(values))

    def _identity(self) -> dict[str, str]:
        return self.card.values(self.boot_counter) | ({"tm": "1"} if self._settable_clock else {})

    def _reply(self, command: Message, code: str, values: Mapping[str, str]) -> Message:
        return Message(self.address, command.sequence, Kind.REPLY, code, values)

    def _remember(self, now: float, fate: Fate, message: Message) -> None:
        self._history.append(Happened(now, fate, self.boot_counter, message.sequence, message.code))
