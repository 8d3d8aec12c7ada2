"""Retelling: the events of a capture, the same on every run, on every machine, in every version.

What is told is what the bytes say: exceptions and what they carry, bills and tickets that were read, lines
that went and came back, bytes that made no sense. What an agent concludes, or asks by its own schedule, is
left out: who the machine is, snapshots of meters. Another version concludes more, and asks otherwise.

The identity of an event is `<capture>/<number>`; the capture's is made of its times and lengths, so that
masking changes nothing. The moments are those of the capture, and nothing here looks at a clock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from edge_agent.cabinet.listening import Listener, messages_of
from edge_agent.drivers.sas.mishaps import Mishaps
from edge_agent.drivers.sas.normalise import MoneyRules, bill_recorded, normalise, ticket_recorded
from edge_agent.errors import ConfigurationError
from edge_agent.events import ClockQuality, ClockReading, EventBody, Observation, identify, seal
from edge_agent.events.agent import LineDown, LineUp
from edge_agent.links.capture import FROM_DEVICE, TO_DEVICE, Capture, Travelled
from edge_agent.sas import WakeupDecoder
from edge_agent.sas.code_tables import DENOMINATIONS
from edge_agent.sas.host_events import (
    Answered,
    ExceptionReported,
    GarbageHeard,
    HostEvent,
    MachineFound,
    MachineLost,
)
from edge_agent.sas.messages import LAST_ADDRESS, LongPollRequest
from edge_agent.station import DeviceIdentity

MACHINE_INFORMATION, LAST_BILL, CASH_OUT_TICKET = 0x1F, 0x48, 0x3D

# 26 characters of the alphabet that leaves out what looks alike. Every version names a capture the same.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID_CHARACTERS = 26

BOOT = "capture"


def retell(capture: Capture, *, device: str | None = None, currency: str = "USD") -> Iterator[bytes]:
    """The events of a capture, as they would be published, one JSON object each.

    Args:
        capture: what travelled.
        device: the subject; machine-01 and so on by address if left out.
        currency: ISO 4217; SAS does not say it.
    """
    name = capture_id(capture)
    clock = ClockReading(
        utc=began_at(capture.about) or 0.0, monotonic=0.0, boot_id=BOOT, quality=ClockQuality.UNKNOWN
    )
    for number, observation in enumerate(_observations(capture, device, currency), start=1):
        yield identify(seal(observation, clock, f"/capture/{name}"), name, number)


def check_currency(currency: str) -> None:
    """Raise ConfigurationError for what is no ISO 4217 code."""
    if re.fullmatch("[A-Z]{3}", currency) is None:
        raise ConfigurationError(f"currency {currency[:20]!r} is none", "give three letters, such as USD")


def capture_id(capture: Capture) -> str:
    """What names a capture: when how much travelled, which masking leaves as it is."""
    digest = hashlib.sha256()
    decoders = {TO_DEVICE: WakeupDecoder(), FROM_DEVICE: WakeupDecoder()}
    for entry in capture.entries:
        characters = len(decoders[entry.direction].feed(entry.data))
        digest.update(f"{entry.at:.6f} {entry.direction} {characters}\n".encode())
    number = int.from_bytes(digest.digest())
    return "".join(_ALPHABET[number >> 5 * place & 0x1F] for place in range(_ID_CHARACTERS))


def began_at(about: Mapping[str, str]) -> float | None:
    """When a capture began, in seconds since 1970; None where it does not say. Raises ConfigurationError."""
    began = about.get("began")
    if began is None:
        return None
    try:
        return datetime.fromisoformat(began).timestamp()
    except ValueError as error:
        raise ConfigurationError(
            f"the capture began at {began[:40]!r}, which is no moment", "write it as 2026-03-01T09:30:00.250Z"
        ) from error


def _observations(capture: Capture, device: str | None, currency: str) -> Iterator[Observation]:
    tellers: dict[int, _Teller] = {}
    asked: _Teller | None = None  # whose turn it is to answer
    for entry in capture.entries:
        for address in _addressed(entry):
            if address not in tellers:
                identity = DeviceIdentity(device or f"machine-{address:02}", currency)
                tellers[address] = _Teller(Listener(address), identity)
            asked = tellers[address]
        for teller in tellers.values():
            teller.take(entry, mine=teller is asked)
            yield from teller.told()
    for teller in tellers.values():
        teller.end(capture.entries[-1].at)
        yield from teller.told()


def _addressed(entry: Travelled) -> list[int]:
    """The machines that a host speaks to."""
    if entry.direction != TO_DEVICE:
        return []
    heads = [message[0] & LAST_ADDRESS for message in messages_of(entry.data)]
    return [address for address in dict.fromkeys(heads) if address]


class _Teller:
    """What one machine tells."""

    def __init__(self, listener: Listener, identity: DeviceIdentity) -> None:
        self._listener = listener
        self._identity = identity
        self._denomination: int | None = None  # in ten-thousandths of a currency unit
        self._mishaps = Mishaps(identity.subject)
        self._lost_at: float | None = None
        self._told: list[Observation] = []

    def told(self) -> list[Observation]:
        """What was told since last asked."""
        told, self._told = self._told, []
        return told

    def take(self, entry: Travelled, *, mine: bool) -> None:
        """One write or read; `mine` if this machine was asked last."""
        self._listener.pass_time(entry.at)
        if entry.direction == TO_DEVICE:
            for message in messages_of(entry.data):
                self._listener.overhear(message, entry.at)
        elif mine:
            self._listener.receive_data(entry.data, entry.at)
        self._tell(entry.at)

    def end(self, now: float) -> None:
        """Nothing more travelled."""
        self._listener.pass_time(now + 1.0)
        self._tell(now)
        report = self._mishaps.report(float("inf"))
        if report is not None:
            self._say(report, now)

    def _tell(self, now: float) -> None:
        for event in self._listener.events():
            self._on(event, now)
        report = self._mishaps.report(now)
        if report is not None:
            self._say(report, now)

    def _on(self, event: HostEvent, now: float) -> None:
        rules = MoneyRules.of(self._identity, self._denomination)
        match event:
            case ExceptionReported():
                self._say(normalise(event, rules), now)
            case Answered(poll=LongPollRequest(command=command), values=values):
                if command == MACHINE_INFORMATION:
                    self._denomination = DENOMINATIONS.get(values["denomination"])
                elif command == LAST_BILL:
                    self._say(bill_recorded(values, rules), now)
                elif command == CASH_OUT_TICKET:
                    self._say(ticket_recorded(values, rules), now)
            case GarbageHeard(reason=reason):
                self._mishaps.count(reason, now)
            case MachineFound():
                silent = 0.0 if self._lost_at is None else now - self._lost_at
                self._say(LineUp(line=self._identity.subject, silent_seconds=round(silent, 3)), now)
            case MachineLost(silent_for=silent_for, heard=heard):
                self._lost_at = now - silent_for
                reason = heard or f"silent for {silent_for:.1f} s"
                self._say(LineDown(line=self._identity.subject, reason=reason), now)
            case _:
                pass

    def _say(self, body: EventBody, now: float) -> None:
        self._told.append(Observation(self._identity.subject, now, body))
