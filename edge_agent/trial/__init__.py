"""The trial floor: the whole path on one computer, as real processes, with a proof at the end."""
