"""A double of the Greengrass nucleus' IPC socket, in both flavours, for the SDK's real client."""

from edge_agent.testing.nucleus.access import OWN_TOPICS
from edge_agent.testing.nucleus.double import NucleusDouble
from edge_agent.testing.nucleus.flavours import JAVA, LITE, Flavour

__all__ = ["JAVA", "LITE", "OWN_TOPICS", "Flavour", "NucleusDouble"]
