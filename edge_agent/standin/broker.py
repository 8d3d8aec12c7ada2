"""The broker: who is connected, what is retained, and who is told of what.

Pure: bytes and time are arguments. The server makes a `Session` for each TLS connection, feeds it,
and after every call sends what the sessions in `take_touched` have to say: a publish by one is a
delivery to others, and a CONNECT can end somebody else's session.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import Protocol

from edge_agent.standin import limits
from edge_agent.standin.answers import Answer
from edge_agent.standin.delivery import Waiting
from edge_agent.standin.faults import Faults
from edge_agent.standin.ledger import Entry
from edge_agent.standin.limits import RETAINED_MESSAGES
from edge_agent.standin.packets import Publish, Reason
from edge_agent.standin.policy import Action, Request, parse_policy
from edge_agent.standin.registry import Registry, Status
from edge_agent.standin.rules import CANARY, Rules, canary_answers, is_ingest
from edge_agent.standin.services import PREFIX, SHADOW, Services
from edge_agent.standin.session import Session
from edge_agent.standin.shadows import Shadows

# What the observer's client id may do: watch everything, publish nothing.
OBSERVER = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["iot:Connect", "iot:Subscribe", "iot:Receive"],
            "Resource": "*",
        }
    ],
}

# AWS IoT: a client id connects once a second at most.
CONNECT_SECONDS = 1.0
# Policy decisions remembered, until the registry changes: a gateway asks the same few over and over.
DECISIONS = 4_096


class Appends(Protocol):
    """Where accepted publishes go: a `Ledger`, or a list in a test."""

    def append(self, entry: Entry) -> None:
        """Keep an entry."""


@dataclass(slots=True)
class BrokerCounters:
    """What the broker has done since it started."""

    connected: int = 0
    connections_refused: Counter[int] = field(default_factory=Counter)
    certificates_refused: int = 0
    accepted: int = 0
    pubacks_lost: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    disconnected: Counter[int] = field(default_factory=Counter)
    wills: int = 0
    deliveries_dropped: int = 0
    deliveries_expired: int = 0
    ignored: int = 0  # publishes, by a broker that hangs
    bytes_swallowed: int = 0  # of connections that were cut without a word
    publishes_over_rate: int = 0
    reads_delayed: int = 0  # publishes after which nothing was read for a while: too many bytes
    connects_over_rate: int = 0  # a second CONNECT of a client id within a second; they are taken
    rule_not_found: int = 0  # publishes to a rule that is missing or disabled
    canaries: int = 0  # that arrived


class Broker:
    """Everything the connections share."""

    def __init__(
        self,
        *,
        registry: Registry,
        ledger: Appends,
        services: Services | None = None,
        faults: Faults | None = None,
        observer: str | None = None,
        rates: bool = True,
        discard_excess: bool = False,
        rules: Rules | None = None,
    ) -> None:
        self.faults = faults or Faults()
        self.ledger = ledger
        self.rates = rates
        self.discard_excess = discard_excess  # say nothing to a publish too many, in place of 0x97
        self.rules = rules or Rules()
        self.counters = BrokerCounters()
        self.clients: dict[str, Session] = {}
        self.retained: dict[str, Waiting] = {}
        self.registry = registry
        self.services = services or Services(Shadows(registry.things))
        self._answers: list[tuple[float, int, Answer, Session]] = []  # a heap, by when they are due
        self._answered = 0
        self._observer = observer
        self._observer_policy = parse_policy(OBSERVER)
        self._decisions: dict[tuple[str, str, Action, str, frozenset[str]], bool] = {}
        self._decided_by = -1
        self._sessions: set[Session] = set()
        self._touched: set[Session] = set()
        self._connected_at: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<Broker {' '.join(sorted(self.clients)) or 'nobody'} accepted:{self.counters.accepted}>"

    def open(
        self, common_name: str, now: float, certificate_id: str | None = None, *, issued: bool = False
    ) -> Session:
        """A TLS connection whose certificate has this common name; `issued` by the stand-in itself?"""
        known_as = certificate_id or common_name
        self.registry.present(known_as, common_name, issued=issued)
        session = Session(self, known_as, now)
        self._sessions.add(session)
        return session

    def take_touched(self) -> set[Session]:
        """The sessions that may have something to send, or to close, since last asked."""
        touched, self._touched = self._touched, set()
        return touched

    def handle_timer(self, now: float) -> None:
        """Time has passed for everybody."""
        if not self.faults.stalled(now):
            self._answer(now)
        for session in tuple(self._sessions):
            session.handle_timer(now)

    def next_timer(self, now: float) -> float | None:
        """When `handle_timer` is due."""
        times = [self.faults.next_timer(now)]
        if not self.faults.stalled(now):
            times += [session.next_timer() for session in self._sessions]
            times += [due for due, *_ in self._answers[:1]]
        return min((time for time in times if time is not None), default=None)

    def drop(self, now: float, *, client: str | None = None, reason: int | None = None) -> int:
        """End one connection or all, with a DISCONNECT if there is a reason to give; how many."""
        dropped = [one for one in self._sessions if client is None or one.client_id == client]
        for session in dropped:
            session.drop(now, reason)
        return len(dropped)

    def registered(self, certificate_id: str) -> bool:
        """Whether anybody may connect with this certificate."""
        certificate = self.registry.get(certificate_id)
        return certificate is not None and certificate.status is Status.ACTIVE

    def allows(
        self,
        certificate_id: str,
        client_id: str,
        action: Action,
        name: str,
        attributes: frozenset[str] = frozenset(),
    ) -> bool:
        """Whether the policies let this connection do that."""
        if self._decided_by != self.registry.generation or len(self._decisions) >= DECISIONS:
            self._decisions.clear()
            self._decided_by = self.registry.generation
        question = (certificate_id, client_id, action, name, attributes)
        decision = self._decisions.get(question)
        if decision is None:
            decision = self._decisions[question] = self._decide(*question)
        return decision

    def _decide(
        self, certificate_id: str, client_id: str, action: Action, name: str, attributes: frozenset[str]
    ) -> bool:
        certificate = self.registry.get(certificate_id)
        if certificate is None or certificate.status is not Status.ACTIVE:
            return False
        observes = self._observer is not None and client_id == self._observer
        policy = self._observer_policy if observes else self.registry.policy(certificate)
        identity = self.registry.identity(certificate, client_id)
        return policy.allows(Request(action, name, identity, attributes))

    def end_unregistered(self, now: float) -> int:
        """End the sessions whose certificate is no longer ACTIVE; how many."""
        ended = [one for one in self._sessions if not self.registered(one.certificate_id)]
        for session in ended:
            session.drop(now, Reason.NOT_AUTHORISED)
        return len(ended)

    def take_over(self, session: Session, now: float) -> None:
        """Make this the session of its client id; an older one is told and ends."""
        if now - self._connected_at.get(session.client_id, now - CONNECT_SECONDS) < CONNECT_SECONDS:
            self.counters.connects_over_rate += 1
        self._connected_at[session.client_id] = now
        older = self.clients.get(session.client_id)
        if older is not None:
            older.drop(now, Reason.SESSION_TAKEN_OVER)
        self.clients[session.client_id] = session

    def forget(self, session: Session) -> None:
        """A session has ended."""
        self._sessions.discard(session)
        if self.clients.get(session.client_id) is session:
            del self.clients[session.client_id]

    def touch(self, session: Session) -> None:
        """A session may have something to send, or to close."""
        self._touched.add(session)

    def publish(self, packet: Publish, sender: Session | None, now: float) -> Reason:
        """Keep what is retained and tell whoever asked; the reason code this earns."""
        question = None
        if sender is not None and packet.topic.startswith(PREFIX):
            question = self.services.kind(packet.topic)
        if question is not None and question != SHADOW:
            return Reason.SUCCESS  # for a service alone: it may carry a token
        if is_ingest(packet.topic):
            return Reason.SUCCESS  # for a rule alone
        if packet.retain and not self._retain(packet, now):
            return Reason.QUOTA_EXCEEDED
        told = [session.deliver(packet, sender, now) for session in tuple(self.clients.values())]
        return Reason.SUCCESS if any(told) or question else Reason.NO_MATCHING_SUBSCRIBERS

    def ask(self, packet: Publish, asker: Session, now: float) -> None:
        """Have a question answered: one to the service of its topic, or a canary."""
        certificate = self.registry.get(asker.certificate_id)
        answers: list[Answer] = []
        if certificate is not None and packet.topic.startswith(PREFIX):
            answers = self.services.answers(packet.topic, packet.payload, certificate, now)
        if canaries := [*canary_answers(packet)]:
            self.counters.canaries += len(canaries)
            answers += self.services.faults.apply(CANARY, canaries)
        for answer in answers:
            self._answered += 1
            heappush(self._answers, (now + answer.delay, self._answered, answer, asker))
        self._answer(now)

    def _answer(self, now: float) -> None:
        """Send the answers that are due."""
        while self._answers and self._answers[0][0] <= now:
            _, _, answer, asker = heappop(self._answers)
            packet = Publish(answer.topic, answer.payload, limits.MAXIMUM_QOS)
            if answer.to_all:
                self.publish(packet, None, now)
            elif not asker.closed:
                asker.deliver(packet, None, now)

    def _retain(self, packet: Publish, now: float) -> bool:
        if not packet.payload:  # section 3.3.1.3: an empty payload removes
            self.retained.pop(packet.topic, None)
            return True
        if packet.topic not in self.retained and len(self.retained) >= RETAINED_MESSAGES:
            return False
        properties = replace(packet.properties, topic_alias=None)
        kept = replace(packet, packet_id=0, dup=False, properties=properties)
        self.retained[packet.topic] = Waiting(kept, now)
        return True
