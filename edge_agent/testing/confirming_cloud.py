"""ConfirmingCloud: the cloud's half of `uplink.receipt: cloud`, as small as it can be.

It keeps which records of each journal it has, drops repeats, and says up to where there is no hole.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class ConfirmingCloud:
    """What has arrived, by journal."""

    records: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    through: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def take(self, batch: bytes) -> bytes:
        """Take a batch, or an event alone; the confirmation of the journal it is from."""
        journal, said = "", json.loads(batch)
        for event in said if isinstance(said, list) else [said]:
            journal = event["id"].rpartition("/")[0]
            self.records[journal].add(int(event["sequence"]))
        while self.through[journal] + 1 in self.records[journal]:
            self.through[journal] += 1
        return json.dumps({"journal": journal, "through": self.through[journal]}).encode()
