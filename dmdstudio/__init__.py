"""DMD Studio: refine potential energy surfaces against measured dynamics.

Importing this package imports neither JAX nor Qt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmdstudio.service.calculator import load_calculator

__version__ = "0.1.0"
__all__ = ["__version__", "load_calculator"]


def __getattr__(name: str) -> object:
    if name == "load_calculator":
        from dmdstudio.service.calculator import load_calculator

        return load_calculator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
