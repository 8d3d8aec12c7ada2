"""What an integrator's program has a machine told: only what is listed, once, and on the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_agent.drivers.sas.driver import DRIVER
from edge_agent.errors import ConfigurationError, LocalProtocolError
from edge_agent.events.agent import LineDown
from edge_agent.events.machine_command import MachineCommanded
from edge_agent.events.slot import SlotException
from edge_agent.sas.machine import Elementary
from edge_agent.station import CommandOutcome, DeviceIdentity, MachineCommand

SHUTDOWN, BONUS = 0x01, 0x8A


def order(talk: Any, poll: str = "shutdown", within: float = 10.0, **values: Any) -> MachineCommand:
    """Give the station a command, as a line does."""
    command = MachineCommand("c-1", poll, values, "floor console", "emptied", talk.now + within)
    talk.accepted = talk.station.accept_command("slot-1", command)
    talk.station.command("slot-1", command)
    return command


def outcomes(talk: Any) -> list[CommandOutcome]:
    return [outcome for _, outcome, _ in talk.station.take_outcomes()]


@pytest.fixture(params=["auto", "off"])
def talk(request: pytest.FixtureRequest, start: Callable[..., Any]) -> Any:
    """A conversation with a machine that takes two commands, with real-time events and without."""
    talk = start(
        real_time_events=request.param, command_host=("shutdown", "legacy_bonus_pay", "redeem_ticket")
    )
    talk.meet()
    talk.cabinet.said[SHUTDOWN] = Elementary.ACK
    talk.cabinet.said[BONUS] = Elementary.ACK
    return talk


def test_a_command_is_sent_once_and_its_outcome_is_told(talk: Any) -> None:
    command = order(talk)

    talk.run_for(2)

    assert talk.cabinet.asked.count(SHUTDOWN) == 1
    assert talk.station.take_outcomes() == [(command, CommandOutcome.ACKNOWLEDGED, {})]
    (told,) = talk.of(MachineCommanded)
    assert talk.accepted == told.model_copy(update={"outcome": "accepted"})
    assert (told.poll, told.name, told.asked_by, told.reason, told.outcome) == (
        "0x01", "shutdown", "floor console", "emptied", "acknowledged",
    )  # fmt: skip


def test_what_a_command_says_reaches_the_machine_and_the_record(talk: Any) -> None:
    order(talk, "legacy_bonus_pay", amount=500, tax_status=1)

    talk.run_for(2)

    assert talk.of(MachineCommanded)[0].values == {"amount": "500", "tax_status": "1"}
    assert bytes.fromhex("8a 00 00 05 00 01") in b"".join(talk.written)


def test_a_tickets_number_is_not_recorded(talk: Any) -> None:
    values: dict[str, Any] = {
        "amount_cents": 2500,
        "parsing_code": 0,
        "validation_data": "011234567890123456",
    }
    order(talk, "redeem_ticket", transfer_code=0, **values)
    talk.run_for(2)

    assert "1234567890" not in talk.accepted.model_dump_json()
    assert not any("1234567890" in body.model_dump_json() for body in talk.bodies)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(Elementary.NACK, CommandOutcome.REFUSED), (Elementary.BUSY, CommandOutcome.BUSY)],
)
def test_a_machine_that_does_nothing_says_so(talk: Any, answer: Elementary, outcome: CommandOutcome) -> None:
    talk.cabinet.said[SHUTDOWN] = answer
    order(talk)

    talk.run_for(2)

    assert outcomes(talk) == [outcome]
    assert talk.cabinet.asked.count(SHUTDOWN) <= 2  # a short answer is believed when it is heard twice


def test_an_answer_with_data_is_handed_over(start: Callable[..., Any]) -> None:
    talk = start(command_host=("remote_handpay_reset",))
    talk.meet()
    talk.cabinet.said[0x94] = {"code": 2}
    command = order(talk, "remote_handpay_reset")

    talk.run_for(2)

    assert talk.station.take_outcomes() == [(command, CommandOutcome.ANSWERED, {"code": 2})]


def test_an_event_that_comes_instead_is_journalled_and_the_command_sent_again(talk: Any) -> None:
    talk.run_for(1)
    order(talk)
    for _ in range(3):
        talk.raise_exception(0x11)

    talk.run_for(4)

    assert [body.code for body in talk.of(SlotException)] == ["0x11"] * 3
    assert outcomes(talk) == [CommandOutcome.ACKNOWLEDGED]
    assert talk.cabinet.asked.count(SHUTDOWN) == 1


def test_a_machine_that_hears_but_is_not_heard_carries_it_out_once(talk: Any) -> None:
    """Its answers are lost until its link drops; after that it takes a repeat for a new command."""
    order(talk)
    while SHUTDOWN not in talk.cabinet.asked:
        talk.run_for(0.005)
        talk.to_host = SHUTDOWN not in talk.cabinet.asked and talk.to_host
    talk.to_host = False
    talk.run_for(12)
    talk.to_host = True

    talk.run_for(30)

    assert talk.cabinet.asked.count(SHUTDOWN) == 1


def test_silence_is_no_outcome_anybody_knows(talk: Any) -> None:
    talk.cabinet.silent.add(SHUTDOWN)
    order(talk)

    talk.run_for(30)

    assert outcomes(talk) == [CommandOutcome.UNANSWERED]
    assert talk.cabinet.asked.count(SHUTDOWN) <= 3
    assert talk.station.counters.state == "polling"


def test_a_machine_that_is_lost_meanwhile_leaves_the_outcome_unknown(talk: Any) -> None:
    talk.run_for(1)
    talk.to_machine = False
    order(talk, within=60)
    talk.run_for(20)
    assert talk.of(LineDown)
    talk.to_machine = True

    talk.run_for(60)

    assert outcomes(talk)[0] in {CommandOutcome.UNANSWERED, CommandOutcome.ACKNOWLEDGED}
    assert talk.cabinet.asked.count(SHUTDOWN) <= 1


def test_a_command_under_way_is_not_sent_by_the_next_process(talk: Any) -> None:
    order(talk)
    while SHUTDOWN not in talk.cabinet.asked:
        talk.run_for(0.001)
    talk.restart()

    talk.run_for(30)

    assert talk.cabinet.asked.count(SHUTDOWN) == 1


def test_a_command_that_waited_too_long_is_not_sent(talk: Any) -> None:
    talk.to_machine = False
    talk.run_for(20)
    order(talk, within=5)

    talk.run_for(10)
    talk.to_machine = True
    talk.run_for(30)

    assert outcomes(talk) == [CommandOutcome.EXPIRED]
    assert SHUTDOWN not in talk.cabinet.asked


def test_one_at_a_time(talk: Any) -> None:
    order(talk)

    with pytest.raises(LocalProtocolError, match="slot-1 has a command under way"):
        order(talk)


@pytest.mark.parametrize(
    ("poll", "values", "complaint"),
    [
        ("startup", {}, "'startup' may not be sent to slot-1 — list it"),
        ("coin_in", {}, "'coin_in' may not be sent"),
        ("no such poll", {}, "may not be sent"),
        ("legacy_bonus_pay", {}, "amount must be given"),
        ("legacy_bonus_pay", {"amount": 10**9, "tax_status": 0}, "1000000000 does not fit"),
    ],
)
def test_what_is_not_listed_or_makes_no_sense_is_refused(
    talk: Any, poll: str, values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        order(talk, poll, **values)

    talk.run_for(2)
    assert talk.of(MachineCommanded) == []


def test_nothing_is_listed_unless_the_site_lists_it(start: Callable[..., Any]) -> None:
    talk = start()
    assert not talk.station.takes_commands

    with pytest.raises(LocalProtocolError, match="may not be sent"):
        order(talk)


@pytest.mark.parametrize("name", ["coin_in", "lock", "SHUTDOWN"])
def test_only_polls_that_change_a_machine_can_be_listed(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"option command_host.*{name}"):
        DRIVER.check({"command_host": [name]})


def test_a_machine_on_a_shared_line_is_commanded_by_its_name() -> None:
    machines = [
        {"address": 1, "subject": "a"},
        {"address": 2, "subject": "b", "command_host": ["shutdown"]},
    ]
    line: Any = DRIVER.station(DeviceIdentity("line", "USD"), {"machines": machines}, b"")
    command = MachineCommand("c-1", "shutdown", {}, "console", "emptied", 10.0)

    assert line.takes_commands
    assert line.accept_command("b", command).name == "shutdown"
    with pytest.raises(LocalProtocolError, match="may not be sent to a"):
        line.accept_command("a", command)


def test_a_command_with_a_ticket_s_number_is_kept_out_of_logs_for_as_long_as_it_is_under_way(
    talk: Any,
) -> None:
    order(talk)
    talk.run_for(2)
    assert not talk.station.discloses

    order(
        talk,
        "redeem_ticket",
        transfer_code=0,
        amount_cents=500,
        parsing_code=0,
        validation_data="617283940516273849",
    )

    assert talk.station.discloses
    talk.run_for(12)
    assert outcomes(talk)[-1:] != []
    assert not talk.station.discloses
