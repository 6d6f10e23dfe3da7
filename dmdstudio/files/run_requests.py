"""What others ask of the process that writes a run, through the run's folder.

It works across machines that share the folder, and for runs whose window is gone.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from dmdstudio.files.whole import write_text

NAME = "stop.request"


def ask_to_stop(run: Path) -> None:
    """Ask whoever writes a run to end it after the piece of work in hand; raise `OSError`."""
    write_text(run / NAME, f"{time.time():.0f}\n")


def stop_asked(run: Path) -> bool:
    """Whether somebody asked for the end of a run."""
    return (run / NAME).exists()


def forget_requests(run: Path) -> None:
    """Take back what was asked, as whoever obeys it does."""
    with contextlib.suppress(OSError):  # obeyed all the same
        (run / NAME).unlink(missing_ok=True)
