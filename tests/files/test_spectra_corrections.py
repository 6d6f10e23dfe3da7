"""Conversions, open questions and corrections: formulas by hand, raw data untouched."""

from __future__ import annotations

import copy
from dataclasses import replace
from math import log, pi

import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import DmdError, FileError, RecipeError, UnitError
from dmdstudio.files.spectra import (
    QUANTITIES,
    absorbance_from_transmittance,
    answer,
    n_alpha_from_epsilon,
    observable_of,
    open_questions,
    to_wavenumber,
)
from dmdstudio.files.spectra.conversion import wavenumber_per_cm
from dmdstudio.files.spectra.corrections import apply, baseline, describe
from dmdstudio.plan.corrections import (
    Absorbance,
    Baseline,
    Correction,
    Crop,
    Normalise,
    Scale,
    Shift,
    Smooth,
)
from dmdstudio.plan.recipe import recipe_from_table
from dmdstudio.plan.structure import Measurement

X = np.linspace(400.0, 4000.0, 361)


def curve(value: np.ndarray, quantity: str = "absorbance", unit: str = "", **more) -> Measurement:
    return replace(
        Measurement(quantity, value, unit, error=np.full(len(X), 0.1), axis=X, axis_unit="1/cm"),
        **more,
    )


# ---- conversions


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1.0, "THz", 33.35640951981521),
        (1000.0, "GHz", 33.35640951981521),
        (1.0, "eV", 8065.543937349212),  # CODATA
        (1.0, "meV", 8.065543937349212),
        (10.0, "um", 1000.0),
        (10000.0, "nm", 1000.0),
        (1e5, "angstrom", 1000.0),
        (1.5, "1/cm", 1.5),
    ],
)
def test_wavenumbers(value: float, unit: str, expected: float):
    assert wavenumber_per_cm(np.array([value]), unit)[0] == pytest.approx(expected, rel=1e-12)


def test_a_wavelength_axis_turns_round():
    raw = curve(X / 1000, axis=np.linspace(500.0, 800.0, 361), axis_unit="nm")
    found = to_wavenumber(raw)
    assert found.axis is not None and raw.axis is not None
    np.testing.assert_allclose(found.axis, 1e7 / raw.axis[::-1])
    np.testing.assert_array_equal(found.value, raw.value[::-1])
    assert found.axis_unit == "1/cm" and found.conditions["axis as measured"] == "nm"
    with pytest.raises(UnitError, match=r"A wavelength of 0 nm is not above 0"):
        to_wavenumber(replace(raw, axis=np.arange(361.0)))
    with pytest.raises(UnitError, match="no axis of a spectrum"):
        to_wavenumber(replace(raw, axis_unit="ps"))
    with pytest.raises(FileError, match="unit of the spectrum's axis is not known"):
        to_wavenumber(replace(raw, axis_unit=""))


def test_absorbance():
    fraction = np.linspace(0.05, 1.0, 361)
    found = absorbance_from_transmittance(curve(fraction, "transmittance"))
    np.testing.assert_allclose(found.value, -np.log10(fraction))
    assert found.error is not None
    np.testing.assert_allclose(found.error, 0.1 / (fraction * log(10)))
    percent = curve(fraction * 100, "transmittance", "%")
    np.testing.assert_allclose(absorbance_from_transmittance(percent).value, found.value)
    with pytest.raises(
        FileError, match="2 of 361 transmittances are not above 0, the first at 400"
    ):
        absorbance_from_transmittance(curve(np.r_[0, -1, fraction[2:]], "transmittance"))
    with pytest.raises(FileError, match="a fraction or in per cent is not known"):
        absorbance_from_transmittance(
            curve(fraction, "transmittance", conditions={"needs": "value_unit"})
        )
    with pytest.raises(FileError, match="is absorbance, not transmittance"):
        absorbance_from_transmittance(curve(fraction))


def test_n_alpha_of_the_permittivity():
    """eps'' = 2 n k and alpha = 4 pi nu k, so that n alpha = 2 pi nu eps''."""
    n, k = 1.3, 0.02
    found = n_alpha_from_epsilon(curve(np.full(361, 2 * n * k), "epsilon_imaginary"))
    np.testing.assert_allclose(found.value, n * 4 * pi * X * k)
    assert (found.quantity, found.unit) == ("n_alpha", "1/cm")
    assert found.error is not None
    np.testing.assert_allclose(found.error, 0.1 * 2 * pi * X)


# ---- open questions


def test_questions_and_answers():
    raw = curve(X, "", axis_unit="", conditions={"needs": "axis_unit, quantity"})
    questions = open_questions(raw)
    assert [q.key for q in questions] == ["axis_unit", "quantity"]
    assert all(len(q.choices) == len(q.labels) > 1 for q in questions)
    first = answer(raw, {"axis_unit": "THz", "quantity": "transmittance"})
    assert [q.key for q in open_questions(first)] == ["value_unit"]
    done = answer(first, {"value_unit": "%"})
    assert (done.axis_unit, done.quantity, done.unit) == ("THz", "transmittance", "%")
    assert open_questions(done) == ()
    told = "quantity = transmittance; axis_unit = THz; value_unit = %"
    assert done.conditions == {"told": told}
    assert raw.conditions == {"needs": "axis_unit, quantity"}
    for answers, message in [
        ({"axis_unit": "parsec"}, "'parsec' is no answer to: In which unit is the horizontal axis"),
        ({"value_unit": "%"}, "'%' is no answer to: In which unit is the value"),
        ({"colour": "red"}, "no question 'colour'"),
    ]:
        with pytest.raises(FileError, match=message):
            answer(raw, answers)
    assert answer(raw, {"quantity": "n_alpha"}).unit == "1/cm"
    plain = answer(done, {"value_unit": "1"})
    assert plain.unit == "", "what was said can be said otherwise"
    radial = answer(done, {"quantity": "pair_distribution"})
    assert [q.key for q in open_questions(radial)] == ["axis_unit"], "no longer a spectrum's axis"
    assert open_questions(radial)[0].choices == ("angstrom", "nm")
    assert {observable_of(q) for q in QUANTITIES} >= {"infrared_spectrum", "raman_spectrum"}
    assert observable_of("density") == "density"


# ---- corrections

BAND = np.exp(-(((X - 1650) / 60) ** 2)) + 0.6 * np.exp(-(((X - 3300) / 150) ** 2))
ALL: list[Correction] = [
    Crop(low=500, high=3900),
    Shift(by=2.5),
    Baseline(method="arpls", smoothness=1e6),
    Smooth(points=7, order=2),
    Scale(by=3.0),
    Normalise(to="point", at=1650.0),
]


def test_corrections_leave_the_raw_data_alone_and_are_noted():
    raw = curve(BAND + 0.1)
    before = copy.deepcopy(raw)
    found = apply(raw, ALL)
    for name in ("value", "error", "axis"):
        np.testing.assert_array_equal(getattr(raw, name), getattr(before, name))
    assert raw.conditions == {}
    assert found.conditions["corrections"].startswith("crop low=500 high=3900; shift by=2.5; ")
    again = apply(raw, in_recipe(msgspec.to_builtins(ALL)))
    np.testing.assert_array_equal(found.value, again.value)
    assert apply(raw, []) is raw
    assert found.axis is not None
    assert np.interp(1650, found.axis, found.value) == pytest.approx(1)


def test_a_transmittance_is_corrected_as_absorbance():
    raw = curve(10.0**-BAND, "transmittance")
    found = apply(raw, [Absorbance(), Scale(by=2.0)])
    assert found.quantity == "absorbance" and raw.quantity == "transmittance"
    np.testing.assert_allclose(found.value, 2.0 * BAND, atol=1e-12)
    with pytest.raises(FileError, match="Correction 2: The measurement is absorbance"):
        apply(raw, [Absorbance(), Absorbance()])


def in_recipe(tables):
    """Return corrections as a recipe with these tables has them."""
    target = {"observable": "infrared_spectrum", "corrections": tables}
    system, sampling = {"structure": "water.xyz"}, {"temperature": 300.0}
    recipe = recipe_from_table({"system": system, "sampling": sampling, "target": [target]})
    return list(recipe.target[0].corrections)


def test_corrections_in_a_recipe():
    assert in_recipe([{"kind": "crop", "low": 500.0, "high": 3900.0}]) == ALL[:1]
    assert in_recipe(msgspec.to_builtins(ALL)) == ALL
    assert describe(Baseline(method="modpoly", order=3)) == "baseline method=modpoly order=3"
    for wrong, message in [
        ({"kind": "melt"}, r"corrections\[0\].kind = 'melt': Invalid value 'melt'"),
        ({"kind": "scale"}, r"corrections\[0\].by is missing"),
        ({"kind": "smooth", "points": 1}, "points = 1: Must be at least 3"),
        ({"kind": "crop", "lower": 1}, "has no setting 'lower'"),
        ({"kind": "baseline", "method": "eval"}, "'eval'"),
    ]:
        with pytest.raises(RecipeError, match=message):
            in_recipe([wrong])


@pytest.mark.parametrize(
    "settings",
    [
        Baseline(method="arpls", smoothness=1e6),
        Baseline(method="asls", smoothness=1e6, asymmetry=0.001),
        Baseline(method="modpoly", order=2),
    ],
)
def test_baselines_find_a_known_line(settings: Baseline):
    line = 0.3 + 1e-4 * X - 1e-8 * X**2
    found = baseline(X, BAND + line, settings)
    away = BAND < 1e-4
    assert np.abs(found - line)[away].max() < 0.02
    corrected = apply(curve(BAND + line), [settings])
    assert corrected.value.max() == pytest.approx(1.0, abs=0.05)


def test_smoothing_keeps_a_parabola_and_shrinks_errors():
    found = apply(curve(1e-6 * X**2), [Smooth(points=9, order=2)])
    np.testing.assert_allclose(found.value, 1e-6 * X**2, rtol=1e-9)
    assert found.error is not None
    # The centre weight of the 9-point quadratic is 59/231, as is the sum of the squared weights.
    np.testing.assert_allclose(found.error, 0.1 * np.sqrt(59 / 231))


def test_normalising_and_scaling():
    raw = curve(BAND * 7, unit="1/cm")
    assert apply(raw, [Normalise()]).value.max() == pytest.approx(1)
    area = apply(raw, [Normalise(to="area")])
    assert area.unit == ""
    assert np.trapezoid(area.value, X) == pytest.approx(1)
    scaled = apply(raw, [Scale(by=-2.0)])
    assert scaled.error is not None and scaled.unit == "1/cm"
    np.testing.assert_allclose(scaled.error, 0.2)
    np.testing.assert_allclose(scaled.value, -14 * BAND)


@pytest.mark.parametrize(
    ("correction", "message"),
    [
        (Crop(low=5000), "Correction 1: cropping to 5000 ... inf leaves 0 of 361 points"),
        (Smooth(points=8), "smoothing over 8 points"),
        (Smooth(points=999), "smoothing over 999 points with order 2 on 361 points"),
        (Normalise(to="point"), "normalising at None outside of the axis, 400 to 4000"),
        (Normalise(to="point", at=1.0), "normalising at 1.0 outside"),
        (Scale(by=float("inf")), "inf is not a finite number"),
    ],
)
def test_corrections_that_cannot_be_applied(correction: Correction, message: str):
    with pytest.raises(DmdError, match=message):
        apply(curve(BAND), [correction])


def test_uneven_spacing_and_single_numbers():
    uneven = curve(BAND, axis=X**1.2)
    with pytest.raises(FileError, match="smoothing needs even spacing"):
        apply(uneven, [Smooth()])
    with pytest.raises(FileError, match="which is not above 0"):
        apply(curve(-BAND - 1), [Normalise()])
    with pytest.raises(FileError, match="a single number"):
        apply(Measurement("density", np.ones(1), "g/cm3"), [Scale(by=2.0)])
