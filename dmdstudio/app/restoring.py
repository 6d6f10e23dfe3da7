"""Taking the parameters of an iteration back into the recipe. No Qt."""

from __future__ import annotations

from typing import Any

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.units import factor
from dmdstudio.plan.events import StepReport
from dmdstudio.plan.recipe import Recipe, recipe_to_table
from dmdstudio.plan.terms import parameter_key, with_values


def recipe_with_parameters(recipe: Recipe, step: StepReport) -> tuple[dict[str, Any], list[str]]:
    """Return a recipe's tables with the parameters of an iteration, and what was left out.

    Values come in the recipe's own units. A prior stays where it was.

    Raises:
        RecipeError: recipe and run have no parameter in common.
    """
    units = {parameter_key(t, p): p.unit for t in recipe.terms for p in t.parameter}
    values: dict[str, float] = {}
    left: list[str] = []
    for report in step.parameters:
        if report.numbers or report.key not in units:
            left.append(report.key)
        else:
            values[report.key] = _converted(report.value, report.unit, units[report.key])
    if not values:
        raise RecipeError(
            "The recipe has none of the parameters of this run.",
            "Open the run itself (File, Open run) to go on from it.",
        )
    return recipe_to_table(with_values(recipe, values)), left


def _converted(value: float, unit: str, wanted: str) -> float:
    return value if unit == wanted else value * factor(unit, wanted)
