"""A recipe as a nucleus runs it: its variables replaced, its settings handed over.

The two kinds differ where a component can notice: the paths of lite end in a slash, and what a
deployment merges arrives as floats from one and as text from the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from edge_agent.testing.recipes.model import Manifest, Recipe


class Nucleus(Enum):
    """Which kind."""

    JAVA = "java"
    LITE = "lite"


@dataclass(frozen=True, slots=True)
class Place:
    """A component on a gateway."""

    nucleus: Nucleus
    root: Path
    thing: str
    component: str
    version: str

    @property
    def work(self) -> Path:
        """The component's own folder, and what it is started in."""
        return self.root / "work" / self.component

    @property
    def artifacts(self) -> Path:
        """Where the nucleus puts what it fetched."""
        return self.root / "packages" / "artifacts" / self.component / self.version

    def variables(self) -> Mapping[str, str]:
        """What each variable stands for here, but those of the configuration."""
        end = "/" if self.nucleus is Nucleus.LITE else ""
        unpacked = self.root / "packages" / "artifacts-unarchived" / self.component / self.version
        return {
            "artifacts:path": f"{self.artifacts}{end}",
            "artifacts:decompressedPath": f"{unpacked}{end}",
            "work:path": f"{self.work}{end}",
            "kernel:rootPath": str(self.root),
            "iot:thingName": self.thing,
        }


def environment(recipe: Recipe, manifest: Manifest, place: Place) -> dict[str, str]:
    """What `Setenv` of the lifecycle adds to a step's environment."""
    return {name: script(value, recipe, place) for name, value in manifest.lifecycle.setenv.items()}


def script(text: str, recipe: Recipe, place: Place) -> str:
    """A text of the lifecycle with its variables replaced."""
    known = place.variables()

    def replaced(match: re.Match[str]) -> str:
        if match[1] in known:
            return known[match[1]]
        found: Any = recipe.settings
        for key in match[1].removeprefix("configuration:/").split("/"):
            found = found[key]
        return str(found)

    return re.sub(r"\{([^}]*)\}", replaced, text)


def handed_over(value: Any, nucleus: Nucleus) -> Any:  # noqa: ANN401  any JSON
    """A setting as the component hears it: whole numbers as floats from one nucleus, text from the other."""
    match value:
        case dict():
            return {key: handed_over(inner, nucleus) for key, inner in value.items()}
        case list():
            return [handed_over(inner, nucleus) for inner in value]
        case bool():
            return value if nucleus is Nucleus.JAVA else str(value).lower()
        case int() | float():
            return float(value) if nucleus is Nucleus.JAVA else str(value)
        case _:
            return value
