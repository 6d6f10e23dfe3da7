"""The lock of a run folder: one writer at a time, whichever way the last one ended."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import filelock
import psutil

from dmdstudio.base.errors import RunError
from dmdstudio.files.whole import write_text


def acquire(path: Path) -> filelock.BaseFileLock:
    """Take the lock of a run; the system gives it back when this process ends, however it ends."""
    lock = filelock.FileLock(str(path / "run.lock"), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise RunError(
            f"Run {path} is in use by {_holder(path)}.", "Stop that one, or wait for it to end."
        ) from None
    except (OSError, NotImplementedError) as error:
        raise RunError(f"Run {path} cannot be locked: {error}.", "Use a local folder.") from None
    about = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    write_text(path / "writer.json", json.dumps(about) + "\n")
    return lock


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
    if host != socket.gethostname():
        return Writer(pid, host, since, here=False, elsewhere=True)
    try:
        process = psutil.Process(pid)
        alive = process.create_time() <= since + 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        alive = False
    return Writer(pid, host, since, here=True, elsewhere=False) if alive else None


def _holder(path: Path) -> str:
    try:
        about = json.loads((path / "writer.json").read_text("utf-8"))
        return f"process {about['pid']} on {about['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def give_back(lock: filelock.BaseFileLock, path: Path) -> None:
    """Release the lock of a run."""
    (path / "writer.json").unlink(missing_ok=True)
    lock.release()
