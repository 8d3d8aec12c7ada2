"""Win polls: handpays, progressives, bonuses and tournaments."""

from __future__ import annotations

from types import MappingProxyType

from edge_agent.simulator.bonus import TAX_STATUSES
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.handpays import Handpay
from edge_agent.simulator.polls.row import ACK, BUSY, NACK, Answer, Answers, Values, game_of
from edge_agent.simulator.progressives import OWN_CONTROLLER, OWN_CONTROLLER_TYPE, LevelWin

ONE, ALL = 1, None
SECONDS_A_MINUTE = 60
# Long poll 87 gives all wins that fit 32 levels.


def _handpay(cabinet: Cabinet, _: Values) -> Answer:
    """Secure reporting tells the first that was not read, legacy reporting the lock-up of this moment."""
    told = cabinet.handpays.tell()
    return {
        "progressive_group": told.progressive_group if told else 0,
        "level": told.level if told else 0,
        "amount": _amount(cabinet, told) if told else 0,
        "partial_pay": 0,
        "reset_id": told.reset_id if told else 0,
    }


def _amount(cabinet: Cabinet, handpay: Handpay) -> int:
    """Cents where a progressive is in it, else accounting credits."""
    return cabinet.board.cents(handpay.credits) if handpay.has_progressive else handpay.credits


# -- progressives ----------------------------------------------------------------------------


def _feed_level(cabinet: Cabinet, request: Values) -> Answer:
    cabinet.progressives.feed(request["progressive_group"], request["level"], request["amount_cents"])
    return ACK


def _feed_levels(cabinet: Cabinet, request: Values) -> Answer:
    for level in request["levels"]:
        cabinet.progressives.feed(request["progressive_group"], level["level"], level["amount_cents"])
    return ACK


def _win(cabinet: Cabinet, win: LevelWin | None) -> Answer:
    group = cabinet.spec.progressive_group if win else 0
    return {
        "progressive_group": group,
        "level": win.level if win else 0,
        "amount_cents": win.amount_cents if win else 0,
    }


def _last_win(cabinet: Cabinet, _: Values) -> Answer:
    return _win(cabinet, cabinet.progressives.memory.last)


def _first_win(cabinet: Cabinet, _: Values) -> Answer:
    return _win(cabinet, next(iter(cabinet.progressives.tell(ONE)), None))


def _wins(cabinet: Cabinet, _: Values) -> Answer:
    wins = cabinet.progressives.tell(ALL)
    return {
        "progressive_group": cabinet.spec.progressive_group if wins else 0,
        "wins": tuple({"level": win.level, "amount_cents": win.amount_cents} for win in wins),
    }


def _own_wins(cabinet: Cabinet, _: Values) -> Answer:
    return {
        "wins": tuple(
            {
                "controller_type": OWN_CONTROLLER_TYPE,
                "controller_id": OWN_CONTROLLER,
                "level": win.level,
                "amount_cents": win.amount_cents,
                "base_cents": win.base_cents,
                "escrow_cents": 0,
            }
            for win in cabinet.progressives.memory.own_wins
        )
    }


# -- bonuses and tournaments -----------------------------------------------------------------


def _pay_bonus(cabinet: Cabinet, request: Values) -> Answer:
    if request["tax_status"] not in TAX_STATUSES or not request["amount"]:
        return NACK
    if cabinet.board.situation.is_disturbed or cabinet.switches.memory.maintenance:
        return BUSY
    cabinet.bonuses.award(request["amount"], request["tax_status"])
    return ACK


def _multiply(cabinet: Cabinet, request: Values) -> Answer:
    if request["tax_status"] not in TAX_STATUSES or request["minimum_win"] > request["maximum_win"]:
        return NACK
    cabinet.bonuses.multiply(request)
    return ACK


def _bonus_win(cabinet: Cabinet, _: Values) -> Answer:
    return cabinet.bonuses.tell().values


def _tournament(cabinet: Cabinet, request: Values) -> Answer:
    """A time of nothing ends one."""
    minutes, seconds = divmod(request["time"], 100)
    if seconds >= SECONDS_A_MINUTE or game_of(cabinet, request) is None:
        return NACK
    if not request["time"]:
        cabinet.tournament.end()
        return ACK
    if not request["game"]:
        return NACK
    length = minutes * SECONDS_A_MINUTE + seconds
    started = cabinet.tournament.start(request["game"], length, request["credits"], request["pulses"])
    return ACK if started else BUSY


WIN_ANSWERS: Answers = MappingProxyType({
    0x1B: _handpay,
    0x5D: _own_wins,
    0x7A: _feed_levels,
    0x80: _feed_level,
    0x84: _last_win,
    0x85: _first_win,
    0x86: _feed_levels,
    0x87: _wins,
    0x8A: _pay_bonus,
    0x8B: _multiply,
    0x8C: _tournament,
    0x90: _bonus_win,
})  # fmt: skip
