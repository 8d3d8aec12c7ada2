"""Each fault of a line has a simulated cause here, and gets its own verdict."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from edge_agent.cabinet.probing.at_port import probe_link
from edge_agent.cabinet.probing.findings import Findings
from edge_agent.cabinet.probing.probe import READS, Probe
from edge_agent.cabinet.probing.telling import as_json, in_lines
from edge_agent.cabinet.probing.verdicts import VERDICTS, judge
from edge_agent.links import PortKind
from edge_agent.sas import GeneralPoll, LongPollRequest, PollReader
from edge_agent.sas.effects import Effect, effect_of
from edge_agent.sas.machine import Delivered
from edge_agent.sas.wakeup import encode_characters, marked
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.simulator.temperament import PLAIN, Temperament
from edge_agent.testing.another_speed import heard_at
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.conversation import Conversation, wires_of
from edge_agent.testing.faulty_line import (
    FaultyLine,
    FaultyLink,
    Printer,
    SetToZero,
    dead,
    without_marks,
)
from edge_agent.testing.polling_host import PollingHost
from edge_agent.testing.wires import PERFECT, WireProfile, lossy

BEGAN = 100.0
LONGEST_SECONDS = 200.0
DOOR_OPENED, BILL_JAM = 0x11, 0x28
SERIAL_PORT = PortKind("serial port")
PSEUDO_TERMINAL = PortKind("pseudo-terminal", sends_wakeup=False, hears_wakeup=False)
NO_ERROR_FLAGS = PortKind("serial port", hears_wakeup=False, chip="driver ch341-uart")


def machine_at(address: int = 1, *, seed: int = 1, temperament: Temperament = PLAIN) -> MachineOnLine:
    """A machine that nobody plays."""
    spec = replace(default_floor(1, seed=seed)[0], address=address, number=seed)
    machine = MachineOnLine(spec, seed=seed, temperament=temperament)
    machine.handle_timer(BEGAN)
    machine.stop_play(BEGAN)
    return machine


def switched_on_later(machine: MachineOnLine) -> MachineOnLine:
    """One that does not chirp at the very same moments as its neighbours."""
    machine.connection.power_off(BEGAN)
    machine.connection.power_on(BEGAN + 0.07)
    return machine


def delivered(machine: MachineOnLine) -> list[int]:
    """What the machine has let go."""
    return [one.serial for one in machine.connection.history() if isinstance(one, Delivered)]


class Laptop(Probe):
    """A probe at a port: what is nudged goes to the line as no parity can."""

    line: FaultyLine

    def data_to_send(self, now: float) -> bytes:
        character = self.take_nudge(now)
        if character is not None:
            self.line.nudged(character, now)
        return super().data_to_send(now)


@dataclass
class Visit:
    """A laptop at a line."""

    line: FaultyLine
    wire: WireProfile = PERFECT
    kind: PortKind = SERIAL_PORT
    address: int | None = None
    seconds: float | None = 6.0
    seed: int = 3
    can_nudge: bool = True
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(BEGAN))

    def begin(self) -> Conversation:
        self.laptop = Laptop(self.kind, self.address, self.seconds, can_nudge=self.can_nudge)
        self.laptop.line = self.line
        self.laptop.link_opened(self.clock.now)
        wires = wires_of(self.wire, seed=self.seed)
        return Conversation(self.laptop, self.line, self.clock, wires=wires)

    def findings(self) -> Findings:
        """Probe to the end."""
        talk = self.begin()
        while not self.laptop.settled and self.clock.now < BEGAN + LONGEST_SECONDS:
            talk.run_for(0.1)
        assert self.laptop.settled
        return self.laptop.findings


def verdict_of(line: FaultyLine, **about: Any) -> str:
    return judge(Visit(line, **about).findings()).name


NOISE = WireProfile("noise", flip=0.0018)  # one answer in twenty


@pytest.mark.parametrize(
    ("line", "about", "verdict"),
    [
        pytest.param(lambda: FaultyLine([machine_at()]), {}, "good", id="a good line"),
        pytest.param(FaultyLine, {}, "silence", id="nothing connected"),
        pytest.param(
            FaultyLine, {"kind": PSEUDO_TERMINAL}, "nobody_at_the_pseudo_terminal", id="a pty nobody serves"
        ),
        pytest.param(lambda: FaultyLine([machine_at()], back=dead), {}, "silence", id="RxD is dead"),
        pytest.param(lambda: FaultyLine([machine_at()], out=dead), {}, "not_heard", id="TxD is dead"),
        pytest.param(
            lambda: FaultyLine([machine_at()], out=dead), {"can_nudge": False}, "no_poll_is_heard",
            id="TxD is dead and the port cannot tell",
        ),
        pytest.param(
            lambda: FaultyLine([machine_at()], out=without_marks), {}, "no_wakeup_bit", id="no mark parity"
        ),
        pytest.param(
            lambda: FaultyLine([machine_at()], out=without_marks),
            {"can_nudge": False, "kind": PortKind("device server", sends_wakeup=False, hears_wakeup=False)},
            "no_wakeup_bit_from_the_server",
            id="a raw device server",
        ),
        pytest.param(
            lambda: FaultyLine([machine_at()], back=without_marks),
            {"kind": PortKind("device server")}, "good",
            id="a device server that takes marks and gives none",
        ),
        pytest.param(
            lambda: FaultyLine([machine_at()], out=without_marks, back=without_marks),
            {"can_nudge": False, "kind": PortKind("device server")}, "no_wakeup_bit_from_the_server",
            id="a device server that knows no marks, and nobody said so",
        ),
        pytest.param(lambda: FaultyLine(echoes=True), {}, "only_echo", id="TxD touches RxD"),
        pytest.param(lambda: FaultyLine([machine_at()], echoes=True), {}, "echo", id="a loop"),
        pytest.param(lambda: FaultyLine([SetToZero(chirps=True)]), {}, "address_zero", id="chirps 00"),
        pytest.param(lambda: FaultyLine([SetToZero(chirps=False)]), {}, "silence", id="set to 0 and mute"),
        pytest.param(
            lambda: FaultyLine([SetToZero(chirps=True)], back=without_marks),
            {"kind": PSEUDO_TERMINAL}, "zeros", id="chirps 00, at a port without wakeup bits",
        ),
        pytest.param(lambda: FaultyLine([Printer()]), {}, "wrong_parity", id="8N1: no gaming machine"),
        pytest.param(lambda: FaultyLine([machine_at()]), {"wire": NOISE}, "noisy", id="noise"),
        pytest.param(lambda: FaultyLine([machine_at()]), {"wire": lossy(0.01)}, "noisy", id="loss"),
        pytest.param(
            lambda: FaultyLine([machine_at(temperament=Temperament(answer_delay=0.15))]), {}, "slow",
            id="a slow machine",
        ),
        pytest.param(lambda: FaultyLine([machine_at(4)]), {"address": 9}, "another_address", id="address 4"),
        pytest.param(lambda: FaultyLine([machine_at(4)]), {"address": 4}, "good", id="address 4 as expected"),
        pytest.param(
            lambda: FaultyLine([machine_at(), machine_at(seed=2)]), {}, "two_at_one_address", id="two at 01"
        ),
    ],
)  # fmt: skip
def test_each_fault_has_its_verdict(
    line: Callable[[], FaultyLine], about: dict[str, Any], verdict: str
) -> None:
    assert verdict_of(line(), **about) == verdict


@pytest.mark.parametrize(
    ("baud", "address", "verdict"),
    [
        (2_400, 1, "wrong_speed"),
        (4_800, 1, "hears_no_poll"),  # its chirp looks like that of another address
        (4_800, 2, "wrong_speed"),
        (4_800, 5, "wrong_speed"),
        (9_600, 1, "hears_no_poll"),
        (9_600, 64, "wrong_speed"),
        (38_400, 1, "wrong_speed"),
        (57_600, 5, "wrong_speed"),
        (115_200, 1, "wrong_speed"),
    ],
)
def test_another_speed_is_told(baud: int, address: int, verdict: str) -> None:
    line = FaultyLine([machine_at(address)], partial(heard_at, heard=baud), partial(heard_at, sent=baud))

    findings = Visit(line).findings()

    assert judge(findings).name == verdict
    assert "19200 baud" in judge(findings).line(findings) + judge(findings).advice


# -- another host ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SERIAL_PORT, NO_ERROR_FLAGS], ids=["marks", "no marks"])
def test_another_host_is_told_and_nothing_is_sent(kind: PortKind) -> None:
    back = without_marks if not kind.hears_wakeup else list
    line = FaultyLine([machine_at()], back=back, another_host=PollingHost(real_time=False))
    visit = Visit(line, kind=kind)

    findings = visit.findings()

    assert judge(findings).name == "another_host"
    assert findings.heard.host_polls > 0
    assert findings.polls == 0


def test_another_host_that_is_not_heard_is_told_by_the_answers_it_gets() -> None:
    machine = machine_at()
    line = FaultyLine([machine], another_host=PollingHost(real_time=False))
    line.back = lambda characters: [one for one in characters if one < 0x100]

    findings = Visit(line).findings()

    assert judge(findings).name == "another_host"
    assert findings.polls == 0


@pytest.mark.parametrize("hears_it", [True, False])
def test_another_host_that_begins_meanwhile_ends_the_visit(*, hears_it: bool) -> None:
    line = FaultyLine([machine_at()])
    if not hears_it:
        line.back = lambda characters: [one for one in characters if one < 0x100 or one == 0x101]
    visit = Visit(line, seconds=60.0)
    talk = visit.begin()
    talk.run_for(5.0)
    line.another_host = PollingHost(real_time=False)
    talk.run_for(12.0)

    assert visit.laptop.settled
    assert judge(visit.laptop.findings).name == "another_host_as_well"
    assert GeneralPoll(1) not in polls_heard(line)[-1:]


# -- what the machine keeps -----------------------------------------------------------------------


def polls_heard(line: FaultyLine) -> list[GeneralPoll | LongPollRequest]:
    """All polls of the laptop."""
    polls = PollReader().feed(line.heard, 0.0)
    return [poll for poll in polls if isinstance(poll, GeneralPoll | LongPollRequest)]


def host_after(visit: Visit, machine: MachineOnLine) -> list[int]:
    """Another host is plugged in at once, and polls as any host does: the exceptions it hears."""
    heard = []
    now = visit.clock.now
    for _ in range(6):
        for poll in (0x80, 0x81):
            now += 0.2
            machine.connection.receive_data(marked(poll), now)
            if code := machine.connection.data_to_send(now):
                heard.append(code[-1])
    return heard


def test_an_event_that_is_told_while_the_visit_is_interrupted_is_not_lost() -> None:
    machine = machine_at(temperament=Temperament(answer_delay=0.1))
    machine.connection.real_time = True
    line = FaultyLine([machine])
    visit = Visit(line, seconds=60.0)
    talk = visit.begin()
    talk.run_for(5.0)
    machine.connection.raise_exception(DOOR_OPENED, visit.clock.now)
    heard = len(line.heard)
    while len(line.heard) == heard:
        talk.run_for(0.01)

    visit.laptop.stop()
    while not visit.laptop.settled:
        talk.run_for(0.1)

    assert visit.laptop.findings.waiting == DOOR_OPENED
    machine.connection.real_time = False
    assert host_after(visit, machine)[0] == DOOR_OPENED


@pytest.mark.parametrize("real_time", [False, True])
@pytest.mark.parametrize("wire", [PERFECT, NOISE, lossy(0.05)], ids=lambda wire: wire.name)
@pytest.mark.parametrize("seed", range(3))
def test_no_exception_is_lost_to_whoever_comes_next(*, real_time: bool, wire: WireProfile, seed: int) -> None:
    machine = machine_at()
    machine.connection.real_time = real_time
    machine.connection.raise_exception(DOOR_OPENED, BEGAN)
    machine.connection.raise_exception(BILL_JAM, BEGAN)
    visit = Visit(FaultyLine([machine]), wire=wire, seed=seed)

    visit.findings()

    assert delivered(machine) == []
    machine.connection.real_time = False
    assert host_after(visit, machine)[:2] == [DOOR_OPENED, BILL_JAM]


def test_the_exception_that_waits_is_told_and_the_line_is_good() -> None:
    machine = machine_at()
    machine.connection.raise_exception(DOOR_OPENED, BEGAN)

    findings = Visit(FaultyLine([machine])).findings()

    assert findings.waiting == DOOR_OPENED
    assert judge(findings).good
    assert "exception 11" in judge(findings).line(findings)


def test_an_event_in_place_of_an_answer_ends_the_measurement() -> None:
    machine = machine_at()
    machine.connection.real_time = True
    machine.connection.raise_exception(DOOR_OPENED, BEGAN)
    line = FaultyLine([machine])

    findings = Visit(line).findings()

    assert (findings.waiting, findings.asked, judge(findings).name) == (DOOR_OPENED, 0, "event_waits")
    assert [poll.address for poll in polls_heard(line)] == [0, 1]


def test_behind_an_exception_the_port_is_held_until_the_link_has_dropped() -> None:
    machine = machine_at()
    machine.connection.raise_exception(DOOR_OPENED, BEGAN)
    visit = Visit(FaultyLine([machine]), seconds=1.0)
    talk = visit.begin()
    while visit.laptop.findings.waiting is None:
        talk.run_for(0.01)
    talk.run_for(0.1)

    visit.laptop.stop()
    talk.run_for(5.0)
    settled_early = visit.laptop.settled
    talk.run_for(1.0)

    assert (settled_early, visit.laptop.settled) == (False, True)


def test_a_visit_that_is_interrupted_while_it_listens_claims_nothing() -> None:
    visit = Visit(FaultyLine())
    talk = visit.begin()
    talk.run_for(2.0)

    visit.laptop.stop()
    talk.run_for(0.1)

    assert visit.laptop.settled
    assert visit.laptop.findings.heard.seconds == pytest.approx(2.0, abs=0.1)
    assert judge(visit.laptop.findings).name == "interrupted"


def test_a_technician_who_has_seen_enough_need_not_wait() -> None:
    visit = Visit(FaultyLine([machine_at()]), seconds=60.0)
    talk = visit.begin()
    talk.run_for(5.0)

    visit.laptop.stop()
    talk.run_for(0.5)

    assert visit.laptop.settled
    assert judge(visit.laptop.findings).name == "good"


def test_it_only_reads_and_one_general_poll_is_the_last_it_says() -> None:
    line = FaultyLine([machine_at()])

    Visit(line).findings()

    polls = polls_heard(line)
    asked = {poll.command for poll in polls if isinstance(poll, LongPollRequest)}
    assert asked == set(READS)
    assert all(
        effect_of(LongPollRequest(1, command, values)) is Effect.READS for command, values in READS.items()
    )
    assert [at for at, poll in enumerate(polls) if poll == GeneralPoll(1)] == [len(polls) - 1]


def test_nothing_is_sent_before_the_machines_link_has_dropped() -> None:
    """Another host polled until now, and may not have kept what it was told."""
    machine = machine_at()
    for poll in (0x80, 0x81):
        machine.connection.receive_data(marked(poll), BEGAN)
        machine.connection.data_to_send(BEGAN)
    line = FaultyLine([machine])
    visit = Visit(line)
    talk = visit.begin()

    talk.run_for(5.0)

    assert line.heard == []
    talk.run_for(2.5)
    assert line.heard != []


# -- who is there ---------------------------------------------------------------------------------


class Impaired:
    """A machine that is not quite well."""

    def __init__(self, machine: MachineOnLine) -> None:
        self._machine = machine

    def receive_data(self, stream: bytes, now: float) -> None:
        self._machine.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        self._machine.handle_timer(now)

    def next_timer(self) -> float | None:
        return self._machine.next_timer()

    def data_to_send(self, now: float) -> bytes:
        return self._machine.data_to_send(now)


class Deaf(Impaired):
    """The wire to it is cut."""

    def receive_data(self, stream: bytes, now: float) -> None:
        pass


class Mute(Impaired):
    """It does not chirp."""

    def data_to_send(self, now: float) -> bytes:
        said = super().data_to_send(now)
        return b"" if said.startswith(b"\xff\x00") else said


@pytest.mark.parametrize(
    ("address", "delay", "within"), [(1, 0.0, 17.0), (77, 0.0, 27.0), (77, 0.1, 55.0)], ids=str
)
def test_a_machine_that_does_not_chirp_is_found_by_asking(address: int, delay: float, within: float) -> None:
    machine = Mute(machine_at(address, temperament=Temperament(answer_delay=delay)))
    visit = Visit(FaultyLine([machine]), seconds=None)

    findings = visit.findings()

    assert findings.found == (address,)
    assert visit.clock.now - BEGAN < within


def test_who_is_in_a_hurry_does_not_have_all_addresses_asked() -> None:
    hurried = Visit(FaultyLine(), seconds=2.0)
    patient = Visit(FaultyLine(), seconds=None)

    assert 1 < hurried.findings().tried < 30
    assert patient.findings().tried == 127
    assert hurried.clock.now - BEGAN < 8.0
    assert patient.clock.now - BEGAN < 45.0


@pytest.mark.parametrize("expected", [None, 5])
def test_several_machines_on_a_line_are_all_found(expected: int | None) -> None:
    line = FaultyLine([machine_at(1), switched_on_later(machine_at(5, seed=2))])

    findings = Visit(line, address=expected).findings()

    assert (findings.found, findings.address) == ((1, 5), expected or 1)
    assert judge(findings).name == "good"


def test_a_machine_that_its_neighbours_line_does_not_reach_is_named() -> None:
    deaf = Deaf(switched_on_later(machine_at(5, seed=2)))

    findings = Visit(FaultyLine([machine_at(1), deaf])).findings()

    verdict = judge(findings)

    assert (verdict.name, findings.found) == ("one_does_not_answer", (1,))
    assert verdict.line(findings).startswith("machine 05 chirps and does not answer")


def test_two_machines_that_answer_one_after_the_other_contradict_each_other() -> None:
    line = FaultyLine([machine_at(), machine_at(seed=2, temperament=Temperament(answer_delay=0.03))])

    findings = Visit(line).findings()

    assert findings.contradictions >= 3
    assert judge(findings).name == "two_at_one_address"


# -- at a link ------------------------------------------------------------------------------------


def test_at_a_link_that_can_the_machine_is_nudged_and_the_links_own_advice_is_noted() -> None:
    clock = VirtualClock(BEGAN)
    link = FaultyLink(FaultyLine([machine_at()], out=without_marks), clock)
    said: list[str] = []

    findings = probe_link(link, None, 6.0, enough=lambda: False, say=said.append, monotonic=clock)

    assert judge(findings).name == "no_wakeup_bit"
    assert said == ["listening for chirps", "asking who is there"]
    assert f"  note           {link.advice[0]}" in list(in_lines(findings))
    assert "  two stop bits  the machine falls silent when the wakeup bit is sent by them" in list(
        in_lines(findings)
    )


def test_at_a_link_somebody_may_have_seen_enough() -> None:
    clock = VirtualClock(BEGAN)
    link = FaultyLink(FaultyLine([machine_at()]), clock)

    findings = probe_link(
        link, None, 60.0, enough=lambda: clock.now > BEGAN + 4.0, say=lambda _: None, monotonic=clock
    )

    assert judge(findings).name == "good"
    assert clock.now < BEGAN + 5.0


# -- what is told ---------------------------------------------------------------------------------


def test_the_facts_of_a_good_line() -> None:
    findings = Visit(FaultyLine([machine_at(4)])).findings()
    lines = list(in_lines(findings))

    assert lines[0] == "  port           serial port"
    assert "  answers at     04, 2 addresses asked" in lines
    assert any(line.startswith("  machine        SAS 603, game ") for line in lines)
    assert lines[-2:] == ["verdict: the line is good: machine 04 answers", "next: start the agent"]


def test_answers_are_timed_and_lost_ones_counted() -> None:
    slow = machine_at(temperament=Temperament(answer_delay=0.03))

    findings = Visit(FaultyLine([slow])).findings()

    assert findings.median_seconds == pytest.approx(0.03, abs=0.001)
    assert (findings.late, findings.missing, findings.damaged) == (0, 0, 0)
    assert findings.asked == findings.answered > 50


def test_as_json_it_is_one_object_with_the_same_verdict() -> None:
    findings = Visit(FaultyLine([machine_at()], out=dead)).findings()

    told = as_json(findings)

    assert (told["verdict"], told["good"]) == ("not_heard", False)
    assert told["summary"].startswith("machine 01 chirps on")
    assert told["findings"]["heard"]["chirps"] == {1: findings.heard.chirps[1]}
    assert told["findings"]["answer_ms"] == {}


def test_every_verdict_can_be_said_of_any_findings() -> None:
    nothing = Findings(SERIAL_PORT)

    assert len({verdict.name for verdict in VERDICTS}) == len(VERDICTS)
    assert [verdict.name for verdict in VERDICTS if verdict.good] == ["event_waits", "good"]
    for verdict in VERDICTS:
        assert verdict.line(nothing)
        assert "{" not in verdict.line(nothing)
        assert verdict.advice


@pytest.mark.parametrize(
    "line",
    [
        lambda: FaultyLine(echoes=True),
        lambda: FaultyLine([machine_at()], echoes=True),
        lambda: FaultyLine([machine_at()], out=dead),
        lambda: FaultyLine([machine_at()], out=lambda _: [0x155]),
        lambda: FaultyLine([machine_at(temperament=Temperament(answer_delay=0.15))]),
        lambda: FaultyLine([machine_at(temperament=Temperament(bad_crc_chance=0.2))]),
        lambda: FaultyLine([Printer()]),
        lambda: FaultyLine([SetToZero(chirps=True)]),
        FaultyLine,
    ],
    ids=["echo", "loop", "unheard", "misheard", "slow", "damaged", "printer", "zero", "nobody"],
)
def test_at_a_pseudo_terminal_nothing_is_said_of_wires(line: Callable[[], FaultyLine]) -> None:
    """It has no parity, no speed and no adapter; a verdict that blamed one would lie."""
    far_end = line()
    far_end.back = without_marks
    findings = Visit(far_end, kind=PSEUDO_TERMINAL).findings()

    verdict = judge(findings)
    said = f"{verdict.line(findings)} {verdict.next_step(findings)}"

    assert not verdict.good
    assert not re.search("baud|parity|adapter|TxD|RxD|ground|bridge", said)


def test_a_lone_stray_character_is_no_talk() -> None:
    findings = Visit(Spike()).findings()

    assert judge(findings).name == "stray"


class Spike(FaultyLine):
    """A plug is put in, and nobody is there."""

    comes_at: float | None = BEGAN + 0.5

    def next_timer(self) -> float | None:
        return self.comes_at

    def data_to_send(self, now: float) -> bytes:
        if self.comes_at is None or now < self.comes_at:
            return b""
        self.comes_at = None
        return encode_characters([0x155])


def test_what_breaks_the_line_is_a_break() -> None:
    probe = Probe()
    probe.link_opened(0.0)
    probe.receive_data(marked(0), 0.5)
    for at in range(1, 130):
        probe.handle_timer(at / 10)

    assert judge(probe.findings).name == "break"
