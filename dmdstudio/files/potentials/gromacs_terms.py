"""Bonds, angles, dihedrals and impropers as lines of a topology of GROMACS.

Units nm, kJ/mol, degrees; every k is that of k/2 x^2, as ours. Source: GROMACS manual, "Topology
file formats", table of function types.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dmdstudio.base.units import factor
from dmdstudio.files.potentials.numbers import improper_wave, order_of, parameter
from dmdstudio.files.structures.topology import Topology
from dmdstudio.plan.terms import PotentialTerm

_NM = factor("angstrom", "nm")
_KJ_PER_MOL = factor("eV", "kJ/mol")


def _harmonic_bond(term: PotentialTerm, owner: str) -> str:
    stiffness = parameter(term, "stiffness", owner) * _KJ_PER_MOL / _NM**2
    return f"1 {parameter(term, 'length', owner) * _NM!r} {stiffness!r}"


def _morse_bond(term: PotentialTerm, owner: str) -> str:
    depth, decay = parameter(term, "depth", owner), parameter(term, "decay", owner)
    return f"3 {parameter(term, 'length', owner) * _NM!r} {depth * _KJ_PER_MOL!r} {decay / _NM!r}"


def _harmonic_angle(term: PotentialTerm, owner: str) -> str:
    return f"1 {_bent(term, owner)}"


def _cosine_angle(term: PotentialTerm, owner: str) -> str:
    return f"2 {_bent(term, owner)}"


def _bent(term: PotentialTerm, owner: str) -> str:
    stiffness = parameter(term, "stiffness", owner) * _KJ_PER_MOL
    return f"{math.degrees(parameter(term, 'angle', owner))!r} {stiffness!r}"


def _urey_bradley(term: PotentialTerm, owner: str) -> str:
    stiffness = parameter(term, "stiffness", owner) * _KJ_PER_MOL / _NM**2
    return f"5 180.0 0.0 {parameter(term, 'distance', owner) * _NM!r} {stiffness!r}"


def _periodic_torsion(term: PotentialTerm, owner: str) -> str:
    barrier = parameter(term, "barrier", owner) * _KJ_PER_MOL
    phase = math.degrees(parameter(term, "phase", owner))
    return f"9 {phase!r} {barrier!r} {round(parameter(term, 'multiplicity', owner))}"


def _periodic_improper(term: PotentialTerm, owner: str) -> str:
    barrier, phase, count = improper_wave(term, owner)
    return f"4 {math.degrees(phase)!r} {barrier * _KJ_PER_MOL!r} {count}"


def _improper(term: PotentialTerm, owner: str) -> str:
    return f"2 0.0 {parameter(term, 'stiffness', owner) * _KJ_PER_MOL / 3!r}"


_WRITERS: dict[str, tuple[str, Callable[[PotentialTerm, str], str]]] = {
    "harmonic_bond": ("bonds", _harmonic_bond),
    "morse_bond": ("bonds", _morse_bond),
    "cosine_angle": ("angles", _cosine_angle),
    "harmonic_angle": ("angles", _harmonic_angle),
    "urey_bradley": ("angles", _urey_bradley),
    "periodic_improper": ("dihedrals", _periodic_improper),
    "periodic_torsion": ("dihedrals", _periodic_torsion),
    "improper": ("dihedrals", _improper),
}
KINDS = tuple(_WRITERS)
"""Kinds of terms that have a function type."""


def bonded(terms: Sequence[PotentialTerm], molecule: Topology) -> Iterator[str]:
    """Iterate over the lines of a molecule's sections.

    Args:
        terms: of the whole potential.
        molecule: one alone, its atoms counted from 0.
    """
    for section in ("bonds", "angles", "dihedrals"):
        lines = []
        for term in terms:
            if term.kind in _WRITERS and _WRITERS[term.kind][0] == section:
                members, owners = _members(term, section, molecule)
                for row, owner in zip(members.tolist(), owners, strict=True):
                    atoms = " ".join(str(atom + 1) for atom in row)
                    lines.append(f"{atoms} {_WRITERS[term.kind][1](term, owner)}")
        if section == "bonds" and not lines:
            lines = [f"{i + 1} {j + 1} 5 ; no energy, but near" for i, j in molecule.bonds]
        if lines:
            yield from ("", f"[ {section} ]", *lines)


def _members(term: PotentialTerm, section: str, molecule: Topology) -> tuple[np.ndarray, list[str]]:
    """Return atoms [member, atom], and whose numbers they have."""
    if term.kind in ("improper", "periodic_improper"):
        return molecule.impropers_in(order_of(term))
    members = {"bonds": molecule.bonds, "angles": molecule.angles, "dihedrals": molecule.torsions}
    return members[section], molecule.names(members[section])
