"""Personalities: those that come with the agent, and a site's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.simulator.personalities import load_personality, personality_names
from edge_agent.simulator.temperament import PLAIN

GAME = "[{name: Reels, paytable_id: '1', base_percent_hundredths: 9000, bets: [1]}]"


@pytest.mark.parametrize("name", personality_names())
def test_a_personality_makes_a_machine_that_chirps(name: str) -> None:
    personality = load_personality(name)
    line = MachineOnLine(personality.spec, seed=1, temperament=personality.temperament)

    line.handle_timer(0.0)
    chirped = line.data_to_send(1.0)

    assert set(WakeupDecoder().feed(chirped)) == {WAKEUP | personality.spec.address}


def test_there_is_a_plain_one() -> None:
    assert load_personality("plain").temperament == PLAIN


def test_a_site_writes_its_own(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"about: own\nmachine: {{games: {GAME}}}\ntemperament: {{idle_code: 0x1F}}")

    assert load_personality(str(own)).temperament.idle_code == 0x1F


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        (f"machine: {{games: {GAME}, colour: red}}", "machine.colour: not known here — mend the field"),
        (f"machine: {{games: {GAME}}}\ntemperament: {{mood: bad}}", "temperament.mood: not known here"),
        (f"machine: {{games: {GAME}}}\ntemperament: {{stray_chance: 2}}", "stray_chance: 2.0 is no chance"),
        (
            f"machine: {{games: {GAME}}}\ntemperament: {{late_meters: -1}}",
            "late_meters: -1.0 is below nothing",
        ),
        (f"machine: {{games: {GAME}}}\ntemperament: {{idle_code: 0x100}}", "is no byte — use 0 to 0xFF"),
        (
            f"machine: {{games: {GAME}}}\ntemperament: {{refuses_every: 1, refuses_for: 1}}",
            "refuses_for is as long as refuses_every — leave time for answers",
        ),
        ("machine: {games: []}", "machine 1 has no game"),
        (f"machine: {{games: {GAME}}}\nquirks: [33]", "quirks.0: should be less than or equal to 32"),
        ("temperament: {}", "machine: missing"),
        ("machine: red", "machine: not a group of fields"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_file_and_field(
    tmp_path: Path, document: str, wrong: str
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"about: own\n{document}")

    with pytest.raises(ConfigurationError) as refused:
        load_personality(str(own))

    assert str(refused.value).startswith(f"personality {own}: ")
    assert wrong in str(refused.value)
