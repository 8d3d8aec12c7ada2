"""Tries: how often a test tries what chance makes.

Every day a test tries enough to find what a change has broken. What chance finds once in ten thousand tries
is for the long run, which `TRIES=long` asks for:

    TRIES=long .venv/bin/python -m pytest tests/properties
"""

from __future__ import annotations

import os

VARIABLE, LONG = "TRIES", "long"

# An hour or so for one room of the tests.
TIMES_AS_MANY = 25


def tries(everyday: int) -> int:
    """How many examples to try: so many every day, more in the long run."""
    return everyday * TIMES_AS_MANY if os.environ.get(VARIABLE) == LONG else everyday
