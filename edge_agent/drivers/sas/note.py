"""The note: what a restarted host must know of the machine at its end.

First what saves asking with real-time events off, so that no game goes unheard in the meantime: what the
machine answers and can do, its denomination, and in which role it was asked. Then what its exceptions call
for and was not asked yet. Then what the meters should read by now, so that a restart leaves no hole in the
reconciliation. Last what the protocol needs: the poll that left last, which has to be repeated before any
other, and the event that was journalled last, by which a repeat is recognised.

A note that is damaged, foreign or of another version is no note: the machine is asked afresh.

    version 1 | flags 2 | serial check 4 | epoch 4 | denomination 4 | features 4 | wanted reads 4 (a bit each)
    | unsupported polls 32 (a bit each) | raised conditions 8 (a bit each)
    for each account: flags 1 | before 5 | certain 4 | number of doubtful 1, each 4
    length 1, last poll | length 1, last event
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from edge_agent.drivers.sas.duties import READS
from edge_agent.drivers.sas.profile import FeatureBytes
from edge_agent.drivers.sas.reads import Read
from edge_agent.drivers.sas.reconcile import Account, Accounts
from edge_agent.drivers.sas.roles import OBSERVER, PRIMARY, Role
from edge_agent.drivers.sas.sequences import SEQUENCES

# Rises with every change of the layout, and of what the duties read.
VERSION = 4

# A note must fit NOTE_LIMIT_BYTES: with more doubtful events an account is written down as blind.
MOST_DOUBTFUL_NOTED = 2
MOST_NOTED = 2**32 - 1  # between two readings: an hour at a million credits a second
DIGITS_NOTED = 10**10  # of a meter: accounts compare no more of them
CONDITION_BYTES = 8
LONGEST_FRAME_BYTES = 30  # the longest poll a driver sends (ten extended meters) has 27, an event 15

_HEAD = struct.Struct("<BHIII4sI32s8s")
_ACCOUNT = struct.Struct("<BIBIB")
_AMOUNT = struct.Struct("<I")

_HANDPAY, _PRIMARY, _FEATURES_KNOWN, _PLAYING, _ROUGH = 0x01, 0x02, 0x04, 0x40, 0x80
_MEMORY_DOUBTFUL, _IN_SESSION = 0x100, 0x200
_BLIND, _READ = 1, 2
_CONDITIONS = tuple(sequence.name for sequence in SEQUENCES)


@dataclass(frozen=True, slots=True)
class Note:
    """What is written down."""

    serial_check: int = 0  # of the machine that was interrogated; 0: none was
    role: Role = OBSERVER  # in which it was
    features: FeatureBytes | None = None  # what it said of them
    wanted: tuple[Read, ...] = ()  # what exceptions called for, and was not asked yet
    playing: bool = False  # a game is on
    in_session: bool = False  # a player's session is on
    rough: bool = False  # the line lost or changed characters lately
    memory_doubtful: bool = False  # an error of the machine's memory was told, and no meters were read since
    conditions: frozenset[str] = frozenset()  # what is raised at the machine
    epoch: int = 0
    denomination: int | None = None  # ten-thousandths of a currency unit
    unsupported: frozenset[int] = frozenset()
    accounts: Accounts = field(default_factory=Accounts)
    last_poll: bytes = b""
    last_event: bytes = b""


def write_body(note: Note) -> bytes:
    """All but the two frames: it changes seldom, so a station keeps it."""
    flags = _HANDPAY * note.accounts.handpay_pending | _PLAYING * note.playing | _ROUGH * note.rough
    flags |= _PRIMARY * (note.role == PRIMARY) | _MEMORY_DOUBTFUL * note.memory_doubtful
    flags |= _IN_SESSION * note.in_session
    flags |= _FEATURES_KNOWN * (note.features is not None)
    head = _HEAD.pack(
        VERSION,
        flags,
        note.serial_check,
        note.epoch,
        note.denomination or 0,
        bytes(note.features or 4),
        _bits(READS.index(read) for read in note.wanted),
        _bits(note.unsupported).to_bytes(32, "little"),
        _bits(_CONDITIONS.index(name) for name in note.conditions).to_bytes(CONDITION_BYTES, "little"),
    )
    return head + b"".join(_write_account(account) for account in note.accounts.every())


def write_note(body: bytes, last_poll: bytes, last_event: bytes) -> bytes:
    """A note, from what `write_body` made and the two frames."""
    return b"".join((body, _write_frame(last_poll), _write_frame(last_event)))


def read_note(raw: bytes) -> Note:
    """The note in `raw`; an empty one if it is damaged, foreign or of another version."""
    try:
        return _Reader(raw).note()
    except (struct.error, IndexError, ValueError):
        return Note()


def _write_account(account: Account) -> bytes:
    noted = account.doubtful if len(account.doubtful) <= MOST_DOUBTFUL_NOTED else []
    blind = account.blind or len(noted) != len(account.doubtful) or account.certain > MOST_NOTED
    flags = _BLIND * blind | _READ * (account.before is not None)
    high, low = divmod((account.before or 0) % DIGITS_NOTED, 2**32)
    head = _ACCOUNT.pack(flags, low, high, min(account.certain, MOST_NOTED), len(noted))
    return head + b"".join(_AMOUNT.pack(amount) for amount in noted)


def _write_frame(frame: bytes) -> bytes:
    kept = frame if len(frame) <= LONGEST_FRAME_BYTES else b""
    return bytes((len(kept),)) + kept


class _Reader:
    """Takes a note apart from the front."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def note(self) -> Note:
        version, flags, serial_check, epoch, denomination, *rest = self._take(_HEAD)
        features, wanted, unsupported, raised = rest
        if version != VERSION:
            raise ValueError(f"a note of version {version}")
        accounts = Accounts()
        for account in accounts.every():
            self._fill(account)
        accounts.handpay_pending = bool(flags & _HANDPAY)
        note = Note(
            serial_check=serial_check,
            role=PRIMARY if flags & _PRIMARY else OBSERVER,
            features=tuple(features) if flags & _FEATURES_KNOWN else None,
            wanted=tuple(READS[index] for index in _set_in(wanted)),
            playing=bool(flags & _PLAYING),
            in_session=bool(flags & _IN_SESSION),
            rough=bool(flags & _ROUGH),
            memory_doubtful=bool(flags & _MEMORY_DOUBTFUL),
            conditions=frozenset(_CONDITIONS[index] for index in _set_in(int.from_bytes(raised, "little"))),
            epoch=epoch,
            denomination=denomination or None,
            unsupported=frozenset(_set_in(int.from_bytes(unsupported, "little"))),
            accounts=accounts,
            last_poll=self._frame(),
            last_event=self._frame(),
        )
        if self._at != len(self._raw):
            raise ValueError("a note with something behind it")
        return note

    def _take(self, layout: struct.Struct) -> tuple[Any, ...]:
        fields = layout.unpack_from(self._raw, self._at)
        self._at += layout.size
        return fields

    def _frame(self) -> bytes:
        length = self._raw[self._at]
        start, self._at = self._at + 1, self._at + 1 + length
        if self._at > len(self._raw) or length > LONGEST_FRAME_BYTES:
            raise ValueError("a note cut short")
        return self._raw[start : self._at]

    def _fill(self, account: Account) -> None:
        flags, low, high, account.certain, doubtful = self._take(_ACCOUNT)
        account.before = high << 32 | low if flags & _READ else None
        account.blind = bool(flags & _BLIND)
        account.doubtful = [self._take(_AMOUNT)[0] for _ in range(doubtful)]


def _bits(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in numbers)


def _set_in(bits: int) -> list[int]:
    """The numbers of the bits that are set, lowest first."""
    return [number for number in range(bits.bit_length()) if bits >> number & 1]
