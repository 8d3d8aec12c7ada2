"""Sessions as conversations in virtual time: packets in, packets out, no socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.standin import limits
from edge_agent.standin.broker import DECISIONS, Broker
from edge_agent.standin.config import shipped_policy
from edge_agent.standin.decoding import PacketReader
from edge_agent.standin.encoding import encode
from edge_agent.standin.ledger import Entry
from edge_agent.standin.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Puback,
    Publish,
    Reason,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
)
from edge_agent.standin.policy import Policy, load_policy, parse_policy
from edge_agent.standin.registry import DEFAULT_POLICY, Registry, Status
from edge_agent.standin.session import HELD_LIMIT_BYTES, REFUSED_3_1_1

EVENTS = "floor/lab/gw-07/ev/batch"
STATUS = "floor/lab/gw-07/status"
WILL = Will(STATUS, b'{"state":"offline"}', qos=1, retain=True)
BIRTH = Publish(STATUS, b'{"state":"online"}', qos=1, packet_id=1, retain=True)
THINGS = {"gw-07": {"site": "lab"}, "gw-08": {"site": "lab"}}
ANYTHING = parse_policy(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}
)


class FullDisk:
    """A ledger that can write nothing down."""

    def append(self, entry: Entry) -> None:
        raise OSError(28, f"no room for {entry.topic}")


class Floor:
    """A broker, its clients and a clock that moves when told."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.now = 1000.0
        self.ledger: list[Entry] = []
        self.registry = Registry(THINGS, {DEFAULT_POLICY: policy or load_policy(shipped_policy())})
        self.broker = Broker(
            registry=self.registry,
            ledger=self.ledger,
            observer="watcher",
        )

    def client(self, thing: str = "gw-07") -> Client:
        return Client(self, thing)

    def connected(self, thing: str = "gw-07", **options: object) -> Client:
        client = self.client(thing)
        client.connect(Connect(f"{thing}-events", **options))  # type: ignore[arg-type]
        return client

    def watcher(self, *subscriptions: Subscription, properties: Properties | None = None) -> Client:
        client = self.client()
        client.connect(Connect("watcher", properties=properties or Properties()))
        client.say(Subscribe(1, subscriptions))
        return client

    def pass_time(self, seconds: float) -> None:
        """As the server does: wake the broker whenever it asked to be."""
        until = self.now + seconds
        while (wanted := self.broker.next_timer(self.now)) is not None and wanted <= until:
            self.now = max(self.now, wanted)
            self.broker.handle_timer(self.now)
        self.now = until


@dataclass
class Client:
    """The far end of a session."""

    floor: Floor
    thing: str
    next_id: int = 100
    reader: PacketReader = field(default_factory=lambda: PacketReader(1 << 20))

    def __post_init__(self) -> None:
        self.session = self.floor.broker.open(self.thing, self.floor.now)

    def send(self, data: bytes) -> list[Packet]:
        self.session.receive_data(data, self.floor.now)
        return self.hear()

    def say(self, *packets: Packet) -> list[Packet]:
        return self.send(b"".join(encode(packet) for packet in packets))

    def hear(self) -> list[Packet]:
        self.reader.receive_data(self.session.data_to_send())
        return [packet for packet, _ in self.reader.packets()]

    def connect(self, packet: Connect) -> Connack:
        (connack,) = self.say(packet)
        assert isinstance(connack, Connack)
        return connack

    def publish(self, topic: str = EVENTS, payload: bytes = b"[]", **options: object) -> int | None:
        """The reason code of the PUBACK, or None when none came."""
        self.next_id += 1
        answers = self.say(Publish(topic, payload, 1, self.next_id, **options))  # type: ignore[arg-type]
        codes = [one.reason for one in answers if isinstance(one, Puback) and one.packet_id == self.next_id]
        return codes[0] if codes else None


@pytest.fixture
def floor() -> Floor:
    return Floor()


# Connecting


def test_the_connack_tells_the_quotas(floor: Floor) -> None:
    connack = floor.client().connect(Connect("gw-07-events", keep_alive=45))

    assert connack == Connack(
        properties=Properties(
            receive_maximum=100,
            maximum_qos=1,
            maximum_packet_size=149_504,
            topic_alias_maximum=8,
            session_expiry_interval=0,
            subscription_identifiers_available=0,
            shared_subscription_available=0,
        )
    )


@pytest.mark.parametrize(("asked", "given"), [(0, 1200), (5, 30), (30, None), (2000, 1200)])
def test_the_keep_alive_is_settled_in_the_connack(floor: Floor, asked: int, given: int | None) -> None:
    connack = floor.client().connect(Connect("gw-07-events", keep_alive=asked))

    assert connack.properties.server_keep_alive == given


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (Connect("gw-08-events"), Reason.NOT_AUTHORISED),
        (Connect("gw-07"), Reason.NOT_AUTHORISED),
        (Connect(""), Reason.CLIENT_ID_NOT_VALID),
        (Connect("x" * 129), Reason.CLIENT_ID_NOT_VALID),
        (Connect("gw-07-events", clean_start=False), Reason.NOT_AUTHORISED),
        (Connect("gw-07-events", will=Will("floor/lab/gw-08/status", b"")), Reason.NOT_AUTHORISED),
        (Connect("gw-07-events", will=Will(EVENTS, b"", retain=True)), Reason.NOT_AUTHORISED),
        (Connect("gw-07-events", will=Will("floor/#", b"")), Reason.TOPIC_NAME_INVALID),
        (Connect("gw-07-events", will=Will(STATUS, b"", qos=2)), Reason.QOS_NOT_SUPPORTED),
        (
            Connect("gw-07-events", properties=Properties(authentication_method="SCRAM")),
            Reason.BAD_AUTHENTICATION_METHOD,
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Reason) else "",
)
def test_a_client_that_may_not_connect_is_told_why(floor: Floor, packet: Connect, reason: Reason) -> None:
    client = floor.client()

    connack = client.connect(packet)

    assert connack == Connack(reason)
    assert client.session.closed
    assert floor.broker.clients == {}
    assert floor.broker.counters.connections_refused == {reason: 1}


def test_a_certificate_whose_thing_does_not_exist_may_not_connect(floor: Floor) -> None:
    assert floor.client("gw-99").connect(Connect("gw-99-events")).reason == Reason.NOT_AUTHORISED


def test_an_mqtt_3_1_1_client_is_refused_in_its_own_words(floor: Floor) -> None:
    client = floor.client()

    client.session.receive_data(bytes.fromhex("100C00044D5154540402003C0000"), floor.now)

    assert client.session.data_to_send() == REFUSED_3_1_1
    assert client.session.closed


def test_a_client_of_a_later_version_is_refused_in_ours(floor: Floor) -> None:
    answers = floor.client().send(bytes.fromhex("100D00044D5154540602003C000000"))

    assert answers == [Connack(Reason.UNSUPPORTED_PROTOCOL_VERSION)]


@pytest.mark.parametrize("data", [encode(Pingreq()), encode(Publish(EVENTS, b"")), b"\x00\x00"])
def test_whoever_does_not_begin_with_connect_is_hung_up_on(floor: Floor, data: bytes) -> None:
    client = floor.client()

    assert client.send(data) == []
    assert client.session.closed


def test_whoever_says_nothing_is_hung_up_on(floor: Floor) -> None:
    client = floor.client()

    floor.pass_time(limits.CONNECT_WITHIN - 0.1)
    early = client.session.closed
    floor.pass_time(0.2)

    assert not early
    assert client.session.closed


def test_a_second_connect_is_a_protocol_error(floor: Floor) -> None:
    client = floor.connected()

    assert client.say(Connect("gw-07-events")) == [Disconnect(Reason.PROTOCOL_ERROR)]


def test_a_newer_session_takes_over_and_the_older_is_told(floor: Floor) -> None:
    older = floor.connected(will=WILL)

    newer = floor.connected(will=WILL)

    assert older.hear() == [Disconnect(Reason.SESSION_TAKEN_OVER)]
    assert older.session.closed
    assert newer.publish() == Reason.NO_MATCHING_SUBSCRIBERS
    assert list(floor.broker.clients.values()) == [newer.session]
    assert floor.broker.counters.wills == 1


# Publishing


def test_an_accepted_publish_is_in_the_ledger_with_its_code(floor: Floor) -> None:
    client = floor.connected()
    properties = Properties(content_type="application/json", user_properties=(("content-encoding", "gzip"),))

    code = client.publish(payload=b"\x1f\x8b", properties=properties)

    assert code == Reason.NO_MATCHING_SUBSCRIBERS
    assert floor.ledger == [
        Entry(1000.0, 1000.0, "gw-07-events", EVENTS, "application/json", "gzip", b"\x1f\x8b", 0x10)
    ]


def test_somebody_listening_makes_it_a_plain_success(floor: Floor) -> None:
    floor.watcher(Subscription("floor/#", 1))

    assert floor.connected().publish() == Reason.SUCCESS


def test_at_qos_0_there_is_no_puback(floor: Floor) -> None:
    client = floor.connected()

    assert client.say(Publish(EVENTS, b"[]")) == []
    assert [(entry.puback, entry.acked_at) for entry in floor.ledger] == [(None, None)]


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("floor/lab/gw-08/ev/batch", Reason.NOT_AUTHORISED),
        ("floor/other/gw-07/ev/batch", Reason.NOT_AUTHORISED),
        ("$aws/things/gw-07/shadow/update", Reason.NOT_AUTHORISED),
        ("floor/lab/gw-07/#", Reason.TOPIC_NAME_INVALID),
        ("floor/lab/gw-07/1/2/3/4/5/6", Reason.TOPIC_NAME_INVALID),
        ("floor/lab/gw-07/" + "x" * 241, Reason.TOPIC_NAME_INVALID),
    ],
)
def test_a_topic_that_is_not_ours_is_refused_and_the_connection_goes_on(
    floor: Floor, topic: str, reason: Reason
) -> None:
    client = floor.connected()

    refused, accepted = client.publish(topic), client.publish()

    assert (refused, accepted) == (reason, Reason.NO_MATCHING_SUBSCRIBERS)
    assert [entry.topic for entry in floor.ledger] == [EVENTS]
    assert floor.broker.counters.refused == {reason: 1}


def test_the_longest_and_the_deepest_topic_are_accepted(floor: Floor) -> None:
    client = floor.connected()

    assert client.publish("floor/lab/gw-07/" + "x" * 240) == Reason.NO_MATCHING_SUBSCRIBERS
    assert client.publish("floor/lab/gw-07/1/2/3/4/5") == Reason.NO_MATCHING_SUBSCRIBERS


@pytest.mark.parametrize("topic", ["floor/lab/gw-08/ev/batch", "floor/lab/gw-07/+"])
def test_at_qos_0_a_forbidden_topic_ends_the_connection(floor: Floor, topic: str) -> None:
    client = floor.connected()

    (answer,) = client.say(Publish(topic, b"[]"))

    assert isinstance(answer, Disconnect)
    assert answer.reason in (Reason.NOT_AUTHORISED, Reason.TOPIC_NAME_INVALID)
    assert client.session.closed


def test_only_the_status_may_be_retained(floor: Floor) -> None:
    client = floor.connected()

    codes = [client.publish(STATUS, b"online", retain=True), client.publish(EVENTS, retain=True)]

    assert codes == [Reason.NO_MATCHING_SUBSCRIBERS, Reason.NOT_AUTHORISED]
    assert list(floor.broker.retained) == [STATUS]


def test_an_empty_retained_message_removes_it(floor: Floor) -> None:
    client = floor.connected()
    client.publish(STATUS, b"online", retain=True)

    client.publish(STATUS, b"", retain=True)

    assert floor.broker.retained == {}


def test_retained_messages_are_bounded() -> None:
    floor = Floor(ANYTHING)
    floor.broker.rates = False
    client = floor.connected()

    codes = [client.publish(f"t/{n}", b"x", retain=True) for n in range(limits.RETAINED_MESSAGES + 1)]
    again = client.publish("t/0", b"y", retain=True)

    assert codes[-2:] == [Reason.NO_MATCHING_SUBSCRIBERS, Reason.QUOTA_EXCEEDED]
    assert again == Reason.NO_MATCHING_SUBSCRIBERS


def test_the_largest_payload_is_accepted_and_one_byte_more_ends_the_connection(floor: Floor) -> None:
    client = floor.connected()

    largest = client.publish(payload=b"x" * 131_072)
    answers = client.say(Publish(EVENTS, b"x" * 131_073, 1, 1))

    assert largest == Reason.NO_MATCHING_SUBSCRIBERS
    assert answers == [Disconnect(Reason.PACKET_TOO_LARGE)]


def test_a_packet_beyond_the_announced_size_ends_the_connection(floor: Floor) -> None:
    client = floor.connected()

    answers = client.say(Publish(EVENTS, b"x" * 150_000, 1, 1))

    assert answers == [Disconnect(Reason.PACKET_TOO_LARGE)]


def test_qos_2_ends_the_connection(floor: Floor) -> None:
    answers = floor.connected().say(Publish(EVENTS, b"[]", 2, 1))

    assert answers == [Disconnect(Reason.QOS_NOT_SUPPORTED)]


def test_a_payload_that_is_not_the_text_it_claims_is_refused(floor: Floor) -> None:
    client = floor.connected()
    text = Properties(payload_format_indicator=1)

    codes = [client.publish(payload=payload, properties=text) for payload in ("é".encode(), b"\xff")]

    assert codes == [Reason.NO_MATCHING_SUBSCRIBERS, Reason.PAYLOAD_FORMAT_INVALID]


def test_a_topic_alias_stands_for_its_topic(floor: Floor) -> None:
    client = floor.connected()
    alias = Properties(topic_alias=8)

    codes = [client.publish(EVENTS, properties=alias), client.publish("", b"2", properties=alias)]

    assert codes == [Reason.NO_MATCHING_SUBSCRIBERS] * 2
    assert [(entry.topic, entry.payload) for entry in floor.ledger] == [(EVENTS, b"[]"), (EVENTS, b"2")]


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (Publish(EVENTS, b"", 1, 1, properties=Properties(topic_alias=0)), Reason.TOPIC_ALIAS_INVALID),
        (Publish(EVENTS, b"", 1, 1, properties=Properties(topic_alias=9)), Reason.TOPIC_ALIAS_INVALID),
        (Publish("", b"", 1, 1, properties=Properties(topic_alias=1)), Reason.PROTOCOL_ERROR),
        (Publish("", b"", 1, 1), Reason.PROTOCOL_ERROR),
    ],
)
def test_an_alias_out_of_range_or_unknown_ends_the_connection(
    floor: Floor, packet: Publish, reason: Reason
) -> None:
    assert floor.connected().say(packet) == [Disconnect(reason)]


def test_aliases_end_with_their_connection(floor: Floor) -> None:
    floor.connected().publish(properties=Properties(topic_alias=1))

    answers = floor.connected().say(Publish("", b"", 1, 1, properties=Properties(topic_alias=1)))

    assert answers == [Disconnect(Reason.PROTOCOL_ERROR)]


def test_more_than_a_hundred_publishes_a_second_are_refused(floor: Floor) -> None:
    client = floor.connected()

    first = [client.publish() for _ in range(150)]
    floor.now += 1.0
    second = [client.publish() for _ in range(150)]

    assert first.count(Reason.QUOTA_EXCEEDED) == 150 - limits.PUBLISH_BURST
    assert second.count(Reason.QUOTA_EXCEEDED) == 50


def test_over_a_minute_the_rate_is_a_hundred_a_second(floor: Floor) -> None:
    client = floor.connected()
    codes = []

    for _ in range(60 * 120):
        floor.now += 1 / 120
        codes.append(client.publish())

    assert codes.count(Reason.NO_MATCHING_SUBSCRIBERS) == pytest.approx(6_000, abs=limits.PUBLISH_BURST + 1)


def test_a_connection_beyond_512_kib_a_second_is_read_later(floor: Floor) -> None:
    client = floor.connected()

    for _ in range(8):
        client.publish(payload=b"x" * 131_000)

    assert client.session.paused_until == pytest.approx(floor.now + 1.0, abs=0.01)


def test_rates_can_be_left_out(floor: Floor) -> None:
    floor.broker.rates = False
    client = floor.connected()

    codes = {client.publish(payload=b"x" * 100_000) for _ in range(300)}

    assert codes == {Reason.NO_MATCHING_SUBSCRIBERS}
    assert client.session.paused_until <= floor.now


def test_what_cannot_be_written_down_is_not_accepted(floor: Floor) -> None:
    floor.broker.ledger = FullDisk()
    client = floor.connected()

    assert client.publish() == Reason.UNSPECIFIED_ERROR
    assert floor.broker.counters.accepted == 0


# Faults


def test_a_delayed_puback_comes_when_it_is_due_and_is_in_the_ledger_then(floor: Floor) -> None:
    floor.broker.faults.delay(0.25)
    client = floor.connected()

    at_once = client.publish()
    before = len(floor.ledger)
    floor.pass_time(0.2)
    early = client.hear()
    floor.pass_time(0.1)

    assert (at_once, before, early) == (None, 0, [])
    assert client.hear() == [Puback(101, Reason.NO_MATCHING_SUBSCRIBERS)]
    assert [(entry.at, entry.acked_at) for entry in floor.ledger] == [(1000.0, 1000.25)]


def test_delayed_pubacks_keep_their_order(floor: Floor) -> None:
    floor.broker.faults.delay(0.25)
    client = floor.connected()

    for _ in range(3):
        client.publish()
        floor.pass_time(0.05)
    floor.pass_time(1)

    assert [one.packet_id for one in client.hear() if isinstance(one, Puback)] == [101, 102, 103]


def test_a_packet_id_still_owed_is_in_use(floor: Floor) -> None:
    floor.broker.faults.delay(1.0)
    client = floor.connected()
    client.say(Publish(EVENTS, b"1", 1, 7))

    answers = client.say(Publish(EVENTS, b"2", 1, 7))

    assert answers == [Puback(7, Reason.PACKET_ID_IN_USE)]


def test_more_than_receive_maximum_unacknowledged_ends_the_connection(floor: Floor) -> None:
    floor.broker.faults.delay(10.0)
    client = floor.connected()
    for _ in range(100):
        client.publish()
    alive = not client.session.closed

    answers = client.say(Publish(EVENTS, b"", 1, 1))

    assert alive
    assert answers == [Disconnect(Reason.RECEIVE_MAXIMUM_EXCEEDED)]


def test_a_connection_that_ends_leaves_its_owed_pubacks_lost(floor: Floor) -> None:
    floor.broker.faults.delay(10.0)
    client = floor.connected()
    client.publish()

    client.session.connection_lost(floor.now)

    assert [entry.puback for entry in floor.ledger] == ["lost"]
    assert floor.broker.counters.pubacks_lost == 1


def test_the_next_pubacks_can_be_lost(floor: Floor) -> None:
    floor.broker.faults.lose(following=2)
    client = floor.connected()

    codes = [client.publish() for _ in range(3)]

    assert codes == [None, None, Reason.NO_MATCHING_SUBSCRIBERS]
    assert [entry.puback for entry in floor.ledger] == ["lost", "lost", 16]


def test_some_pubacks_in_a_hundred_can_be_lost(floor: Floor) -> None:
    floor.broker.rates = False
    floor.broker.faults.lose(percent=20)
    client = floor.connected()

    lost = [client.publish() for _ in range(1000)].count(None)

    assert 150 < lost < 250


def test_a_full_disk_while_losing_promises_nothing(floor: Floor) -> None:
    floor.broker.ledger = FullDisk()
    floor.broker.faults.lose(following=1)

    assert floor.connected().publish() is None
    assert floor.broker.counters.pubacks_lost == 0


@pytest.mark.parametrize("code", [0x80, 0x83, 0x87, 0x90, 0x97, 0x99])
def test_publishes_can_be_refused_with_any_code(floor: Floor, code: int) -> None:
    floor.broker.faults.refuse(code, following=2)
    client = floor.connected()

    codes = [client.publish() for _ in range(3)]

    assert codes == [code, code, Reason.NO_MATCHING_SUBSCRIBERS]
    assert len(floor.ledger) == 1


def test_refusing_without_a_number_goes_on_until_cleared(floor: Floor) -> None:
    floor.broker.faults.refuse(Reason.QUOTA_EXCEEDED)
    client = floor.connected()

    refused = {client.publish() for _ in range(50)}
    floor.broker.faults.clear()

    assert refused == {Reason.QUOTA_EXCEEDED}
    assert client.publish() == Reason.NO_MATCHING_SUBSCRIBERS


def test_a_refusal_at_qos_0_is_silent(floor: Floor) -> None:
    floor.broker.faults.refuse(Reason.QUOTA_EXCEEDED)
    client = floor.connected()

    assert client.say(Publish(EVENTS, b"[]")) == []
    assert floor.ledger == []
    assert not client.session.closed


def test_connections_can_be_refused_for_a_while(floor: Floor) -> None:
    floor.broker.faults.refuse_connections(Reason.SERVER_UNAVAILABLE, until=floor.now + 5)

    refused = floor.client().connect(Connect("gw-07-events"))
    floor.now += 5
    accepted = floor.client().connect(Connect("gw-07-events"))

    assert (refused.reason, accepted.reason) == (Reason.SERVER_UNAVAILABLE, Reason.SUCCESS)


def test_a_stalled_broker_answers_nothing_and_then_everything(floor: Floor) -> None:
    client = floor.connected(keep_alive=30)
    floor.broker.faults.stall(until=floor.now + 60)

    during = [client.publish(), client.publish(), *client.say(Pingreq())]
    floor.pass_time(59.9)
    still = client.hear()
    entries = len(floor.ledger)
    floor.pass_time(0.2)

    assert (during, still, entries) == ([None, None], [], 0)
    assert client.hear() == [Puback(101, 16), Puback(102, 16), Pingresp()]


def test_a_stall_without_an_end_ends_when_cleared(floor: Floor) -> None:
    client = floor.connected()
    floor.broker.faults.stall()
    client.publish()
    idle = floor.broker.next_timer(floor.now)

    floor.broker.faults.clear()
    floor.broker.handle_timer(floor.now)

    assert idle is None
    assert client.hear() == [Puback(101, 16)]


def test_a_client_that_gives_up_on_a_stalled_broker_was_never_heard(floor: Floor) -> None:
    client = floor.connected()
    floor.broker.faults.stall(until=floor.now + 5)
    client.publish()

    client.session.connection_lost(floor.now)
    floor.pass_time(10)

    assert floor.ledger == []


def test_a_stalled_broker_takes_only_so_much(floor: Floor) -> None:
    client = floor.connected()
    floor.broker.faults.stall(until=floor.now + 5)

    client.send(bytes(HELD_LIMIT_BYTES))
    before = client.session.paused_until
    client.send(b"\x00")
    after = client.session.paused_until
    floor.pass_time(6)

    assert (before, after) == (0.0, float("inf"))
    assert client.session.paused_until == 0.0


def test_one_client_or_all_can_be_dropped(floor: Floor) -> None:
    first, second = floor.connected("gw-07"), floor.connected("gw-08")

    one = floor.broker.drop(floor.now, client="gw-07-events", reason=Reason.ADMINISTRATIVE_ACTION)
    rest = floor.broker.drop(floor.now)

    assert (one, rest) == (1, 1)
    assert first.hear() == [Disconnect(Reason.ADMINISTRATIVE_ACTION)]
    assert second.hear() == []
    assert second.session.closed
    assert floor.broker.counters.disconnected == {Reason.ADMINISTRATIVE_ACTION: 1}


# Silence, wills and good-byes


def test_silence_for_one_and_a_half_keep_alives_ends_the_connection_and_reads_the_will(floor: Floor) -> None:
    client = floor.connected(keep_alive=30, will=WILL)

    floor.pass_time(44.9)
    early = client.hear()
    floor.pass_time(0.2)

    assert early == []
    assert client.hear() == [Disconnect(Reason.KEEP_ALIVE_TIMEOUT)]
    assert floor.broker.retained[STATUS].packet.payload == WILL.payload


def test_a_ping_is_answered_and_keeps_the_connection(floor: Floor) -> None:
    client = floor.connected(keep_alive=30)

    answers = []
    for _ in range(4):
        floor.pass_time(40)
        answers += client.say(Pingreq())

    assert answers == [Pingresp()] * 4
    assert not client.session.closed


@pytest.mark.parametrize(
    ("leave", "wills"),
    [
        (lambda client: client.session.connection_lost(client.floor.now), 1),
        (lambda client: client.say(Disconnect()), 0),
        (lambda client: client.say(Disconnect(Reason.DISCONNECT_WITH_WILL)), 1),
        (lambda client: client.send(b"\x00\x00"), 1),
        (lambda client: client.floor.broker.drop(client.floor.now, client=client.session.client_id), 1),
    ],
    ids=["cable pulled", "good-bye", "good-bye with will", "protocol error", "dropped"],
)
def test_the_will_is_read_unless_the_client_said_good_bye(
    floor: Floor, leave: Callable[[Client], object], wills: int
) -> None:
    client = floor.connected(will=WILL)
    watcher = floor.watcher(Subscription(STATUS, 1))

    leave(client)

    told = [one.payload for one in watcher.hear() if isinstance(one, Publish)]
    assert told == [WILL.payload] * wills
    assert list(floor.broker.clients) == ["watcher"]


def test_what_follows_the_last_packet_is_not_read(floor: Floor) -> None:
    client = floor.connected(will=WILL)

    answers = client.say(Disconnect(), Pingreq())
    later = client.say(Pingreq())
    client.session.connection_lost(floor.now)
    client.session.handle_timer(floor.now + 9999)

    assert (answers, later) == ([], [])
    assert floor.broker.counters.wills == 0


@pytest.mark.parametrize("packet", [Connack(), Suback(1, (0,)), Pingresp()])
def test_packets_only_a_server_sends_end_the_connection(floor: Floor, packet: Packet) -> None:
    assert floor.connected().say(packet) == [Disconnect(Reason.PROTOCOL_ERROR)]


# Watching


def test_a_watcher_is_told_what_a_gateway_publishes(floor: Floor) -> None:
    watcher = floor.watcher(Subscription("floor/#", 1))
    properties = Properties(content_type="application/json", topic_alias=3)

    floor.connected().publish(payload=b"[1]", properties=properties)

    expected = Publish(EVENTS, b"[1]", 1, 1, properties=Properties(content_type="application/json"))
    assert watcher.hear() == [expected]


@pytest.mark.parametrize(("asked", "published", "given"), [(0, 1, 0), (1, 0, 0), (1, 1, 1), (2, 1, 1)])
def test_a_message_comes_at_the_lower_quality(floor: Floor, asked: int, published: int, given: int) -> None:
    watcher = floor.watcher(Subscription("floor/#", asked))

    floor.connected().say(Publish(EVENTS, b"[1]", published, published))

    (told,) = watcher.hear()
    assert isinstance(told, Publish)
    assert (told.qos, told.packet_id) == (given, given)


def test_one_message_comes_once_however_many_filters_match(floor: Floor) -> None:
    watcher = floor.watcher(Subscription("floor/#", 0), Subscription("floor/+/gw-07/#", 1))

    floor.connected().publish()

    (told,) = watcher.hear()
    assert isinstance(told, Publish)
    assert told.qos == 1


def test_after_unsubscribing_nothing_comes(floor: Floor) -> None:
    watcher = floor.watcher(Subscription("floor/#", 1))

    answers = watcher.say(Unsubscribe(2, ("floor/#", "other")))
    floor.connected().publish()

    assert answers == [Unsuback(2, (Reason.SUCCESS, Reason.NO_SUBSCRIPTION_EXISTED))]
    assert watcher.hear() == []


def test_a_gateway_may_not_subscribe_and_an_observer_may_not_publish(floor: Floor) -> None:
    gateway, watcher = floor.connected(), floor.watcher(Subscription("floor/#"))

    refused = gateway.say(Subscribe(1, (Subscription("floor/lab/gw-07/#"), Subscription("#"))))

    assert refused == [Suback(1, (Reason.NOT_AUTHORISED, Reason.NOT_AUTHORISED))]
    assert watcher.publish() == Reason.NOT_AUTHORISED


@pytest.mark.parametrize(
    ("topic_filter", "reason"),
    [
        ("floor/#/x", Reason.TOPIC_FILTER_INVALID),
        ("a/b/c/d/e/f/g/h/i", Reason.TOPIC_FILTER_INVALID),
        ("$share/group/floor/#", Reason.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED),
    ],
)
def test_filters_that_are_not_taken(floor: Floor, topic_filter: str, reason: Reason) -> None:
    watcher = floor.watcher(Subscription("floor/#"))

    assert watcher.say(Subscribe(2, (Subscription(topic_filter),))) == [Suback(2, (reason,))]


def test_a_subscribe_may_name_eight_filters_and_a_connection_fifty(floor: Floor) -> None:
    watcher = floor.watcher(*(Subscription(f"a/{n}") for n in range(9)))

    answers = [
        watcher.say(Subscribe(2, tuple(Subscription(f"{batch}/{n}") for n in range(7)))) for batch in range(7)
    ]

    assert watcher.hear() == []
    reasons = [reason for (answer,) in answers if isinstance(answer, Suback) for reason in answer.reasons]
    assert reasons == [0] * 42 + [Reason.QUOTA_EXCEEDED] * 7


def test_the_ninth_filter_of_a_subscribe_is_over_quota(floor: Floor) -> None:
    watcher = floor.watcher(Subscription("floor/#"))

    (answer,) = watcher.say(Subscribe(2, tuple(Subscription(f"a/{n}") for n in range(9))))

    assert answer == Suback(2, (0,) * 8 + (Reason.QUOTA_EXCEEDED,))


def test_subscription_identifiers_end_the_connection(floor: Floor) -> None:
    watcher = floor.watcher(Subscription("floor/#"))

    subscribe = Subscribe(2, (Subscription("a"),), Properties(subscription_identifiers=(1,)))

    assert watcher.say(subscribe) == [Disconnect(Reason.SUBSCRIPTION_IDS_NOT_SUPPORTED)]


def test_a_new_subscriber_gets_the_retained_status(floor: Floor) -> None:
    floor.connected().say(BIRTH)

    watcher = floor.client()
    watcher.connect(Connect("watcher"))
    answers = watcher.say(Subscribe(1, (Subscription(STATUS, 1),)))

    assert answers == [Suback(1, (1,)), Publish(STATUS, BIRTH.payload, 1, 1, retain=True)]


@pytest.mark.parametrize(
    ("subscription", "again"),
    [
        (Subscription("floor/#", 1), 0),  # IoT Core: a filter with wildcards gets no retained messages
        (Subscription(STATUS, 1, retain_handling=0), 2),
        (Subscription(STATUS, 1, retain_handling=1), 1),
        (Subscription(STATUS, 1, retain_handling=2), 0),
    ],
    ids=["wildcard", "always", "when new", "never"],
)
def test_retained_messages_come_as_often_as_was_asked(
    floor: Floor, subscription: Subscription, again: int
) -> None:
    floor.connected().say(BIRTH)
    watcher = floor.client()
    watcher.connect(Connect("watcher"))

    answers = watcher.say(Subscribe(1, (subscription,)), Subscribe(2, (subscription,)))

    assert len([one for one in answers if isinstance(one, Publish)]) == again


@pytest.mark.parametrize("as_published", [False, True])
def test_the_retain_flag_travels_when_asked_for(floor: Floor, *, as_published: bool) -> None:
    watcher = floor.watcher(Subscription("floor/#", 1, retain_as_published=as_published))

    floor.connected().say(BIRTH)

    (told,) = watcher.hear()
    assert isinstance(told, Publish)
    assert told.retain is as_published


def test_a_policy_without_receive_keeps_messages_and_retained_ones_back() -> None:
    floor = Floor(
        parse_policy(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Action": ["iot:Connect", "iot:Publish", "iot:RetainPublish", "iot:Subscribe"],
                    "Resource": "*",
                },
            }
        )
    )
    publisher, deaf = floor.connected("gw-07"), floor.connected("gw-08")
    publisher.publish("t", b"x", retain=True)

    answers = deaf.say(Subscribe(1, (Subscription("t", 1),)))
    code = publisher.publish("t")

    assert answers == [Suback(1, (1,))]
    assert (code, deaf.hear()) == (Reason.NO_MATCHING_SUBSCRIBERS, [])


@pytest.mark.parametrize(("no_local", "heard"), [(False, 1), (True, 0)])
def test_a_client_can_leave_its_own_messages_out(*, no_local: bool, heard: int) -> None:
    floor = Floor(ANYTHING)
    client = floor.connected()
    client.say(Subscribe(1, (Subscription("t", 0, no_local=no_local),)))

    answers = client.say(Publish("t", b"x"))

    assert len(answers) == heard


def test_unacknowledged_deliveries_stay_within_the_clients_receive_maximum(floor: Floor) -> None:
    watcher = floor.watcher(Subscription("floor/#", 1), properties=Properties(receive_maximum=2))
    gateway = floor.connected()
    for _ in range(5):
        gateway.publish()

    first = watcher.hear()
    second = watcher.say(Puback(1))
    third = watcher.say(Puback(3), Puback(2))

    ids = [[one.packet_id for one in told if isinstance(one, Publish)] for told in (first, second, third)]
    assert ids == [[1, 2], [3], [4, 5]]


def test_packet_identifiers_wrap_around_and_skip_those_in_use(floor: Floor) -> None:
    floor.broker.rates = False
    watcher = floor.watcher(Subscription("floor/#", 1))
    gateway = floor.connected()
    gateway.publish()
    watcher.hear()  # 1 stays unacknowledged
    watcher.session._delivery._last_id = 65_533

    seen = []
    for _ in range(4):
        gateway.publish()
        seen += [told.packet_id for told in watcher.hear() if isinstance(told, Publish)]

    assert seen == [65_534, 65_535, 2, 3]


def test_what_waits_for_a_subscriber_is_bounded_and_the_oldest_goes_first(floor: Floor) -> None:
    floor.broker.rates = False
    watcher = floor.watcher(Subscription("floor/#", 1), properties=Properties(receive_maximum=1))
    gateway = floor.connected()
    for number in range(limits.QUEUED_DELIVERIES + 11):
        gateway.publish(payload=str(number).encode())

    watcher.hear()
    (told,) = watcher.say(Puback(1))

    assert isinstance(told, Publish)
    assert told.payload == b"11"
    assert floor.broker.counters.deliveries_dropped == 10


def test_what_a_subscriber_cannot_take_is_dropped(floor: Floor) -> None:
    watcher = floor.watcher(Subscription("floor/#", 1), properties=Properties(maximum_packet_size=100))
    gateway = floor.connected()

    gateway.publish(payload=b"x" * 200)
    gateway.publish(payload=b"y")

    assert [one.payload for one in watcher.hear() if isinstance(one, Publish)] == [b"y"]
    assert floor.broker.counters.deliveries_dropped == 1


def test_deliveries_count_against_the_publish_rate() -> None:
    floor = Floor(ANYTHING)
    client, other = floor.connected("gw-07"), floor.connected("gw-08")
    client.say(Subscribe(1, (Subscription("t"),)))
    for _ in range(100):
        other.publish("t")

    codes = [client.publish("u") for _ in range(20)]

    assert codes.count(Reason.QUOTA_EXCEEDED) == 10


# Any bytes


@given(st.lists(st.binary(max_size=100), max_size=5), st.booleans())
def test_any_bytes_leave_the_broker_well(chunks: list[bytes], connected: bool) -> None:  # noqa: FBT001  drawn
    floor = Floor(ANYTHING)
    client = floor.connected() if connected else floor.client()

    for chunk in chunks:
        client.send(chunk)
    floor.pass_time(10_000)

    assert client.session.closed
    assert floor.broker.clients == {}
    assert floor.connected("gw-08").publish("t") == Reason.NO_MATCHING_SUBSCRIBERS


def test_who_is_who_can_be_seen_in_a_dump(floor: Floor) -> None:
    client, stranger = floor.connected(), floor.client()
    client.publish()
    shown = f"{floor.broker!r} {client.session!r} {stranger.session!r}"
    stranger.session.drop(floor.now)

    assert shown.split("> ") == [
        "<Broker gw-07-events accepted:1",
        "<Session gw-07-events connected owed:0",
        "<Session gw-07 new owed:0>",
    ]
    assert repr(stranger.session) == "<Session gw-07 closed owed:0>"


def test_the_server_is_told_whom_to_attend_to(floor: Floor) -> None:
    watcher, gateway = floor.watcher(Subscription("floor/#")), floor.connected()
    floor.broker.take_touched()

    gateway.publish()

    assert floor.broker.take_touched() == {watcher.session, gateway.session}
    assert floor.broker.take_touched() == set()


# Certificates, and what comes from the cloud


def test_a_certificate_that_is_not_active_is_hung_up_on_without_a_word(floor: Floor) -> None:
    client = floor.client()
    floor.registry.set_status("gw-07", Status.INACTIVE)

    answers = client.say(Connect("gw-07-events"))

    assert (answers, client.session.closed) == ([], True)
    assert floor.broker.counters.certificates_refused == 1


def test_a_certificate_deactivated_ends_its_session_and_reads_the_will(floor: Floor) -> None:
    client, other = floor.connected(will=WILL), floor.connected("gw-08")
    floor.registry.set_status("gw-07", Status.INACTIVE)

    ended = floor.broker.end_unregistered(floor.now)

    assert (ended, client.hear(), other.hear()) == (1, [Disconnect(Reason.NOT_AUTHORISED)], [])
    assert floor.broker.retained[STATUS].packet.payload == WILL.payload


def test_a_decision_is_remembered_until_the_registry_changes(floor: Floor) -> None:
    client = floor.connected()
    before = client.publish()
    floor.registry.set_status("gw-07", Status.INACTIVE)
    between = client.publish()
    floor.registry.set_status("gw-07", Status.ACTIVE)

    after = client.publish()

    assert (before, between, after) == (0x10, 0x87, 0x10)


def test_what_is_remembered_of_decisions_is_bounded(floor: Floor) -> None:
    client = floor.connected()

    for number in range(DECISIONS + 10):
        client.publish(f"floor/lab/gw-07/ev/{number}")
        floor.now += 1

    assert len(floor.broker._decisions) <= DECISIONS


REJECTED = "$aws/certificates/create-from-csr/json/rejected"
SHADOW = "$aws/things/gw-07/shadow/name/edge-agent"


def test_a_question_about_certificates_is_answered_to_the_one_who_asked() -> None:
    floor = Floor(ANYTHING)
    asker, other = floor.connected(), floor.connected("gw-08")
    for client in (asker, other):
        client.say(Subscribe(1, (Subscription("$aws/#", qos=1),)))

    puback, answer = asker.say(Publish(REJECTED.removesuffix("/rejected"), b"{}", 1, 7))

    assert puback == Puback(7, Reason.SUCCESS)
    assert isinstance(answer, Publish)
    assert (answer.topic, answer.qos) == (REJECTED, 1)
    assert other.hear() == []


def test_answers_about_shadows_go_to_every_subscriber_and_so_does_the_question() -> None:
    floor = Floor(ANYTHING)
    asker, other = floor.connected(), floor.connected("gw-08")
    other.say(Subscribe(1, (Subscription("$aws/things/#", qos=1),)))

    answers = asker.say(Publish(f"{SHADOW}/update", b'{"state":{"reported":{"a":1}}}', 1, 7))

    heard = [one.topic for one in other.hear() if isinstance(one, Publish)]
    assert answers == [Puback(7, Reason.SUCCESS)]
    assert heard == [f"{SHADOW}/update", f"{SHADOW}/update/accepted", f"{SHADOW}/update/documents"]


def test_a_question_that_the_policy_forbids_is_not_asked(floor: Floor) -> None:
    client = floor.connected()

    others = SHADOW.replace("gw-07", "gw-08")
    code = client.publish(f"{others}/update", b'{"state":{"reported":{"a":1}}}')

    assert code == Reason.NOT_AUTHORISED
    assert floor.broker.services.shadows.documents() == []


def test_an_answer_held_back_comes_when_it_is_due_and_not_during_a_stall() -> None:
    floor = Floor(ANYTHING)
    client = floor.connected()
    client.say(Subscribe(1, (Subscription(f"{SHADOW}/get/#", qos=1),)))
    floor.broker.services.faults.delay("shadow", 5.0)
    client.publish(f"{SHADOW}/get", b"")
    early = client.hear()
    floor.broker.faults.stall(floor.now + 10)

    floor.pass_time(9.9)
    stalled = client.hear()
    floor.pass_time(0.2)

    assert (early, stalled) == ([], [])
    assert [one.topic for one in client.hear() if isinstance(one, Publish)] == [f"{SHADOW}/get/rejected"]


def test_an_answer_to_somebody_who_is_gone_is_for_nobody() -> None:
    floor = Floor(ANYTHING)
    client = floor.connected()
    floor.broker.services.faults.delay("create-from-csr", 5.0)
    client.publish("$aws/certificates/create-from-csr/json", b"{}")
    client.say(Disconnect())

    floor.pass_time(6)

    assert client.hear() == []


def test_a_message_from_the_cloud_asks_no_policy_but_the_receivers() -> None:
    floor = Floor(ANYTHING)
    client = floor.connected()
    client.say(Subscribe(1, (Subscription("cmd/#", qos=1),)))
    properties = Properties(response_topic="answer/1", correlation_data=b"7", user_properties=(("a", "b"),))

    told = floor.broker.publish(Publish("cmd/lab/x", b"{}", 1, properties=properties), None, floor.now)

    assert told is Reason.SUCCESS
    assert client.hear() == [Publish("cmd/lab/x", b"{}", 1, 1, properties=properties)]


# Message expiry


def expiring(seconds: int, payload: bytes = b"x") -> Publish:
    return Publish("cmd/x", payload, 1, retain=True, properties=Properties(message_expiry_interval=seconds))


def full_subscriber(floor: Floor) -> Client:
    """One that has a message it does not acknowledge, and room for no other."""
    client = floor.connected(properties=Properties(receive_maximum=1))
    client.say(Subscribe(1, (Subscription("cmd/x", qos=1),)))
    floor.broker.publish(Publish("cmd/x", b"first", 1), None, floor.now)
    assert len(client.hear()) == 1
    return client


@pytest.mark.parametrize(
    ("waited", "left"), [(0.0, 10), (0.5, 10), (9.0, 1), (9.9, 1), (10.0, None), (60.0, None)]
)
def test_a_message_that_waits_says_what_is_left_of_its_time(waited: float, left: int | None) -> None:
    floor = Floor(ANYTHING)
    client = full_subscriber(floor)
    floor.broker.publish(replace(expiring(10), retain=False), None, floor.now)

    floor.pass_time(waited)
    heard = client.say(Puback(1))

    assert [one.properties.message_expiry_interval for one in heard if isinstance(one, Publish)] == (
        [] if left is None else [left]
    )
    assert floor.broker.counters.deliveries_expired == (left is None)


def test_an_expiry_of_nothing_is_taken_as_a_second() -> None:
    floor = Floor(ANYTHING)
    client = full_subscriber(floor)
    floor.broker.publish(expiring(0), None, floor.now)

    (heard,) = client.say(Puback(1))

    assert isinstance(heard, Publish)
    assert heard.properties.message_expiry_interval == 1


@pytest.mark.parametrize(("waited", "left"), [(3.0, [7]), (10.0, [])])
def test_a_retained_message_expires_as_well(waited: float, left: list[int]) -> None:
    floor = Floor(ANYTHING)
    floor.broker.publish(expiring(10), None, floor.now)
    floor.pass_time(waited)

    heard = floor.connected().say(Subscribe(1, (Subscription("cmd/x", qos=1),)))

    assert [one.properties.message_expiry_interval for one in heard if isinstance(one, Publish)] == left


# Questions of any bytes

TOPICS = (
    "$aws/certificates/create-from-csr/json",
    "$aws/certificates/create-from-csr/cbor",
    "$aws/provisioning-templates/x/provision/json",
    f"{SHADOW}/get",
    f"{SHADOW}/update",
    f"{SHADOW}/delete",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "state",
                    "desired",
                    "reported",
                    "version",
                    "clientToken",
                    "parameters",
                    "certificateOwnershipToken",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def as_bytes(document: object) -> bytes:
    return json.dumps(document).encode()


@example([(f"{SHADOW}/update", rb'{"state": {"desired": {"\ud800": "\udfff"}}}')])
@given(st.lists(st.tuples(st.sampled_from(TOPICS), st.binary(max_size=40) | JSON.map(as_bytes)), max_size=6))
def test_any_question_is_taken_and_answered_and_the_connection_goes_on(
    questions: list[tuple[str, bytes]],
) -> None:
    floor = Floor(ANYTHING)
    client = floor.connected()
    client.say(Subscribe(1, (Subscription("$aws/#", qos=0),)))

    for number, (topic, payload) in enumerate(questions, 1):
        answers = client.say(Publish(topic, payload, 1, number))
        topics = [one.topic for one in answers if isinstance(one, Publish)]
        assert Puback(number, Reason.SUCCESS) in answers
        assert f"{topic}/accepted" in topics or f"{topic}/rejected" in topics

    assert client.say(Pingreq()) == [Pingresp()]
