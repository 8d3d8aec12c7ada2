"""Words: numbers as people read them."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """So many of what, which is a noun that takes an s.

    >>> counted(1, "record"), counted(12, "protocol error")
    ('1 record', '12 protocol errors')
    """
    return f"{number} {what}{'s' * (number != 1)}"
