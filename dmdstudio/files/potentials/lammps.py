"""LAMMPS: a complete input with structure and potential, and a run that measures diffusion.

Its pair_style lj/mdf is our switched Lennard-Jones, term for term: (1-x)^3 (1 + 3x + 6x^2)
multiplied out is 1 - 10 x^3 + 15 x^4 - 6 x^5 (https://docs.lammps.org/pair_mdf.html; package
EXTRA-PAIR). Units metal: angstrom, eV, amu, ps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dmdstudio.files.potentials.format import ExportFormat, export_formats
from dmdstudio.files.potentials.lammps_data import data_file
from dmdstudio.files.potentials.lammps_dynamics import dynamics_input
from dmdstudio.files.potentials.lammps_styles import (
    KINDS,
    BondedStyle,
    PairStyle,
    bonded_commands,
    bonded_styles,
    pair_commands,
    pair_styles,
    special_factors,
)
from dmdstudio.files.potentials.numbers import masses_of_types, single_charges
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.structures.cell import lower_triangular
from dmdstudio.files.structures.topology import Topology
from dmdstudio.files.whole import write_text
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

_PACKAGES = {
    "lj/mdf": "EXTRA-PAIR",
    "lepton": "LEPTON",
    "coul/long": "KSPACE",
    "cosine/squared": "EXTRA-MOLECULE",
    "fourier": "EXTRA-MOLECULE",
    "eam/alloy": "MANYBODY",
    "sw": "MANYBODY",
    "tersoff": "MANYBODY",
}


class Lammps(ExportFormat):
    """Input with structure and potential, its data file, and a run that measures diffusion."""

    name = "lammps"
    label = "LAMMPS"
    doc = (
        "NAME.in sets up structure and potential and computes the energy; NAME.data holds the "
        "structure, with bonds and charges; NAME_md.in runs NVT and NVE and measures the "
        "self-diffusion coefficient; NAME.table, .sw, .tersoff or .alloy hold what commands "
        "cannot. Packages EXTRA-PAIR, and for molecules MOLECULE, LEPTON or KSPACE, for silicon "
        "and metals MANYBODY."
    )
    kinds = KINDS
    suffix = ".in"
    taken = (".alloy", ".data", ".sw", ".table", ".tersoff")
    reader = "lammps"

    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the files; see `ExportFormat.write`."""
        topology = Topology(structure)
        masses_of_types(structure)  # refuses before anything is written
        pairs, beside = _named(pair_styles(terms, topology), path)
        bonded = bonded_styles(terms, topology)
        data = path.with_name(_data_name(path))
        dynamics = path.with_name(f"{path.stem}_md{path.suffix}")
        _, rotation = lower_triangular(structure)
        about = provenance.commented("# ")
        charged = bool(single_charges(terms, structure, self.name))
        full = "full" if len(topology.bonds) or charged else "atomic"
        text = _input(topology, pairs, bonded, full)
        head = _head(path.name, data.name, pairs, bonded, full == "full")
        self.write_structure(terms, structure, path, provenance)
        write_text(path, f"{about}\n{head}{_turn_note(rotation)}{text}")
        write_text(dynamics, dynamics_input(about, path.name, dynamics.name, provenance))
        for file, content in beside.items():
            first, _, rest = content.partition("\n")  # which says the units
            told = about
            if file.suffix == ".alloy":  # just three lines of comment, which LAMMPS cuts at 1023
                told = "\n".join(line[:1000] for line in about.split("\n")[1:3])
            write_text(file, f"{first}\n{told}\n{rest}")
        return [path, data, dynamics, *beside]

    def write_structure(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the data file alone, which ``-var data`` hands to the input."""
        turned = Topology(lower_triangular(structure)[0])
        charges = single_charges(terms, structure, self.name)
        bonded = bonded_styles(terms, turned)
        data = path.with_name(_data_name(path))
        write_text(data, data_file(turned, charges, bonded, provenance))
        return [data]


export_formats.add("lammps", Lammps())


def _data_name(path: Path) -> str:
    """Return the name of the data file; a variable of LAMMPS cannot hold blanks."""
    return f"{path.stem.replace(' ', '_')}.data"


def _named(styles: Sequence[PairStyle], path: Path) -> tuple[list[PairStyle], dict[Path, str]]:
    """Return the styles with the names of the files that they read, and these with their texts."""
    found, beside = [], {}
    for style in styles:
        suffix, text = style.file
        if suffix:
            number = sum(file.suffix == suffix for file in beside)
            stem = f"{path.stem.replace(' ', '_')}{f'_{number + 1}' if number else ''}"
            file = path.with_name(stem + suffix)
            beside[file] = text
            named = {
                pair: words.replace("{file}", file.name)
                for pair, words in style.coefficients.items()
            }
            style = replace(style, coefficients=named)
        found.append(style)
    return found, beside


def _turn_note(rotation: np.ndarray) -> str:
    if np.array_equal(rotation, np.eye(3)):
        return ""
    rows = "\n".join("#   " + " ".join(repr(float(x)) for x in row) for row in rotation)
    return (
        "# The cell was turned so that its first vector lies along x and its second in the xy\n"
        "# plane, as LAMMPS needs it: position (row) in LAMMPS = original position times\n"
        f"{rows}\n"
    )


def _head(
    name: str, data: str, pairs: Sequence[PairStyle], bonded: Sequence[BondedStyle], molecules: bool
) -> str:
    packages = {_PACKAGES[style.name] for style in (*pairs, *bonded) if style.name in _PACKAGES}
    packages |= {"MOLECULE"} if molecules else set()
    return f"""#
# Energy of the structure:  lmp -in {name}
# Of another one:           lmp -in {name} -var data OTHER.data
# Needs packages: {", ".join(sorted(packages)) or "none"}. Start it in this folder.

variable data index {data}
"""


def _input(
    topology: Topology, pairs: Sequence[PairStyle], bonded: Sequence[BondedStyle], style: str
) -> str:
    setup, coefficients = bonded_commands(bonded)
    if len(topology.bonds):
        factors = special_factors(pairs)
        setup += [
            "# Pairs one or two bonds apart are left out; factors of those three bonds apart:",
            f"special_bonds lj 0.0 0.0 {factors[0]!r} coul 0.0 0.0 {factors[1]!r}",
        ]
    lines = [
        "units metal",
        f"atom_style {style}",
        "boundary p p p",
        *setup,
        "read_data ${data}",
        "",
        *coefficients,
        *pair_commands(pairs, topology),
    ]
    text = "\n".join(lines)
    return f"""{text}

neighbor 2.0 bin
neigh_modify every 1 delay 0 check yes
thermo_style custom step temp pe etotal press
thermo_modify format float %.15g
run 0
"""
