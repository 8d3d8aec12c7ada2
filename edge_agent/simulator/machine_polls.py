"""What a simulated machine answers to long polls: everything out of one consistent state.

The polls of nothing but meters come first: their rows in the codec's tables name the meters, so
there is nothing to say about them one by one. Then the selectable meters, then one row a command.
None is silence, which is how a machine says that it does not know a poll, a game or a meter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from edge_agent.sas.fields import fixed_size
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.meter_codes import METERS
from edge_agent.sas.meter_fields import METERS_A_POLL, MeterValue, table_size
from edge_agent.simulator.cabinet import EVENT_METER_MODULUS, Cabinet
from edge_agent.simulator.machine_meters import GAME_METERS, meter
from edge_agent.simulator.specification import BILL_CODES, US_DOLLARS, GameSpec, MachineSpec

Values = Mapping[str, Any]

# A bet or a game that does not fit its byte says FF.
MOST_IN_A_BYTE = 0xFF

# A0 of a machine with no jackpot multiplier, no AFT, standard validation and no ticket redemption.
WON_CREDITS_METERED_WHEN_WON = 0x01
TICKETS_TO_DROP = 0x04
EXTENDED_METERS = 0x08
MULTI_DENOMINATION = 0x80
FAST_POLLING = 0x01

# Coins nobody plays with any more, which the hopper still counts.
HOPPER_LEVEL, HOPPER_PERCENT, HOPPER_OK = 1_200, 60, 0x00


# command -> (meter, where it rolls over), of the polls that answer with nothing but meters
_METER_POLLS: Mapping[int, tuple[tuple[str, int], ...]] = MappingProxyType({
    command: tuple((field.name, 100 ** (fixed_size((field,)) or 0)) for field in LONG_POLLS[command].reply)
    for command in (
        0x0F, *range(0x10, 0x1B), 0x1C, 0x1E, 0x20, 0x2A, 0x2B, *range(0x31, 0x3D), *range(0x3E, 0x47),
        0x49, 0x4A,
    )
})  # fmt: skip


def _answer_meters(cabinet: Cabinet, command: int) -> Values | None:
    """Meters in their places. A lone meter the machine does not keep is silence, in a group it is zero."""
    wanted = _METER_POLLS[command]
    values = {name: (meter(cabinet, name), modulus) for name, modulus in wanted}
    if len(wanted) == 1 and values[wanted[0][0]][0] is None:
        return None
    return {name: (value or 0) % modulus for name, (value, modulus) in values.items()}


def _selected(cabinet: Cabinet, request: Values, *, sized: bool) -> Values:
    """The meters asked for, each as wide as this machine makes it."""
    game = request["game"]
    codes = request["meter_codes"][:METERS_A_POLL] if game <= len(cabinet.spec.games) else ()
    width = cabinet.spec.extended_value_bytes if sized else 0
    meters = []
    for code in codes:
        value = meter(cabinet, METERS[code].name, game) if code in METERS else None
        if value is not None:
            size = width or table_size(code)
            meters.append(MeterValue(code, value % 100**size, size))
        elif sized and cabinet.spec.shows_missing_meters:
            meters.append(MeterValue(code, 0, 0))
    return {"game": game, "meters": tuple(meters)}


# -- the other polls -------------------------------------------------------------------------


def _machine(spec: MachineSpec, game: GameSpec) -> Values:
    return {
        "game_id": spec.game_id,
        "additional_id": spec.additional_id,
        "denomination": spec.denomination_code,
        "max_bet": min(game.max_bet, MOST_IN_A_BYTE),
        "progressive_group": 0,
        "game_options": 0,
        "paytable_id": game.paytable_id,
        "base_percent": f"{game.base_percent_hundredths:04d}",
    }


def _game(cabinet: Cabinet, request: Values) -> GameSpec | None:
    """The game a poll names, the first for the whole machine, None if there is none of that number."""
    games, number = cabinet.spec.games, request["game"]
    return games[max(0, number - 1)] if number <= len(games) else None


def _handpay(cabinet: Cabinet, _: Values) -> Values:
    """Secure reporting tells the first that was not read, legacy reporting the lock-up of this moment."""
    pending = cabinet.handpay
    if cabinet.spec.secure_handpays:
        pending = cabinet.unread_handpays[0] if cabinet.unread_handpays else None
    return {
        "progressive_group": 0,
        "level": pending.level if pending else 0,
        "amount": pending.credits if pending else 0,
        "partial_pay": 0,
        "reset_id": 0,
    }


def _selectable_meters(cabinet: Cabinet, request: Values) -> Values:
    return _selected(cabinet, request, sized=False)


def _extended_meters(cabinet: Cabinet, request: Values) -> Values | None:
    return _selected(cabinet, request, sized=True) if cabinet.spec.extended_meters else None


def _machine_information(cabinet: Cabinet, _: Values) -> Values:
    return _machine(cabinet.spec, cabinet.spec.games[0])


def _ticket(cabinet: Cabinet, _: Values) -> Values:
    ticket = cabinet.last_ticket
    return {
        "validation_number": ticket.validation_number if ticket else "0" * 8,
        "amount_cents": ticket.cents if ticket else 0,
    }


def _last_bill(cabinet: Cabinet, _: Values) -> Values:
    bill = cabinet.last_bill
    if bill is None:
        return {"country": 0, "denomination_code": 0, "count": 0}
    return {
        "country": US_DOLLARS,
        "denomination_code": BILL_CODES[bill.dollars],
        "count": bill.count % EVENT_METER_MODULUS,
    }


def _hopper(cabinet: Cabinet, _: Values) -> Values | None:
    if not cabinet.spec.has_hopper:
        return None
    return {"status": HOPPER_OK, "percent_full": HOPPER_PERCENT, "level": HOPPER_LEVEL}


def _games_implemented(cabinet: Cabinet, _: Values) -> Values:
    return {"games_implemented": len(cabinet.spec.games)}


def _game_meters(cabinet: Cabinet, request: Values) -> Values | None:
    if _game(cabinet, request) is None:
        return None
    number = request["game"]
    account = cabinet.accounts.games[number - 1] if number else cabinet.accounts
    names = ("coin_in", "coin_out", "jackpot", "games_played")
    return {"game": number, **{name: GAME_METERS[name](account) % EVENT_METER_MODULUS for name in names}}


def _game_configuration(cabinet: Cabinet, request: Values) -> Values | None:
    game = _game(cabinet, request)
    return {"game": request["game"], **_machine(cabinet.spec, game)} if game else None


def _version(cabinet: Cabinet, _: Values) -> Values:
    return {"version": cabinet.spec.version, "serial": cabinet.spec.serial_number}


def _selected_game(cabinet: Cabinet, _: Values) -> Values:
    return {"game": cabinet.selected_game}


def _enabled_games(cabinet: Cabinet, _: Values) -> Values:
    return {"games": cabinet.enabled_games}


def _clock(cabinet: Cabinet, _: Values) -> Values:
    return {"date": f"{cabinet.clock:%m%d%Y}", "time": f"{cabinet.clock:%H%M%S}"}


def _features(cabinet: Cabinet, request: Values) -> Values | None:
    if _game(cabinet, request) is None:
        return None
    spec = cabinet.spec
    features2 = WON_CREDITS_METERED_WHEN_WON | TICKETS_TO_DROP
    features2 |= EXTENDED_METERS if spec.extended_meters else 0
    features2 |= MULTI_DENOMINATION if spec.player_denominations else 0
    return {
        "game": request["game"],
        "features1": 0,
        "features2": features2,
        "features3": FAST_POLLING if spec.fast_polling else 0,
        "features4": 0,
    }


def _denominations(spec: MachineSpec) -> tuple[int, ...]:
    return spec.player_denominations or (spec.denomination_code,)


def _player_denomination(cabinet: Cabinet, _: Values) -> Values:
    return {"denomination": cabinet.player_denomination or cabinet.spec.denomination_code}


def _enabled_denominations(cabinet: Cabinet, _: Values) -> Values:
    return {"denominations": _denominations(cabinet.spec)}


def _token_denomination(_: Cabinet, __: Values) -> Values:
    return {"token_denomination": 0}


def _extended_game(cabinet: Cabinet, request: Values) -> Values | None:
    game = _game(cabinet, request)
    if game is None:
        return None
    return {
        "game": request["game"],
        "max_bet": game.max_bet,
        "progressive_group": 0,
        "progressive_levels": 0,
        "game_name": game.name,
        "paytable_name": game.paytable_id,
        "wager_categories": 0,
        "denominations": _denominations(cabinet.spec),
    }


_ANSWERS: Mapping[int, Callable[[Cabinet, Values], Values | None]] = MappingProxyType({
    0x1B: _handpay,
    0x1F: _machine_information,
    0x2F: _selectable_meters,
    0x3D: _ticket,
    0x48: _last_bill,
    0x4F: _hopper,
    0x51: _games_implemented,
    0x52: _game_meters,
    0x53: _game_configuration,
    0x54: _version,
    0x55: _selected_game,
    0x56: _enabled_games,
    0x6F: _extended_meters,
    0x7E: _clock,
    0xA0: _features,
    0xAF: _extended_meters,
    0xB1: _player_denomination,
    0xB2: _enabled_denominations,
    0xB3: _token_denomination,
    0xB5: _extended_game,
})  # fmt: skip

ANSWERED = frozenset((*_METER_POLLS, *_ANSWERS))


def answer_poll(cabinet: Cabinet, command: int, request: Values) -> Values | None:
    """What the machine says to a long poll; None for nothing."""
    if command in cabinet.spec.unsupported:
        return None
    if command in _METER_POLLS:
        return _answer_meters(cabinet, command)
    answer = _ANSWERS.get(command)
    return answer(cabinet, request) if answer else None
