"""Validation: where the number of a ticket or a receipt comes from, and which of them the host has read.

Three styles. Standard: the machine makes a number up and says what was printed when 3D asks. Secure
enhanced: it computes the number from an identity and a sequence that the host gave (4C). System: it asks the
host (57), which answers with a number or with a refusal (58), or not within ten seconds, which is a refusal
too. In the latter two every number makes a record, numbered 1 to 31 and round again, and the host is told of
a record (3D, 3E) until it has read it with 4D 00.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.sas.validation_number import secure_enhanced
from edge_agent.simulator.mainboard import Mainboard, Part
from edge_agent.simulator.specification import SECURE_ENHANCED, STANDARD, SYSTEM, VALIDATION_RECORDS

PRINTED, HANDPAY_VALIDATED, NO_IDENTITY, REQUESTED = 0x3D, 0x3E, 0x3F, 0x57

# SAS 4.1: the host has this long to give a number.
HOST_ANSWERS_WITHIN = 10.0

# Validation types (SAS 6.4).
CASHABLE, RESTRICTED = 0x00, 0x01
FIRST_HANDPAY_TYPE, FIRST_REDEEMED_TYPE = 0x10, 0x80

# Answers of 57 and 58.
NOTHING_PENDING = 0x80
ACCEPTED, NOT_CASHING_OUT, IMPROPER = 0x00, 0x80, 0x81
DENIED_BY = "00"

# Bits of long poll 7B.
PRINTER, RECEIPTS, HANDPAYS, RESTRICTED_TICKETS, REDEMPTION, CONFIGURED = 0x01, 0x02, 0x04, 0x08, 0x20, 0x8000
NEVER = 9_999
TICKET_NUMBERS = 10_000
NO_TICKET_NUMBER = 0xFFFF
# A validation identity and its sequence are three bytes.
SEQUENCES = 1 << 24
RECORD, PEEK = 0x00, 0xFF


@dataclass(frozen=True, slots=True)
class Slip:
    """What is to be printed, or was paid, once it has a number."""

    validation_type: int
    cents: int

    @property
    def is_handpay(self) -> bool:
        """Whether it is a handpay and no ticket."""
        return FIRST_HANDPAY_TYPE <= self.validation_type < FIRST_REDEEMED_TYPE


@dataclass(frozen=True, slots=True)
class Record:
    """One validation that the host can read."""

    validation_type: int
    index: int
    date: str
    time: str
    validation_number: str
    amount_cents: int
    ticket_number: int
    validation_system: str
    expiration: str
    pool: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """What was printed last, as long poll 3D tells it under standard validation."""

    validation_number: str
    cents: int


@dataclass(slots=True)
class ValidationMemory:
    """Identity, records and what was set."""

    machine_id: int = 0
    sequence: int = 0
    given: tuple[int, int] = (0, 0)  # the last 4C, to tell a repeated one
    records: dict[int, Record] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)  # their indices, oldest first
    last_index: int = 0
    last_ticket_number: int = 0
    last_ticket: Ticket | None = None
    bits: int = PRINTER
    cashable_days: int = NEVER
    restricted_days: int = NEVER
    waiting: Slip | None = None  # for the host's number
    ticket_texts: dict[int, str] = field(default_factory=dict)
    host_id: int = 0


class Validation(Part[ValidationMemory]):
    """Numbers and records. `decided` is told what became of a slip: its number, or None for a refusal."""

    def __init__(self, board: Mainboard, decided: Callable[[Slip, str | None], None]) -> None:
        super().__init__(board, ValidationMemory())
        self.memory.bits = PRINTER | self._bits_it_can
        self._decided = decided
        self._deadline: float | None = None
        self._told = 0  # the index of the record the host was told of, 0 for none

    @property
    def style(self) -> str:
        """How this machine validates."""
        return self.board.spec.validation

    @property
    def _bits_it_can(self) -> int:
        spec = self.board.spec
        return (
            (RECEIPTS if spec.prints_handpay_receipts else 0)
            | (HANDPAYS if spec.validates_handpays else 0)
            | (RESTRICTED_TICKETS if spec.prints_restricted_tickets else 0)
            | (REDEMPTION if spec.ticket_redemption else 0)
        )

    # -- numbers -----------------------------------------------------------------------------

    def can_validate(self) -> bool:
        """Whether a slip could get a number now."""
        memory = self.memory
        if self.style == STANDARD:
            return True
        if memory.waiting or len(memory.unread) >= self.board.spec.unread_records:
            return False
        return memory.machine_id != 0 if self.style == SECURE_ENHANCED else self.board.is_linked()

    def request(self, slip: Slip, made_up: str) -> None:
        """A slip wants a number: `made_up` where the machine makes its own."""
        memory = self.memory
        if not self.can_validate():
            self._decided(slip, None)
        elif self.style == STANDARD:
            memory.last_ticket = Ticket(made_up, slip.cents)
            self._decided(slip, made_up)
        elif self.style == SECURE_ENHANCED:
            memory.sequence = (memory.sequence + 1) % SEQUENCES
            self._number(slip, secure_enhanced(memory.machine_id, memory.sequence))
        else:
            memory.waiting = slip
            self._deadline = self.board.now + HOST_ANSWERS_WITHIN
            self.board.say(REQUESTED)

    def host_number(self, system: str, number: str) -> int:
        """The host gave a number, or refused; the answer of 58."""
        slip = self.memory.waiting
        if slip is None:
            return NOT_CASHING_OUT
        if system == DENIED_BY:
            self._refuse()
            return ACCEPTED
        if not number.strip("0"):
            return IMPROPER
        self._end_waiting()
        self._number(slip, system + number)
        return ACCEPTED

    def _number(self, slip: Slip, number: str) -> None:
        self._remember(slip, number)
        self._decided(slip, number)

    def _refuse(self) -> None:
        slip = self.memory.waiting
        self._end_waiting()
        if slip is not None:
            self._decided(slip, None)

    def _end_waiting(self) -> None:
        self.memory.waiting = self._deadline = None
        self.board.settle(REQUESTED)

    def tell(self, slip: Slip) -> None:
        """A slip was printed or paid: the host is told."""
        self.board.say(HANDPAY_VALIDATED if slip.is_handpay else PRINTED)

    # -- records -----------------------------------------------------------------------------

    def _remember(self, slip: Slip, number: str) -> None:
        memory, clock = self.memory, self.board.clock
        memory.last_index = memory.last_index % VALIDATION_RECORDS + 1
        is_restricted = slip.validation_type in {RESTRICTED, 0x03}
        days = memory.restricted_days if is_restricted else memory.cashable_days
        memory.records[memory.last_index] = Record(
            slip.validation_type,
            memory.last_index,
            f"{clock:%m%d%Y}",
            f"{clock:%H%M%S}",
            number[2:],
            slip.cents,
            self._ticket_number(slip),
            number[:2],
            f"{days or NEVER:08d}",
            0,
        )
        memory.unread.append(memory.last_index)

    def _ticket_number(self, slip: Slip) -> int:
        if slip.is_handpay:
            return NO_TICKET_NUMBER
        self.memory.last_ticket_number = (self.memory.last_ticket_number + 1) % TICKET_NUMBERS
        return self.memory.last_ticket_number

    def record(self, function: int) -> Record | None:
        """What 4D asks for: the oldest unread one, or one by its index."""
        if function not in {RECORD, PEEK}:
            return self.memory.records.get(function)
        oldest = self.memory.unread[0] if self.memory.unread else 0
        if function == RECORD:
            self._told = oldest
        return self.memory.records.get(oldest)

    def was_read(self) -> None:
        """The host has the oldest unread record; it is told of the next."""
        if not self._told:
            return
        self.memory.unread.remove(self._told)
        self._told = 0
        following = self.record(PEEK)
        if following is not None:
            self.tell(Slip(following.validation_type, following.amount_cents))

    # -- what a host sets --------------------------------------------------------------------

    def set_identity(self, machine_id: int, sequence: int) -> None:
        """4C: an identity of 0 only reads, and the same command again changes nothing."""
        if machine_id and (machine_id, sequence) != self.memory.given:
            self.memory.given = (machine_id, sequence)
            self.memory.machine_id, self.memory.sequence = machine_id, sequence
            self.board.settle(NO_IDENTITY)

    def want_identity(self) -> None:
        """Say that numbers cannot be made yet."""
        if self.style == SECURE_ENHANCED and not self.memory.machine_id:
            self.board.say(NO_IDENTITY)

    def configure(self, mask: int, bits: int) -> None:
        """7B: set what this machine can do of what the mask covers."""
        able = mask & (PRINTER | self._bits_it_can)
        self.memory.bits = self.memory.bits & ~able | bits & able
        if mask & CONFIGURED and not bits & CONFIGURED and self.memory.machine_id:
            self.memory.machine_id = self.memory.sequence = 0
            self.memory.given = (0, 0)
            self.want_identity()

    def is_on(self, bit: int) -> bool:
        """Whether a bit of 7B is set."""
        return bool(self.status_bits & bit)

    @property
    def status_bits(self) -> int:
        """The bits of 7B."""
        return self.memory.bits | (CONFIGURED if self.memory.machine_id else 0)

    # -- time --------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """See Part."""
        return self._deadline

    def handle_timer(self) -> None:
        """See Part."""
        if self._deadline is not None and self.board.now >= self._deadline:
            self._refuse()

    def power_returned(self) -> None:
        """See Part."""
        if self.memory.waiting is not None and self.style == SYSTEM:
            self._deadline = self.board.now + HOST_ANSWERS_WITHIN
