"""Information polls: who the machine is, what it offers, and what it shows at this moment."""

from __future__ import annotations

from types import MappingProxyType

from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.games import EVENT_METER_MODULUS
from edge_agent.simulator.machine_meters import HOPPER_LEVEL
from edge_agent.simulator.polls.features import feature_byte
from edge_agent.simulator.polls.row import Answer, Answers, Values, game_of
from edge_agent.simulator.specification import BILL_CODES, MOST_REELS, US_DOLLARS, GameSpec, MachineSpec

# A bet or a game that does not fit its byte says FF; a limit that does not fit its digits, all nines.
MOST_IN_A_BYTE = 0xFF
MOST_IN_TWO_BYTES = 9_999

HOPPER_PERCENT, HOPPER_OK = 60, 0x00
NO_REEL = 0xFF
DEALT, FINAL = 0x00, 0x01
WHOLE_GAME = 0


def _machine(spec: MachineSpec, game: GameSpec) -> Values:
    return {
        "game_id": spec.game_id,
        "additional_id": spec.additional_id,
        "denomination": spec.denomination_code,
        "max_bet": min(game.max_bet, MOST_IN_A_BYTE),
        "progressive_group": spec.progressive_group,
        "game_options": 0,
        "paytable_id": game.paytable_id,
        "base_percent": f"{game.base_percent_hundredths:04d}",
    }


def _machine_information(cabinet: Cabinet, _: Values) -> Answer:
    return _machine(cabinet.spec, cabinet.spec.games[0])


def _last_bill(cabinet: Cabinet, _: Values) -> Answer:
    bill = cabinet.memory.last_bill
    if bill is None:
        return {"country": 0, "denomination_code": 0, "count": 0}
    return {
        "country": US_DOLLARS,
        "denomination_code": BILL_CODES[bill.dollars],
        "count": bill.count % EVENT_METER_MODULUS,
    }


def _hopper(_: Cabinet, __: Values) -> Answer:
    return {"status": HOPPER_OK, "percent_full": HOPPER_PERCENT, "level": HOPPER_LEVEL}


def _games_implemented(cabinet: Cabinet, _: Values) -> Answer:
    return {"games_implemented": len(cabinet.spec.games)}


def _game_configuration(cabinet: Cabinet, request: Values) -> Answer:
    game = game_of(cabinet, request)
    return {"game": request["game"], **_machine(cabinet.spec, game)} if game else None


def _version(cabinet: Cabinet, _: Values) -> Answer:
    return {"version": cabinet.spec.version, "serial": cabinet.spec.serial_number}


def _selected_game(cabinet: Cabinet, _: Values) -> Answer:
    return {"game": cabinet.board.situation.selected_game}


def _enabled_games(cabinet: Cabinet, _: Values) -> Answer:
    return {"games": cabinet.enabled_games}


def _clock(cabinet: Cabinet, _: Values) -> Answer:
    clock = cabinet.board.clock
    return {"date": f"{clock:%m%d%Y}", "time": f"{clock:%H%M%S}"}


def _cards(cabinet: Cabinet, _: Values) -> Answer:
    return {"hand_type": DEALT if cabinet.games.open else FINAL, "cards": bytes(cabinet.games.hand)}


def _reels(cabinet: Cabinet, _: Values) -> Answer:
    return {"stops": bytes(cabinet.games.reel_stops).ljust(MOST_REELS, bytes((NO_REEL,)))}


def _features(cabinet: Cabinet, request: Values) -> Answer:
    if game_of(cabinet, request) is None:
        return None
    features = {f"features{byte}": feature_byte(cabinet.spec, byte) for byte in (1, 2, 3, 4)}
    return {"game": request["game"], **features}


def _cash_out_limit(cabinet: Cabinet, request: Values) -> Answer:
    if game_of(cabinet, request) is None:
        return None
    limit = cabinet.spec.ticket_limit_cents // cabinet.spec.denomination_cents
    return {"game": request["game"], "limit": min(limit, MOST_IN_TWO_BYTES)}


def _denominations(spec: MachineSpec) -> tuple[int, ...]:
    return spec.player_denominations or (spec.denomination_code,)


def _player_denomination(cabinet: Cabinet, _: Values) -> Answer:
    return {"denomination": cabinet.board.situation.player_denomination or cabinet.spec.denomination_code}


def _enabled_denominations(cabinet: Cabinet, _: Values) -> Answer:
    return {"denominations": _denominations(cabinet.spec)}


def _token_denomination(_: Cabinet, __: Values) -> Answer:
    return {"token_denomination": 0}


def _wager_category(cabinet: Cabinet, request: Values) -> Answer:
    """Games here have no wager categories: category 0 is the whole game."""
    game, number = game_of(cabinet, request), request["game"]
    if game is None or request["category"] != WHOLE_GAME:
        return None
    account = cabinet.accounts.games[number - 1] if number else cabinet.accounts
    return {
        "game": number,
        "category": WHOLE_GAME,
        "payback": f"{game.base_percent_hundredths:04d}",
        "coin_in": account.coin_in % EVENT_METER_MODULUS,
    }


def _extended_game(cabinet: Cabinet, request: Values) -> Answer:
    game = game_of(cabinet, request)
    if game is None:
        return None
    return {
        "game": request["game"],
        "max_bet": game.max_bet,
        "progressive_group": cabinet.spec.progressive_group,
        "progressive_levels": cabinet.progressives.level_bits,
        "game_name": game.name,
        "paytable_name": game.paytable_id,
        "wager_categories": 0,
        "denominations": _denominations(cabinet.spec),
    }


INFORMATION_ANSWERS: Answers = MappingProxyType({
    0x1F: _machine_information,
    0x48: _last_bill,
    0x4F: _hopper,
    0x51: _games_implemented,
    0x53: _game_configuration,
    0x54: _version,
    0x55: _selected_game,
    0x56: _enabled_games,
    0x7E: _clock,
    0x8E: _cards,
    0x8F: _reels,
    0xA0: _features,
    0xA4: _cash_out_limit,
    0xB1: _player_denomination,
    0xB2: _enabled_denominations,
    0xB3: _token_denomination,
    0xB4: _wager_category,
    0xB5: _extended_game,
})  # fmt: skip
