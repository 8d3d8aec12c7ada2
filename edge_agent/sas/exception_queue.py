"""The exception queue: what a gaming machine has to tell its host, and in which order.

Ordinary exceptions wait in a first in, first out queue that survives a power loss. When it is full the
oldest is dropped, and 70 says so. Priority exceptions are not queued: each is a flag, told before
anything queued, in a fixed order. Some flags stay up after they were heard, and are told again until
the host has done its duty.

Each exception put before the host has a serial number of its own, and its story is kept in `history`: a
ledger of what was raised, dropped and delivered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from edge_agent.sas.exception_codes import EXCEPTIONS, Priority
from edge_agent.sas.messages import LongPollRequest

# The text asks for 20 at least; a platform in the field has 25.
CAPACITY = 25
# What nobody takes is forgotten from the old end: an hour of the busiest machine.
HISTORY_LIMIT = 100_000

OVERFLOW = 0x70
# The order in which flags are told. Secure handpay reporting tells 52 before 51.
PRIORITY_ORDER = (
    *(0x57, 0x67, 0x68, 0x3F, 0x6A, 0x6B, 0x6F, 0x56, 0x3D, 0x3E, 0x69, 0x6C, 0x6D),
    *(0x52, 0x51, 0x8F, OVERFLOW, 0xA0),
)
# Listed as queued, and yet told again until the host has done its duty.
ALWAYS_FLAGGED = frozenset((0xA0,))

_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception was put before the host."""

    serial: int
    code: int
    values: Mapping[str, Any]
    at: float
    reissued: bool = False  # the host has heard it before and not done its duty


@dataclass(frozen=True, slots=True)
class DroppedByOverflow:
    """The queue was full: an exception will never be told."""

    serial: int
    code: int
    at: float


@dataclass(frozen=True, slots=True)
class Delivered:
    """The host has acknowledged an exception."""

    serial: int
    at: float


History = Raised | DroppedByOverflow | Delivered


@dataclass(frozen=True, slots=True)
class Duty:
    """What ends a flag, and how often it is told until then."""

    period: float
    commands: frozenset[int] = frozenset()
    when_acknowledged: bool = False  # the answer to the command must have been heard
    saying: Mapping[str, int] = field(default_factory=dict, hash=False)  # only with these values

    def is_done_by(self, poll: LongPollRequest, *, acknowledged: bool) -> bool:
        """Whether this poll, sent or with its answer acknowledged, ends it."""
        return (
            poll.command in self.commands
            and self.when_acknowledged == acknowledged
            and all(poll.values.get(name) == value for name, value in self.saying.items())
        )


_RECORD_READ = MappingProxyType({"function": 0x00})
_STATUS_READ = MappingProxyType({"transfer_code": 0xFF})

# SAS 4.1. Where no command ends a duty, the machine does (`settle`): a validation identity was given, a lock
# has ended.
DUTIES: Mapping[int, Duty] = MappingProxyType({
    0x57: Duty(0.8, frozenset((0x57,))),
    0x67: Duty(0.8, frozenset((0x70,))),
    0x68: Duty(15.0, frozenset((0x71,)), when_acknowledged=True, saying=_STATUS_READ),
    0x3F: Duty(15.0),
    0x3D: Duty(15.0, frozenset((0x4D,)), when_acknowledged=True, saying=_RECORD_READ),
    0x3E: Duty(15.0, frozenset((0x4D,)), when_acknowledged=True, saying=_RECORD_READ),
    0x51: Duty(15.0, frozenset((0x1B,)), when_acknowledged=True),
    0x6A: Duty(0.8, frozenset((0x72, 0x74))),
    0x6B: Duty(0.8, frozenset((0x72, 0x74))),
    0x6F: Duty(5.0),
    0x69: Duty(15.0, frozenset((0x72,)), when_acknowledged=True, saying=_STATUS_READ),
    0xA0: Duty(5.0, frozenset((0xB6,)), saying=MappingProxyType({"host_status": 0x01})),
})  # fmt: skip


@dataclass(slots=True)
class Pending:
    """One exception that waits for its acknowledgement."""

    code: int
    values: Mapping[str, Any]
    serial: int = 0  # 0: it was heard, and is up only until its duty is done
    due: float = _NEVER  # a flag that was heard is told again from then on
    is_flag: bool = False
    is_settled: bool = False  # its duty was done before it was heard: it is told once


class ExceptionQueue:
    """What one port of a machine has to tell.

    Args:
        capacity: how many ordinary exceptions it keeps.
        secure_validation: enhanced or system validation is configured: 3D and 3E are flags.
        secure_handpays: secure handpay reporting: 51 and 52 are flags.
    """

    def __init__(
        self, capacity: int = CAPACITY, *, secure_validation: bool = False, secure_handpays: bool = False
    ) -> None:
        self._capacity = capacity
        self._flagged = {Priority.PRIORITY}
        if secure_validation:
            self._flagged.add(Priority.VALIDATION)
        if secure_handpays:
            self._flagged.add(Priority.HANDPAY)
        self._queue: deque[Pending] = deque()
        self._flags: dict[int, Pending] = {}
        self._serial = 0
        self._history: deque[History] = deque(maxlen=HISTORY_LIMIT)

    def __iter__(self) -> Iterator[Pending]:
        yield from self._flags.values()
        yield from self._queue

    def __len__(self) -> int:
        return len(self._queue) + sum(1 for flag in self._flags.values() if flag.serial)

    def raise_exception(
        self, code: int, now: float, values: Mapping[str, Any], *, told: Pending | None = None
    ) -> int:
        """Put an exception before the host; its serial number. `told` is being told just now.

        A flag that is up already and was not heard yet stays up: that is one exception, not two.
        """
        if self._is_flag(code):
            flag = self._flags.setdefault(code, Pending(code, values, is_flag=True))
            flag.values, flag.due, flag.is_settled = values, _NEVER, False
            return flag.serial or self._record(flag, now)
        if len(self._queue) >= self._capacity:
            self._overflow(now, told)
        pending = Pending(code, values)
        self._queue.append(pending)
        return self._record(pending, now)

    def head(self, now: float) -> Pending | None:
        """What to tell next."""
        for code in PRIORITY_ORDER if self._flags else ():
            flag = self._flags.get(code)
            if flag is not None and flag.due <= now:
                if not flag.serial:
                    self._record(flag, now, reissued=True)
                return flag
        return self._queue[0] if self._queue else None

    def delivered(self, pending: Pending, now: float) -> None:
        """The host has heard it."""
        self._history.append(Delivered(pending.serial, now))
        pending.serial = 0
        if not pending.is_flag:
            self._queue.remove(pending)
        elif self._flags.get(pending.code) is pending:
            duty = DUTIES.get(pending.code)
            if duty is None or pending.is_settled:
                del self._flags[pending.code]
            else:
                pending.due = now + duty.period

    def polled(self, poll: LongPollRequest, *, acknowledged: bool) -> None:
        """The host has sent a long poll, or acknowledged its answer: duties that ends are done."""
        for code in [*self._flags]:
            duty = DUTIES.get(code)
            if duty and duty.is_done_by(poll, acknowledged=acknowledged):
                self.settle(code)

    def settle(self, code: int) -> None:
        """A duty is done. A flag that was not heard yet is still told, once."""
        flag = self._flags.get(code)
        if flag is not None and flag.serial:
            flag.is_settled = True
        elif flag is not None:
            del self._flags[code]

    def history(self) -> list[History]:
        """What happened since last asked."""
        history = [*self._history]
        self._history.clear()
        return history

    def _is_flag(self, code: int) -> bool:
        row = EXCEPTIONS.get(code)
        return row is not None and (row.priority in self._flagged or code in ALWAYS_FLAGGED)

    def _record(self, pending: Pending, now: float, *, reissued: bool = False) -> int:
        self._serial += 1
        pending.serial = self._serial
        self._history.append(Raised(self._serial, pending.code, pending.values, now, reissued))
        return self._serial

    def _overflow(self, now: float, told: Pending | None) -> None:
        """Drop the oldest that is not being told, and say so."""
        oldest = next(pending for pending in self._queue if pending is not told)
        self._queue.remove(oldest)
        self._history.append(DroppedByOverflow(oldest.serial, oldest.code, now))
        if OVERFLOW not in self._flags:
            self.raise_exception(OVERFLOW, now, {})
