"""A bench with one gaming machine on it: a host asks what it likes, in virtual time, over real frames.

Guests stay away unless they are let in: what happens at the machine is done by hand, through its cabinet.
Every answer has travelled as bytes through the machine's own port, so acknowledgements, repeats and event
frames are what they are on a line. Between two questions the bench sends a poll to another address, which is
what acknowledges the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edge_agent.sas.machine import MachineConnection
from edge_agent.sas.messages import (
    DataReply,
    EventReply,
    ExceptionReply,
    GeneralPoll,
    LongPollRequest,
    Poll,
    Reply,
    decode_reply,
    encode_poll,
)
from edge_agent.sas.wakeup import WakeupDecoder, encode_host_message
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.gaming_machine import GamingMachine
from edge_agent.simulator.specification import STANDARD, GameSpec, MachineSpec

# The pace of a host on a fast machine, and how long its link lasts without a poll at most.
POLL_SECONDS = 0.05
KEEP_ALIVE_SECONDS = 1.0
MOST_EXCEPTIONS = 100
SYNCHRONISE = b"\x80"
FEED_LEVELS = 0x86

# A machine that can do everything of the text but the transfers from before AFT.
ABLE = MachineSpec(
    1,
    (
        GameSpec("Harbour Lights", "000001", 9_000, (1, 2, 5)),
        GameSpec("Copper Canyon", "000002", 9_400, (1, 10)),
    ),
    denomination_code=0x01,
    player_denominations=(0x01, 0x02),
    version="603",
    asset_number=300,
    reels=5,
    deals_cards=True,
    has_hopper=True,
    secure_handpays=True,
    resets_to_credits=True,
    validation="secure_enhanced",
    validation_extensions=True,
    ticket_redemption=True,
    prints_restricted_tickets=True,
    validates_handpays=True,
    prints_handpay_receipts=True,
    aft=True,
    aft_bonus=True,
    aft_debit=True,
    aft_to_ticket=True,
    aft_lock_after_transfer=True,
    aft_receipts=True,
    progressive_group=1,
    progressive_levels=(10_000, 50_000),
    own_progressive_levels=(20_000,),
    multiple_progressive_wins=True,
    enhanced_progressives=True,
    legacy_bonus=True,
    jackpot_multiplier=True,
    tournament=True,
    component_authentication=True,
    meter_change_notification=True,
    session_play=True,
)


class MachineBench:
    """One machine and whoever asks it. See the module."""

    def __init__(
        self, spec: MachineSpec = ABLE, memory: Mapping[str, Any] | None = None, *, guests: bool = False
    ) -> None:
        self.spec = spec
        self._guests = guests
        self.now = 0.0
        self.events: list[EventReply] = []  # what answered long polls in their place
        self.volunteered: list[DataReply] = []  # answers to earlier polls
        self._start(memory)

    def _start(self, memory: Mapping[str, Any] | None) -> None:
        self.machine: GamingMachine[MachineConnection] = GamingMachine(
            self.spec, self._connect, seed=1, memory=memory
        )
        self._decoder = WakeupDecoder()
        self.machine.handle_timer(self.now)
        if not self._guests:
            self.machine.stop_play(self.now)
        self.acknowledge()

    def _connect(self, machine: Any) -> MachineConnection:  # noqa: ANN401  it answers, and is told what was heard
        return MachineConnection(
            self.spec.address,
            machine,
            capacity=self.spec.queue_capacity,
            secure_validation=self.spec.validation != STANDARD,
            secure_handpays=self.spec.secure_handpays,
            on_acknowledged=machine.acknowledged,
        )

    @property
    def cabinet(self) -> Cabinet:
        """The machine's state, and what guests and attendants do to it."""
        return self.machine.cabinet

    # -- the host ----------------------------------------------------------------------------

    def ask(self, command: int, **values: Any) -> Any:  # noqa: ANN401  the fields of any poll
        """What a long poll is answered with: values, ACK, NACK or busy as they are, None for silence."""
        poll = LongPollRequest(self.spec.address, command, values)
        reply = self.say(poll)
        while isinstance(reply, EventReply):
            self.events.append(reply)
            reply = self.say(poll)
        return reply.values if isinstance(reply, DataReply) else reply

    def read(self, command: int, **values: Any) -> Any:  # noqa: ANN401  as ask
        """The same, and the answer is acknowledged."""
        answer = self.ask(command, **values)
        self.acknowledge()
        return answer

    def say(self, poll: Poll) -> Reply | None:
        """What any poll is answered with, after one that acknowledges what was said before."""
        self.acknowledge()
        return self.repeat(poll)

    def repeat(self, poll: Poll) -> Reply | None:
        """The same without an acknowledgement between: the same poll again refuses what was said."""
        frame = self._exchange(encode_poll(poll))
        return decode_reply(frame, poll) if frame else None

    def repeat_long(self, command: int, **values: Any) -> Reply | None:  # noqa: ANN401  as ask
        """A long poll, without an acknowledgement before it."""
        return self.repeat(LongPollRequest(self.spec.address, command, values))

    def acknowledge(self) -> None:
        """What was said last has been heard."""
        self._exchange(SYNCHRONISE)

    def general_poll(self) -> int | None:
        """The exception that is told next; 0 for none, None for silence or the answer to an earlier poll."""
        reply = self.say(GeneralPoll(self.spec.address))
        match reply:
            case ExceptionReply(code=code) | EventReply(code=code):
                return code
            case DataReply():
                self.volunteered.append(reply)
        return None

    def hear(self) -> list[int]:
        """All exceptions that are told now."""
        heard: list[int] = []
        while len(heard) < MOST_EXCEPTIONS and (code := self.general_poll()):
            heard.append(code)
        self.acknowledge()
        return heard

    # -- time and power ----------------------------------------------------------------------

    def wait(self, seconds: float, *, polling: bool = True) -> None:
        """Let time pass; a host that polls keeps the link alive, feeds the progressives and asks nothing."""
        until = self.now + seconds
        while self.now < until:
            due = self.machine.next_timer()
            step = min(until, self.now + KEEP_ALIVE_SECONDS, until if due is None else max(due, self.now))
            self.now = max(step, self.now + 0.001)
            self._live()
            if polling:
                self._keep_alive()

    def cut_power(self, seconds: float = 8.0) -> None:
        """The mains fail for so long, in one life of the process."""
        self.cabinet.lose_power()
        self.now += seconds
        self._live()
        self.cabinet.regain_power()
        self.acknowledge()

    def die_and_return(self, seconds: float = 8.0) -> None:
        """The process ends; another begins with what this one's memory holds, written as JSON."""
        memory = json.loads(json.dumps(self.machine.remember()))
        self.now += seconds
        self._start(memory)

    def _keep_alive(self) -> None:
        self.acknowledge()
        group, values = self.spec.progressive_group, self.cabinet.progressives.memory.values
        if values:
            levels = tuple({"level": level, "amount_cents": cents} for level, cents in values.items())
            fields = {"progressive_group": group, "levels": levels}
            self._exchange(encode_poll(LongPollRequest(0, FEED_LEVELS, fields)))

    def _exchange(self, frame: bytes) -> bytes:
        self.now += POLL_SECONDS
        self._live()
        connection = self.machine.connection
        connection.receive_data(encode_host_message(frame), self.now)
        self._live()
        said = self._decoder.feed(connection.data_to_send(self.now))
        return bytes(character & 0xFF for character in said if character < 0x100)

    def _live(self) -> None:
        self.machine.handle_timer(self.now)
        self.machine.connection.handle_timer(self.now)
