"""Links: ways for bytes to travel, all in one form.

Every link carries the parity-marked stream that POSIX defines for PARMRK:

    FF 00 xx   the character xx with its wakeup (ninth) bit set
    FF FF      a literal FF
    xx         the character xx, wakeup bit clear

A break, as a wire that hangs in the air makes, reads as FF 00 00; no device has the address 0. The form
holds in both directions, so a serial port, memory, TCP, a capture and a fuzz input look alike from above.
"""

from edge_agent.links.base import Advising, Link, Nudging, OfAKind, PortKind, open_link

__all__ = ["Advising", "Link", "Nudging", "OfAKind", "PortKind", "open_link"]
