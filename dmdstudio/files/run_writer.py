"""Who writes a run at this moment, as anybody who can read its folder can tell."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from dmdstudio.files.run_heartbeat import BEAT_SECONDS

SILENT_SECONDS = 8.0 * BEAT_SECONDS
"""So long without a sign of life, a process elsewhere may be gone: shared folders are slow to tell,
and clocks differ."""


@dataclass(frozen=True)
class Writer:
    """The process that says it writes a run.

    Attributes:
        pid, host: which process, and on which machine.
        since: when it began, seconds since 1970.
        here: whether it is a process of this machine that runs now.
        elsewhere: whether it is on another machine, so that nobody here can tell.
        seen: its last sign of life, seconds since 1970; None where it gives none.
    """

    pid: int
    host: str
    since: float
    here: bool
    elsewhere: bool
    seen: float | None = field(default=None, compare=False)

    @property
    def silent_since(self) -> float | None:
        """When a process elsewhere was last seen alive, if it may be gone by now; else None."""
        if not self.elsewhere or self.seen is None or time.time() - self.seen < SILENT_SECONDS:
            return None
        return self.seen


def writer_of(path: Path) -> Writer | None:
    """Return who writes a run; None where nobody does, or the process is gone."""
    try:
        about = json.loads((path / "writer.json").read_text("utf-8"))
        pid, host, since = int(about["pid"]), str(about["host"]), float(about["since"])
        seen = (path / "writer.json").stat().st_mtime if about.get("beats") else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    import psutil

    if host != socket.gethostname():
        return Writer(pid, host, since, here=False, elsewhere=True, seen=seen)
    try:
        process = psutil.Process(pid)
        alive = process.create_time() <= since + 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        alive = False
    return Writer(pid, host, since, here=True, elsewhere=False, seen=seen) if alive else None
