"""Who writes a run at this moment, as anybody who can read its folder can tell."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Writer:
    """The process that says it writes a run.

    Attributes:
        pid, host: which process, and on which machine.
        since: when it began, seconds since 1970.
        here: whether it is a process of this machine that runs now.
        elsewhere: whether it is on another machine, so that nobody here can tell.
    """

    pid: int
    host: str
    since: float
    here: bool
    elsewhere: bool


def writer_of(path: Path) -> Writer | None:
    """Return who writes a run; None where nobody does, or the process is gone."""
    try:
        about = json.loads((path / "writer.json").read_text("utf-8"))
        pid, host, since = int(about["pid"]), str(about["host"]), float(about["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    import psutil

    if host != socket.gethostname():
        return Writer(pid, host, since, here=False, elsewhere=True)
    try:
        process = psutil.Process(pid)
        alive = process.create_time() <= since + 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        alive = False
    return Writer(pid, host, since, here=True, elsewhere=False) if alive else None
