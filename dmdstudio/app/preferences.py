"""What the user prefers, kept between sessions: look, device, folders. No widgets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, cast

import platformdirs

from dmdstudio.app.run_folders import preference
from dmdstudio.app.theme import ThemeName

Device = Literal["auto", "cpu"]


def theme_preference() -> ThemeName:
    """Return the preferred look."""
    return cast(ThemeName, _one_of("theme", ("system", "light", "dark")))


def device_preference() -> Device:
    """Return where engines run whose recipe leaves it open."""
    return cast(Device, _one_of("device", ("auto", "cpu")))


def cache_folder() -> Path:
    """Return where compiled programs are kept; the environment wins over the preference."""
    named = os.environ.get("JAX_COMPILATION_CACHE_DIR") or preference("cache")
    return Path(named or platformdirs.user_cache_dir("dmdstudio", appauthor=False))


def engine_environment() -> dict[str, str]:
    """Return variables for engines that start from now on, without those that are set already."""
    wanted = {
        "JAX_COMPILATION_CACHE_DIR": preference("cache"),
        "JAX_PLATFORMS": "cpu" if device_preference() == "cpu" else "",
    }
    return {name: value for name, value in wanted.items() if value and name not in os.environ}


def cache_size(folder: Path) -> int:
    """Return the bytes that compiled programs take."""
    return sum(path.stat().st_size for path in folder.glob("*-cache"))


def clear_cache(folder: Path) -> int:
    """Remove JAX's compiled programs and nothing else; return the bytes freed."""
    freed = 0
    for path in (*folder.glob("*-cache"), *folder.glob("*-atime")):
        freed += path.stat().st_size
        path.unlink()
    return freed


def _one_of(name: str, choices: tuple[str, ...]) -> str:
    stored = preference(name)
    return stored if stored in choices else choices[0]
