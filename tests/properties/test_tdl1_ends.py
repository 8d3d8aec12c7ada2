"""TDL/1 ends: whatever arrives and whatever becomes of it, nothing breaks, grows or is lost."""

from dataclasses import dataclass, field
from random import Random
from typing import ClassVar

from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.drivers.tdl1 import DRIVER
from edge_agent.events.table import TableEvent
from edge_agent.station import NOTE_LIMIT_BYTES, DeviceIdentity
from edge_agent.tdl1 import DeviceCard, DeviceEnd, HostEnd, Kind, Message, encode
from edge_agent.tdl1.device import RING_EVENTS
from edge_agent.tdl1.host import MOST_UNTAKEN
from edge_agent.testing.tries import tries

Name = tuple[int | None, int]

CODES = st.sampled_from(
    ["DEV.BOOT", "DEV.ID", "DEV.HB", "SHF.JAM", "SHF.CTR", "UNSUP", "RP", "PO", "OK", "ID?"]
)
VALUES = st.dictionaries(
    st.sampled_from(["sn", "boot", "up", "q", "st", "n", "loc", "ts", "from", "to"]),
    st.sampled_from(["1", "2", "A1", "", "0001", "FFFF", "x", "99999999999999999999"]),
    max_size=4,
)
MESSAGES = st.builds(
    Message, st.just(1), st.integers(0, 0xFFFF) | st.integers(0, 5), st.sampled_from(Kind), CODES, VALUES
)
ARRIVING = st.lists(st.tuples(st.binary(max_size=20) | MESSAGES.map(encode), st.floats(0, 20)), max_size=40)


@given(ARRIVING, st.booleans(), st.booleans())
def test_a_host_end_survives_anything_within_bounds(
    arriving: list[tuple[bytes, float]],
    receive_only: bool,  # noqa: FBT001  drawn
    polled: bool,  # noqa: FBT001  drawn
) -> None:
    host, now = HostEnd(receive_only=receive_only, polled=polled), 0.0
    host.link_opened(now)
    for data, pause in arriving:
        host.receive_data(data, now)
        now += pause
        host.handle_timer(now)
        host.take_events()
        host.data_to_send(now)
        due = host.next_timer()
        assert due is None or due > now
        assert len(host.memory()) <= NOTE_LIMIT_BYTES
    again = HostEnd(memory=host.memory())
    assert again.memory() == host.memory()


@given(st.lists(MESSAGES, max_size=60))
def test_a_host_end_nobody_asks_keeps_within_bounds(messages: list[Message]) -> None:
    host = HostEnd()
    host.link_opened(0.0)
    for number in range(20):
        for message in messages:
            host.receive_data(encode(message), float(number))
        host.handle_timer(float(number))

    assert len(host.take_events()) <= 2 * MOST_UNTAKEN
    assert len(host.data_to_send(20.0)) < 60 * (MOST_UNTAKEN + len(messages) * 20)


@given(ARRIVING)
def test_a_device_end_survives_anything_within_bounds(arriving: list[tuple[bytes, float]]) -> None:
    device, now = DeviceEnd(DeviceCard("SHF", "M", "S", "A1", "1"), lambda: ("SHF.CTR", {})), 0.0
    device.boot(now)
    for data, pause in arriving:
        device.raise_event("SHF.LID", {"open": "1"}, now)
        device.receive_data(data, now)
        now += pause
        device.handle_timer(now)
        device.data_to_send(now)
        due = device.next_timer()
        assert due is None or due > now
    assert device.waiting <= RING_EVENTS


@dataclass
class Story:
    """A collector that is killed, a device that boots, a wire that loses characters until it is mended."""

    chance: Random
    loss: float
    reboots: bool
    now: float = 0.0
    note: bytes = b""
    raised: set[Name] = field(default_factory=set)
    told: set[Name] = field(default_factory=set)

    TROUBLE_SECONDS: ClassVar = 100.0
    MENDED_SECONDS: ClassVar = 150.0
    END_SECONDS: ClassVar = 220.0

    def __post_init__(self) -> None:
        self.device = DeviceEnd(DeviceCard("SHF", "M", "S", "A1", "1"), lambda: ("SHF.CTR", {}))
        self.device.boot(self.now)
        self.restart()

    def restart(self) -> None:
        self.station = DRIVER.station(DeviceIdentity("shuffler-01", "USD"), {}, self.note)
        self.station.link_opened(self.now)

    def run(self) -> None:
        while self.now < self.END_SECONDS:
            self.now = round(self.now + 0.1, 1)
            self.live()
            self.device.handle_timer(self.now)
            self.station.receive_data(self.carry(self.device.data_to_send(self.now)), self.now)
            if not self.collect():
                self.restart()

    def live(self) -> None:
        if self.happens(0.1):
            sequence = self.device.raise_event("SHF.LID", {"open": "1"}, self.now)
            self.raised.add((self.device.boot_counter, sequence))
        if self.reboots and self.happens(0.004):
            self.device.boot(self.now)

    def collect(self) -> bool:
        """Once around the line's loop; False if killed on the way."""
        self.station.handle_timer(self.now)
        if self.happens(0.003):
            return False
        for observation in self.station.take_observations():
            if isinstance(observation.body, TableEvent):
                self.told.add((observation.body.boot, observation.body.device_sequence))
        data = self.station.data_to_send(self.now)
        if self.happens(0.003):
            return False
        self.note = self.station.note()
        if self.happens(0.003):
            return False
        self.device.receive_data(self.carry(data), self.now)
        return True

    def happens(self, chance: float) -> bool:
        return self.now < self.TROUBLE_SECONDS and self.chance.random() < chance

    def carry(self, data: bytes) -> bytes:
        if self.now >= self.MENDED_SECONDS:
            return data
        return bytes(byte for byte in data if self.chance.random() >= self.loss)


@settings(max_examples=tries(20), deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.sampled_from([0.0, 0.003, 0.01]), reboots=st.booleans())
@example(seed=1, loss=0.01, reboots=True)
def test_what_a_device_raised_and_kept_is_told(seed: int, loss: float, reboots: bool) -> None:  # noqa: FBT001  drawn
    """On a wire that loses characters, with the collector killed at any step and the device booting."""
    story = Story(Random(seed), loss, reboots)  # noqa: S311  a story

    story.run()

    kept = {name for name in story.raised if name[0] == story.device.boot_counter}
    assert kept <= story.told
    assert story.told <= story.raised, "an event was told that was never raised"
    assert story.device.waiting == 0
