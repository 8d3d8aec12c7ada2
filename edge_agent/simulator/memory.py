"""Memory: what a machine knows when the power comes back, as a mapping that JSON can hold.

Every part's memory is a dataclass of plain values. Here they become one mapping and back; a mapping that is
no memory of this machine is refused before anything of it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from edge_agent.errors import ConfigurationError

T = TypeVar("T")


def to_plain(memory: object) -> Any:  # noqa: ANN401  whatever JSON holds
    """A memory as values that JSON can hold."""
    return _adapter(type(memory)).dump_python(memory, mode="json")  # type: ignore[arg-type]  # as below


def from_plain(kind: type[T], plain: Mapping[str, Any], name: str) -> T:
    """The memory of that kind under `name` in `plain`. Raises ConfigurationError where it is none."""
    try:
        # A class can be hashed; its objects' __hash__ is taken for its own.
        remembered: T = _adapter(kind).validate_python(plain.get(name))  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(str(step) for step in (name, *first["loc"]))
        raise ConfigurationError(
            f"the machine's memory does not fit: {at}: {first['msg'].lower()}",
            "use the memory this machine left, or start it without one",
        ) from error
    return remembered


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    """What reads and writes memories of one kind: it takes long to make, and a machine remembers often."""
    return TypeAdapter(kind)
