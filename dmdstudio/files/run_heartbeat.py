"""A sign of life of the process that writes a run, for those on other machines.

They see neither the process nor its lock, only the run's folder: a file that is touched again and
again tells them a job at work from one that was killed with its machine.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

BEAT_SECONDS = 30.0


class Heartbeat:
    """Touches ``writer.json`` of a run from time to time, until it is stopped."""

    def __init__(self, run: Path) -> None:
        self._file = run / "writer.json"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):  # a shared folder may be away for a while
                os.utime(self._file)

    def stop(self) -> None:
        """Touch it no more."""
        self._stopped.set()
        self._thread.join()
