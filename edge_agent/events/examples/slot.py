"""What gaming machines say, and what they answer when they are asked about it."""

from __future__ import annotations

from edge_agent.events import slot, slot_records
from edge_agent.events.base import Credits, EventBody, Money

_QUARTER = Credits(credits=1, denomination="0.25", money=Money(minor=25, currency="USD"))
_WIN = Credits(credits=40, denomination="0.25", money=Money(minor=1000, currency="USD"))
_TWENTY = Money(minor=2000, currency="USD")
_NO_MONEY = Money(minor=0, currency="USD")
_NOTHING = Credits(credits=0, denomination="0.25", money=_NO_MONEY)

EXAMPLES: tuple[EventBody, ...] = (
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
)
