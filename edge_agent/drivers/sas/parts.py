"""Parts: the meters of single games and of single denominations, read one by one, slowly.

Where a machine has several games or player denominations, their meters say what each of them took. A part is
one poll with one answer, so its meters always belong together: 52 for a game, and for a denomination the
selected meters behind the preamble B0. Each round takes the parts in turn, spread over its time, while the
machine is quiet and between games; the first round is faster, so that all are known soon.

A part has its own progress. A game's meters may fall when a game was removed and come back: that begins
nothing anew for the machine. A game with another paytable is another game.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.drivers.sas.meters import fallen, meters_read, published
from edge_agent.drivers.sas.profile import EXTENDED_METERS, MachineProfile, decimal_of
from edge_agent.drivers.sas.progress import Progress
from edge_agent.drivers.sas.reading_plan import EXTENDED, SELECTED
from edge_agent.events import EventBody
from edge_agent.events.slot import PartMetersRead
from edge_agent.sas.code_tables import DENOMINATIONS
from edge_agent.sas.messages import LongPollRequest
from edge_agent.station import DeviceIdentity

GAME_METERS = 0x52
MULTI_DENOMINATION = 0xB0

# Coin in, coin out, jackpot, games played: what 52 has of a game.
CODES = (0x00, 0x01, 0x02, 0x05)

# Parts of the first round are this far apart, and of any round at least.
FIRST_GAP_SECONDS = 2.0

# Beyond so many a round would take hours; a machine with more games is a library.
MOST_PARTS = 64

# A part whose poll fails so often in a row is left alone until the machine is met again.
MOST_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One game, or one player denomination by its code; 0 for all."""

    game: int = 0
    denomination: int = 0


@dataclass(slots=True)
class _Account:
    """A part's meters over time, for as long as it is the same."""

    epoch: int
    paytable_id: str | None
    progress: Progress


def parts_of(profile: MachineProfile) -> tuple[Part, ...]:
    """The parts of a machine that has several and tells of them."""
    games = profile.numbered_games if profile.answers(GAME_METERS) else ()
    codes = (profile.player_denominations or ()) if profile.answers(MULTI_DENOMINATION) else ()
    known = [code for code in codes if code in DENOMINATIONS]
    parts = [Part(game=number) for number in games if len(games) > 1]
    parts += [Part(denomination=code) for code in known if len(known) > 1]
    return tuple(parts[:MOST_PARTS])


class PartReader:
    """Decides which part is read next, and takes the answer.

    Args:
        address: of the machine on its line.
        identity: what the site calls it.
        round_seconds: in which every part is read once.
    """

    def __init__(self, address: int, identity: DeviceIdentity, round_seconds: float) -> None:
        self._address = address
        self._identity = identity
        self._round_seconds = round_seconds
        self._turn = 0
        self.due = float("-inf")  # nothing is asked before
        self._asked: tuple[Part, LongPollRequest] | None = None
        self._accounts: dict[Part, _Account] = {}
        self._failures: dict[Part, int] = {}

    def requests(self, profile: MachineProfile, now: float) -> Iterator[LongPollRequest]:
        """What to ask now: one poll if a part is due, else none."""
        if now < self.due:
            return
        parts = [part for part in parts_of(profile) if self._failures.get(part, 0) < MOST_FAILURES]
        if not parts:
            self.due = now + FIRST_GAP_SECONDS
            return
        part = parts[self._turn % len(parts)]
        request = self._request(part, profile)
        self._asked = (part, request)
        yield request

    def answered(
        self,
        poll: LongPollRequest,
        values: Mapping[str, Any],
        profile: MachineProfile,
        epoch: int,
        now: float,
    ) -> list[EventBody]:
        """Take an answer; what it tells, if a part asked for it."""
        if self._asked is None or self._asked[1] != poll:
            return []
        part, answer = self._asked[0], (poll.command, values)
        if part.denomination:
            base = values.get("base", {})
            if "meters" not in base:  # an error code, or busy
                self.gave_up(poll, profile, now)
                return []
            answer = (values["base_command"], base)
        self._failures.pop(part, None)
        self._pass_on(profile, now)
        return self._publish(part, answer, profile, epoch, now)

    def gave_up(self, poll: LongPollRequest, profile: MachineProfile, now: float) -> None:
        """A part was not answered: another one first."""
        if self._asked is not None and self._asked[1] == poll:
            part = self._asked[0]
            self._failures[part] = self._failures.get(part, 0) + 1
            self._pass_on(profile, now)

    def met(self) -> None:
        """The machine was asked anew what it is: what failed may not fail again."""
        self._failures.clear()

    def _request(self, part: Part, profile: MachineProfile) -> LongPollRequest:
        if part.game:
            return LongPollRequest(self._address, GAME_METERS, {"game": part.game})
        command = EXTENDED if profile.has(EXTENDED_METERS) and profile.answers(EXTENDED) else SELECTED
        base = {"game": 0, "meter_codes": CODES}
        values = {"denomination": part.denomination, "base_command": command, "base": base}
        return LongPollRequest(self._address, MULTI_DENOMINATION, values)

    def _pass_on(self, profile: MachineProfile, now: float) -> None:
        """The next part, when its turn comes."""
        count = max(1, len(parts_of(profile)))
        self._asked = None
        self._turn += 1
        gap = FIRST_GAP_SECONDS if self._turn < count else self._round_seconds / count
        self.due = now + max(FIRST_GAP_SECONDS, gap)

    def _publish(
        self,
        part: Part,
        answer: tuple[int, Mapping[str, Any]],
        profile: MachineProfile,
        epoch: int,
        now: float,
    ) -> list[EventBody]:
        meters = meters_read((answer,))
        account = self._account(part, profile, epoch)
        steps = account.progress.take(meters, now)
        game = part.game or None
        denomination = decimal_of(DENOMINATIONS.get(part.denomination))
        return [
            PartMetersRead(
                game=game,
                denomination=denomination,
                paytable_id=account.paytable_id,
                accounting_denomination=decimal_of(profile.denomination),
                epoch=epoch,
                meters=published(meters, steps, profile, self._identity),
            ),
            *fallen(meters, steps, epoch=epoch, game=game, denomination=denomination),
        ]

    def _account(self, part: Part, profile: MachineProfile, epoch: int) -> _Account:
        """The part's own, begun anew where its meters are another game's or of another epoch."""
        paytable = _paytable(profile, part.game)
        account = self._accounts.get(part)
        if account is None or (account.epoch, account.paytable_id) != (epoch, paytable):
            account = self._accounts[part] = _Account(epoch, paytable, Progress())
        return account


def _paytable(profile: MachineProfile, game: int) -> str | None:
    """What 53 said of a game; None if it said nothing, or for all games."""
    said = profile.games.get(game, {}).get("paytable_id", "").strip(" \x00")
    return said or None
