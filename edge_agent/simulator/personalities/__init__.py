"""Personalities of simulated machines. See `loading`."""

from edge_agent.simulator.personalities.loading import Personality, load_personality, personality_names

__all__ = ["Personality", "load_personality", "personality_names"]
