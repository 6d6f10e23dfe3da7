"""The potential of a run, a recipe or a potential file, for its own structure or another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase
import msgspec

from dmdstudio.base.errors import RecipeError
from dmdstudio.files.potentials.reading import read_potential
from dmdstudio.files.structures import read_structure
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm, potential_terms
from dmdstudio.service.calculator import RefinedPotential
from dmdstudio.service.read_back import terms_in
from dmdstudio.service.refined import arrays_of_terms, recipe_at
from dmdstudio.service.structure import structure_of


def potential_of(
    source: str | Path, iteration: str | int = "best", structure: str | Path | None = None
) -> tuple[list[PotentialTerm], Structure]:
    """Return the terms of a potential, and the atoms that it is for.

    Args:
        source: a run, a recipe, or a potential file with a structure.
        iteration: of a run: ``'best'``, ``'last'`` or a number.
        structure: file of the atoms; of a run or a recipe in the place of its own, as it stands:
            neither replicated nor brought to a density.

    Raises:
        DmdError: something cannot be read, or does not fit together.
    """
    path = Path(source)
    run = (path / "events.jsonl").exists()
    if not run and iteration != "best":
        raise RecipeError(f"{path} is no run, so it has no iterations.", "Name a run.")
    if run or path.suffix == ".toml" or path.is_dir():
        recipe = recipe_at(path, iteration)[0] if run else read_recipe(path)
        if structure is not None:
            file = str(Path(structure).absolute())
            system = msgspec.structs.replace(
                recipe.system, structure=file, replicate=(1, 1, 1), density=None
            )
            recipe = msgspec.structs.replace(recipe, system=system)
        atoms = structure_of(recipe)
        return potential_terms(recipe, atoms.types, {}, arrays_of_terms(recipe)), atoms
    if structure is None:
        raise RecipeError(
            f"{path} is neither a run nor a recipe, so it has no structure of its own.",
            "Name the structure that it is for: --structure FILE.",
        )
    atoms = read_structure(structure)
    found = read_potential(path, atoms)
    return terms_in(found, atoms), replace(atoms, type_rules=found.type_rules)


def with_calculator(terms: list[PotentialTerm], structure: Structure) -> ase.Atoms:
    """Return a structure as ASE's atoms with a potential as their calculator."""
    plain = [
        {"kind": t.kind, "options": t.options, "parameters": t.parameters, "arrays": t.arrays}
        for t in terms
    ]
    bonds = structure.bonds if len(structure.bonds) else None
    return ase.Atoms(
        structure.symbols,
        structure.positions,
        cell=structure.cell,
        pbc=True,
        masses=structure.masses,
        calculator=RefinedPotential(plain, bonds, structure.type_rules),
    )
