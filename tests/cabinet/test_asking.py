"""One question is asked so that nothing a machine keeps for its host is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from edge_agent.cabinet.answer import explained, in_a_line
from edge_agent.cabinet.asking import Asking, Verdict
from edge_agent.cabinet.question import read_question
from edge_agent.sas import LONG_POLLS, LongPollRequest, PollReader, WakeupDecoder
from edge_agent.sas.crc import append_crc
from edge_agent.sas.machine import Delivered
from edge_agent.sas.wakeup import marked
from edge_agent.testing.wires import ECHOING, NOISY, ONE_BYTE_AT_A_TIME, SLOW, WireProfile, lossy

if TYPE_CHECKING:
    from tests.cabinet.conftest import Visit

DOOR_OPENED, DOOR_CLOSED = 0x11, 0x12
QUIET_SECONDS = 5.5


def test_a_machine_that_chirps_is_asked_at_once(visit: Visit) -> None:
    outcome = visit.ask("54")

    assert (outcome.verdict, outcome.address) == (Verdict.ANSWERED, 1)
    assert outcome.values["version"] == "603"
    assert visit.clock.now - 100.0 < 1.0


def test_nothing_is_sent_before_the_machines_link_has_dropped(visit: Visit) -> None:
    """Another host was told something a moment ago; any poll of ours would tell the machine it was heard."""
    visit.meet_another_host()
    visit.connection.raise_exception(DOOR_OPENED, visit.clock.now)
    visit.have_another_host_hear()

    outcome = visit.ask("54")

    assert outcome.verdict is Verdict.ANSWERED
    assert visit.sent_at[0] - visit.last_heard_by_the_machine >= 5.0
    assert visit.delivered == []


def test_a_machine_that_does_not_chirp_is_found_by_asking(visit: Visit) -> None:
    visit.mute_chirps = True

    outcome = visit.ask("54")

    assert (outcome.verdict, outcome.address) == (Verdict.ANSWERED, 1)
    assert visit.sent_at[0] - 100.0 >= QUIET_SECONDS


@pytest.mark.parametrize("address", [2, 9])
def test_any_address_is_found(visit: Visit, address: int) -> None:
    visit.move_to(address)
    visit.mute_chirps = True

    outcome = visit.ask("1F")

    assert (outcome.verdict, outcome.address) == (Verdict.ANSWERED, address)


def test_exceptions_that_wait_stay_where_they_are(visit: Visit) -> None:
    for code in (DOOR_OPENED, DOOR_CLOSED):
        visit.connection.raise_exception(code, visit.clock.now)

    outcome = visit.ask("1F")

    assert outcome.verdict is Verdict.ANSWERED
    assert outcome.event is None
    assert visit.delivered == []


def test_an_event_in_place_of_the_answer_is_told_and_left_on_the_machine(visit: Visit) -> None:
    visit.connection.real_time = True
    visit.connection.raise_exception(DOOR_OPENED, visit.clock.now)

    outcome = visit.ask("1F")
    visit.talk.run_for(60.0)

    assert outcome.verdict is Verdict.EVENT_WAITS
    assert outcome.event is not None
    assert outcome.event.code == DOOR_OPENED
    assert visit.delivered == []
    said = in_a_line(read_question("1F", []), outcome)
    assert said.startswith(
        "machine 01 tells event 11 slot_door_opened before it answers; it was not acknowledged"
    )
    explanation = explained(read_question("1F", []), outcome)
    assert explanation is not None
    assert explanation.title == "machine 01: event 11 slot_door_opened (door)"


def test_under_real_time_events_a_machine_with_nothing_to_say_answers(visit: Visit) -> None:
    visit.connection.real_time = True

    assert visit.ask("1F").verdict is Verdict.ANSWERED


def test_a_poll_the_machine_does_not_know_is_told_from_a_machine_that_is_not_there(visit: Visit) -> None:
    unknown = visit.ask("8E")
    nobody = visit.ask("8E", address=5)

    assert (unknown.verdict, unknown.address) == (Verdict.NOT_KNOWN, 1)
    assert (nobody.verdict, nobody.address, nobody.others) == (Verdict.SILENT, None, (1,))
    assert visit.asked.count(0x8E) == 3
    assert "does not know 8E" in in_a_line(read_question("8E", []), unknown)
    assert "address 01 chirps — ask with --address 1" in in_a_line(read_question("8E", []), nobody)


def test_a_line_with_nobody_at_it_is_given_up_after_all_addresses(visit: Visit) -> None:
    visit.connection.power_off(visit.clock.now)

    outcome = visit.ask("1F")

    assert outcome.verdict is Verdict.SILENT
    assert visit.clock.now - 100.0 < 80.0
    assert in_a_line(read_question("1F", []), outcome).startswith("nobody answers — check the port")


def test_only_the_question_and_what_wakes_a_machine_are_sent(visit: Visit) -> None:
    visit.ask("B5", "game=1")

    assert set(visit.asked) == {0x1A, 0xB5}
    assert visit.general_polls <= {0}


def test_credits_are_asked_once_though_they_wake_the_machine_too(visit: Visit) -> None:
    outcome = visit.ask("1A")

    assert outcome.values == {"current_credits": 0}
    assert visit.asked == [0x1A]


@pytest.mark.parametrize(
    "wire", [ECHOING, NOISY, ONE_BYTE_AT_A_TIME, SLOW, lossy(0.03)], ids=lambda w: w.name
)
def test_a_bad_wire_does_not_keep_it_from_being_answered(visit: Visit, wire: WireProfile) -> None:
    visit.wire = wire

    outcome = visit.ask("2F", "game=0", "meter_codes=00,01,coin_in", address=1)

    assert outcome.verdict is Verdict.ANSWERED
    assert [meter.code for meter in outcome.values["meters"]] == [0, 1, 0]


def test_what_the_machine_forgets_is_acknowledged_only_once_that_is_asked_for(visit: Visit) -> None:
    outcome = visit.ask("1B", consume=True)
    asked_before = list(visit.asked)
    visit.talk.run_for(1.0)

    assert outcome.verdict is Verdict.ANSWERED
    assert visit.asked == asked_before
    asking = visit.asking
    assert asking is not None
    asking.acknowledge(visit.clock.now)
    visit.talk.run_for(1.0)
    assert asking.acknowledged
    assert asking.settled
    assert visit.asked == [*asked_before, 0x1A]


def test_what_was_not_answered_cannot_be_acknowledged(visit: Visit) -> None:
    visit.ask("8E")
    asked = list(visit.asked)

    assert visit.asking is not None
    visit.asking.acknowledge(visit.clock.now)
    visit.talk.run_for(1.0)

    assert visit.asked == asked
    assert not visit.asking.acknowledged


class Answering:
    """A machine that answers with what is written down here, whatever it is asked second."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._reader, self._characters = PollReader(), WakeupDecoder()
        self._say = b""

    def receive_data(self, stream: bytes, now: float) -> None:
        for poll in self._reader.feed(self._characters.feed(stream), now):
            if isinstance(poll, LongPollRequest):
                credits_are = append_crc(bytes.fromhex("011a00000000"))
                self._say = credits_are if poll.command == 0x1A else self._answer

    def handle_timer(self, now: float) -> None:
        pass

    def next_timer(self) -> float | None:
        return None

    def data_to_send(self, _now: float) -> bytes:
        say, self._say = self._say, b""
        return say


@pytest.mark.parametrize(
    ("answer", "verdict", "says"),
    [
        ("81", Verdict.REFUSED, "machine 01 refuses A0 enabled_features (NACK) — check the arguments"),
        ("0100", Verdict.BUSY, "machine 01 is busy and cannot answer A0 enabled_features now — ask again"),
    ],
)
def test_a_refusal_and_a_busy_machine_are_told(
    answer: str, verdict: Verdict, says: str, converse: Callable[[Asking, Answering], Asking]
) -> None:
    question = read_question("A0", ["game=0"])

    asking = converse(Asking(question, 1), Answering(bytes.fromhex(answer)))

    assert asking.outcome is not None
    assert asking.outcome.verdict is verdict
    assert in_a_line(question, asking.outcome) == says


def test_a_lone_chirp_may_be_noise() -> None:
    asking = Asking(read_question("1F", []))
    asking.link_opened(0.0)

    asking.receive_data(marked(7), 0.1)

    assert asking.trying is None
    asking.receive_data(marked(7), 0.3)
    assert asking.trying == 7


def test_the_pieces_of_a_message_are_no_chirps() -> None:
    asking = Asking(read_question("1F", []))
    asking.link_opened(0.0)

    for at, data in ((0.1, b"\x01\x1f"), (0.4, b"\x01"), (0.42, b"\x01"), (0.7, b"\x00"), (1.0, b"\x81")):
        asking.receive_data(data, at)

    assert asking.trying is None


def test_every_read_of_the_table_is_answered_or_not_known(visit: Visit) -> None:
    """Whatever is asked, the machine is found, and no question hangs."""
    for row in LONG_POLLS.values():
        if row.effect.value == "reads" and not row.request and row.reply:
            assert visit.ask(row.name, address=1).verdict in {
                Verdict.ANSWERED,
                Verdict.NOT_KNOWN,
                Verdict.BUSY,
            }
    assert not [one for one in visit.connection.history() if isinstance(one, Delivered)]
