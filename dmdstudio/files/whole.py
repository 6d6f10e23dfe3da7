"""Files that are whole or not there: written aside, flushed to the disk, renamed."""

from __future__ import annotations

import contextlib
import glob
import os
import time
from collections.abc import Callable
from pathlib import Path

TEMPORARY = ".partial"
"""Ending of a file that is being written; one that is found later is a leftover."""


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a file beside ``path``, then put it in its place in one step.

    Whoever reads ``path``, after a power failure too, finds the old file or the new one.

    Args:
        path: the file to make or replace.
        write: is called with the name to write to, in the same folder.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        write(aside)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with line ends as given, whole or not at all."""
    write_whole(path, lambda aside: _write_bytes(aside, text.encode("utf-8")))


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; Windows does so by itself and cannot be asked."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems cannot sync a folder.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path, name: str = "*", age_seconds: float = 0.0) -> None:
    """Remove what an interrupted `write_whole` left in a folder, of one file or of all.

    ``age_seconds`` spares what another process may be writing at this moment.
    """
    pattern = "*" if name == "*" else f"{glob.escape(name)}.*"
    for leftover in folder.glob(f".{pattern}{TEMPORARY}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime >= age_seconds:
                leftover.unlink()
