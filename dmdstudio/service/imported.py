"""Potentials from files of other engines, from recipes and from runs, for a structure. No JAX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from dmdstudio.base.errors import FileError
from dmdstudio.files.iterations import iteration_values
from dmdstudio.files.potentials.reading import ReadPotential, read_potential
from dmdstudio.files.run_store import RunStore
from dmdstudio.files.structures import with_bonds
from dmdstudio.plan.atom_types import names_by_rules
from dmdstudio.plan.recipe import PotentialPlan, Recipe, read_terms
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import with_values
from dmdstudio.service.refined import with_refined


def imported_potential(
    path: str | Path,
    structure: Structure,
    before: Sequence[PotentialPlan] = (),
    which: str | int = "best",
) -> ReadPotential:
    """Return a potential for a structure.

    Args:
        path: a potential file, a recipe or the potential tables of one, or the folder of a run.
        structure: whose atoms it is for.
        before: the terms that it takes the place of; see `reading.read_potential`.
        which: of a run's iterations, ``'best'``, ``'last'`` or a number.

    Raises:
        FileError, RecipeError, RunError: it cannot be read, or not for this structure.
    """
    path = Path(path)
    if (path / "events.jsonl").exists():
        store = RunStore.open(path)
        iteration, values = iteration_values(store.events(), which)
        refined = with_refined(store.recipe(), store, iteration)
        return _own(with_values(refined, values), f"run, iteration {iteration}", path, structure)
    if path.suffix.lower() == ".toml" or (path / "recipe.toml").is_file():
        return _own(read_terms(path), "recipe", path, structure)
    return read_potential(path, structure, before)


def _own(recipe: Recipe, label: str, path: Path, structure: Structure) -> ReadPotential:
    """Return the potential of a recipe, if it has numbers for all elements of a structure."""
    if not recipe.potential:
        raise FileError(f"{path} has no potential.", "Name a recipe that has one.")
    terms, notes, rules = [], [], recipe.system.types.strip()
    types = structure.types
    if rules and not structure.names:
        bonded = with_bonds(structure)
        types = names_by_rules(rules, bonded.symbols, bonded.bonds)
    for term in recipe.potential:
        options = dict(term.options)
        if options.get("file"):
            options["file"] = str(recipe.path(str(options["file"])).resolve())
        terms.append(msgspec.structs.replace(term, options=options))
        owners = {p.owner for p in term.parameter if "-" not in p.of and "(" not in p.of}
        elements = sorted(set(types))
        missing = sorted(set(elements) - owners - {options.get("balance")})
        if missing and owners and "" not in owners:
            raise FileError(
                f"{term.key} of {path} has no numbers for {missing[0]}, which the structure has.",
                "Name a recipe or run with the same elements.",
            )
        if "" in owners and len(elements) > 1:
            told = ", ".join(elements)
            notes.append(f"The numbers of {term.key} stand for all types of atoms: {told}.")
    charges = {
        p.owner: p.value
        for term in terms
        for p in term.parameter
        if p.name == "charge" and p.unit in ("", "e")
    }
    return ReadPotential(label, tuple(terms), tuple(notes), charges, type_rules=rules)
