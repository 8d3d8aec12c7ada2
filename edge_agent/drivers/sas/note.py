"""The note: what a restarted host must know of the machine at its end.

First what saves asking with real-time events off, so that no game goes unheard in the meantime:
what the machine answers, and its denomination. Then what the meters should read by now, so that
a restart leaves no hole in the reconciliation. Last what the protocol needs: the poll that left
last, which has to be repeated before any other, and the event that was journalled last, by
which a repeat is recognised.

A note that is damaged, foreign or of another version is no note: the machine is asked afresh.

    version 1 | flags 2 | serial check 4 | epoch 4 | denomination 4 | unsupported polls 32 (a bit each) |
    raised conditions 8 (a bit each)
    for each account: flags 1 | before 5 | certain 4 | number of doubtful 1, each 4
    length 1, last poll | length 1, last event
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from edge_agent.drivers.sas.duties import LAST_BILL, TICKET_INFORMATION
from edge_agent.drivers.sas.profile import EXTENDED_METERS, FAST_POLLING
from edge_agent.drivers.sas.reconcile import Account, Accounts
from edge_agent.drivers.sas.sequences import SEQUENCES

VERSION = 2

# A note must fit NOTE_LIMIT_BYTES: with more doubtful events an account is written down as blind.
MOST_DOUBTFUL_NOTED = 2
MOST_NOTED = 2**32 - 1  # between two readings: an hour at a million credits a second
DIGITS_NOTED = 10**10  # of a meter: accounts compare no more of them
CONDITION_BYTES = 8
LONGEST_FRAME_BYTES = 30  # the longest poll a driver sends (ten extended meters) has 27, an event 15

_HEAD = struct.Struct("<BHIII32s8s")
_ACCOUNT = struct.Struct("<BIBIB")
_AMOUNT = struct.Struct("<I")

_HANDPAY, _STANDARD_VALIDATION, _PLAYING, _ROUGH = 0x01, 0x02, 0x40, 0x80
_MEMORY_DOUBTFUL = 0x100
_UNREAD = {LAST_BILL: 0x04, TICKET_INFORMATION: 0x08}
_FEATURES = {FAST_POLLING: 0x10, EXTENDED_METERS: 0x20}
_BLIND, _READ = 1, 2
_CONDITIONS = tuple(sequence.name for sequence in SEQUENCES)


@dataclass(frozen=True, slots=True)
class Note:
    """What is written down."""

    serial_check: int = 0  # of the machine that was interrogated; 0: none was
    features: tuple[str, ...] = ()  # those of its features that a driver acts on
    standard_validation: bool = False
    playing: bool = False  # a game is on
    rough: bool = False  # the line lost or changed characters lately
    unread: tuple[int, ...] = ()  # the polls that still have to read the amount of a bill or a ticket
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
    flags |= _STANDARD_VALIDATION * note.standard_validation | _MEMORY_DOUBTFUL * note.memory_doubtful
    flags |= sum(flag for command, flag in _UNREAD.items() if command in note.unread)
    flags |= sum(flag for feature, flag in _FEATURES.items() if feature in note.features)
    unsupported = sum(1 << command for command in note.unsupported).to_bytes(32, "little")
    raised = sum(1 << bit for bit, name in enumerate(_CONDITIONS) if name in note.conditions)
    head = _HEAD.pack(
        VERSION,
        flags,
        note.serial_check,
        note.epoch,
        note.denomination or 0,
        unsupported,
        raised.to_bytes(CONDITION_BYTES, "little"),
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
        version, flags, serial_check, epoch, denomination, unsupported, raised = self._take(_HEAD)
        if version != VERSION:
            raise ValueError(f"a note of version {version}")
        accounts = Accounts()
        for account in accounts.every():
            self._fill(account)
        accounts.handpay_pending = bool(flags & _HANDPAY)
        note = Note(
            serial_check=serial_check,
            features=tuple(feature for feature, flag in _FEATURES.items() if flags & flag),
            standard_validation=bool(flags & _STANDARD_VALIDATION),
            playing=bool(flags & _PLAYING),
            rough=bool(flags & _ROUGH),
            unread=tuple(command for command, flag in _UNREAD.items() if flags & flag),
            memory_doubtful=bool(flags & _MEMORY_DOUBTFUL),
            conditions=frozenset(
                name for bit, name in enumerate(_CONDITIONS) if int.from_bytes(raised, "little") >> bit & 1
            ),
            epoch=epoch,
            denomination=denomination or None,
            unsupported=_read_set(unsupported),
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


def _read_set(raw: bytes) -> frozenset[int]:
    bits = int.from_bytes(raw, "little")
    return frozenset(command for command in range(256) if bits >> command & 1)
