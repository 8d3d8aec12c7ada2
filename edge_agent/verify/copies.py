"""Copies: one arrival of a record, as the chain sees it. A link, and digests of what may have been sealed."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from edge_agent.chain import digest, link_over
from edge_agent.verify.event import Arrived, written_anew

# In place of a digest: what stands in for a record says nothing of its content.
STANDS_IN = b"stands in"


class Copy(NamedTuple):
    """One arrival. Of what was settled the content is not known any more, and the digest is empty."""

    chain: bytes
    before: bytes = b""  # the link it names for the record before it, where that one is never sent
    digest: bytes = b""  # of the bytes as they came
    anew: bytes = b""  # of the same written compactly, where those are others

    @classmethod
    def of(cls, event: Arrived) -> Copy:
        """The copy that an event is."""
        return cls(event.chain, event.before, *digests_of(event))

    def contents(self) -> set[bytes]:
        """The digests of what may have been sealed."""
        return {self.digest, self.anew} - {b""}

    def follows(self, preceding: Collection[bytes]) -> bool:
        """Whether its link is made of its content and one of the links before it."""
        return any(
            link_over(before, content) == self.chain for content in self.contents() for before in preceding
        )


def digests_of(event: Arrived) -> tuple[bytes, bytes]:
    """Of the sealed bytes as they came, and written anew; the second is empty where those are the same."""
    anew = written_anew(event.value)
    as_it_came = digest(event.sequence, event.sealed)
    return as_it_came, b"" if anew == event.sealed else digest(event.sequence, anew)
