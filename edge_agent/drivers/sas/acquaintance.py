"""Acquaintance: getting to know a machine, and keeping the knowledge true.

A machine met for the first time is asked with real-time events off: then silence to a long poll can
only mean that it does not know the poll, and hides no exception. Once it is known, only what it
answers is asked, real-time events go on if it has them, and stay on: a machine that lost power
forgets them, so they are made sure of every few seconds and after every silence. Where the site wants none,
they are switched off at first, and whenever the machine reports one: another host may have wanted them.

It is asked again when it may have become another: after a reboot, a change of options or of games,
a long silence, with a moment's patience because such exceptions come in bursts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

from edge_agent.drivers.sas.interrogation import EVERY_COMMAND, LAST_COMMANDS, Interrogation
from edge_agent.drivers.sas.profile import FAST_POLLING, METERS_TOGETHER, MachineProfile
from edge_agent.drivers.sas.reading_plan import CLASSIC_SINGLES, COIN_IN, CURRENT_CREDITS, GAMES_PLAYED
from edge_agent.drivers.sas.roles import OBSERVER, Role
from edge_agent.drivers.sas.vendors.quirks import NO_VENDORS, Quirks, Vendors
from edge_agent.sas.messages import LongPollRequest

REAL_TIME_EVENTS = 0x0E
VERSION_AND_SERIAL = 0x54
ENABLED_FEATURES = 0xA0
HOPPER, HOPPER_LEVEL_LOW = 0x4F, 0x81

# A machine that lost power for less than our patience comes back with real-time events off and says
# nothing of it in answer to long polls: its reboot is found this much later at worst.
MODE_CHECK_SECONDS = 5.0
# 0E carries data, and two lost characters make another poll of it: on a rough line it is not risked often.
ROUGH_MODE_CHECK_SECONDS = 60.0

# A long poll is taken for unknown after three silent tries, with general polls and others in between.
TRIES = 3
# One that no money or no real-time event can be told without is not given up that lightly: a line that
# answers late keeps three answers in a row from us. So many rounds of three, RETRY_SECONDS apart, have to
# stay silent.
ROUNDS_OF_WHAT_MATTERS = 4

# Questions a busy machine or a bad line left open are asked again this much later. With real-time events
# on, silence has to mean trouble: they go off for it, so that is done seldom.
RETRY_SECONDS = 5.0
REAL_TIME_RETRY_SECONDS = 3600.0

# What no money can be told without: what a credit is worth, how many there are, and the meters of games in
# one way or the other. Where the line swallowed such an answer real-time events wait for it: under them it is
# not asked again for long. By then it was asked thirty times; a line that lets through a quarter of such
# answers keeps it from us once in ten thousand times.
ALWAYS_ESSENTIAL = frozenset({0x1F, CURRENT_CREDITS})
ESSENTIAL_ALONE = frozenset({COIN_IN, GAMES_PLAYED, *CLASSIC_SINGLES})
LONGEST_WITHOUT_ESSENTIALS_SECONDS = 120.0
ESSENTIALS_RETRY_SECONDS = 300.0

# The queue is emptied before the mode changes, but a machine that never stops talking is not waited for.
LONGEST_LISTENING_SECONDS = 10.0


class Acquaintance:
    """What is known of a machine, and what still has to be asked to know it.

    Args:
        address: of the machine on its line.
        profile: what is known from before; an empty one for a new machine.
        serial_check: of the machine known from before, 0 if none is.
        may_real_time: whether the site wants real-time events.
        vendors: the vendor profiles it may have.
        role: which reads it may be asked.
    """

    def __init__(
        self,
        address: int,
        profile: MachineProfile,
        *,
        serial_check: int,
        may_real_time: bool,
        vendors: Vendors = NO_VENDORS,
        role: Role = OBSERVER,
    ) -> None:
        self.profile = profile
        self.known = serial_check != 0  # it was interrogated, and is the same machine as far as we know
        self.serial_check = serial_check
        self.introduced = False  # what the interrogation found was told
        self.vendor = vendors.vendor_of(profile)
        self._vendors = vendors
        self._address = address
        self._role = role
        self._may_real_time = may_real_time
        self._questions = Interrogation(profile.unsupported, role)
        self._switch_off = not (self.known and self._wants_real_time)
        self._mode_refused = False
        self._mode_known_at = float("-inf")
        self._stays_on = False  # real-time events, and the machine refuses to switch them off
        self._off_at = float("-inf")  # when they were switched off
        self._listening = False
        self._listen_until = float("-inf")
        self._again_at: float | None = None
        self._doubts: dict[int, int] = {}
        self._answered = EVERY_COMMAND - profile.unsupported if self.known else frozenset()
        self._missed: frozenset[int] = frozenset()  # never answered, and the line may be to blame
        self._missed_at = float("-inf")
        self._askable_of: tuple[MachineProfile, frozenset[int]] | None = None
        self._askable = profile  # what `askable` made of it
        self._rounds: dict[int, int] = {}  # of a question that matters and found no answer
        self._essentials_by: float | None = None  # so long they are waited for
        self._asks_the_rest = False  # what the line swallowed: real-time events wait for it

    @property
    def quirks(self) -> Quirks:
        """What is done differently with machines of its vendor."""
        return self.vendor.quirks

    @property
    def refuses_with(self) -> int | None:
        """The exception by which it may say "not now" to a general poll; None if that is what it reports."""
        has_hopper = self.profile.hopper is not None
        return None if has_hopper or self.quirks.refusals == "never" else HOPPER_LEVEL_LOW

    def never_reports(self, code: int) -> bool:
        """Whether an exception is nothing but "not now", however often it is said."""
        has_no_hopper = not self.profile.answers(HOPPER)
        return has_no_hopper and self.quirks.refusals == "always" and code == self.refuses_with

    @property
    def interrogating(self) -> bool:
        """Whether questions are open."""
        return not self._questions.over

    @property
    def settled(self) -> bool:
        """Whether nothing is to be asked: what the machine is does not change now."""
        return self._questions.over and self._again_at is None

    @property
    def can_real_time(self) -> bool:
        """Whether real-time events are to be on."""
        is_met = self.known and not self._asks_the_rest
        return is_met and self._wants_real_time and not self._mode_refused and self.profile.has(FAST_POLLING)

    @property
    def _wants_real_time(self) -> bool:
        """Whether the site wants them, and they do no harm on machines of this vendor."""
        return self._may_real_time and self.quirks.real_time_events

    @property
    def askable(self) -> MachineProfile:
        """The profile, as if the machine did not know what it was not heard to answer, or is not asked."""
        left_out = self._missed | self.vendor.quirks.avoided_polls
        if not left_out:
            return self.profile
        if self._askable_of != (self.profile, left_out):  # every poll asks, and an answer seldom changes it
            self._askable_of = self.profile, left_out
            self._askable = self.profile.without(*left_out)
        return self._askable

    @property
    def unanswered(self) -> frozenset[int]:
        """The long polls it was not heard to answer, and is not to be asked after a restart."""
        return self.profile.unsupported | (frozenset() if self.lacks_essentials else self._missed)

    @property
    def lacks_essentials(self) -> bool:
        """Whether the line swallowed what no money can be told without."""
        return not self._missed.isdisjoint(self._essentials)

    @property
    def _essentials(self) -> frozenset[int]:
        together = self.askable.has(METERS_TOGETHER)
        return ALWAYS_ESSENTIAL if together else ALWAYS_ESSENTIAL | ESSENTIAL_ALONE

    @property
    def wants_long_polls(self) -> bool:
        """Whether the machine is taken to have real-time events on: a general poll might hang in the air."""
        return self.can_real_time and not self._listening

    def next_request(
        self, now: float, *, real_time: bool, quiet: bool, rough: bool = False
    ) -> LongPollRequest | None:
        """What to ask to know the machine, or to keep its mode."""
        if real_time and (self._mode_refused or self._asks_the_rest):
            self._see_it_on()
        if self._switch_off or (real_time and self._is_to_be_off(now)):
            return self._mode(enable=False)
        if self._mode_is_due(now, real_time=real_time, quiet=quiet, rough=rough) and self.can_real_time:
            return self._mode(enable=True)
        return None if self._questions.over else self._questions.next_request(self._address, self.askable)

    def answered(self, poll: LongPollRequest, values: Mapping[str, Any]) -> bool:
        """A question was answered; whether it is another machine or its meters count in another unit."""
        command = poll.command
        before, self.profile = self.profile, self.profile.learn(command, values)
        self._questions.close(poll)
        self._doubts.pop(command, None)
        if command not in self._answered:
            self._answered |= {command}
        if self.profile is before:
            return False
        self.vendor = self._vendors.vendor_of(self.profile)
        if command == VERSION_AND_SERIAL:
            return self._is_another(values)
        was, now_is = before.denomination, self.profile.denomination
        return was is not None and now_is != was

    def shows_time(self, ahead: int | None) -> None:
        """The machine's clock is so many seconds ahead of the site's; None if that is not known."""
        self.profile = replace(self.profile, clock_offset=ahead)

    def has_answered(self, command: int) -> bool:
        """Whether the machine is sure to know a poll."""
        return command in self._answered

    def mode_confirmed(self, enabled: int, now: float) -> None:
        """The machine took a mode."""
        if enabled:
            self._mode_known_at = now
            self._listening = False
        else:
            self._switch_off = False
            self._off_at = now

    def mode_refused(self, enabled: int, *, fine: bool = True) -> None:
        """The machine does not have modes, or not that one; where the line is not `fine`, it may be the line.

        Real-time events are switched on where the machine has said that it has them: its silence to that is
        believed of a good line alone. Having taken them for refused, general polls would wait in vain.
        """
        if enabled:
            self._mode_refused = fine
        else:
            self._switch_off = False
            self._stays_on = True

    def unsupported(self, poll: LongPollRequest, now: float) -> None:
        """A question stays unanswered: it is not asked again, unless it was answered before.

        A question about one game is about any of them: that a machine knows the command for the whole of it
        says nothing. What matters most is asked for some rounds more.
        """
        matters = self._essentials | {ENABLED_FEATURES}
        if poll.command in matters - self._answered and self._is_worth_another_round(poll.command):
            self.not_now(poll, now)
            return
        self._questions.close(poll)
        if poll.command not in self._answered or poll.values.get("game"):
            self.profile = self.profile.without(poll.command)
            self._questions.close_all(poll.command)

    def leave_out(self, poll: LongPollRequest) -> None:
        """A question is not asked this time: what was known before goes on."""
        self._questions.close(poll)

    def postpone(self, poll: LongPollRequest, now: float) -> None:
        """A question has to wait: for the others, or for a better time."""
        if not self._questions.postpone(poll):
            self._questions.close(poll)
            if poll.command not in self._answered:
                self._miss(poll.command, now)

    def not_now(self, poll: LongPollRequest, now: float) -> None:
        """A question found no answer, and it may be the line: it is asked when that may be better.

        With real-time events on, a machine that no longer answers what it used to answer would be taken
        for lost each time it is asked.
        """
        self._questions.close(poll)
        if poll.command not in self._answered or self.can_real_time:
            self._miss(poll.command, now)

    def _is_worth_another_round(self, command: int) -> bool:
        self._rounds[command] = self._rounds.get(command, 0) + 1
        return self._rounds[command] < ROUNDS_OF_WHAT_MATTERS

    def _miss(self, command: int, now: float) -> None:
        if command in EVERY_COMMAND:
            self._missed |= {command}
            self._missed_at = now

    def doubt(self, poll: LongPollRequest, now: float) -> bool:
        """A question stayed unanswered, and the line may be to blame; whether it is given up."""
        command = poll.command
        self._doubts[command] = self._doubts.get(command, 0) + 1
        if self._doubts[command] < TRIES:
            self.postpone(poll, now)
            return False
        self._doubts.pop(command)
        return True

    def ask_again_soon(self, now: float) -> None:
        """The machine may have changed; and may go on changing for a moment."""
        self._again_at = now + self.quirks.options_seconds

    def still_changing(self, now: float) -> None:
        """If it is to be asked again, not yet."""
        if self._again_at is not None:
            self._again_at = now + self.quirks.options_seconds

    def came_back(self) -> None:
        """It was silent for a while: its mode is not known."""
        self._mode_known_at = float("-inf")

    def look_after(self, now: float) -> bool:
        """Time has passed; whether the interrogation has just come to its end."""
        if self._again_at is not None and now >= self._again_at:
            self._again_at = None
            self._mode_refused = False
            self._begin_asking()
        elif self._missed and self.introduced and now >= self._missed_at + self._patience():
            self._retry()
        if self.introduced or not self._questions.over or self._switch_off:
            return False
        self.introduced = True
        if (self._asks_the_rest or not self.known) and not self._waits_for_essentials(now):
            self._listening = True
            self._listen_until = now + LONGEST_LISTENING_SECONDS
            self.known, self._asks_the_rest = True, False
            self.serial_check = self.serial_check or _check(self.profile)
        return True

    def _waits_for_essentials(self, now: float) -> bool:
        """Whether the machine is not to count as known yet."""
        if not self.lacks_essentials:
            return False
        if self._essentials_by is None:
            self._essentials_by = now + LONGEST_WITHOUT_ESSENTIALS_SECONDS
        return now < self._essentials_by

    def _begin_asking(self) -> None:
        if self._missed:
            self.known, self._switch_off = False, True  # another chance, where silence hides nothing
        self._questions = Interrogation(self.profile.unsupported, self._role)
        self._missed, self.introduced = frozenset(), False

    def _retry(self) -> None:
        if self.can_real_time:
            self._begin_asking()
        else:
            self._asks_the_rest = True
            skip = EVERY_COMMAND - self._missed - LAST_COMMANDS
            self._questions = Interrogation(skip | self.profile.unsupported, self._role)
        self._missed, self.introduced = frozenset(), False

    def _patience(self) -> float:
        if not self.can_real_time:
            return RETRY_SECONDS
        return ESSENTIALS_RETRY_SECONDS if self.lacks_essentials else REAL_TIME_RETRY_SECONDS

    def _is_another(self, values: Mapping[str, Any]) -> bool:
        check = _check(self.profile)
        before, self.serial_check = self.serial_check, check
        if before in {0, check}:
            return False
        self.profile = MachineProfile().learn(VERSION_AND_SERIAL, values)
        self.vendor = self._vendors.vendor_of(self.profile)
        self.known, self._switch_off, self._mode_refused = False, True, False
        self._answered, self._rounds = frozenset({VERSION_AND_SERIAL}), {}
        self._begin_asking()
        return True

    def _see_it_on(self) -> None:
        """Real-time events are on, whatever was heard of it. What is open is asked without them."""
        self._mode_refused = False
        if not (self._questions.over or self._stays_on):
            self.known, self._switch_off = False, True

    def _is_to_be_off(self, now: float) -> bool:
        """Whether real-time events, which are on, are to be off: another host may have switched them on."""
        return not (self._wants_real_time or self._stays_on) and now >= self._off_at + MODE_CHECK_SECONDS

    def _mode_is_due(self, now: float, *, real_time: bool, quiet: bool, rough: bool) -> bool:
        if real_time:
            return now >= self._mode_known_at + (ROUGH_MODE_CHECK_SECONDS if rough else MODE_CHECK_SECONDS)
        return not self._listening or quiet or now >= self._listen_until

    def _mode(self, *, enable: bool) -> LongPollRequest:
        return LongPollRequest(self._address, REAL_TIME_EVENTS, {"enable": int(enable)})


def _check(profile: MachineProfile) -> int:
    """A number that tells one machine from another; never 0."""
    return crc32(f"{profile.sas_version} {profile.serial_number}".encode()) or 1
