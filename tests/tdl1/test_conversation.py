"""Two ends and a wire: what a host and a device make of each other, in virtual time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from edge_agent.errors import LocalProtocolError
from edge_agent.tdl1 import (
    Booted,
    DeviceAnswers,
    DeviceCard,
    DeviceEnd,
    DeviceKey,
    DeviceSilent,
    EventHeard,
    Fate,
    Heard,
    HostEnd,
    Identified,
    Kind,
    Message,
    SequenceMissing,
    SnapshotHeard,
    encode,
)
from edge_agent.tdl1.device import RING_EVENTS
from edge_agent.tdl1.host import MOST_UNTAKEN

CARD = DeviceCard("SHF", "ACME", "S1", "A1234", "2.4.1")
Spoil = Callable[[bytes], bytes]


def perfect(data: bytes) -> bytes:
    return data


def dead(_data: bytes) -> bytes:
    return b""


def make_device(**options: bool | int) -> DeviceEnd:
    return DeviceEnd(CARD, lambda: ("SHF.CTR", {"cyc": "7"}), **options)  # type: ignore[arg-type]  # by name


@dataclass
class Talk:
    """A host and a device, and what may become of the bytes between them."""

    host: HostEnd = field(default_factory=HostEnd)
    device: DeviceEnd = field(default_factory=make_device)
    to_device: Spoil = perfect
    to_host: Spoil = perfect
    now: float = 0.0
    heard: list[Heard] = field(default_factory=list)

    def start(self) -> "Talk":
        self.device.boot(self.now)
        self.host.link_opened(self.now)
        self.run_for(1)
        return self

    def run_for(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now = round(self.now + 0.05, 3)
            self.device.handle_timer(self.now)
            self.host.receive_data(self.to_host(self.device.data_to_send(self.now)), self.now)
            self.host.handle_timer(self.now)
            self.heard += self.host.take_events()
            self.device.receive_data(self.to_device(self.host.data_to_send(self.now)), self.now)

    def restart(self, **options: bool) -> None:
        self.host = HostEnd(memory=self.host.memory(), **options)
        self.host.link_opened(self.now)

    def jam(self) -> int:
        return self.device.raise_event("SHF.JAM", {"loc": "2"}, self.now)

    def jam_unheard(self) -> int:
        """An event that goes out once and is lost on the wire."""
        before, self.to_host = self.to_host, dead
        sequence = self.jam()
        self.run_for(0.1)
        self.to_host = before
        return sequence

    @property
    def sequences(self) -> list[int]:
        return [one.message.sequence for one in self.heard if isinstance(one, EventHeard)]

    def of(self, kind: type[Heard]) -> list[Heard]:
        return [one for one in self.heard if isinstance(one, kind)]


def test_a_device_says_who_it_is_before_anything_is_taken() -> None:
    talk = Talk()
    talk.device.boot(0.0)
    talk.device.data_to_send(0.0)
    talk.jam()
    talk.host.link_opened(0.0)

    talk.run_for(2)

    assert [type(one) for one in talk.heard][:3] == [DeviceAnswers, Identified, SnapshotHeard] or [
        type(one) for one in talk.heard
    ][:2] == [DeviceAnswers, Identified]
    assert talk.sequences == [1]
    assert talk.device.waiting == 0
    assert talk.host.device == DeviceKey("A1234", 1)
    assert "answering" in repr(talk.host)


def test_nothing_is_acknowledged_before_it_was_taken() -> None:
    talk = Talk().start()
    talk.jam()
    talk.host.receive_data(talk.device.data_to_send(talk.now), talk.now)

    assert talk.host.data_to_send(talk.now) == b""
    taken = talk.host.take_events()
    assert [type(one) for one in taken] == [EventHeard]
    assert talk.host.data_to_send(talk.now) == encode(Message(1, 1, Kind.ACK, "OK"))


def test_a_repeat_of_what_waits_to_be_taken_is_not_acknowledged_either() -> None:
    talk = Talk().start()
    talk.jam()
    frame = talk.device.data_to_send(talk.now)

    talk.host.receive_data(frame + frame, talk.now)

    assert talk.host.data_to_send(talk.now) == b""
    assert talk.host.repeats == 1
    assert len(talk.host.take_events()) == 1


def test_a_repeat_is_acknowledged_again_and_not_told_again() -> None:
    talk = Talk(to_device=perfect).start()
    talk.to_device = dead
    talk.jam()
    talk.run_for(5)
    assert talk.device.waiting == 1

    talk.to_device = perfect
    talk.run_for(10)

    assert talk.sequences == [1]
    assert talk.host.repeats >= 3
    assert talk.device.waiting == 0


def test_an_unacknowledged_event_is_sent_again_after_a_second_three_times_then_every_ten() -> None:
    device = make_device()
    device.boot(0.0)
    device.data_to_send(0.0)
    device.raise_event("SHF.LID", {"open": "1"}, 0.0)

    sent = []
    for tenth in range(400):
        now = tenth / 10
        if b"SHF.LID" in device.data_to_send(now):
            sent.append(now)

    assert sent == [0, 1, 2, 3, 13, 23, 33]


def test_the_heartbeat_beats_every_five_seconds_with_the_last_sequence() -> None:
    talk = Talk().start()
    talk.jam()
    talk.run_for(1)

    talk.device.data_to_send(talk.now)
    talk.device.handle_timer(5.0)

    assert talk.device.data_to_send(5.0) == encode(
        Message(1, 1, Kind.HEARTBEAT, "DEV.HB", {"st": "IDLE", "q": "0", "up": "5000", "boot": "1"})
    )


def test_a_device_that_was_not_switched_on_is_silent() -> None:
    device = make_device()

    device.handle_timer(1.0)
    device.receive_data(encode(Message(1, 1, Kind.COMMAND, "ID?")), 1.0)

    assert device.next_timer() is None
    assert device.data_to_send(1.0) == b""
    with pytest.raises(LocalProtocolError, match="has not booted"):
        device.raise_event("SHF.JAM", {}, 1.0)


def test_silence_is_told_once_and_so_is_its_end() -> None:
    talk = Talk().start()
    talk.to_host = dead
    talk.run_for(60)

    silent = talk.of(DeviceSilent)
    assert [one.reason for one in silent if isinstance(one, DeviceSilent)] == ["silent for 15 s"]
    assert talk.host.silent
    assert "silent" in repr(talk.host)

    talk.to_host = perfect
    talk.run_for(10)

    answers = [one for one in talk.of(DeviceAnswers) if isinstance(one, DeviceAnswers)]
    assert len(answers) == 2
    assert 60 <= answers[1].silent_seconds <= 70


@pytest.mark.parametrize(("silence", "lost"), [(14.9, False), (15.1, True)])
def test_a_device_is_silent_after_fifteen_seconds(silence: float, lost: bool) -> None:  # noqa: FBT001  a case
    talk = Talk().start()
    talk.device.raise_event("SHF.LID", {}, talk.now)
    talk.run_for(0.1)
    heard_at = talk.now - 0.05
    talk.to_host = dead

    talk.host.handle_timer(heard_at + silence)

    assert bool([one for one in talk.host.take_events() if isinstance(one, DeviceSilent)]) is lost


def test_a_lost_link_is_told_once_and_repeats_are_recognised_after_it() -> None:
    talk = Talk().start()
    talk.to_device = dead
    talk.jam()
    talk.run_for(1)

    talk.host.link_lost(talk.now, "unplugged")
    talk.host.link_lost(talk.now, "unplugged")
    assert talk.host.data_to_send(talk.now) == b""
    talk.to_device = perfect
    talk.host.link_opened(talk.now)
    talk.run_for(15)

    assert [one for one in talk.heard if isinstance(one, DeviceSilent)] == [
        DeviceSilent(talk.of(DeviceSilent)[0].at, "unplugged")
    ]
    assert talk.sequences == [1]
    assert talk.device.waiting == 0


def test_a_hole_that_is_filled_is_late_and_not_missing() -> None:
    talk = Talk().start()
    talk.jam_unheard()
    talk.jam()

    talk.run_for(30)

    events = [one for one in talk.heard if isinstance(one, EventHeard)]
    assert [(one.message.sequence, one.late) for one in events] == [(2, False), (1, True)]
    assert talk.of(SequenceMissing) == []


def test_a_hole_is_asked_for_at_once() -> None:
    talk = Talk().start()
    talk.jam_unheard()
    talk.jam_unheard()
    talk.jam()
    talk.host.receive_data(talk.device.data_to_send(talk.now), talk.now)
    talk.host.take_events()

    assert b"|C|RP|from=0001|to=0002*" in talk.host.data_to_send(talk.now)


def test_a_hole_that_stays_is_told_once_with_its_bounds() -> None:
    talk = Talk().start()
    for _ in range(3):
        talk.jam_unheard()
    talk.device._ring.clear()  # the device had no room left
    talk.jam()

    talk.run_for(40)

    assert [(one.first, one.last) for one in talk.heard if isinstance(one, SequenceMissing)] == [(1, 3)]


def test_a_heartbeat_shows_that_the_last_event_is_missing() -> None:
    talk = Talk().start()
    talk.jam_unheard()
    talk.device._ring.clear()

    talk.run_for(40)

    assert [(one.first, one.last) for one in talk.heard if isinstance(one, SequenceMissing)] == [(1, 1)]


def test_a_full_ring_loses_its_oldest_and_says_so() -> None:
    talk = Talk().start()
    talk.to_host = dead
    for _ in range(RING_EVENTS + 5):
        talk.jam()
    talk.to_host = perfect

    talk.run_for(40)

    assert talk.sequences[:RING_EVENTS] == list(range(6, RING_EVENTS + 6))
    lost = [
        one.message for one in talk.heard if isinstance(one, EventHeard) and one.message.code == "DEV.LOST"
    ]
    assert [message.values for message in lost] == [{"n": "5", "boot": "1"}]
    assert [(one.first, one.last) for one in talk.heard if isinstance(one, SequenceMissing)] == [(1, 5)]
    fates = [happened.fate for happened in talk.device.take_history()]
    assert fates.count(Fate.OVERWRITTEN) == 5
    assert fates.count(Fate.ACKNOWLEDGED) == RING_EVENTS + 1


def test_a_boot_begins_a_new_sequence() -> None:
    talk = Talk().start()
    talk.jam()
    talk.run_for(1)

    talk.device.boot(talk.now)
    talk.jam()
    talk.run_for(30)

    assert [(one.device, one.message.sequence) for one in talk.heard if isinstance(one, EventHeard)] == [
        (DeviceKey("A1234", 1), 1),
        (DeviceKey("A1234", 2), 1),
    ]
    assert [one.device.boot for one in talk.heard if isinstance(one, Booted)] == [1, 2]
    assert talk.of(SequenceMissing) == []


def test_a_boot_nobody_heard_is_found_out_by_the_heartbeat() -> None:
    talk = Talk().start()
    for _ in range(3):
        talk.jam()
    talk.run_for(1)
    talk.to_host = dead
    talk.device.boot(talk.now)
    talk.run_for(1)
    talk.to_host = perfect

    talk.run_for(6)
    talk.jam()
    talk.run_for(2)

    booted = [one for one in talk.heard if isinstance(one, Booted)]
    assert [(one.device.boot, one.message.code) for one in booted] == [(1, "DEV.BOOT"), (2, "DEV.HB")]
    assert talk.sequences == [1, 2, 3, 1]


def test_a_device_whose_uptime_fell_is_asked_again_before_it_is_believed() -> None:
    talk = Talk().start()
    beat = Message(1, 0, Kind.HEARTBEAT, "DEV.HB", {"up": "90000"})
    talk.host.receive_data(encode(beat), talk.now)
    younger = Message(1, 0, Kind.HEARTBEAT, "DEV.HB", {"up": "100"})
    event = Message(1, 1, Kind.EVENT, "SHF.JAM", {})

    talk.host.receive_data(encode(younger) + encode(event), talk.now)
    talk.host.handle_timer(talk.now)

    assert talk.host.held_back == 1
    assert b"|C|ID?*" in talk.host.data_to_send(talk.now)


def test_what_was_missing_of_a_boot_is_told_when_the_next_begins() -> None:
    talk = Talk().start()
    talk.jam_unheard()
    talk.jam()
    talk.run_for(0.1)

    talk.device.boot(talk.now)
    talk.run_for(1)

    missing = [one for one in talk.heard if isinstance(one, SequenceMissing)]
    assert [(one.device, one.first, one.last) for one in missing] in ([], [(DeviceKey("A1234", 1), 1, 1)])
    assert set(talk.sequences) | {1} == {1, 2}


@pytest.mark.parametrize("sequences", [0, 1, 40])
def test_a_restart_from_the_memory_repeats_nothing(sequences: int) -> None:
    talk = Talk().start()
    for _ in range(sequences):
        talk.jam()
    talk.to_device = dead  # no acknowledgement gets through
    talk.run_for(2)

    talk.restart()
    talk.to_device = perfect
    talk.run_for(30)

    assert sorted(talk.sequences) == list(range(1, sequences + 1))
    assert talk.device.waiting == 0
    assert [one.device.boot for one in talk.heard if isinstance(one, Booted)] == [1]


def test_a_restart_finds_that_the_device_booted_meanwhile() -> None:
    talk = Talk().start()
    talk.jam()
    talk.run_for(1)
    talk.device.boot(talk.now)
    talk.device.data_to_send(talk.now)
    talk.jam()

    talk.restart()
    talk.run_for(15)

    booted = [one for one in talk.heard if isinstance(one, Booted)]
    assert [(one.device.boot, one.message.code) for one in booted] == [(1, "DEV.BOOT"), (2, "DEV.ID")]
    assert talk.sequences == [1, 1]


def test_what_was_missing_before_a_restart_is_told_after_it() -> None:
    talk = Talk().start()
    talk.jam_unheard()
    talk.device._ring.clear()
    talk.jam()
    talk.run_for(1)

    talk.restart()
    talk.run_for(30)

    assert [(one.first, one.last) for one in talk.heard if isinstance(one, SequenceMissing)] == [(1, 1)]


def test_a_device_heard_for_the_first_time_owes_nothing_of_its_past() -> None:
    talk = Talk()
    talk.device.boot(0.0)
    for _ in range(50):
        talk.jam()
    talk.device.data_to_send(0.0)
    talk.device._ring.clear()
    talk.jam()
    talk.host.link_opened(0.0)

    talk.run_for(40)

    assert talk.sequences == [51]
    assert talk.of(SequenceMissing) == []
    assert talk.of(Booted) == []


def test_another_device_in_the_same_place_is_joined_where_it_is() -> None:
    talk = Talk().start()
    talk.jam()
    talk.run_for(1)
    other = DeviceEnd(DeviceCard("SHF", "ACME", "S1", "B9", "1"), lambda: ("SHF.CTR", {}), boot=8)
    other.boot(talk.now)
    other.data_to_send(talk.now)
    other.sequence = 700

    talk.device = other
    talk.restart()
    other.raise_event("SHF.LID", {}, talk.now)
    talk.run_for(40)

    assert talk.sequences == [1, 701]
    assert talk.of(SequenceMissing) == []
    assert [one.device for one in talk.heard if isinstance(one, Booted)][-1] == DeviceKey("B9", 9)


def test_a_device_that_does_not_say_who_it_is_is_taken_at_its_word() -> None:
    host, now = HostEnd(), 0.0
    host.link_opened(now)
    event = encode(Message(1, 5, Kind.EVENT, "SHF.JAM", {}))
    taken: list[Heard] = []
    acknowledged = b""
    for _ in range(400):
        host.handle_timer(now)
        taken += host.take_events()
        acknowledged += host.data_to_send(now)
        now += 0.1
        host.receive_data(event, now)

    events = [one for one in taken if isinstance(one, EventHeard)]
    assert [(one.device, one.message.sequence) for one in events] == [(None, 5)]
    assert b"|0005|A|OK*" in acknowledged
    assert host.held_back > 0
    assert host.memory() == b""


def test_a_device_that_does_not_know_the_question_is_not_asked_again() -> None:
    host = HostEnd()
    host.link_opened(0.0)
    host.handle_timer(0.0)
    assert b"ID?" in host.data_to_send(0.0)

    host.receive_data(encode(Message(1, 1, Kind.NAK, "UNSUP")), 0.1)
    host.receive_data(encode(Message(1, 9, Kind.EVENT, "SHF.JAM", {})), 0.1)

    assert [one.message.sequence for one in host.take_events() if isinstance(one, EventHeard)] == [9]
    assert host.last_error == "UNSUP: the device answers NAK UNSUP"


def test_a_busy_device_is_asked_again() -> None:
    host = HostEnd()
    host.link_opened(0.0)
    host.handle_timer(0.0)
    host.data_to_send(0.0)

    host.receive_data(encode(Message(1, 1, Kind.NAK, "BUSY")), 0.1)
    host.handle_timer(1.2)

    assert b"ID?" in host.data_to_send(1.2)


def test_on_a_receive_only_link_nothing_is_ever_written() -> None:
    talk = Talk(host=HostEnd(receive_only=True), device=make_device(acknowledged=False)).start()
    for _ in range(20):
        talk.jam()
        talk.run_for(1)

    assert talk.sequences == list(range(1, 21))
    assert talk.host.data_to_send(talk.now) == b""
    assert talk.device.waiting == 0


def test_a_receive_only_host_that_was_restarted_marks_what_it_may_have_heard() -> None:
    boot = Message(1, 0, Kind.HEARTBEAT, "DEV.BOOT", {"sn": "A1234", "boot": "1"})
    host = HostEnd(receive_only=True)
    host.link_opened(0.0)
    host.receive_data(encode(boot) + lid(1) + lid(2), 0.0)
    host.take_events()

    again = HostEnd(receive_only=True, memory=host.memory())
    again.link_opened(1.0)
    again.receive_data(lid(2) + lid(2) + lid(3), 1.0)
    doubtful = [one for one in again.take_events() if isinstance(one, EventHeard)]
    assert again.memory() == host.memory()
    beat = Message(1, 3, Kind.HEARTBEAT, "DEV.HB", {"boot": "1"})
    again.receive_data(encode(beat) + lid(2) + lid(3) + lid(4), 5.0)
    certain = [one for one in again.take_events() if isinstance(one, EventHeard)]

    assert [(one.message.sequence, one.possibly_repeated, one.device) for one in doubtful] == [
        (2, True, None),
        (3, False, None),
    ]
    assert [(one.message.sequence, one.device) for one in certain] == [(4, DeviceKey("A1234", 1))]


def test_a_receive_only_host_knows_a_boot_again_by_the_events_that_name_it() -> None:
    talk = Talk(host=HostEnd(receive_only=True), device=make_device()).start()
    for _ in range(3):
        talk.jam()
    talk.run_for(1)

    talk.restart(receive_only=True)
    talk.run_for(5)
    talk.jam()
    talk.run_for(1)

    assert talk.sequences == [1, 2, 3, 4]
    assert talk.host.device == DeviceKey("A1234", 1)


def test_a_receive_only_host_finds_a_new_boot_by_its_heartbeat() -> None:
    talk = Talk(host=HostEnd(receive_only=True), device=make_device(acknowledged=False)).start()
    talk.jam()
    talk.run_for(1)
    talk.device.boot(talk.now)
    talk.device.data_to_send(talk.now)

    talk.restart(receive_only=True)
    talk.jam()
    talk.run_for(6)
    talk.jam()
    talk.run_for(1)

    assert talk.sequences == [1, 1, 2]
    assert talk.host.device == DeviceKey("A1234", 2)
    assert [one.device.boot for one in talk.heard if isinstance(one, Booted)] == [1, 2]


def test_a_boot_while_a_device_is_taken_at_its_word_begins_afresh() -> None:
    host = HostEnd(receive_only=True)
    host.link_opened(0.0)
    host.receive_data(encode(Message(1, 9, Kind.EVENT, "SHF.JAM", {})), 0.1)
    host.take_events()

    boot = Message(1, 0, Kind.HEARTBEAT, "DEV.BOOT", {"sn": "A1", "boot": "4"})
    first = Message(1, 1, Kind.EVENT, "SHF.JAM", {})
    host.receive_data(encode(boot) + encode(first), 0.2)

    taken = host.take_events()
    assert [type(one) for one in taken] == [Booted, Identified, EventHeard]
    assert host.device == DeviceKey("A1", 4)


def test_a_leap_backwards_beyond_the_window_is_marked_and_followed() -> None:
    talk = Talk().start()
    talk.device.sequence = 30_000
    talk.jam()
    talk.run_for(1)
    talk.device.sequence = 10_000
    talk.jam()
    talk.jam()
    talk.run_for(1)

    events = [one for one in talk.heard if isinstance(one, EventHeard)]
    assert [(one.message.sequence, one.possibly_repeated) for one in events] == [
        (30_001, False),
        (10_001, True),
        (10_002, False),
    ]


def test_on_a_shared_pair_the_device_speaks_only_when_polled() -> None:
    device = make_device(polled=True)
    device.boot(0.0)
    assert device.data_to_send(0.0) == b""

    talk = Talk(host=HostEnd(polled=True), device=device).start()
    talk.jam()
    talk.run_for(10)

    assert talk.sequences == [1]
    assert 95 <= talk.host.polls <= 111


def test_a_device_with_nothing_to_say_answers_its_poll() -> None:
    device = make_device(polled=True)
    device.boot(0.0)
    poll = encode(Message(1, 3, Kind.COMMAND, "PO"))
    device.receive_data(poll, 0.0)
    device.data_to_send(0.0)

    device.receive_data(poll, 0.1)

    assert device.data_to_send(0.1) == encode(Message(1, 3, Kind.REPLY, "PO"))


def test_our_own_words_on_a_shared_pair_are_no_device() -> None:
    host = HostEnd(polled=True)
    host.link_opened(0.0)

    host.receive_data(host.data_to_send(0.0) + encode(Message(1, 1, Kind.ACK, "OK")), 0.0)

    assert not host.answering
    assert host.take_events() == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (Message(1, 9, Kind.COMMAND, "ST?"), b"|0009|R|DEV.HB|st=IDLE|q=0|up=2000|boot=1*"),
        (Message(1, 9, Kind.COMMAND, "CT?"), b"|0000|S|SHF.CTR|cyc=7*"),
        (
            Message(0xFF, 9, Kind.COMMAND, "ID?"),
            b"|0009|R|DEV.ID|dev=SHF|mfr=ACME|model=S1|sn=A1234|fw=2.4.1|boot=1*",
        ),
        (Message(1, 9, Kind.COMMAND, "RP", {"from": "0001", "to": "0002"}), b"|0009|R|RP|n=0*"),
        (Message(1, 9, Kind.COMMAND, "RP", {"from": "x", "to": "0002"}), b"|0009|N|FMT*"),
        (Message(1, 9, Kind.COMMAND, "RP"), b"|0009|N|FMT*"),
        (Message(1, 9, Kind.COMMAND, "TM", {"ts": "20250611T081500.120Z"}), b"|0009|N|UNSUP*"),
        (Message(1, 9, Kind.COMMAND, "GO"), b"|0009|N|UNSUP*"),
        (Message(2, 9, Kind.COMMAND, "ID?"), None),
    ],
)  # fmt: skip
def test_a_device_answers_what_it_is_asked(command: Message, answer: bytes | None) -> None:
    device = make_device()
    device.boot(0.0)
    device.data_to_send(0.0)

    device.receive_data(encode(command), 2.0)

    said = device.data_to_send(2.0)
    assert answer in said if answer is not None else said == b""


def test_a_clock_is_set_only_where_it_was_declared() -> None:
    device = make_device(settable_clock=True)
    device.boot(0.0)
    assert b"|tm=1*" in device.data_to_send(0.0)

    device.receive_data(encode(Message(1, 9, Kind.COMMAND, "TM", {"ts": "20250611T081500.120Z"})), 2.0)

    assert b"|0009|R|TM|ts=20250611T081500.120Z*" in device.data_to_send(2.0)
    assert device.clock_set_to == "20250611T081500.120Z"


def test_a_nak_for_a_bad_crc_is_answered_at_once() -> None:
    device = make_device()
    device.boot(0.0)
    device.raise_event("SHF.LID", {}, 0.0)
    device.data_to_send(0.0)

    device.receive_data(encode(Message(1, 1, Kind.NAK, "CRC")) + b"$rubbish\r\n", 0.2)

    assert b"SHF.LID" in device.data_to_send(0.2)
    assert device.errors == 1


def test_the_counters_come_at_boot_and_every_ten_minutes() -> None:
    talk = Talk().start()
    talk.run_for(1_300)

    snapshots = [round(one.at) for one in talk.of(SnapshotHeard)]
    assert snapshots[0] == 0
    assert snapshots[-2:] == [600, 1200]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (Message(2, 1, Kind.EVENT, "SHF.JAM"), "SHF.JAM: it comes from 02, this line is set to 01"),
        (Message(1, 0, Kind.EVENT, "SHF.JAM"), "SHF.JAM: an event has sequence 0000"),
        (
            Message(1, 0, Kind.HEARTBEAT, "DEV.BOOT", {"boot": "1"}),
            "DEV.BOOT: sn '' is not a serial number of 1 to 64 bytes",
        ),
        (
            Message(1, 0, Kind.HEARTBEAT, "DEV.BOOT", {"sn": "x" * 65, "boot": "1"}),
            f"DEV.BOOT: sn '{'x' * 65}' is not a serial number of 1 to 64 bytes",
        ),
        (
            Message(1, 0, Kind.HEARTBEAT, "DEV.BOOT", {"sn": "A1", "boot": "x"}),
            "DEV.BOOT: boot 'x' is not a counter",
        ),
        (
            Message(1, 0, Kind.HEARTBEAT, "DEV.HB", {"boot": "99999999999"}),
            "DEV.HB: boot '99999999999' is not a counter",
        ),
    ],
)  # fmt: skip
def test_what_the_protocol_does_not_allow_is_counted_and_named(frame: Message, reason: str) -> None:
    talk = Talk().start()

    talk.host.receive_data(encode(frame), talk.now)

    assert talk.host.errors == 1
    assert talk.host.last_error == reason


def test_a_host_that_is_not_asked_for_its_events_leaves_them_with_the_device() -> None:
    talk = Talk().start()
    talk.device._ring.clear()
    frames = b"".join(encode(Message(1, sequence, Kind.EVENT, "SHF.JAM")) for sequence in range(1, 2_000))

    talk.host.receive_data(frames, talk.now)
    for _ in range(1_000):
        talk.host.receive_data(encode(Message(1, 9, Kind.SNAPSHOT, "SHF.CTR")), talk.now)

    taken = talk.host.take_events()
    assert sum(isinstance(one, EventHeard) for one in taken) <= MOST_UNTAKEN
    assert len(taken) <= 2 * MOST_UNTAKEN
    assert talk.host.held_back >= 1_999 - MOST_UNTAKEN


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("loss", [0.0, 0.002, 0.01])
def test_every_event_is_heard_once_on_a_wire_that_loses_characters(seed: int, loss: float) -> None:
    chance = Random(f"{seed} {loss}")  # noqa: S311  a story

    def lossy(data: bytes) -> bytes:
        return bytes(byte for byte in data if chance.random() >= loss)

    talk = Talk(to_device=lossy, to_host=lossy).start()
    for number in range(300):
        talk.jam()
        talk.run_for(chance.uniform(0.2, 2))
        if number % 20 == 19:
            talk.restart()
    talk.to_device = talk.to_host = perfect
    talk.run_for(60)

    assert sorted(talk.sequences) == list(range(1, 301))
    assert talk.of(SequenceMissing) == []
    assert talk.device.waiting == 0


def test_a_neighbour_on_a_shared_pair_is_overheard_and_left_alone() -> None:
    device = make_device(polled=True)
    device.boot(0.0)

    device.receive_data(encode(Message(1, 7, Kind.EVENT, "SHF.LID")), 0.1)

    assert device.data_to_send(0.1) == b""
    assert device.errors == 0


def test_a_device_heard_first_by_its_heartbeat_owes_nothing_of_its_past() -> None:
    talk = Talk()
    talk.device.boot(0.0)
    talk.device.data_to_send(0.0)
    talk.device.sequence = 41
    talk.host.link_opened(0.0)

    talk.run_for(40)
    talk.jam()
    talk.run_for(20)

    assert talk.sequences == [42]
    assert talk.of(SequenceMissing) == []


def lid(sequence: int) -> bytes:
    """An event of a device that does not put its boot into its events."""
    return encode(Message(1, sequence, Kind.EVENT, "SHF.LID", {"open": "1"}))


def identity(boot: int) -> bytes:
    return encode(Message(1, 1, Kind.REPLY, "DEV.ID", {"sn": "A1234", "boot": str(boot)}))


def test_a_number_heard_before_is_acknowledged_when_the_boot_is_proven_the_same() -> None:
    host = HostEnd()
    host.link_opened(0.0)
    host.receive_data(identity(7) + lid(1), 0.0)
    host.take_events()
    host.data_to_send(0.0)

    host.receive_data(lid(1), 1.0)
    host.handle_timer(1.0)
    asked = host.data_to_send(1.0)
    host.receive_data(identity(7), 1.1)

    assert b"|A|OK*" not in asked
    assert b"|C|ID?*" in asked
    assert [type(one) for one in host.take_events()] == [Identified]
    assert b"|0001|A|OK*" in host.data_to_send(1.1)


def test_a_number_heard_before_of_a_boot_nobody_heard_of_is_another_event() -> None:
    host = HostEnd()
    host.link_opened(0.0)
    host.receive_data(identity(7) + lid(1), 0.0)
    host.take_events()
    host.data_to_send(0.0)

    host.receive_data(lid(1), 1.0)
    host.receive_data(identity(8), 1.1)
    assert [type(one) for one in host.take_events()] == [Booted, Identified]
    assert b"|A|OK*" not in host.data_to_send(1.1)
    host.receive_data(lid(1), 2.0)

    (event,) = host.take_events()
    assert isinstance(event, EventHeard)
    assert event.device == DeviceKey("A1234", 8)


def test_an_event_that_names_a_new_boot_is_taken_for_what_it_is() -> None:
    talk = Talk().start()
    talk.jam()
    talk.run_for(1)
    talk.device.boot(talk.now)
    talk.device.data_to_send(talk.now)  # the boot itself is not heard

    talk.jam()
    talk.run_for(0.2)

    events = [one for one in talk.heard if isinstance(one, EventHeard)]
    assert [one.device for one in events] == [DeviceKey("A1234", 1), DeviceKey("A1234", 2)]
