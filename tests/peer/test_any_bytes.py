"""No bytes whatever keep a machine from answering the next good poll, once the line was silent."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.sas.crc import crc_is_good
from edge_agent.sas.wakeup import WakeupDecoder
from edge_agent.sas.wakeup_restorer import WakeupRestorer
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.simulator.personalities import load_personality
from edge_agent.simulator.unmarked import PARTIAL_POLL_SECONDS, UnmarkedHost

# A poll, or what a host makes of one: bytes, how they were sent if that is known, the pause before them.
POLL_HEADS = st.sampled_from(
    [bytes.fromhex(head) for head in ("80", "81", "01", "01 72 39", "01 6F", "01 54 00")]
)
CHUNKS = st.lists(
    st.tuples(
        st.one_of(POLL_HEADS, st.binary(min_size=1, max_size=20)),
        st.sampled_from([None, None, True, False]),
        st.floats(0.0, 0.1),
    ),
    max_size=20,
)
SPEC = load_personality("plain").spec


class Line:
    """A machine behind a port without a ninth bit, in virtual time."""

    def __init__(self) -> None:
        self.now = 100.0
        self._machine = MachineOnLine(SPEC, seed=1)
        self._host = UnmarkedHost(WakeupRestorer())
        self._machine.handle_timer(self.now)
        self._machine.stop_play(self.now)

    def hear(self, data: bytes, *, wakeup: bool | None = None) -> bytes:
        """What the machine says to it at once, but for chirps."""
        self._machine.receive_data(self._host.hear(data, self.now, wakeup=wakeup), self.now)
        stream = self._machine.data_to_send(self.now)
        if stream:
            self._host.was_told(stream)
        return bytes(character & 0xFF for character in WakeupDecoder().feed(stream))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self._machine.data_to_send(self.now)


@given(CHUNKS)
@example([(b"\x01", True, 0.0)] * 12)
@example([(bytes.fromhex("01 2E 05 00 00 11 22"), None, 0.0)])
def test_after_any_bytes_and_a_pause_a_good_poll_is_answered(
    chunks: Sequence[tuple[bytes, bool | None, float]],
) -> None:
    line = Line()
    for data, wakeup, pause in chunks:
        line.wait(pause)
        line.hear(data, wakeup=wakeup)

    line.wait(PARTIAL_POLL_SECONDS + 0.001)
    line.hear(b"\x80")
    answer = line.hear(bytes.fromhex("01 1A"))

    assert answer[:2] == bytes.fromhex("01 1A")
    assert crc_is_good(answer)
