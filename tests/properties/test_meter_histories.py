"""Whatever a machine's meters went through, the published differences add up to the truth, and to no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.drivers.sas.duties import duty_of
from edge_agent.drivers.sas.epochs import Epochs
from edge_agent.drivers.sas.metering import Metering
from edge_agent.drivers.sas.meters import MeterRead
from edge_agent.drivers.sas.note import Note, read_note, write_body, write_note
from edge_agent.drivers.sas.profile import MachineProfile
from edge_agent.drivers.sas.progress import Progress
from edge_agent.drivers.sas.snapshot import MeterReader
from edge_agent.events import EventBody
from edge_agent.events.slot import Meter, MeterEpochBegan, MetersRead
from edge_agent.sas.host_events import ExceptionReported
from edge_agent.sas.messages import LongPollRequest
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.station import DeviceIdentity

PLAN = [LongPollRequest(1, 0x19), LongPollRequest(1, 0x6F, {"game": 0}), LongPollRequest(1, 0x11)]
CLASSIC = ("coin_in", "coin_out", "drop", "jackpot", "games_played")
EXTENDED = {"bills_credits": 0x0B, "cashable_ticket_out": 0x0E}
SECONDS_A_STEP = 30.0
MEMORY_ERROR, METERS_RESET = 0x32, 0x7A
# What a machine is believed to count in the time; a win may come in one piece.
MOST = {"coin_in": 150_000, "coin_out": 900_000, "drop": 100_000, "jackpot": 900_000, "games_played": 15}
PLAIN_PLAY = 1 / 6
MOST |= {"bills_credits": 100_000, "cashable_ticket_out": 1_000_000}


@dataclass
class Machine:
    """A machine whose true counts never roll over, never fall, and know their epoch."""

    widths: dict[str, int]  # digits
    counts: dict[str, int]
    truth: dict[tuple[int, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    epoch: int = 0

    def shown(self, name: str) -> int:
        return self.counts[name] % int(10 ** self.widths[name])

    def play(self, share: float) -> None:
        """A while of play: each meter counts a share of the most it may."""
        for name, most in MOST.items():
            self.counts[name] += int(share * most)

    def clear(self) -> None:
        self.counts = dict.fromkeys(self.counts, 0)
        self.epoch += 1


class Collector:
    """Reads the machine's meters, and adds up what is published of them."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.now = 100.0
        self.profile = MachineProfile(denomination=100)
        self.bodies: list[EventBody] = []
        self.readings: list[tuple[MetersRead, dict[str, int]]] = []  # and what had been counted by then
        self.metering = metering_from(Note(denomination=100))

    def restart(self) -> None:
        """Another run begins from the note of this one."""
        epochs = self.metering.epochs
        note = Note(
            accounts=self.metering.accounts,
            denomination=self.profile.denomination,
            epoch=epochs.number,
            memory_doubtful=epochs.suspicious,
        )
        self.metering = metering_from(read_note(write_note(write_body(note), b"", b"")))

    def hear(self, code: int) -> None:
        began = self.metering.heard(ExceptionReported(1, code), duty_of(code), self.profile, self.now)
        self.bodies += [] if began is None else [began]

    def read(self, *, disturbed: bool = False) -> None:
        """One snapshot; a disturbed one has a game in the middle of it."""
        machine, reader = self.machine, self.metering.reader
        reader.want("command", self.now)
        reader.begin(PLAN, self.now)
        reader.answered(0x19, {name: machine.shown(name) for name in CLASSIC})
        reader.answered(0x6F, {"meters": tuple(self._selected())})
        if disturbed:
            machine.counts["coin_in"] += 1
        reader.answered(0x11, {"coin_in": machine.shown("coin_in")})
        told = self.metering.nothing_to_say(self.profile, self.now)
        self.bodies += told
        self.readings += [(body, dict(machine.counts)) for body in told if isinstance(body, MetersRead)]
        if not disturbed:
            for name, count in machine.counts.items():
                machine.truth[machine.epoch, name].append(count)

    def _selected(self) -> Iterator[MeterValue]:
        for name, code in EXTENDED.items():
            yield MeterValue(code, self.machine.shown(name), self.machine.widths[name] // 2)

    def shows_that_it_counted(self) -> bool:
        """Whether nobody could take the fall to nothing of this machine for a roll-over, or for nothing."""
        return any(1_000 < count < 8 * 10**7 for count in self.machine.counts.values())

    def sums(self) -> dict[tuple[int, str], int]:
        sums: dict[tuple[int, str], int] = defaultdict(int)
        for body in self.bodies:
            if isinstance(body, MetersRead):
                for meter in body.meters:
                    sums[body.epoch, meter.name] += meter.delta or 0
        return sums

    def truth(self) -> dict[tuple[int, str], int]:
        return {key: counts[-1] - counts[0] for key, counts in self.machine.truth.items()}


class Receiver:
    """Adds up what it gets, by the rules of docs/meters.md."""

    def __init__(self) -> None:
        self.totals: dict[tuple[int, str], int] = defaultdict(int)
        self._epoch: int | None = None
        self._values: dict[str, int] = {}

    def take(self, reading: MetersRead) -> None:
        if reading.epoch != self._epoch:
            self._epoch, self._values = reading.epoch, {}
        for meter in reading.meters:
            if meter.change not in {"backwards", "unsettled", "level"}:
                self.totals[reading.epoch, meter.name] += self._rise(meter)
                self._values[meter.name] = meter.value

    def _rise(self, meter: Meter) -> int:
        mine = self._values.get(meter.name)
        anew = meter.change == "began_again" or (meter.change == "first" and meter.value < (mine or 0))
        return 0 if mine is None or anew else int((meter.value - mine) % 10**meter.digits)


def metering_from(note: Note) -> Metering:
    """The meters of a machine as a run that begins from a note has them."""
    epochs = Epochs(note.epoch, note.denomination, suspicious=note.memory_doubtful)
    return Metering(DeviceIdentity("slot-1", "USD"), MeterReader(5.0, 300.0), note.accounts, epochs)


def machine_of(width: int, below_the_end: dict[str, int]) -> Machine:
    """A machine whose selected meters have `width` digits, so far below the end of them."""
    widths = dict.fromkeys(CLASSIC, 8) | dict.fromkeys(EXTENDED, width)
    return Machine(
        widths, {name: 10**digits - below_the_end.get(name, 10**digits) for name, digits in widths.items()}
    )


# One step of a history: what happens, and how much is played before it.
STEPS = st.tuples(
    st.sampled_from(
        [
            "read",
            "read",
            "read",
            "missed",
            "disturbed",
            "reset",
            "memory lost",
            "memory kept",
            "denomination",
            "clear",
        ]
    ),
    st.floats(0, 1, allow_nan=False),
)
NEAR_THE_END = st.dictionaries(st.sampled_from(sorted(MOST)), st.integers(1, 2_000_000))


def happen(collector: Collector, what: str, share: float) -> None:
    """One step of a history. Whatever clears the meters is read before they have counted much again."""
    machine = collector.machine
    collector.now += SECONDS_A_STEP
    # A win in one piece is believed once between two readings that count; the rest is paid little by little.
    machine.play(share * PLAIN_PLAY if what in {"missed", "disturbed"} else share)
    match what:
        case "read":
            collector.read()
        case "disturbed":
            collector.read(disturbed=True)
        case "reset":
            machine.clear()
            collector.hear(METERS_RESET)
            machine.play(share)
            collector.read()
        case "memory lost" if any(machine.shown(name) for name in machine.counts):
            collector.read()
            machine.clear()
            collector.hear(MEMORY_ERROR)
            collector.read()
        case "memory kept":
            collector.read()  # a roll-over together with an error of the memory is taken for a clear
            collector.hear(MEMORY_ERROR)
            collector.read()
        case "denomination":
            machine.epoch += 1
            machine.counts |= {name: count // 5 for name, count in machine.counts.items()}
            collector.profile = MachineProfile(denomination=100 * (machine.epoch + 1))
            began = collector.metering.begin_epoch(collector.profile, collector.now, another=False)
            collector.bodies.append(began)
        case "clear" if collector.shows_that_it_counted():
            collector.read()
            machine.clear()
            collector.read()


@given(st.sampled_from([8, 10, 12, 14, 16, 18]), NEAR_THE_END, st.lists(STEPS, max_size=25))
@example(8, {"coin_in": 1}, [("read", 0.0), ("read", 1.0), ("missed", 1.0), ("read", 0.5)])
@example(8, {"coin_out": 1}, [("read", 0.0), ("missed", 1.0), ("read", 1.0)])
@example(8, {}, [("disturbed", 0.0), ("disturbed", 0.0), ("disturbed", 1.0)])
@example(18, {"bills_credits": 1}, [("read", 0.0), ("read", 1.0)])
@example(8, {"bills_credits": 1}, [("read", 0.0), ("memory kept", 1.0)])
@example(8, {}, [("read", 1.0), ("memory kept", 1.0), ("memory lost", 1.0), ("reset", 1.0), ("read", 1.0)])
def test_within_an_epoch_the_differences_add_up_to_the_truth(
    width: int, below_the_end: dict[str, int], steps: list[tuple[str, float]]
) -> None:
    collector = Collector(machine_of(width, below_the_end))

    for what, share in steps:
        happen(collector, what, share)

    sums, truth = collector.sums(), collector.truth()
    assert {key: sums[key] for key in truth} == truth
    assert {key for key, total in sums.items() if total} <= set(truth)
    assert collector.metering.epochs.number == collector.machine.epoch
    began = [body.epoch for body in collector.bodies if isinstance(body, MeterEpochBegan)]
    assert began == list(range(1, collector.machine.epoch + 1))


@given(st.lists(st.tuples(STEPS, st.booleans(), st.booleans()), max_size=20))
@example([(("read", 1.0), True, False), (("read", 1.0), False, True), (("read", 1.0), True, False)])
def test_a_receiver_that_misses_readings_and_restarts_still_has_the_truth(
    steps: list[tuple[tuple[str, float], bool, bool]],
) -> None:
    """Far from the end of all digits: a roll-over that nobody watched is not known from a clear."""
    collector, receiver = Collector(machine_of(18, {})), Receiver()
    got: dict[tuple[int, str], list[int]] = defaultdict(list)
    for (what, share), arrives, restarts in steps:
        before = len(collector.readings)
        happen(collector, what, share)
        for reading, counts in collector.readings[before:] if arrives else ():
            receiver.take(reading)
            for name, count in counts.items() if reading.settled else ():
                got[reading.epoch, name].append(count)
        if restarts:
            collector.restart()

    truth = {key: counts[-1] - counts[0] for key, counts in got.items()}
    assert {key: receiver.totals[key] for key in truth} == truth
    assert {key for key, total in receiver.totals.items() if total} <= set(truth)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**8 - 1), st.sampled_from([8, 10, 16]), st.floats(0, 1e5)), max_size=30
    )
)
def test_whatever_a_meter_reads_its_difference_is_never_negative_and_says_where_it_came_from(
    readings: list[tuple[int, int, float]],
) -> None:
    progress, now, last = Progress(), 0.0, 0
    for value, digits, seconds in readings:
        now += seconds
        step = progress.take([MeterRead("coin_in", 0, value, digits, "credits")], now)["coin_in"]
        if step.delta is not None:
            assert step.delta >= 0
            assert (value - step.delta - last) % 10**8 == 0
        if step.change != "backwards":
            last = value
