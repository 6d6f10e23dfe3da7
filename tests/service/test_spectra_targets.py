"""Measured spectra as targets: surfaces, scales, ranges, and what is refused about them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import DmdError, FileError, RecipeError
from dmdstudio.plan.recipe import PotentialPlan, TargetPlan, parse_recipe, recipe_to_toml
from dmdstudio.plan.regions import RegionPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.service.build import build

OPTIONS = {"window": 0.015, "high": 4000.0}


@pytest.fixture
def recipe(tiny_water):
    """Water with a spectrum of three bands as its target."""
    axis = np.arange(10.0, 4200.0, 10.0)
    value = sum(np.exp(-(((axis - c) / 120.0) ** 2)) for c in (600.0, 1650.0, 3400.0))
    rows = "\n".join(f"{x:g},{1e4 * y:g}" for x, y in zip(axis, value, strict=True))
    tiny_water.path("spectrum.csv").write_text(
        f"# quantity: n_alpha\nwavenumber [1/cm],n_alpha [1/cm]\n{rows}\n"
    )
    target = TargetPlan(observable="infrared_spectrum", data="spectrum.csv", options=OPTIONS)
    return msgspec.structs.replace(
        tiny_water, target=(target,), surface=(PotentialPlan(kind="potential_charges"),)
    )


def target_of(recipe):
    problem, _ = build(recipe)
    return problem.targets[0]


def test_a_recipe_keeps_its_surface(recipe):
    again = parse_recipe(recipe_to_toml(recipe), recipe.folder)
    assert again.surface == recipe.surface and again.terms[-1].kind == "potential_charges"
    _, complete = build(with_settings(recipe, ["surface.term=coulomb"]))
    assert complete.surface[0].options == {"term": "coulomb"}


def test_a_spectrum_needs_one_surface_that_finds_charges(recipe):
    for surface, words in (
        ((), "has no surface"),
        (
            (PotentialPlan(kind="potential_charges", options={"term": "lennard_jones"}),),
            "charges of",
        ),
        ((PotentialPlan(kind="potential_chargse"),), "no surface called"),
    ):
        with pytest.raises(RecipeError, match=words):
            build(msgspec.structs.replace(recipe, surface=surface))
    twice = recipe_to_toml(msgspec.structs.replace(recipe, surface=recipe.surface * 2))
    with pytest.raises(RecipeError, match="called 'potential_charges'"):
        parse_recipe(twice, recipe.folder)
    other = msgspec.structs.replace(recipe.surface[0], name="other")
    with pytest.raises(RecipeError, match="2 surfaces for the dipole"):
        build(msgspec.structs.replace(recipe, surface=(*recipe.surface, other)))


def test_what_is_left_out_does_not_count_and_what_weighs_more_counts_more(recipe):
    whole = target_of(recipe).axis
    masked = with_settings(recipe, ["target.leave_out='0-100, 2000 to 2700'"])
    part = target_of(masked)
    assert set(part.axis) == {x for x in whole if x > 100.0 and not 2000.0 <= x <= 2700.0}
    assert part.point_weight is None
    band = msgspec.structs.replace(
        masked.target[0],
        regions=(
            *masked.target[0].regions,
            RegionPlan(low=90.0, high=110.0, weight=5.0, unit="THz"),
        ),
    )
    heavy = target_of(msgspec.structs.replace(masked, target=(band,)))
    assert heavy.axis.tolist() == part.axis.tolist()
    in_band = (heavy.axis > 90.0 * 33.35641) & (heavy.axis < 110.0 * 33.35641)
    assert heavy.point_weight.tolist() == np.where(in_band, 5.0, 1.0).tolist()
    assert heavy.experiment.tolist() == part.experiment.tolist()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([(0.0, 5000.0, 0.0, "")], "leave less out"),
        ([(4300.0, 4400.0, 2.0, "")], "lies outside of the data, 10 to 4190 1/cm"),
        ([(1.0, 2.0, 2.0, "ps")], "1 to 2 ps: 'ps' is a time"),
        ([(60.0, 80.0, 2.0, "THz"), (2100.0, 2200.0, 0.0, "")], "overlap"),
    ],
)
def test_regions_that_do_not_fit_the_data_are_refused(recipe, lines, words):
    regions = tuple(RegionPlan(low=a, high=b, weight=w, unit=u) for a, b, w, u in lines)
    plan = msgspec.structs.replace(recipe.target[0], regions=regions)
    with pytest.raises(DmdError, match=words):
        build(msgspec.structs.replace(recipe, target=(plan,)))


def test_a_scale_that_is_fitted_does_not_matter(recipe):
    target = target_of(with_settings(recipe, ["target.fit_scale=true"]))
    lags = target.observable.band.lags
    mean = np.exp(-np.arange(lags) / 3.0)
    assert float(target.loss(mean)) == pytest.approx(float(target.loss(7.0 * mean)), rel=1e-12)
    z, fitted = np.asarray(target.residual(mean)), np.asarray(target.prediction(mean))
    assert abs(z @ fitted) < 1e-9 * np.linalg.norm(z) * np.linalg.norm(fitted)  # the best factor


def test_absorbance_and_transmittance_are_shapes(recipe):
    measured = np.loadtxt(recipe.path("spectrum.csv"), delimiter=",", skiprows=2)
    absorbance = measured[:, 1] / 2e4
    for quantity, values in (
        ("absorbance", absorbance),
        ("transmittance", 10.0**-absorbance),
    ):
        rows = "\n".join(f"{x:g},{y:.9g}" for x, y in zip(measured[:, 0], values, strict=True))
        recipe.path("shape.csv").write_text(
            f"# quantity: {quantity}\nwavenumber [1/cm],{quantity} [1]\n{rows}\n"
        )
        shape = with_settings(recipe, ["target.data=shape.csv"])
        with pytest.raises(RecipeError, match="fit_scale = true"):
            build(shape)
        fitted = target_of(with_settings(shape, ["target.fit_scale=true"])).experiment
        plain = target_of(recipe).experiment
        assert np.allclose(fitted, plain / 2e4, rtol=1e-6, atol=1e-6 * fitted.max())


def test_what_a_file_leaves_open_is_told_by_the_recipe_and_corrected_there(recipe):
    """Columns without a word: which of them, what it is, in which units, and what is done to it."""
    measured = np.loadtxt(recipe.path("spectrum.csv"), delimiter=",", skiprows=2)
    rows = "\n".join(
        f"{x * 0.0299792458:.12g} {i} {100.0 * 10.0 ** -(y / 2e4):.12g}"
        for i, (x, y) in enumerate(measured)
    )
    recipe.path("bare.txt").write_text(rows)
    bare = with_settings(recipe, ["target.data=bare.txt", "target.fit_scale=true"])
    reading = ["block='column 3'", "quantity=transmittance", "axis_unit=THz", "value_unit='%'"]
    for count, words in enumerate(
        ("Which column", "Which quantity|horizontal axis", "horizontal axis", "a fraction|unit")
    ):
        told = with_settings(bare, [f"target.reading.{r}" for r in reading[:count]])
        with pytest.raises(FileError, match=rf"bare\.txt does not say .*({words})"):
            build(told)
    told = with_settings(bare, [f"target.reading.{r}" for r in reading])
    plain = target_of(with_settings(recipe, ["target.fit_scale=true"]))
    found = target_of(told)
    assert np.allclose(found.axis, plain.axis)
    assert np.allclose(2e4 * found.experiment, plain.experiment, rtol=1e-6, atol=1e-2)
    corrections = "{kind='absorbance'}, {kind='scale', by=3.0}"
    corrected = with_settings(told, [f"target.corrections=[{corrections}]"])
    assert parse_recipe(recipe_to_toml(corrected), corrected.folder) == corrected
    assert np.allclose(target_of(corrected).experiment, 3.0 * found.experiment, rtol=1e-12)
    cut = f"target.corrections=[{corrections}, {{kind='crop', high=90.0}}]"
    assert 2900.0 < target_of(with_settings(told, [cut])).axis.max() < 90.0 * 33.36
    for wrong, words in (
        ("target.reading.axis_unit=parsec", r"bare\.txt: 'parsec' is no answer"),
        ("target.reading.block='column 9'", r"bare\.txt has no column 'column 9'"),
        ("target.corrections=[{kind='smooth', points=4}]", r"bare\.txt: Correction 1"),
        ("target.corrections=[{kind='melt'}]", r"corrections\[0\]\.kind = 'melt'"),
    ):
        with pytest.raises(DmdError, match=words):
            build(with_settings(told, [wrong]))


def test_an_imaginary_permittivity_is_an_absorption(recipe):
    measured = np.loadtxt(recipe.path("spectrum.csv"), delimiter=",", skiprows=2)
    terahertz = measured[:, 0] * 0.0299792458
    values = measured[:, 1] / (2.0 * np.pi * measured[:, 0])
    rows = "\n".join(f"{x:.12g},{y:.12g}" for x, y in zip(terahertz, values, strict=True))
    recipe.path("loss.csv").write_text(
        f"# quantity: epsilon_imaginary\nfrequency [THz],epsilon_imaginary [1]\n{rows}\n"
    )
    found = target_of(with_settings(recipe, ["target.data=loss.csv"]))
    plain = target_of(recipe)
    assert np.allclose(found.axis, plain.axis)
    assert np.allclose(found.experiment, plain.experiment, rtol=1e-6, atol=1.0)
