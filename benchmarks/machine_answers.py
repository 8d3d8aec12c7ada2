"""What the simulated floor costs: an answered heartbeat of a played machine, port and codec included.

    .venv/bin/python benchmarks/machine_answers.py

Sixty-four machines with real-time events on are polled every 40 ms of virtual time, from memory and
called as the floor's loop calls them. Printed: the median and the worst round, in microseconds for
one poll, and what 64 machines at 25 polls a second take of a core.
"""

from __future__ import annotations

import argparse
import statistics
import time

from edge_agent.sas.messages import LongPollRequest, encode_poll
from edge_agent.sas.wakeup import encode_host_message
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.machine_on_line import MachineOnLine

MACHINES, POLLS_A_SECOND = 64, 25
LIMIT_PERCENT = 60.0

SYNCHRONISE = encode_host_message(b"\x80")
REAL_TIME_ON = encode_host_message(encode_poll(LongPollRequest(1, 0x0E, {"enable": 1})))
HEARTBEATS = tuple(encode_host_message(encode_poll(LongPollRequest(1, command))) for command in (0x1A, 0x15))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--polls", type=int, default=100, help="polls of each machine in a round")
    arguments.add_argument("--rounds", type=int, default=9)
    chosen = arguments.parse_args()

    floor = Floor()
    floor.play(chosen.polls)
    rounds = [floor.play(chosen.polls) * 1e6 for _ in range(chosen.rounds)]
    median = statistics.median(rounds)
    share = 100 * median * MACHINES * POLLS_A_SECOND / 1e6
    print(f"answered poll: {median:.1f} us, worst round {max(rounds):.1f} us")
    print(
        f"{MACHINES} machines at {POLLS_A_SECOND} polls a second: {share:.1f} % (limit {LIMIT_PERCENT:g} %)"
    )


class Floor:
    """Played machines on perfect lines, in virtual time."""

    def __init__(self) -> None:
        self.lines = [MachineOnLine(spec, spec.number) for spec in default_floor(MACHINES, seed=1)]
        self.now = 0.0
        for stream in (b"", SYNCHRONISE, REAL_TIME_ON):
            self.turn(stream)

    def turn(self, stream: bytes) -> int:
        """Give every machine `stream` and take what it says; how many said something."""
        self.now += 1 / POLLS_A_SECOND
        answered = 0
        for line in self.lines:
            line.receive_data(stream, self.now)
            line.handle_timer(self.now)
            answered += bool(line.data_to_send(self.now))
            line.next_timer()
        return answered

    def play(self, polls: int) -> float:
        """Seconds of CPU for one answered poll."""
        started = time.process_time()
        answered = sum(self.turn(HEARTBEATS[poll % 2]) for poll in range(polls))
        return (time.process_time() - started) / answered


if __name__ == "__main__":
    main()
