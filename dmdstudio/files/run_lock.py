"""The lock of a run folder: one writer at a time, whichever way the last one ended."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import filelock

from dmdstudio.base.errors import RunError
from dmdstudio.files.whole import write_text


def acquire(path: Path, beats: bool = False) -> filelock.BaseFileLock:
    """Take the lock of a run; the system gives it back when this process ends, however it ends.

    Args:
        path: the run.
        beats: whether the process gives signs of life, as `Heartbeat` does.

    Raises:
        RunError: another process holds the lock, or there can be none.
    """
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
    about["beats"] = beats
    write_text(path / "writer.json", json.dumps(about) + "\n")
    return lock


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
