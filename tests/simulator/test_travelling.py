"""Characters under way."""

from __future__ import annotations

from edge_agent.simulator.travelling import Travelling


class Halving:
    """A wire on which the second half takes a second more."""

    def carry(self, stream: bytes, now: float) -> list[tuple[float, bytes]]:
        middle = len(stream) // 2
        return [(now + 1.0, stream[middle:]), (now, stream[:middle])]


def test_a_perfect_wire_delivers_at_once() -> None:
    travelling = Travelling()

    travelling.send(b"ab", 1.0)
    travelling.send(b"", 1.0)

    assert travelling.next_timer() is None
    assert travelling.arrived(1.0) == b"ab"
    assert travelling.arrived(1.0) == b""


def test_what_is_late_arrives_when_the_wire_says() -> None:
    travelling = Travelling(Halving())

    travelling.send(b"abcd", 10.0)
    travelling.send(b"", 10.0)

    assert travelling.next_timer() == 10.0
    assert travelling.arrived(10.5) == b"ab"
    assert travelling.next_timer() == 11.0
    assert travelling.arrived(10.9) == b""
    assert travelling.arrived(11.0) == b"cd"


def test_parts_that_arrive_together_keep_their_order() -> None:
    travelling = Travelling(Halving())

    travelling.send(b"ab", 1.0)
    travelling.send(b"cd", 2.0)

    assert travelling.arrived(2.0) == b"abc"
    assert travelling.arrived(3.0) == b"d"
