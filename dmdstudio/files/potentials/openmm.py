"""OpenMM: a force field XML, a PDB and a State with every digit, and a script that joins them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.format import ExportFormat, export_formats
from dmdstudio.files.potentials.openmm_force_field import (
    KINDS,
    KJ_PER_MOL,
    NM,
    Nonbonded,
    force_field,
    nonbonded,
)
from dmdstudio.files.potentials.openmm_molecules import Residues
from dmdstudio.files.potentials.openmm_script import SCRIPT
from dmdstudio.files.potentials.openmm_structure import pdb_file, state_file
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.structures.bonds import gathered
from dmdstudio.files.structures.cell import lower_triangular, perpendicular_widths
from dmdstudio.files.structures.topology import Topology
from dmdstudio.files.whole import write_text
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

EWALD_ATOMS = 2000
"""Up to here, in cells with right angles, Ewald's sum is written; a mesh is faster beyond."""

_TOLERANCES = {"Ewald": 1e-9, "PME": 1e-7, "CutoffPeriodic": 1e-7}
"""Forces are off by a few times less than this, over the largest."""


class OpenMM(ExportFormat):
    """Force field XML, with structure and a script that builds the system."""

    name = "openmm"
    label = "OpenMM"
    doc = (
        "NAME.xml is the force field; NAME.pdb names atoms and bonds; NAME_state.xml holds "
        "positions and box with every digit; NAME_openmm.py builds the system with the right "
        "cutoffs and switch, prints the energy and runs MD."
    )
    kinds = KINDS
    suffix = ".xml"
    taken = (".pdb", ".py")
    comment = ("<!-- ", " -->")
    reader = "openmm"

    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the four files; see `ExportFormat.write`."""
        residues, cell, positions = _turned(structure)
        pairs = nonbonded(terms, residues.topology)
        width = float(perpendicular_widths(cell).min())
        if pairs.largest_cutoff > width / 2:
            raise FileError(
                f"OpenMM needs a cell at least twice as wide as the cutoff "
                f"{pairs.largest_cutoff:g} angstrom; the smallest width is {width:.3f}.",
                "Replicate the cell.",
            )
        xml = force_field(terms, residues, pairs, provenance)
        pdb = path.with_name(f"{path.stem}.pdb")
        state = path.with_name(f"{path.stem}_state.xml")
        script = path.with_name(f"{path.stem}_openmm.py")
        self.write_structure(terms, structure, path, provenance)
        write_text(path, xml)
        notes = _tilt_note(cell, pairs.largest_cutoff) + _order_note(residues.order)
        method = _method(pairs, cell, len(positions))
        start = pairs.lennard_jones.switch_start * NM if pairs.lennard_jones else None
        text = SCRIPT.format(
            about=provenance.commented("# ") + notes,
            name=script.name,
            force_field=path.name,
            pdb=pdb.name,
            state=state.name,
            method=method,
            tolerance=_TOLERANCES[method],
            cutoff=repr(pairs.cutoff * NM),
            largest_cutoff=repr(pairs.largest_cutoff * NM),
            switch_start=repr(start),
            scales_14=pairs.scales_14,
            scaled=_scaled(pairs),
            kj_per_mol=KJ_PER_MOL,
            temperature=repr(300.0 if provenance.temperature is None else provenance.temperature),
            timestep_fs=repr(provenance.timestep_fs),
        )
        write_text(script, text)
        return [path, pdb, state, script]

    def write_structure(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write PDB and State alone, which the script's ``build`` takes as well."""
        residues, cell, positions = _turned(structure)
        pdb = path.with_name(f"{path.stem}.pdb")
        state = path.with_name(f"{path.stem}_state.xml")
        write_text(pdb, pdb_file(residues, positions, provenance))
        write_text(state, state_file(cell, positions, provenance))
        return [pdb, state]

    def order(self, structure: Structure) -> np.ndarray:
        """Return the atoms molecule by molecule [atom]."""
        return Residues(Topology(structure)).order


export_formats.add("openmm", OpenMM())


def _turned(structure: Structure) -> tuple[Residues, np.ndarray, np.ndarray]:
    """Return residues, cell and positions as OpenMM wants them, molecules in one piece."""
    turned, _ = lower_triangular(gathered(structure))
    residues = Residues(Topology(turned))
    return residues, turned.cell, turned.positions[residues.order]


def _scaled(pairs: Nonbonded) -> list[tuple[str, float] | None]:
    """Return formulas and factors of pairs three bonds apart, None where the script adds none."""
    return [
        None if scale in (0.0, 1.0) else (re.sub(r"\br\b", "angstroms", formula.one_four), scale)
        for formula, scale in zip(pairs.formulas, pairs.formula_scales_14, strict=True)
    ]


def _method(pairs: Nonbonded, cell: np.ndarray, atoms: int) -> str:
    if pairs.charges is None:
        return "CutoffPeriodic"
    tilted = np.tril(cell, -1).any()  # which OpenMM's Ewald cannot do
    return "PME" if tilted or atoms > EWALD_ATOMS else "Ewald"


def _order_note(order: np.ndarray) -> str:
    if np.array_equal(order, np.arange(len(order))):
        return ""
    return "\n#\n# Atoms were sorted by molecules, in the order of their first atoms."


def _tilt_note(cell: np.ndarray, cutoff: float) -> str:
    """Return a warning where OpenMM's Reference platform may miss pairs.

    Measured with OpenMM 8.6.1, cutoff 10, cell (23,0,0) (7,22,0) (-6,5,24) angstrom: energy off by
    1e-4; right to 1e-14 from three cutoffs on; the CPU platform is right.
    """
    if not np.tril(cell, -1).any() or float(np.diag(cell).min()) >= 3 * cutoff:
        return ""
    return (
        "\n#\n# In a tilted cell narrower than three cutoffs OpenMM's Reference platform can miss\n"
        "# pairs. Use CPU, CUDA or OpenCL here, or replicate the cell."
    )
