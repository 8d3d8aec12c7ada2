"""Both ends of a SAS line take any bytes at any time: nothing is raised, and nothing piles up."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sas.host import HostConnection, HostEvent
from edge_agent.sas.machine import MachineConnection
from edge_agent.sas.messages import GeneralPoll, LongPollRequest
from edge_agent.testing.storyteller import FewMeters

# Bytes as they come on a bad line: anything, and pieces of what makes sense.
PIECES = [
    *("ff0080", "ff0081", "ff0001", "1a", "00", "01", "81", "0100", "011a000001 0380d7"),
    *("01ffff1114a4", "01ffff001ca5", "ff00010e0145d1", "010e", "ffff7e", "01ffff7e00020000010241003a81"),
]
CHUNKS = st.one_of(st.binary(max_size=300), st.sampled_from([bytes.fromhex(piece) for piece in PIECES]))
STORY = st.lists(st.tuples(CHUNKS, st.floats(0.0, 8.0)), max_size=40)
LARGEST_REPORT_BYTES = 300


def live(host: HostConnection, story: Sequence[tuple[bytes, float]]) -> tuple[list[HostEvent], bytes]:
    """A host that hears `story`; what it learnt and what it wrote."""
    now, learnt, written = 0.0, [], b""
    host.link_opened(now)
    for chunk, pause in story:
        host.receive_data(chunk, now)
        now += pause
        host.handle_timer(now)
        learnt += host.events()
        if host.ready(now):
            asks_long = host.confirming or host.real_time
            command = 0x15 if host.must_differ_from == 0x1A else 0x1A
            host.send(LongPollRequest(1, command) if asks_long else GeneralPoll(1))
        written += host.data_to_send(now)
    return learnt, written


@given(story=STORY, last_poll=st.sampled_from([b"", b"\x80", b"\x81", b"\x01\x1a"]), mode=st.booleans())
def test_a_host_takes_anything(story: list[tuple[bytes, float]], last_poll: bytes, *, mode: bool) -> None:
    host = HostConnection(1, last_poll=last_poll, real_time=mode)

    learnt, written = live(host, story)

    assert all(len(getattr(event, "data", b"")) <= LARGEST_REPORT_BYTES for event in learnt)
    assert len(written) <= 12 * (len(story) + 1)
    assert len(host._reader._low) <= LARGEST_REPORT_BYTES


@given(story=STORY, data=st.data())
def test_a_host_learns_the_same_however_a_stream_is_cut(
    story: list[tuple[bytes, float]], data: st.DataObject
) -> None:
    whole = HostConnection(1, last_poll=b"\x01\x1a", real_time=True)
    pieces = HostConnection(1, last_poll=b"\x01\x1a", real_time=True)
    for host in (whole, pieces):
        host.link_opened(0.0)
        host.handle_timer(0.5)
        host.data_to_send(0.5)

    stream = b"".join(chunk for chunk, _ in story)
    whole.receive_data(stream, 0.6)
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        pieces.receive_data(stream[:size], 0.6)
        stream = stream[size:]
    for host in (whole, pieces):
        host.handle_timer(0.7)

    assert whole.events() == pieces.events()


@given(story=STORY, real_time=st.booleans())
def test_a_machine_takes_anything(story: list[tuple[bytes, float]], *, real_time: bool) -> None:
    machine = MachineConnection(1, FewMeters())
    machine.real_time = real_time
    machine.power_on(0.0)
    now = 0.0
    for chunk, pause in story:
        machine.raise_exception(0x11, now)
        machine.receive_data(chunk, now)
        now += pause
        machine.handle_timer(now)
        assert len(machine.data_to_send(now)) < LARGEST_REPORT_BYTES

    assert len(machine.queue) <= 27
