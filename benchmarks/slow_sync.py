"""A slow disk, the same for everyone: each fsync and fdatasync of this process takes so much longer.

The kernel holds the call (seccomp user notification, Linux 5.5), a thread of ours sleeps, and then the call
goes on to the disk as it was. So SQLite's own calls are as slow as ours, those of its checkpoints included,
and nobody's code is changed. It cannot be undone within a process; x86-64 and arm64.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import struct
import threading
import time

# seccomp(2), fsync(2) and fdatasync(2) by machine.
CALLS = {"x86_64": (317, 74, 75), "aarch64": (277, 82, 83)}

_NO_NEW_PRIVILEGES = 38  # prctl
_SET_FILTER, _NEW_LISTENER = 1, 8  # seccomp: SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER
_NOTIFY, _ALLOW = 0x7FC0_0000, 0x7FFF_0000
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF: load a word, compare it, return
_RECEIVE, _ANSWER = 0xC050_2100, 0xC018_2101  # ioctl
_NOTICE_BYTES, _GO_ON = 80, 1


class SlowSync:
    """Delays syncs of the thread that makes it, and of those it starts later. `calls` counts them."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.calls = 0
        self._listening = threading.Event()
        self._listener = -1
        # It begins before the filter is set, and so its own calls are never held.
        threading.Thread(target=self._answer, name="slow-sync", daemon=True).start()
        self._listener = _install(*CALLS[platform.machine()])
        self._listening.set()

    def _answer(self) -> None:
        self._listening.wait()
        while True:
            notice = bytearray(_NOTICE_BYTES)
            fcntl.ioctl(self._listener, _RECEIVE, notice)
            self.calls += 1
            time.sleep(self.seconds)
            (number,) = struct.unpack_from("=Q", notice)
            fcntl.ioctl(self._listener, _ANSWER, bytearray(struct.pack("=QqiI", number, 0, 0, _GO_ON)))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _install(seccomp: int, *held: int) -> int:
    """Have the kernel ask before these calls; the descriptor it asks on."""
    steps = [(_LOAD, 0, 0, 0)]  # the number of the call
    steps += [(_EQUAL, len(held) - at, 0, number) for at, number in enumerate(held)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOTIFY)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.addressof(code))
    kernel = ctypes.CDLL(None, use_errno=True)
    kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    listener = int(kernel.syscall(seccomp, _SET_FILTER, _NEW_LISTENER, ctypes.byref(program)))
    if listener < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "seccomp")
    return listener
