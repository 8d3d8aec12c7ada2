"""The simulated shuffler: it wears, jams and is serviced, and is heard whole on any wire it can bear."""

from collections import Counter
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.tdl1 import DRIVER
from edge_agent.events import Observation
from edge_agent.events.table import DeviceCounters, SequenceGap, TableEvent, VendorEvent
from edge_agent.simulator.shuffler import (
    DECK_CARDS,
    SERVICE_INTERVAL_CYCLES,
    CardShuffler,
    Said,
    ShufflerSpec,
    default_tables,
)
from edge_agent.simulator.table_on_line import TableOnLine
from edge_agent.station import DeviceIdentity
from edge_agent.tdl1.codes import CODES, read_values
from edge_agent.testing.tries import tries
from edge_agent.testing.wires import CUT, NOISY, PERFECT, SLOW, HostileWire, WireProfile, lossy

HOUR = 3600.0
SPEC = ShufflerSpec(number=1, serial="A1001", cycles=50_000, cycles_since_service=1_000)


def live(shuffler: CardShuffler, seconds: float) -> list[Said]:
    shuffler.start(0.0)
    said: list[Said] = []
    while (due := shuffler.next_timer()) is not None and due < seconds:
        said += shuffler.handle_timer(due)
    return said


def test_a_floor_has_shufflers_of_every_age() -> None:
    tables = default_tables(20, seed=1)

    assert len({spec.serial for spec in tables}) == 20
    assert min(spec.cycles_since_service for spec in tables) < 1_500
    assert max(spec.cycles_since_service for spec in tables) > 4_500
    assert default_tables(20, seed=1) == tables
    assert default_tables(20, seed=2) != tables


def test_the_same_seed_tells_the_same_story_however_often_it_is_called() -> None:
    one, other = CardShuffler(SPEC, seed=5), CardShuffler(SPEC, seed=5)
    told = live(one, HOUR)
    other.start(0.0)
    often = [said for tenth in range(36_000) for said in other.handle_timer(tenth / 10)]

    assert often == told[: len(often)]
    assert len(told) - len(often) <= 1
    assert live(CardShuffler(SPEC, seed=6), HOUR) != told


def test_every_word_is_of_the_vocabulary() -> None:
    for said in live(CardShuffler(SPEC, seed=3), 24 * HOUR):
        read = read_values(CODES[said.code], said.values)
        assert read.misread == ()
        assert read.unlisted == {}


def test_a_cycle_takes_about_as_long_as_a_modern_machine_needs() -> None:
    shuffler = CardShuffler(ShufflerSpec(1, "A1"), seed=1)
    durations = [int(said.values["ms"]) for said in live(shuffler, 10 * HOUR) if said.code == "SHF.DONE"]

    assert 20_000 <= median(durations) <= 25_000
    assert len(durations) > 500


def test_wear_slows_it_down_and_jams_it_more() -> None:
    def life(since_service: int) -> tuple[float, int]:
        done: list[int] = []
        jams = 0
        for seed in range(6):
            spec = ShufflerSpec(1, "A1", cycles=50_000, cycles_since_service=since_service)
            said = live(CardShuffler(spec, seed), 12 * HOUR)
            done += [int(one.values["ms"]) for one in said if one.code == "SHF.DONE"]
            jams += sum(one.code == "SHF.JAM" for one in said)
        return median(done), jams

    new, worn = life(0), life(SERVICE_INTERVAL_CYCLES - 1_300)

    assert worn[0] > 1.1 * new[0]
    assert worn[1] > 3 * new[1]


def test_a_service_puts_wear_back_to_nothing_and_no_total_falls() -> None:
    spec = ShufflerSpec(1, "A1", cycles=80_000, cycles_since_service=SERVICE_INTERVAL_CYCLES - 20)
    shuffler = CardShuffler(spec, seed=2)
    shuffler.start(0.0)
    before = shuffler.counters()[1]
    serviced = 0
    while (due := shuffler.next_timer()) is not None and due < 6 * HOUR:
        serviced += sum(said.code == "DEV.SERVICE" for said in shuffler.handle_timer(due))
        now = shuffler.counters()[1]
        for total in ("cyc", "cards", "jam", "mis", "hrs", "pwr"):
            assert int(now[total]) >= int(before[total])
        before = now

    assert serviced == 1
    assert int(before["svc"]) < 600
    assert shuffler.wear < 0.1


def test_a_jam_that_does_not_clear_itself_takes_a_hand_and_the_lid() -> None:
    spec = ShufflerSpec(1, "A1", cycles_since_service=SERVICE_INTERVAL_CYCLES * 3 // 4)
    said = [one for seed in range(20) for one in live(CardShuffler(spec, seed), 8 * HOUR)]
    cleared = [one.values for one in said if one.code == "SHF.JAMCLR"]
    by_hand = [values for values in cleared if values["auto"] == "0"]

    assert 0 < len(by_hand) < len(cleared) / 4
    assert min(int(values["down"]) for values in by_hand) > 10_000
    assert {one.values["att"] for one in said if one.code == "SHF.JAM"} == {"1", "2", "3"}


def test_a_miscounted_deck_fails_its_check_and_only_that() -> None:
    said = [one for seed in range(20) for one in live(CardShuffler(SPEC, seed), 12 * HOUR)]
    wrong = [one.values for one in said if one.code == "SHF.DONE" and one.values["res"] != "OK"]
    failed = [one.values for one in said if one.code == "SHF.VERIFY"]
    cycles = sum(one.code == "SHF.DONE" for one in said)

    assert 0.0002 < len(wrong) / cycles < 0.001
    assert [(int(v["cnt"]) - DECK_CARDS, v["batch"]) for v in wrong] == [
        (int(v["extra"]) - int(v["miss"]), v["batch"]) for v in failed
    ]
    assert {values["res"] for values in wrong} <= {"COUNT_LOW", "COUNT_HIGH"}


def test_a_rate_speeds_everything_up() -> None:
    slow, fast = (CardShuffler(SPEC, seed=1, rate=rate) for rate in (1.0, 10.0))
    real, quick = live(slow, HOUR), live(fast, HOUR / 10)

    assert [(said.code, said.values) for said in real] == [(said.code, said.values) for said in quick]
    assert quick[-1].at == pytest.approx(real[-1].at / 10)


def test_after_the_play_is_stopped_a_cycle_ends_and_none_begins() -> None:
    for stop in range(0, 120, 7):
        shuffler = CardShuffler(SPEC, seed=1)
        before = live(shuffler, stop)
        shuffler.stop_play(0.0)
        after = _rest(shuffler)
        codes = Counter(said.code for said in before + after)

        assert codes["SHF.DECK_IN"] == codes["SHF.OUT"]
        assert shuffler.next_timer() is None
        assert shuffler.handle_timer(1e9) == []
    assert "A1001" in repr(shuffler)


def _rest(shuffler: CardShuffler) -> list[Said]:
    said: list[Said] = []
    while (due := shuffler.next_timer()) is not None:
        said += shuffler.handle_timer(due)
    return said


class Story:
    """A table, a station and the wires between them."""

    def __init__(self, profile: WireProfile, seed: int, rate: float = 4.0) -> None:
        spec = default_tables(1, seed)[0]
        to_device, to_host = (HostileWire(profile, f"{seed} {way}") for way in ("to", "from"))
        self.table = TableOnLine(spec, seed, rate=rate, to_device=to_device, to_host=to_host)
        self.station = DRIVER.station(DeviceIdentity("shuffler-01", "USD"), {}, b"")
        self.now = 0.0
        self.heard: list[Observation] = []
        self.station.link_opened(self.now)

    def run_until(self, end: float) -> None:
        while self.now < end:
            self.table.handle_timer(self.now)
            said = self.table.data_to_send(self.now)
            if said:
                self.station.receive_data(said.replace(b"\xff", b"\xff\xff"), self.now)
            self.station.handle_timer(self.now)
            self.heard += self.station.take_observations()
            self.table.receive_data(self.station.data_to_send(self.now), self.now)
            dues = (self.table.next_timer(), self.station.next_timer())
            self.now = max(self.now + 0.001, min(due for due in dues if due is not None))

    def told(self) -> list[tuple[int | None, int]]:
        return [
            (one.body.boot, one.body.device_sequence)
            for one in self.heard
            if isinstance(one.body, TableEvent)
        ]


@pytest.mark.parametrize(
    "profile", [PERFECT, SLOW, CUT, NOISY, lossy(0.005)], ids=lambda profile: str(profile.name)
)
@pytest.mark.parametrize("seed", range(4))
def test_the_whole_sequence_arrives_once_on_a_wire_that_can_be_borne(profile: WireProfile, seed: int) -> None:
    story = Story(profile, seed)

    story.run_until(120)
    story.table.stop_play(story.now)
    story.run_until(240)

    history = list(story.table.history())
    raised = [tuple(entry["code"]) for entry in history if entry["what"] == "raised"]
    assert sorted(story.told(), key=str) == sorted(raised, key=str)
    assert len(raised) > 40
    assert story.table.pending == 0
    assert sum(entry["what"] == "acknowledged" for entry in history) == len(raised)
    assert not [one for one in story.heard if isinstance(one.body, SequenceGap | VendorEvent)]


def test_the_truth_is_what_the_last_snapshot_says() -> None:
    story = Story(PERFECT, seed=1)
    story.run_until(60)
    story.table.stop_play(story.now)
    story.run_until(story.now + 700)  # past the next snapshot

    truth = story.table.truth()
    last = [one.body for one in story.heard if isinstance(one.body, DeviceCounters)][-1]
    assert truth["serial"] == last.serial
    assert truth["boot"] == last.boot == 1
    assert int(truth["counters"]["cyc"]) == last.cycles
    assert int(truth["counters"]["cards"]) == last.cards
    assert truth["last_sequence"] == max(sequence for _, sequence in story.told())
    assert list(story.table.history())
    assert list(story.table.history()) == []
    assert "A1001" in repr(story.table)


def test_a_pulled_plug_drops_what_was_not_acknowledged_and_says_so() -> None:
    table = TableOnLine(default_tables(1, 1)[0], 1, rate=10)
    for second in range(30):
        table.handle_timer(float(second))
        table.data_to_send(float(second))
    waiting = table.pending

    table.power_cycle(30.0)

    history = list(table.history())
    assert waiting > 3
    assert table.pending == 0
    assert sum(entry["what"] == "dropped" for entry in history) == waiting
    assert table.truth()["boot"] == 2
    assert int(table.truth()["counters"]["pwr"]) == 2


@settings(max_examples=tries(10), deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_any_bytes_from_a_host_are_survived(rubbish: bytes, seed: int) -> None:
    table = TableOnLine(default_tables(1, seed)[0], seed)
    table.handle_timer(0.0)

    table.receive_data(rubbish, 1.0)
    table.handle_timer(1.0)

    assert b"DEV.BOOT" in table.data_to_send(1.0)
