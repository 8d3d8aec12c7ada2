"""The catalogue: every event there is, each by a golden example.

The examples are the published language's own test vectors: `edge_agent.events.published` seals
them into files that receivers may build on. A body that is not here is not published.
"""

from __future__ import annotations

from edge_agent.delivery import DeliveryClass
from edge_agent.events import agent, machine_command, of_clock, of_journal, slot, slot_records, table
from edge_agent.events.base import Credits, EventBody, Money
from edge_agent.events.envelope import ClockQuality, ClockSource

_QUARTER = Credits(credits=1, denomination="0.25", money=Money(minor=25, currency="USD"))
_WIN = Credits(credits=40, denomination="0.25", money=Money(minor=1000, currency="USD"))
_TWENTY = Money(minor=2000, currency="USD")
_NO_MONEY = Money(minor=0, currency="USD")
_NOTHING = Credits(credits=0, denomination="0.25", money=_NO_MONEY)

EXAMPLES: tuple[EventBody, ...] = (
    # The agent and its lines
    agent.AgentStarted(version="0.1.0", lines=10),
    agent.AgentStopped(version="0.1.0"),
    agent.AgentReconfigured(
        changed=("lines.slot-1001.port", "log.level"), began_again=False, digest="5f0c9e6d2a7b4c18"
    ),
    agent.ConfigurationRefused(reason="deployment: lines.0.port: missing"),
    agent.RecordSetAside(
        set_aside="floor.line.captured", size=9_400, reason="0x95 packet too large (over 7000 bytes)"
    ),
    agent.LineUp(line="slot-1001", silent_seconds=12.5),
    agent.LineDown(line="slot-1001", reason="silent for 2.6 s"),
    agent.ProtocolErrors(line="slot-1001", count=3, total=41, last="CRC is 1A2B, the payload's is 66B7"),
    agent.LineQuality(
        line="slot-1001",
        verdict="degraded",
        score=62,
        reasons=("98 of 1490 polls without an answer", "118 of 1372 answers later than 200 ms"),
        answer_median_ms=25,
        answer_p95_ms=240,
        polls=1490,
        late=118,
        missing=98,
        crc_errors=2,
        unreadable=1,
        resynchronisations=0,
        longest_backlog=4,
    ),
    agent.CommandAudited(
        command="meters",
        id="c-4711",
        outcome="refused",
        reason="it was used before",
        requested_by_unverified="ada",
    ),
    machine_command.MachineCommanded(
        id="6f1d2c3b4a5e6f70",
        poll="0x8a",
        name="legacy_bonus_pay",
        values={"amount": "500", "tax_status": "0"},
        asked_by="promotions",
        reason="campaign 2026-11, guest 4711",
        outcome="acknowledged",
    ),
    agent.LineCaptured(
        line="slot-1001",
        id="c-4712",
        piece=0,
        last=True,
        cut=False,
        frames=(
            agent.WireFrame(at=0.012, direction="sent", size=4, data="ff 00 01 1a"),
            agent.WireFrame(at=0.031, direction="heard", size=8, data="01 1a 00 00 12 34 b1 c2"),
            agent.WireFrame(at=0.212, direction="heard", size=12),
        ),
    ),
    agent.CertificateExpiring(
        role="device",
        name="gw-07",
        serial_number="5B1D7C0E92",
        certificate_id="9f0c" * 16,
        not_after="2025-08-10T09:00:00Z",
        days_left=60,
    ),
    agent.CertificateExpired(
        role="root",
        name="Amazon Root CA 1",
        serial_number="66C9FCF99BF8C0A39E2F0788A43E696365BCA",
        certificate_id="8ecd" * 16,
        not_after="2038-01-17T00:00:00Z",
    ),
    agent.CertificateRotated(
        old_certificate_id="9f0c" * 16,
        old_serial_number="5B1D7C0E92",
        new_certificate_id="41ab" * 16,
        new_serial_number="5B1D7C0E93",
        not_after="2026-06-11T08:30:00Z",
    ),
    agent.Canary(number=7, every_seconds=60, rule="floor_events"),
    # Its journal and its clock
    of_journal.JournalGap(
        reason="shed",
        delivery_class=DeliveryClass.C,
        count=3,
        first=101,
        last=108,
        removed="eJw7CAAAwgDC",
        why="budget",
    ),
    of_journal.JournalFilling(percent=71, level=70, used_mb=1_454, budget_mb=2_048, hours_left=18.5),
    of_journal.JournalRelieved(percent=68, level=70, used_mb=1_392, budget_mb=2_048),
    of_journal.JournalCheckpoint(
        sequence=420, chain="bjWZZXfVsKz7kD1I38FWYw", signature="MEUCIQ==", certificate="9f0c" * 16
    ),
    of_clock.ClockStepped(
        monotonictime="5021.500000",
        quality_before=ClockQuality.UNSYNCHRONISED,
        quality_after=ClockQuality.SYNCHRONISED,
        source_before=ClockSource.NONE,
        source_after=ClockSource.NTP,
        before="2025-06-11T07:31:03.000Z",
        after="2025-06-11T08:31:03.000Z",
        step_ms=3_600_000,
    ),
    of_clock.ClockQualityChanged(
        monotonictime="5021.500000",
        quality_before=ClockQuality.SYNCHRONISED,
        quality_after=ClockQuality.UNSYNCHRONISED,
        source_before=ClockSource.NTP,
        source_after=ClockSource.NONE,
    ),
    # Gaming machines
    slot.SlotException(
        code="0x11", name="slot_door_opened", category="door", real_time=False, possibly_repeated=False
    ),
    slot.GameStarted(
        code="0x7e",
        name="game_started",
        category="game",
        real_time=True,
        possibly_repeated=False,
        wager=_QUARTER,
        coin_in_credits=182_340,
        max_bet=False,
        progressive_group=0,
    ),
    slot.GameEnded(
        code="0x7f", name="game_ended", category="game", real_time=True, possibly_repeated=False, win=_WIN
    ),
    slot.BillAccepted(
        code="0x4f",
        name="bill_accepted",
        category="bill",
        real_time=True,
        possibly_repeated=False,
        bill=_TWENTY,
        denomination_code=4,
        country="USA",
        country_code=37,
        count=317,
    ),
    slot.BonusPaid(
        code="0x7c",
        name="legacy_bonus_paid",
        category="bonus",
        real_time=True,
        possibly_repeated=False,
        multiplier=2,
        multiplied_win=_WIN,
        bonus=_WIN,
        tax_status=0,
    ),
    slot.ReelStopped(
        code="0x88",
        name="reel_stopped",
        category="reel",
        real_time=True,
        possibly_repeated=False,
        reel=3,
        stop=17,
    ),
    slot.GameRecalled(
        code="0x8a",
        name="game_recall_entry_displayed",
        category="game",
        real_time=True,
        possibly_repeated=False,
        game=1,
        entry=5,
    ),
    slot.CardHeld(
        code="0x8b",
        name="card_held",
        category="game",
        real_time=True,
        possibly_repeated=False,
        card=2,
        held=True,
    ),
    slot.GameSelected(
        code="0x8c",
        name="game_selected",
        category="game",
        real_time=True,
        possibly_repeated=False,
        game=4,
    ),
    slot.TicketRecorded(amount=Money(minor=12_550, currency="USD")),
    slot.BillRecorded(bill=_TWENTY, denomination_code=4, country="USA", country_code=37, count=317),
    slot.MetersRead(
        reason="game_end",
        denomination="0.25",
        epoch=0,
        settled=True,
        meters=(
            slot.Meter(
                name="coin_in",
                code="0x00",
                value=182_340,
                digits=8,
                unit="credits",
                money=Money(minor=4_558_500, currency="USD"),
                change="rose",
                delta=3,
            ),
            slot.Meter(
                name="games_played",
                code="0x05",
                value=2,
                digits=8,
                unit="count",
                change="rolled_over",
                delta=3,
            ),
        ),
    ),
    slot.PartMetersRead(
        game=2,
        denomination=None,
        paytable_id="PT9412",
        accounting_denomination="0.25",
        epoch=0,
        meters=(
            slot.Meter(
                name="coin_in",
                code="0x00",
                value=51_200,
                digits=8,
                unit="credits",
                money=Money(minor=1_280_000, currency="USD"),
                change="rose",
                delta=120,
            ),
        ),
    ),
    slot.MeterEpochBegan(
        epoch=1,
        cause="ram_clear",
        evidence=("cmos_ram_error_not_recovered", "meter_fell"),
        denomination="0.25",
        denomination_before="0.25",
    ),
    slot.MeterBackwards(
        meter="coin_out",
        unit="credits",
        digits=8,
        before=170_012,
        after=169_900,
        epoch=1,
        game=None,
        denomination=None,
    ),
    slot.MeterVariance(
        meter="coin_in", unit="credits", before=182_340, after=182_343, explained=2, unexplained=1
    ),
    slot.SequenceViolation(
        sequence="slot_door",
        state="closed",
        happened="slot_door_closed",
        code="0x12",
        expected=("slot_door_opened",),
    ),
    slot.MachineIdentified(
        sas_version="6.02",
        serial_number="A1234567",
        game_id="AB",
        additional_id="001",
        denomination="0.25",
        max_bet=3,
        progressive_group=0,
        paytable_id="PT9412",
        base_percent_hundredths=9412,
        games_implemented=1,
        enabled_games=(1,),
        games=(
            slot.GameIdentified(
                game=1,
                name="Lucky Reels",
                paytable_id="PT9412",
                paytable_name="PT9412",
                denomination="0.25",
                denominations=("0.01", "0.25"),
                max_bet=3,
                base_percent_hundredths=9412,
                progressive_group=0,
                wager_categories=0,
            ),
        ),
        player_denomination="0.25",
        player_denominations=("0.01", "0.25"),
        token_denomination=None,
        asset_number=300,
        validation="secure_enhanced",
        ticket_functions=("printer_as_cash_out_device", "ticket_redemption"),
        hopper=None,
        clock_offset_seconds=-42,
        features=("extended_meters", "fast_polling"),
        unsupported_polls=("0xb5",),
        vendor_profile="aristocrat",
    ),
    # What machines answer when they are asked about what they told
    slot_records.HandpayRecorded(
        possibly_repeated=False,
        kind="cancelled_credits",
        level=0x80,
        progressive_group=0,
        amount=_WIN.money,
        credits=_WIN,
        partial_pay=_NOTHING,
        reset="attendant_reset_only",
    ),
    slot_records.ValidationRecorded(
        possibly_repeated=False, kind="cashable_ticket", amount=_TWENTY, machine_time="2026-07-04T12:30:58"
    ),
    slot_records.CashOutRequested(possibly_repeated=False, kind="cashable_ticket", amount=_TWENTY),
    slot_records.TicketInEscrow(possibly_repeated=False, amount=None),
    slot_records.TicketRedemption(possibly_repeated=False, status="cashable_redeemed", amount=_TWENTY),
    slot_records.AftTransferRecorded(
        possibly_repeated=True,
        status="full_transfer_done",
        kind="in_house_to_machine",
        cashable=_TWENTY,
        restricted=_NO_MONEY,
        nonrestricted=_NO_MONEY,
        machine_time="2026-07-04T12:31:10",
    ),
    slot_records.AftRegistered(possibly_repeated=False, status="registered", asset_number=300),
    slot_records.AftState(
        possibly_repeated=False,
        lock="not_locked",
        asset_number=300,
        available_transfers=("to_machine",),
        host_cash_out=("controllable_by_host",),
        abilities=("in_house_enabled", "any_aft_enabled"),
        cashable=_TWENTY,
        restricted=_NO_MONEY,
        nonrestricted=_NO_MONEY,
        transfer_limit=Money(minor=999_999, currency="USD"),
    ),
    slot_records.ProgressiveWinRecorded(
        possibly_repeated=False, source="machine", group=1, level=2, amount=_TWENTY, base=None
    ),
    slot_records.BonusRecorded(
        possibly_repeated=False, multiplier=0, multiplied_win=_NOTHING, bonus=_WIN, tax_status=0
    ),
    slot_records.SelectedGame(possibly_repeated=False, game=3),
    slot_records.Authentication(
        possibly_repeated=False,
        status="complete",
        component_list_crc="0x5a3c",
        component="base software",
        method="sha_1",
        result="da39a3ee5e6b4b0d3255bfef95601890afd80709",
    ),
    # Table devices
    table.ShufflerDeckIn(
        serial="A1234",
        boot=17,
        device_time="2025-06-11T08:15:00.120Z",
        device_sequence=1,
        batch="4411",
        decks=1,
        expected_cards=52,
    ),
    table.ShufflerStarted(
        serial="A1234", boot=17, device_time="2025-06-11T08:15:01.000Z", device_sequence=2, batch="4411"
    ),
    table.ShufflerCompleted(
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
    table.ShufflerVerifyFailed(
        serial="A1234",
        boot=17,
        device_sequence=9,
        batch="4413",
        missing_count=1,
        extra_count=0,
        misread_count=0,
        wrong_back_count=0,
    ),
    table.ShufflerDeckOut(serial="A1234", boot=17, device_sequence=10, batch="4411", wait_ms=8_200),
    table.ShufflerJam(
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
    table.ShufflerJamCleared(
        serial="A1234", boot=17, device_sequence=5, batch="4412", auto=True, downtime_ms=3_000
    ),
    table.ShufflerMisread(serial="A1234", boot=17, device_sequence=6, batch="4412", count=1),
    table.ShufflerLid(serial="A1234", boot=17, device_sequence=7, open=True),
    table.ShufflerMode(serial="A1234", boot=17, device_sequence=8, mode="one deck"),
    table.ShufflerCardsIn(serial="C2001", boot=3, device_sequence=411, count=14),
    table.ShufflerCardsOut(serial="C2001", boot=3, device_sequence=412, count=14),
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

EVENT_BODIES: tuple[type[EventBody], ...] = tuple(type(example) for example in EXAMPLES)
