"""The Greengrass nucleus over its IPC: configuration, deployments, component state, and the cloud behind."""

from edge_agent.nucleus.client import Nucleus
from edge_agent.nucleus.errors import NucleusError, translated

__all__ = ["Nucleus", "NucleusError", "translated"]
