"""The composition root: nothing else builds the agent's objects.

Collecting and forwarding are separate processes. They share the journal, which the collector alone
writes; what the forwarder has to say goes over the collector's desk. Each runs until SIGTERM or SIGINT,
or until its nucleus asks, and then stops within five seconds; neither needs to, because the journal is
durable and both ends repeat what was not acknowledged.
"""
