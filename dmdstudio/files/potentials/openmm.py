"""OpenMM: a force field XML, a PDB and a State with every digit, and a script that joins them.

Lorentz-Berthelot mixing is OpenMM's NonbondedForce, whose switching function is ours; geometric
mixing is written as a CustomNonbondedForce. Units nm, kJ/mol, amu.
Source: OpenMM User Guide, Theory, "NonbondedForce" and "CustomNonbondedForce".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials.format import ExportFormat, export_formats
from dmdstudio.files.potentials.lennard_jones import LennardJonesNumbers, lennard_jones_numbers
from dmdstudio.files.potentials.numbers import masses_of_types
from dmdstudio.files.potentials.openmm_script import SCRIPT
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.structures.cell import lower_triangular, perpendicular_widths
from dmdstudio.files.whole import write_text
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

_NM = factor("angstrom", "nm")
_KJ_PER_MOL = factor("eV", "kJ/mol")


class OpenMM(ExportFormat):
    """Force field XML, with structure and a script that builds the system."""

    name = "openmm"
    label = "OpenMM"
    doc = (
        "NAME.xml is the force field; NAME.pdb names the atoms; NAME_state.xml holds positions and "
        "box with every digit; NAME_openmm.py builds the system with the right cutoff and switch, "
        "prints the energy and runs MD."
    )
    kinds = ("lennard_jones",)
    suffix = ".xml"
    taken = (".pdb", ".py")

    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the four files; see `ExportFormat.write`."""
        if len(terms) != 1:
            raise FileError(
                f"Format 'openmm' writes a single lennard_jones term; there are {len(terms)}.",
                "Export to ase, which adds any number of terms.",
            )
        numbers, masses = lennard_jones_numbers(terms[0], structure), masses_of_types(structure)
        turned, _ = lower_triangular(structure)
        width = float(perpendicular_widths(turned.cell).min())
        if numbers.cutoff > width / 2:
            raise FileError(
                f"OpenMM needs a cell at least twice as wide as the cutoff "
                f"{numbers.cutoff:g} angstrom; the smallest width is {width:.3f}.",
                "Replicate the cell.",
            )
        pdb = path.with_name(f"{path.stem}.pdb")
        state = path.with_name(f"{path.stem}_state.xml")
        script = path.with_name(f"{path.stem}_openmm.py")
        write_text(path, _force_field(numbers, masses, provenance))
        write_text(pdb, _pdb(turned, provenance))
        write_text(state, _state(turned, provenance))
        text = SCRIPT.format(
            about=provenance.commented("# ") + _tilt_note(turned.cell, numbers.cutoff),
            name=script.name,
            force_field=path.name,
            pdb=pdb.name,
            state=state.name,
            cutoff=repr(numbers.cutoff * _NM),
            switch_start=repr(numbers.switch_start * _NM),
            temperature=repr(300.0 if provenance.temperature is None else provenance.temperature),
            timestep_fs=repr(provenance.timestep_fs),
        )
        write_text(script, text)
        return [path, pdb, state, script]


export_formats.add("openmm", OpenMM())


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


def _residue(type_: str) -> str:
    return type_.upper()


def _force_field(
    numbers: LennardJonesNumbers, masses: dict[str, float], provenance: Provenance
) -> str:
    types = "\n".join(
        f'    <Type name="{t}" class="{t}" element="{t}" mass="{masses[t]!r}"/>'
        for t in numbers.types
    )
    residues = "\n".join(
        f'    <Residue name="{_residue(t)}"><Atom name="{_residue(t)}" type="{t}"/></Residue>'
        for t in numbers.types
    )
    values = [
        f'sigma="{numbers.sigma[t] * _NM!r}" epsilon="{numbers.epsilon[t] * _KJ_PER_MOL!r}"'
        for t in numbers.types
    ]
    pairs = list(zip(numbers.types, values, strict=True))
    if numbers.mixing == "lorentz_berthelot":
        atoms = "\n".join(f'    <Atom type="{t}" charge="0" {value}/>' for t, value in pairs)
        force = (
            '  <NonbondedForce coulomb14scale="1" lj14scale="1" useDispersionCorrection="False">\n'
            f"{atoms}\n  </NonbondedForce>"
        )
    else:
        atoms = "\n".join(f'    <Atom type="{t}" {value}/>' for t, value in pairs)
        force = (
            '  <CustomNonbondedForce bondCutoff="0" energy="4*epsilon*((sigma/r)^12-(sigma/r)^6); '
            'sigma=sqrt(sigma1*sigma2); epsilon=sqrt(epsilon1*epsilon2)">\n'
            '    <PerParticleParameter name="sigma"/>\n'
            '    <PerParticleParameter name="epsilon"/>\n'
            f"{atoms}\n  </CustomNonbondedForce>"
        )
    return f"""<ForceField>
  <!--
{provenance.commented("  ")}
  Cutoff {numbers.cutoff * _NM!r} nm, switched from {numbers.switch_start * _NM!r} nm: both are set
  when the system is created, see the script beside this file. No dispersion correction.
  -->
  <AtomTypes>
{types}
  </AtomTypes>
  <Residues>
{residues}
  </Residues>
{force}
</ForceField>
"""


def _pdb(structure: Structure, provenance: Provenance) -> str:
    """Return a PDB, one residue per atom; its three decimals are for viewers only."""
    lengths = np.linalg.norm(structure.cell, axis=1)
    unit = structure.cell / lengths[:, None]
    angles = np.degrees(np.arccos([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]]))
    lines = [f"REMARK   1 {line}" for line in provenance.lines()]
    lines.append(
        "CRYST1"
        + "".join(f"{x:9.3f}" for x in lengths)
        + "".join(f"{x:7.2f}" for x in angles)
        + " P 1           1"
    )
    for number, (symbol, xyz) in enumerate(
        zip(structure.symbols, structure.positions, strict=True), start=1
    ):
        name = _residue(symbol)
        lines.append(
            f"HETATM{number % 100000:5d} {name:>2s}   {name:>3s} A{number % 10000:4d}    "
            + "".join(f"{x:8.3f}" for x in xyz)
            + f"  1.00  0.00          {name:>2s}"
        )
    return "\n".join([*lines, "END"]) + "\n"


def _state(structure: Structure, provenance: Provenance) -> str:
    """Return positions and box vectors as an OpenMM State, in nm."""

    def vector(tag: str, xyz: np.ndarray) -> str:
        x, y, z = (repr(float(v) * _NM) for v in xyz)
        return f'    <{tag} x="{x}" y="{y}" z="{z}"/>'

    box = "\n".join(vector(tag, row) for tag, row in zip("ABC", structure.cell, strict=True))
    atoms = "\n".join(vector("Position", xyz) for xyz in structure.positions)
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
