"""The recipes as the build writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from artifact.build import recipe_text
from artifact.project import Project, read_component

from edge_agent.testing.recipes import Recipe, read_recipe

ROOT = Path(__file__).parents[2]
NAMES = ("casino.edge.FloorCollector", "casino.edge.Forwarder", "casino.edge.Simulator")


def text_of(name: str) -> str:
    return recipe_text(read_component(ROOT / "components" / name, Project(ROOT)))


def recipe_of(name: str) -> Recipe:
    return read_recipe(text_of(name), name)


@pytest.fixture(params=NAMES)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    """Each in turn."""
    return recipe_of(request.param)


@pytest.fixture
def collector() -> Recipe:
    return recipe_of(NAMES[0])


@pytest.fixture
def forwarder() -> Recipe:
    return recipe_of(NAMES[1])


@pytest.fixture
def simulator() -> Recipe:
    return recipe_of(NAMES[2])


@pytest.fixture
def forwarder_text() -> str:
    """The one with most in it, to be misspelt."""
    return text_of(NAMES[1])
