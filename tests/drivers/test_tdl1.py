"""The TDL/1 driver: what a table device says, in the published language."""

from collections.abc import Sequence

import pytest

from edge_agent.drivers.registry import find_driver
from edge_agent.drivers.tdl1 import DRIVER, Tdl1Station
from edge_agent.drivers.tdl1.normalise import EVENTS, SNAPSHOTS
from edge_agent.drivers.tdl1.options import Tdl1Options
from edge_agent.drivers.tdl1.station import MOST_UNKNOWN_CODES
from edge_agent.errors import ConfigurationError
from edge_agent.events import EventBody, Observation, shuffler, table
from edge_agent.events.agent import LineDown, LineUp, ProtocolErrors
from edge_agent.station import DeviceIdentity, SerialFormat
from edge_agent.tdl1 import Kind, Message, encode
from edge_agent.tdl1.codes import CODES, DEVICE_CODES, JAM_LOCATIONS, MONOTONIC, SHUFFLER_CODES

IDENTITY = DeviceIdentity("shuffler-01", "USD")
BOOT = {"dev": "SHF", "mfr": "ACME", "model": "S1", "sn": "A1234", "fw": "2.4.1", "boot": "17"}


class Bench:
    """A station that hears frames, one after the other."""

    def __init__(self, boot: dict[str, str] | None = None) -> None:
        self.station = Tdl1Station(IDENTITY, Tdl1Options())
        self.station.link_opened(0.0)
        self.now = 1.0
        self.sequence = 0
        self.hear(Message(1, 0, Kind.HEARTBEAT, "DEV.BOOT", boot or BOOT))

    def hear(self, *messages: Message) -> list[EventBody]:
        for message in messages:
            self.station.receive_data(encode(message), self.now)
        return bodies(self.station.take_observations())

    def event(self, code: str, /, **values: str) -> EventBody:
        self.sequence += 1
        *_, body = self.hear(Message(1, self.sequence, Kind.EVENT, code, values))
        return body

    def snapshot(self, code: str, /, **values: str) -> list[EventBody]:
        return self.hear(Message(1, self.sequence, Kind.SNAPSHOT, code, values))


def bodies(observations: Sequence[Observation]) -> list[EventBody]:
    return [observation.body for observation in observations]


def test_the_driver_is_found_by_its_entry_point() -> None:
    assert find_driver("tdl1") is DRIVER
    assert DRIVER.serial_format == SerialFormat(baud=9600, wakeup_bit=False)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"address": 0}, "option address of driver tdl1"),
        ({"address": "one"}, "option address of driver tdl1"),
        ({"writable": "never"}, "option writable of driver tdl1"),
        ({"adress": 1}, "option adress of driver tdl1"),
        ({"polled": True, "writable": False}, "option polled of driver tdl1 needs a line"),
    ],
)
def test_a_wrong_option_is_named_with_its_mend(options: dict[str, object], what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as refused:
        DRIVER.check(options)
    assert refused.value.mend


def test_a_first_contact_is_line_up_boot_and_identity() -> None:
    station = Tdl1Station(IDENTITY, Tdl1Options())
    station.link_opened(0.0)
    assert station.counters.state == "starting"

    station.receive_data(encode(Message(1, 0, Kind.HEARTBEAT, "DEV.BOOT", BOOT)), 2.5)
    heard = bodies(station.take_observations())

    assert heard == [
        LineUp(line="shuffler-01", silent_seconds=2.5),
        table.DeviceBooted(serial="A1234", boot=17, witnessed=True),
        table.DeviceIdentified(
            serial="A1234", boot=17, device_class="SHF", maker="ACME", model="S1", firmware="2.4.1"
        ),
    ]
    assert station.counters.state == "up"
    assert "shuffler-01" in repr(station)


def test_an_identity_is_told_again_only_when_it_changes() -> None:
    bench = Bench()

    assert bench.hear(Message(1, 1, Kind.REPLY, "DEV.ID", BOOT)) == []
    (changed,) = bench.hear(Message(1, 1, Kind.REPLY, "DEV.ID", {**BOOT, "fw": "2.5.0"}))
    assert isinstance(changed, table.DeviceIdentified)
    assert changed.firmware == "2.5.0"


# (code, keys as sent, body without what all have)
VOCABULARY = [
    (
        "DEV.FAULT",
        {"code": "F12", "sev": "2", "txt": "fan"},
        table.DeviceFault,
        {"code": "F12", "severity": 2, "text": "fan"},
    ),
    ("DEV.CLEAR", {"code": "F12"}, table.DeviceFaultCleared, {"code": "F12"}),
    ("DEV.DOOR", {"open": "1"}, table.DeviceDoor, {"open": True}),
    ("DEV.POWER", {"on": "0", "src": "mains"}, table.DevicePower, {"on": False, "source": "mains"}),
    ("DEV.LOST", {"n": "3"}, table.DeviceEventsLost, {"count": 3}),
    (
        "DEV.SERVICE",
        {"what": "roller", "tech": "T07", "reset": "0"},
        table.DeviceServiced,
        {"kind": "roller", "technician": "T07", "counters_reset": False},
    ),
    (
        "DEV.TEMP",
        {"tmp": "41.5", "where": "motor"},
        table.DeviceTemperature,
        {"temperature_c": 41.5, "location": "motor"},
    ),
    (
        "SHF.DECK_IN",
        {"batch": "4411", "decks": "1", "exp": "52"},
        shuffler.ShufflerDeckIn,
        {"batch": "4411", "decks": 1, "expected_cards": 52},
    ),
    ("SHF.START", {"batch": "4411"}, shuffler.ShufflerStarted, {"batch": "4411"}),
    (
        "SHF.DONE",
        {"batch": "4411", "ms": "22400", "cnt": "52", "exp": "52", "res": "OK", "retry": "0"},
        shuffler.ShufflerCompleted,
        {
            "batch": "4411",
            "duration_ms": 22400,
            "cards_counted": 52,
            "expected_cards": 52,
            "result": "OK",
            "retries": 0,
        },
    ),
    (
        "SHF.VERIFY",
        {"batch": "1", "miss": "1", "extra": "0", "mis": "2", "back": "0"},
        shuffler.ShufflerVerifyFailed,
        {"batch": "1", "missing_count": 1, "extra_count": 0, "misread_count": 2, "wrong_back_count": 0},
    ),
    ("SHF.OUT", {"batch": "1", "wait": "8200"}, shuffler.ShufflerDeckOut, {"batch": "1", "wait_ms": 8200}),
    (
        "SHF.JAM",
        {"batch": "1", "loc": "2", "at": "31", "att": "1", "code": "J02"},
        shuffler.ShufflerJam,
        {
            "batch": "1",
            "location": 2,
            "location_name": "pick_off_rollers",
            "at_card": 31,
            "attempt": 1,
            "code": "J02",
        },
    ),
    (
        "SHF.JAMCLR",
        {"batch": "1", "auto": "1", "down": "3000"},
        shuffler.ShufflerJamCleared,
        {"batch": "1", "auto": True, "downtime_ms": 3000},
    ),
    ("SHF.MISREAD", {"batch": "1", "n": "2"}, shuffler.ShufflerMisread, {"batch": "1", "count": 2}),
    ("SHF.LID", {"open": "0"}, shuffler.ShufflerLid, {"open": False}),
    ("SHF.MODE", {"mode": "two deck"}, shuffler.ShufflerMode, {"mode": "two deck"}),
    ("SHF.CIN", {"n": "14"}, shuffler.ShufflerCardsIn, {"count": 14}),
    ("SHF.COUT", {"n": "14"}, shuffler.ShufflerCardsOut, {"count": 14}),
]


@pytest.mark.parametrize(("code", "sent", "body", "fields"), VOCABULARY, ids=[row[0] for row in VOCABULARY])
def test_a_code_of_the_vocabulary_becomes_its_event(
    code: str, sent: dict[str, str], body: type[table.TableEvent], fields: dict[str, object]
) -> None:
    heard = Bench().event(code, ts="20250611T081500.120Z", **sent)

    assert heard == body.model_validate(
        {
            "serial": "A1234",
            "boot": 17,
            "device_sequence": 1,
            "device_time": "2025-06-11T08:15:00.120Z",
            **fields,
        }
    )


def test_every_code_has_a_row_here_and_a_body() -> None:
    assert {row[0] for row in VOCABULARY} == set(EVENTS)
    assert set(EVENTS) | set(SNAPSHOTS) | {"DEV.BOOT", "DEV.HB", "DEV.ID"} == set(CODES)


def test_codes_and_keys_are_unique_and_meanings_are_fields() -> None:
    rows = DEVICE_CODES + SHUFFLER_CODES
    assert len({row.code for row in rows}) == len(rows)
    for row in rows:
        assert len({key.wire for key in row.keys}) == len(row.keys)
        body = {**EVENTS, **SNAPSHOTS}.get(row.code)
        if body is not None:
            assert {key.meaning for key in row.keys} <= set(body.model_fields)
    assert set(MONOTONIC) <= set(table.DeviceCounters.model_fields)


@pytest.mark.parametrize(
    ("location", "name"),
    [(str(number), name) for number, name in enumerate(JAM_LOCATIONS)] + [("12", "unknown_12")],
)
def test_a_jam_is_located_by_name(location: str, name: str) -> None:
    heard = Bench().event("SHF.JAM", loc=location)

    assert isinstance(heard, shuffler.ShufflerJam)
    assert (heard.location, heard.location_name) == (int(location), name)


def test_a_jam_without_a_place_is_somewhere_unknown() -> None:
    heard = Bench().event("SHF.JAM")

    assert isinstance(heard, shuffler.ShufflerJam)
    assert (heard.location, heard.location_name) == (None, "unknown")


def test_counters_are_read_with_their_units() -> None:
    bench = Bench()

    heard = bench.snapshot(
        "SHF.CTR",
        cyc="182340",
        svc="5120",
        cards="9481680",
        jam="412",
        mis="77",
        hrs="6120",
        tmp="41.5",
        imot="0.62",
    )

    assert heard == [
        table.DeviceCounters(
            serial="A1234",
            boot=17,
            cycles=182_340,
            cycles_since_service=5_120,
            cards=9_481_680,
            jams=412,
            misreads=77,
            run_hours=6_120,
            temperature_c=41.5,
            motor_current_a=0.62,
        )
    ]


def test_a_total_that_falls_without_service_is_a_reset() -> None:
    bench = Bench()
    bench.snapshot("SHF.CTR", cyc="100", jam="5", svc="50")

    reset, counters = bench.snapshot("SHF.CTR", cyc="3", jam="6", svc="0")

    assert reset == table.CountersReset(serial="A1234", boot=17, counter="cycles", before=100, after=3)
    assert isinstance(counters, table.DeviceCounters)
    assert len(bench.snapshot("SHF.CTR", cyc="4", jam="6")) == 1


def test_a_total_that_falls_after_a_service_is_explained_once() -> None:
    bench = Bench()
    bench.snapshot("SHF.CTR", cyc="100")
    bench.event("DEV.SERVICE", what="full", reset="1")

    assert len(bench.snapshot("SHF.CTR", cyc="0")) == 1
    bench.snapshot("SHF.CTR", cyc="10")
    assert len(bench.snapshot("SHF.CTR", cyc="0")) == 2


def test_another_device_has_totals_of_its_own() -> None:
    bench = Bench()
    bench.snapshot("SHF.CTR", cyc="100")
    bench.hear(Message(1, 0, Kind.HEARTBEAT, "DEV.BOOT", {**BOOT, "sn": "B9"}))

    assert len(bench.snapshot("SHF.CTR", cyc="1")) == 1


def test_a_code_no_table_lists_passes_through_as_itself_and_is_counted() -> None:
    bench = Bench({**BOOT, "dev": "RLT"})

    heard = bench.event("RLT.RESULT", spin="28", num="00", dir="CCW")
    (state,) = bench.snapshot("RLT.CTR", spins="412")

    assert heard == table.VendorEvent(
        serial="A1234",
        boot=17,
        device_sequence=1,
        code="RLT.RESULT",
        unlisted={"spin": "28", "num": "00", "dir": "CCW"},
    )
    assert state == table.VendorSnapshot(serial="A1234", boot=17, code="RLT.CTR", unlisted={"spins": "412"})
    assert bench.station.counters.unknown_codes == {"RLT.RESULT": 1, "RLT.CTR": 1}


def test_codes_invented_without_end_are_counted_under_one_name() -> None:
    bench = Bench()
    for number in range(MOST_UNKNOWN_CODES + 10):
        bench.event(f"SHF.X{number}")

    assert len(bench.station.counters.unknown_codes) == MOST_UNKNOWN_CODES + 1
    assert bench.station.counters.unknown_codes["others"] == 10


@pytest.mark.parametrize(
    ("key", "value"),
    [("n", "two"), ("n", "-1"), ("n", "1" * 19), ("ts", "yesterday"), ("ts", "20251311T081500.120Z")],
)
def test_a_value_not_written_as_it_should_be_is_kept_and_named(key: str, value: str) -> None:
    bench = Bench()

    heard = bench.hear(Message(1, 1, Kind.EVENT, "SHF.CIN", {key: value}))

    body, errors = heard
    assert isinstance(body, shuffler.ShufflerCardsIn)
    assert body.unlisted == {key: value}
    assert body.count is None
    assert isinstance(errors, ProtocolErrors)
    assert errors.last == f"SHF.CIN: {key} is not written as it should be"


@pytest.mark.parametrize("value", ["yes", "2", ""])
def test_a_flag_is_0_or_1(value: str) -> None:
    heard = Bench().hear(Message(1, 1, Kind.EVENT, "SHF.LID", {"open": value}))

    assert isinstance(heard[0], shuffler.ShufflerLid)
    assert heard[0].open is None
    assert heard[0].unlisted == {"open": value}


@pytest.mark.parametrize("value", ["41,5", "nan", "1e5", "--1", ".", "", "٣"])
def test_a_physical_value_is_a_plain_decimal(value: str) -> None:
    bench = Bench()

    heard = bench.hear(Message(1, 1, Kind.EVENT, "DEV.TEMP", {"tmp": value}))

    assert isinstance(heard[0], table.DeviceTemperature)
    assert heard[0].temperature_c is None


@pytest.mark.parametrize(
    ("code", "values", "dropped"),
    [
        ("SHF.DONE", {"order": "AHKD", "cnt": "52"}, ("order",)),
        ("SHF.DONE", {"top_card": "AH"}, ("top_card",)),
        ("SHF.DONE", {"x": "AH"}, ("x",)),
        ("SHF.DONE", {"x": "10s"}, ("x",)),
        ("SHF.DONE", {"x": "A\u2660"}, ("x",)),
        ("SHF.DONE", {"x": "\U0001f0a1"}, ("x",)),
        ("SHF.DONE", {"x": "ahkd2c"}, ("x",)),
        ("SHF.DONE", {"x": "12,51,3,40,7"}, ("x",)),
        ("SHF.DONE", {"x": "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACN"}, ("x",)),
        ("SHF.DONE", {"camimg": "1"}, ("camimg",)),
        ("SHF.DONE", {"batch": "AH KD 2C"}, ("batch",)),
        ("DEV.FAULT", {"txt": "deck was AH KD 2C 9S"}, ("txt",)),
        ("SHF.DECKLIST", {"a": "KD", "n": "52"}, ("a",)),
        ("SHO.CARD", {"card": "AH"}, ("card",)),
        ("CRD.IN", {"trk2": "1234567", "name": "x"}, ("name", "trk2")),
        ("SHF.DONE", {"batch": "4411", "code2": "J02", "volts": "24.1"}, ()),
        ("SHF.JAM", {"code": "2C", "loc": "2"}, ()),
    ],
)
def test_a_shuffler_never_tells_of_cards(code: str, values: dict[str, str], dropped: tuple[str, ...]) -> None:
    """The order and identity of cards before play may not leave a table, whatever a device sends."""
    bench = Bench()

    heard = bench.event(code, **values)

    assert isinstance(heard, table.TableEvent)
    assert heard.dropped_keys == dropped
    text = heard.model_dump_json()
    assert not any(values[key] in text for key in dropped if len(values[key]) > 1)


def test_what_a_shuffler_may_not_tell_is_counted() -> None:
    bench = Bench()

    bench.event("SHF.DONE", order="AHKD")

    assert bench.station.dropped_keys == 1


def test_a_shoe_tells_of_cards_that_lie_face_up() -> None:
    bench = Bench({**BOOT, "dev": "SHO"})

    heard = bench.event("SHO.CARD", to="P", idx="1", card="AH")

    assert isinstance(heard, table.VendorEvent)
    assert heard.unlisted["card"] == "AH"


def test_a_gap_is_told_with_its_size() -> None:
    bench = Bench()
    bench.sequence = 4
    bench.event("SHF.LID", open="1")

    bench.station.handle_timer(20.0)
    heard = bodies(bench.station.take_observations())

    assert table.SequenceGap(serial="A1234", boot=17, first=1, last=4, count=4) in heard


def test_a_gap_of_a_device_that_does_not_say_who_it_is_is_told_too() -> None:
    station = Tdl1Station(IDENTITY, Tdl1Options(writable=False))
    station.link_opened(0.0)
    for sequence in (3, 6):
        station.receive_data(encode(Message(1, sequence, Kind.EVENT, "SHF.LID", {})), 1.0)
        station.take_observations()

    station.handle_timer(16.5)
    heard = bodies(station.take_observations())

    assert table.SequenceGap(serial=None, boot=None, first=4, last=5, count=2) in heard


def test_the_line_goes_down_and_comes_up() -> None:
    bench = Bench()

    bench.station.handle_timer(16.1)
    down = bodies(bench.station.take_observations())
    assert bench.station.counters.state == "silent"
    bench.now = 31.0
    up = bench.hear(Message(1, 0, Kind.HEARTBEAT, "DEV.HB", {"st": "FAULT", "boot": "17"}))

    assert down == [LineDown(line="shuffler-01", reason="silent for 15 s")]
    assert up == [LineUp(line="shuffler-01", silent_seconds=30.0)]
    assert bench.station.counters.state == "fault"


def test_a_lost_link_shows_in_the_state() -> None:
    bench = Bench()

    bench.station.link_lost(5.0, "port /dev/ttyUSB0 was lost")

    assert bench.station.counters.state == "link lost"
    assert bodies(bench.station.take_observations()) == [
        LineDown(line="shuffler-01", reason="port /dev/ttyUSB0 was lost")
    ]


def test_an_hour_of_rubbish_is_told_of_at_most_sixty_times() -> None:
    bench = Bench()
    told: list[ProtocolErrors] = []
    for tenth in range(36_000):
        now = 10 + tenth / 10
        bench.station.handle_timer(now)
        told += [
            body for body in bodies(bench.station.take_observations()) if isinstance(body, ProtocolErrors)
        ]
        bench.station.data_to_send(now)
        bench.station.receive_data(b"$TDL1|01|0001|E|SHF.JAM*0000\r\n", now)

    assert 55 <= len(told) <= 60
    assert bench.station.counters.protocol_errors == 36_000
    assert sum(body.count for body in told) == told[-1].total
    assert told[-1].last.startswith("CRC is 0000")


def test_what_rubbish_was_left_is_told_when_the_minute_is_over() -> None:
    bench = Bench()
    for now in (10.0, 11.0, 12.0):
        bench.station.receive_data(b"$rubbish\r\n", now)
        bench.station.take_observations()

    assert bench.station.next_timer() is not None
    bench.station.handle_timer(70.0)
    heard = bodies(bench.station.take_observations())

    assert ProtocolErrors(line="shuffler-01", count=2, total=3, last="no *CCCC at its end") in heard


def test_the_stream_is_read_in_its_marked_form() -> None:
    bench = Bench()
    frame = encode(Message(1, 1, Kind.EVENT, "SHF.LID", {"open": "1"}))

    bench.station.receive_data(b"\xff\xff\xff" + b"\x00A" + frame[:3], 2.0)
    bench.station.receive_data(frame[3:], 2.0)

    heard = bodies(bench.station.take_observations())
    assert isinstance(heard[0], shuffler.ShufflerLid)
    assert isinstance(heard[1], ProtocolErrors)


def test_a_restart_from_the_note_does_not_journal_twice() -> None:
    bench = Bench()
    bench.event("SHF.LID", open="1")

    again = Tdl1Station(IDENTITY, Tdl1Options(), bench.station.note())
    again.link_opened(5.0)
    again.receive_data(encode(Message(1, 1, Kind.REPLY, "DEV.ID", BOOT)), 5.1)
    again.receive_data(encode(Message(1, 1, Kind.EVENT, "SHF.LID", {"open": "1", "boot": "17"})), 5.1)
    heard = bodies(again.take_observations())

    assert [type(body) for body in heard] == [LineUp, table.DeviceIdentified]
    assert b"|0001|A|OK*" in again.data_to_send(5.2)
    assert again.counters.repeats_recognised == 1
