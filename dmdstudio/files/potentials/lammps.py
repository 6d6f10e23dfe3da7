"""LAMMPS input: pair_style lj/mdf is our switched Lennard-Jones, term for term.

Its switch (1-x)^3 (1 + 3x + 6x^2) multiplied out is 1 - 10 x^3 + 15 x^4 - 6 x^5
(https://docs.lammps.org/pair_mdf.html; package EXTRA-PAIR). Units metal: angstrom, eV, amu, ps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from dmdstudio.files.potentials.format import ExportFormat, export_formats
from dmdstudio.files.potentials.lennard_jones import LennardJonesNumbers, single_lennard_jones
from dmdstudio.files.potentials.provenance import Provenance, comment_text
from dmdstudio.files.structures.cell import lower_triangular
from dmdstudio.files.whole import write_text
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm


class Lammps(ExportFormat):
    """Input with structure and potential, its data file, and a run that measures diffusion."""

    name = "lammps"
    label = "LAMMPS"
    doc = (
        "NAME.in sets up structure and potential (pair_style lj/mdf, package EXTRA-PAIR) and "
        "computes the energy; NAME.data holds the structure; NAME_md.in runs NVT and NVE and "
        "measures the self-diffusion coefficient."
    )
    kinds = ("lennard_jones",)
    suffix = ".in"
    taken = (".data",)

    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the three files; see `ExportFormat.write`."""
        numbers = single_lennard_jones(terms, structure, self.name)
        data = path.with_name(f"{path.stem}.data")
        dynamics = path.with_name(f"{path.stem}_md{path.suffix}")
        turned, rotation = lower_triangular(structure)
        about = provenance.commented("# ")
        write_text(data, _data(turned, numbers, provenance))
        write_text(path, _input(numbers, about, data.name, path.name, _turn_note(rotation)))
        write_text(dynamics, _dynamics(about, path.name, dynamics.name, provenance))
        return [path, data, dynamics]


export_formats.add("lammps", Lammps())


def _turn_note(rotation: np.ndarray) -> str:
    if np.array_equal(rotation, np.eye(3)):
        return ""
    rows = "\n".join("#   " + " ".join(repr(float(x)) for x in row) for row in rotation)
    return (
        "# The cell was turned so that its first vector lies along x and its second in the xy\n"
        "# plane, as LAMMPS needs it: position (row) in LAMMPS = original position times\n"
        f"{rows}\n"
    )


def _data(structure: Structure, numbers: LennardJonesNumbers, provenance: Provenance) -> str:
    cell = [[repr(float(x)) for x in row] for row in structure.cell]
    lines = [
        # LAMMPS takes the first line for a title and skips it.
        comment_text(f"# {structure.formula}. {' | '.join(provenance.lines())}"),
        "",
        f"{len(structure.symbols)} atoms",
        f"{len(numbers.types)} atom types",
        f"0.0 {cell[0][0]} xlo xhi",
        f"0.0 {cell[1][1]} ylo yhi",
        f"0.0 {cell[2][2]} zlo zhi",
    ]
    if np.tril(structure.cell, -1).any():
        lines.append(f"{cell[1][0]} {cell[2][0]} {cell[2][1]} xy xz yz")
    lines += ["", "Masses", ""]
    for place, type_ in enumerate(numbers.types, start=1):
        lines.append(f"{place} {numbers.masses[type_]!r} # {type_}")
    lines += ["", "Atoms # atomic", ""]
    for number, (symbol, xyz) in enumerate(
        zip(structure.symbols, structure.positions, strict=True), start=1
    ):
        place = numbers.types.index(symbol) + 1
        lines.append(f"{number} {place} " + " ".join(repr(float(x)) for x in xyz))
    return "\n".join(lines) + "\n"


def _input(numbers: LennardJonesNumbers, about: str, data: str, name: str, turn_note: str) -> str:
    pairs = []
    for first, second in combinations_with_replacement(numbers.types, 2):
        sigma, epsilon = numbers.pair(first, second)
        places = [numbers.types.index(type_) + 1 for type_ in (first, second)]
        pairs.append(f"pair_coeff {places[0]} {places[1]} {epsilon!r} {sigma!r} # {first} {second}")
    coefficients = "\n".join(pairs)
    return f"""{about}
#
# Energy of the structure:  lmp -in {name}
# Needs package EXTRA-PAIR. Start it in this folder.

units metal
atom_style atomic
boundary p p p
{turn_note}read_data "{data}"

# Lennard-Jones, switched to zero between {numbers.switch_start!r} and {numbers.cutoff!r} angstrom;
# lines below: types, epsilon (eV), sigma (angstrom). Mixing was {numbers.mixing}.
pair_style lj/mdf {numbers.switch_start!r} {numbers.cutoff!r}
{coefficients}
pair_modify shift no tail no

neighbor 2.0 bin
neigh_modify every 1 delay 0 check yes
thermo_style custom step temp pe etotal press
thermo_modify format float %.15g
run 0
"""


def _dynamics(about: str, main: str, name: str, provenance: Provenance) -> str:
    stem = Path(main).stem.replace(" ", "_")  # in quotes LAMMPS would not fill in ${origin}
    temperature = 300.0 if provenance.temperature is None else provenance.temperature
    return f"""{about}
#
# Self-diffusion by Green-Kubo:  lmp -in {name} -var temperature {temperature!r} -var origins 50
# Each origin: Langevin NVT, then NVE, whose velocity autocorrelation (angstrom^2/ps^2 against
# the step) goes to {stem}_vacf_N.txt;
# D = 1/3 times its time integral, one line per origin in {stem}_diffusion.txt. Start it in this
# folder.

variable temperature index {temperature!r}
variable timestep_fs index {provenance.timestep_fs!r}
variable seed index 12345
variable equilibration index 20000
variable decorrelation index 2000
variable production index 2000
variable origins index 20

include "{main}"

variable timestep_ps equal v_timestep_fs/1000
timestep ${{timestep_ps}}
thermo 1000
velocity all create ${{temperature}} ${{seed}} mom yes rot no dist gaussian
fix motion all nve
fix bath all langevin ${{temperature}} ${{temperature}} 1.0 ${{seed}} zero yes
run ${{equilibration}}
unfix bath

print "# origin self_diffusion (1e-9 m2/s)" file {stem}_diffusion.txt
variable origin loop ${{origins}}
label next_origin
variable origin_seed equal v_seed+v_origin
fix bath all langevin ${{temperature}} ${{temperature}} 1.0 ${{origin_seed}} zero yes
run ${{decorrelation}}
unfix bath
velocity all zero linear
reset_timestep 0
compute autocorrelation all vacf
fix record all vector 1 c_autocorrelation[4]
fix curve all ave/time 1 1 1 c_autocorrelation[4] file {stem}_vacf_${{origin}}.txt
# 1 angstrom^2/ps = 10 * 1e-9 m2/s
variable self_diffusion equal 10*trap(f_record)*v_timestep_ps/3
run ${{production}}
print "${{origin}} $(v_self_diffusion)" append {stem}_diffusion.txt
variable self_diffusion delete
unfix curve
unfix record
uncompute autocorrelation
next origin
jump SELF next_origin
"""
