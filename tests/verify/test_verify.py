"""What a receiver is told of what arrived: complete, or exactly what is not."""

from __future__ import annotations

import json

import pytest

from edge_agent.chain import written
from edge_agent.verify import Limits, Report, Span, Verifier, as_json, in_sentences, verify
from edge_agent.verify.report import JournalReport
from tests.verify.journals import JOURNAL, Telling, altered, ranges, seal, telling

EN_DASH = "\N{EN DASH}"


def only(report: Report) -> JournalReport:
    (journal,) = report.journals
    return journal


def set_aside(told: Telling, sequence: int, reason: str = "too large") -> bytes:
    data = {"set_aside": "floor.slot.game_ended", "size": 9, "reason": reason}
    return told.event(sequence, sealed=seal("floor.agent.record_set_aside", data))


def test_everything_in_order_is_complete() -> None:
    report = verify(telling(50).events())

    assert report.complete
    assert [*in_sentences(report)] == [f"{JOURNAL}: complete from 1 to 50, 50 records"]


def test_what_did_not_arrive_is_named() -> None:
    events = telling(20).events()
    del events[9:12], events[4]

    journal = only(verify(events))

    assert journal.missing == (Span(5, 5), Span(10, 12))
    assert journal.unchecked == (Span(6, 6), Span(13, 13))
    assert not journal.complete
    assert not journal.accounted


def test_what_arrived_again_is_counted_and_harms_nothing() -> None:
    events = telling(9).events()

    journal = only(verify([*events, events[3], *events[3:5]]))

    assert (journal.repeats, journal.repeated) == (3, (Span(4, 5),))
    assert journal.uncompared == 0
    assert journal.complete


@pytest.mark.parametrize("wrong_first", [False, True])
def test_a_repeat_with_other_content_is_an_alarm(*, wrong_first: bool) -> None:
    events = telling(9).events()
    spoilt = altered(events[4])

    journal = only(verify([spoilt, *events] if wrong_first else [*events, spoilt]))

    assert journal.altered == (Span(5, 5),)
    assert journal.out_of_chain == ()
    assert not journal.accounted


def test_a_repeat_with_another_link_is_an_alarm() -> None:
    told, other = telling(5), telling(2)
    other.add(game=1_000)

    journal = only(verify([*told.events(), other.event(3)]))

    assert journal.altered == (Span(3, 3),)


def test_one_changed_byte_is_out_of_chain() -> None:
    events = telling(9).events()
    events[4] = altered(events[4])

    journal = only(verify(events))

    assert journal.out_of_chain == (Span(5, 5),)
    assert not journal.accounted


def test_a_record_made_anew_shows_at_the_next_one() -> None:
    """Whoever changes a record can compute its link as well, but not that of the record after it."""
    told, forger = telling(5), telling(2)
    forger.add(game=1_000)
    events = [*told.events()[:2], forger.event(3), *told.events()[3:]]

    assert only(verify(events)).out_of_chain == (Span(4, 4),)


def test_two_records_with_each_others_content_are_out_of_chain() -> None:
    told = telling(9)
    events = told.events()
    events[2], events[6] = told.event(3, sealed=told.sealed[6]), told.event(7, sealed=told.sealed[2])

    assert ranges(only(verify(events)).out_of_chain) == [3, 7]


def test_a_record_is_not_out_of_chain_where_the_one_before_it_is_not_here() -> None:
    events = telling(9).events()

    journal = only(verify([altered(events[4])]))

    assert (journal.out_of_chain, journal.unchecked) == ((), (Span(5, 5),))


@pytest.mark.parametrize("gone", [{4, 5, 6}, {2, 4, 5, 9}])
def test_what_was_shed_is_told_with_class_and_reason(gone: set[int]) -> None:
    told = telling(10)
    gap = told.add_gap(gone)

    journal = only(verify(told.events(gone)))

    (declared,) = journal.shed
    assert (declared.told_by, declared.delivery_class, declared.why) == (gap, "C", "budget")
    assert (declared.count, set(ranges(declared.absent)), declared.arrived) == (len(gone), gone, 0)
    assert (journal.missing, journal.unchecked) == ((), ())
    assert journal.accounted
    assert not journal.complete


def test_a_gap_record_that_did_not_arrive_excuses_nothing() -> None:
    told = telling(10)
    gap = told.add_gap({4, 5})
    events = told.events({4, 5, gap})

    assert only(verify(events, head=gap)).missing == (Span(4, 5), Span(11, 11))


def test_what_was_shed_and_arrived_nevertheless_is_said() -> None:
    told = telling(10)
    told.add_gap({4, 5})

    journal = only(verify([*told.events({4, 5}), told.event(4)]))

    (declared,) = journal.shed
    assert (declared.absent, declared.arrived) == ((Span(5, 5),), 1)
    assert journal.accounted


def test_a_gap_that_a_gateway_tells_again_is_told_apart_from_another() -> None:
    told = telling(10)
    first, again, older, other = (
        told.add("floor.agent.journal_gap", reason="shed", first=3, last=4, count=2, **name)
        for name in ({"gap": "shed-1-C"}, {"gap": "shed-1-C"}, {}, {})
    )

    report = verify(told.events({3, 4}))

    journal = only(report)
    assert [(gap.told_by, gap.again) for gap in journal.shed] == [
        (first, False),
        (again, True),
        (older, False),
        (other, True),
    ]
    assert any(line.startswith(f"  record {again} tells again of 2 shed") for line in in_sentences(report))
    assert journal.accounted


def test_a_record_put_where_one_was_shed_does_not_fit_the_next() -> None:
    told = telling(10)
    told.add_gap({4})
    forger = telling(3)
    forger.add(game=1_000)

    for events in ([*told.events({4}), forger.event(4)], [forger.event(4), *told.events({4})]):
        assert only(verify(events)).out_of_chain == (Span(5, 5),)


def test_damage_is_told_apart_from_shedding() -> None:
    told = telling(10)
    told.add_gap({7, 8}, reason="damage", delivery_class=None)

    journal = only(verify(told.events({7, 8})))

    assert (journal.shed, len(journal.damaged)) == ((), 1)
    assert journal.damaged[0].delivery_class == ""


def test_a_gap_record_that_makes_no_sense_excuses_nothing() -> None:
    told = telling(5)
    gap = told.add("floor.agent.journal_gap", reason="shed", first=3, last=2, count=1)

    journal = only(verify(told.events({3})))

    assert (journal.missing, journal.unreadable) == ((Span(3, 3),), (Span(gap, gap),))
    assert not journal.sound


def test_what_is_set_aside_is_told_and_the_chain_goes_on() -> None:
    told = telling(6)
    events = told.events()
    events[2] = set_aside(told, 3)

    journal = only(verify(events))

    assert (journal.set_aside, journal.unchecked, journal.out_of_chain) == ((Span(3, 3),), (), ())
    assert journal.complete


def test_what_was_set_aside_and_sent_after_all_is_no_alarm() -> None:
    told = telling(6)

    for arrived in ([*told.events(), set_aside(told, 3)], [set_aside(told, 3), *told.events()]):
        journal = only(verify(arrived))

        assert (journal.set_aside, journal.altered, journal.repeats) == ((), (), 1)
        assert journal.complete


def test_a_stand_in_with_another_link_than_the_record_is_an_alarm() -> None:
    told, other = telling(6), telling(2)
    other.add(game=1_000)

    reports = [
        only(verify(arrived))
        for arrived in ([*told.events(), set_aside(other, 3)], [set_aside(other, 3), *told.events()])
    ]

    assert reports[0] == reports[1]
    assert reports[0].altered == (Span(3, 3),)


def test_journals_are_told_apart() -> None:
    one, other = telling(3, "A" * 26), telling(5, "B" * 26)

    report = verify([*other.events(), *one.events()[1:]])

    assert [(journal.journal, journal.first, journal.last) for journal in report.journals] == [
        ("A" * 26, 2, 3),
        ("B" * 26, 1, 5),
    ]


def test_bounds_limit_the_proof_and_a_head_extends_it() -> None:
    events = telling(10).events()
    del events[1]

    assert only(verify(events, first=4, last=9)).complete
    assert only(verify(events, last=12)).missing == (Span(2, 2), Span(11, 12))
    assert only(verify(events, first=4, head=8)).last == 10
    assert only(verify(events, first=4, head=11)).missing == (Span(11, 11),)


def test_records_from_before_there_were_links_are_complete_and_not_checked() -> None:
    told = telling(4)
    bare = [
        event.replace(b'"chain":"%s",' % written(link).encode(), b"")
        for event, link in zip(told.events(), told.links[1:], strict=True)
    ]

    journal = only(verify([*bare, bare[1]]))

    assert (journal.complete, journal.unchecked, journal.repeats) == (True, (Span(1, 4),), 1)
    assert only(verify([*bare, altered(bare[2])])).altered == (Span(3, 3),)
    assert only(verify([*bare, *told.events()])).unchecked == ()
    assert only(verify([*told.events(), *bare])).unchecked == ()


def test_what_arrived_while_memory_was_short_is_told_as_not_checked_or_settled_at_a_second_look() -> None:
    in_order = telling(40).events()
    events = [*in_order[1::2], *in_order[::2]]
    verifier = Verifier(limits=Limits(open_records=5))
    for event in events:
        verifier.feed(event)

    assert verifier.gave_up
    assert only(verifier.report()).unchecked != ()
    for event in events:
        verifier.feed_again(event)

    assert verifier.report() == verify(events)


def test_a_repeat_that_comes_when_its_link_is_forgotten_is_counted_as_not_compared() -> None:
    events = telling(2_000).events()
    verifier = Verifier(limits=Limits(links=256))
    for event in [*events, events[0], altered(events[1]), events[1_999]]:
        verifier.feed(event)

    journal = only(verifier.report())

    assert (journal.repeats, journal.uncompared) == (3, 2)
    assert journal.out_of_chain == ()


def test_a_backlog_behind_fresh_records_is_checked_though_little_is_remembered() -> None:
    events = telling(2_000).events()
    verifier = Verifier(limits=Limits(links=256))
    for old, fresh in zip(events[:1_000], events[1_000:], strict=True):
        verifier.feed(old)
        verifier.feed(fresh)

    journal = only(verifier.report())

    assert journal.complete
    assert journal.unchecked == ()


def test_the_machine_form_says_what_the_report_says() -> None:
    events = telling(5).events()
    del events[2]

    told = json.loads(json.dumps(as_json(verify(events))))

    assert (told["complete"], told["accounted"], told["events"]) == (False, False, 4)
    assert told["journals"][0]["missing"] == [[3, 3]]


def test_a_proof_of_nothing_is_not_complete() -> None:
    report = verify([])

    assert not report.complete
    assert [*in_sentences(report)] == ["no event of a journal was found"]


def test_every_trouble_has_its_sentence() -> None:
    told = telling(30)
    gone = {12, 14}
    told.add_gap(gone)
    events = told.events({5, *gone})
    events[7] = altered(events[7])
    events += [altered(events[1]), events[0], told.event(14), set_aside(told, 20)]
    events[15] = set_aside(told, 19)

    sentences = "\n".join(in_sentences(verify(events)))

    assert "NOT complete from 1 to 31, 29 records here: 1 missing, 1 altered, 1 out of chain" in sentences
    assert "5: missing, and nothing was said of it" in sentences
    assert "2: altered: arrived more than once with different content" in sentences
    assert "9: out of chain: it or the record before it" in sentences
    assert "19: set aside: the gateway keeps the record" in sentences
    assert f"1{EN_DASH}2, 20: arrived more than once, 3 repeats in all" in sentences
    assert "record 31 tells of 2 of class C shed (budget): 12; 1 of them arrived nevertheless" in sentences


def test_a_proof_that_begins_later_goes_on_from_there() -> None:
    told = telling(30)
    events = told.events()
    verifier = Verifier()
    for event in [*events[:10], altered(events[4]), events[5]]:
        verifier.feed(event)
    verifier.begin_after(JOURNAL, 10)

    nothing_new = only(verifier.report())
    for event in [events[3], *events[10:]]:
        verifier.feed(event)

    assert (nothing_new.first, nothing_new.last, nothing_new.complete) == (11, 10, True)
    assert [*in_sentences(verifier.report())] == [f"{JOURNAL}: complete from 11 to 30, 20 records"]
    assert only(verifier.report(first=2)).first == 11


def test_a_proof_that_gives_up_a_hole_cannot_check_what_follows_it() -> None:
    events = telling(30).events()
    verifier = Verifier()
    for event in [*events[:9], *events[10:20]]:
        verifier.feed(event)
    verifier.begin_after(JOURNAL, 10)

    assert only(verifier.report()).unchecked == (Span(11, 11),)
    assert verifier.report().complete


def test_the_state_of_a_proof_that_goes_on_for_long_stays_small() -> None:
    told = telling(3_000)
    for sequence in range(1, 3_000, 100):
        told.add_gap({sequence, sequence + 2})
    verifier = Verifier(limits=Limits(links=512))
    for event in told.events({n + m for n in range(1, 3_000, 100) for m in (0, 2)}):
        verifier.feed(event)
        verifier.feed(event)
    before = len(json.dumps(verifier.save()))

    verifier.begin_after(JOURNAL, len(told.sealed))

    after = len(json.dumps(verifier.save()))
    assert after < 13_000  # the links: 16 bytes each, in base64
    assert before - after > 4_000
