"""The sources of a build: the project's own description, and one component's folder.

ROOT/pyproject.toml            name and version of the agent, its requirements and entry points
ROOT/components/NAME/          gdk-config.json, main.py, recipe.yaml -> ROOT/recipes/NAME.yaml
ROOT/requirements/gateway.txt  the lock: versions and hashes of everything the agent needs there
ROOT/build/wheelhouse/         the wheels the lock names; ignored by git, filled by `make wheelhouse`
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from artifact.errors import BuildError


@dataclass(frozen=True)
class Project:
    """The agent's sources."""

    root: Path

    @cached_property
    def description(self) -> Mapping[str, Any]:
        """The table `project` of pyproject.toml."""
        document = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        project: Mapping[str, Any] = document["project"]
        return project

    @property
    def name(self) -> str:
        """The distribution's name."""
        return str(self.description["name"])

    @property
    def version(self) -> str:
        """The agent's version, which every component shares."""
        return str(self.description["version"])

    @property
    def lock(self) -> Path:
        """What a gateway gets, with hashes."""
        return self.root / "requirements" / "gateway.txt"

    @property
    def wheelhouse(self) -> Path:
        """Where the locked wheels are kept."""
        return self.root / "build" / "wheelhouse"


@dataclass(frozen=True, slots=True)
class Component:
    """One Greengrass component, as its gdk-config.json describes it."""

    folder: Path
    name: str
    version: str
    author: str

    @property
    def recipe(self) -> Path:
        """The recipe's source. gdk looks for the built one under the name of the file a link leads to."""
        return (self.folder / "recipe.yaml").resolve()

    @property
    def build(self) -> Path:
        """Where gdk looks for what was built."""
        return self.folder / "greengrass-build"


def read_component(folder: Path, project: Project) -> Component:
    """The component in this folder. Raises BuildError when gdk would publish something else than we build."""
    file = folder / "gdk-config.json"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        ((name, table),) = document["component"].items()
        component = Component(folder, name, table["version"], table["author"])
    except OSError as error:
        raise BuildError(
            f"{file} cannot be read: {error.strerror}", "run this in a component's folder"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BuildError(f"{file} describes no component ({error})", "mend the file") from error
    if name != folder.name:
        raise BuildError(f"{file} describes {name}", f"name it {folder.name}, like its folder")
    if component.version != project.version:
        raise BuildError(
            f"{file} has version {component.version}, pyproject.toml {project.version}",
            "give both the same: a published version never changes",
        )
    if not component.recipe.is_file():
        raise BuildError(f"{folder / 'recipe.yaml'} leads to no file", f"link it to recipes/{name}.yaml")
    return component
