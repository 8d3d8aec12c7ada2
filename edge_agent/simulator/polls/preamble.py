"""The multi-denomination preamble: a poll about one denomination, answered out of what was played at it.

Denomination 0 asks for what the base poll answers without a preamble. Anything else than the polls that know
of denominations is answered with an error that says why.
"""

from __future__ import annotations

from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.machine import Elementary
from edge_agent.sas.polls.multi_denomination import AWARE, FAILED
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.polls.features import missing_polls
from edge_agent.simulator.polls.information import INFORMATION_ANSWERS
from edge_agent.simulator.polls.meters import METER_ANSWERS, denomination_meters
from edge_agent.simulator.polls.row import ACK, BUSY, Answer, Values
from edge_agent.simulator.polls.settings import SETTING_ANSWERS, enable_game

NOT_SUPPORTED, MALFORMED, NOT_AWARE, NOT_IN_THAT_FORM, NO_SUCH_DENOMINATION = 0x01, 0x02, 0x03, 0x04, 0x05
DEFAULT = 0x00
ENABLE_GAME, ENABLED_GAMES, EXTENDED_GAME = 0x09, 0x56, 0xB5
SELECTED_METERS = frozenset((0x2F, 0x6F, 0xAF))

_BASE_ANSWERS = {**METER_ANSWERS, **INFORMATION_ANSWERS, **SETTING_ANSWERS}


def answer_preamble(cabinet: Cabinet, request: Values, address: int) -> Values:
    """What the machine says to long poll B0."""
    error = _error(cabinet, request)
    answer = None if error else _base_answer(cabinet, request)
    if answer is None:
        return {
            "denomination": request["denomination"],
            "base_command": FAILED,
            "error_code": error or NOT_SUPPORTED,
        }
    base = _as_base(answer)
    head = {"denomination": request["denomination"], "base_command": request["base_command"]}
    return {**head, "base": base, "address": address}


def _error(cabinet: Cabinet, request: Values) -> int:
    command, denomination, base = request["base_command"], request["denomination"], request["base"]
    offered = cabinet.spec.player_denominations
    if command not in LONG_POLLS or command in missing_polls(cabinet.spec):
        return NOT_SUPPORTED
    if command not in AWARE:
        return NOT_AWARE
    if "data" in base:
        return MALFORMED
    if denomination not in {DEFAULT, *offered}:
        return NO_SUCH_DENOMINATION
    is_form = denomination == DEFAULT or command not in SELECTED_METERS or base["game"] == 0
    return 0 if is_form else NOT_IN_THAT_FORM


def _base_answer(cabinet: Cabinet, request: Values) -> Answer:
    command, denomination, base = request["base_command"], request["denomination"], request["base"]
    if denomination == DEFAULT or command == EXTENDED_GAME:
        return _BASE_ANSWERS[command](cabinet, base)
    if command == ENABLE_GAME:
        return enable_game(cabinet, base, denomination)
    if command == ENABLED_GAMES:
        return {"games": cabinet.switches.enabled_games(denomination)}
    return denomination_meters(cabinet, command, base, denomination)


def _as_base(answer: Values | Elementary) -> Values:
    if not isinstance(answer, Elementary):
        return answer
    return {"busy": True} if answer is BUSY else {"acknowledged": answer is ACK}
