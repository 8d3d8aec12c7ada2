"""Stories of a station and a machine, told in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from edge_agent.events.agent import LineDown, LineUp, ProtocolErrors
from edge_agent.events.slot import (
    BillAccepted,
    BillRecorded,
    GameEnded,
    GameStarted,
    MachineIdentified,
    MetersRead,
    MeterVariance,
    SlotException,
    TicketRecorded,
)

Start = Callable[..., Any]


def play(talk: Any, wager: int = 2, win: int = 5) -> None:
    """One game at the machine, meters and all."""
    meters = talk.cabinet.meters
    meters["coin_in"] = meters.get("coin_in", 0) + wager
    talk.raise_exception(0x7E, wager=wager, coin_in=meters["coin_in"], wager_type=0, progressive_group=0)
    talk.run_for(1)
    meters["coin_out"] = meters.get("coin_out", 0) + win
    meters["games_played"] = meters.get("games_played", 0) + 1
    talk.raise_exception(0x7F, win=win)
    talk.run_for(1)


def test_a_machine_is_met_identified_and_its_meters_are_read(start: Start) -> None:
    talk = start()

    talk.run_for(20)

    assert talk.types[:4] == ["line.up", "slot.selected_game", "slot.identified", "slot.meters_read"]
    identity = talk.of(MachineIdentified)[0]
    assert identity.serial_number == "SN1"
    assert identity.unsupported_polls == ("0x56", "0xb5")
    assert talk.of(MetersRead)[0].reason == "start"
    assert talk.of(MetersRead)[0].settled
    assert talk.machine.real_time
    assert talk.station.counters.state == "polling"


def test_a_door_is_journalled_and_the_meters_are_read(talk: Any) -> None:
    talk.raise_exception(0x11)
    talk.run_for(3)

    assert talk.types == ["slot.slot_door_opened", "slot.meters_read"]
    assert talk.of(SlotException)[0].real_time
    assert talk.of(MetersRead)[0].reason == "door"


def test_games_are_journalled_with_their_money_and_explain_the_meters(talk: Any) -> None:
    for _ in range(5):
        play(talk)
    talk.run_for(10)

    assert [game.wager.money.minor for game in talk.of(GameStarted)] == [2] * 5
    assert [game.win.credits for game in talk.of(GameEnded)] == [5] * 5
    assert talk.of(MetersRead)[-1].settled
    assert talk.of(MeterVariance) == []


def test_readings_after_games_are_bounded(talk: Any) -> None:
    for _ in range(15):
        play(talk)

    assert 4 <= len(talk.of(MetersRead)) <= 7


def test_a_meter_no_event_explains_is_a_variance_reported_once(talk: Any) -> None:
    talk.cabinet.meters["coin_in"] = 7
    talk.raise_exception(0x11)
    talk.run_for(3)
    talk.raise_exception(0x12)
    talk.run_for(3)

    variances = talk.of(MeterVariance)
    assert [(one.meter, one.unexplained, one.likely_cause) for one in variances] == [
        ("coin_in", 7, "unknown")
    ]


def test_an_overflow_is_named_as_the_likely_cause(talk: Any) -> None:
    talk.cabinet.meters["bills_credits"] = 2_000
    talk.raise_exception(0x70)
    talk.run_for(3)

    assert talk.of(MetersRead)[0].reason == "overflow"
    assert talk.of(MeterVariance)[0].likely_cause == "overflow"


def test_a_bill_carries_its_worth_in_real_time(talk: Any) -> None:
    talk.cabinet.meters["bills_credits"] = 2_000
    talk.raise_exception(0x4F, country=37, denomination_code=4, count=1)
    talk.run_for(3)

    assert talk.of(BillAccepted)[0].bill.minor == 2_000
    assert talk.of(BillRecorded) == []
    assert talk.of(MeterVariance) == []


def test_a_bill_is_read_after_a_one_byte_exception(one_byte_talk: Any) -> None:
    talk = one_byte_talk
    talk.cabinet.meters["bills_credits"] = 2_000
    talk.cabinet.said[0x48] = {"country": 37, "denomination_code": 4, "count": 1}
    talk.raise_exception(0x4A)
    talk.run_for(5)

    assert talk.types[:2] == ["slot.bill_accepted_20", "slot.bill_recorded"]
    assert talk.of(BillRecorded)[0].bill.minor == 2_000
    assert talk.of(MetersRead)[0].settled
    assert talk.of(MeterVariance) == []


@pytest.mark.parametrize("amount", [2_500, 12])
def test_a_ticket_is_recorded_without_its_number(primary_talk: Any, amount: int) -> None:
    talk = primary_talk
    talk.cabinet.said[0x3D] = {"validation_number": "87654321", "amount_cents": amount}
    talk.cabinet.meters["cashable_ticket_out"] = amount
    talk.raise_exception(0x3D)
    talk.run_for(3)

    assert talk.types[:2] == ["slot.cash_out_ticket_printed", "slot.ticket_recorded"]
    assert talk.of(TicketRecorded)[0].amount.minor == amount
    assert not any("87654321" in body.model_dump_json() for body in talk.bodies)
    assert talk.of(MeterVariance) == []


def test_the_answer_with_a_tickets_number_is_confidential(primary_talk: Any) -> None:
    talk = primary_talk
    assert not talk.station.confidential

    talk.raise_exception(0x3D)
    while 0x3D not in talk.cabinet.asked:
        talk.run_for(0.01)

    assert talk.station.confidential
    talk.run_for(1)
    assert not talk.station.confidential


def test_tickets_of_a_machine_with_another_validation_are_not_read(start: Start) -> None:
    talk = start()
    talk.cabinet.features = {**talk.cabinet.features, "features1": 0x40}
    talk.meet()

    talk.cabinet.meters["cashable_ticket_out"] = 100
    talk.raise_exception(0x3D)
    talk.run_for(3)

    assert 0x3D not in talk.cabinet.asked
    assert talk.of(MeterVariance) == []


def test_games_in_one_byte_mode_are_counted(one_byte_talk: Any) -> None:
    talk = one_byte_talk
    for _ in range(3):
        play(talk)
    talk.run_for(10)

    assert talk.types.count("slot.game_started") == talk.types.count("slot.game_ended") == 3
    assert talk.of(MeterVariance) == []
    assert talk.of(MetersRead)[-1].settled


def test_a_game_lost_in_one_byte_mode_is_a_variance(one_byte_talk: Any) -> None:
    talk = one_byte_talk
    play(talk)
    talk.run_for(5)
    talk.cabinet.meters["games_played"] += 1
    talk.raise_exception(0x11)
    talk.run_for(5)

    assert [one.meter for one in talk.of(MeterVariance)] == ["games_played"]


def test_idle_real_time_polling_alternates_two_long_polls(talk: Any) -> None:
    talk.run_for(4)

    heartbeats = [command for command in talk.cabinet.asked if command != 0x0E]
    assert set(heartbeats) == {0x1A, 0x15}
    assert abs(heartbeats.count(0x1A) - heartbeats.count(0x15)) <= 2


def test_idle_one_byte_polling_is_general_polls_with_synchronisation_between(one_byte_talk: Any) -> None:
    talk = one_byte_talk
    talk.written.clear()

    talk.run_for(2)

    assert talk.cabinet.asked == []
    stream = b"".join(talk.written)
    assert stream.count(b"\xff\x00\x81") == pytest.approx(stream.count(b"\xff\x00\x80"), abs=1)


def test_polls_keep_their_interval(talk: Any) -> None:
    before = talk.station.counters.polls

    talk.run_for(10)

    assert talk.station.counters.polls - before == pytest.approx(250, abs=10)
    assert talk.station.counters.polls_late == 0


@pytest.mark.parametrize(("force", "expected"), [(False, 50), (True, 250)])
def test_a_machine_that_does_not_say_it_is_fast_is_polled_slowly(
    start: Start, *, force: bool, expected: int
) -> None:
    talk = start(force_poll_ms=force, real_time_events="off")
    talk.cabinet.features = {**talk.cabinet.features, "features3": 0}
    talk.run_for(40)
    before = talk.station.counters.polls

    talk.run_for(10)

    assert talk.station.counters.polls - before == pytest.approx(expected, rel=0.1)
    assert not talk.machine.real_time


def test_a_machine_that_falls_silent_is_a_line_down_and_up_again(talk: Any) -> None:
    talk.to_host = False
    talk.run_for(10)
    state = talk.station.counters.state
    talk.to_host = True
    talk.run_for(10)

    assert state == "silent"
    assert len(talk.of(LineDown)) == 1
    assert talk.of(LineDown)[0].reason.startswith("silent for 2.")
    assert talk.of(LineUp)[0].silent_seconds > 9
    assert talk.of(MetersRead)[0].reason == "link_recovery"
    assert talk.of(MachineIdentified) == []


def test_a_machine_back_from_a_long_silence_is_asked_again_what_it_is(talk: Any) -> None:
    talk.to_host = talk.to_machine = False
    talk.run_for(40)
    talk.to_host = talk.to_machine = True
    talk.run_for(20)

    assert len(talk.of(MachineIdentified)) == 1


def test_a_lost_link_is_one_line_down(talk: Any) -> None:
    talk.station.link_lost(talk.now, "unplugged")
    talk.station.link_lost(talk.now + 1, "unplugged")
    talk.station.link_opened(talk.now + 2)
    talk.now += 2
    talk.run_for(5)

    assert [down.reason for down in talk.of(LineDown)] == ["unplugged"]
    assert len(talk.of(LineUp)) == 1


def test_a_reboot_too_short_to_be_missed_is_found_and_heard(talk: Any) -> None:
    talk.machine.power_off(talk.now)
    talk.run_for(1)
    talk.machine.power_on(talk.now)
    talk.raise_exception(0x17)
    talk.run_for(30)

    assert "slot.ac_power_applied" in talk.types
    assert talk.machine.real_time
    assert len(talk.of(MachineIdentified)) == 1


def test_changed_options_are_asked_about_once_they_are_settled(talk: Any) -> None:
    for code in (0x84, 0x3C, 0x3C):
        talk.raise_exception(code)
        talk.run_for(1)
    talk.cabinet.denomination = 0x02
    talk.raise_exception(0x85)
    talk.run_for(10)

    assert [identity.denomination for identity in talk.of(MachineIdentified)] == ["0.05"]
    assert talk.of(MetersRead)[-1].epoch == 1
    assert talk.of(MeterVariance) == []


def test_another_machine_in_the_same_place_is_met_afresh(talk: Any) -> None:
    talk.cabinet.meters["coin_in"] = 5_000_000
    talk.cabinet.serial = "SN2"
    talk.cabinet.silent = {0x53}
    talk.raise_exception(0x17)
    talk.run_for(30)

    assert talk.of(MachineIdentified)[-1].serial_number == "SN2"
    assert talk.of(MachineIdentified)[-1].unsupported_polls == ("0x53",)
    assert talk.of(MetersRead)[-1].epoch == 1
    assert talk.of(MeterVariance) == []
    assert talk.machine.real_time


def test_meters_that_were_cleared_without_a_word_begin_a_new_epoch(start: Start) -> None:
    talk = start()
    talk.cabinet.meters.update(coin_in=50_000, coin_out=40_000, games_played=9_000)
    talk.meet()

    talk.cabinet.meters.update(coin_in=3, coin_out=0, games_played=1)
    talk.raise_exception(0x11)
    talk.run_for(3)

    assert talk.of(MetersRead)[-1].epoch == 1
    assert talk.of(MeterVariance) == []


def test_a_code_no_table_lists_is_journalled_as_itself_and_counted(talk: Any) -> None:
    for _ in range(2):
        talk.raise_exception(0x7D)
        talk.run_for(1)

    assert [body.name for body in talk.of(SlotException)] == ["unknown_0x7d"] * 2
    assert talk.station.counters.unknown_codes == {"unknown_0x7d": 2}
    assert talk.station.counters.last_event == "unknown_0x7d"


def test_a_machine_that_is_busy_is_read_later(talk: Any) -> None:
    talk.cabinet.busy = {0x0F}
    talk.raise_exception(0x11)
    talk.run_for(0.5)
    talk.cabinet.busy = set()
    talk.run_for(3)

    assert talk.of(MetersRead)[0].settled


def test_rubbish_is_counted_and_told_of_once_a_minute(talk: Any) -> None:
    for _ in range(100):
        talk.station.receive_data(b"rubbish", talk.now)
        talk.run_for(1)

    told = talk.of(ProtocolErrors)
    assert len(told) == 2
    assert told[-1].total <= talk.station.counters.protocol_errors
    assert told[-1].total - told[-1].count == told[0].total


def test_a_restart_goes_on_where_it_was(talk: Any) -> None:
    play(talk)
    talk.restart()
    talk.journal.clear()
    talk.cabinet.asked.clear()

    play(talk)
    talk.run_for(10)

    assert talk.of(GameStarted)[0].wager.money.minor == 2
    assert talk.of(GameStarted)[0].real_time
    assert not {0xB5, 0x56} & set(talk.cabinet.asked)
    assert talk.of(MeterVariance) == []


def test_a_restart_does_not_hide_what_was_lost_around_it(talk: Any) -> None:
    play(talk)
    talk.restart()
    talk.cabinet.meters["coin_in"] += 9
    talk.run_for(10)

    assert [(one.meter, one.unexplained) for one in talk.of(MeterVariance)] == [("coin_in", 9)]


def test_a_ticket_not_read_before_a_restart_is_read_after_it(primary_talk: Any) -> None:
    talk = primary_talk
    talk.cabinet.silent.add(0x3D)
    talk.cabinet.meters["cashable_ticket_out"] = 700
    talk.raise_exception(0x3D)
    talk.run_for(0.3)
    talk.restart()
    talk.cabinet.silent.discard(0x3D)
    talk.cabinet.said[0x3D] = {"validation_number": "00000001", "amount_cents": 700}
    talk.run_for(10)

    assert [ticket.amount.minor for ticket in talk.of(TicketRecorded)] == [700]


def test_a_stranger_in_real_time_mode_is_met_in_one_byte_mode(start: Start) -> None:
    talk = start()
    talk.meet()

    talk.note = b""
    talk.restart()
    talk.raise_exception(0x11)
    talk.run_for(30)

    assert "slot.slot_door_opened" in talk.types
    assert talk.machine.real_time
    assert len(talk.of(MachineIdentified)) == 1


def test_a_station_says_who_it_is_and_how_it_does(talk: Any) -> None:
    assert repr(talk.station) == "<SasStation slot-1 01:polling>"


def test_on_a_rough_line_only_two_byte_polls_are_asked_for_meters(talk: Any) -> None:
    """A poll that carries data becomes another one when it loses its command."""
    for _ in range(5):
        talk.station.receive_data(b"rubbish", talk.now)
        talk.run_for(0.1)
    talk.cabinet.asked.clear()
    talk.raise_exception(0x11)
    talk.run_for(3)

    assert talk.of(MetersRead)[0].settled
    assert not {0x2F, 0x6F, 0xAF} & set(talk.cabinet.asked)


def test_a_rough_line_stays_rough_across_a_restart(talk: Any) -> None:
    for _ in range(5):
        talk.station.receive_data(b"rubbish", talk.now)
        talk.run_for(0.1)
    talk.restart()
    talk.cabinet.asked.clear()
    talk.run_for(5)

    assert not {0x2F, 0x6F, 0xAF, 0xA0} & set(talk.cabinet.asked)
    assert talk.machine.real_time


def test_a_snapshot_waits_for_a_game_that_was_on_at_the_restart(talk: Any) -> None:
    talk.cabinet.meters["coin_in"] = 2
    talk.raise_exception(0x7E, wager=2, coin_in=2, wager_type=0, progressive_group=0)
    talk.run_for(1)
    talk.restart()
    talk.run_for(5)
    talk.cabinet.meters["games_played"] = 1
    talk.raise_exception(0x7F, win=0)
    talk.run_for(10)

    assert talk.of(MetersRead)[-1].settled
    assert talk.of(MeterVariance) == []


def test_a_bill_without_its_amount_is_read_in_one_byte_mode(one_byte_talk: Any) -> None:
    talk = one_byte_talk
    talk.cabinet.said[0x48] = {"country": 37, "denomination_code": 7, "count": 1}
    talk.cabinet.meters["bills_credits"] = 10_000
    talk.raise_exception(0x4F, country=37, denomination_code=99, count=1)
    talk.run_for(5)

    assert talk.of(BillRecorded)[0].bill.minor == 10_000
    assert talk.of(MeterVariance) == []


def test_a_bill_that_cannot_be_read_blinds_its_account(start: Start) -> None:
    talk = start(real_time_events="off")
    talk.cabinet.silent.add(0x48)
    talk.meet()
    talk.cabinet.meters["bills_credits"] = 10_000
    talk.raise_exception(0x4F, country=37, denomination_code=99, count=1)
    talk.run_for(5)

    assert talk.of(BillRecorded) == []
    assert talk.of(MeterVariance) == []


def test_the_same_bill_read_twice_is_recorded_once(one_byte_talk: Any) -> None:
    talk = one_byte_talk
    talk.cabinet.said[0x48] = {"country": 37, "denomination_code": 4, "count": 9}
    for _ in range(2):
        talk.raise_exception(0x4A)
        talk.run_for(3)

    assert len(talk.of(BillRecorded)) == 1


def test_two_tickets_before_one_is_read_blind_their_account(primary_talk: Any) -> None:
    talk = primary_talk
    talk.cabinet.said[0x3D] = {"validation_number": "00000002", "amount_cents": 200}
    talk.cabinet.meters["cashable_ticket_out"] = 300
    talk.cabinet.busy.add(0x3D)
    for _ in range(2):
        talk.raise_exception(0x3D)
        talk.run_for(0.2)
    talk.cabinet.busy.clear()
    talk.run_for(3)

    assert [ticket.amount.minor for ticket in talk.of(TicketRecorded)] == [200]
    assert talk.of(MeterVariance) == []


def test_a_ticket_the_machine_no_longer_tells_is_given_up(primary_talk: Any) -> None:
    """It answered 3D when it was met; with real-time events on it is asked until it does."""
    talk = primary_talk
    talk.cabinet.said[0x3D] = {"validation_number": "00000003", "amount_cents": 100}
    talk.raise_exception(0x3D)
    talk.raise_exception(0x3D)
    talk.run_for(3)

    assert len(talk.of(TicketRecorded)) == 1


def test_idle_event_frames_are_nothing_to_say(start: Start) -> None:
    """Some machines answer every poll with FF 00 or FF 1F when nothing happens."""
    talk = start()
    talk.meet()
    talk.raise_exception(0x1F)
    talk.run_for(2)

    assert not any(isinstance(body, SlotException) for body in talk.bodies)
    assert talk.machine.queue == ()


def test_polls_that_had_to_be_repeated_are_counted_as_unanswered(talk: Any) -> None:
    talk.to_machine = False
    talk.run_for(0.5)
    talk.to_machine = True
    talk.run_for(1)

    assert 2 <= talk.station.counters.polls_unanswered <= 3


def test_a_machine_that_was_down_missed_no_polls(talk: Any) -> None:
    talk.to_machine = False
    talk.run_for(5)
    talk.to_machine = True
    talk.run_for(10)

    assert talk.station.counters.polls_unanswered == 0


def test_a_station_called_too_late_counts_its_polls_as_late(talk: Any) -> None:
    for _ in range(5):
        talk.run_for(0.5)
        talk.now += 0.2

    assert talk.station.counters.polls_late >= 4


def test_meters_are_read_now_and_then_where_nobody_plays(start: Start) -> None:
    talk = start(idle_meters_seconds=10)
    talk.meet()
    talk.run_for(25)

    assert [reading.reason for reading in talk.of(MetersRead)] == ["interval"] * len(talk.of(MetersRead))
    assert len(talk.of(MetersRead)) >= 2


def test_the_meters_are_read_when_a_gaming_day_begins(start: Start) -> None:
    talk = start(gaming_day_starts="06:00")
    talk.meet()
    talk.station.tell_time(datetime(2026, 7, 4, 5, 59, 50), talk.now)  # noqa: DTZ001  the time on the wall

    talk.run_for(9)
    before = talk.of(MetersRead)
    talk.run_for(5)

    assert before == []
    assert [reading.reason for reading in talk.of(MetersRead)] == ["gaming_day"]
    assert any(meter.name == "bills_1" for meter in talk.of(MetersRead)[0].meters)


def test_no_gaming_day_begins_where_the_site_wants_none(start: Start) -> None:
    talk = start(gaming_day_starts=None)
    talk.meet()
    talk.station.tell_time(datetime(2026, 7, 4, 5, 59, 50), talk.now)  # noqa: DTZ001  the time on the wall

    talk.run_for(20)

    assert talk.of(MetersRead) == []


def test_by_how_much_the_machines_clock_is_ahead_is_told_with_what_it_is(start: Start) -> None:
    talk = start()
    talk.station.tell_time(datetime(2026, 7, 4, 12, 29), talk.now)  # noqa: DTZ001  the time on the wall

    talk.run_for(20)

    offset = talk.of(MachineIdentified)[0].clock_offset_seconds
    assert 40 <= offset <= 60


def test_a_players_session_has_its_readings(start: Start) -> None:
    talk = start(session_meters_seconds=20)
    talk.meet()

    talk.raise_exception(0x9E)
    talk.run_for(45)
    talk.raise_exception(0x9F)
    talk.run_for(45)

    reasons = [reading.reason for reading in talk.of(MetersRead)]
    assert reasons == ["session_start", "interval", "interval", "session_end"]


def test_a_session_goes_on_after_a_restart(start: Start) -> None:
    talk = start(session_meters_seconds=20)
    talk.meet()
    talk.raise_exception(0x9E)
    talk.run_for(5)

    talk.restart()
    talk.journal.clear()
    talk.run_for(30)

    assert [reading.reason for reading in talk.of(MetersRead)] == ["start", "interval"]


def test_real_time_events_that_another_host_switched_on_are_switched_off_again(one_byte_talk: Any) -> None:
    """The machine is known from its note: it is not interrogated, which would switch them off besides."""
    one_byte_talk.machine.real_time = True
    one_byte_talk.restart()

    one_byte_talk.run_for(5)
    assert not one_byte_talk.machine.real_time

    one_byte_talk.machine.real_time = True
    one_byte_talk.raise_exception(0x11)
    one_byte_talk.run_for(10)
    assert not one_byte_talk.machine.real_time
