"""GROMACS: a topology, a structure with every digit, and the run settings that belong to them.

Its modifier Potential-switch is our switch, term for term. It has no damped and shifted charges and
no pairs of other forms since user tables are gone. Units nm, kJ/mol, e, degrees.
Source: GROMACS manual, "Topology file formats" and "Modified non-bonded interactions".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials import gromacs_terms
from dmdstudio.files.potentials.format import ExportFormat, export_formats
from dmdstudio.files.potentials.lennard_jones import (
    LennardJonesNumbers,
    lennard_jones_numbers,
    switch_of,
)
from dmdstudio.files.potentials.numbers import (
    masses_of_types,
    option,
    parameter,
    require_unswitched,
    scale_14,
    single_charges,
)
from dmdstudio.files.potentials.openmm_molecules import Residue, Residues
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.structures.bonds import gathered
from dmdstudio.files.structures.cell import lower_triangular
from dmdstudio.files.structures.topology import Topology
from dmdstudio.files.whole import write_text
from dmdstudio.plan.recipe import chain
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

_NM = factor("angstrom", "nm")
_KJ_PER_MOL = factor("eV", "kJ/mol")
PAIRS = ("lennard_jones", "lennard_jones_pairs")
"""Kinds of terms for Lennard-Jones."""

_MESH = 16
"""Points of the mesh per cutoff, for seven digits of the forces."""

_NO_PAIRS = 1.0
"""Cutoff where nothing has one, angstrom: its own, 10, is too long for many a cell."""

_RULES = {"lorentz_berthelot": 2, "geometric": 3}


class Gromacs(ExportFormat):
    """Topology, structure and run settings."""

    name = "gromacs"
    label = "GROMACS"
    doc = (
        "NAME.top is the topology, NAME.gro the structure, NAME.mdp the cutoffs and the switch. "
        "Charges by Ewald's sum only: GROMACS has no damped shifted force."
    )
    kinds = (*sorted((*gromacs_terms.KINDS, "ewald", *PAIRS)),)
    suffix = ".top"
    taken = (".gro", ".mdp")
    comment = ("; ", "")
    reader = "gromacs"

    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the three files; see `ExportFormat.write`."""
        for what, kinds in (("ewald", ("ewald",)), ("Lennard-Jones", PAIRS)):
            if sum(term.kind in kinds for term in terms) > 1:
                raise FileError(
                    f"Format 'gromacs' writes a single {what} term; there are several.",
                    "Export to lammps or ase, which add any number of terms.",
                )
        by_kind = {term.kind: term for term in terms}
        residues = _residues(structure)
        pairs = next((term for term in terms if term.kind in PAIRS), None)
        known = _numbers(pairs, structure) if pairs else None
        charges = single_charges(terms, structure, self.name)
        scales = _Scales.of(pairs, by_kind.get("ewald"), residues.topology)
        topology = _topology(terms, residues, known, charges, scales, provenance)
        settings = _settings(by_kind, known, path.stem, provenance)
        mdp = path.with_suffix(".mdp")
        write_text(mdp, settings)
        write_text(path, topology)
        return [path, *self.write_structure(terms, structure, path, provenance), mdp]

    def write_structure(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the .gro alone."""
        gro = path.with_suffix(".gro")
        write_text(gro, _coordinates(_residues(structure), provenance))
        return [gro]

    def order(self, structure: Structure) -> np.ndarray:
        """Return the atoms molecule by molecule [atom]."""
        return Residues(Topology(structure)).order


def _residues(structure: Structure) -> Residues:
    """Return the molecules in one piece, in a cell as GROMACS wants it."""
    turned, _ = lower_triangular(gathered(structure))
    return Residues(Topology(turned))


export_formats.add("gromacs", Gromacs())


@dataclass(frozen=True)
class _PairNumbers(LennardJonesNumbers):
    """Numbers for pairs of types, each with its own."""

    term: PotentialTerm

    def pair(self, first: str, second: str) -> tuple[float, float]:
        """Return sigma (angstrom) and epsilon (eV) of two types."""
        owner = chain((first, second))
        return parameter(self.term, "sigma", owner), parameter(self.term, "epsilon", owner)


def _numbers(term: PotentialTerm, structure: Structure) -> LennardJonesNumbers:
    """Return the numbers of a term of `PAIRS`."""
    if term.kind == "lennard_jones":
        return lennard_jones_numbers(term, structure)
    types, (start, cutoff) = tuple(sorted(set(structure.types))), switch_of(term)
    alike = {t: chain((t, t)) for t in types}
    sigma, epsilon = (
        {t: parameter(term, name, owner) for t, owner in alike.items()}
        for name in ("sigma", "epsilon")
    )
    return _PairNumbers(types, sigma, epsilon, cutoff, start, "lorentz_berthelot", term)


@dataclass(frozen=True)
class _Scales:
    """Factors of Lennard-Jones and of charges for atoms three bonds apart."""

    pairs: float
    charges: float

    @classmethod
    def of(
        cls, pairs: PotentialTerm | None, charges: PotentialTerm | None, topology: Topology
    ) -> _Scales:
        """Return the factors of a potential; `FileError` where they cannot be written."""
        found = cls(*(scale_14(term) if term else 1.0 for term in (pairs, charges)))
        if pairs and found.pairs == 1.0 != found.charges:  # all become pairs of their own
            require_unswitched(pairs, topology, option(pairs, "switch_start"))
        return found

    @property
    def full(self) -> bool:
        """Whether they count as all others do."""
        return self.pairs == self.charges == 1.0

    @property
    def listed(self) -> bool:
        """Whether they stand in a section of their own."""
        return not self.full and (self.pairs, self.charges) != (0.0, 0.0)


def _topology(
    terms: Sequence[PotentialTerm],
    residues: Residues,
    known: LennardJonesNumbers | None,
    charges: dict[str, float],
    scales: _Scales,
    provenance: Provenance,
) -> str:
    structure = residues.topology.structure
    masses = masses_of_types(structure)
    lines = [
        provenance.commented("; "),
        "; Pairs one or two bonds apart are left out (nrexcl 2); or three, and [ pairs ] brings "
        "them back by the fudge factors.",
        "",
        "[ defaults ]",
        "; nbfunc comb-rule gen-pairs fudgeLJ fudgeQQ",
        f"1 {_RULES[known.mixing] if known else 2} {'yes' if scales.listed else 'no'} "
        f"{scales.pairs!r} {scales.charges!r}",
        "",
        "[ atomtypes ]",
        "; name number mass charge ptype sigma (nm) epsilon (kJ/mol)",
    ]
    for type_ in residues.topology.types:
        sigma = known.sigma[type_] * _NM if known else 0.1
        epsilon = known.epsilon[type_] * _KJ_PER_MOL if known else 0.0
        lines.append(
            f"{type_} {atomic_numbers[structure.element_of(type_)]} {masses[type_]!r} "
            f"{charges.get(type_, 0.0)!r} A {sigma!r} {epsilon!r}"
        )
    if isinstance(known, _PairNumbers):
        lines += ["", "[ nonbond_params ]", "; two types, function, sigma (nm) epsilon (kJ/mol)"]
        for pair in combinations(known.types, 2):
            sigma, epsilon = known.pair(*pair)
            lines.append(f"{pair[0]} {pair[1]} 1 {sigma * _NM!r} {epsilon * _KJ_PER_MOL!r}")
    for residue in residues.kinds:
        lines += ["", *_molecule(residue, terms, masses, charges, scales)]
    lines += ["", "[ system ]", f"{structure.formula}", "", "[ molecules ]"]
    for name, found in groupby(residue.name for residue in residues.of_molecules):
        lines.append(f"{name} {len(list(found))}")
    return "\n".join(lines) + "\n"


def _molecule(
    residue: Residue,
    terms: Sequence[PotentialTerm],
    masses: dict[str, float],
    charges: dict[str, float],
    scales: _Scales,
) -> list[str]:
    types = residue.types
    lines = ["[ moleculetype ]", f"{residue.name} {2 if scales.full else 3}", "", "[ atoms ]"]
    for number, (name, type_) in enumerate(zip(residue.atoms, types, strict=True), 1):
        charge = charges.get(type_, 0.0)
        lines.append(
            f"{number} {type_} 1 {residue.name} {name} {number} {charge!r} {masses[type_]!r}"
        )
    local = Topology(
        Structure(
            types, np.zeros((len(types), 3)), np.eye(3), np.zeros(len(types)), "",
            np.array(residue.bonds, np.int64).reshape(-1, 2),
        )
    )  # fmt: skip
    if scales.listed and len(local.third_neighbours):
        lines += ["", "[ pairs ]", *(f"{i + 1} {j + 1} 1" for i, j in local.third_neighbours)]
    return [*lines, *gromacs_terms.bonded(terms, local)]


def _coordinates(residues: Residues, provenance: Provenance) -> str:
    """Return a .gro whose columns are as wide as twelve decimals need; GROMACS counts them."""
    positions = residues.topology.structure.positions[residues.order]
    lines = [" | ".join(provenance.lines()[:2]), str(len(positions))]
    atom = 0
    for number, residue in enumerate(residues.of_molecules, 1):
        for name in residue.atoms:
            xyz = "".join(f"{x * _NM:17.12f}" for x in positions[atom])
            atom += 1
            lines.append(f"{number % 100000:5d}{residue.name:<5s}{name:>5s}{atom % 100000:5d}{xyz}")
    cell = residues.topology.structure.cell * _NM
    box = [*np.diag(cell)]
    if np.tril(cell, -1).any():
        box += [0.0, 0.0, cell[1, 0], 0.0, cell[2, 0], cell[2, 1]]
    return "\n".join([*lines, " ".join(f"{float(x):.12f}" for x in box)]) + "\n"


def _settings(
    terms: dict[str, PotentialTerm],
    known: LennardJonesNumbers | None,
    stem: str,
    provenance: Provenance,
) -> str:
    lines = [
        provenance.commented("; "),
        f"; gmx grompp -f {stem}.mdp -c {stem}.gro -p {stem}.top; double precision for energies.",
        "integrator = md-vv",
        f"dt = {provenance.timestep_fs / 1000!r}",
        "nsteps = 0",
        "constraints = none",
        "cutoff-scheme = Verlet",
        "verlet-buffer-tolerance = -1",
        "pbc = xyz",
        "DispCorr = no",
    ]
    ewald = terms.get("ewald")
    cutoff = known.cutoff if known else 0.0
    reach = max(cutoff, option(ewald, "cutoff")) if ewald else cutoff  # PME takes any from rvdw on
    reach = reach or _NO_PAIRS
    # a list made at every step needs no buffer, for which small cells have no room
    lines += ["nstlist = 1", *(f"{name} = {reach * _NM!r}" for name in ("rlist", "rcoulomb"))]
    if known:
        lines += [
            "vdwtype = Cut-off",
            "vdw-modifier = Potential-switch",
            f"rvdw-switch = {known.switch_start * _NM!r}",
            f"rvdw = {cutoff * _NM!r}",
        ]
    else:
        lines.append(f"rvdw = {reach * _NM!r}")
    if ewald:
        lines += [
            "coulombtype = PME",
            "; 1e-5, order 4 and a spacing of 0.12 are usual, and faster",
            "ewald-rtol = 1e-9",
            "pme-order = 12",
            f"fourierspacing = {reach * _NM / _MESH!r}",
            "epsilon-surface = 0 ; conducting surroundings",
        ]
    return "\n".join(lines) + "\n"
