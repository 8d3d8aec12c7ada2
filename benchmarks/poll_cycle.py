"""What an idle poll costs the collector: driver, connection and codec, without link and line.

    .venv/bin/python benchmarks/poll_cycle.py

A simulated machine is met in virtual time; then its answers are played back from memory, so that
only the host's end is measured, called as a line calls it. Printed: the median and the worst round,
in microseconds for one poll, and what 64 machines at 25 polls a second take of a core.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping

from edge_agent.drivers.sas import DRIVER
from edge_agent.sas.machine import MachineConnection
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.gaming_machine import GamingMachine
from edge_agent.station import DeviceIdentity, Station

MEETING_SECONDS = 30.0
RECORDING_POLLS = 1_000  # more than enough for every poll of the heartbeat, and the checks between
LIMIT_MICROSECONDS = 60.0
MACHINES, POLLS_A_SECOND = 64, 25


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--polls", type=int, default=5_000, help="polls a round")
    arguments.add_argument("--rounds", type=int, default=9)
    chosen = arguments.parse_args()

    bench = Bench()
    bench.meet()
    answers = bench.record()
    bench.play(answers, chosen.polls)
    rounds = [bench.play(answers, chosen.polls) * 1e6 for _ in range(chosen.rounds)]
    median = statistics.median(rounds)
    share = 100 * median * MACHINES * POLLS_A_SECOND / 1e6
    print(f"idle poll: {median:.1f} us, worst round {max(rounds):.1f} us (limit {LIMIT_MICROSECONDS:g} us)")
    print(f"{MACHINES} machines at {POLLS_A_SECOND} polls a second: {share:.1f} % of one core")


class Bench:
    """A station and a machine nobody plays, in virtual time."""

    def __init__(self) -> None:
        spec = default_floor(1, seed=1)[0]
        self.machine = GamingMachine(
            spec, lambda answers: MachineConnection(spec.address, answers, answer_delay=0.0), seed=1
        ).connection
        self.station: Station = DRIVER.station(DeviceIdentity("slot-1", "USD"), {}, b"")
        self.now = 100.0
        self.station.link_opened(self.now)

    def meet(self) -> None:
        """Until real-time events are on and the meters were read."""
        until = self.now + MEETING_SECONDS
        while self.now < until:
            self._answer(self._ask(), {})
        assert self.station.counters.state == "polling"

    def record(self) -> Mapping[bytes, bytes]:
        """What the machine answers to each thing the host writes when nothing happens."""
        answers: dict[bytes, bytes] = {}
        until = self.station.counters.polls + RECORDING_POLLS
        while self.station.counters.polls < until:
            asked = self._ask()
            answers[asked] = self._answer(asked, {})
        return answers

    def play(self, answers: Mapping[bytes, bytes], polls: int) -> float:
        """Seconds of CPU a poll, with the machine's answers from memory."""
        before = self.station.counters.polls
        began = time.process_time()
        while self.station.counters.polls - before < polls:
            self._answer(self._ask(), answers)
        return (time.process_time() - began) / polls

    def _ask(self) -> bytes:
        """Once around a line's loop, up to what it writes."""
        self.station.handle_timer(self.now)
        self.station.take_observations()
        asked = self.station.data_to_send(self.now)
        self.station.note()
        if not asked:
            self.now = max(
                self.now + 0.0001, min(self.station.next_timer() or self.now + 0.04, self.now + 0.25)
            )
        return asked

    def _answer(self, asked: bytes, answers: Mapping[bytes, bytes]) -> bytes:
        """What the machine says, some milliseconds later."""
        if not asked:
            return b""
        answer = answers.get(asked)
        if answer is None:
            self.machine.receive_data(asked, self.now)
            self.machine.handle_timer(self.now)
            answer = self.machine.data_to_send(self.now)
        self.now += 0.008
        if answer:
            self.station.receive_data(answer, self.now)
        return answer


if __name__ == "__main__":
    main()
