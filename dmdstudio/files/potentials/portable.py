"""A potential as a compiled program: StableHLO by `jax.export`, with a loader that needs only JAX.

NAME.stablehlo is what ``jax.export.Exported.serialize`` gives: (positions [atom, xyz], cell
[3, xyz]) -> (energy, forces [atom, xyz], derivative by the strain [3, 3]), float64, eV and
angstrom, for CPU and CUDA. Nothing of it is a pickle. NAME.json says what it is for.
Source: https://docs.jax.dev/en/latest/export/export.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmdstudio.base.registry import Registry
from dmdstudio.files.potentials.array_file import write_bytes
from dmdstudio.files.potentials.ase_calculator import AseCalculator
from dmdstudio.files.potentials.format import ExportFormat, export_formats
from dmdstudio.files.potentials.portable_loader import LOADER
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.whole import write_text, write_whole
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

FORMAT = 1
"""Version of the layout."""


@dataclass(frozen=True)
class Translation:
    """A potential that was translated for one number of atoms.

    Attributes:
        program: the serialized ``jax.export.Exported``.
        jax: version that wrote it.
        platforms: that it runs on, as JAX calls them.
        narrowest: least distance between opposite faces of a cell, angstrom.
        longest: of the cell's vectors, angstrom [3]; None where any length will do.
    """

    program: bytes
    jax: str
    platforms: tuple[str, ...]
    narrowest: float
    longest: tuple[float, float, float] | None


Translator = Callable[[Sequence[PotentialTerm], Structure], Translation]

translators: Registry[Translator] = Registry("translator of potentials")
"""Filled from above (`dmdstudio.service.portable`), for files know nothing of JAX."""


class Portable(ExportFormat):
    """The program, what it is for, and its loader."""

    name = "jax"
    label = "JAX (StableHLO)"
    doc = (
        "NAME.py holds a function energy_and_forces(positions, cell) that needs only jax and "
        "numpy, not DMD Studio; NAME.stablehlo is the compiled program (jax.export, CPU and CUDA, "
        "float64) for these atoms in this order, NAME.json says elements, units and cells."
    )
    kinds = AseCalculator.kinds
    suffix = ".py"
    taken = (".stablehlo", ".json")

    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the three files; see `ExportFormat.write`."""
        found = translators.get("stablehlo")(terms, structure)
        program, about = path.with_suffix(".stablehlo"), path.with_suffix(".json")
        write_whole(program, lambda aside: write_bytes(aside, found.program))
        write_text(about, json.dumps(_about(found, terms, structure, provenance), indent=1) + "\n")
        text = LOADER.replace("{about}", provenance.commented("# "))
        write_text(path, text.replace("{module}", path.stem).replace("{name}", path.name))
        return [path, program, about]


def _about(
    found: Translation,
    terms: Sequence[PotentialTerm],
    structure: Structure,
    provenance: Provenance,
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "sha256": hashlib.sha256(found.program).hexdigest(),
        "jax": found.jax,
        "platforms": list(found.platforms),
        "inputs": {"positions": ["atom", "xyz"], "cell": ["vector", "xyz"]},
        "outputs": {"energy": [], "forces": ["atom", "xyz"], "strain_derivative": ["xyz", "xyz"]},
        "units": {"length": "angstrom", "energy": "eV"},
        "cell": {
            "about": "Vectors as rows, periodic along all three, any shape; positions anywhere.",
            "narrowest": found.narrowest,
            "longest": found.longest,
        },
        "symbols": list(structure.symbols),
        "types": list(structure.types),
        "masses": structure.masses.tolist(),
        "positions": structure.positions.tolist(),
        "vectors": structure.cell.tolist(),
        "terms": [
            {"kind": t.kind, "options": t.options, "parameters": t.parameters} for t in terms
        ],
        "provenance": provenance.lines(),
    }


export_formats.add("jax", Portable())
