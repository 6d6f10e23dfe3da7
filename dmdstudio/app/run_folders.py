"""Where runs go, where the shipped examples lie, and what was opened lately. No Qt widgets."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings

_MOST_RECENT = 8


def settings() -> QSettings:
    """Return the window's own settings file."""
    return QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, "DMD Studio", "DMD Studio"
    )


def preference(name: str) -> str:
    """Return what the user prefers, kept between sessions; empty for the default."""
    return str(settings().value(f"preferences/{name}", "") or "")


def prefer(name: str, value: str) -> None:
    """Keep a preference; an empty one goes back to the default."""
    if value:
        settings().setValue(f"preferences/{name}", value)
    else:
        settings().remove(f"preferences/{name}")


def runs_folder() -> Path:
    """Return the folder that new runs are made in; ``DMDSTUDIO_RUNS`` overrides the preference."""
    if chosen := os.environ.get("DMDSTUDIO_RUNS") or preference("runs"):
        return Path(chosen)
    import platformdirs

    documents = platformdirs.user_documents_path()
    if documents.is_dir():
        return documents / "DMD Studio" / "runs"
    return platformdirs.user_data_path("DMD Studio", appauthor=False) / "runs"


def data_folder() -> Path:
    """Return where data are kept that came without a file, beside the runs."""
    return runs_folder().parent / "data"


def documents_folder() -> Path:
    """Return where people keep what they write: their documents, else their home."""
    import platformdirs

    documents = platformdirs.user_documents_path()
    return documents if documents.is_dir() else Path.home()


def state_folder() -> Path:
    """Return where windows keep what is not saved yet; ``DMDSTUDIO_STATE`` overrides it."""
    if chosen := os.environ.get("DMDSTUDIO_STATE"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_state_path("DMD Studio", appauthor=False)


def new_run_folder(title: str, now: float | None = None) -> Path:
    """Return a folder name that is not taken: title and time."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "run"
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    folder = runs_folder() / f"{words}-{stamp}"
    number = 2
    while folder.exists():
        folder = runs_folder() / f"{words}-{stamp}-{number}"
        number += 1
    return folder


def resources_folder() -> Path | None:
    """Return the folder of examples and guide, if this installation has it."""
    package = Path(__file__).resolve().parents[1]
    for resources in (package / "resources", package.parent / "resources"):
        if resources.is_dir():
            return resources
    return None


def example_recipe(folder: str, file: str = "recipe.toml") -> Path | None:
    """Return the recipe of a shipped example, if this installation has it."""
    resources = resources_folder()
    recipe = resources / "examples" / folder / file if resources else None
    return recipe if recipe and recipe.is_file() else None


def is_run_folder(path: Path) -> bool:
    """Whether a folder is a run, judged by its files alone."""
    return (path / "run.toml").is_file() or (path / "events.jsonl").is_file()


def recent() -> list[Path]:
    """Return the recipes and runs opened lately that still exist, newest first."""
    stored: Any = settings().value("recent", [])
    names = [stored] if isinstance(stored, str) else list(stored or [])
    return [Path(name) for name in names if Path(name).exists()]


def remember(path: Path) -> None:
    """Put a recipe or run at the top of those opened lately."""
    path = path.resolve()
    names = [str(path), *(str(p) for p in recent() if p != path)]
    settings().setValue("recent", names[:_MOST_RECENT])
