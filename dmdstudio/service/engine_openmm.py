"""Runs exported scripts in OpenMM, on the platform that computes in double precision."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np

from dmdstudio.base.units import factor
from dmdstudio.files.potentials import export_formats
from dmdstudio.files.potentials.numbers import option
from dmdstudio.files.structures import lower_triangular
from dmdstudio.files.structures.bonds import gathered
from dmdstudio.plan.structure import Structure
from dmdstudio.service.other_engine import (
    TIMEOUT_S,
    Evaluation,
    Exported,
    OtherEngine,
    other_engines,
    python,
    run_child,
    single_thread,
)

_PROBE = Path(__file__).with_name("openmm_probe.py")
_WIDE = 3.0
"""Cutoffs that a tilted cell must be wide, or this platform can miss pairs."""


class OpenMM(OtherEngine):
    """OpenMM, through the function ``build`` of the exported script."""

    name = "OpenMM"
    formats = ("openmm",)

    def version(self) -> str | None:
        """Return the version that is installed."""
        if python() is None or importlib.util.find_spec("openmm") is None:
            return None
        return importlib.metadata.version("openmm")

    def evaluate(self, exported: Exported) -> tuple[list[Evaluation], str] | None:
        """Build the system for the script's own files and for those of every other structure."""
        interpreter, script = python(), exported.files[-1]
        assert interpreter is not None
        format_, folder = export_formats.get("openmm"), script.parent
        copies = _copies(exported) if exported.careful else (1, 1, 1)
        if exported.careful and max(copies) == 1:
            return None
        note = "Built by the script as written, on the Reference platform (double precision)."
        if max(copies) > 1:
            note += (
                f" The cell was repeated {' x '.join(map(str, copies))} times, for this platform "
                "can miss pairs in a tilted cell narrower than three cutoffs."
            )
        words = []
        for number, structure in enumerate(exported.configurations):
            if number or max(copies) > 1:
                path = folder / f"configuration{number}.xml"
                large = _repeated(structure, copies)
                words += format_.write_structure(exported.terms, large, path, exported.provenance)
        result = folder / "probe.npz"
        own = "own" if max(copies) == 1 else "others"
        command = [interpreter, str(_PROBE), str(script), str(result), own, *map(str, words)]
        run_child(command, folder, single_thread(), TIMEOUT_S * len(exported.configurations))
        with np.load(result) as found:
            numbers = [
                (float(e), found[f"forces{n}"], float(p))
                for n, (e, p) in enumerate(zip(found["energies"], found["slopes"], strict=True))
            ]
        evaluations = [
            _turned_back(numbers[n], structure, copies)
            for n, structure in enumerate(exported.configurations)
        ]
        return evaluations, note


other_engines.add("openmm", OpenMM())


def _copies(exported: Exported) -> tuple[int, int, int]:
    """Return how often the cell is repeated along each vector so that no pair is missed."""
    cell = lower_triangular(exported.configurations[0])[0].cell
    cutoffs = [option(t, "cutoff") for t in exported.terms if "cutoff" in t.options]
    widths = np.diag(cell)
    if not cutoffs or not np.tril(cell, -1).any() or widths.min() >= _WIDE * max(cutoffs):
        return (1, 1, 1)
    first, second, third = (int(n) for n in np.ceil(_WIDE * max(cutoffs) / widths))
    return (first, second, third)


def _repeated(structure: Structure, copies: tuple[int, int, int]) -> Structure:
    """Return copies of a structure whose molecules are in one piece, one copy after the other."""
    if max(copies) == 1:
        return structure
    structure = lower_triangular(gathered(structure))[0]
    shifts = np.indices(copies).reshape(3, -1).T @ structure.cell
    count, atoms = len(shifts), len(structure.symbols)
    return replace(
        structure,
        symbols=structure.symbols * count,
        names=structure.names * count,
        positions=(shifts[:, None] + structure.positions).reshape(-1, 3),
        cell=structure.cell * np.array(copies)[:, None],
        masses=np.tile(structure.masses, count),
        bonds=(np.arange(count)[:, None, None] * atoms + structure.bonds).reshape(-1, 2),
    )


def _turned_back(
    found: tuple[float, np.ndarray, float], structure: Structure, copies: tuple[int, int, int]
) -> Evaluation:
    """Return an evaluation in the frame, the order and the size of the structure itself."""
    energy, forces, slope = found
    _, rotation = lower_triangular(structure)
    order = export_formats.get("openmm").order(structure)
    ordered = np.empty((len(order), 3))
    ordered[order] = forces[: len(order)]
    return Evaluation(
        energy * factor("kJ/mol", "eV") / np.prod(copies),
        ordered @ rotation.T * factor("kJ/mol/nm", "eV/angstrom"),
        -slope * factor("kJ/mol", "eV") / factor("nm", "angstrom") ** 3,
    )
