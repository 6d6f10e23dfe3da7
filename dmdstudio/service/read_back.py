"""Written files read by our own reader, as if they were somebody else's. No JAX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials import ExportFormat, parameter_files, read_parameters
from dmdstudio.files.potentials.reading import (
    ReadPotential,
    potential_formats,
    read_potential,
)
from dmdstudio.files.structures import with_bonds
from dmdstudio.plan.atom_types import names_by_rules
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm, terms_of


def read_back(
    format_: ExportFormat, main: Path, terms: Sequence[PotentialTerm], structure: Structure
) -> tuple[list[PotentialTerm], str]:
    """Read an export; nothing is taken from what was written but what the format cannot say.

    Args:
        format_: of the files; it has a reader.
        main: the main file, the others beside it.
        terms: those that were written, for the options that the format leaves unsaid.
        structure: whose atoms they are for; its types are told by the files.

    Returns:
        The terms in the files, and the rules of ``system.types`` that they are for.

    Raises:
        FileError: they cannot be read, or another reader takes them for its own.
    """
    plain = replace(structure, names=(), type_rules="")
    unsaid = [{k: t.options[k] for k in format_.unsaid if k in t.options} for t in terms]
    before = [
        PotentialPlan(kind=term.kind, options=options)
        for term, options in zip(terms, unsaid, strict=True)
        if options
    ]
    found = read_potential(main, plain, before)
    wanted = potential_formats.get(format_.reader).label
    if found.label != wanted:
        raise FileError(f"{main.name} was read as {found.label}, not as {wanted}.")
    return terms_in(found, plain), found.type_rules


def terms_in(found: ReadPotential, structure: Structure) -> list[PotentialTerm]:
    """Return the terms of a potential that was read, with all their numbers.

    Args:
        found: the potential; where it has rules for types, they are taken.
        structure: the one that it was read for.
    """
    given = {
        plan.key: read_parameters(plan.kind, str(plan.options["file"]))
        for plan in found.terms
        if plan.kind in parameter_files and plan.options.get("file")
    }
    plans = [
        msgspec.structs.replace(plan, options={**given[plan.key].settings, **plan.options})
        if plan.key in given
        else plan
        for plan in found.terms
    ]
    arrays = {key: one.arrays for key, one in given.items()}
    types, rules = structure.types, found.type_rules
    if rules:
        bonded = structure if len(structure.bonds) else with_bonds(structure)
        types = names_by_rules(rules, bonded.symbols, bonded.bonds)
    return terms_of(plans, types, arrays=arrays)
