"""Whatever is done to a journal behind our back, the record it was done to is named."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edge_agent.chain import link, written
from edge_agent.delivery import DeliveryClass
from edge_agent.journal import Budget, open_journal
from edge_agent.journal.frames import HEAD_BYTES, Frame, scan
from edge_agent.journal.mending import again
from edge_agent.toolbox.soundness import Examiner, Soundness
from edge_agent.toolbox.wording import in_sentences
from edge_agent.verify.checkpoints import CheckSignature, signed_text

A, B, C = DeliveryClass
RECORDS = 12
SEGMENT = 2048


def class_of(payload: bytes) -> DeliveryClass:
    return DeliveryClass(chr(payload[0])) if payload[:1] in b"ABC" else A


def payloads() -> list[bytes]:
    return [b"%s%03d" % (cls.value.encode(), number) + b"x" * 300 for number, cls in enumerate([A, B, C] * 4)]


def make(folder: Path, *more: bytes) -> Path:
    path = folder / "journal"
    with open_journal(
        path, role="collect", classify=class_of, housekeeping=False, segment_bytes=SEGMENT
    ) as journal:
        for payload in [*payloads(), *more]:
            journal.append([payload])
    return path


def look(path: Path, check: CheckSignature | None = None) -> Soundness:
    with open_journal(path, role="read") as journal:
        return Examiner(journal.id, class_of, check).look(journal.walk())


def frames_of(path: Path) -> list[Frame]:
    return list(scan(path.read_bytes()))


def rewrite(path: Path, change: Callable[[list[Frame]], Sequence[Frame]]) -> None:
    """As somebody would who knows the format: every checksum is right again."""
    header, *frames = frames_of(path)
    head = path.read_bytes()[: HEAD_BYTES + len(header.payload)]
    path.write_bytes(head + b"".join(again(frame) for frame in change(frames)))


def second_segment(path: Path) -> Path:
    return sorted(path.glob("*.seg"))[1]


def test_a_journal_that_nobody_touched_is_sound(tmp_path: Path) -> None:
    soundness = look(make(tmp_path))

    assert (soundness.first, soundness.last, soundness.records) == (1, RECORDS, RECORDS)
    assert soundness.sound
    assert in_sentences(soundness) == [
        "records 1 to 12: 12 looked at, sound",
        "no checkpoint vouches for the chain yet",
    ]


def test_an_empty_journal_is_sound(tmp_path: Path) -> None:
    open_journal(tmp_path / "journal", role="collect", housekeeping=False).close()

    soundness = look(tmp_path / "journal")

    assert soundness.sound
    assert in_sentences(soundness) == ["the journal is empty"]


def test_a_flipped_bit_is_a_damaged_record(tmp_path: Path) -> None:
    path = make(tmp_path)
    segment = second_segment(path)
    victim = frames_of(segment)[2]
    data = bytearray(segment.read_bytes())
    data[victim.end - 1] ^= 1
    segment.write_bytes(data)

    assert look(path).findings == [f"record {victim.sequence}: damaged or deleted, not readable"]


def test_a_changed_record_is_named(tmp_path: Path) -> None:
    path = make(tmp_path)
    segment = second_segment(path)
    victim = frames_of(segment)[2]

    rewrite(
        segment,
        lambda frames: [
            frame._replace(payload=frame.payload[:-1] + b"y") if frame.sequence == victim.sequence else frame
            for frame in frames
        ],
    )

    (finding,) = look(path).findings
    assert finding.startswith(f"record {victim.sequence}: out of chain")


def test_a_changed_record_whose_link_was_made_to_fit_shows_in_the_next(tmp_path: Path) -> None:
    path = make(tmp_path)
    segment = second_segment(path)

    def forge(frames: list[Frame]) -> list[Frame]:
        before, victim, *after = frames
        payload = victim.payload[:-1] + b"y"
        chain = link(before.chain, victim.sequence, payload)
        return [before, victim._replace(payload=payload, chain=chain), *after]

    victim = frames_of(segment)[2].sequence
    rewrite(segment, forge)

    (finding,) = look(path).findings
    assert finding.startswith(f"record {victim + 1}: out of chain: it, or the one before it")


def test_a_record_that_was_taken_out_is_named(tmp_path: Path) -> None:
    path = make(tmp_path)
    segment = second_segment(path)
    victim = frames_of(segment)[2].sequence

    rewrite(segment, lambda frames: [frame for frame in frames if frame.sequence != victim])

    assert look(path).findings == [f"record {victim}: damaged or deleted, not readable"]


def test_records_that_changed_places_are_named(tmp_path: Path) -> None:
    path = make(tmp_path)
    segment = second_segment(path)
    one, other = (frame.sequence for frame in frames_of(segment)[2:4])

    def swap(frames: list[Frame]) -> list[Frame]:
        first, a, b, *rest = frames
        return [
            first,
            b._replace(sequence=a.sequence, chain=a.chain),
            a._replace(sequence=b.sequence, chain=b.chain),
            *rest,
        ]

    rewrite(segment, swap)

    found = " ".join(look(path).findings)
    assert f"record {one}: out of chain" in found
    assert f"record {other}: out of chain" in found


def test_a_class_that_was_changed_is_named(tmp_path: Path) -> None:
    """It would let money go as if it were telemetry."""
    path = make(tmp_path)
    segment = second_segment(path)
    victim = frames_of(segment)[2].sequence

    def lower(frame: Frame) -> Frame:
        return frame._replace(delivery_class=(frame.delivery_class + 1) % 3)

    rewrite(segment, lambda frames: [lower(frame) if frame.sequence == victim else frame for frame in frames])

    assert look(path).findings == [f"record {victim}: its class was changed"]


def test_a_segment_of_another_chain_is_named(tmp_path: Path) -> None:
    path = make(tmp_path)
    segment = second_segment(path)
    header, *frames = frames_of(segment)
    said = json.loads(header.payload)
    said["before"] = bytes(16).hex()
    forged = header._replace(payload=json.dumps(said).encode())
    segment.write_bytes(again(forged) + b"".join(again(frame) for frame in frames))

    (finding,) = look(path).findings
    assert finding.startswith(
        f"before record {frames[0].sequence}: the segment's header is not of this chain"
    )


def test_what_was_let_go_keeps_its_place_in_the_chain(tmp_path: Path) -> None:
    path = make(tmp_path)
    with open_journal(
        path,
        role="collect",
        classify=class_of,
        housekeeping=False,
        segment_bytes=SEGMENT,
        budget=Budget(size_bytes=4096, minimum_free_bytes=0),
    ) as journal:
        journal.shed()

    soundness = look(path)

    assert soundness.let_go > 0
    assert soundness.sound


def test_damage_that_was_mended_is_told_and_no_finding(tmp_path: Path) -> None:
    path = make(tmp_path)
    segment = second_segment(path)
    victim = frames_of(segment)[2]
    data = bytearray(segment.read_bytes())
    data[victim.end - 1] ^= 1
    segment.write_bytes(data)

    with open_journal(path, role="collect", classify=class_of, housekeeping=False) as journal:
        assert journal.mend_all() == 1

    soundness = look(path)
    assert soundness.lost == [(victim.sequence, victim.sequence)]
    assert soundness.sound
    assert "1 record lost to damage before, as was journalled" in in_sentences(soundness)


def checkpoint(path: Path, signature: bytes = b"good", *, sequence: int = RECORDS) -> bytes:
    with open_journal(path, role="read") as journal:
        chain = next(record.chain for record in journal.records() if record.sequence == sequence)
    data = {
        "sequence": RECORDS,
        "chain": written(chain),
        "signature": base64.b64encode(signature).decode(),
        "certificate": "c0ffee" if signature else "",
    }
    return b'{"type":"floor.agent.journal_checkpoint","data":' + json.dumps(data).encode() + b"}"


def append(path: Path, payload: bytes) -> None:
    with open_journal(path, role="collect", classify=class_of, housekeeping=False) as journal:
        journal.append([payload])


def check(text: bytes, signature: bytes, certificate: str) -> bool | None:
    assert text.startswith(b"edge-agent checkpoint ")
    return signature == b"good" if certificate == "c0ffee" else None


def test_a_good_checkpoint_vouches_for_the_chain(tmp_path: Path) -> None:
    path = make(tmp_path)
    append(path, checkpoint(path))

    soundness = look(path, check)

    assert (soundness.signed, soundness.sound) == (1, True)
    assert in_sentences(soundness)[-1] == "1 good signature of checkpoints"


def test_without_the_certificate_signatures_are_counted_and_not_believed(tmp_path: Path) -> None:
    path = make(tmp_path)
    append(path, checkpoint(path))
    append(path, checkpoint(path, b""))

    soundness = look(path)

    assert (soundness.signed, soundness.unchecked, soundness.unsigned) == (0, 1, 1)
    assert in_sentences(soundness)[-1] == (
        "1 are signed and were not checked: give their --certificate; 1 are not signed"
    )


def test_a_chain_that_was_computed_anew_contradicts_its_checkpoint(tmp_path: Path) -> None:
    path = make(tmp_path)
    append(path, checkpoint(path, sequence=RECORDS - 1))

    (finding,) = look(path, check).findings

    assert finding == f"record {RECORDS}: the checkpoint in record {RECORDS + 1} says another chain"


@pytest.mark.parametrize(
    ("payload", "finding"),
    [
        (b"", "a checkpoint that makes no sense"),
        (b"bad", "the checkpoint's signature is not its certificate's"),
    ],
)
def test_a_checkpoint_that_is_none_is_named(tmp_path: Path, payload: bytes, finding: str) -> None:
    path = make(tmp_path)
    rubbish = b'{"type":"floor.agent.journal_checkpoint","data":{}}'
    append(path, checkpoint(path, payload) if payload else rubbish)

    assert look(path, check).findings == [f"record {RECORDS + 1}: {finding}"]


def test_a_checkpoint_signs_the_text_that_receivers_check() -> None:
    assert signed_text("j", 7, bytes(16)) == b"edge-agent checkpoint j 7 " + written(bytes(16)).encode()


def test_a_great_many_findings_are_cut_short() -> None:
    soundness = Soundness(first=1, last=200, findings=[f"record {number}: x" for number in range(150)])

    lines = in_sentences(soundness)

    assert lines[100] == "… and 50 more"
    assert "NOT sound" in lines[101]


@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_segment_that_is_not_there_is_named(tmp_path: Path, place: int) -> None:
    """What takes the oldest or the newest away leaves no hole between records."""
    path = make(tmp_path)
    segments = sorted(path.glob("*.seg"))
    first = int(segments[place].stem)
    segments[place].unlink()

    soundness = look(path)

    assert not soundness.sound
    assert any(f"{first} to" in finding and "deleted" in finding for finding in soundness.findings)


def test_what_was_acknowledged_and_deleted_is_no_damage(tmp_path: Path) -> None:
    path = make(tmp_path)
    with open_journal(path, role="collect", classify=class_of, housekeeping=False) as journal:
        journal.acknowledge("forwarder", 1, RECORDS)
        assert journal.forget()

    assert look(path).sound


def test_a_damaged_header_is_found_although_every_record_is_intact(tmp_path: Path) -> None:
    path = make(tmp_path)
    segment = second_segment(path)
    data = bytearray(segment.read_bytes())
    data[10] ^= 1
    segment.write_bytes(data)

    soundness = look(path)

    assert soundness.records == RECORDS
    assert [finding for finding in soundness.findings if "header" in finding]
