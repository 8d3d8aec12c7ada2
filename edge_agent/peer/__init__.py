"""The peer: a simulated machine at the far end of anybody's line, on a port, in real time."""
