"""Signs: what may be read from findings, each in one question. Verdicts are made of them.

Every limit stands here, with its reason.
"""

from __future__ import annotations

from edge_agent.cabinet.probing.findings import Findings
from edge_agent.cabinet.probing.tally import CERTAINLY_DAMAGED
from edge_agent.sas.host_bounds import CHIRPS_BELIEVED, QUIET_SECONDS

# What links call ports that have no parity.
RAW_SERVER = "device server"
PSEUDO_TERMINAL = "pseudo-terminal"

# A good wire damages one frame in thousands; one in fifty is a bad earth or a bad contact.
NOISY_PART = 0.02
NOISY_TIMES = 2
MISSING_PART = 0.02
MISSING_TIMES = 2
# Three times what the text allows: an adapter and a computer have their share in the rest.
SLOW_SECONDS = 0.060
# A machine stops chirping once it hears us; one chirp may be under way.
CHIRPS_ON = 2
# Two machines chirp twice as often as one.
DOUBLE_CHIRP_SECONDS = 0.150
_NO_CHIRPS_SECONDS = float("inf")
# Nearly all characters with a parity error: what is sent has no parity bit, or the other sense.
WRONG_PARITY_PART = 0.9
# A chirp that is misheard is the same few characters each time; what a printer says is not.
VARIED_VALUES = 4
# Another speed makes few characters, of long runs of one level.
STUCK_PART = 0.8
# Less than this is no talk: a plug that was put in, a spike.
TALK_CHARACTERS = 3


def nothing_was_heard(findings: Findings) -> bool:
    """Nothing, at any time."""
    return not (findings.heard.characters or findings.echoes or findings.junk or findings.found)


def is_only_echo(findings: Findings) -> bool:
    """Our own characters, and nobody."""
    return bool(findings.echoes) and not (findings.found or findings.chirping)


def zeros_come(findings: Findings) -> bool:
    """A 00, as often as chirps come."""
    return findings.heard.zeros_are_regular and not findings.found


def is_a_break(findings: Findings) -> bool:
    """What a line makes that is held low; no device chirps so irregularly."""
    heard = findings.heard
    return heard.marked_zeros > 0 and heard.values == 1 and not (findings.found or heard.plain_zeros)


def chirps_on(findings: Findings) -> bool:
    """Somebody chirps although we poll: our polls are not heard."""
    return bool(findings.chirping) and not findings.found and findings.chirps_while_polled >= CHIRPS_ON


def talks_without_sense(findings: Findings) -> bool:
    """Something is said, and none of it is SAS."""
    talk = findings.heard.characters >= TALK_CHARACTERS or findings.junk > 0
    return talk and not (findings.found or findings.chirping)


def has_wrong_parity(findings: Findings) -> bool:
    """It is said at our speed, and with another parity."""
    heard = findings.heard
    marked = heard.marked >= WRONG_PARITY_PART * heard.characters
    levels = heard.stuck >= STUCK_PART * heard.characters
    varied = heard.values >= VARIED_VALUES
    return talks_without_sense(findings) and varied and marked and not levels


def are_two_at_one_address(findings: Findings) -> bool:
    """Different answers collide every time, and the same ones never: noise does not choose."""
    if findings.address is None:
        return False
    spacing = findings.heard.chirp_spacing.get(findings.address, _NO_CHIRPS_SECONDS)
    collide = findings.always_damaged and (findings.never_damaged or spacing < DOUBLE_CHIRP_SECONDS)
    return findings.contradictions >= CERTAINLY_DAMAGED or bool(collide)


def silent_chirpers(findings: Findings) -> tuple[int, ...]:
    """Machines that chirp, certainly, and do not answer."""
    chirps = findings.heard.chirps
    return tuple(
        address
        for address in findings.chirping
        if address not in findings.found and chirps[address] > CHIRPS_BELIEVED
    )


def is_noisy(findings: Findings) -> bool:
    """Too many answers do not check out."""
    if not findings.answered:
        return bool(findings.found) and findings.damaged > 0
    return findings.damaged >= NOISY_TIMES and findings.damaged_part >= NOISY_PART


def loses(findings: Findings) -> bool:
    """Too many polls are not answered."""
    return findings.missing >= MISSING_TIMES and findings.missing_part >= MISSING_PART


def was_cut_short(findings: Findings) -> bool:
    """Nobody listened long enough to hear a chirp."""
    return nothing_was_heard(findings) and findings.heard.seconds < QUIET_SECONDS


def is_pseudo_terminal(findings: Findings) -> bool:
    """There is no wire, no speed and no parity."""
    return findings.port.name == PSEUDO_TERMINAL


def is_elsewhere(findings: Findings) -> bool:
    """The machine has another address than it should."""
    return findings.expected is not None and findings.address not in (findings.expected, None)


def is_slow(findings: Findings) -> bool:
    """It usually answers late."""
    return findings.median_seconds > SLOW_SECONDS
