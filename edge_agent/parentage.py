"""Parentage: a process that ends with the one that started it, however that ends."""

from __future__ import annotations

import ctypes
import signal

_PR_SET_PDEATHSIG = 1  # prctl(2)


def ask_to_end_with_parent() -> None:
    """Have the kernel send SIGTERM when the parent is gone. For a `preexec_fn`: a prctl and nothing else."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def die_with_parent() -> None:
    """Have the kernel send SIGKILL when the parent is gone. As `ask_to_end_with_parent`."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
