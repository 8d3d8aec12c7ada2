"""A played machine and a host over every wire a trial may choose: nothing raised is missing."""

from __future__ import annotations

from collections import Counter

import pytest

from edge_agent.sas.code_tables import BILL_EXCEPTIONS
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.conversation import Conversation, wires_of
from edge_agent.testing.polling_host import PollingHost
from edge_agent.testing.wires import CUT, LOSSY, PERFECT, SLOW, WireProfile

PLAYED_SECONDS = 180.0
DRAIN_SECONDS = 60.0


def alike(code: int) -> int:
    return 0x4F if code in BILL_EXCEPTIONS else code


@pytest.mark.parametrize("profile", [PERFECT, LOSSY, SLOW, CUT], ids=lambda profile: profile.name)
@pytest.mark.parametrize("number", [0, 3])
def test_what_a_machine_raised_and_kept_is_journalled(profile: WireProfile, number: int) -> None:
    to_machine, to_host = wires_of(profile, seed=number)
    line = MachineOnLine(
        default_floor(4, seed=2)[number], seed=number, to_machine=to_machine, to_host=to_host
    )
    host = PollingHost()
    talk = Conversation(host, line, VirtualClock())

    talk.run_for(PLAYED_SECONDS)
    line.stop_play(talk.clock.now)
    talk.run_for(DRAIN_SECONDS)

    entries = list(line.history())
    dropped = {entry["serial"] for entry in entries if entry["what"] == "dropped"}
    raised = Counter(
        alike(entry["code"])
        for entry in entries
        if entry["what"] == "raised" and entry["serial"] not in dropped
    )
    journalled = Counter(event.code for event in host.journal)
    assert line.pending == 0
    assert sum(raised.values()) > 40
    assert raised - journalled == Counter()


def test_the_story_is_the_same_on_every_wire() -> None:
    stories = []
    for profile in (PERFECT, LOSSY):
        to_machine, to_host = wires_of(profile, seed=1)
        line = MachineOnLine(default_floor(1, seed=2)[0], seed=5, to_machine=to_machine, to_host=to_host)
        Conversation(PollingHost(), line, VirtualClock()).run_for(PLAYED_SECONDS)
        stories.append(
            [
                (entry["code"], entry["values"])
                for entry in line.history()
                if entry["what"] == "raised" and entry["code"] != 0x70
            ]
        )

    assert stories[0] == stories[1]
