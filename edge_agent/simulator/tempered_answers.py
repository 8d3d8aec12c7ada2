"""The answers of a tempered machine: what it knows of itself, and when it knows it.

Stands between a port and whoever answers its long polls. Roles that another port has are silence; a machine
whose meters are late answers, for a while after each game, what it would have answered before it; and the
meters of single games fall when a game was taken out, while those of the whole machine go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from edge_agent.sas.machine import Elementary, MachineAnswers
from edge_agent.sas.messages import LongPollRequest
from edge_agent.simulator.aft_transfer import refused_transfer
from edge_agent.simulator.temperament import Temperament

GAME_STARTED, GAME_ENDED = 0x7E, 0x7F
# Meters that some machines move after the event: they have no other answer to give yet.
LATE_COMMANDS = frozenset((0x0F, *range(0x10, 0x18), 0x19, 0x1C))
# Where the number of a ticket is said.
VALIDATION_NUMBER = "validation_number"
# What tells the answers that carry the accounting denomination, 1F and 53, from those with a player's.
PAYTABLE, NO_DENOMINATION = "paytable_id", 0x00
# What is left of the meters of a game when it steps down: the newest part of them.
STEPPED_DOWN = 1_000
# Transfers, and the lock that may come before one.
TRANSFER, LOCK, LOCKED = 0x72, 0x74, 0x00
TRANSFER_CODES = frozenset((0x00, 0x01))  # the others ask for the status or cancel
UNABLE_NOW, UNEXPECTED_ERROR = 0x87, 0x9F

Answer = Mapping[str, Any] | Elementary | None


class TemperedAnswers:
    """Answers long polls as a temperament has it. See the module."""

    def __init__(self, answers: MachineAnswers, temperament: Temperament) -> None:
        self._answers = answers
        self._temperament = temperament
        self._before: dict[int, Answer] = {}  # what late meters read before the game
        self._late_until = float("-inf")
        self._locked_at = float("-inf")
        self._stepped_down = False

    def answer(self, poll: LongPollRequest, now: float) -> Answer:
        """See MachineAnswers."""
        if poll.command in self._temperament.ignored_polls:
            return None
        if now < self._late_until and poll.command in self._before:
            return self._before[poll.command]
        if self._is_too_soon(poll, now):
            return refused_transfer(UNABLE_NOW)
        answer = self._answers.answer(poll, now)
        if not isinstance(answer, Mapping):
            return answer
        if poll.command == LOCK:
            self._note_lock(answer, now)
        answer = {**answer, **dict(self._hidden(answer))}
        return _smaller(answer) if self._stepped_down and poll.values.get("game") else answer

    def _hidden(self, answer: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """What of an answer this machine says otherwise."""
        if self._temperament.hides_validation_numbers and VALIDATION_NUMBER in answer:
            yield VALIDATION_NUMBER, "0" * len(answer[VALIDATION_NUMBER])
        if self._temperament.hides_denomination and PAYTABLE in answer:
            yield "denomination", NO_DENOMINATION

    def _is_too_soon(self, poll: LongPollRequest, now: float) -> bool:
        """Whether it is a transfer so soon after the lock was granted that the game is not ready."""
        asks = poll.command == TRANSFER and poll.values["transfer_code"] in TRANSFER_CODES
        return asks and now < self._locked_at + self._temperament.lock_settles

    def _note_lock(self, answer: Mapping[str, Any], now: float) -> None:
        """When the lock was granted, as far as a host can know."""
        if answer["lock_status"] != LOCKED:
            self._locked_at = float("-inf")
        elif self._locked_at == float("-inf"):
            self._locked_at = now

    def game_started(self, address: int, now: float) -> None:
        """What late meters read now, they go on reading for a while after the game."""
        if self._temperament.late_meters:
            polls = [LongPollRequest(address, command) for command in LATE_COMMANDS]
            self._before = {poll.command: self._answers.answer(poll, now) for poll in polls}

    def game_ended(self, now: float) -> None:
        """The meters have moved, and do not show it yet."""
        self._late_until = now + self._temperament.late_meters

    def options_changed(self) -> None:
        """A game was taken out, or put in."""
        self._stepped_down = self._temperament.steps_down_games


def _smaller(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The meters of a game that begin again."""
    return {name: _stepped_down(name, value) for name, value in answer.items()}


def _stepped_down(name: str, value: Any) -> Any:  # noqa: ANN401  the value of a field
    if name == "meters":
        return tuple(replace(meter, digits=meter.digits % STEPPED_DOWN) for meter in value)
    return value % STEPPED_DOWN if isinstance(value, int) and name != "game" else value
