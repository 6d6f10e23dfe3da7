"""The structure that a recipe asks for. No JAX."""

from __future__ import annotations

import math
from dataclasses import replace

from dmdstudio.base.errors import RecipeError
from dmdstudio.files.structures import read_structure, replicate, with_bonds, with_density
from dmdstudio.plan.atom_types import names_by_rules
from dmdstudio.plan.recipe import Recipe
from dmdstudio.plan.structure import Structure

MOST_ATOMS = 1_000_000
"""A larger cell is a slip of the hand."""


def structure_of(recipe: Recipe, bonds: bool = False) -> Structure:
    """Read the structure of a recipe, replicated, bonded where asked, and at its density.

    Where ``system.bonds`` is ``auto``, bonds are looked for if a parameter has the name of a pair,
    a bond or an angle; which of them it is, `build` finds out.

    Args:
        recipe: says where its files lie.
        bonds: look for bonds in any case.

    Raises:
        FileError, RecipeError: the file cannot be read, or does not fit the recipe.
    """
    structure = read_structure(recipe.path(recipe.system.structure))
    copies = recipe.system.replicate
    if len(structure.symbols) * math.prod(copies) > MOST_ATOMS:
        raise RecipeError(
            f"system.replicate = {list(copies)} makes {len(structure.symbols) * math.prod(copies)}"
            f" atoms; more than {MOST_ATOMS} are not supported.",
            "Lower it.",
        )
    structure = replicate(structure, copies)
    wanted = recipe.system.bonds == "find" or (
        recipe.system.bonds == "auto"
        and any("-" in p.of or "(" in p.of for term in recipe.terms for p in term.parameter)
    )
    rules = recipe.system.types.strip()
    if bonds or wanted or rules:
        bonded = with_bonds(structure)
        if recipe.system.bonds == "find" and not len(bonded.bonds):
            raise RecipeError(
                "The recipe has parameters of bonds or angles, but no two atoms of "
                f"{recipe.system.structure} ({structure.formula}) are as close as a bond.",
                "Check that its coordinates are in angstrom and belong to its cell.",
            )
        if rules:  # which look at bonds even where nothing else does
            names = names_by_rules(rules, bonded.symbols, bonded.bonds)
            structure = replace(structure, names=names, type_rules=rules)
        if bonds or wanted:
            structure = replace(structure, bonds=bonded.bonds)
    if recipe.system.density is not None:
        structure = with_density(structure, recipe.system.density)
    return structure
