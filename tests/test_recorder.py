"""The recorder keeps the wire of a line within bounds, and nothing that no log may show."""

from __future__ import annotations

from edge_agent.recorder import FRAME_BYTES, LATE_SECONDS, Frame, Recorder


def test_what_goes_over_the_wire_is_kept_with_its_moment() -> None:
    recorder = Recorder(began=100.0)

    recorder.sent(b"\x01\x1a", 100.5, confidential=False)
    recorder.heard(b"\x01\x1a\x00", 100.75, confidential=False)

    assert recorder.take() == [
        Frame(0.5, "sent", 2, b"\x01\x1a"),
        Frame(0.75, "heard", 3, b"\x01\x1a\x00"),
    ]
    assert recorder.take() == []


def test_what_is_confidential_is_kept_as_its_size() -> None:
    recorder = Recorder(began=100.0)

    recorder.heard(b"12345678", 100.5, confidential=True)

    assert recorder.take() == [Frame(0.5, "heard", 8, None)]


def test_a_late_answer_to_a_confidential_poll_is_withheld_though_another_was_sent_meanwhile() -> None:
    recorder = Recorder(began=100.0)
    recorder.sent(b"ask the ticket", 100.0, confidential=True)
    recorder.sent(b"ask credits", 100.5, confidential=False)

    recorder.heard(b"the ticket", 100.0 + LATE_SECONDS, confidential=False)
    recorder.heard(b"credits", 100.1 + LATE_SECONDS, confidential=False)

    assert [frame.data for frame in recorder.take()] == [b"ask the ticket", b"ask credits", None, b"credits"]


def test_it_takes_no_more_than_it_may_have_and_says_so() -> None:
    recorder = Recorder(began=100.0, most_bytes=2 * (FRAME_BYTES + 10))

    cut = []
    for _ in range(3):
        recorder.heard(b"0123456789", 101.0, confidential=False)
        cut.append(recorder.cut)

    assert cut == [False, False, True]
    assert len(recorder.take()) == 2


def test_one_that_refills_loses_only_what_finds_no_room() -> None:
    recorder = Recorder(began=100.0, most_bytes=2 * (FRAME_BYTES + 10), refills=True)

    for _ in range(3):
        recorder.heard(b"0123456789", 101.0, confidential=False)
    assert recorder.cut
    assert len(recorder.take(most=1)) == 1
    recorder.heard(b"9876543210", 102.0, confidential=False)

    assert [frame.data for frame in recorder.take()] == [b"0123456789", b"9876543210"]


def test_what_somebody_has_a_device_told_in_confidence_is_kept_as_its_size() -> None:
    recorder = Recorder(began=100.0)

    recorder.sent(b"the ticket", 100.0, confidential=True, discloses=True)
    recorder.sent(b"ask credits", 100.5, confidential=False)

    assert [(frame.size, frame.data) for frame in recorder.take()] == [(10, None), (11, b"ask credits")]
