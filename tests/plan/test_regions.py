"""Regions of a target's axis: what a recipe may say of them, and what its points weigh."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmdstudio.base.errors import RecipeError
from dmdstudio.plan.recipe import parse_recipe, recipe_to_toml
from dmdstudio.plan.regions import (
    RegionPlan,
    check_within,
    regions_from_text,
    regions_in,
    weights_at,
)
from dmdstudio.plan.settings import with_settings

TEXT = """
[system]
structure = "water.xyz"
[sampling]
temperature = 300.0
[[target]]
observable = "infrared_spectrum"
data = "water.csv"
high = 4000.0
"""
MARKS = st.floats(0.0, 5000.0).map(lambda x: round(x, 1))


def regions_of(lines):
    return parse_recipe(TEXT + lines).target[0].regions


def test_a_recipe_keeps_its_regions():
    recipe = parse_recipe(
        TEXT
        + "[[target.regions]]\nlow = 2000\nhigh = 2700\n"
        + '[[target.regions]]\nlow = 90.0\nhigh = 110.0\nweight = 4\nunit = "THz"\n'
    )
    masked, heavy = recipe.target[0].regions
    assert masked == RegionPlan(low=2000.0, high=2700.0, weight=0.0, unit="")
    assert heavy == RegionPlan(low=90.0, high=110.0, weight=4.0, unit="THz")
    assert recipe.target[0].options == {"high": 4000.0}
    assert parse_recipe(recipe_to_toml(recipe)) == recipe
    assert "regions" not in recipe_to_toml(parse_recipe(TEXT))
    changed = with_settings(recipe, ["target.regions.1.weight=2.5"])
    assert changed.target[0].regions[1].weight == 2.5


def test_what_is_left_out_becomes_regions():
    found = regions_of("leave_out = '2000 to 2700, 0-50'\n[[target.regions]]\nlow=60\nhigh=70\n")
    assert [(r.low, r.high, r.weight) for r in found] == [
        (60.0, 70.0, 0.0), (0.0, 50.0, 0.0), (2000.0, 2700.0, 0.0)
    ]  # fmt: skip


@given(st.lists(st.tuples(MARKS, MARKS).filter(lambda ends: ends[0] < ends[1]), max_size=6))
def test_ranges_of_a_text_come_in_order_and_apart(ranges):
    text = ", ".join(f"{low:.10g}-{high:.10g}" for low, high in ranges)
    found = regions_from_text(text, "here")
    ends = [(r["low"], r["high"]) for r in found]
    assert all(one[1] < two[0] for one, two in itertools.pairwise(ends))
    for low, high in ranges:
        assert any(a <= low and high <= b for a, b in ends)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("[[target.regions]]\nlow = 3\nhigh = 2\n", "3 to 2 ends before it begins"),
        ("[[target.regions]]\nlow = 1\nhigh = 2\nweight = -1\n", r"regions\[0\].weight = -1"),
        ("[[target.regions]]\nlow = 1\nhigh = 2\nunit = 'furlong'\n", "'furlong' is unknown"),
        ("[[target.regions]]\nlow = 1\n", r"regions\[0\].high is missing"),
        (
            "[[target.regions]]\nlow = 1\nhigh = 4\n[[target.regions]]\nlow = 3\nhigh = 5\n",
            "1 to 4 and 3 to 5 overlap",
        ),
        ("regions = 3\n", "regions = 3: Must be a list"),
        ("leave_out = '1-2-3'\n", "'1-2-3' is no range"),
        ("leave_out = '9-8'\n", "'9-8' is no range"),
        ("leave_out = '1.2.3-2700'\n", "'1.2.3-2700' is no range"),
        ("leave_out = '1e999-5'\n", "'1e999-5' is no range"),
    ],
)
def test_what_is_no_region_is_refused(lines, words):
    with pytest.raises(RecipeError, match=words):
        regions_of(lines)


def test_regions_are_taken_to_the_axis_and_weigh_its_points():
    given = [
        RegionPlan(low=2.5, high=5.0, unit="um", weight=3.0),  # 2000 to 4000 per cm
        RegionPlan(low=0.0, high=100.0),
        RegionPlan(low=1500.0, high=2000.0, weight=0.5),
    ]
    found = regions_in(given, "1/cm", "here")
    assert [(r.low, round(r.high, 6), r.unit) for r in found] == [
        (0.0, 100.0, "1/cm"), (1500.0, 2000.0, "1/cm"), (2000.0, 4000.0, "1/cm")
    ]  # fmt: skip
    axis = np.array([50.0, 100.0, 1000.0, 1500.0, 2000.0, 3999.0, 4100.0])
    assert weights_at(axis, found).tolist() == [0.0, 0.0, 1.0, 0.5, 3.0, 3.0, 1.0]
    with pytest.raises(RecipeError, match="overlap"):
        regions_in([*given, RegionPlan(low=60.0, high=70.0, unit="THz")], "1/cm", "here")
    with pytest.raises(RecipeError, match="1 to 2 ps"):
        regions_in([RegionPlan(low=1.0, high=2.0, unit="ps")], "1/cm", "here")
    with pytest.raises(RecipeError, match=r"4000 1/cm lies outside of the data, 10 to 1900 1/cm"):
        check_within(found, np.array([10.0, 1900.0]), "here")
