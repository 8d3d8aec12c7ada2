"""The port of a tempered machine: a MachineConnection that behaves on the line as its temperament has it.

The connection keeps the protocol's promises; the temperament only says when it does not listen, what its
frames look like when they leave, and when. So a machine of any temperament still forgets nothing that the
host has not acknowledged, unless it is a poll that it never took in.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypedDict, Unpack

from edge_agent.sas.crc import CRC_BYTES, append_crc, crc_is_good
from edge_agent.sas.exception_codes import EVENT_MARK
from edge_agent.sas.framing import BadPoll
from edge_agent.sas.machine import MachineAnswers, MachineConnection
from edge_agent.sas.messages import (
    SHORT_REPLY_BYTES,
    DataReply,
    GeneralPoll,
    LongPollRequest,
    Poll,
    encode_reply,
)
from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder, marked, stuff
from edge_agent.sas.wakeup_restorer import WakeupRestorer
from edge_agent.simulator.aft_transfer import refused_transfer
from edge_agent.simulator.temperament import PLAIN, Temperament
from edge_agent.simulator.tempered_answers import (
    GAME_ENDED,
    GAME_STARTED,
    TRANSFER,
    UNEXPECTED_ERROR,
    TemperedAnswers,
)
from edge_agent.simulator.unmarked import UnmarkedHost

OPTIONS_CHANGED = 0x3C
MACHINE_INFORMATION = 0x1F
# What machines of one class say for "not now": it is also the exception of that number.
REFUSAL = b"\x81"
# Address, FF or command, code.
_EVENT_HEAD_BYTES = 3


class PortOptions(TypedDict, total=False):
    """What a port may be given besides; see MachineConnection."""

    capacity: int
    gap: float
    secure_validation: bool
    secure_handpays: bool
    on_acknowledged: Callable[[LongPollRequest, float], None]


class TemperedPort(MachineConnection):
    """The machine's end of one port, with a temperament. A plain one is as strict as the text.

    Args:
        address: the machine's, 1..127.
        answers: who answers long polls.
        temperament: how it behaves on the line.
        seed: of its whims.
        options: see MachineConnection.
    """

    def __init__(
        self,
        address: int,
        answers: MachineAnswers,
        temperament: Temperament = PLAIN,
        *,
        seed: int | str = 0,
        **options: Unpack[PortOptions],
    ) -> None:
        self.temperament = temperament
        self._tempered = TemperedAnswers(answers, temperament)
        super().__init__(
            address,
            self._tempered,
            idle_frames=temperament.idle_frames,
            idle_code=temperament.idle_code,
            **options,
        )
        self._chance = random.Random(f"temperament/{seed}")  # noqa: S311  a story, not a secret
        self._deaf_to = temperament.deaf_polls
        self._upset_until = float("-inf")
        self._heard = WakeupDecoder()
        self._unmarked = UnmarkedHost(WakeupRestorer(), self.gap)
        self._leaving: list[tuple[float, int, bytes]] = []  # when, in which order, what
        self._order = count()

    # -- what happens at the machine -------------------------------------------------------------

    def raise_exception(self, code: int, now: float, values: Mapping[str, Any] | None = None) -> int | None:
        """See MachineConnection. None also where another port tells of it."""
        if code in self.temperament.untold_exceptions:
            return None
        if code == GAME_STARTED:
            self._tempered.game_started(self.address, now)
        elif code == GAME_ENDED:
            self._tempered.game_ended(now)
        elif code == OPTIONS_CHANGED:
            self._tempered.options_changed()
            for _ in range(self.temperament.option_exceptions - 1):
                super().raise_exception(code, now, values)
        return super().raise_exception(code, now, values)

    def power_off(self, now: float) -> None:
        """See MachineConnection."""
        super().power_off(now)
        self._deaf_to = self.temperament.deaf_polls
        self._leaving.clear()

    # -- bytes and time --------------------------------------------------------------------------

    def receive_data(self, stream: bytes, now: float) -> None:
        """See MachineConnection."""
        if self.powered and self.temperament.echoes:
            self._leave(stream, now)
        super().receive_data(stream if self.temperament.needs_wakeup else self._restored(stream, now), now)

    def next_timer(self) -> float | None:
        """See MachineConnection."""
        timer = super().next_timer()
        if not self._leaving:
            return timer
        leaves = self._leaving[0][0]
        return leaves if timer is None else min(timer, leaves)

    def data_to_send(self, now: float) -> bytes:
        """See MachineConnection."""
        said = super().data_to_send(now)
        if said:
            self._say(said, now)
        parts = []
        while self._leaving and self._leaving[0][0] <= now:
            parts.append(heappop(self._leaving)[2])
        return b"".join(parts)

    def _restored(self, stream: bytes, now: float) -> bytes:
        """What the host said, with polls beginning where the table says, whatever its ninth bits are."""
        return self._unmarked.hear(bytes([character & 0xFF for character in self._heard.feed(stream)]), now)

    def _says_instead(self, poll: Poll, now: float) -> bytes | None:
        """See MachineConnection."""
        if self._deaf_to or now < self._upset_until:
            self._deaf_to = max(0, self._deaf_to - 1)
            return b""
        if isinstance(poll, LongPollRequest) and poll.command in self.temperament.upset_by:
            self._upset_until = now + self.temperament.upset_for
            return b""
        every = self.temperament.refuses_every
        refuses = every and now % every < self.temperament.refuses_for
        return REFUSAL if refuses and isinstance(poll, GeneralPoll) else None

    def _refuses(self, poll: BadPoll) -> bytes:
        """See MachineConnection."""
        whole = bytes((poll.address, poll.command)) + poll.data
        malformed = poll.command == TRANSFER and crc_is_good(whole)
        if not (malformed and self.temperament.explains_malformed_transfers):
            return super()._refuses(poll)
        return encode_reply(DataReply(poll.address, TRANSFER, refused_transfer(UNEXPECTED_ERROR)))

    # -- what leaves -----------------------------------------------------------------------------

    def _say(self, stream: bytes, now: float) -> None:
        mood = self.temperament
        if stream == marked(self.address):  # a chirp answers nothing
            self._leave(stream, now)
            return
        self._unmarked.was_told(stream)
        frame = self._frame(bytes([character & ~WAKEUP for character in WakeupDecoder().feed(stream)]))
        at = now + mood.answer_delay + self._chance.uniform(0.0, mood.answer_jitter)
        twice = self._happens(mood.doubled_chance)
        glued = frame + frame if twice and not mood.doubled_after else frame
        if (mood.stray_before or mood.stray_after) and self._happens(mood.stray_chance):
            glued = bytes(mood.stray_before) + glued + bytes(mood.stray_after)
        self._leave(stuff(glued), at)
        if twice and mood.doubled_after:
            self._leave(stuff(frame), at + mood.doubled_after)

    def _leave(self, stream: bytes, at: float) -> None:
        heappush(self._leaving, (at, next(self._order), stream))

    def _frame(self, frame: bytes) -> bytes:
        """A frame as this machine makes it. What has no CRC is as it is."""
        mood = self.temperament
        if len(frame) <= SHORT_REPLY_BYTES:
            return frame
        body = frame[:-CRC_BYTES]
        if body[1] == EVENT_MARK and body[2] in mood.bare_events:
            body = body[:_EVENT_HEAD_BYTES]
        if body[1] == EVENT_MARK and body[2] in mood.long_events:
            body += b"\x00"
        if body[1] == MACHINE_INFORMATION and self._happens(mood.long_information_chance):
            body += b"\x00"
        if self._happens(mood.foreign_address_chance):
            body = bytes((mood.foreign_address,)) + body[1:]
        made = append_crc(body)
        return made[:-1] + bytes((made[-1] ^ 0x01,)) if self._happens(mood.bad_crc_chance) else made

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._chance.random() < chance
