"""Session: one client's connection, from its first byte to its will.

A PUBLISH is judged in this order, as the service does: form (the connection ends), rate, topic,
policy, then the faults that were asked for. Accepted, it is delivered, written to the ledger and
only then PUBACKed. There are no persistent sessions: every CONNECT begins clean, and the CONNACK
says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge_agent.standin import limits
from edge_agent.standin.admission import judge_connect, may_publish, settings
from edge_agent.standin.decoding import MalformedPacket, PacketReader, UnsupportedVersion
from edge_agent.standin.delivery import Delivery
from edge_agent.standin.encoding import encode
from edge_agent.standin.faults import Answer
from edge_agent.standin.ledger import Entry
from edge_agent.standin.packets import (
    NONE,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Reason,
    Subscribe,
    Unsubscribe,
)
from edge_agent.standin.policy import Action
from edge_agent.standin.topics import valid_topic

if TYPE_CHECKING:
    from edge_agent.standin.broker import Broker

# MQTT 3.1.1, section 3.2: CONNACK, return code 1, "unacceptable protocol version".
REFUSED_3_1_1 = bytes([0x20, 0x02, 0x00, 0x01])
# What a stalled broker takes from one client before it leaves the rest to TCP.
HELD_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Owed:
    """An accepted PUBLISH whose PUBACK is held back."""

    due: float
    received: float
    packet: Publish
    reason: Reason


class Session:
    """One client. `closed` once the connection is to be ended after `data_to_send`."""

    def __init__(self, broker: Broker, certificate_id: str, now: float) -> None:
        self.client_id = ""
        self.closed = False
        self.paused_until = 0.0  # the server reads no more before
        self._broker = broker
        self._certificate_id = certificate_id
        self._reader = PacketReader(limits.PACKET_LIMIT_BYTES)
        self._held = bytearray()
        self._out = bytearray()
        self._connect: Connect | None = None
        self._deadline: float = now + limits.CONNECT_WITHIN
        self._aliases: dict[int, str] = {}
        self._owed: deque[_Owed] = deque()
        self._publishes = limits.TokenBucket(limits.PUBLISHES_PER_SECOND, limits.PUBLISH_BURST)
        self._bytes = limits.TokenBucket(limits.BYTES_PER_SECOND, limits.BYTES_PER_SECOND)
        self._delivery = Delivery(NONE, lambda _action, _name: False)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "connected" if self._connect else "new"
        return f"<Session {self.client_id or self._certificate_id[:8]} {state} owed:{len(self._owed)}>"

    @property
    def certificate_id(self) -> str:
        """What this client proved itself with."""
        return self._certificate_id

    @property
    def topic_filters(self) -> Collection[str]:
        """What this client asked to be told."""
        return self._delivery.topic_filters

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what arrived."""
        if self.closed:
            return
        if self._broker.faults.stalled(now):
            self._held += data
            if len(self._held) > HELD_LIMIT_BYTES:
                self.paused_until = float("inf")
            return
        self._reader.receive_data(data)
        try:
            for packet, size in self._reader.packets():
                self._receive(packet, size, now)
        except UnsupportedVersion as refused:
            self._refuse_version(refused, now)
        except MalformedPacket as malformed:
            self._give_up(malformed.reason, now, str(malformed))

    def handle_timer(self, now: float) -> None:
        """Give the PUBACKs that are due; end a connection that has been silent for too long."""
        if self.closed or self._broker.faults.stalled(now):
            return
        if self._held:
            held, self._held, self.paused_until = bytes(self._held), bytearray(), 0.0
            self._deadline = max(self._deadline, now + 1.0)
            self.receive_data(held, now)
        while self._owed and self._owed[0].due <= now:
            owed = self._owed.popleft()
            self._acknowledge(owed.packet, owed.reason, owed.received, now)
        if not self.closed and now >= self._deadline:
            if self._connect is None:
                self.drop(now)
            else:
                self._give_up(Reason.KEEP_ALIVE_TIMEOUT, now, "silence")

    def next_timer(self) -> float | None:
        """When `handle_timer` is due."""
        return min(self._deadline, self._owed[0].due) if self._owed else self._deadline

    def data_to_send(self) -> bytes:
        """What to write now."""
        out, self._out = bytes(self._out), bytearray()
        return out

    def connection_lost(self, now: float) -> None:
        """The other side is gone."""
        self._end(now, with_will=True)

    def drop(self, now: float, reason: int | None = None) -> None:
        """End the connection, politely if there is a reason to give."""
        if reason is not None and self._connect is not None and not self.closed:
            self._broker.counters.disconnected[reason] += 1
            self._send(Disconnect(reason))
        self._end(now, with_will=True)

    def deliver(self, packet: Publish, sender: Session | None, now: float) -> bool:
        """Tell this client of a message, if it asked; whether it did. No sender: it is the cloud's own."""
        wanted = self._delivery.offer(packet, now, own=sender is self)
        self._deliver_now(now)
        return wanted

    # What a client may send, in the order of section 3.

    def _receive(self, packet: Packet, size: int, now: float) -> None:
        if self.closed:
            return  # what followed the last packet
        if self._connect is None:
            if not isinstance(packet, Connect):
                raise MalformedPacket("the first packet is not CONNECT", Reason.PROTOCOL_ERROR)
            self._on_connect(packet, now)
            return
        self._deadline = now + limits.KEEP_ALIVE_GRACE * limits.keep_alive(self._connect.keep_alive)
        match packet:
            case Publish():
                self._on_publish(packet, size, now)
            case Puback(packet_id):
                self._delivery.acknowledge(packet_id)
                self._deliver_now(now)
            case Subscribe():
                self._send(self._delivery.subscribe(packet, self._broker.retained, now))
                self._deliver_now(now)
            case Unsubscribe():
                self._send(self._delivery.unsubscribe(packet))
            case Pingreq():
                self._send(Pingresp())
            case Disconnect(reason):
                self._end(now, with_will=reason != Reason.SUCCESS)
            case _:
                raise MalformedPacket(f"a client sent {type(packet).__name__}", Reason.PROTOCOL_ERROR)

    def _on_connect(self, packet: Connect, now: float) -> None:
        broker = self._broker
        if not broker.registered(self._certificate_id):
            broker.counters.certificates_refused += 1
            self._end(now, with_will=False)
            return
        reason = broker.faults.on_connect(now)
        if reason is None:
            reason = judge_connect(broker, self._certificate_id, packet)
        if reason:
            broker.counters.connections_refused[reason] += 1
            self._send(Connack(reason))
            self._end(now, with_will=False)
            return
        self._connect, self.client_id = packet, packet.client_id
        keep_alive = limits.keep_alive(packet.keep_alive)
        self._deadline = now + limits.KEEP_ALIVE_GRACE * keep_alive
        self._delivery = Delivery(packet.properties, self._allows)
        broker.take_over(self, now)
        broker.counters.connected += 1
        self._send(Connack(properties=settings(None if keep_alive == packet.keep_alive else keep_alive)))

    def _allows(self, action: Action, name: str) -> bool:
        return self._broker.allows(self._certificate_id, self.client_id, action, name)

    def _on_publish(self, packet: Publish, size: int, now: float) -> None:
        packet = self._with_topic(packet)
        self._check_form(packet)
        if self._over_rate(size, now):
            if not self._broker.discard_excess:
                self._refuse(packet, Reason.QUOTA_EXCEEDED)
            return
        refusal = self._judge_publish(packet)
        answer = self._broker.faults.on_publish(packet.topic, now) if refusal is None else Answer(refusal)
        if answer.ignore:
            self._broker.counters.ignored += 1
            return
        if answer.refuse is not None:
            self._refuse(packet, answer.refuse)
            return
        if self._broker.rules.misses(packet.topic):
            self._broker.counters.rule_not_found += 1
            if packet.qos:
                self._send(Puback(packet.packet_id, Reason.SUCCESS))
            return
        reason = self._broker.publish(packet, self, now)
        if reason is Reason.QUOTA_EXCEEDED:
            self._refuse(packet, reason)
            return
        if answer.lose and packet.qos:
            self._lose(packet, now)
        elif answer.delay and packet.qos:
            self._owed.append(_Owed(now + answer.delay, now, packet, reason))
        else:
            self._acknowledge(packet, reason, now, now)
        self._broker.ask(packet, self, now)

    def _over_rate(self, size: int, now: float) -> bool:
        """Whether this is one publish too many; bytes beyond their rate are read later."""
        if not self._broker.rates:
            return False
        pause = self._bytes.owe(now, size)
        self._broker.counters.reads_delayed += pause > 0
        self.paused_until = now + pause
        if self._publishes.take(now):
            return False
        self._broker.counters.publishes_over_rate += 1
        return True

    def _check_form(self, packet: Publish) -> None:
        """What ends the connection."""
        if packet.qos > limits.MAXIMUM_QOS:
            raise MalformedPacket("PUBLISH at QoS 2", Reason.QOS_NOT_SUPPORTED)
        if len(packet.payload) > limits.PAYLOAD_LIMIT_BYTES:
            raise MalformedPacket(f"a payload of {len(packet.payload)} bytes", Reason.PACKET_TOO_LARGE)
        if packet.qos and len(self._owed) >= limits.RECEIVE_MAXIMUM:
            raise MalformedPacket("more publishes than receive maximum", Reason.RECEIVE_MAXIMUM_EXCEEDED)

    def _with_topic(self, packet: Publish) -> Publish:
        """The packet with its topic alias resolved (section 3.3.2.3.4)."""
        alias = packet.properties.topic_alias
        if alias is not None and not 0 < alias <= limits.TOPIC_ALIAS_MAXIMUM:
            raise MalformedPacket(f"topic alias {alias}", Reason.TOPIC_ALIAS_INVALID)
        if packet.topic:
            if alias is not None:
                self._aliases[alias] = packet.topic
            return packet
        if alias is None or alias not in self._aliases:
            raise MalformedPacket("PUBLISH without a topic", Reason.PROTOCOL_ERROR)
        return replace(packet, topic=self._aliases[alias])

    def _judge_publish(self, packet: Publish) -> Reason | None:
        """The reason not to accept a PUBLISH, if there is one."""
        if any(owed.packet.packet_id == packet.packet_id for owed in self._owed) and packet.qos:
            return Reason.PACKET_ID_IN_USE
        if not valid_topic(packet.topic):
            return Reason.TOPIC_NAME_INVALID
        retain = packet.retain
        if not may_publish(self._broker, self._certificate_id, self.client_id, packet.topic, retain=retain):
            return Reason.NOT_AUTHORISED
        if packet.properties.payload_format_indicator and not _is_utf8(packet.payload):
            return Reason.PAYLOAD_FORMAT_INVALID
        return None

    def _refuse(self, packet: Publish, reason: int) -> None:
        """Say no; at QoS 0 there is no way to, and the service hangs up over what is not allowed."""
        self._broker.counters.refused[reason] += 1
        if packet.qos:
            self._send(Puback(packet.packet_id, reason))
        elif reason in (Reason.NOT_AUTHORISED, Reason.TOPIC_NAME_INVALID):
            raise MalformedPacket(f"PUBLISH to {packet.topic!r}", Reason(reason))

    def _acknowledge(self, packet: Publish, reason: Reason, received: float, now: float) -> None:
        """Write it down, then say so. What cannot be written down is not accepted."""
        try:
            self._broker.ledger.append(self._entry(packet, received, now if packet.qos else None, reason))
        except OSError:
            self._refuse(packet, Reason.UNSPECIFIED_ERROR)
            return
        self._broker.counters.accepted += 1
        if packet.qos:
            self._send(Puback(packet.packet_id, reason))

    def _lose(self, packet: Publish, received: float) -> None:
        """Write it down and leave the client in doubt."""
        try:
            self._broker.ledger.append(self._entry(packet, received, None, None))
        except OSError:
            return  # nobody was promised anything
        self._broker.counters.accepted += 1
        self._broker.counters.pubacks_lost += 1

    def _entry(self, packet: Publish, received: float, acked: float | None, reason: Reason | None) -> Entry:
        encodings = [value for name, value in packet.properties.user_properties if name == "content-encoding"]
        return Entry(
            at=received,
            acked_at=acked,
            client=self.client_id,
            topic=packet.topic,
            content_type=packet.properties.content_type,
            encoding=encodings[0] if encodings else None,
            payload=packet.payload,
            puback=None if not packet.qos else "lost" if reason is None else int(reason),
        )

    def _deliver_now(self, now: float) -> None:
        for packet in self._delivery.due(now):
            self._publishes.owe(now, 1)
            self._send(packet)
        dropped, expired = self._delivery.take_lost()
        self._broker.counters.deliveries_dropped += dropped
        self._broker.counters.deliveries_expired += expired

    def _send(self, packet: Packet) -> None:
        self._out += encode(packet)
        self._broker.touch(self)

    def _refuse_version(self, refused: UnsupportedVersion, now: float) -> None:
        """Answer in the client's own words, so that it can say what is wrong."""
        self._broker.counters.connections_refused[refused.reason] += 1
        older = refused.version < 5
        self._out += REFUSED_3_1_1 if older else encode(Connack(refused.reason))
        self._end(now, with_will=False)

    def _give_up(self, reason: Reason, now: float, _why: str) -> None:
        """The client broke a rule: say which and hang up."""
        if self._connect is None:
            self._end(now, with_will=False)
        else:
            self.drop(now, reason)

    def _end(self, now: float, *, with_will: bool) -> None:
        """The session is over. PUBACKs still owed are lost with it; the will is read out."""
        if self.closed:
            return
        self.closed = True
        self._broker.touch(self)
        self._broker.forget(self)
        for owed in self._owed:
            self._lose(owed.packet, owed.received)
        self._owed.clear()
        will = self._connect.will if self._connect is not None else None
        if with_will and will is not None:
            self._broker.counters.wills += 1
            testament = Publish(
                will.topic, will.payload, will.qos, 0, will.retain, properties=will.properties
            )
            self._broker.publish(testament, self, now)


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
