"""Runs exported programs in JAX alone, in a process that cannot import us. No JAX here."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np

from dmdstudio.service.other_engine import (
    Evaluation,
    Exported,
    OtherEngine,
    other_engines,
    python,
    run_child,
    single_thread,
)

_PROBE = Path(__file__).with_name("jax_probe.py")


class Jax(OtherEngine):
    """JAX and NumPy, through the exported loader."""

    name = "JAX"
    formats = ("jax",)

    def version(self) -> str | None:
        """Return the version that is installed."""
        return None if python() is None else importlib.metadata.version("jax")

    def evaluate(self, exported: Exported) -> tuple[list[Evaluation], str] | None:
        """Load the program once and call it for every configuration."""
        if exported.careful:
            return None
        interpreter, script = python(), exported.files[0]
        assert interpreter is not None
        given, result = script.parent / "given.npz", script.parent / "found.npz"
        positions = np.stack([one.positions for one in exported.configurations])
        cells = np.stack([one.cell for one in exported.configurations])
        np.savez(given, positions=positions, cells=cells)
        command = [interpreter, "-I", str(_PROBE), str(script), str(given), str(result)]
        run_child(command, script.parent, single_thread())
        with np.load(result) as found:
            evaluations = [
                Evaluation(float(energy), forces, -float(np.trace(stress)) / 3.0)
                for energy, forces, stress in zip(
                    found["energies"], found["forces"], found["stresses"], strict=True
                )
            ]
        note = "Loaded by the script as written, where nothing but jax and numpy can be imported."
        return evaluations, note


other_engines.add("jax", Jax())
