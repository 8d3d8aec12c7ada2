"""The forwarder: what the journal holds goes to the cloud, and only its receipt lets it go.

Invariants
- A record is acknowledged only when it and every one before it has a receipt that means
  success, or lies with the dead letters.
- A receipt that only means accepted is a success where that is enough; where the cloud confirms, it is none.
- What failed is sent again, as it was, before anything newer.
- After trouble one publish goes alone; once it is delivered the window opens again.
- What is held in memory is bounded by the window, whatever the journal holds.

Batches are cut from what the journal has after the last sequence read, and kept in an outbox. One
task sends; each publish is a task of its own, and wakes it when it is answered.

Reading 200 records takes 0.2 ms, an acknowledgement 8 µs, asking for news 5 µs, and none waits for
the disk: they are done in the loop, since handing one to a thread takes 80 µs. Setting aside is
rare and waits for the disk: a thread does it.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from edge_agent.errors import AgentError, JournalError
from edge_agent.journal import DEFAULT_CONSUMER, Journal
from edge_agent.outbox import Absence, Batch, Compose, Outbox, Packing
from edge_agent.uplink.backoff import Backoff
from edge_agent.uplink.base import Promise, Receipt, Uplink
from edge_agent.uplink.batch import fitting
from edge_agent.uplink.confirmation import Confirmations
from edge_agent.uplink.limits import MAX_PAYLOAD_BYTES, check_topic
from edge_agent.uplink.reason_codes import PACKET_TOO_LARGE, Reaction, describe, reaction_to

# A new record is noticed within this. Waking up to ask a hundred times a second is 0.7 % of a core.
POLL_SECONDS = 0.010
# IoT Core takes 100 publishes a second from a connection and discards the rest. A busy floor fills batches
# to half of that; a quiet one never waits, and neither does a full journal.
SPACING_SECONDS = 0.020
# A policy is mended by a person, and the service may hang up on every attempt: attempts are few.
PROBE_SECONDS = 30.0
# Greengrass grants five seconds to stop, and the uplink wants to say goodbye within them.
DRAIN_SECONDS = 2.0
# How far we read on behind a receipt that does not come. After a crash all of it would be sent again.
SPAN_WINDOWS = 10
UNCONFIRMED = "the cloud has not confirmed it in time"


@dataclass(slots=True)
class ForwarderCounters:
    """What the forwarder has done since it started, for health and the live view."""

    published: int = 0  # publishes, repeats included
    delivered: int = 0  # publishes whose receipt meant success
    delivered_bytes: int = 0  # their payloads
    acknowledged: int = 0  # records
    dead_letters: int = 0  # records
    in_flight: int = 0  # publishes
    retries: int = 0  # publishes that failed and are sent again
    unconfirmed: int = 0  # publishes accepted by a nucleus and not confirmed by the cloud
    no_confirmations: int = 0  # of another journal, or without sense
    refused: dict[str, int] = field(default_factory=dict)  # publishes by code, as 0x87
    withheld: bool = False  # an alarm: the cloud does not let us publish to our topic
    last_reason: str = ""  # why a publish failed last; empty once all is well again


class Forwarder:
    """Delivers one consumer's records over one uplink. asyncio; runs once.

    Args:
        journal: open to forward.
        uplink: started, and stopped, by whoever made it.
        compose: makes one event of a journal's id and a record.
        topic: where batches go.
        consumer: whose records these are.
        window: publishes in flight at most; fewer if the broker's receive maximum is less.
        batch_records: events in a publish at most.
        batch_bytes: bytes of a publish before compression at most, unless one event is more.
        linger: seconds a batch waits to fill once there is something in it.
        probe: seconds between attempts at a topic we may not publish to.
        absence: what goes in the place of a record that is set aside, so that the cloud finds no hole.
        compress: whether batches are gzipped where that makes them smaller.
        confirmations: of the cloud, without which nothing counts as delivered that was only accepted.
        jitter: gives numbers from 0 up to 1.
    """

    def __init__(
        self,
        journal: Journal,
        uplink: Uplink,
        *,
        compose: Compose,
        topic: str,
        consumer: str = DEFAULT_CONSUMER,
        window: int = 20,
        batch_records: int = 200,
        batch_bytes: int = 100_000,
        linger: float = 0.0,
        probe: float = PROBE_SECONDS,
        absence: Absence | None = None,
        compress: bool = True,
        confirmations: Confirmations | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        check_topic(topic)
        self.counters = ForwarderCounters()
        self._journal = journal
        self._uplink = uplink
        self._packing = Packing(journal.id, topic, compose, absence, compress)
        self._topic = topic
        self._consumer = consumer
        self._window = window
        self._batch_records = batch_records
        self._batch_bytes = batch_bytes
        self._linger = linger
        self._probe = probe
        self._confirmations = confirmations
        self._log = structlog.get_logger().bind(topic=topic)
        self._acknowledged = journal.position(consumer)
        self._read_through = self._acknowledged
        self._sent_through = self._acknowledged
        self._read_at = 0.0  # when to read on; never, until there is news
        self._cut_at = -math.inf  # when the last batch was cut
        self._outbox = Outbox()  # read and not acknowledged
        self._publishing: dict[asyncio.Task[None], Batch] = {}
        self._backoff = Backoff(jitter)
        self._wake = asyncio.Event()
        self._stopping = False
        self._broken: BaseException | None = None

    def __repr__(self) -> str:
        return (
            f"<Forwarder {self._topic} acknowledged {self._acknowledged} read {self._read_through}"
            f" waiting {self._outbox.waiting} in flight {len(self._publishing)}>"
        )

    async def run(self) -> None:
        """Forward until stopped.

        Raises UplinkError when the uplink gives up, and JournalError when the journal cannot be read.
        """
        if self._confirmations:
            await self._confirmations.listen(
                self._uplink, self._journal.id, self._sent_and_written, self._wake.set
            )
        try:
            while not self._stopping:
                self._take_stock()
                if not self._uplink.state.connected:
                    await self._until_connected()
                elif not self._may_send():
                    await self._nap(self._until_something_is_due())
                elif batch := self._next():
                    self._send(batch)
                    await asyncio.sleep(0)  # it leaves before the next one is cut
                else:
                    await self._nap(POLL_SECONDS)
        finally:
            await self._drain()

    def stop(self) -> None:
        """Send nothing more. `run` returns when what is in flight is answered, or soon anyway."""
        self._stopping = True
        self._wake.set()

    # What goes out.

    def _may_send(self) -> bool:
        """Whether no pause is on, the window has room, and no missing receipt is too far back."""
        if self._backoff.left(_now()) is not None:
            return False
        if self._backoff.failures:  # one goes alone; what was sent before the trouble does not count
            return not any(batch.sent_at >= self._backoff.until for batch in self._publishing.values())
        window = min(self._window, self._uplink.state.receive_maximum or self._window)
        near = bool(self._outbox.waiting) or len(self._outbox) < SPAN_WINDOWS * self._window
        return near and len(self._publishing) < window

    def _next(self) -> Batch | None:
        """What failed comes before what is new."""
        if self._outbox.waiting:
            return self._outbox.take()
        return self._read() if self._has_news() else None

    def _has_news(self) -> bool:
        if self._journal.changed():
            self._read_at = min(self._read_at, max(_now() + self._linger, self._cut_at + SPACING_SECONDS))
        return _now() >= self._read_at

    def _read(self) -> Batch | None:
        """Cut a batch from the next records."""
        self._read_at = math.inf
        limit_bytes = min(self._batch_bytes, self._payload_bytes)
        found = self._journal.read(self._read_through, self._batch_records, limit_bytes)
        records = found.records
        if not records:
            return None
        events = self._packing.events(records)
        count = fitting((len(event) for event in events), limit_bytes)
        batch = self._packing.batch(records[:count], events[:count])
        self._outbox.add(batch)
        self._read_through, self._cut_at = batch.last, _now()
        if batch.last < self._journal.head:  # then go on at once: what comes later will be news
            self._read_at = self._cut_at
        return batch

    def _send(self, batch: Batch) -> None:
        batch.sent_at = _now()
        self._sent_through = max(self._sent_through, batch.last)
        task = asyncio.create_task(self._publish(batch), name=f"publish[{batch.first}..{batch.last}]")
        self._publishing[task] = batch
        self.counters.in_flight = len(self._publishing)
        task.add_done_callback(self._on_published)

    @property
    def _payload_bytes(self) -> int:
        """What a payload may be at most."""
        return self._uplink.state.payload_maximum or MAX_PAYLOAD_BYTES

    async def _publish(self, batch: Batch) -> None:
        if len(batch.message.payload) > self._payload_bytes:  # then it is one record: `fitting` saw to that
            await self._refuse(batch, Receipt(PACKET_TOO_LARGE, f"over {self._payload_bytes} bytes"))
            return
        self.counters.published += 1
        try:
            receipt = await self._uplink.publish(batch.message)
        except AgentError as error:
            self._send_again(batch, str(error))
            return
        if reaction_to(receipt.reason_code) is not Reaction.DELIVERED:
            await self._refuse(batch, receipt)
        elif self._confirmations and receipt.promise is Promise.ACCEPTED:
            self._hold(batch, self._confirmations.seconds)
        else:
            self._deliver(batch)

    def _on_published(self, task: asyncio.Task[None]) -> None:
        del self._publishing[task]
        self.counters.in_flight = len(self._publishing)
        if not task.cancelled():
            self._broken = self._broken or task.exception()
        self._wake.set()

    # What comes back.

    def _deliver(self, batch: Batch) -> None:
        self.counters.delivered += 1
        self.counters.delivered_bytes += len(batch.message.payload)
        batch.settle()
        self._go_on(batch)

    def _hold(self, batch: Batch, seconds: float) -> None:
        """Accepted, which is no delivery: keep it until the cloud confirms it."""
        if not batch.settled:  # a confirmation may overtake the receipt
            batch.overdue_at = _now() + seconds
        self._go_on(batch)

    def _go_on(self, batch: Batch) -> None:
        if self._backoff.succeed(batch.sent_at):
            self._log.info("delivering again")
            self.counters.withheld = False
            self.counters.last_reason = ""

    async def _refuse(self, batch: Batch, receipt: Receipt) -> None:
        code = f"0x{receipt.reason_code:02X}"
        self.counters.refused[code] = self.counters.refused.get(code, 0) + 1
        reason = describe(receipt.reason_code, receipt.reason)
        match reaction_to(receipt.reason_code):
            case Reaction.WITHHOLD:
                self._withhold(batch, reason)
            case Reaction.SPLIT | Reaction.SET_ASIDE if batch.stands_in:
                batch.settle()
            case Reaction.SPLIT if len(batch.records) > 1:
                self._split(batch)
            case Reaction.SPLIT | Reaction.SET_ASIDE:
                await self._set_aside(batch, reason)
            case _:
                self._send_again(batch, reason)

    def _send_again(self, batch: Batch, reason: str) -> None:
        """Keep it, and pause."""
        if not batch.settled:  # by the cloud's confirmation
            self._backoff.fail(_now())
            self._keep(batch, reason)

    def _withhold(self, batch: Batch, reason: str) -> None:
        """Keep it, raise an alarm, and try again slowly: a person has to mend this."""
        reason = (
            f"we may not publish to {self._topic}: {reason} — check the IoT policy, the site and the gateway"
        )
        if not self.counters.withheld:
            self._log.error("publishing is not allowed", alarm=True, reason=reason)
        self.counters.withheld = True
        self._backoff.hold(_now(), self._probe)
        self._keep(batch, reason)

    def _keep(self, batch: Batch, reason: str) -> None:
        if reason != self.counters.last_reason and not self.counters.withheld:
            self._log.warning("kept, to be sent again", first=batch.first, last=batch.last, reason=reason)
        self.counters.last_reason = reason
        self.counters.retries += 1
        self._outbox.keep(batch)

    def _split(self, batch: Batch) -> None:
        """One record may spoil a batch for the others: send each half by itself."""
        self._outbox.split(batch, self._packing.halves(batch))

    async def _set_aside(self, batch: Batch, reason: str) -> None:
        """Nothing will ever take these: keep them where someone looks, and go on."""
        sequences = [record.sequence for record in batch.records]
        try:
            await asyncio.to_thread(self._journal.set_aside, self._consumer, sequences, reason)
        except JournalError as error:
            self._send_again(batch, str(error))
            return
        self._log.error(
            "set aside as dead letters", alarm=True, first=batch.first, last=batch.last, reason=reason
        )
        self.counters.dead_letters += len(sequences)
        if self._packing.stand_in(batch, reason):
            self._outbox.keep(batch)
        else:
            batch.settle()

    # What may be forgotten.

    def _take_stock(self) -> None:
        if self._broken:
            raise self._broken
        if self._confirmations:
            self._heed(self._confirmations)
        self._acknowledge()

    def _heed(self, confirmations: Confirmations) -> None:
        """Settle what the cloud confirms, and send again what it should have confirmed by now."""
        for batch in self._outbox.confirmed(confirmations.through):
            self._deliver(batch)
            if self.counters.last_reason == UNCONFIRMED:
                self.counters.last_reason = ""
        self._acknowledge()
        if not self._outbox.until_overdue(_now()):
            self._keep(self._outbox.take_overdue(), UNCONFIRMED)
        self.counters.unconfirmed = self._outbox.held
        self.counters.no_confirmations = confirmations.foreign + confirmations.refused

    def _acknowledge(self) -> None:
        """Acknowledge what is settled, as far as nothing before it is not."""
        for through in self._outbox.pop_settled():
            self._journal.acknowledge(self._consumer, self._acknowledged + 1, through)
            self.counters.acknowledged += through - self._acknowledged
            self._acknowledged = through

    def _sent_and_written(self) -> tuple[int, int]:
        return self._sent_through, self._journal.head

    async def _drain(self) -> None:
        """Take the receipts that come in time. The rest is sent again after the next start."""
        if self._publishing:
            _answered, late = await asyncio.wait([*self._publishing], timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._acknowledge()

    # What is waited for.

    def _until_something_is_due(self) -> float | None:
        pauses = [self._backoff.left(_now()), self._outbox.until_overdue(_now())]
        return min((pause for pause in pauses if pause is not None and pause < math.inf), default=None)

    async def _until_connected(self) -> None:
        connected = asyncio.create_task(self._uplink.wait_connected(), name="forwarder-until-connected")
        connected.add_done_callback(lambda _task: self._wake.set())
        try:
            while not (connected.done() or self._stopping):
                await self._nap()
        finally:
            connected.cancel()
        await asyncio.gather(connected, return_exceptions=self._stopping)

    async def _nap(self, seconds: float | None = None) -> None:
        """Wait for a receipt, or to be stopped, but no longer than `seconds`."""
        timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._wake.set)
        await self._wake.wait()
        self._wake.clear()
        if timer is not None:
            timer.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()
