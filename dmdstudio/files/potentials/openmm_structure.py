"""Structures for OpenMM: a PDB that names atoms and bonds, and a State with every digit."""

from __future__ import annotations

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials.openmm_molecules import Residues
from dmdstudio.files.potentials.provenance import Provenance

_NM = factor("angstrom", "nm")
_MOST_BONDED = 99_999
"""Larger numbers have no room in CONECT."""


def pdb_file(residues: Residues, positions: np.ndarray, provenance: Provenance) -> str:
    """Return a PDB, one residue per molecule; its three decimals are for viewers only.

    Args:
        residues: of a structure whose cell is lower triangular.
        positions: in the order of the residues [atom, xyz], angstrom.
        provenance: goes into remarks.

    Raises:
        FileError: there are more bonded atoms than the format can number.
    """
    topology = residues.topology
    if len(topology.bonds) and len(positions) > _MOST_BONDED:
        raise FileError(
            f"A PDB file has no room for the bonds of {len(positions)} atoms; {_MOST_BONDED} at "
            "most.",
            "Export to lammps.",
        )
    lines = [f"REMARK   1 {line}" for line in provenance.lines()]
    lines.append(_box(topology.structure.cell))
    serial = 0
    for number, residue in enumerate(residues.of_molecules, 1):
        for name, element in zip(residue.atoms, residue.elements, strict=True):
            shown = f"{name:>2s}  " if len(residue.atoms) == 1 else f"{name:>4s}"
            xyz = "".join(f"{x:8.3f}" for x in positions[serial])
            serial += 1
            lines.append(
                f"HETATM{serial % 100000:5d} {shown} {residue.name:>3s} A{number % 10000:4d}    "
                f"{xyz}  1.00  0.00          {element.upper():>2s}"
            )
    first = 1
    for residue in residues.of_molecules:
        lines += [f"CONECT{first + i:5d}{first + j:5d}" for i, j in residue.bonds]
        first += len(residue.atoms)
    return "\n".join([*lines, "END"]) + "\n"


def _box(cell: np.ndarray) -> str:
    lengths = np.linalg.norm(cell, axis=1)
    unit = cell / lengths[:, None]
    angles = np.degrees(np.arccos([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]]))
    sides = "".join(f"{x:9.3f}" for x in lengths) + "".join(f"{x:7.2f}" for x in angles)
    return f"CRYST1{sides} P 1           1"


def state_file(cell: np.ndarray, positions: np.ndarray, provenance: Provenance) -> str:
    """Return positions [atom, xyz] and box vectors [3, xyz] (angstrom) as an OpenMM State."""

    def vector(tag: str, xyz: np.ndarray) -> str:
        x, y, z = (repr(float(v) * _NM) for v in xyz)
        return f'    <{tag} x="{x}" y="{y}" z="{z}"/>'

    box = "\n".join(vector(tag, row) for tag, row in zip("ABC", cell, strict=True))
    atoms = "\n".join(vector("Position", xyz) for xyz in positions)
    # OpenMM tells the sort of an XML file by its first element, so the comment stands inside.
    return f"""<State type="State" version="1" time="0" stepCount="0">
  <!--
{provenance.commented("  ")}
  -->
  <PeriodicBoxVectors>
{box}
  </PeriodicBoxVectors>
  <Positions>
{atoms}
  </Positions>
</State>
"""
