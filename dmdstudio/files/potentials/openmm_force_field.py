"""OpenMM's force field XML: residues, bonds, angles, charges and pairs.

NonbondedForce takes Ewald's charges, and Lennard-Jones where its mixing and switch are ours; every
other pair term is a CustomNonbondedForce with its formula. Units nm, kJ/mol, e, radians.
Source: OpenMM User Guide, "Creating Force Fields"; Theory, "NonbondedForce".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials.lennard_jones import LennardJonesNumbers, lennard_jones_numbers
from dmdstudio.files.potentials.numbers import (
    masses_of_types,
    option,
    owners_of,
    parameter,
    single_charges,
)
from dmdstudio.files.potentials.openmm_molecules import Residues
from dmdstudio.files.potentials.pair_formulas import FORMULAS, PairFormula
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.structures.topology import Topology
from dmdstudio.plan.terms import PotentialTerm

NM = factor("angstrom", "nm")
KJ_PER_MOL = factor("eV", "kJ/mol")


@dataclass(frozen=True)
class Nonbonded:
    """What goes into which of OpenMM's forces.

    Attributes:
        lennard_jones: what NonbondedForce takes; None for nothing.
        charges: of the types for Ewald's sum, e; None where there is none.
        formulas: every other pair term.
        ewald_cutoff: of the sum over pairs, angstrom; 0 where there is none.
    """

    lennard_jones: LennardJonesNumbers | None
    charges: dict[str, float] | None
    formulas: tuple[PairFormula, ...]
    ewald_cutoff: float = 0.0

    @property
    def cutoff(self) -> float:
        """The cutoff of NonbondedForce, angstrom; Ewald's sum takes any."""
        return self.lennard_jones.cutoff if self.lennard_jones else self.ewald_cutoff

    @property
    def largest_cutoff(self) -> float:
        """Of all forces, angstrom."""
        return max([self.cutoff, *(formula.cutoff for formula in self.formulas)])


def nonbonded(terms: Sequence[PotentialTerm], topology: Topology) -> Nonbonded:
    """Divide the pair terms among OpenMM's forces.

    Raises:
        FileError: a number is missing, or several terms have charges.
    """
    structure = topology.structure
    charges = single_charges(terms, structure, "openmm")
    native, formulas, ewald_cutoff = None, [], 0.0
    for term in terms:
        if term.kind == "ewald":
            ewald_cutoff = option(term, "cutoff")
        elif term.kind == "lennard_jones" and native is None:
            known = lennard_jones_numbers(term, structure)
            if known.mixing == "lorentz_berthelot":
                native = known
            else:
                formulas.append(FORMULAS[term.kind](term, structure))
        elif term.kind in FORMULAS:
            formulas.append(FORMULAS[term.kind](term, structure))
    return Nonbonded(native, charges if ewald_cutoff else None, tuple(formulas), ewald_cutoff)


def force_field(
    terms: Sequence[PotentialTerm], residues: Residues, pairs: Nonbonded, provenance: Provenance
) -> str:
    """Return the XML of a potential.

    Args:
        terms: all of it.
        residues: of the structure.
        pairs: its pair terms, divided.
        provenance: goes into a comment.

    Raises:
        FileError: a number is missing.
    """
    topology = residues.topology
    masses = masses_of_types(topology.structure)
    forces = _bonded_forces(terms, topology)
    if pairs.lennard_jones or pairs.charges:
        forces.append(_nonbonded_force(pairs, topology.types))
    bonded = len(topology.bonds) > 0
    forces += [_custom_force(formula, topology.types, bonded) for formula in pairs.formulas]
    types = "\n".join(
        f'    <Type name="{t}" class="{t}" element="{t}" mass="{masses[t]!r}"/>'
        for t in topology.types
    )
    return f"""<ForceField>
  <!--
{provenance.commented("  ")}
  {_cutoffs(pairs)}
  Pairs one or two bonds apart are left out, all others count in full.
  -->
  <AtomTypes>
{types}
  </AtomTypes>
  <Residues>
{_residues(residues)}
  </Residues>
{chr(10).join(forces)}
</ForceField>
"""


def _bonded_forces(terms: Sequence[PotentialTerm], topology: Topology) -> list[str]:
    bonded = [term for term in terms if term.kind in _BONDED]
    for term in bonded:
        if sum(other.kind == term.kind for other in bonded) > 1:  # only the first would count
            raise FileError(
                f"Format 'openmm' writes a single {term.kind} term; there are several.",
                "Export to lammps or ase, which add any number of terms.",
            )
    forces = [_BONDED[term.kind](term, topology) for term in bonded]
    if torsions := [term for term in terms if term.kind == "periodic_torsion"]:
        forces.append(_periodic_torsions(torsions, topology))
    return forces


def _cutoffs(pairs: Nonbonded) -> str:
    known = pairs.lennard_jones
    text = "Cutoffs and switch are set when the system is created, see the script beside this file."
    if known:
        text = (
            f"Lennard-Jones: cutoff {known.cutoff * NM!r} nm, switched from "
            f"{known.switch_start * NM!r} nm; no dispersion correction.\n  {text}"
        )
    return text


def _residues(residues: Residues) -> str:
    lines = []
    for residue in residues.kinds:
        lines.append(f'    <Residue name="{residue.name}">')
        for name, type_ in zip(residue.atoms, residue.types, strict=True):
            lines.append(f'      <Atom name="{name}" type="{type_}"/>')
        for i, j in residue.bonds:
            first, second = residue.atoms[i], residue.atoms[j]
            lines.append(f'      <Bond atomName1="{first}" atomName2="{second}"/>')
        lines.append("    </Residue>")
    return "\n".join(lines)


def _classes(owner: str) -> str:
    return " ".join(f'class{n}="{type_}"' for n, type_ in enumerate(owner.split("-"), 1))


def _harmonic_bond(term: PotentialTerm, topology: Topology) -> str:
    lines = ["  <HarmonicBondForce>"]
    for owner in owners_of(topology.bonds, topology, term):
        length = parameter(term, "length", owner) * NM
        stiffness = parameter(term, "stiffness", owner) * KJ_PER_MOL / NM**2
        lines.append(f'    <Bond {_classes(owner)} length="{length!r}" k="{stiffness!r}"/>')
    return "\n".join([*lines, "  </HarmonicBondForce>"])


def _harmonic_angle(term: PotentialTerm, topology: Topology) -> str:
    lines = ["  <HarmonicAngleForce>"]
    for owner in owners_of(topology.angles, topology, term):
        angle = parameter(term, "angle", owner)
        stiffness = parameter(term, "stiffness", owner) * KJ_PER_MOL
        lines.append(f'    <Angle {_classes(owner)} angle="{angle!r}" k="{stiffness!r}"/>')
    return "\n".join([*lines, "  </HarmonicAngleForce>"])


def _morse_bond(term: PotentialTerm, topology: Topology) -> str:
    lines = [
        '  <CustomBondForce energy="depth*(1-exp(-decay*(r-length)))^2">',
        *(f'    <PerBondParameter name="{name}"/>' for name in ("depth", "decay", "length")),
    ]
    for owner in owners_of(topology.bonds, topology, term):
        depth = parameter(term, "depth", owner) * KJ_PER_MOL
        decay = parameter(term, "decay", owner) / NM
        length = parameter(term, "length", owner) * NM
        values = f'depth="{depth!r}" decay="{decay!r}" length="{length!r}"'
        lines.append(f"    <Bond {_classes(owner)} {values}/>")
    return "\n".join([*lines, "  </CustomBondForce>"])


def _cosine_angle(term: PotentialTerm, topology: Topology) -> str:
    lines = [
        '  <CustomAngleForce energy="0.5*k*(cos(theta)-cosine)^2">',
        *(f'    <PerAngleParameter name="{name}"/>' for name in ("k", "cosine")),
    ]
    for owner in owners_of(topology.angles, topology, term):
        k = parameter(term, "stiffness", owner) * KJ_PER_MOL
        cosine = math.cos(parameter(term, "angle", owner))
        lines.append(f'    <Angle {_classes(owner)} k="{k!r}" cosine="{cosine!r}"/>')
    return "\n".join([*lines, "  </CustomAngleForce>"])


def _urey_bradley(term: PotentialTerm, topology: Topology) -> str:
    """Return springs between the ends of angles; this element's k is half of ours."""
    lines = ["  <AmoebaUreyBradleyForce>"]
    for owner in owners_of(topology.angles, topology, term):
        k = parameter(term, "stiffness", owner) * KJ_PER_MOL / NM**2 / 2
        distance = parameter(term, "distance", owner) * NM
        lines.append(f'    <UreyBradley {_classes(owner)} k="{k!r}" d="{distance!r}"/>')
    return "\n".join([*lines, "  </AmoebaUreyBradleyForce>"])


def _periodic_torsions(terms: Sequence[PotentialTerm], topology: Topology) -> str:
    """Return all waves of the torsions in one force, as it wants them."""
    lines = ["  <PeriodicTorsionForce>"]
    for owner in owners_of(topology.torsions, topology, terms[0]):
        words = [_classes(owner)]
        for n, term in enumerate(terms, 1):
            k = parameter(term, "barrier", owner) * KJ_PER_MOL
            words.append(f'periodicity{n}="{round(parameter(term, "multiplicity", owner))}"')
            words.append(f'phase{n}="{parameter(term, "phase", owner)!r}" k{n}="{k!r}"')
        lines.append(f"    <Proper {' '.join(words)}/>")
    return "\n".join([*lines, "  </PeriodicTorsionForce>"])


_BONDED: dict[str, Callable[[PotentialTerm, Topology], str]] = {
    "cosine_angle": _cosine_angle,
    "harmonic_angle": _harmonic_angle,
    "harmonic_bond": _harmonic_bond,
    "morse_bond": _morse_bond,
    "urey_bradley": _urey_bradley,
}
KINDS = tuple(sorted((*FORMULAS, *_BONDED, "ewald", "periodic_torsion")))
"""Kinds of terms that can be written."""


def _nonbonded_force(pairs: Nonbonded, types: Sequence[str]) -> str:
    known, charges = pairs.lennard_jones, pairs.charges or {}
    lines = ['  <NonbondedForce coulomb14scale="1" lj14scale="1" useDispersionCorrection="False">']
    for type_ in types:
        sigma = known.sigma[type_] * NM if known else 1.0
        epsilon = known.epsilon[type_] * KJ_PER_MOL if known else 0.0
        charge = charges.get(type_, 0.0)
        depth = f'sigma="{sigma!r}" epsilon="{epsilon!r}"'
        lines.append(f'    <Atom type="{type_}" charge="{charge!r}" {depth}/>')
    return "\n".join([*lines, "  </NonbondedForce>"])


def _custom_force(pair: PairFormula, types: Sequence[str], bonded: bool) -> str:
    """Return a force whose numbers by types of atoms stand in tables, so that any mixing is exact.

    The formula is in eV and angstrom, as everywhere; r is in nm here.
    """
    energy, *rest = pair.formula.split(";")
    names = list(next(iter(pair.numbers.values())))
    definitions = [
        *rest,
        *(f"{name}={name}_of(kind1,kind2)" for name in names),
        *(f"{name}={value!r}" for name, value in pair.constants.items()),
    ]
    energy = f"{KJ_PER_MOL!r}*({energy});{';'.join(definitions)}"
    energy = re.sub(r"\br\b", "angstroms", energy) + f";angstroms=r*{1 / NM!r}"
    lines = [
        f"  <!-- {pair.label}: eV and angstrom, converted in the formula. -->",
        f'  <CustomNonbondedForce bondCutoff="{2 if bonded else 0}" energy="{energy}">',
        '    <PerParticleParameter name="kind"/>',
    ]
    for name in names:
        values = " ".join(repr(_of(pair.numbers, i, j)[name]) for j in types for i in types)
        size = f'xsize="{len(types)}" ysize="{len(types)}"'
        lines.append(f'    <Function name="{name}_of" type="Discrete2D" {size}>{values}</Function>')
    lines += [f'    <Atom type="{type_}" kind="{n}"/>' for n, type_ in enumerate(types)]
    return "\n".join([*lines, "  </CustomNonbondedForce>"])


def _of(
    numbers: Mapping[tuple[str, str], dict[str, float]], first: str, second: str
) -> dict[str, float]:
    return numbers[(first, second)] if (first, second) in numbers else numbers[(second, first)]
