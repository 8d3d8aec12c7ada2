"""Words: numbers and what is wrong with a value, as people read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

# What pydantic finds wrong, by its own name for it, where its sentence speaks of Python.
IN_PLAIN_WORDS = {
    "missing": "missing",
    "extra_forbidden": "not known here",
    "unexpected_keyword_argument": "not known here",
    "model_type": "not a group of fields",
    "dataclass_type": "not a group of fields",
    "string_type": "not text",
    "int_parsing": "not a whole number",
    "int_type": "not a whole number",
    "int_from_float": "not a whole number",
    "float_parsing": "not a number",
    "float_type": "not a number",
    "bool_parsing": "neither true nor false",
    "bool_type": "neither true nor false",
}


def counted(number: int, what: str) -> str:
    """So many of what, which is a noun that takes an s.

    >>> counted(1, "record"), counted(12, "protocol error")
    ('1 record', '12 protocol errors')
    """
    return f"{number} {what}{'s' * (number != 1)}"


def describe(invalid: ValidationError, lines: Sequence[str] = ()) -> Iterator[str]:
    """Each thing pydantic found wrong, as `lines.slot-1001.port: missing`, with the names of the lines."""
    for error in invalid.errors(include_url=False, include_input=False):
        path = [str(part) for part in error["loc"]]
        if path[:1] == ["lines"] and len(path) > 1 and path[1].isdigit() and int(path[1]) < len(lines):
            path[1] = lines[int(path[1])]
        yield f"{'.'.join(path)}: {wrong_with(error)}" if path else wrong_with(error)


def wrong_with(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, of one of the errors that pydantic lists.

    >>> wrong_with({"type": "missing", "msg": "Field required"})
    'missing'
    >>> wrong_with({"type": "string_too_short", "msg": "String should have at least 1 character"})
    'should have at least 1 character'
    """
    message = re.sub(r"^(Value error, |(Input|String) (?=should ))", "", str(error["msg"]))
    return IN_PLAIN_WORDS.get(str(error["type"]), message)
