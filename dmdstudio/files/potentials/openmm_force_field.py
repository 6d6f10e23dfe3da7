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

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.base.splines import spline_matrix
from dmdstudio.base.units import factor
from dmdstudio.files.potentials.lennard_jones import LennardJonesNumbers, lennard_jones_numbers
from dmdstudio.files.potentials.numbers import (
    improper_wave,
    masses_of_types,
    option,
    order_of,
    owners_of,
    parameter,
    require_unswitched,
    scale_14,
    single_charges,
)
from dmdstudio.files.potentials.openmm_molecules import Residues
from dmdstudio.files.potentials.pair_formulas import FORMULAS, PairFormula
from dmdstudio.files.potentials.pair_table import KNOTS
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.structures.topology import Topology
from dmdstudio.plan.impropers import ORDERS
from dmdstudio.plan.recipe import chain
from dmdstudio.plan.terms import PotentialTerm

NM = factor("angstrom", "nm")
KJ_PER_MOL = factor("eV", "kJ/mol")

MORSE_BOND = "depth*(1-exp(-decay*(r-length)))^2"
COSINE_ANGLE = "0.5*k*(cos(theta)-cosine)^2"
IMPROPER = "sixth*theta^2"

SCALE_14 = "scale_14"
"""A global parameter, which no formula uses: for whoever reads the file."""

SPLINE = (
    "{scale!r}*((b(pair,i)*(1-t)^3+b(pair,i+1)*((3*t-6)*t^2+4)+b(pair,i+2)*(((3-3*t)*t+3)*t+1)"
    "+b(pair,i+3)*t^3)/6+min(x,0)*(b(pair,2)-b(pair,0))/2)"
    ";pair=kind1*{types}+kind2;t=y-i;i=floor(y);y=max(0,min(x,{last}))"
)
"""Energy in kJ/mol of a spline with coefficients b in eV."""


@dataclass(frozen=True)
class Nonbonded:
    """What goes into which of OpenMM's forces.

    Attributes:
        lennard_jones: what NonbondedForce takes; None for nothing.
        charges: of the types for Ewald's sum, e; None where there is none.
        formulas: every other pair term.
        ewald_cutoff: of the sum over pairs, angstrom; 0 where there is none.
        splines: terms whose energies stand in tables.
        scales_14: factors of NonbondedForce's Lennard-Jones and charges for atoms three bonds
            apart.
        formula_scales_14: alike, of the formulas.
    """

    lennard_jones: LennardJonesNumbers | None
    charges: dict[str, float] | None
    formulas: tuple[PairFormula, ...]
    ewald_cutoff: float = 0.0
    splines: tuple[PotentialTerm, ...] = ()
    scales_14: tuple[float, float] = (1.0, 1.0)
    formula_scales_14: tuple[float, ...] = ()

    @property
    def cutoff(self) -> float:
        """The cutoff of NonbondedForce, angstrom; Ewald's sum takes any."""
        return self.lennard_jones.cutoff if self.lennard_jones else self.ewald_cutoff

    @property
    def largest_cutoff(self) -> float:
        """Of all forces, angstrom."""
        splines = (option(term, "cutoff") for term in self.splines)
        return max([self.cutoff, *(formula.cutoff for formula in self.formulas), *splines])


def nonbonded(terms: Sequence[PotentialTerm], topology: Topology) -> Nonbonded:
    """Divide the pair terms among OpenMM's forces.

    Raises:
        FileError: a number is missing, or several terms have charges.
    """
    structure = topology.structure
    charges = single_charges(terms, structure, "openmm")
    native, formulas, scales, ewald_cutoff = None, [], [], 0.0
    scale = {"ewald": 1.0, "lennard_jones": 1.0}
    for term in terms:
        if term.kind == "ewald":
            ewald_cutoff, scale["ewald"] = option(term, "cutoff"), scale_14(term)
        elif term.kind == "lennard_jones" and native is None and not _geometric(term):
            native, scale["lennard_jones"] = lennard_jones_numbers(term, structure), scale_14(term)
        elif term.kind in FORMULAS:
            formulas.append(FORMULAS[term.kind](term, structure))
            scales.append(scale_14(term))
    if native and scale["lennard_jones"] == 1.0 and scale["ewald"] != 1.0:
        whole = next(t for t in terms if t.kind == "lennard_jones" and not _geometric(t))
        require_unswitched(whole, topology, native.switch_start)  # they become exceptions
    return Nonbonded(
        native,
        charges if ewald_cutoff else None,
        tuple(formulas),
        ewald_cutoff,
        tuple(term for term in terms if term.kind == "pair_spline"),
        (scale["lennard_jones"], scale["ewald"]),
        tuple(scales),
    )


def _geometric(term: PotentialTerm) -> bool:
    return term.options.get("mixing", "lorentz_berthelot") != "lorentz_berthelot"


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
    for formula, scale in zip(pairs.formulas, pairs.formula_scales_14, strict=True):
        forces.append(_custom_force(formula, topology.types, bonded, scale))
    forces += [_spline_force(term, topology, bonded) for term in pairs.splines]
    elements = {t: topology.structure.element_of(t) for t in topology.types}
    types = "\n".join(
        f'    <Type name="{t}" class="{t}" element="{elements[t]}" mass="{masses[t]!r}"/>'
        for t in topology.types
    )
    return f"""<ForceField>
  <!--
{provenance.commented("  ")}
  {_cutoffs(pairs)}
  Pairs one or two bonds apart are left out; factors for those three bonds apart are in the forces.
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
    return forces + _periodic_impropers(terms, topology)


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
        f'  <CustomBondForce energy="{MORSE_BOND}">',
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
        f'  <CustomAngleForce energy="{COSINE_ANGLE}">',
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


def _improper(term: PotentialTerm, topology: Topology) -> str:
    """Return impropers in one order of three; the script adds the others."""
    owners = sorted(set(topology.star_names(topology.impropers)))
    if not owners:
        raise FileError(
            f"{term.kind} needs impropers, but the structure has none.",
            "Check that its coordinates are in angstrom.",
        )
    lines = [
        "  <!-- Each stands for itself and the two other orders of the three outer atoms, and for "
        "atoms with just three bonds. -->",
        f'  <CustomTorsionForce energy="{IMPROPER}" ordering="charmm">',
        '    <PerTorsionParameter name="sixth"/>',
    ]
    for owner in owners:
        types = owner.replace("(", "-").replace(",", "-").removesuffix(")")
        sixth = parameter(term, "stiffness", owner) * KJ_PER_MOL / 6
        lines.append(f'    <Improper {_classes(types)} sixth="{sixth!r}"/>')
    return "\n".join([*lines, "  </CustomTorsionForce>"])


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


def _periodic_impropers(terms: Sequence[PotentialTerm], topology: Topology) -> list[str]:
    """Return a force for every order of the atoms, each with all waves of its impropers.

    OpenMM takes one entry for an improper, and so one order. By its ordering amber, neighbours of
    one type come in the order of their numbers, and the second is on the axis.
    """
    written: dict[str, str] = {}
    forces = []
    for order in ORDERS:
        chosen = [t for t in terms if t.kind == "periodic_improper" and order_of(t) == order]
        lines = []
        for owner in sorted(set(topology.star_names(topology.impropers))) if chosen else ():
            waves = [improper_wave(term, owner) for term in chosen]
            if not any(barrier for barrier, *_ in waves):
                continue
            centre, *others = owner.replace("(", "-").replace(",", "-").removesuffix(")").split("-")
            if written.setdefault(owner, order) != order or (
                order in ("first", "third") and len(set(others)) == 1
            ):
                raise FileError(
                    f"OpenMM cannot have the {order} order of the atoms for impropers {owner}: it "
                    "takes one order, and of three neighbours of one type the second.",
                    "Export to lammps or gromacs.",
                )
            places = {"first": (2, 0, 1), "third": (1, 2, 0)}.get(order, (0, 1, 2))
            words = [_classes("-".join([centre, *(others[n] for n in places)]))]
            for n, (barrier, phase, count) in enumerate(waves, 1):
                words.append(f'periodicity{n}="{count}" phase{n}="{phase!r}"')
                words.append(f'k{n}="{barrier * KJ_PER_MOL!r}"')
            lines.append(f"    <Improper {' '.join(words)}/>")
        if lines:
            ordering = "smirnoff" if order == "trefoil" else "amber"
            start = f'  <PeriodicTorsionForce ordering="{ordering}">'
            forces.append("\n".join([start, *lines, "  </PeriodicTorsionForce>"]))
    return forces


_BONDED: dict[str, Callable[[PotentialTerm, Topology], str]] = {
    "cosine_angle": _cosine_angle,
    "harmonic_angle": _harmonic_angle,
    "harmonic_bond": _harmonic_bond,
    "improper": _improper,
    "morse_bond": _morse_bond,
    "urey_bradley": _urey_bradley,
}
KINDS = tuple(
    sorted((*FORMULAS, *_BONDED, "ewald", "pair_spline", "periodic_improper", "periodic_torsion"))
)
"""Kinds of terms that can be written."""


def _nonbonded_force(pairs: Nonbonded, types: Sequence[str]) -> str:
    known, charges = pairs.lennard_jones, pairs.charges or {}
    scales = f'coulomb14scale="{pairs.scales_14[1]!r}" lj14scale="{pairs.scales_14[0]!r}"'
    lines = [f'  <NonbondedForce {scales} useDispersionCorrection="False">']
    for type_ in types:
        sigma = known.sigma[type_] * NM if known else 1.0
        epsilon = known.epsilon[type_] * KJ_PER_MOL if known else 0.0
        charge = charges.get(type_, 0.0)
        depth = f'sigma="{sigma!r}" epsilon="{epsilon!r}"'
        lines.append(f'    <Atom type="{type_}" charge="{charge!r}" {depth}/>')
    return "\n".join([*lines, "  </NonbondedForce>"])


def _custom_force(pair: PairFormula, types: Sequence[str], bonded: bool, scale: float) -> str:
    """Return a force whose numbers by types of atoms stand in tables, so that any mixing is exact.

    The formula is in eV and angstrom, as everywhere; r is in nm here. Where atoms three bonds apart
    count by a part, the script adds them.
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
    apart = (2 if scale == 1.0 else 3) if bonded else 0
    lines = [
        f"  <!-- {pair.label}: eV and angstrom, converted in the formula. -->",
        f'  <CustomNonbondedForce bondCutoff="{apart}" energy="{energy}">',
        f'    <GlobalParameter name="{SCALE_14}" defaultValue="{scale!r}"/>',
        '    <PerParticleParameter name="kind"/>',
    ]
    if scale == 1.0:
        del lines[2]
    for name in names:
        values = " ".join(repr(_of(pair.numbers, i, j)[name]) for j in types for i in types)
        size = f'xsize="{len(types)}" ysize="{len(types)}"'
        lines.append(f'    <Function name="{name}_of" type="Discrete2D" {size}>{values}</Function>')
    lines += [f'    <Atom type="{type_}" kind="{n}"/>' for n, type_ in enumerate(types)]
    return "\n".join([*lines, "  </CustomNonbondedForce>"])


def _spline_force(term: PotentialTerm, topology: Topology, bonded: bool) -> str:
    """Return the spline of every pair of types; see `base.splines` for its coefficients."""
    types, start, cutoff = topology.types, option(term, "start"), option(term, "cutoff")
    rows = []
    for one in types:
        for other in types:
            name = chain((one, other))
            if name not in term.arrays:
                raise FileError(f"{term.kind} has no energies for {name}.")
            rows.append(np.append(spline_matrix(len(term.arrays[name])) @ term.arrays[name], 0.0))
    table = np.array(rows)  # [pair, coefficient]
    knots = table.shape[1] - 5
    step = (cutoff - start) / (knots + 1)
    energy = SPLINE.format(scale=KJ_PER_MOL, types=len(types), last=knots + 1)
    energy += f";x=(r*{1 / NM!r}-start)/step;start={start!r};step={step!r}"
    values = " ".join(repr(float(value)) for value in table.T.ravel())
    said = KNOTS.format(start=start, cutoff=cutoff, knots=knots)
    size = f'xsize="{len(table)}" ysize="{table.shape[1]}"'
    lines = [
        f"  <!-- {said} Coefficients of its B-splines in eV. -->",
        f'  <CustomNonbondedForce bondCutoff="{2 if bonded else 0}" energy="{energy}">',
        '    <PerParticleParameter name="kind"/>',
        f'    <Function name="b" type="Discrete2D" {size}>{values}</Function>',
        *(f'    <Atom type="{type_}" kind="{n}"/>' for n, type_ in enumerate(types)),
    ]
    return "\n".join([*lines, "  </CustomNonbondedForce>"])


def _of(
    numbers: Mapping[tuple[str, str], dict[str, float]], first: str, second: str
) -> dict[str, float]:
    return numbers[(first, second)] if (first, second) in numbers else numbers[(second, first)]
