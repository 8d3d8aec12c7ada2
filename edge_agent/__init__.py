"""The edge agent: what a machine tells us is journalled before the machine is told we heard it."""

__version__ = "0.1.0"
