"""The station conformance suite: what every driver has to do, whatever its device speaks.

A driver author describes a `StationCase`, the driver and a simulated device at the other end of
its line, and runs every check of `STATION_CHECKS` on it:

    @pytest.mark.parametrize("check", STATION_CHECKS, ids=lambda check: check.__name__)
    def test_the_driver_conforms(check: StationCheck) -> None:
        check(CASE)

A check raises ConformanceError saying what was broken. All of it happens in
virtual time, in the order in which a line drives a station. See docs/driver-guide.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.errors import ConfigurationError
from edge_agent.events import EventBody, Observation
from edge_agent.station import NOTE_LIMIT_BYTES, Driver, Station
from edge_agent.testing.station_bench import (
    IDENTITY,
    STAGES,
    Bench,
    ConformanceError,
    DeviceUnderTest,
    StationCase,
    require,
)
from edge_agent.testing.tries import tries

__all__ = ["STATION_CHECKS", "ConformanceError", "DeviceUnderTest", "StationCase", "StationCheck"]

StationCheck = Callable[[StationCase], None]


def an_event_gets_through(case: StationCase) -> None:
    """What the device raises is journalled once, in order, and then acknowledged."""
    bench = Bench(case)
    bench.run_for(case.settle_seconds)
    raised = []
    for _ in range(5):
        raised.append(bench.device.raise_event(bench.now))
        bench.run_for(0.5)

    bench.run_until_settled()

    require(bench.told == raised, f"raised {raised}, journalled {bench.told}")


def nothing_is_acknowledged_before_it_was_taken(case: StationCase) -> None:
    """While `take_observations` is not called, whatever is sent leaves the device its events."""
    bench = Bench(case)
    bench.run_for(case.settle_seconds)
    raised = bench.device.raise_event(bench.now)

    until = bench.now + 5
    while bench.now < until:
        bench.station.handle_timer(bench.now)
        bench.device.receive_data(bench.station.data_to_send(bench.now), bench.now)
        bench.now += 0.01
        bench.device.handle_timer(bench.now)
        bench.hear(bench.device.data_to_send(bench.now))
        require(bench.device.pending, "the device was told it was heard, and nobody had taken it")

    bench.run_until_settled()
    require(raised in bench.told, f"{raised!r} was not journalled")


def a_journal_that_refuses_loses_nothing(case: StationCase) -> None:
    """As a line does when the disk is full: taken, kept by the line, and nothing sent for a while."""
    bench = Bench(case)
    bench.run_for(case.settle_seconds)
    raised = [bench.device.raise_event(bench.now) for _ in range(3)]
    refused_until = bench.now + 20
    while bench.now < refused_until:
        bench.station.handle_timer(bench.now)
        bench.journal += bench.station.take_observations()
        bench.now += 0.5
        bench.device.handle_timer(bench.now)
        bench.hear(bench.device.data_to_send(bench.now))
        require(bench.device.pending == len(raised), "the device was acknowledged, and nothing was sent")

    bench.run_until_settled()

    require(_first_times(bench.told) == raised, f"raised {raised}, journalled {bench.told}")


def a_restart_loses_nothing(case: StationCase) -> None:
    """Killed at any stage of any event, the next station hears every event, and in order."""
    for stage in STAGES:
        bench = Bench(case)
        bench.run_for(case.settle_seconds)
        raised = []
        for _ in range(6):
            raised.append(bench.device.raise_event(bench.now))
            bench.stop_at = stage
            bench.run_for(1.5)

        bench.run_until_settled()

        require(
            _first_times(bench.told) == raised, f"killed {stage}: raised {raised}, journalled {bench.told}"
        )


def a_restart_repeats_only_what_it_marks(case: StationCase) -> None:
    """Killed when the note was kept, what is journalled again says `possibly_repeated`, or is not."""
    for stage in ("after_note", "after_write"):
        bench = Bench(case)
        bench.run_for(case.settle_seconds)
        for _ in range(6):
            bench.device.raise_event(bench.now)
            bench.stop_at = stage
            bench.run_for(1.5)
        bench.run_until_settled()

        seen: set[Hashable] = set()
        for observation in bench.journal:
            name = case.tells_of(observation.body)
            repeated = name in seen and not getattr(observation.body, "possibly_repeated", False)
            require(name is None or not repeated, f"killed {stage}: {name!r} is journalled twice, unmarked")
            seen.add(name)


def a_strange_note_is_ignored(case: StationCase) -> None:
    """A note of another version, another driver or a bad disk starts a station that works."""
    for note in (b"\x00", b"\xff" * NOTE_LIMIT_BYTES, b"{}", bytes(range(256))):
        bench = Bench(case)
        bench.note = note
        bench.restart()
        raised = bench.device.raise_event(bench.now)

        bench.run_for(case.settle_seconds)
        bench.run_until_settled()

        require(raised in bench.told, f"nothing is heard after the note {note[:8].hex(' ')}")


def any_bytes_are_survived(case: StationCase) -> None:
    """Whatever arrives, in whatever chunks, nothing is raised, and the next event gets through."""

    @settings(max_examples=tries(12), deadline=None)
    @given(st.lists(st.tuples(st.binary(max_size=600), st.floats(0, 1)), max_size=8))
    def try_it(rubbish: list[tuple[bytes, float]]) -> None:
        bench = Bench(case)
        for data, pause in rubbish:
            bench.hear(data)
            bench.run_for(pause)
        bench.run_for(case.settle_seconds)
        raised = bench.device.raise_event(bench.now)
        bench.run_for(1)
        bench.run_until_settled()
        require(raised in bench.told, f"{raised!r} was not journalled")

    try_it()


def how_the_stream_is_cut_changes_nothing(case: StationCase) -> None:
    """One byte at a time tells the same as whole reads."""
    told = []
    for chunk_bytes in (None, 1):
        bench = Bench(case, chunk_bytes=chunk_bytes)
        for _ in range(4):
            bench.device.raise_event(bench.now)
            bench.run_for(2)
        bench.run_for(case.settle_seconds)
        told.append([observation.body.event_type for observation in bench.journal])

    require(told[0] == told[1], f"whole: {told[0]}, byte by byte: {told[1]}")


def timers_lie_ahead(case: StationCase) -> None:
    """Once a station was asked for everything, it does not want to be called at once again."""
    bench = Bench(case)
    for number in range(2_000):
        bench.step()
        bench.station.handle_timer(bench.now)
        bench.journal += bench.station.take_observations()
        bench.device.receive_data(bench.station.data_to_send(bench.now), bench.now)
        due = bench.station.next_timer()
        require(due is None or due > bench.now, f"a timer at {due} at {bench.now}: the line would spin")
        if number % 100 == 0:
            bench.device.raise_event(bench.now)
            bench.hear(b"\xffrubbish\x00")


def a_silent_device_is_told_of_once(case: StationCase) -> None:
    """A device that never answers is one fact, not a stream of them."""
    station = case.make_station()
    now = 100.0
    station.link_opened(now)
    told: list[Observation] = []
    while now < 700:
        station.handle_timer(now)
        told += station.take_observations()
        station.data_to_send(now)
        now = max(now + 0.005, min(station.next_timer() or now + 1, now + 1))

    require(len(told) <= 2, f"{len(told)} observations of a device that says nothing")


def notes_fit(case: StationCase) -> None:
    """A note is never larger than the line keeps."""
    bench = Bench(case)
    for _ in range(200):
        bench.device.raise_event(bench.now)
        bench.run_for(0.5)
        size = len(bench.station.note())
        require(size <= NOTE_LIMIT_BYTES, f"a note of {size} bytes; {NOTE_LIMIT_BYTES} are kept")


def counters_move(case: StationCase) -> None:
    """Health can see that events come and that bytes make no sense."""
    bench = Bench(case)
    bench.run_for(case.settle_seconds)
    before = bench.station.counters.events
    bench.device.raise_event(bench.now)
    bench.run_until_settled()
    errors = bench.station.counters.protocol_errors
    for _ in range(20):
        bench.hear(b"\xff\xff rubbish \x00\x01\x02")
        bench.run_for(1)

    counters = bench.station.counters
    require(counters.events > before, "an event is not counted")
    require(counters.last_event, "the last event has no name")
    require(counters.state, "the line has no state")
    require(counters.protocol_errors > errors, "rubbish is not counted")


def a_storm_is_told_of_at_most_once_a_minute(case: StationCase) -> None:
    """Rubbish without end is a count, not a flood of events."""
    bench = Bench(case)
    bench.run_for(case.settle_seconds)
    bench.journal.clear()
    until = bench.now + 180
    while bench.now < until:
        bench.hear(b"\xff\xff rubbish \x00")
        bench.run_for(0.5)

    told = [one for one in bench.journal if one.body.event_type == "floor.line.protocol_errors"]

    require(1 <= len(told) <= 4, f"{len(told)} events for a storm of three minutes")


def losing_the_link_twice_is_losing_it_once(case: StationCase) -> None:
    """Opening and losing are idempotent, and what was raised meanwhile gets through afterwards."""
    bench = Bench(case)
    bench.run_for(case.settle_seconds)
    bench.journal.clear()
    for _ in range(3):
        bench.station.link_lost(bench.now, "unplugged")
    bench.journal += bench.station.take_observations()
    down = [one for one in bench.journal if one.body.event_type == "floor.line.down"]
    raised = bench.device.raise_event(bench.now)
    bench.now += 3
    bench.station.link_opened(bench.now)
    bench.station.link_opened(bench.now)
    bench.run_for(case.settle_seconds)
    bench.run_until_settled()

    require(len(down) == 1, f"{len(down)} events say that the line is down")
    require(raised in bench.told, f"{raised!r} was not journalled")


def a_link_lost_in_the_middle_of_a_message_is_taken_up_cleanly(case: StationCase) -> None:
    """Half a message from before the loss does not spoil the first one after it."""
    bench = Bench(case)
    bench.run_for(case.settle_seconds)
    raised = bench.device.raise_event(bench.now)
    for _ in range(50):
        bench.station.handle_timer(bench.now)
        bench.journal += bench.station.take_observations()
        bench.device.receive_data(bench.station.data_to_send(bench.now), bench.now)
        bench.now += 0.05
        bench.device.handle_timer(bench.now)
        said = bench.device.data_to_send(bench.now)
        bench.hear(said[: len(said) // 2])
        bench.station.link_lost(bench.now, "unplugged")
        bench.station.link_opened(bench.now)

    bench.run_for(case.settle_seconds)
    bench.run_until_settled()

    require(raised in bench.told, f"{raised!r} was not journalled")


def observations_are_strictly_typed(case: StationCase) -> None:
    """What a station learns can be sealed, read back and is about its own device, at its own time."""
    bench = Bench(case)
    began = bench.now
    for _ in range(10):
        bench.device.raise_event(bench.now)
        bench.run_for(2)

    require(bench.journal, "nothing was observed")
    for observation in bench.journal:
        body = observation.body
        require(isinstance(body, EventBody), f"{body!r} is no event")
        require(observation.subject == IDENTITY.subject, f"it is about {observation.subject}")
        require(began <= observation.at <= bench.now, f"{body!r} was observed at {observation.at}")
        require(body.event_type.startswith("floor."), f"its type is {body.event_type}")
        again = type(body).model_validate_json(body.model_dump_json())
        require(again == body, f"{body!r} is read back as {again!r}")


def the_driver_refuses_options_it_does_not_know(case: StationCase) -> None:
    """A typing error in a setting is one clear line that names it, before anything runs."""
    require(isinstance(case.driver, Driver), "it is no Driver")
    require(isinstance(case.make_station(), Station), "it makes no Station")
    case.driver.check(case.options)
    refused = _refusal(case, {**case.options, "no_such_option": 1})
    require(refused is not None, "an option that does not exist was accepted")
    require(refused is not None and "no_such_option" in refused.what, f"the option is not named: {refused}")
    require(refused is not None and refused.mend, f"no mend is given: {refused}")


STATION_CHECKS: tuple[StationCheck, ...] = (
    an_event_gets_through,
    nothing_is_acknowledged_before_it_was_taken,
    a_journal_that_refuses_loses_nothing,
    a_restart_loses_nothing,
    a_restart_repeats_only_what_it_marks,
    a_strange_note_is_ignored,
    any_bytes_are_survived,
    how_the_stream_is_cut_changes_nothing,
    timers_lie_ahead,
    a_silent_device_is_told_of_once,
    notes_fit,
    counters_move,
    a_storm_is_told_of_at_most_once_a_minute,
    losing_the_link_twice_is_losing_it_once,
    a_link_lost_in_the_middle_of_a_message_is_taken_up_cleanly,
    observations_are_strictly_typed,
    the_driver_refuses_options_it_does_not_know,
)


def _first_times(names: Sequence[Hashable]) -> list[Hashable]:
    """The names without repeats, in the order in which each came first."""
    return list(dict.fromkeys(names))


def _refusal(case: StationCase, options: Mapping[str, object]) -> ConfigurationError | None:
    try:
        case.driver.check(options)
    except ConfigurationError as refused:
        return refused
    return None
