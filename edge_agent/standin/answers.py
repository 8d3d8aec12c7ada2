"""Answers of services, and what goes wrong with them on request.

Faults are kept by kind of question. A refused question is not carried out; answers that are
dropped, repeated or held back belong to one that was. Each fault lasts for so many questions;
holding back lasts until it is set to nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """One message from a service, to be sent after `delay` seconds."""

    topic: str
    document: Mapping[str, Any]
    to_all: bool = False  # to every subscriber, not to the one who asked
    delay: float = 0.0

    @property
    def payload(self) -> bytes:
        """The document as JSON."""
        return json.dumps(self.document, separators=(",", ":")).encode()


class Refused(Exception):  # noqa: N818  what the answer is called
    """A question is rejected: `status` as in HTTP, `code` one word, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(slots=True)
class AnswerFaults:
    """The faults in force."""

    _refusals: dict[str, list[Refused]] = field(default_factory=dict)
    _drop: Counter[str] = field(default_factory=Counter)
    _repeat: Counter[str] = field(default_factory=Counter)
    _delay: dict[str, float] = field(default_factory=dict)

    def reject(self, kind: str, refusal: Refused, following: int = 1) -> None:
        """Reject the next so many questions of a kind."""
        self._refusals[kind] = [refusal] * following

    def drop(self, kind: str, following: int = 1) -> None:
        """Carry out, but say nothing."""
        self._drop[kind] = following

    def repeat(self, kind: str, following: int = 1) -> None:
        """Say everything twice."""
        self._repeat[kind] = following

    def delay(self, kind: str, seconds: float) -> None:
        """Say everything later, from now on."""
        self._delay[kind] = seconds

    def clear(self) -> None:
        """Be well again."""
        for fault in (self._refusals, self._drop, self._repeat, self._delay):
            fault.clear()

    def refuse(self, kind: str) -> None:
        """Raise Refused if the next question of this kind is to be rejected; counts it."""
        if self._refusals.get(kind):
            raise self._refusals[kind].pop()

    def apply(self, kind: str, answers: Sequence[Answer]) -> list[Answer]:
        """What becomes of the answers to a question; counts it."""
        if self._take(self._drop, kind):
            return []
        times = 2 if self._take(self._repeat, kind) else 1
        return [replace(one, delay=self._delay.get(kind, 0.0)) for one in answers for _ in range(times)]

    @staticmethod
    def _take(counter: Counter[str], kind: str) -> bool:
        counter[kind] -= 1
        if counter[kind] < 0:
            del counter[kind]
            return False
        return True
