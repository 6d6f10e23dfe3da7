"""The structure of least energy near a given one, by a potential of this project.

L-BFGS as ASE has it: D. C. Liu and J. Nocedal, Math. Programming 45, 503 (1989). The cell stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import ase
import numpy as np
from ase.optimize import LBFGS

from dmdstudio.base.errors import DivergenceError, RecipeError
from dmdstudio.files.structures import with_bonds
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm
from dmdstudio.service.sources import with_calculator

_REPORT_EVERY = 50
"""Steps between reports of how far it is."""

_COLLAPSED = 100.0
"""Atoms that fall into each other have larger forces at the end, eV/angstrom."""


@dataclass(frozen=True)
class State:
    """How far a relaxation is.

    Attributes:
        step: steps made.
        energy: eV.
        largest_force: on any atom, eV/angstrom.
    """

    step: int
    energy: float
    largest_force: float


@dataclass(frozen=True)
class Relaxed:
    """A structure of lower energy.

    Attributes:
        structure: the atoms, not folded into the cell.
        before: where it began.
        after: where it ended.
        converged: whether the largest force is as small as was asked.
    """

    structure: Structure
    before: State
    after: State
    converged: bool


def relaxed(
    terms: Sequence[PotentialTerm],
    structure: Structure,
    largest_force: float = 0.05,
    steps: int = 1000,
    report: Callable[[State], None] = lambda state: None,
) -> Relaxed:
    """Move atoms downhill until no force is larger than asked, or the steps are used up.

    Args:
        terms: of the potential.
        structure: the atoms; where they have bonds, these must stay.
        largest_force: to end at, eV/angstrom.
        steps: at most.
        report: is called every 50 steps.

    Raises:
        RecipeError: the force is not above 0.
        DivergenceError: energy or forces are no numbers, do not fall, or the bonds change.
        DmdError: the potential does not fit the atoms.
    """
    if not 0.0 < largest_force < float("inf"):
        raise RecipeError(f"A largest force of {largest_force:g} eV/angstrom is not above 0.")
    atoms = with_calculator(list(terms), structure)
    before = after = _state(atoms, 0)
    optimizer = LBFGS(atoms, logfile=os.devnull)
    for _ in optimizer.irun(fmax=largest_force, steps=steps):
        after = _state(atoms, optimizer.nsteps)
        if after.step % _REPORT_EVERY == 0:
            report(after)
    collapsed = after.largest_force > max(before.largest_force, _COLLAPSED)
    if after.energy > before.energy or collapsed:
        raise DivergenceError(
            f"The structure does not relax: in {after.step} steps its energy went from "
            f"{before.energy:.6g} to {after.energy:.6g} eV and its largest force from "
            f"{before.largest_force:.3g} to {after.largest_force:.3g} eV/angstrom.",
            "Is the potential for these atoms? Begin with atoms that are further apart.",
        )
    found = replace(structure, positions=atoms.get_positions())
    _require_same_bonds(structure, found)
    return Relaxed(found, before, after, after.largest_force < largest_force)


def _state(atoms: ase.Atoms, step: int) -> State:
    energy = float(atoms.get_potential_energy())
    force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    if not np.isfinite([energy, force]).all():
        raise DivergenceError(
            f"After {step} steps the energy of the structure is {energy:g} eV and its largest "
            f"force {force:g} eV/angstrom.",
            "Look for atoms in the same place; is the potential for these atoms?",
        )
    return State(step, energy, force)


def _require_same_bonds(before: Structure, after: Structure) -> None:
    """Refuse molecules that broke or grew together, where the potential has bonds."""
    if not len(before.bonds):
        return
    old, new = ({(i, j) for i, j in s.bonds.tolist()} for s in (before, with_bonds(after)))
    if changed := sorted(old ^ new):
        i, j = changed[0]
        what = "are no longer bonded" if (i, j) in old else "are as close as if they were bonded"
        raise DivergenceError(
            f"The molecules do not stay: after relaxing, atoms {i + 1} ({before.symbols[i]}) and "
            f"{j + 1} ({before.symbols[j]}) {what}.",
            "Is the potential for these molecules? Begin with molecules that are further apart.",
        )
