"""The forwarder: what the journal holds goes to the cloud, and only its receipt lets it go.

Invariants
- A record is acknowledged only when it has a receipt that means success, or lies with the dead letters.
- A receipt that only means accepted is a success where that is enough; where the cloud confirms, it is none.
- What is new overtakes what waited, and money whatever is not. Within a lane what failed is sent again, as
  it was, before anything newer.
- No second sees more publishes or bytes than the quota.
- After trouble one publish goes alone; once it is delivered the window opens again.
- What is held in memory is bounded by the window, whatever the journal holds.

One task sends; each publish is a task of its own, and wakes it when it is answered.

Reading 500 records takes 2 ms, an acknowledgement 20 µs, asking for news 4 µs, and none waits for
the disk: they are done in the loop, since handing one to a thread takes 80 µs. Setting aside is
rare and waits for the disk: a thread does it.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Mapping

import structlog

from edge_agent.errors import AgentError, JournalError, LocalProtocolError
from edge_agent.forwarder.batch import Absence, Batch, Compose, Packing
from edge_agent.forwarder.counters import ForwarderCounters
from edge_agent.forwarder.dispatcher import Dispatcher, Window
from edge_agent.forwarder.lane import Lane, Limits
from edge_agent.forwarder.lanes import Lanes
from edge_agent.forwarder.quota import Quota, Unlimited
from edge_agent.forwarder.usage import Usage
from edge_agent.journal import CLASSES, DEFAULT_CONSUMER, Journal
from edge_agent.routes import Route
from edge_agent.uplink.backoff import Backoff
from edge_agent.uplink.base import Promise, Receipt, Uplink
from edge_agent.uplink.confirmation import Confirmations
from edge_agent.uplink.limits import MAX_PAYLOAD_BYTES, check_topic
from edge_agent.uplink.reason_codes import PACKET_TOO_LARGE, Reaction, describe, reaction_to
from edge_agent.uplink.withholding import PROBE_SECONDS, Withheld

# Greengrass grants five seconds to stop, and the uplink wants to say goodbye within them.
DRAIN_SECONDS = 2.0
# Half of the window is for what is live: what waits before it in the connection is a tenth of a second then.
LIVE_WINDOW_SHARE = 2
# What the cloud must confirm is held meanwhile, ten windows of each lane: its batches are smaller.
_HELD = Limits(200, 100_000)
UNCONFIRMED = "the cloud has not confirmed it in time"


class Forwarder:
    """Delivers one consumer's records over one uplink. asyncio; runs once.

    Args:
        journal: open to forward.
        uplink: started, and stopped, by whoever made it.
        compose: makes one event of a journal's id and a record.
        routes: how each delivery class leaves, by its letter.
        consumer: whose records these are.
        window: publishes in flight at most; fewer if the broker's receive maximum is less.
        batch_records: events in a publish at most.
        batch_bytes: bytes of a publish before compression at most, unless one event is more.
        quota: of the connection; None: no limits.
        probe: seconds between attempts at a topic we may not publish to.
        absence: what goes in the place of a record that is set aside, so that the cloud finds no hole.
        confirmations: of the cloud, without which nothing counts as delivered that was only accepted.
        jitter: gives numbers from 0 up to 1.
    """

    def __init__(
        self,
        journal: Journal,
        uplink: Uplink,
        *,
        compose: Compose,
        routes: Mapping[str, Route],
        consumer: str = DEFAULT_CONSUMER,
        window: int = 20,
        batch_records: int = 200,
        batch_bytes: int = 100_000,
        quota: Quota | None = None,
        probe: float = PROBE_SECONDS,
        absence: Absence | None = None,
        confirmations: Confirmations | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        for route in routes.values():
            check_topic(route.topic)
        self.counters = ForwarderCounters()
        self._journal = journal
        self._uplink = uplink
        self._consumer = consumer
        self._window = window
        self._confirmations = confirmations
        self._log = structlog.get_logger()
        packings = {cls: Packing(journal.id, routes[cls.value], compose, absence) for cls in CLASSES}
        self._withheld = Withheld(probe)
        limits = Limits(batch_records, batch_bytes)
        if confirmations is not None:
            limits = Limits(min(limits.records, _HELD.records), min(limits.size, _HELD.size))
        self._lanes = Lanes(journal, consumer, packings, limits)
        self._dispatcher = Dispatcher(
            journal, self._lanes, quota or Unlimited(), self._withheld, window=window
        )
        self._usage = Usage()
        self._session = -1  # the uplink's, that lanes were made for
        self._sent_through = journal.position(consumer)
        self._publishing: dict[asyncio.Task[None], Batch] = {}
        self._backoff = Backoff(jitter)
        self._wake = asyncio.Event()
        self._stopping = False
        self._broken: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Forwarder {self._consumer} in flight {len(self._publishing)} {[*self._lanes]}>"

    async def run(self) -> None:
        """Forward until stopped.

        Raises UplinkError when the uplink gives up, and JournalError when the journal cannot be read.
        """
        if self._confirmations:
            written = lambda: (self._sent_through, self._journal.head)  # noqa: E731
            await self._confirmations.listen(self._uplink, self._journal.id, written, self._wake.set)
        try:
            while not self._stopping:
                self._take_stock()
                await self._see_to_requests()
                if not self._uplink.state.connected:
                    await self._until_connected()
                elif self._uplink.state.connects != self._session:
                    self._begin_session()
                elif not self._may_send():
                    await self._nap(self._until_something_is_due())
                elif found := self._next():
                    self._send(*found)
                    await asyncio.sleep(0)  # it leaves before the next one is cut
                else:
                    await self._wait_for_more()
        finally:
            await self._drain()

    def stop(self) -> None:
        """Send nothing more. `run` returns when what is in flight is answered, or soon anyway."""
        self._stopping = True
        self._wake.set()

    def figures(self, wall_now: float) -> dict[str, float]:
        """What of the quota is used, and how long what is live and what is not has waited, for the status."""
        return {**self._usage.figures(_now()), **self._lanes.ages(wall_now)}

    # What goes out.

    def _begin_session(self) -> None:
        self._session = self._uplink.state.connects
        self.counters.acknowledged += self._lanes.begin()

    def _may_send(self) -> bool:
        """Whether no pause is on, and after trouble nothing is on its way that tells whether it is over."""
        if self._backoff.left(_now()) is not None:
            return False
        if self._backoff.failures:  # one goes alone; what was sent before the trouble does not count
            return not any(batch.sent_at >= self._backoff.until for batch in self._publishing.values())
        return True

    def _next(self) -> tuple[Lane, Batch] | None:
        places = min(self._window, self._uplink.state.receive_maximum or self._window)
        window = Window(places - len(self._publishing), places // LIVE_WINDOW_SHARE)
        if self._backoff.failures:
            window = Window(free=1)
        return self._dispatcher.next(_now(), window, self._payload_bytes) if window.free > 0 else None

    def _send(self, lane: Lane, batch: Batch) -> None:
        batch.sent_at = _now()
        self._usage.sent(batch.size, batch.sent_at)
        self._sent_through = max(self._sent_through, batch.through)
        task = asyncio.create_task(self._publish(lane, batch), name=f"publish[{batch.first}..{batch.last}]")
        self._publishing[task] = batch
        self.counters.in_flight = len(self._publishing)
        task.add_done_callback(self._on_published)

    @property
    def _payload_bytes(self) -> int:
        """What a payload may be at most."""
        return self._uplink.state.payload_maximum or MAX_PAYLOAD_BYTES

    async def _publish(self, lane: Lane, batch: Batch) -> None:
        if len(batch.message.payload) > self._payload_bytes:  # then it is one record: the lane saw to that
            await self._refuse(lane, batch, Receipt(PACKET_TOO_LARGE, f"over {self._payload_bytes} bytes"))
            return
        self.counters.published += 1
        session = self._uplink.state.connects
        try:
            receipt = await self._uplink.publish(batch.message)
        except AgentError as error:
            state = self._uplink.state
            self._send_again(lane, batch, str(error), pause=state.connected and state.connects == session)
            return
        if reaction_to(receipt.reason_code) is not Reaction.DELIVERED:
            await self._refuse(lane, batch, receipt)
        elif self._confirmations and receipt.promise is Promise.ACCEPTED and not lane.is_resent:
            self._hold(batch, self._confirmations.seconds)
        else:  # nobody confirms a second time what is sent again
            batch.unproven = self._confirmations is not None and receipt.promise is Promise.ACCEPTED
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
        self._go_on(batch)
        batch.settle()

    def _hold(self, batch: Batch, seconds: float) -> None:
        """Accepted, which is no delivery: keep it until the cloud confirms it."""
        if not batch.settled:  # a confirmation may overtake the receipt
            batch.overdue_at = _now() + seconds
            self._go_on(batch)

    def _go_on(self, batch: Batch) -> None:
        if self._withheld.delivered(batch.message.topic):
            self._release(batch.message.topic)
        if self._backoff.succeed(batch.sent_at):
            self._log.info("delivering again")
            self.counters.last_reason = ""

    def _release(self, topic: str) -> None:
        """We may publish there again: what was passed by is read again."""
        self._log.info("publishing is allowed again", topic=topic)
        self._count_withheld()
        found = self._lanes.parked.take_all(topic)
        if found is not None:
            self._lanes.read_again(*found)

    async def _refuse(self, lane: Lane, batch: Batch, receipt: Receipt) -> None:
        code = f"0x{receipt.reason_code:02X}"
        self.counters.refused[code] = self.counters.refused.get(code, 0) + 1
        reason = describe(receipt.reason_code, receipt.reason)
        match reaction_to(receipt.reason_code):
            case _ if batch.settled:  # the cloud has confirmed it
                return
            case Reaction.WITHHOLD:
                self._withhold(lane, batch, reason)
            case Reaction.SPLIT | Reaction.SET_ASIDE if batch.stands_in:
                await self._owe(lane, batch, reason)
            case Reaction.SPLIT if lane.halve(batch):
                pass
            case Reaction.SPLIT | Reaction.SET_ASIDE:
                await self._set_aside(lane, batch, reason)
            case _:
                self._send_again(lane, batch, reason)

    def _send_again(self, lane: Lane, batch: Batch, reason: str, *, pause: bool = True) -> None:
        """Keep it. Pause, unless the session ended: connecting took its time, and pauses by itself."""
        if batch.settled:  # by the cloud's confirmation
            return
        if pause:
            self._backoff.fail(_now())
        else:
            self._backoff.hold(_now(), 0.0)
        self._keep(lane, batch, reason)

    def _withhold(self, lane: Lane, batch: Batch, reason: str) -> None:
        """Keep it, raise an alarm, and try this topic slowly: a person has to mend this. The others go on."""
        topic = batch.message.topic
        reason = f"we may not publish to {topic}: {reason} — check the IoT policy, the site and the gateway"
        if self._withheld.refused(topic, _now()):
            self._log.error("publishing is not allowed", alarm=True, topic=topic, reason=reason)
        self._count_withheld()
        self._keep(lane, batch, reason)

    def _count_withheld(self) -> None:
        self.counters.withheld_topics = self._withheld.topics
        self.counters.withheld = bool(self._withheld.topics)
        if not self.counters.withheld:
            self.counters.last_reason = ""

    def _keep(self, lane: Lane, batch: Batch, reason: str) -> None:
        if reason != self.counters.last_reason and not self.counters.withheld:
            self._log.warning("kept, to be sent again", first=batch.first, last=batch.last, reason=reason)
        self.counters.last_reason = reason
        self.counters.retries += 1
        lane.put_back(batch)

    async def _set_aside(self, lane: Lane, batch: Batch, reason: str) -> None:
        """Nothing will ever take these: keep them where someone looks, and go on."""
        sequences = [record.sequence for record in batch.records]
        if lane.is_resent:  # it lies there already, or was acknowledged
            self._log.warning("refused again", first=batch.first, last=batch.last, reason=reason)
            batch.unproven = True
            batch.settle()
            return
        try:
            await asyncio.to_thread(self._journal.set_aside, self._consumer, sequences, reason)
        except JournalError as error:
            self._send_again(lane, batch, str(error))
            return
        except LocalProtocolError:  # some were let go meanwhile, which was journalled
            if not lane.halve(batch):
                batch.settle()
            return
        self._log.error(
            "set aside as dead letters", alarm=True, first=batch.first, last=batch.last, reason=reason
        )
        self.counters.dead_letters += len(sequences)
        confirmed_meanwhile = batch.settled
        word = None if confirmed_meanwhile else lane.packing.stand_in(batch, reason)
        if word is None:
            batch.settle()
        else:
            lane.replace(batch, [word])

    async def _owe(self, lane: Lane, batch: Batch, reason: str) -> None:
        """Not even the word of what was set aside is taken: keep it beside, to be offered again."""
        try:
            await asyncio.to_thread(self._journal.owe, self._consumer, batch.records)
        except JournalError as error:
            self._send_again(lane, batch, str(error))
            return
        self._log.error(
            "the word of what was set aside is refused too; it is offered again",
            alarm=True,
            first=batch.first,
            last=batch.last,
            reason=reason,
        )
        self._lanes.resending.owe(len(batch.records))
        batch.settle()

    # What may be forgotten.

    def _take_stock(self) -> None:
        if self._broken:
            raise self._broken
        if self._confirmations:
            self._heed(self._confirmations)
        self._lanes.pass_over(_now())
        self.counters.acknowledged += self._lanes.acknowledge()

    async def _see_to_requests(self) -> None:
        """Look for requests to send something again, and forget those that are done."""
        resending = self._lanes.resending
        if resending.take_stock(_now()):
            try:
                await asyncio.to_thread(resending.finish)
            except JournalError as error:
                self._log.warning("a resend request cannot be removed yet", reason=str(error))
                resending.put_off(_now())
        resending.look(_now())
        self.counters.untold = resending.untold

    def _heed(self, confirmations: Confirmations) -> None:
        """Settle what the cloud confirms, and send again what it should have confirmed by now."""
        for lane in self._lanes:
            for batch in lane.confirmed(confirmations.through):
                self._deliver(batch)
                if self.counters.last_reason == UNCONFIRMED:
                    self.counters.last_reason = ""
        front = self._lanes.front()
        if front is not None and front[1].overdue_at <= _now():
            front[1].overdue_at = math.inf
            self._keep(*front, UNCONFIRMED)
        self.counters.unconfirmed = sum(lane.held for lane in self._lanes)
        self.counters.no_confirmations = confirmations.foreign + confirmations.refused

    async def _drain(self) -> None:
        """Take the receipts that come in time. The rest is sent again after the next start."""
        if self._publishing:
            _answered, late = await asyncio.wait([*self._publishing], timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self.counters.acknowledged += self._lanes.acknowledge_all()

    # What is waited for.

    def _until_something_is_due(self) -> float | None:
        pauses = [self._backoff.left(_now()), self._until_overdue()]
        return min((pause for pause in pauses if pause is not None and pause < math.inf), default=None)

    def _until_overdue(self) -> float:
        front = self._lanes.front() if self._confirmations else None
        return max(0.0, front[1].overdue_at - _now()) if front else math.inf

    async def _wait_for_more(self) -> None:
        began = _now()
        await self._nap(min(self._dispatcher.again_in, self._until_overdue()))
        if self._dispatcher.is_throttled:
            self._usage.throttled(_now() - began, began)

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
