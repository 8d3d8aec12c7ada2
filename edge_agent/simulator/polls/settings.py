"""Setting polls: what a host switches on, off or sets, and how a machine that cannot do it says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import MappingProxyType

from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.handpays import DONE as RESET_DONE
from edge_agent.simulator.handpays import NOT_IN_A_HANDPAY, UNABLE
from edge_agent.simulator.polls.row import ACK, NACK, Answer, Answers, Values, game_of
from edge_agent.simulator.switches import EVERY_DENOMINATION

KEEPS_ACCEPTOR_ON = 0x01
STANDARD_RESET, RESET_TO_CREDITS = 0x00, 0x01
# B7: the host may set the asset number and the location.
SETTABLE = 0x03
MOST_LOCATION_CHARACTERS = 40


def _switch(name: str, *, on: bool) -> Callable[[Cabinet, Values], Answer]:
    """A poll that turns one switch."""

    def answer(cabinet: Cabinet, _: Values) -> Answer:
        setattr(cabinet.switches.memory, name, on)
        return ACK

    return answer


def _sounds_on(cabinet: Cabinet, _: Values) -> Answer:
    cabinet.switches.memory.sounds = cabinet.switches.memory.game_sounds = True
    return ACK


def _choose_bills(cabinet: Cabinet, request: Values) -> Answer:
    cabinet.switches.choose_bills(
        request["denominations"], stays_on=bool(request["action"] & KEEPS_ACCEPTOR_ON)
    )
    return ACK


def _enable_game(cabinet: Cabinet, request: Values) -> Answer:
    return enable_game(cabinet, request, EVERY_DENOMINATION)


def enable_game(cabinet: Cabinet, request: Values, denomination: int) -> Answer:
    """Enable or disable a game, at one denomination or at all. Game 0 is no game."""
    game, enable = request["game"], request["enable"]
    if not game or game_of(cabinet, request) is None or enable not in {0, 1}:
        return NACK
    cabinet.switches.enable_game(game, denomination, enable=bool(enable))
    return ACK


def _game_delay(cabinet: Cabinet, request: Values) -> Answer:
    cabinet.switches.delay_games(request["delay_tenths"])
    return ACK


def _set_clock(cabinet: Cabinet, request: Values) -> Answer:
    try:
        shows = datetime.strptime(request["date"] + request["time"], "%m%d%Y%H%M%S")  # noqa: DTZ007  a machine knows no time zones
    except ValueError:
        return NACK
    cabinet.board.set_clock(shows)
    return ACK


def _remote_reset(cabinet: Cabinet, _: Values) -> Answer:
    if cabinet.handpays.pending is None:
        return {"code": NOT_IN_A_HANDPAY}
    if not cabinet.spec.remote_reset or cabinet.board.situation.is_disturbed:
        return {"code": UNABLE}
    cabinet.key_off()
    return {"code": RESET_DONE}


def _reset_method(cabinet: Cabinet, request: Values) -> Answer:
    method = request["reset_method"]
    if method not in {STANDARD_RESET, RESET_TO_CREDITS}:
        return NACK
    return {"code": cabinet.handpays.choose_reset(to_credits=method == RESET_TO_CREDITS)}


def _auto_rebet(cabinet: Cabinet, request: Values) -> Answer:
    if request["enable"] not in {0, 1}:
        return NACK
    cabinet.switches.memory.auto_rebet = bool(request["enable"])
    return ACK


def _machine_numbers(cabinet: Cabinet, request: Values) -> Answer:
    """Asset number 0 and a location of nothing only ask."""
    memory = cabinet.board.memory
    memory.asset_number = request["asset_number"] or memory.asset_number
    memory.location = request["location"][:MOST_LOCATION_CHARACTERS] or memory.location
    return {"control_flags": SETTABLE, "asset_number": memory.asset_number, "location": memory.location}


def _meter_collect(cabinet: Cabinet, request: Values) -> Answer:
    return {"machine_status": cabinet.meter_change.take(request["host_status"])}


SETTING_ANSWERS: Answers = MappingProxyType({
    0x01: _switch("play", on=False),
    0x02: _switch("play", on=True),
    0x03: _switch("sounds", on=False),
    0x04: _sounds_on,
    0x05: _switch("game_sounds", on=False),
    0x06: _switch("bill_acceptor", on=True),
    0x07: _switch("bill_acceptor", on=False),
    0x08: _choose_bills,
    0x09: _enable_game,
    0x0A: _switch("maintenance", on=True),
    0x0B: _switch("maintenance", on=False),
    0x2E: _game_delay,
    0x7F: _set_clock,
    0x94: _remote_reset,
    0xA8: _reset_method,
    0xAA: _auto_rebet,
    0xB6: _meter_collect,
    0xB7: _machine_numbers,
})  # fmt: skip
