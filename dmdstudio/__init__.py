"""DMD Studio: refine potential energy surfaces against measured dynamics.

Importing this package imports neither JAX nor Qt.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "load_calculator"]


def load_calculator(run_dir: str | Path, iteration: str | int = "best") -> Any:
    """Return an ASE calculator with the parameters that a run found.

    Args:
        run_dir: a run folder.
        iteration: ``'best'``, ``'last'`` or a number.
    """
    # by name: every floor may import this package, and only the engine's may reach JAX
    return import_module("dmdstudio.service.calculator").load_calculator(run_dir, iteration)
