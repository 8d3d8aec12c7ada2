"""Basic Ingest, canaries, rates and the faults of publishes, as conversations in virtual time."""

from __future__ import annotations

import gzip
import json

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.standin import limits
from edge_agent.standin.answers import Refused
from edge_agent.standin.broker import Broker
from edge_agent.standin.config import shipped_policy
from edge_agent.standin.decoding import PacketReader
from edge_agent.standin.encoding import encode
from edge_agent.standin.ledger import Entry
from edge_agent.standin.packets import (
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Puback,
    Publish,
    Reason,
    Subscribe,
    Subscription,
)
from edge_agent.standin.policy import Action, load_policy, union
from edge_agent.standin.registry import DEFAULT_POLICY, Registry
from edge_agent.standin.rules import Rules, rule_policy

EVENTS = "floor/lab/gw-07/ev/batch"
DOOR = "floor/lab/gw-07/ev/floor.slot.slot_door_opened"
INGEST = "$aws/rules/floor_events/"
ANSWERS = "cmd/lab/gw-07/canary"
ALONE = Properties(content_type="application/cloudevents+json; charset=UTF-8")
TOGETHER = Properties(content_type="application/cloudevents-batch+json")
CANARY = json.dumps({"id": "J/canary/1", "type": "floor.agent.canary", "data": {}}).encode()


class Gateway:
    """A broker with one rule and one gateway, which has connected, and a clock that moves when told."""

    def __init__(self, *, keep_alive: int = 45) -> None:
        self.now = 1000.0
        self.ledger: list[Entry] = []
        policy = union([load_policy(shipped_policy()), rule_policy("floor_events")])
        self.broker = Broker(
            registry=Registry({"gw-07": {"site": "lab"}}, {DEFAULT_POLICY: policy}),
            ledger=self.ledger,
            rules=Rules(("floor_events",)),
        )
        self.session = self.broker.open("gw-07", self.now)
        self.reader = PacketReader(1 << 20)
        self.say(Connect("gw-07-events", keep_alive=keep_alive))

    def say(self, *packets: Packet) -> list[Packet]:
        self.session.receive_data(b"".join(encode(packet) for packet in packets), self.now)
        return self.hear()

    def hear(self) -> list[Packet]:
        self.reader.receive_data(self.session.data_to_send())
        return [packet for packet, _ in self.reader.packets()]

    def publish(
        self, topic: str = EVENTS, payload: bytes = b"[]", properties: Properties | None = None
    ) -> int | None:
        """The reason code of the PUBACK, or None when none came."""
        answers = self.say(Publish(topic, payload, 1, 7, properties=properties or Properties()))
        codes = [one.reason for one in answers if isinstance(one, Puback)]
        return codes[0] if codes else None


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


# Basic Ingest


def test_a_rule_takes_what_is_published_to_it(gateway: Gateway) -> None:
    assert gateway.publish(INGEST + EVENTS) == Reason.SUCCESS
    assert [entry.topic for entry in gateway.ledger] == [INGEST + EVENTS]


def test_what_goes_to_a_disabled_rule_is_acknowledged_and_lost(gateway: Gateway) -> None:
    gateway.broker.rules.switch("floor_events", enabled=False)

    assert gateway.publish(INGEST + EVENTS) == Reason.SUCCESS
    assert gateway.ledger == []
    assert gateway.broker.counters.rule_not_found == 1
    gateway.broker.rules.switch("floor_events", enabled=True)
    gateway.publish(INGEST + EVENTS)
    assert len(gateway.ledger) == 1


def test_at_qos_0_a_missing_rule_says_nothing(gateway: Gateway) -> None:
    gateway.broker.rules.switch("floor_events", enabled=False)

    assert gateway.say(Publish(INGEST + EVENTS, b"[]")) == []
    assert gateway.broker.counters.rule_not_found == 1


def test_a_rule_that_the_policy_does_not_name_is_not_authorised(gateway: Gateway) -> None:
    assert gateway.publish("$aws/rules/other/" + EVENTS) == Reason.NOT_AUTHORISED


def test_the_policy_of_a_rule_is_the_shipped_one_under_its_name() -> None:
    registry = Registry({"gw-07": {"site": "lab"}}, {DEFAULT_POLICY: rule_policy("ours")})
    broker = Broker(registry=registry, ledger=[])
    broker.open("gw-07", 0.0)

    assert broker.allows("gw-07", "gw-07-events", Action.PUBLISH, "$aws/rules/ours/" + EVENTS)
    assert not broker.allows("gw-07", "gw-07-events", Action.PUBLISH, INGEST + EVENTS)


def test_a_rule_nobody_named_cannot_be_switched(gateway: Gateway) -> None:
    with pytest.raises(ConfigurationError, match="there is no rule other"):
        gateway.broker.rules.switch("other", enabled=False)


# Canaries


@pytest.mark.parametrize("prefix", ["", INGEST], ids=["over the broker", "basic ingest"])
@pytest.mark.parametrize(
    ("payload", "properties"),
    [
        (CANARY, ALONE),
        (b"[" + CANARY + b"]", TOGETHER),
        (
            gzip.compress(b"[" + CANARY + b"]"),
            Properties(content_type=TOGETHER.content_type, user_properties=(("content-encoding", "gzip"),)),
        ),
    ],
    ids=["alone", "in a batch", "compressed"],
)
def test_a_canary_that_arrived_is_answered(
    gateway: Gateway, prefix: str, payload: bytes, properties: Properties
) -> None:
    gateway.say(Subscribe(1, (Subscription(ANSWERS),)))

    answers = gateway.say(Publish(prefix + DOOR, payload, 1, 7, properties=properties))

    told = [one for one in answers if isinstance(one, Publish)]
    assert [(one.topic, json.loads(one.payload)) for one in told] == [(ANSWERS, {"id": "J/canary/1"})]
    assert gateway.broker.counters.canaries == 1


@pytest.mark.parametrize(
    ("topic", "payload", "properties"),
    [
        (DOOR, b'{"type":"floor.slot.slot_door_opened"}', ALONE),
        (DOOR, b'{"said":"floor.agent.canary"}', ALONE),
        (DOOR, b"floor.agent.canary", ALONE),
        (DOOR, b'["floor.agent.canary"]', TOGETHER),
        (DOOR, CANARY + b" " * 2048, ALONE),
        (DOOR, CANARY, Properties(content_type="application/json")),
        (
            DOOR,
            b"floor.agent.canary",
            Properties(content_type=ALONE.content_type, user_properties=(("content-encoding", "gzip"),)),
        ),
    ],
)
def test_what_is_no_canary_is_not_answered(
    gateway: Gateway, topic: str, payload: bytes, properties: Properties
) -> None:
    gateway.publish(topic, payload, properties)

    assert gateway.broker.counters.canaries == 0


def test_a_canary_that_a_missing_rule_should_have_had_is_not_answered(gateway: Gateway) -> None:
    gateway.broker.rules.switch("floor_events", enabled=False)

    gateway.publish(INGEST + DOOR, CANARY, ALONE)

    assert gateway.broker.counters.canaries == 0


def test_the_answer_to_a_canary_can_be_dropped_and_delayed(gateway: Gateway) -> None:
    gateway.say(Subscribe(1, (Subscription(ANSWERS),)))
    gateway.broker.services.faults.drop("canary")
    gateway.broker.services.faults.delay("canary", 5.0)

    dropped = gateway.say(Publish(DOOR, CANARY, 1, 7, properties=ALONE))
    delayed = gateway.say(Publish(DOOR, CANARY, 1, 8, properties=ALONE))
    gateway.now += 5.0
    gateway.broker.handle_timer(gateway.now)

    assert not [one for one in dropped + delayed if isinstance(one, Publish)]
    assert [one.topic for one in gateway.hear() if isinstance(one, Publish)] == [ANSWERS]


# Faults


def test_a_broker_that_hangs_answers_everything_but_publishes(gateway: Gateway) -> None:
    gateway.broker.faults.hang(until=gateway.now + 5)

    assert gateway.publish() is None
    assert gateway.say(Pingreq()) == [Pingresp()]
    assert gateway.say(Subscribe(1, (Subscription(ANSWERS),))) != []
    gateway.now += 5
    assert gateway.publish() == Reason.NO_MATCHING_SUBSCRIBERS
    assert len(gateway.ledger) == 1
    assert gateway.broker.counters.ignored == 1


def test_a_hanging_broker_can_be_cleared(gateway: Gateway) -> None:
    gateway.broker.faults.hang()
    gateway.broker.faults.clear()

    assert gateway.publish() == Reason.NO_MATCHING_SUBSCRIBERS


def test_publishes_to_some_topics_can_be_refused(gateway: Gateway) -> None:
    gateway.broker.faults.refuse(Reason.NOT_AUTHORISED, topic=DOOR)

    codes = [gateway.publish(topic) for topic in (DOOR, EVENTS, DOOR)]

    assert codes == [Reason.NOT_AUTHORISED, Reason.NO_MATCHING_SUBSCRIBERS, Reason.NOT_AUTHORISED]


def test_refusals_of_a_topic_are_counted_by_that_topic(gateway: Gateway) -> None:
    gateway.broker.faults.refuse(Reason.QUOTA_EXCEEDED, following=1, topic="floor/+/+/ev/batch")

    codes = [gateway.publish(topic) for topic in (DOOR, EVENTS, EVENTS)]

    assert codes == [Reason.NO_MATCHING_SUBSCRIBERS, Reason.QUOTA_EXCEEDED, Reason.NO_MATCHING_SUBSCRIBERS]


# Rates


def test_publishes_beyond_the_rate_are_counted(gateway: Gateway) -> None:
    codes = [gateway.publish() for _ in range(150)]

    assert codes.count(Reason.QUOTA_EXCEEDED) == 150 - limits.PUBLISH_BURST
    assert gateway.broker.counters.publishes_over_rate == 150 - limits.PUBLISH_BURST


def test_publishes_beyond_the_rate_can_be_discarded_without_a_word(gateway: Gateway) -> None:
    gateway.broker.discard_excess = True

    codes = [gateway.publish() for _ in range(150)]

    assert codes.count(None) == 150 - limits.PUBLISH_BURST
    assert len(gateway.ledger) == limits.PUBLISH_BURST


def test_bytes_beyond_the_rate_are_counted(gateway: Gateway) -> None:
    for _ in range(8):
        gateway.publish(payload=b"x" * 131_000)

    assert gateway.broker.counters.reads_delayed == 4


def test_a_second_connect_within_a_second_is_taken_and_counted(gateway: Gateway) -> None:
    for _ in range(2):
        gateway.now += 0.6
        again = gateway.broker.open("gw-07", gateway.now)
        again.receive_data(encode(Connect("gw-07-events")), gateway.now)

    assert gateway.hear() == [Disconnect(Reason.SESSION_TAKEN_OVER)]
    assert gateway.broker.counters.connects_over_rate == 2
    assert gateway.broker.counters.connected == 3


def test_a_question_that_is_rejected_is_none_of_a_canary(gateway: Gateway) -> None:
    gateway.broker.services.faults.reject("shadow", Refused(429, "x", "y"))

    gateway.publish(DOOR, CANARY, ALONE)

    assert gateway.broker.counters.canaries == 1
