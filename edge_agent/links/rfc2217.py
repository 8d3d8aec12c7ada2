"""RFC 2217: a device server's serial port with its settings, so that the wakeup bit is parity there.

    rfc2217:10.0.0.5:4001

The order to change parity travels in the same stream as the characters, so a server carries both out in the
order sent: mark, address, space, rest. But few servers drain before they obey, so no order is sent before the
characters in front of it must have left. Over a short way we count from the server's answer to the order they
stood behind, which makes that sure however late the server was. Over a longer one there and back would take
more than the 5 ms between two characters; there we count from sending, and a server that lags spoils the
poll, which is then repeated.

Whether the server keeps to that is measured by its answers (`edge_agent.links.poll_gaps`), and so is the way
there and back when the port is opened. What is too slow is said as advice: the machine then drops polls, and
they are repeated.
"""

from __future__ import annotations

import struct
import time
from contextlib import ExitStack
from enum import IntEnum

from edge_agent.errors import LinkError
from edge_agent.links.base import Link, PortKind
from edge_agent.links.device_server import Connection, Endpoint, read_endpoint
from edge_agent.links.parity import BITS_A_CHARACTER, Leaving
from edge_agent.links.poll_gaps import JUDGED_POLLS, PollGaps
from edge_agent.links.stream import runs
from edge_agent.links.telnet import Negotiation, Option, Subnegotiation, TelnetReader, Verb, escape
from edge_agent.sas.wakeup import marked, stuff
from edge_agent.station import SerialFormat

SCHEME = "rfc2217"

# A server that speaks RFC 2217 says so at once, and obeys a setting in some tens of milliseconds.
ANSWER_SECONDS = 2.0

# As a USB adapter: the server may have one, and its own way to the port.
HANDOVER_SECONDS = 0.001

# There and back, and the address with its hand-over, within the 5 ms between two characters.
SHORT_ROUND_TRIP_SECONDS = 0.0025
# A server that answers later than this has spoiled the poll anyway.
LATE_ANSWER_SECONDS = 0.2

# A host waits 200 ms for an answer and polls a machine every 200 ms; beyond a tenth of that it is noticed.
LONG_ROUND_TRIP_SECONDS = 0.020


class Order(IntEnum):
    """What a client asks of the port; the server answers with the number plus 100."""

    BAUD_RATE = 1
    DATA_SIZE = 2
    PARITY = 3
    STOP_SIZE = 4
    CONTROL = 5
    NOTIFY_LINE_STATE = 6
    LINE_STATE_MASK = 10
    MODEM_STATE_MASK = 11
    PURGE = 12


_ANSWER = 100
NO_PARITY, MARK_PARITY, SPACE_PARITY = 1, 4, 5
_NO_FLOW_CONTROL, _PURGE_BOTH = 1, 3
_PARITY_ERROR, _BREAK = 0x04, 0x10

_WANTED = (Option.COM_PORT, Option.BINARY, Option.SUPPRESS_GO_AHEAD)


def make(rest: str, serial_format: SerialFormat) -> Link:
    """Make the link for `rfc2217:HOST:PORT`."""
    return Rfc2217Link(f"{SCHEME}:{rest}", read_endpoint(SCHEME, rest, {}), serial_format)


class Rfc2217Link:
    """A device server's port, with its settings.

    Args:
        name: what messages call it.
        endpoint: where it is.
        serial_format: how characters travel on it.
    """

    def __init__(self, name: str, endpoint: Endpoint, serial_format: SerialFormat) -> None:
        self.name = name
        self.advice: tuple[str, ...] = ()
        self.round_trip = ANSWER_SECONDS  # seconds from an order to its answer, at best
        self._connection = Connection(name, endpoint)
        self._format = serial_format
        self._begin()

    def __repr__(self) -> str:
        return f"<Rfc2217Link {self.name} {'open' if self._connection.is_open else 'closed'}>"

    @property
    def kind(self) -> PortKind:
        """What the port is."""
        return PortKind("device server, RFC 2217")

    def open(self) -> None:
        """Connect, and have the server set up its port. Raises LinkError naming what it will not do."""
        self._begin()
        self.round_trip = ANSWER_SECONDS
        self._connection.open()
        with ExitStack() as undoing:
            undoing.callback(self.close)
            self._negotiate()
            self._set_up()
            undoing.pop_all()
        self._watching = True
        self._judge()

    def read(self, timeout: float) -> bytes:
        """What has arrived, in the marked form."""
        until = time.monotonic() + timeout
        while not self._heard:
            left = until - time.monotonic()
            self._listen(max(0.0, left))
            if left <= 0:
                break
        heard = bytes(self._heard)
        self._heard.clear()
        return heard

    def write(self, data: bytes) -> None:
        """Send a marked stream: each run of characters behind the order for its parity."""
        for wakeup, characters in runs(data):
            order = self._flip(mark=wakeup) if self._format.wakeup_bit else b""
            self._connection.send(order + escape(characters))
            if order and self.round_trip < SHORT_ROUND_TRIP_SECONDS:
                self._unanswered = len(characters)
            else:
                self._leaving.wrote(len(characters))
        if self._marking:
            self._connection.send(self._flip(mark=False))

    def close(self) -> None:
        """Hang up; the server has its port back."""
        self._connection.close()

    def _begin(self) -> None:
        """As before anything was said."""
        self._reader = TelnetReader()
        self._agreed: dict[int, bool] = {}  # what the server says of each option
        self._answers: dict[int, bytes] = {}
        self._heard = bytearray()
        self._leaving = Leaving(self._format.baud, HANDOVER_SECONDS)
        self._marking = False
        self._unanswered = 0  # characters sent behind an order, until the server has answered that
        self._parity_error = False  # said of a character that has yet to come
        self._gaps = PollGaps(BITS_A_CHARACTER / self._format.baud)
        self._watching = False  # its answers while it is set up are no polls

    def _negotiate(self) -> None:
        offers = [Negotiation(verb, option) for option in _WANTED for verb in (Verb.WILL, Verb.DO)]
        self._connection.send(b"".join(map(bytes, offers)))
        until = time.monotonic() + ANSWER_SECONDS
        while Option.COM_PORT not in self._agreed and time.monotonic() < until:
            self._listen(until - time.monotonic())
        if not self._agreed.get(Option.COM_PORT):
            raise LinkError(
                f"port {self.name}: this TCP port does not speak RFC 2217",
                "set the device server's port to RFC 2217 mode, or use tcp:HOST:PORT",
            )

    def _set_up(self) -> None:
        self._must_take(Order.BAUD_RATE, struct.pack(">I", self._format.baud), f"{self._format.baud} baud")
        self._must_take(Order.DATA_SIZE, bytes((8,)), "eight data bits")
        self._must_take(Order.STOP_SIZE, bytes((1,)), "one stop bit")
        self._order(Order.CONTROL, bytes((_NO_FLOW_CONTROL,)))
        self._order(Order.MODEM_STATE_MASK, bytes((0,)))
        if self._format.wakeup_bit:
            self._order(Order.LINE_STATE_MASK, bytes((_PARITY_ERROR | _BREAK,)))
            self._must_take(Order.PARITY, bytes((MARK_PARITY,)), "mark parity, which is the wakeup bit")
            self._must_take(Order.PARITY, bytes((SPACE_PARITY,)), "space parity, which ends the wakeup bit")
        else:
            self._must_take(Order.PARITY, bytes((NO_PARITY,)), "a line without parity")
        self._order(Order.PURGE, bytes((_PURGE_BOTH,)))
        self._heard.clear()

    def _must_take(self, order: Order, value: bytes, what: str) -> None:
        """Give an order and see that the server carried it out. Raises LinkError if it did not."""
        began = time.monotonic()
        self._order(order, value)
        while order not in self._answers and time.monotonic() - began < ANSWER_SECONDS:
            self._listen(began + ANSWER_SECONDS - time.monotonic())
        self.round_trip = min(self.round_trip, time.monotonic() - began)
        if self._answers.pop(order, None) != value:
            raise LinkError(
                f"port {self.name}: the device server does not take {what}",
                "use one whose ports have mark and space parity, or an adapter at the gateway",
            )

    def _order(self, order: Order, value: bytes) -> None:
        self._connection.send(bytes(Subnegotiation(Option.COM_PORT, bytes((order,)) + value)))

    def _flip(self, *, mark: bool) -> bytes:
        """The order for another parity, once everything sent has left; none if it stays."""
        if mark == self._marking:
            return b""
        self._wait_until_gone()
        self._marking = mark
        return bytes(Subnegotiation(Option.COM_PORT, bytes((Order.PARITY,)) + self._parity))

    @property
    def _parity(self) -> bytes:
        """The value of the parity ordered last."""
        return bytes((MARK_PARITY if self._marking else SPACE_PARITY,))

    def _wait_until_gone(self) -> None:
        late_at = time.monotonic() + LATE_ANSWER_SECONDS
        while self._unanswered and time.monotonic() < late_at:
            self._listen(LATE_ANSWER_SECONDS)
        self._unanswered = 0
        while (early := self._leaving.seconds) > 0:
            self._listen(early)

    def _listen(self, timeout: float) -> None:
        """Take what the server says, waiting for its first byte."""
        characters, line_state = bytearray(), 0
        for part in self._reader.feed(self._connection.receive(timeout)):
            match part:
                case bytes():
                    characters += part
                case Negotiation():
                    self._answer(part)
                case Subnegotiation(Option.COM_PORT, payload) if payload:
                    line_state |= self._note(payload[0], payload[1:])
                case _:
                    pass  # an option we never asked for
        self._hear(bytes(characters), line_state)

    def _answer(self, said: Negotiation) -> None:
        """Note what the server says to our offers; refuse, once, what we never offered."""
        wants = said.verb in {Verb.WILL, Verb.DO}
        known = said.option in self._agreed
        self._agreed[said.option] = wants or self._agreed.get(said.option, False)
        if wants and not known and said.option not in _WANTED:
            refusal = Verb.DONT if said.verb is Verb.WILL else Verb.WONT
            self._connection.send(bytes(Negotiation(refusal, said.option)))

    def _note(self, code: int, value: bytes) -> int:
        """Note an answer; the line state, if it tells one."""
        if code == _ANSWER + Order.NOTIFY_LINE_STATE:
            return value[0] if value and self._format.wakeup_bit else 0
        if code == _ANSWER + Order.PARITY and self._timed(value, time.monotonic()):
            self._judge()
        self._answers[code - _ANSWER] = value
        return 0

    def _timed(self, parity: bytes, now: float) -> bool:
        """Whether there is something new to say of the polls' gaps."""
        if not self._watching:
            return False
        if parity == self._parity:
            self._leaving.wrote(self._unanswered)
            self._unanswered = 0
        if parity == bytes((MARK_PARITY,)):
            self._gaps.marked(now)
            return False
        return self._gaps.spaced(now)

    def _judge(self) -> None:
        """Say what is too slow on the way to the port and back."""
        advice = []
        if self.round_trip > LONG_ROUND_TRIP_SECONDS:
            milliseconds = round(1000 * self.round_trip)
            advice.append(
                f"port {self.name}: the way there and back takes {milliseconds} ms, so its machine is polled"
                " less often — use an adapter at the gateway, or a server nearer to it"
            )
        if self._gaps.too_slow:
            advice.append(
                f"port {self.name}: of {JUDGED_POLLS} polls {self._gaps.slow_of_judged} paused for more than"
                " 5 ms behind their address, and a machine may drop them — use an adapter at the gateway"
            )
        self.advice = tuple(advice)

    def _hear(self, characters: bytes, line_state: int) -> None:
        """Keep characters in the marked form.

        A server says of a parity error that there was one, not where, so only a character that stands
        alone, as a chirp does, can be told to have the wakeup bit.
        """
        if not characters:
            self._parity_error |= bool(line_state & _PARITY_ERROR)
            if line_state & _BREAK:
                self._heard += marked(0x00)
            return
        alone = len(characters) == 1 and (self._parity_error or line_state & _PARITY_ERROR)
        self._heard += marked(characters[0]) if alone else stuff(characters)
        self._parity_error = False
