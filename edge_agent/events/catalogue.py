"""The catalogue: every event there is, each by a golden example.

The examples are the published language's own test vectors: `edge_agent.events.published` seals
them into files that receivers may build on. A body that is not here is not published.
"""

from __future__ import annotations

from edge_agent.events.base import EventBody
from edge_agent.events.examples import agent, slot, table

EXAMPLES: tuple[EventBody, ...] = (*agent.EXAMPLES, *slot.EXAMPLES, *table.EXAMPLES)

EVENT_BODIES: tuple[type[EventBody], ...] = tuple(type(example) for example in EXAMPLES)
