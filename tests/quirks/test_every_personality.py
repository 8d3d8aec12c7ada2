"""Every personality at the agent's own driver: it is met, heard and read, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_agent.events.agent import LineDown
from edge_agent.events.slot import MachineIdentified, MetersRead, MeterVariance
from edge_agent.simulator.personalities import load_personality, personality_names

# No host has given it a validation identity: it says so every 15 s. 81 is a refusal.
TOLD_AGAIN = frozenset({0x3F, 0x81})

SetScene = Callable[..., Any]


@pytest.mark.parametrize("name", personality_names())
def test_a_personality_is_met_heard_and_read(scene: SetScene, name: str) -> None:
    line = scene(name)
    line.run_for(60)
    identity, version = line.of(MachineIdentified)[0], load_personality(name).spec.version
    line.journal.clear()

    raised = line.doors(3)
    line.play()
    line.run_for(40)

    assert identity.sas_version == version
    assert [code for code in line.certain if code not in TOLD_AGAIN] == [*raised, 0x7E, 0x7F]
    last = {meter.name: meter.value for meter in line.of(MetersRead)[-1].meters}
    assert last["coin_in"] == line.cabinet.accounts.coin_in
    assert last["coin_out"] == line.cabinet.accounts.coin_out
    assert line.of(MeterVariance) == []
    assert line.of(LineDown) == []


def test_what_upsets_a_machine_is_not_asked_where_the_site_says_what_it_is(scene: SetScene) -> None:
    upset = load_personality("igt-s2000-class").temperament.upset_by
    line = scene("igt-s2000-class", options={"vendor": "igt-s2000"})

    line.run_for(60)
    asked = {command for command in upset if line.asked(command)}

    assert asked == set()
    assert line.of(LineDown) == []
    assert line.of(MetersRead)[0].settled
