"""The composition root: nothing else builds the agent's objects.

Collecting and forwarding are separate processes that share only the journal. Each runs until
SIGTERM or SIGINT and then stops within five seconds; neither needs to, because the journal is
durable and both ends repeat what was not acknowledged.
"""
