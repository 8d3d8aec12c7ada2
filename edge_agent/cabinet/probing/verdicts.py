"""The verdicts: what findings mean, in the order in which they are tried. The first that fits is told.

What nobody can know from this end of the line is said to be unknown: a wire that is dead, a machine without
power and one that is set to address 0 all look the same. What they are read from is `signs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.cabinet.probing import signs
from edge_agent.cabinet.probing.findings import Findings

LOOK_AT_THE_FAR_END = "a pseudo-terminal has no wire and no wakeup bit: look at the program that serves it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is the matter, in one line, and what to do next."""

    name: str
    fits: Callable[[Findings], bool]
    sentence: str  # with names of `in_words`
    advice: str
    good: bool = False
    wired: bool = False  # it is about wires, which a pseudo-terminal has none of

    def line(self, findings: Findings) -> str:
        """The sentence about these findings."""
        return self.sentence.format_map(in_words(findings))

    def next_step(self, findings: Findings) -> str:
        """The advice for this port."""
        return LOOK_AT_THE_FAR_END if self.wired and signs.is_pseudo_terminal(findings) else self.advice


def judge(findings: Findings) -> Verdict:
    """The first verdict that fits."""
    return next(verdict for verdict in VERDICTS if verdict.fits(findings))


def in_words(findings: Findings) -> dict[str, str]:
    """What sentences may name."""
    address = findings.address if findings.address is not None else next(iter(findings.chirping), None)
    return {
        "machine": f"machine {address:02}" if address is not None else "the machine",
        "address": f"{address or 0:02}",
        "silent": ", ".join(f"{silent:02}" for silent in signs.silent_chirpers(findings)),
        "expected": f"{findings.expected or 0:02}",
        "damaged": f"{findings.damaged} of {findings.answered + findings.damaged}",
        "missing": f"{findings.missing} of {findings.asked}",
        "median": f"{findings.median_seconds * 1000:.0f} ms",
        "waiting": "" if findings.waiting is None else f"{findings.waiting:02X}",
    }


CHECK_WIRES = (
    "check that the machine has power; try the other SAS port, swap TxD and RxD, and measure both against "
    "ground; look at the machine that its address is not 0"
)

CHECK_TXD = (
    "check the wire from our TxD to the machine's RxD, and its level: 3.3 V adapters are not heard by RS-232 "
    "ports; if both are good, try another adapter"
)

VERDICTS: tuple[Verdict, ...] = (
    Verdict(
        "another_host",
        lambda findings: findings.heard.of_another_host,
        "another host polls this line, so nothing was sent",
        "unplug the other host or stop it, then probe again; a line has one host, and a second one makes "
        "the machine forget events; to look on, use `edge-agent watch PORT --tap`",
    ),
    Verdict(
        "another_host_as_well",
        lambda findings: findings.another_host,
        "another host began to poll this line while it was probed",
        "unplug the other host or stop it, then probe again; a line has one host, and a second one makes "
        "the machine forget events",
    ),
    Verdict(
        "only_echo",
        signs.is_only_echo,
        "nothing but our own characters comes back",
        "TxD and RxD touch each other, or the loop is closed without a machine in it: look for a bridge, "
        "a loopback plug, a bypassed optical tap",
        wired=True,
    ),
    Verdict(
        "interrupted",
        signs.was_cut_short,
        "nothing was heard so far, and nothing was asked",
        "probe again, and let it listen to the end",
    ),
    Verdict(
        "nobody_at_the_pseudo_terminal",
        lambda findings: signs.nothing_was_heard(findings) and signs.is_pseudo_terminal(findings),
        "nobody answers behind this pseudo-terminal",
        "start what is to serve it, such as `edge-agent machine --link pty:PATH`, and give its path",
    ),
    Verdict(
        "silence",
        signs.nothing_was_heard,
        "nothing was ever heard: no chirp, no answer, no echo; a dead or swapped wire, no machine, and one "
        "that is set to address 0 look alike from here",
        CHECK_WIRES,
    ),
    Verdict(
        "address_zero",
        lambda findings: (
            signs.zeros_come(findings) and findings.heard.marked_zeros > findings.heard.plain_zeros
        ),
        "a machine chirps address 00: it is set to 0, and hears no host",
        "have an attendant set an address from 1 to 127 at the machine; if it was set, look for a critical "
        "memory error, which sets it back to 0",
    ),
    Verdict(
        "zeros",
        signs.zeros_come,
        "a 00 comes every 0.2 s: a machine that is set to address 0 chirps so, and so answers one that "
        "another host polls; this port does not tell them apart",
        "look whether another host is on the line, then at the address that is set at the machine",
    ),
    Verdict(
        "break",
        signs.is_a_break,
        "the receive line is held at the level of a break",
        "check the polarity and the levels: a logic-level or optical port needs its own adapter, and both "
        "ends need a common ground",
        wired=True,
    ),
    Verdict(
        "no_sas_at_the_pseudo_terminal",
        lambda findings: signs.talks_without_sense(findings) and signs.is_pseudo_terminal(findings),
        "something is behind this pseudo-terminal, and what it says is not SAS",
        LOOK_AT_THE_FAR_END,
    ),
    Verdict(
        "wrong_parity",
        signs.has_wrong_parity,
        "characters come at this speed, and nearly all have a parity or framing error: this is not SAS",
        "try the machine's other ports: this one belongs to a printer, a bill acceptor or another protocol; "
        "on a device server, set 8 data bits, space parity and 1 stop bit",
    ),
    Verdict(
        "wrong_speed",
        signs.talks_without_sense,
        "characters come, and none of them make sense at 19200 baud",
        "try the machine's other ports, set a device server's port to 19200 baud, and check the polarity "
        "and the ground",
    ),
    Verdict(
        "no_wakeup_bit",
        lambda findings: signs.chirps_on(findings) and findings.quiet_after_nudge is True,
        "{machine} chirps on and hears no poll, although the wires are good: this port does not send the "
        "wakeup bit",
        "use another adapter, with an FTDI chip, or a native port: this one takes mark and space parity and "
        "does not send them",
    ),
    Verdict(
        "no_wakeup_bit_from_the_server",
        lambda findings: signs.chirps_on(findings) and findings.port.name == signs.RAW_SERVER,
        "{machine} chirps on and hears no poll: a device server that only copies bytes sends no wakeup bit",
        "set its port to RFC 2217 and probe rfc2217:HOST:PORT, or put an adapter at the gateway",
    ),
    Verdict(
        "not_heard",
        lambda findings: signs.chirps_on(findings) and findings.quiet_after_nudge is False,
        "{machine} chirps on and hears nothing of us: we receive, and what we send does not arrive",
        CHECK_TXD,
        wired=True,
    ),
    Verdict(
        "no_poll_is_heard",
        signs.chirps_on,
        "{machine} chirps on and hears no poll: what we send does not arrive, or its wakeup bit does not",
        f"{CHECK_TXD}, and one that sends mark and space parity",
        wired=True,
    ),
    Verdict(
        "hears_no_poll",
        lambda findings: bool(findings.chirping) and not findings.found,
        "something chirps like {machine}, falls silent when we speak, and answers no poll",
        "it hears characters and not what they say: check the speed (19200 baud), the ground, and the "
        "shape of the signal from our TxD to the machine",
        wired=True,
    ),
    Verdict(
        "two_at_one_address",
        signs.are_two_at_one_address,
        "two machines answer at address {address}",
        "unplug one of them, then set each to an address of its own",
    ),
    Verdict(
        "one_does_not_answer",
        lambda findings: bool(signs.silent_chirpers(findings) and findings.found),
        "machine {silent} chirps and does not answer, and another machine on this line does",
        "check the wire from the line to that machine, and that its host port is switched on",
        wired=True,
    ),
    Verdict(
        "another_address",
        signs.is_elsewhere,
        "{machine} is here, and address {expected} was expected",
        "set the address at the machine, or write the one that was found into the settings",
    ),
    Verdict(
        "noisy",
        signs.is_noisy,
        "{machine} is heard through noise: {damaged} answers were damaged",
        "check the ground and the shield, keep the cable away from power lines, shorten it, try another "
        "adapter",
        wired=True,
    ),
    Verdict(
        "losing",
        signs.loses,
        "{machine} leaves {missing} polls unanswered",
        "look for a loose contact; if it is the machine that is busy, probe again while nobody plays",
        wired=True,
    ),
    Verdict(
        "echo",
        lambda findings: findings.echoes > 0,
        "{machine} answers, and our own characters come back as well",
        "on an optical loop that is so, and the agent copes; elsewhere look for a bridge between TxD and RxD",
        wired=True,
    ),
    Verdict(
        "slow",
        signs.is_slow,
        "{machine} answers late: usually after {median}, where 20 ms are allowed",
        "the agent waits for it, and polls it less often; where several machines are late, look at the "
        "adapter's latency timer or the way to the device server",
        wired=True,
    ),
    Verdict(
        "event_waits",
        lambda findings: findings.waiting is not None and bool(findings.found),
        "the line is good; {machine} has exception {waiting} to tell, and still has it",
        "start the agent: it journals what the machine has kept",
        good=True,
    ),
    Verdict(
        "good",
        lambda findings: bool(findings.found),
        "the line is good: {machine} answers",
        "start the agent",
        good=True,
    ),
    Verdict(
        "stray",
        lambda _findings: True,
        "a stray character or two, and nobody answers",
        CHECK_WIRES,
        wired=True,
    ),
)
