"""Our own engine as the others are asked: terms and configurations in, energies and forces out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ase
import numpy as np

from dmdstudio.engine.potentials.ewald import FINEST
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm
from dmdstudio.service.calculator import RefinedPotential
from dmdstudio.service.other_engine import Evaluation


def plain_terms(terms: Sequence[PotentialTerm]) -> list[dict[str, Any]]:
    """Return terms as `RefinedPotential` takes them, Ewald's sum as exact as it can be."""
    plain = []
    for term in terms:
        options = dict(term.options)
        if term.kind == "ewald":
            options["tolerance"] = FINEST["float64"]
        plain.append(
            {
                "kind": term.kind,
                "options": options,
                "parameters": term.parameters,
                "arrays": term.arrays,
            }
        )
    return plain


def own_evaluations(
    terms: Sequence[PotentialTerm], configurations: Sequence[Structure]
) -> list[Evaluation]:
    """Return what we find, in float64, Ewald's sum as exact as it can be.

    Args:
        terms: the potential.
        configurations: of the same atoms, bonds and types.

    Raises:
        PhysicsError, RecipeError: terms and atoms do not fit together.
    """
    first = configurations[0]
    calculator = RefinedPotential(plain_terms(terms), first.bonds, first.type_rules)
    found = []
    for structure in configurations:
        atoms = ase.Atoms(
            structure.symbols,
            structure.positions,
            cell=structure.cell,
            pbc=True,
            masses=structure.masses,
            calculator=calculator,
        )
        stress = atoms.get_stress(voigt=False)
        found.append(
            Evaluation(
                float(atoms.get_potential_energy()),
                np.array(atoms.get_forces()),
                -float(np.trace(stress)) / 3.0,
            )
        )
    return found
