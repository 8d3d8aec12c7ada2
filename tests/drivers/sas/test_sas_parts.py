"""The meters of single games and denominations: which, when, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from edge_agent.drivers.sas.parts import (
    CODES,
    FIRST_GAP_SECONDS,
    GAME_METERS,
    MOST_FAILURES,
    MOST_PARTS,
    MULTI_DENOMINATION,
    Part,
    PartReader,
    parts_of,
)
from edge_agent.drivers.sas.profile import EXTENDED_METERS, MachineProfile
from edge_agent.events import EventBody
from edge_agent.events.slot import MeterBackwards, MeterEpochBegan, MetersRead, PartMetersRead
from edge_agent.sas.effects import Effect, effect_of
from edge_agent.sas.messages import LongPollRequest, encode_poll
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.station import DeviceIdentity

Start = Callable[..., Any]

TWO_GAMES = MachineProfile(denomination=100, games_implemented=2)
TWO_DENOMINATIONS = MachineProfile(denomination=100, player_denominations=(1, 4), features=(EXTENDED_METERS,))
ROUND = 900.0


class Reader:
    """A reader of parts, and what it told."""

    def __init__(self, profile: MachineProfile) -> None:
        self.profile = profile
        self.parts = PartReader(1, DeviceIdentity("slot-1", "USD"), ROUND)
        self.now = 100.0
        self.epoch = 0

    def asks(self) -> LongPollRequest | None:
        return next(self.parts.requests(self.profile, self.now), None)

    def hear(self, poll: LongPollRequest, values: Mapping[str, Any]) -> list[EventBody]:
        return self.parts.answered(poll, values, self.profile, self.epoch, self.now)

    def read(self, seconds: float = ROUND, **meters: int) -> list[Any]:
        """Let time pass, and answer what is asked."""
        self.now += seconds
        poll = self.asks()
        assert poll is not None
        if poll.command == GAME_METERS:
            zero = {"coin_in": 0, "coin_out": 0, "jackpot": 0, "games_played": 0}
            return self.hear(poll, {"game": poll.values["game"], **zero, **meters})
        values = tuple(MeterValue(code, meters.get("coin_in", 0) * (code == 0), 5) for code in CODES)
        head = {name: poll.values[name] for name in ("denomination", "base_command")}
        return self.hear(poll, {**head, "base": {"game": 0, "meters": values}})


def changes(body: PartMetersRead) -> tuple[int | None, str, int | None]:
    """Which game's coin in, and what it did."""
    coin_in = next(meter for meter in body.meters if meter.name == "coin_in")
    return body.game, coin_in.change, coin_in.delta


@pytest.mark.parametrize(
    ("profile", "parts"),
    [
        (MachineProfile(), ()),
        (MachineProfile(games_implemented=1), ()),
        (TWO_GAMES, (Part(game=1), Part(game=2))),
        (MachineProfile(games_implemented=9, enabled_games=(2, 7)), (Part(game=2), Part(game=7))),
        (TWO_GAMES.without(GAME_METERS), ()),
        (TWO_DENOMINATIONS, (Part(denomination=1), Part(denomination=4))),
        (MachineProfile(player_denominations=(1, 0x3F)), ()),
        (TWO_DENOMINATIONS.without(MULTI_DENOMINATION), ()),
    ],
)
def test_a_machine_has_parts_where_it_has_several_and_tells_of_them(
    profile: MachineProfile, parts: tuple[Part, ...]
) -> None:
    assert parts_of(profile) == parts


def test_the_parts_of_a_library_are_bounded() -> None:
    whole = MachineProfile(games_implemented=500, player_denominations=tuple(range(1, 0x1F)) * 3)

    assert len(parts_of(whole)) == MOST_PARTS


@pytest.mark.parametrize("profile", [TWO_GAMES, TWO_DENOMINATIONS])
def test_what_is_asked_reads_and_fits_a_note(profile: MachineProfile) -> None:
    poll = Reader(profile).asks()

    assert poll is not None
    assert effect_of(poll) is Effect.READS
    assert len(encode_poll(poll)) <= 30


def test_a_denomination_is_asked_for_selected_meters_where_there_are_no_extended_ones() -> None:
    reader = Reader(MachineProfile(denomination=100, player_denominations=(1, 4)))

    poll = reader.asks()

    assert poll is not None
    assert poll.values["base_command"] == 0x2F


def test_the_first_round_is_fast_and_then_parts_are_spread() -> None:
    reader = Reader(TWO_GAMES)
    reader.read(0)

    reader.now += FIRST_GAP_SECONDS - 0.1
    assert reader.asks() is None
    reader.read(0.1)
    reader.now += ROUND / 2 - 0.1
    assert reader.asks() is None
    reader.now += 0.1
    assert reader.asks() is not None


def test_parts_take_turns() -> None:
    reader = Reader(TWO_GAMES)

    assert [changes(reader.read(coin_in=5)[0])[0] for _ in range(4)] == [1, 2, 1, 2]


def test_a_part_has_its_own_progress() -> None:
    reader = Reader(TWO_GAMES)

    told = [changes(reader.read(coin_in=value)[0]) for value in (50, 7, 53, 7, 60, 9)]

    assert told == [
        (1, "first", None),
        (2, "first", None),
        (1, "rose", 3),
        (2, "rose", 0),
        (1, "rose", 7),
        (2, "rose", 2),
    ]


def test_a_denomination_is_told_with_what_it_is_worth() -> None:
    reader = Reader(TWO_DENOMINATIONS)

    (first,), (second,) = reader.read(coin_in=5), reader.read(coin_in=9)

    assert [(one.denomination, one.game, one.accounting_denomination) for one in (first, second)] == [
        ("0.01", None, "0.01"),
        ("0.25", None, "0.01"),
    ]
    assert {meter.digits for meter in first.meters} == {10}


def test_a_game_whose_meters_stepped_down_is_told_of_and_is_not_a_clear() -> None:
    """Quirk 21: they may be lower after a game was removed."""
    reader = Reader(TWO_GAMES)
    for value in (5_000, 7):
        reader.read(coin_in=value)

    read, fell = reader.read(coin_in=4_000)

    assert changes(read) == (1, "backwards", None)
    assert isinstance(fell, MeterBackwards)
    assert (fell.game, fell.before, fell.after) == (1, 5_000, 4_000)


def test_a_game_with_another_paytable_is_another_game() -> None:
    reader = Reader(TWO_GAMES)
    reader.profile = reader.profile.learn(0x53, {"game": 1, "paytable_id": "PT0001"})
    for value in (5_000, 7):
        reader.read(coin_in=value)
    reader.profile = reader.profile.learn(0x53, {"game": 1, "paytable_id": "PT0002"})

    (read,) = reader.read(coin_in=4)

    assert changes(read) == (1, "first", None)
    assert read.paytable_id == "PT0002"


def test_a_new_epoch_is_one_of_every_part() -> None:
    reader = Reader(TWO_GAMES)
    for value in (5_000, 7):
        reader.read(coin_in=value)
    reader.epoch = 1

    assert changes(reader.read(coin_in=5_001)[0]) == (1, "first", None)


def test_a_part_that_is_not_answered_makes_way_for_the_next_and_is_given_up() -> None:
    reader = Reader(TWO_GAMES)
    asked = []
    for _ in range(2 * MOST_FAILURES + 3):
        reader.now += ROUND
        poll = reader.asks()
        assert poll is not None
        asked.append(poll.values["game"])
        if poll.values["game"] == 1:
            reader.parts.gave_up(poll, reader.profile, reader.now)
        else:
            reader.hear(poll, {"game": 2, "coin_in": 0, "coin_out": 0, "jackpot": 0, "games_played": 0})

    assert asked.count(1) == MOST_FAILURES
    assert set(asked[-3:]) == {2}
    reader.parts.met()
    assert {changes(reader.read()[0])[0] for _ in range(2)} == {1, 2}


@pytest.mark.parametrize("answer", [{"base_command": 0, "error_code": 1}, {"base": {"busy": True}}])
def test_a_denomination_the_machine_cannot_tell_of_is_passed_over(answer: Mapping[str, Any]) -> None:
    reader = Reader(TWO_DENOMINATIONS)
    poll = reader.asks()
    assert poll is not None

    assert reader.hear(poll, {"denomination": 1, **answer}) == []
    assert reader.asks() is None


def test_an_answer_nobody_of_the_parts_asked_for_is_not_theirs() -> None:
    reader = Reader(TWO_GAMES)

    assert reader.hear(LongPollRequest(1, GAME_METERS, {"game": 1}), {"game": 1, "coin_in": 5}) == []
    reader.parts.gave_up(LongPollRequest(1, 0x1A), TWO_GAMES, 100.0)
    assert reader.asks() is not None


def test_the_games_of_a_machine_are_read_beside_its_meters(start: Start) -> None:
    talk = start(part_meters_seconds=60)
    talk.cabinet.games = 3
    talk.run_for(40)
    for _ in range(3):
        talk.cabinet.meters["coin_in"] = talk.cabinet.meters.get("coin_in", 0) + 5
        talk.run_for(60)

    read = talk.of(PartMetersRead)
    assert {one.game for one in read} == {1, 2, 3}
    assert len(read) == pytest.approx(3 + 9, abs=3)
    assert {changes(one)[1] for one in read} == {"first", "rose"}
    assert talk.of(MeterEpochBegan) == []
    assert talk.of(MetersRead)[0].settled


def test_a_machine_with_one_game_is_not_asked_for_its_parts(talk: Any) -> None:
    talk.run_for(30)

    assert talk.of(PartMetersRead) == []
