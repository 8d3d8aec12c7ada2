"""Permitted: what a gateway without room may let go, and tells of, against what did not arrive.

A gap record says how many records of which class are gone, not what they were. So what a device raised and
nobody received is taken for let go as long as that many of its class are told to be; and money never is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edge_agent.delivery import DeliveryClass
from edge_agent.events.delivery_class import class_of
from edge_agent.sas.exception_codes import EXCEPTIONS, exception_name
from edge_agent.trial.evidence import RaisedEntry
from edge_agent.verify import Report


def told(receiver: Report) -> Counter[DeliveryClass]:
    """How many records of each class the gateway says it let go, and did not send."""
    counts: Counter[DeliveryClass] = Counter()
    for journal in receiver.journals:
        for gap in journal.shed:
            counts[DeliveryClass(gap.delivery_class)] += sum(map(len, gap.absent))
    return counts


def sequences_told(receiver: Report) -> Iterator[int]:
    """The sequences of these."""
    for journal in receiver.journals:
        for gap in journal.shed:
            for span in gap.absent:
                yield from range(span.first, span.last + 1)


def is_accounted(receiver: Report) -> bool:
    """Whether one journal arrived, in chain, and all of it but what it was permitted to let go."""
    if len(receiver.journals) != 1 or not receiver.accounted:
        return False
    (journal,) = receiver.journals
    return not journal.damaged and all(gap.delivery_class in {"B", "C"} for gap in journal.shed)


def really_lost(lost: Sequence[RaisedEntry], let_go: Mapping[DeliveryClass, int]) -> list[RaisedEntry]:
    """Those that did not arrive, and that no gap record tells of."""
    left = Counter(let_go)
    found = []
    for entry in lost:
        its_class = class_of_raised(entry["code"])
        if left[its_class] > 0 and its_class is not DeliveryClass.A:
            left[its_class] -= 1
        else:
            found.append(entry)
    return found


def class_of_raised(code: Any) -> DeliveryClass:  # noqa: ANN401  a SAS code, or [boot, sequence] from JSON
    """The class that what a device raised was journalled with. Of a table it is most often B."""
    if isinstance(code, list):
        return DeliveryClass.B
    row = EXCEPTIONS.get(code)
    category = row.category if row is not None else ""
    return class_of({"type": f"floor.slot.{exception_name(code)}", "data": {"category": category}})
