"""The name that a user gave a run; the folder keeps its own."""

from __future__ import annotations

from pathlib import Path

from dmdstudio.files.whole import write_text

NAME = "label.txt"
_LIMIT = 200


def read_label(run: Path) -> str:
    """Return a run's name; empty where it was given none."""
    try:
        return (run / NAME).read_text("utf-8")[:_LIMIT].strip()
    except (OSError, ValueError):
        return ""


def write_label(run: Path, name: str) -> None:
    """Give a run a name; an empty one takes it away. Raise `OSError`."""
    words = " ".join(name.split())[:_LIMIT]
    if words:
        write_text(run / NAME, words + "\n")
    else:
        (run / NAME).unlink(missing_ok=True)
