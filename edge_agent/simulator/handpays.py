"""Handpays: what an attendant has to pay, what the host has read of it, and how it is keyed off.

One handpay locks the machine up at a time. Under secure reporting each is also kept until the host has read
it with long poll 1B, five of them at least; 51 is told again until then. Under legacy reporting 1B shows the
lock-up of this moment, and nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.simulator.mainboard import Mainboard, OpenGame, Part

# What 1B calls the level. A progressive's level is its own number.
TOP_WIN = 0x40
CANCELLED_CREDITS = 0x80

# Secure reporting keeps five handpays at least that no host has read; of older ones the meters tell.
UNREAD_HANDPAYS = 5

PENDING, RESET, REQUEST_CANCELLED, KEYED_TO_MACHINE = 0x51, 0x52, 0x55, 0x5A
# Reset IDs of 1B, and answers of 94 and A8.
ATTENDANT_ONLY, TO_CREDITS_POSSIBLE = 0x00, 0x01
DONE, UNABLE, NOT_IN_A_HANDPAY = 0x00, 0x01, 0x02


@dataclass(frozen=True, slots=True)
class Handpay:
    """What an attendant has to pay, in accounting credits."""

    level: int
    credits: int
    progressive_group: int = 0
    has_progressive: bool = False
    is_bonus: bool = False
    reset_id: int = ATTENDANT_ONLY


@dataclass(slots=True)
class HandpayMemory:
    """What is to be paid, and what no host has read."""

    pending: Handpay | None = None
    unread: list[Handpay] = field(default_factory=list)
    goes_to_credits: bool = False  # the host chose the reset method


class Handpays(Part[HandpayMemory]):
    """The handpay queue. What keying off means for the accounts and the game, the cabinet knows."""

    def __init__(self, board: Mainboard) -> None:
        super().__init__(board, HandpayMemory())
        self._told: Handpay | None = None

    @property
    def pending(self) -> Handpay | None:
        """What locks the machine up."""
        return self.memory.pending

    def call_attendant(self, handpay: Handpay) -> None:
        """The machine locks up until somebody has paid."""
        memory = self.memory
        memory.pending, memory.goes_to_credits = handpay, False
        self.board.situation.lock_up = handpay.level or TOP_WIN
        if self.board.spec.secure_handpays:
            memory.unread = [*memory.unread, handpay][-UNREAD_HANDPAYS:]
        # A host that has not read the one before is told of this one at once: its reset will follow.
        self.board.say(PENDING)

    def of_game(self, game: OpenGame) -> Handpay:
        """The handpay of a win."""
        reset_id = TO_CREDITS_POSSIBLE if self.board.spec.resets_to_credits else ATTENDANT_ONLY
        if not game.progressive:
            return Handpay(TOP_WIN, game.win, reset_id=reset_id)
        return Handpay(game.level, game.win, self.board.spec.progressive_group, True, reset_id=reset_id)  # noqa: FBT003  has_progressive

    def tell(self) -> Handpay | None:
        """What long poll 1B shows."""
        if not self.board.spec.secure_handpays:
            return self.memory.pending
        self._told = self.memory.unread[0] if self.memory.unread else None
        return self._told

    def was_read(self) -> None:
        """Under secure reporting the host has read a handpay: the next one is told of."""
        told, self._told = self._told, None
        if told is None:
            return
        if self.memory.unread and self.memory.unread[0] is told:
            del self.memory.unread[0]
        if self.memory.unread:
            self.board.say(PENDING)

    def choose_reset(self, *, to_credits: bool) -> int:
        """A host chose how a jackpot is reset; the answer of A8."""
        pending = self.memory.pending
        if pending is None:
            return NOT_IN_A_HANDPAY
        if to_credits and pending.reset_id != TO_CREDITS_POSSIBLE:
            return UNABLE
        self.memory.goes_to_credits = to_credits
        return DONE

    def withdraw(self) -> None:
        """The guest does not want to be paid after all."""
        self.memory.unread = [handpay for handpay in self.memory.unread if handpay is not self.memory.pending]
        self.close()

    def close(self) -> tuple[Handpay, bool] | None:
        """The lock-up ends: what it was about, and whether it goes to the credit meter."""
        pending, to_credits = self.memory.pending, self.memory.goes_to_credits
        self.memory.pending, self.memory.goes_to_credits = None, False
        self.board.situation.lock_up = 0
        return None if pending is None else (pending, to_credits)
