"""Refinable numbers by name, and a recipe's potential as numbers for other engines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.units import to_internal
from dmdstudio.plan.recipe import ParameterPlan, PotentialPlan, Recipe


@dataclass(frozen=True)
class PotentialTerm:
    """One term of a potential with its numbers, ready to be written for another engine.

    Attributes:
        kind: registered name, such as ``'lennard_jones'``.
        options: settings of the term, complete, lengths in angstrom.
        parameters: ``{name: {owner: value}}`` in internal units (angstrom, eV, e, radians); an
            owner is a type (``O``), a bond (``H-O``) or an angle (``H-O-H``); see `number_of`.
        arrays: whole arrays of numbers by name, such as the weights of a network, alike.
    """

    kind: str
    options: dict[str, object]
    parameters: dict[str, dict[str, float]]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def number_of(values: Mapping[str, float], owner: str) -> float | None:
    """Return the number of an owner among those of a parameter, None where it has none.

    A number that was given for all types at once, and so stands there for each of them, is that of
    the pairs and triplets that they make, too.
    """
    return values.get(owner, values.get(re.split(r"[-(]", owner)[0]))


def parameter_key(potential: PotentialPlan, parameter: ParameterPlan) -> str:
    """Return a parameter's name in reports: ``'lennard_jones.sigma[Ar]'``, ``'…[H-O]'``."""
    suffix = f"[{parameter.owner}]" if parameter.of else ""
    return f"{potential.key}.{parameter.name}{suffix}"


def with_values(recipe: Recipe, values: Mapping[str, float]) -> Recipe:
    """Return a recipe whose parameters start at other values (`parameter_key`: recipe's unit)."""

    def moved(term: PotentialPlan) -> PotentialPlan:
        parameters = (
            _moved(p, values.get(parameter_key(term, p), p.value)) for p in term.parameter
        )
        return msgspec.structs.replace(term, parameter=tuple(parameters))

    return msgspec.structs.replace(
        recipe,
        potential=tuple(moved(term) for term in recipe.potential),
        surface=tuple(moved(term) for term in recipe.surface),
    )


def _moved(parameter: ParameterPlan, value: float) -> ParameterPlan:
    """Return a parameter that starts elsewhere; its prior stays where it was."""
    mean = parameter.prior_mean
    if parameter.prior is not None and mean is None and value != parameter.value:
        mean = parameter.value
    return msgspec.structs.replace(parameter, value=value, prior_mean=mean)


def potential_terms(
    recipe: Recipe,
    types: tuple[str, ...],
    values: Mapping[str, float],
    arrays: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> list[PotentialTerm]:
    """Return the potential of a run with given parameter values.

    Args:
        recipe: the run's stored recipe, in which every setting is written out.
        types: of the atoms [atom]; a parameter ``of`` nothing belongs to all of them.
        values: ``{parameter_key: value}`` in the recipe's own units; the recipe's start where a
            parameter is missing.
        arrays: by the key of their term and by name, internal units; None where there are none.

    Raises:
        RecipeError: a value belongs to no parameter of the recipe.
    """
    known = {parameter_key(p, q) for p in recipe.terms for q in p.parameter}
    if unknown := set(values) - known:
        raise RecipeError(f"The recipe has no parameter {sorted(unknown)[0]!r}.")
    return terms_of(recipe.potential, types, values, arrays)


def terms_of(
    plans: Iterable[PotentialPlan],
    types: tuple[str, ...],
    values: Mapping[str, float] | None = None,
    arrays: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> list[PotentialTerm]:
    """Return a potential that plans describe; arguments and result as of `potential_terms`."""
    terms = []
    for potential in plans:
        parameters: dict[str, dict[str, float]] = {}
        for parameter in potential.parameter:
            value = (values or {}).get(parameter_key(potential, parameter), parameter.value)
            owners = [parameter.owner] if parameter.of else sorted(set(types))
            for type_ in owners:
                parameters.setdefault(parameter.name, {})[type_] = to_internal(
                    value, parameter.unit
                )
        own = dict((arrays or {}).get(potential.key, {}))
        terms.append(PotentialTerm(potential.kind, dict(potential.options), parameters, own))
    return terms
