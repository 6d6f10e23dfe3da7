"""Ending the process that writes a run, where asking it to stop was in vain."""

from __future__ import annotations

from pathlib import Path

from dmdstudio.base.errors import RunError
from dmdstudio.files.run_writer import Writer, writer_of

_LAST_WORDS_SECONDS = 2.0


def is_engine(writer: Writer) -> bool:
    """Whether a writer here runs this program and nothing else, such as a user's notebook."""
    import psutil

    try:
        words = psutil.Process(writer.pid).cmdline()[:4]
    except psutil.Error:
        return False
    return any(Path(word).name.partition(".")[0] == "dmdstudio" for word in words)


def end_writer(run: Path, writer: Writer) -> None:
    """End the process that writes a run on this machine; its finished iterations are stored.

    Raises:
        RunError: the process cannot be ended.
    """
    import psutil

    if not writer.here or writer_of(run) != writer:
        return  # it has ended meanwhile, and the number may be another's
    try:
        process = psutil.Process(writer.pid)
        process.terminate()
        try:
            process.wait(_LAST_WORDS_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        raise RunError(
            f"Process {writer.pid} may not be ended: it belongs to another user.",
            "Ask them, or wait: it has been asked to stop.",
        ) from None


def forget_writer(run: Path) -> None:
    """Take the word of a user that a writer on another machine is gone; raise `OSError`.

    The lock of the run still keeps two processes from writing it.
    """
    (run / "writer.json").unlink(missing_ok=True)
