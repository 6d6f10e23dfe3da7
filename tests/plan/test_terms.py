"""Parameters by name, and a recipe's potential as numbers for other engines."""

from __future__ import annotations

import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.units import to_internal
from dmdstudio.plan.recipe import ParameterPlan, PotentialPlan, Recipe, parse_recipe
from dmdstudio.plan.terms import parameter_key, potential_terms, with_values

TEXT = """
[system]
structure = "mixture.xyz"

[sampling]
temperature = 94.4

[[potential]]
kind = "lennard_jones"
cutoff = 7.5
parameter = [
    {name = "sigma", of = "Ar", value = 3.38, unit = "angstrom"},
    {name = "sigma", of = "Kr", value = 0.36, unit = "nm"},
    {name = "epsilon", value = 0.9, unit = "kJ/mol"},
]

[[potential]]
kind = "lennard_jones"
name = "wall"
parameter = [{name = "sigma", value = 2.0, unit = "angstrom", free = false}]
"""


@pytest.fixture
def recipe() -> Recipe:
    return parse_recipe(TEXT)


def test_keys_name_potential_parameter_and_type():
    sigma = ParameterPlan(name="sigma", value=1.0)
    lennard_jones = PotentialPlan(kind="lennard_jones")
    assert parameter_key(lennard_jones, sigma) == "lennard_jones.sigma"
    of_argon = ParameterPlan(name="sigma", of="Ar", value=1.0)
    assert parameter_key(lennard_jones, of_argon) == "lennard_jones.sigma[Ar]"
    named = PotentialPlan(kind="lennard_jones", name="wall")
    assert parameter_key(named, sigma) == "wall.sigma"


def test_values_move_only_what_they_name(recipe):
    moved = with_values(recipe, {"lennard_jones.sigma[Kr]": 0.37, "wall.sigma": 2.5})
    values = [[p.value for p in potential.parameter] for potential in moved.potential]
    assert values == [[3.38, 0.37, 0.9], [2.5]]
    assert with_values(recipe, {}) == recipe
    back = with_values(moved, {"lennard_jones.sigma[Kr]": 0.36, "wall.sigma": 2.0})
    assert back == recipe


def test_terms_hold_a_number_per_type_in_internal_units(recipe):
    first, wall = potential_terms(recipe, ("Kr", "Ar", "Ar"), {"lennard_jones.epsilon": 1.0})
    assert first.kind == wall.kind == "lennard_jones"
    assert first.options == {"cutoff": 7.5}
    assert first.parameters["sigma"] == pytest.approx({"Ar": 3.38, "Kr": 3.6})
    epsilon = to_internal(1.0, "kJ/mol")
    assert first.parameters["epsilon"] == {"Ar": epsilon, "Kr": epsilon}
    assert wall.parameters == {"sigma": {"Ar": 2.0, "Kr": 2.0}}


def test_a_value_of_no_parameter_is_refused(recipe):
    with pytest.raises(RecipeError, match=r"lennard_jones.sigma\[Xe\]"):
        potential_terms(recipe, ("Ar",), {"lennard_jones.sigma[Xe]": 1.0})
