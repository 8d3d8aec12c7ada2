"""What the journal holds goes to the cloud: fresh first, within the quotas, forgotten only by receipt."""

from edge_agent.forwarder.counters import ForwarderCounters
from edge_agent.forwarder.dispatcher import SPAN_WINDOWS
from edge_agent.forwarder.forwarder import DRAIN_SECONDS, UNCONFIRMED, Forwarder
from edge_agent.forwarder.quota import Quota

__all__ = ["DRAIN_SECONDS", "SPAN_WINDOWS", "UNCONFIRMED", "Forwarder", "ForwarderCounters", "Quota"]
