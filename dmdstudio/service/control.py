"""How another thread pauses or stops a loop that is at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 1.0


class Control:
    """A thread-safe wish to pause or to stop, looked at between pieces of work.

    Args:
        on_wait: called by the working thread, with true when it begins to wait and false when
            it goes on.
    """

    def __init__(self, on_wait: Callable[[bool], None] | None = None) -> None:
        self._condition = threading.Condition()
        self._stop = False
        self._paused = False
        self._on_wait = on_wait
        self._asked: Callable[[], bool] | None = None
        self._looked = 0.0

    def stop(self) -> None:
        """Ask the loop to end after the piece of work in hand; also wakes a paused one."""
        with self._condition:
            self._stop = True
            self._condition.notify_all()

    def pause(self, paused: bool) -> None:
        """Ask the loop to wait at its next `checkpoint`, or to go on."""
        with self._condition:
            self._paused = paused
            self._condition.notify_all()

    def watch(self, asked: Callable[[], bool]) -> None:
        """Have `checkpoint` also look, once a second, whether somebody else asks for the end."""
        self._asked = asked

    @property
    def stop_requested(self) -> bool:
        """Whether the loop is asked to end."""
        return self._stop

    @property
    def pause_requested(self) -> bool:
        """Whether the loop is asked to wait."""
        return self._paused and not self._stop

    def checkpoint(self) -> bool:
        """Wait while paused; return whether the loop is asked to end.

        Called between two pieces of work, each shorter than about a second.
        """
        if self.pause_requested:
            self._tell(True)
            with self._condition:
                while not self._condition.wait_for(
                    lambda: not self.pause_requested, timeout=LOOK_SECONDS
                ):
                    if self._asked is not None and self._asked():
                        self._stop = True
            self._tell(False)
        if self._asked is not None and time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._stop = self._stop or self._asked()
        return self._stop

    def _tell(self, waiting: bool) -> None:
        if self._on_wait is not None:
            self._on_wait(waiting)
