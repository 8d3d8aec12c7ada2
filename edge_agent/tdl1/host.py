"""The host end of a TDL/1 line: it listens, acknowledges late, and never asks for anything to happen.

The caller keeps one order, which is the guarantee:

    host.handle_timer(now)
    heard = host.take_events()           made durable before anything is sent
    data = host.data_to_send(now)        acknowledges what was taken, and nothing else
    host.memory()                        kept before `data` is written
    host.receive_data(data, now)

An event is known by the device's serial number, its boot counter and its sequence. So nothing
is taken or acknowledged before the device has said which boot this is: event 3 of this boot
must not pass for event 3 of the last. For the same reason a number heard before is acknowledged
again only when the device has said since that this is still the same boot: a device that puts
`boot` into its events says so each time, another is asked. A device that does not say, or that we
may not ask, is taken at its word, marked `possibly_repeated` where the memory knows the number.

A hole in the sequence is asked for at once (RP) and reported when it is still there after the
device had time to repeat. Commands are ID? CT? RP and, on a shared pair, PO. TDL/1 knows none
that starts, stops or influences a game, a shuffle or a lock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from edge_agent.errors import RemoteProtocolError
from edge_agent.tdl1.acquaintance import Acquaintance
from edge_agent.tdl1.frame import BadFrame, FrameReader, encode
from edge_agent.tdl1.gaps import MOST_REPLAYS, GapWatch
from edge_agent.tdl1.heard import (
    Booted,
    DeviceAnswers,
    DeviceKey,
    DeviceSilent,
    EventHeard,
    Heard,
    Identified,
    SequenceMissing,
    SnapshotHeard,
)
from edge_agent.tdl1.identity import boot_of, key_of
from edge_agent.tdl1.messages import Kind, Message
from edge_agent.tdl1.sequence import WINDOW, Window, after, ahead, before

# What a device says of itself, when it boots and when asked.
IDENTITY_CODES = frozenset({"DEV.BOOT", "DEV.ID"})

# TDL/1: no valid frame for 15 s, three heartbeats, and the device is gone.
SILENCE_SECONDS = 15.0

# A device that was asked this often who it is, a second apart, will not say. Its ring keeps half a minute
# of events meanwhile, and on a bad line many a question and answer are lost.
IDENTITY_TRIES, IDENTITY_SECONDS = 30, 1.0

# TDL/1: on a shared pair the host polls each device every 100 ms.
POLL_SECONDS = 0.1

# Four rings of the smallest device; beyond it the device keeps its events and repeats them.
MOST_UNTAKEN = 256

# A device that keeps events and has sent none for this long is asked for them, rather than waited for.
STALE_SECONDS = 2.0

# All that one opening of the link can want to ask; on a receive-only link it is never sent.
MOST_COMMANDS = 4 + 2 * MOST_REPLAYS


class HostEnd:
    """One host end, for one device.

    Args:
        address: the device's, 0x01 to 0xFE.
        receive_only: nothing may be written; the device runs unacknowledged.
        polled: the line is a shared pair, on which the device speaks only when polled.
        memory: what `memory()` of an earlier host end gave, or b"".
    """

    def __init__(
        self, address: int = 1, *, receive_only: bool = False, polled: bool = False, memory: bytes = b""
    ) -> None:
        self.address = address
        self.status = ""  # what the last heartbeat said
        self.frames = self.repeats = self.held_back = self.polls = self.errors = 0
        self.last_error = ""
        self._receive_only = receive_only
        self._polled = polled
        self._reader = FrameReader()
        self._known = Acquaintance.from_memory(memory)
        self._heard: list[Heard] = []
        self._untaken: set[int] = set()
        self._acks: deque[int] = deque()
        self._unproven_repeats: set[int] = set()
        self._commands: deque[tuple[str, dict[str, str]]] = deque(maxlen=MOST_COMMANDS)
        self._own_sequence = 0
        self._open = False
        self._answering = False
        self._said_silent = False
        self._asked = self._up = 0
        self._now = 0.0
        self._heard_at: float | None = None
        self._silent_due: float | None = None
        self._ask_due: float | None = None
        self._poll_due: float | None = None
        self._gaps = GapWatch()
        self._event_at = 0.0

    def __repr__(self) -> str:
        state = "answering" if self._answering else "silent"
        return f"<HostEnd {self.address:02X}:{state} {self.device}>"

    @property
    def device(self) -> DeviceKey | None:
        """The device, as far as it is known."""
        return self._known.device

    @property
    def answering(self) -> bool:
        """Whether a valid frame came within the last SILENCE_SECONDS."""
        return self._answering

    @property
    def silent(self) -> bool:
        """Whether it was said that the device is silent, and no valid frame has come since."""
        return self._said_silent

    def link_opened(self, now: float) -> None:
        """The link is open: ask who is there."""
        self._forget_line(now)
        self._open = True
        if not self._said_silent:
            self._silent_due = now + SILENCE_SECONDS
        self._poll_due = now if self._polled and not self._receive_only else None
        self._become_uncertain(now)

    def link_lost(self, now: float, reason: str) -> None:
        """The link is gone. What is owed is repeated by the device, and acknowledged then."""
        self._forget_line(now)
        self._open = False
        self._ask_due = self._poll_due = None
        self._fall_silent(now, reason)

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what arrived. Rubbish is counted."""
        self._now = now
        for found in self._reader.receive_data(data):
            if isinstance(found, BadFrame):
                self._count(found.reason)
                continue
            try:
                self._on_message(found, now)
            except RemoteProtocolError as error:
                self._count(f"{found.code}: {error.what}")

    def handle_timer(self, now: float) -> None:
        """Time has passed."""
        self._now = now
        if self._silent_due is not None and now >= self._silent_due:
            self._fall_silent(now, f"silent for {SILENCE_SECONDS:g} s")
        if self._ask_due is not None and now >= self._ask_due:
            self._ask(now)
        self._tell_missing(self._gaps.ranges_to_tell(self._known.window, self._untaken, now))

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called next, or None."""
        dues = (self._silent_due, self._ask_due, self._gaps.next_timer(), self._poll_due)
        return min((due for due in dues if due is not None), default=None)

    def take_events(self) -> list[Heard]:
        """What was learnt since last asked. Make it durable before asking what to send."""
        taken, self._heard = self._heard, []
        self._untaken.clear()
        window = self._known.window
        for heard in taken:
            if isinstance(heard, EventHeard) and window is not None and heard.device == self.device:
                window.add(heard.message.sequence)
                self._acks.append(heard.message.sequence)
        for first, last in self._gaps.ranges_to_ask_for(window, self._now):
            self._ask_for(first, last)
        return taken

    def data_to_send(self, now: float) -> bytes:
        """Acknowledgements of what was taken, then questions."""
        if self._receive_only or not self._open:
            return b""
        if self._poll_due is not None and now >= self._poll_due:
            self._poll_due = now + POLL_SECONDS
            self.polls += 1
            self._commands.append(("PO", {}))
        frames = [encode(Message(self.address, sequence, Kind.ACK, "OK")) for sequence in self._acks]
        frames += [self._command(code, values) for code, values in self._commands]
        self._acks.clear()
        self._commands.clear()
        return b"".join(frames)

    def ask_for_counters(self) -> None:
        """Ask the device for its counters, with what is sent next."""
        self._commands.append(("CT?", {}))

    def memory(self) -> bytes:
        """What the next host end on this line must know; at most 140 bytes."""
        return self._known.memory()

    # What the device says

    def _on_message(self, message: Message, now: float) -> None:
        if message.kind in {Kind.COMMAND, Kind.ACK}:
            return  # our own words, which a shared pair gives back
        if message.address != self.address:
            raise RemoteProtocolError(
                f"it comes from {message.address:02X}, this line is set to {self.address:02X}"
            )
        self.frames += 1
        self._stay_awake(now)
        if message.code in IDENTITY_CODES and message.kind is not Kind.EVENT:
            self._on_identity(message, now)
            return
        self._notice_reboot(message, now)
        match message.kind:
            case Kind.EVENT:
                self._on_event(message, now)
            case Kind.HEARTBEAT:
                self._on_heartbeat(message, now)
            case Kind.SNAPSHOT:
                self._say(SnapshotHeard(now, self.device, message))
            case Kind.NAK:
                self._on_nak(message)
            case _:
                pass  # to RP and PO: they say nothing that the events do not

    def _on_identity(self, message: Message, now: float) -> None:
        device = key_of(message.values)
        self._learn(device, message, now)
        self._say(Identified(now, device, message))

    def _on_event(self, message: Message, now: float) -> None:
        sequence = message.sequence
        if sequence == 0:
            raise RemoteProtocolError("an event has sequence 0000")
        self._event_at = now
        if not self._may_take() or len(self._heard) >= MOST_UNTAKEN:
            self.held_back += 1  # not taken, so not acknowledged: the device keeps it
            return
        window, doubtful = self._known.window_for(sequence)
        if sequence in self._untaken:
            self.repeats += 1
        elif window.has(sequence):
            self.repeats += 1
            self._on_repeat(message, now)
        else:
            late = ahead(sequence, window.newest) < 0
            window.expect(sequence)
            self._untaken.add(sequence)
            self._heard.append(EventHeard(now, self.device, message, late=late, possibly_repeated=doubtful))

    def _on_repeat(self, message: Message, now: float) -> None:
        """Its acknowledgement was lost, or it is another event, of a boot nobody heard of."""
        if "boot" in message.values or not self._known.certain:
            if message.sequence not in self._acks:
                self._acks.append(message.sequence)
        elif not self._receive_only:
            self._unproven_repeats.add(message.sequence)
            self._become_uncertain(now)

    def _on_heartbeat(self, message: Message, now: float) -> None:
        self.status = message.values.get("st", "")
        if not self._known.certain or message.sequence == 0:
            return
        if message.values.get("q", "0") != "0":
            if now - self._event_at > STALE_SECONDS:
                self._ask_for(before(message.sequence, WINDOW // 2), message.sequence)
            return
        # It has nothing left to tell, so what we have not heard by now is missing.
        if self._known.window is None:
            self._known.window = Window.joining(message.sequence)
        self._known.window.expect(message.sequence)

    def _on_nak(self, message: Message) -> None:
        if message.code != "BUSY" and self._ask_due is not None:
            self._asked = IDENTITY_TRIES  # it does not know ID?
        raise RemoteProtocolError(f"the device answers NAK {message.code}")

    # Who the device is

    def _become_uncertain(self, now: float) -> None:
        self._known.certain = False
        self._asked = self._up = 0
        self._ask_due = None if self._receive_only else now

    def _ask(self, now: float) -> None:
        if self._asked >= IDENTITY_TRIES:
            self._ask_due = None
            return
        self._asked += 1
        self._ask_due = now + IDENTITY_SECONDS
        self._commands.append(("ID?", {}))

    def _may_take(self) -> bool:
        """Whether events are taken now: the device is certain, or will not say who it is."""
        if self._known.certain:
            return True
        if not self._receive_only and self._asked < IDENTITY_TRIES:
            return False
        self._known.take_at_its_word()
        return True

    def _notice_reboot(self, message: Message, now: float) -> None:
        boot = message.values.get("boot")
        if boot is not None and self._may_trust_boots():
            if self._learn(DeviceKey(self._known.serial, boot_of(boot)), message, now):
                self._ask_again(now)
            return
        up = message.values.get("up", "")
        if not (up.isascii() and up.isdigit()):
            return
        if int(up) < self._up:
            self._become_uncertain(now)
        self._up = int(up)

    def _may_trust_boots(self) -> bool:
        """Whether a boot counter alone names the device: we know its serial number, as far as can be."""
        can_ask = not self._receive_only and not self._known.at_its_word
        return bool(self._known.serial) and (self._known.certain or not can_ask)

    def _learn(self, device: DeviceKey, message: Message, now: float) -> bool:
        was_certain, self._ask_due = self._known.certain, None
        booting = message.code == "DEV.BOOT"
        if self._known.at_its_word and not booting:
            # What was taken at its word is this device's own.
            self._heard = [
                replace(heard, device=device)
                if isinstance(heard, EventHeard) and heard.device is None
                else heard
                for heard in self._heard
            ]
        elif device != self.device:
            self._tell_missing(self._gaps.close(self._known.window, self._untaken))
            self._acks.clear()  # they belong to the sequence of another boot
            self._unproven_repeats.clear()
            self._untaken.clear()
        booted = self._known.learn(device, booting=booting)
        self._acks.extend(sorted(self._unproven_repeats))  # boots only rise, so it was this one then as well
        self._unproven_repeats.clear()
        if booted:
            self._say(Booted(now, device, message))
        if (booted or not was_certain) and not booting:  # after a boot it sends them unasked
            self.ask_for_counters()
        return booted

    def _ask_again(self, now: float) -> None:
        if not self._receive_only:
            self._asked, self._ask_due = IDENTITY_TRIES - 1, now

    # What is missing

    def _ask_for(self, first: int, last: int) -> None:
        self._commands.append(("RP", {"from": f"{first:04X}", "to": f"{last:04X}"}))

    def _tell_missing(self, ranges: list[tuple[int, int]]) -> None:
        for first, last in ranges:
            self._say(SequenceMissing(self._now, self.device, first, last))

    # The line

    def _stay_awake(self, now: float) -> None:
        if not self._answering:
            since = now if self._heard_at is None else self._heard_at
            self._say(DeviceAnswers(now, max(0.0, now - since)))
            self._answering, self._said_silent = True, False
            self._become_uncertain(now)
        self._heard_at = now
        self._silent_due = now + SILENCE_SECONDS

    def _fall_silent(self, now: float, reason: str) -> None:
        self._answering, self._silent_due = False, None
        if not self._said_silent:
            self._said_silent = True
            self._say(DeviceSilent(now, reason))

    def _forget_line(self, now: float) -> None:
        self._now = now
        if self._heard_at is None:
            self._heard_at = now
        self._reader.reset()
        self._acks.clear()
        self._unproven_repeats.clear()
        self._commands.clear()

    def _say(self, heard: Heard) -> None:
        if len(self._heard) < 2 * MOST_UNTAKEN:
            self._heard.append(heard)

    def _count(self, reason: str) -> None:
        self.errors += 1
        self.last_error = reason

    def _command(self, code: str, values: dict[str, str]) -> bytes:
        self._own_sequence = after(self._own_sequence)
        return encode(Message(self.address, self._own_sequence, Kind.COMMAND, code, values))
