"""The temperament of a simulated machine: how it behaves on the line where that is not what the text says.

A plain machine is as strict as the text. Each knob is something that machines in the field were seen to do;
`docs/quirks.md` says where. Times are seconds, chances go from 0 to 1, codes are exceptions or long polls.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from edge_agent.errors import ConfigurationError
from edge_agent.sas.exception_codes import NO_ACTIVITY

LARGEST_BYTE = 0xFF


@dataclass(frozen=True, slots=True)
class Temperament:
    """How a machine behaves on the line. Raises ConfigurationError for what makes no sense."""

    # When it answers.
    answer_delay: float = 0.0  # from a poll to its answer
    answer_jitter: float = 0.0  # an answer may take so much longer
    deaf_polls: int = 0  # of its own polls, left unanswered each time it has got power
    refuses_every: float = 0.0  # from one burst of refusals to the next; 0 for none
    refuses_for: float = 0.0  # how long a burst lasts
    needs_wakeup: bool = True  # takes no byte for the beginning of a poll that has no wakeup bit

    # What it says when nothing has happened.
    idle_code: int = NO_ACTIVITY  # 00, or 1F while it waits for the player
    idle_frames: bool = False  # also as an event frame, under real-time events

    # What it makes of its frames.
    bare_events: frozenset[int] = frozenset()  # events without the data that belongs to them
    long_events: frozenset[int] = frozenset()  # events with a byte more than belongs to them
    long_information_chance: float = 0.0  # 1F is answered with a byte too many
    stray_before: tuple[int, ...] = ()  # bytes glued to the front of answers
    stray_after: tuple[int, ...] = ()  # bytes glued to their end
    stray_chance: float = 1.0  # how many answers have them
    doubled_chance: float = 0.0  # an answer is said twice
    doubled_after: float = 0.0  # the second time so much later; 0: glued to the first
    bad_crc_chance: float = 0.0  # a frame leaves with a CRC that does not fit
    foreign_address: int = 0  # a frame comes with this address instead
    foreign_address_chance: float = 0.0  # how many frames do
    echoes: bool = False  # a loop gives the host its own bytes back

    # What it cannot stand, and what it knows when.
    upset_by: frozenset[int] = frozenset()  # long polls that leave it deaf
    upset_for: float = 0.0  # how long it is deaf then
    late_meters: float = 0.0  # after a game, classic meters read as they did before it for so long
    steps_down_games: bool = False  # meters of single games fall when the options change
    option_exceptions: int = 1  # how often one change of options is told
    hides_denomination: bool = False  # says 00 for its accounting denomination: nobody configured it
    lock_settles: float = 0.0  # after a lock was granted, transfers are refused for so long
    explains_malformed_transfers: bool = False  # with a status of their own, in place of a NACK
    ignored_polls: frozenset[int] = frozenset()  # another port has that role
    untold_exceptions: frozenset[int] = frozenset()  # they are told on another port
    hides_validation_numbers: bool = False  # from a host that does not validate

    def __post_init__(self) -> None:
        for knob in fields(self):
            value = getattr(self, knob.name)
            if knob.name.endswith("_chance") and not 0 <= value <= 1:
                raise ConfigurationError(f"{knob.name}: {value} is no chance", "use 0 to 1")
            if isinstance(value, int | float) and value < 0:
                raise ConfigurationError(f"{knob.name}: {value} is below nothing", "use 0 or more")
        strays = (*self.stray_before, *self.stray_after, self.idle_code, self.foreign_address)
        if any(not 0 <= stray <= LARGEST_BYTE for stray in strays):
            raise ConfigurationError("a stray, an idle code or an address is no byte", "use 0 to 0xFF")
        if self.refuses_every and not self.refuses_for < self.refuses_every:
            raise ConfigurationError("refuses_for is as long as refuses_every", "leave time for answers")


PLAIN = Temperament()
