"""The configuration document of a component, as either nucleus hands it over, made one.

Nucleus lite gives every scalar as text, a null too; the Java nucleus gives numbers as floats. Numbers
and truth are for the settings to read; what is null here was taken away, or never given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Who may do what over the IPC: for the nucleus, not for us.
ACCESS_CONTROL = "accessControl"

_NOTHING = (None, "null")


def settings_document(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What of a component's configuration is settings."""
    return {name: _plain(value) for name, value in configuration.items() if _counts(name, value)}


def _counts(name: str, value: object) -> bool:
    return name != ACCESS_CONTROL and value not in _NOTHING


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever JSON held
    match value:
        case Mapping():
            return {name: _plain(one) for name, one in value.items() if one not in _NOTHING}
        case list():
            return [_plain(one) for one in value]
        case _:
            return value
