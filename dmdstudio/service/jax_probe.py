"""Run as a program: evaluates an exported JAX program on several configurations, with JAX alone.

    python -I jax_probe.py SCRIPT GIVEN.npz RESULT.npz

Anything but the standard library, JAX with what it needs itself, and NumPy is not found.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

ALLOWED = ("flatbuffers", "jax", "jaxlib", "ml_dtypes", "nvidia", "numpy", "opt_einsum", "scipy")
"""JAX reads exports by flatbuffers. Plugins are ``jax_cuda12_plugin``, ``jax_plugins`` and such."""


class NothingElse:
    """A finder of modules that finds no other package.

    Args:
        finder: the usual one.
    """

    def __init__(self, finder: Any) -> None:
        self._finder = finder

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return where a module is, None where it is not allowed."""
        top = fullname.partition(".")[0]
        known = top in sys.stdlib_module_names or top.startswith("_")  # _sysconfigdata...
        plugin = top.startswith("jax_") and top != "jax_md"
        if known or plugin or top in ALLOWED:
            return self._finder.find_spec(fullname, path, target)
        return None


def main(script: str, given: str, result: str) -> None:
    """Write energies [configuration], forces and stresses; eV, angstrom."""
    sys.meta_path[:] = [NothingElse(finder) for finder in sys.meta_path]
    import numpy as np

    spec = importlib.util.spec_from_file_location("exported", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with np.load(given) as found:
        pairs = list(zip(found["positions"], found["cells"], strict=True))
    energies, forces, stresses = zip(*(module.evaluate(*pair) for pair in pairs), strict=True)
    np.savez(result, energies=energies, forces=forces, stresses=stresses)


if __name__ == "__main__":
    main(*sys.argv[1:])
