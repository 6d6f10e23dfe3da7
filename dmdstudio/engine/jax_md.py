"""The one door to jax-md.

Importing the package itself imports its neural networks (flax, e3nn, haiku), which takes 7 seconds
that a refinement of argon does not have; its parts can be imported without it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType


def part(name: str) -> ModuleType:
    """Return a module of jax-md, such as ``simulate``, without running the package's own code."""
    with alone():
        return importlib.import_module(f"jax_md.{name}")


@contextlib.contextmanager
def alone() -> Iterator[Path]:
    """Let modules of jax-md be imported without the package's own code; give their folder."""
    spec = importlib.util.find_spec("jax_md")
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError("jax-md is not installed")
    folders = list(spec.submodule_search_locations)
    if "jax_md" in sys.modules:
        yield Path(folders[0])
        return
    stand_in = ModuleType("jax_md")
    stand_in.__path__ = folders
    sys.modules["jax_md"] = stand_in
    try:
        yield Path(folders[0])
    finally:
        del sys.modules["jax_md"]  # a later `import jax_md` gets the whole package


simulate = part("simulate")
