"""Greengrass recipes, held to what works on both nuclei, and as each nucleus would run them."""

from edge_agent.testing.recipes.model import Recipe, read_recipe
from edge_agent.testing.recipes.permissions import permits
from edge_agent.testing.recipes.rendering import Nucleus, Place, environment, handed_over, script

__all__ = ["Nucleus", "Place", "Recipe", "environment", "handed_over", "permits", "read_recipe", "script"]
