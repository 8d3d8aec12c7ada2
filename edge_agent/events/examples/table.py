"""What table devices say, shufflers first."""

from __future__ import annotations

from edge_agent.events import shuffler, table
from edge_agent.events.base import EventBody

EXAMPLES: tuple[EventBody, ...] = (
    shuffler.ShufflerDeckIn(
        serial="A1234",
        boot=17,
        device_time="2025-06-11T08:15:00.120Z",
        device_sequence=1,
        batch="4411",
        decks=1,
        expected_cards=52,
    ),
    shuffler.ShufflerStarted(
        serial="A1234", boot=17, device_time="2025-06-11T08:15:01.000Z", device_sequence=2, batch="4411"
    ),
    shuffler.ShufflerCompleted(
        serial="A1234",
        boot=17,
        device_time="2025-06-11T08:15:23.400Z",
        device_sequence=3,
        batch="4411",
        duration_ms=22_400,
        cards_counted=52,
        expected_cards=52,
        result="OK",
        retries=0,
    ),
    shuffler.ShufflerVerifyFailed(
        serial="A1234",
        boot=17,
        device_sequence=9,
        batch="4413",
        missing_count=1,
        extra_count=0,
        misread_count=0,
        wrong_back_count=0,
    ),
    shuffler.ShufflerDeckOut(serial="A1234", boot=17, device_sequence=10, batch="4411", wait_ms=8_200),
    shuffler.ShufflerJam(
        serial="A1234",
        boot=17,
        device_time="2025-06-11T08:30:10.050Z",
        device_sequence=4,
        batch="4412",
        location=2,
        location_name="pick_off_rollers",
        at_card=31,
        attempt=1,
        code="J02",
    ),
    shuffler.ShufflerJamCleared(
        serial="A1234", boot=17, device_sequence=5, batch="4412", auto=True, downtime_ms=3_000
    ),
    shuffler.ShufflerMisread(serial="A1234", boot=17, device_sequence=6, batch="4412", count=1),
    shuffler.ShufflerLid(serial="A1234", boot=17, device_sequence=7, open=True),
    shuffler.ShufflerMode(serial="A1234", boot=17, device_sequence=8, mode="one deck"),
    shuffler.ShufflerCardsIn(serial="C2001", boot=3, device_sequence=411, count=14),
    shuffler.ShufflerCardsOut(serial="C2001", boot=3, device_sequence=412, count=14),
    table.DeviceBooted(serial="A1234", boot=17, witnessed=True),
    table.DeviceIdentified(
        serial="A1234", boot=17, device_class="SHF", maker="ACME", model="S1", firmware="2.4.1"
    ),
    table.DeviceFault(
        serial="A1234", boot=17, device_sequence=11, code="F12", severity=2, text="fan is slow"
    ),
    table.DeviceFaultCleared(serial="A1234", boot=17, device_sequence=12, code="F12"),
    table.DeviceDoor(serial="A1234", boot=17, device_sequence=13, open=False),
    table.DevicePower(serial="A1234", boot=17, device_sequence=14, on=False, source="mains"),
    table.DeviceEventsLost(serial="A1234", boot=17, device_sequence=15, count=3),
    table.DeviceServiced(
        serial="A1234", boot=17, device_sequence=16, kind="roller", technician="T07", counters_reset=False
    ),
    table.DeviceTemperature(
        serial="A1234", boot=17, device_sequence=18, temperature_c=41.5, location="motor"
    ),
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
    ),
    table.CountersReset(serial="A1234", boot=17, counter="cycles", before=182_340, after=0),
    table.SequenceGap(serial="A1234", boot=17, first=19, last=21, count=3),
    table.VendorEvent(
        serial="W77",
        boot=2,
        device_time="2025-06-11T08:31:02.400Z",
        device_sequence=7,
        code="RLT.RESULT",
        unlisted={"spin": "28", "num": "28", "dir": "CCW", "rpm": "17.2", "ms": "28000"},
    ),
    table.VendorSnapshot(serial="S12", boot=5, code="SHO.CTR", unlisted={"shoes": "412"}),
)
