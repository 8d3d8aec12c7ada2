"""A line in virtual time: the SAS station at one end, a gaming machine at the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from edge_agent.drivers.sas import SasOptions, SasStation
from edge_agent.drivers.sas.vendors import vendors_of
from edge_agent.events import EventBody, Observation
from edge_agent.sas.machine import Elementary, MachineConnection
from edge_agent.sas.messages import GeneralPoll, LongPollRequest, Poll
from edge_agent.sas.meter_codes import METERS
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.station import DeviceIdentity

IDENTITY = DeviceIdentity("slot-1", "USD")
MODERN = {"features1": 0, "features2": 0x08, "features3": 0x01, "features4": 0}
METER_POLLS: Mapping[int, tuple[str, ...]] = {
    0x0F: ("cancelled_credits", "coin_in", "coin_out", "drop", "jackpot", "games_played"),
    0x19: ("coin_in", "coin_out", "drop", "jackpot", "games_played"),
    0x10: ("cancelled_credits",),
    0x11: ("coin_in",),
    0x12: ("coin_out",),
    0x13: ("drop",),
    0x14: ("jackpot",),
    0x15: ("games_played",),
    0x1A: ("current_credits",),
    0x1E: ("bills_1", "bills_5", "bills_10", "bills_20", "bills_50", "bills_100"),
    0x20: ("bills_value",),
    0x46: ("bills_credits",),
    0x47: ("external_coin_acceptor_credits",),
    0x49: ("stacker_bills",),
    0x4A: ("stacker_credits",),
}
OF_A_GAME: Mapping[int, tuple[str, ...]] = {
    0x2D: ("hand_paid_cancelled_credits",),
    0x52: ("coin_in", "coin_out", "jackpot", "games_played"),
}


@dataclass
class Cabinet:
    """What a machine answers: its meters, what it says it is, and what it does not know."""

    meters: dict[str, int] = field(default_factory=dict)
    features: Mapping[str, int] = field(default_factory=lambda: dict(MODERN))
    serial: str = "SN1"
    denomination: int = 0x01
    games: int = 1
    game: dict[str, Any] = field(default_factory=dict)  # what of 1F is not as usual
    silent: set[int] = field(default_factory=lambda: {0xB5, 0x56})
    busy: set[int] = field(default_factory=set)
    said: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def answer(self, poll: LongPollRequest, now: float) -> Any:  # noqa: ARG002  MachineAnswers
        command = poll.command
        self.asked.append(command)
        if command in self.silent:
            return None
        if command in self.busy:
            return Elementary.BUSY
        if command in OF_A_GAME:
            game = poll.values["game"]
            return {"game": game} | {name: self.meters.get(name, 0) for name in OF_A_GAME[command]}
        if command in METER_POLLS:
            return {name: self.meters.get(name, 0) for name in METER_POLLS[command]}
        if command in (0x2F, 0x6F, 0xAF):
            return self._selected(poll.values["meter_codes"])
        return self.said.get(command, self._what_it_is(command))

    def _selected(self, codes: tuple[int, ...]) -> Mapping[str, Any]:
        rows = (METERS[code] for code in codes)
        meters = tuple(MeterValue(row.code, self.meters.get(row.name, 0), row.size) for row in rows)
        return {"game": 0, "meters": meters}

    def _what_it_is(self, command: int) -> Mapping[str, Any] | None:
        game = {
            "game_id": "AC",
            "additional_id": "000",
            "denomination": self.denomination,
            "max_bet": 5,
            "progressive_group": 0,
            "game_options": 0,
            "paytable_id": "PT0001",
            "base_percent": "9450",
            **self.game,
        }
        known: Mapping[int, Mapping[str, Any]] = {
            0x54: {"version": "602", "serial": self.serial},
            0x1F: game,
            0xA0: {"game": 0, **self.features, "reserved": b"\x00\x00"},
            0x51: {"games_implemented": self.games},
            0x56: {"games": (1,)},
            0xB5: {
                "game": 0,
                "max_bet": 5,
                "progressive_group": 0,
                "progressive_levels": 0,
                "game_name": "Reels",
                "paytable_name": "PT0001",
                "wager_categories": 0,
            },
            0x53: {"game": 1, **game},
            0x1B: {
                "progressive_group": 0,
                "level": 0,
                "amount": 0,
                "partial_pay": 0,
                "reset_id": 0,
                "session_win": 0,
                "session_pay": 0,
            },
            0x85: {"progressive_group": 0, "level": 0, "amount_cents": 0},
            0xB1: {"denomination": self.denomination},
            0xB2: {"denominations": (self.denomination,)},
            0xB3: {"token_denomination": 0},
            0x55: {"game": 1},
            0x84: {"progressive_group": 0, "level": 0, "amount_cents": 0},
            0x7E: {"date": "07042026", "time": "123000"},
            0x48: {"country": 37, "denomination_code": 0, "count": 0},
            0x4F: {"status": 0, "percent_full": 0xFF},
            0x3D: {"validation_number": "00000000", "amount_cents": 0},
        }
        return known.get(command)


class RefusingMachine(MachineConnection):
    """A machine that may say 81 for "not now"."""

    refuses_until = float("-inf")

    def _says_instead(self, poll: Poll, now: float) -> bytes | None:
        return b"\x81" if isinstance(poll, GeneralPoll) and now < self.refuses_until else None


class Talk:
    """Drives a station as a line does, and the machine at the other end."""

    def __init__(self, options: SasOptions, note: bytes = b"") -> None:
        self.now = 100.0
        self.cabinet = Cabinet()
        self.machine = RefusingMachine(1, self.cabinet)
        self.options = options
        self.note = note
        self.journal: list[Observation] = []
        self.to_machine = self.to_host = True  # whether the wire carries that way
        self.written: list[bytes] = []
        self.station = SasStation(IDENTITY, options, note, vendors_of(options.vendor))
        self.station.link_opened(self.now)

    @property
    def bodies(self) -> list[EventBody]:
        """What was journalled, in order."""
        return [observation.body for observation in self.journal]

    @property
    def types(self) -> list[str]:
        """The types of what was journalled, without their common beginning."""
        return [body.event_type.removeprefix("floor.") for body in self.bodies]

    def of(self, kind: type[Any]) -> list[Any]:
        """What was journalled of one kind."""
        return [body for body in self.bodies if isinstance(body, kind)]

    def restart(self) -> None:
        """The collector was killed; another begins from the note."""
        self.station = SasStation(IDENTITY, self.options, self.note, vendors_of(self.options.vendor))
        self.station.link_opened(self.now)

    def meet(self) -> None:
        """Run until the machine is known and its meters were read; forget what was journalled."""
        self.run_for(20)
        self.journal.clear()
        self.cabinet.asked.clear()

    def run_for(self, seconds: float) -> None:
        """Let the line run."""
        until = self.now + seconds
        while self.now < until:
            self._step(until)

    def refuse_for(self, seconds: float) -> None:
        """The machine says 81 to general polls for a while, and takes nothing in."""
        self.machine.refuses_until = self.now + seconds

    def raise_exception(self, code: int, **values: Any) -> None:
        """Something happens at the machine."""
        self.machine.raise_exception(code, self.now, values)

    def _step(self, until: float) -> None:
        self.station.handle_timer(self.now)
        self.journal += self.station.take_observations()
        data = self.station.data_to_send(self.now)
        self.note = self.station.note()
        if data:
            self.written.append(data)
        if data and self.to_machine:
            self.machine.receive_data(data, self.now)
        self.machine.handle_timer(self.now)
        dues = (self.station.next_timer(), self.machine.next_timer(), self.now + 0.25, until)
        self.now = max(self.now + 0.001, min(due for due in dues if due is not None))
        self.machine.handle_timer(self.now)
        answer = self.machine.data_to_send(self.now)
        if answer and self.to_host:
            self.station.receive_data(answer, self.now)


@pytest.fixture
def start() -> Callable[..., Talk]:
    """Begin a conversation with the options given."""

    def begin(note: bytes = b"", **options: Any) -> Talk:
        return Talk(SasOptions(**options), note)

    return begin


@pytest.fixture
def talk() -> Talk:
    """A conversation with a machine that has been met, real-time events on."""
    conversation = Talk(SasOptions())
    conversation.meet()
    assert conversation.machine.real_time
    return conversation


@pytest.fixture
def one_byte_talk() -> Talk:
    """The same with real-time events off."""
    conversation = Talk(SasOptions(real_time_events="off"))
    conversation.meet()
    return conversation


@pytest.fixture
def primary_talk() -> Talk:
    """The same where nobody else polls the machine."""
    conversation = Talk(SasOptions(role="primary"))
    conversation.meet()
    return conversation
