"""The conformance suite catches what it is there to catch: every check refuses a driver spoilt for it."""

from collections.abc import Hashable, Mapping, Sequence

import pytest

from edge_agent.drivers.tdl1 import Tdl1Driver, Tdl1Station
from edge_agent.drivers.tdl1.options import Tdl1Options
from edge_agent.events import EventBody, Observation
from edge_agent.events.table import TableEvent
from edge_agent.station import DeviceIdentity, Station
from edge_agent.tdl1 import DeviceCard, DeviceEnd
from edge_agent.testing import conformance
from edge_agent.testing.conformance import STATION_CHECKS, ConformanceError, StationCase, StationCheck

CARD = DeviceCard("SHF", "ACME", "S1", "A1234", "2.4.1")


class Shuffler:
    """A shuffler that was switched on before the collector."""

    def __init__(self) -> None:
        self.end = DeviceEnd(CARD, lambda: ("SHF.CTR", {"cyc": "1"}))
        self.end.boot(now=100.0)
        self.receive_data = self.end.receive_data
        self.handle_timer = self.end.handle_timer
        self.next_timer = self.end.next_timer
        self.data_to_send = self.end.data_to_send

    @property
    def pending(self) -> int:
        return self.end.waiting

    def raise_event(self, now: float) -> Hashable:
        return self.end.raise_event("SHF.JAM", {}, now)


class Eager(Tdl1Station):
    """Acknowledges what nobody has taken."""

    def __init__(self, identity: DeviceIdentity, options: Tdl1Options, note: bytes = b"") -> None:
        super().__init__(identity, options, note)
        self._kept: list[Observation] = []

    def receive_data(self, data: bytes, now: float) -> None:
        super().receive_data(data, now)
        self._kept += super().take_observations()

    def take_observations(self) -> Sequence[Observation]:
        kept, self._kept = self._kept, []
        return [*kept, *super().take_observations()]


class Forgetful(Tdl1Station):
    """Knows nothing after a restart."""

    def note(self) -> bytes:
        return b""


class Deaf(Tdl1Station):
    """Hears no event."""

    def take_observations(self) -> Sequence[Observation]:
        return [one for one in super().take_observations() if not isinstance(one.body, TableEvent)]


class Boastful(Tdl1Station):
    """Claims in its note to have heard what it has not."""

    def note(self) -> bytes:
        window = self._host._known.window
        if window is None:
            return super().note()
        before = (window.newest, window.heard)
        window.add(window.newest + 1)
        note = super().note()
        window.newest, window.heard = before
        return note


class Twice(Tdl1Station):
    """Tells of everything twice."""

    def take_observations(self) -> Sequence[Observation]:
        return [one for one in super().take_observations() for _ in range(2)]


class Trusting(Tdl1Station):
    """Believes any note."""

    def __init__(self, identity: DeviceIdentity, options: Tdl1Options, note: bytes = b"") -> None:
        super().__init__(identity, options, note)
        self.remembers = note.decode("utf-8")


class Delicate(Tdl1Station):
    """Chokes on a character it does not know."""

    def receive_data(self, data: bytes, now: float) -> None:
        data.replace(b"\xff\xff", b"").decode("ascii")
        super().receive_data(data, now)


class Whole(Tdl1Station):
    """Thinks that a read is a frame."""

    def receive_data(self, data: bytes, now: float) -> None:
        if data.endswith(b"\n"):
            super().receive_data(data, now)


class Restless(Tdl1Station):
    """Always wants to be called."""

    def next_timer(self) -> float | None:
        return self._now


class Complaining(Tdl1Station):
    """Says again and again that nobody is there, and cannot lose a link quietly."""

    def handle_timer(self, now: float) -> None:
        super().handle_timer(now)
        self._host._said_silent = False
        if not self._host.answering:
            self._host._fall_silent(now, "still nobody")

    def link_lost(self, now: float, reason: str) -> None:
        self._host._said_silent = False
        super().link_lost(now, reason)


class Wordy(Tdl1Station):
    """Keeps a diary."""

    def note(self) -> bytes:
        return super().note() + bytes(200)


class Uncounted(Tdl1Station):
    """Does not count."""

    def _said(self, heard: object) -> object:  # type: ignore[override]  # as it is spoilt
        before = self.counters.events
        made = list(super()._said(heard))  # type: ignore[arg-type]  # as above
        self.counters.events = before
        return iter(made)


class Loud(Tdl1Station):
    """Tells of every bad byte."""

    def take_observations(self) -> Sequence[Observation]:
        self._errors_due = 0.0
        return super().take_observations()


class Gone(Tdl1Station):
    """Never comes back from a lost link."""

    gone = False

    def link_lost(self, now: float, reason: str) -> None:
        super().link_lost(now, reason)
        self.gone = True

    def receive_data(self, data: bytes, now: float) -> None:
        if not self.gone:
            super().receive_data(data, now)


class Mistaken(Tdl1Station):
    """Speaks of another device."""

    def take_observations(self) -> Sequence[Observation]:
        return [Observation("somebody-else", one.at, one.body) for one in super().take_observations()]


class Spoilt(Tdl1Driver):
    """A driver of spoilt stations."""

    def __init__(self, station: type[Tdl1Station], *, careless: bool = False) -> None:
        self._station = station
        self._careless = careless

    def check(self, options: Mapping[str, object]) -> None:
        if not self._careless:
            super().check(options)

    def station(self, identity: DeviceIdentity, options: Mapping[str, object], note: bytes) -> Station:
        return self._station(identity, Tdl1Options.read(options), note)


def tells_of(body: EventBody) -> Hashable | None:
    return body.device_sequence if isinstance(body, TableEvent) else None


def case(station: type[Tdl1Station], *, careless: bool = False) -> StationCase:
    return StationCase(Spoilt(station, careless=careless), Shuffler, tells_of)


SPOILT: dict[StationCheck, tuple[type[Tdl1Station], ...]] = {
    conformance.an_event_gets_through: (Deaf, Twice),
    conformance.nothing_is_acknowledged_before_it_was_taken: (Eager,),
    conformance.a_journal_that_refuses_loses_nothing: (Deaf,),
    conformance.a_restart_loses_nothing: (Boastful,),
    conformance.a_restart_repeats_only_what_it_marks: (Forgetful,),
    conformance.a_strange_note_is_ignored: (Trusting,),
    conformance.any_bytes_are_survived: (Delicate,),
    conformance.how_the_stream_is_cut_changes_nothing: (Whole,),
    conformance.timers_lie_ahead: (Restless,),
    conformance.a_silent_device_is_told_of_once: (Complaining,),
    conformance.notes_fit: (Wordy,),
    conformance.counters_move: (Uncounted,),
    conformance.a_storm_is_told_of_at_most_once_a_minute: (Loud,),
    conformance.losing_the_link_twice_is_losing_it_once: (Complaining, Gone),
    conformance.a_link_lost_in_the_middle_of_a_message_is_taken_up_cleanly: (Gone,),
    conformance.observations_are_strictly_typed: (Mistaken,),
}


def test_every_check_has_a_driver_it_refuses() -> None:
    assert set(SPOILT) | {conformance.the_driver_refuses_options_it_does_not_know} == set(STATION_CHECKS)


@pytest.mark.parametrize(
    ("check", "station"),
    [(check, station) for check, stations in SPOILT.items() for station in stations],
    ids=lambda value: value.__name__,
)
def test_a_check_refuses_what_it_is_there_to_catch(check: StationCheck, station: type[Tdl1Station]) -> None:
    with pytest.raises((ConformanceError, UnicodeDecodeError)):
        check(case(station))


def test_a_driver_that_takes_any_option_is_refused() -> None:
    with pytest.raises(ConformanceError, match="an option that does not exist was accepted"):
        conformance.the_driver_refuses_options_it_does_not_know(case(Tdl1Station, careless=True))


@pytest.mark.parametrize("check", STATION_CHECKS, ids=lambda check: check.__name__)
def test_a_driver_that_is_not_spoilt_passes(check: StationCheck) -> None:
    check(case(Tdl1Station))
