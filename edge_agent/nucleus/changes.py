"""Changes: many events about one deployment become one call, when it has gone quiet.

A deployment that merges nine settings is nine events, and what one reads between them is half of it.
And an event may never come: a nucleus whose configuration daemon was restarted sends none. So
the call comes once the events have paused, and now and then without any.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Events of one deployment come within milliseconds of each other.
QUIET_SECONDS = 1.0
# A deployment that was not heard of is found within this time.
LOOK_SECONDS = 600.0


class Changes:
    """A thread that calls when something has changed and everything has been said.

    Args:
        changed: called in this thread.
    """

    def __init__(
        self,
        changed: Callable[[], object],
        *,
        quiet_seconds: float = QUIET_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._changed = changed
        self._quiet_seconds = quiet_seconds
        self._look_seconds = look_seconds
        self._happened = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="nucleus-changes")
        self._thread.start()

    def happened(self) -> None:
        """Something has changed, and more of it may follow."""
        self._happened.set()

    def close(self) -> None:
        """Call no more; waits for a call under way."""
        self._closing = True
        self._happened.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            self._happened.wait(self._look_seconds)
            while not self._closing and self._happened.is_set():
                self._happened.clear()
                self._pause()
            if not self._closing:
                self._changed()

    def _pause(self) -> None:
        """Wait for the pause to end; what happens meanwhile begins another one."""
        until = time.monotonic() + self._quiet_seconds
        while not self._closing and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))
