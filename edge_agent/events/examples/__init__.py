"""Examples: one of each event, by who says it. Receivers build on them; see `edge_agent.events.published`."""
