"""Meter polls: those of nothing but meters in their places, then the meters a host selects.

The rows of the codec's tables name the meters, so there is nothing to say about them one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from edge_agent.sas.fields import fixed_size
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.meter_codes import METERS
from edge_agent.sas.meter_fields import METERS_A_POLL, MeterValue, table_size
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.machine_meters import GAME_METERS, denomination_meter, meter
from edge_agent.simulator.polls.row import Answer, Answers, Values, game_of

# command -> (meter, where it rolls over)
_Places = tuple[tuple[str, int], ...]


def _places(command: int) -> _Places:
    fields = (field for field in LONG_POLLS[command].reply if field.name != "game")
    return tuple((field.name, 100 ** (fixed_size((field,)) or 0)) for field in fields)


_OF_MACHINE: Mapping[int, _Places] = MappingProxyType({
    command: _places(command)
    for command in (
        0x0F, *range(0x10, 0x1B), 0x1C, 0x1D, 0x1E, 0x20, 0x27, 0x2A, 0x2B, 0x2C, *range(0x31, 0x3D),
        *range(0x3E, 0x48), 0x49, 0x4A,
    )
})  # fmt: skip
_OF_GAME: Mapping[int, _Places] = MappingProxyType(
    {command: _places(command) for command in (0x2D, 0x52, 0x83, *range(0x95, 0x9B))}
)


def _machine_meters(wanted: _Places) -> Callable[[Cabinet, Values], Answer]:
    """Meters in their places. A lone meter the machine does not keep is silence, in a group it is zero."""

    def answer(cabinet: Cabinet, _: Values) -> Answer:
        values = {name: (meter(cabinet, name), modulus) for name, modulus in wanted}
        if len(wanted) == 1 and values[wanted[0][0]][0] is None:
            return None
        return {name: (value or 0) % modulus for name, (value, modulus) in values.items()}

    return answer


def _game_meters(wanted: _Places) -> Callable[[Cabinet, Values], Answer]:
    """Meters of one game, or of the whole machine for game 0."""

    def answer(cabinet: Cabinet, request: Values) -> Answer:
        if game_of(cabinet, request) is None:
            return None
        number, accounts = request["game"], cabinet.accounts
        account = accounts.games[number - 1] if number else accounts
        return {"game": number, **{name: GAME_METERS[name](account) % modulus for name, modulus in wanted}}

    return answer


def _selected(cabinet: Cabinet, request: Values, *, sized: bool, denomination: int = 0) -> Values:
    """The meters asked for, each as wide as this machine makes it."""
    game = request["game"]
    codes = request["meter_codes"][:METERS_A_POLL] if game <= len(cabinet.spec.games) else ()
    width = cabinet.spec.extended_value_bytes if sized else 0
    meters = []
    for code in codes:
        value = _value(cabinet, code, game, denomination)
        if value is not None:
            size = width or table_size(code)
            meters.append(MeterValue(code, value % 100**size, size))
        elif sized and cabinet.spec.shows_missing_meters:
            meters.append(MeterValue(code, 0, 0))
    return {"game": game, "meters": tuple(meters)}


def _value(cabinet: Cabinet, code: int, game: int, denomination: int) -> int | None:
    if code not in METERS:
        return None
    if denomination:
        return denomination_meter(cabinet, METERS[code].name, denomination)
    return meter(cabinet, METERS[code].name, game)


def _selectable_meters(cabinet: Cabinet, request: Values) -> Answer:
    return _selected(cabinet, request, sized=False)


def _extended_meters(cabinet: Cabinet, request: Values) -> Answer:
    return _selected(cabinet, request, sized=True)


def denomination_meters(cabinet: Cabinet, command: int, request: Values, denomination: int) -> Values:
    """The same polls, of what was played at one denomination."""
    if command in _OF_MACHINE:
        return {
            name: (denomination_meter(cabinet, name, denomination) or 0) % modulus
            for name, modulus in _OF_MACHINE[command]
        }
    return _selected(cabinet, request, sized=command != 0x2F, denomination=denomination)


METER_ANSWERS: Answers = MappingProxyType({
    **{command: _machine_meters(places) for command, places in _OF_MACHINE.items()},
    **{command: _game_meters(places) for command, places in _OF_GAME.items()},
    0x2F: _selectable_meters,
    0x6F: _extended_meters,
    0xAF: _extended_meters,
})  # fmt: skip
