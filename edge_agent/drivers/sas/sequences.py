"""Sequences: the order in which exceptions can follow one another, as one table.

A row is a state, the exception heard in it and the state after it. An exception that belongs to a sequence
and has no row in its state is one that cannot come next: a door that closes twice, a handpay that is reset
and was never pending. Each sequence has two states: at rest, and one in which its condition is raised.

    strict pairs    one exception raises, one clears, and they take turns
    latched         one exception raises, and nothing the machine says clears: what it does next shows that
                    the trouble is over, as a ticket that was printed shows that there is paper
    lapsing         the exception comes again and again for as long as the condition lasts

Diagrams and the table in the documentation are made from these rows; `conditions` runs on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge_agent.sas.code_tables import BILL_EXCEPTIONS

BILLS = frozenset({*BILL_EXCEPTIONS, 0x4F})
GAME_STARTED, GAME_ENDED = 0x7E, 0x7F
TICKET_PRINTED = 0x3D
POWER_APPLIED = 0x17


@dataclass(frozen=True, slots=True)
class Transition:
    """In this state, after this exception, that state."""

    state: str
    code: int
    following: str
    sure: bool = True  # False: something else may still come of the state before


@dataclass(frozen=True, slots=True)
class Sequence:
    """What can follow what, about one thing."""

    name: str
    rest: str  # the state in which nothing is raised
    transitions: tuple[Transition, ...]
    lapses_seconds: float | None = None  # without being told again, it is over after so long
    real_time_only: bool = False  # a machine may leave some out unless it reports real-time events
    validation: str = ""  # only where tickets are validated like this
    shown: bool = True  # a raised one is worth a word in the status

    @property
    def codes(self) -> frozenset[int]:
        """The exceptions it is about."""
        return frozenset(row.code for row in self.transitions)

    @property
    def raised(self) -> str:
        """The state that is not rest."""
        return next(row.following for row in self.transitions if row.following != self.rest)

    def row(self, state: str | None, code: int) -> Transition | None:
        """What follows an exception in a state, None for one nobody knows; None if it cannot come there."""
        rows = (row for row in self.transitions if row.code == code and state in (row.state, None))
        return next(rows, None)

    def expected(self, state: str) -> tuple[int, ...]:
        """What can come in a state."""
        return tuple(row.code for row in self.transitions if row.state == state)


def _pair(name: str, rest: str, raised: str, raising: int, clearing: int) -> Sequence:
    """Two exceptions that take turns."""
    return Sequence(name, rest, (Transition(rest, raising, raised), Transition(raised, clearing, rest)))


def _latched(name: str, raising: Iterable[int], over: Iterable[int]) -> Sequence:
    """What is raised as often as it is told, and over when one of `over` is heard."""
    raises, ends = tuple(raising), tuple(over)
    return Sequence(
        name,
        "well",
        (
            *(Transition("well", code, "raised") for code in raises),
            *(Transition("raised", code, "raised") for code in raises),
            *(Transition("raised", code, "well") for code in ends),
            *(Transition("well", code, "well") for code in ends),
        ),
    )


def _lapsing(name: str, raising: Iterable[int], over: Iterable[int], seconds: float) -> Sequence:
    """What is told again for as long as it lasts."""
    latched = _latched(name, raising, over)
    return Sequence(name, latched.rest, latched.transitions, lapses_seconds=seconds)


def _rows(*rows: tuple[str, int | Iterable[int], str]) -> tuple[Transition, ...]:
    return tuple(
        Transition(state, code, following)
        for state, codes, following in rows
        for code in ((codes,) if isinstance(codes, int) else sorted(codes))
    )


PLAYS_AGAIN = (GAME_STARTED,)
PRINTS_AGAIN = (TICKET_PRINTED,)
TAKES_BILLS_AGAIN = tuple(sorted(BILLS))

# Their order is that of the bits in the note: new ones go to the end.
SEQUENCES: tuple[Sequence, ...] = (
    _pair("slot_door", "closed", "open", 0x11, 0x12),
    _pair("drop_door", "closed", "open", 0x13, 0x14),
    _pair("card_cage", "closed", "open", 0x15, 0x16),
    _pair("cashbox_door", "closed", "open", 0x19, 0x1A),
    _pair("belly_door", "closed", "open", 0x1D, 0x1E),
    # A bill needs a box to be stacked in.
    Sequence("cashbox", "in", _rows(("in", 0x1B, "out"), ("out", 0x1C, "in"), ("in", BILLS, "in"))),
    # Both are told at the next start, and some machines only know that they have power again.
    Sequence(
        "power",
        "on",
        _rows(("on", 0x18, "lost"), ("lost", 0x18, "lost"), ("lost", 0x17, "on"), ("on", 0x17, "on")),
    ),
    # Told at the next start; over when somebody has opened and closed it before the machine's eyes.
    _latched("card_cage_opened_without_power", (0x98,), (0x16,)),
    _latched("slot_door_opened_without_power", (0x99,), (0x12,)),
    _latched("cashbox_door_opened_without_power", (0x9A,), (0x1A,)),
    _latched("drop_door_opened_without_power", (0x9B,), (0x14,)),
    _pair("attendant_menu", "left", "entered", 0x82, 0x83),
    _pair("operator_menu", "left", "entered", 0x84, 0x85),
    _latched("out_of_service", (0x86,), PLAYS_AGAIN),
    _pair("change_lamp", "off", "on", 0x71, 0x72),
    _pair("printer_power", "on", "off", 0x75, 0x76),
    _latched("printer_communication_error", (0x60,), (*PRINTS_AGAIN, 0x76)),
    _latched("printer_paper_out", (0x61,), PRINTS_AGAIN),
    _latched("printer_paper_low", (0x74,), (0x12,)),
    _latched("printer_ribbon", (0x77,), (0x12,)),
    _latched("printer_carriage_jammed", (0x78,), PRINTS_AGAIN),
    _latched("general_tilt", (0x20,), PLAYS_AGAIN),
    _latched("coin_in_tilt", (0x21, 0x2D, 0x79), PLAYS_AGAIN),
    _latched("coin_out_tilt", (0x22, 0x24), PLAYS_AGAIN),
    _latched("diverter_malfunction", (0x25,), PLAYS_AGAIN),
    _latched("reel_tilt", range(0x40, 0x46), PLAYS_AGAIN),
    _latched("reel_disconnected", (0x46,), PLAYS_AGAIN),
    _latched("hopper_empty", (0x23,), (0x80, *PLAYS_AGAIN)),
    _latched("hopper_low", (0x81,), (0x80,)),
    _latched("hopper_full", (0x80,), (0x81, 0x23)),
    _latched("cashbox_full", (0x27,), (0x1B,)),
    _latched("cashbox_near_full", (0x2E,), (0x1B,)),
    _latched("bill_jam", (0x28,), TAKES_BILLS_AGAIN),
    _latched("bill_acceptor_failure", (0x29,), TAKES_BILLS_AGAIN),
    _latched("memory_error", (*range(0x31, 0x36), 0x37, 0x39), (0x3A,)),
    _latched("low_backup_battery", (0x3B,), (0x16,)),
    _lapsing("validation_id_missing", (0x3F,), (TICKET_PRINTED,), seconds=45.0),
    # Told again every 15 s until its record was read, and then again for the next of a queue.
    Sequence(
        "handpay",
        "none",
        (
            *_rows(("none", 0x51, "pending"), ("pending", 0x51, "pending"), ("pending", 0x52, "none")),
            Transition("pending", 0x55, "none", sure=False),  # the attendant may reset it all the same
            Transition("none", 0x55, "none"),  # a reset overtakes it
        ),
    ),
    Sequence(
        "handpay_validation",
        "done",
        _rows(("done", 0x51, "due"), ("due", 0x51, "due"), ("due", 0x3E, "done")),
        shown=False,
    ),
    Sequence(
        "ticket_in",
        "none",
        _rows(("none", 0x67, "inserted"), ("inserted", 0x67, "inserted"), ("inserted", 0x68, "none")),
    ),
    # A request may be denied, and is then forgotten.
    Sequence(
        "ticket_out",
        "none",
        _rows(
            ("none", 0x57, "requested"),
            ("requested", 0x57, "requested"),
            ("requested", TICKET_PRINTED, "none"),
        ),
        validation="system",
        shown=False,
    ),
    _lapsing("cash_out_to_host", (0x6A, 0x6B), (0x69, TICKET_PRINTED, 0x51, POWER_APPLIED), seconds=10.0),
    _latched("aft_registration", (0x6C,), (0x6D, 0x6E)),
    _lapsing("game_locked", (0x6F,), (POWER_APPLIED,), seconds=15.0),
    _lapsing("meter_change", (0xA0,), (0xA1, 0xA2, 0x3C), seconds=40.0),
    _pair("session", "none", "on", 0x9E, 0x9F),
    Sequence(
        "game",
        "idle",
        _rows(("idle", GAME_STARTED, "on"), ("on", GAME_ENDED, "idle")),
        real_time_only=True,
        shown=False,
    ),
)  # fmt: skip

BY_NAME: Mapping[str, Sequence] = MappingProxyType({sequence.name: sequence for sequence in SEQUENCES})
BY_CODE: Mapping[int, tuple[Sequence, ...]] = MappingProxyType(
    {
        code: tuple(sequence for sequence in SEQUENCES if code in sequence.codes)
        for code in sorted({code for sequence in SEQUENCES for code in sequence.codes})
    }
)

# Told again after so many seconds until somebody has done what they ask for (reference 4.1): one that
# comes as soon after the last may be the same, and proves nothing.
REISSUED_SECONDS: Mapping[int, float] = MappingProxyType(
    {
        0x57: 0.8,
        0x67: 0.8,
        0x68: 15.0,
        0x3F: 15.0,
        0x3D: 15.0,
        0x3E: 15.0,
        0x51: 15.0,
        0x52: 15.0,
        0x6A: 0.8,
        0x6B: 0.8,
        0x6F: 5.0,
        0x69: 15.0,
        0xA0: 5.0,
    }
)

# After these nobody knows what is raised: the machine was off, or has lost some of what it had to say.
DOUBTFUL_AFTER = frozenset({POWER_APPLIED, 0x70})
