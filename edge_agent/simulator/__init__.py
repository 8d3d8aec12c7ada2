"""A floor of simulated machines and tables, as pure state: bytes, time and chance are arguments."""
