"""What every registered observable must do."""

from __future__ import annotations

import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from dmdstudio.engine import observables as _registered  # noqa: F401  fills the registry
from dmdstudio.engine.core import System
from dmdstudio.engine.observable import Clock, autocorrelation, observables
from dmdstudio.engine.observables.self_diffusion import SelfDiffusion, SelfDiffusionOptions
from dmdstudio.engine.spectral import SpectralOptions
from dmdstudio.engine.spectrum import highest_wavenumber
from dmdstudio.files.spectra import write_measurement
from dmdstudio.plan.events import Evaluated, GradientChecked
from dmdstudio.plan.recipe import ParameterPlan, PotentialPlan, TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement
from dmdstudio.service import loop
from dmdstudio.service.control import Control

BOND = {"mean_slope": 0.8, "anisotropy": 0.5, "anisotropy_slope": 1.9, "length": 1.0}
SURFACES = {
    "dipole": PotentialPlan(kind="potential_charges"),
    "polarisability": PotentialPlan(
        kind="bond_polarisability",
        parameter=tuple(
            ParameterPlan(name=name, of="H-O", value=value) for name, value in BOND.items()
        ),
    ),
}
"""What gives water the properties that observables need; all numbers of the latter are free."""


@pytest.fixture(params=list(observables))
def recipe(request, tiny_recipe):
    """The tiny recipe with one observable as its target, its experiment 10 % off the truth."""
    kind = observables.get(request.param)
    if needed := [s for s in SURFACES if kind.needs & {s, f"{s}_velocity"}]:  # argon has none
        tiny_recipe = request.getfixturevalue("tiny_water")
        given = tuple(SURFACES[name] for name in needed)
        tiny_recipe = msgspec.structs.replace(tiny_recipe, surface=given)
    if "nvt" not in kind.ensembles:
        npt = ["sampling.ensemble=npt", "sampling.pressure=300"]
        tiny_recipe = with_settings(tiny_recipe, npt)
    watched = msgspec.structs.replace(
        tiny_recipe,
        target=(
            msgspec.structs.replace(tiny_recipe.target[0], name="known"),
            TargetPlan(observable=kind.name, name="watched", options=_options(kind, tiny_recipe)),
        ),
    )
    *_, measured = loop.evaluate(watched, Control())
    assert isinstance(measured, Evaluated)
    report = measured.targets[1]
    value = 1.1 * np.asarray(report.value)
    axis = np.asarray(report.axis) if report.axis else None
    if axis is not None:  # on points of its own, some of them outside
        points = np.linspace(-0.1, 1.2, 23) * axis[-1]
        value, axis = np.interp(points, axis, value), points
    made = Measurement(kind.name, value, kind.unit, axis=axis, axis_unit=report.axis_unit)
    path = tiny_recipe.path("made.csv")
    write_measurement(made, path)
    target = TargetPlan(observable=kind.name, data=path.name, options=_options(kind, tiny_recipe))
    return msgspec.structs.replace(tiny_recipe, target=(target,))


def _options(kind, recipe):
    """Return settings that fit a short trajectory."""
    plan, known = recipe.dynamics, kind.Options.__struct_fields__
    interval = plan.timestep * plan.record_every
    found = {"window": round(0.5e-3 * plan.steps * plan.timestep, 3)}
    found["high"] = round(0.9 * highest_wavenumber(interval))
    if "laser" in known:  # intensities mean nothing where the window resolves nothing
        found["low"] = round(highest_wavenumber(interval) * interval * 1e-3 / found["window"])
    return {name: value for name, value in found.items() if name in known}


def test_its_gradient_is_right_by_three_methods(recipe):
    *_, checked = loop.check_gradient(recipe, Control())
    assert isinstance(checked, GradientChecked)
    moves = not observables.get(recipe.target[0].observable).static
    assert checked.reversal_residual == (0.0 if moves else None)
    for row in checked.rows:
        assert row.errors["reversible_adjoint"] < 1e-9
        assert row.errors["finite_difference"] < 1e-5


def test_its_report_lies_on_the_experiments_points(recipe):
    *_, measured = loop.evaluate(recipe, Control())
    (report,) = measured.targets
    assert len(report.value) == len(report.error) == len(report.experiment)
    assert len(report.axis) in (0, len(report.value))
    if not issubclass(observables.get(recipe.target[0].observable).Options, SpectralOptions):
        assert report.loss == pytest.approx(0.01 / 1.21, rel=0.02)  # the very same starts
    else:  # the experiment, as coarse as the prediction already, is made coarser
        assert 0.001 < report.loss < 0.2


def test_autocorrelation_is_the_plain_sum():
    signal = np.random.default_rng(0).normal(size=(40, 5, 3))
    found = np.asarray(autocorrelation(signal, 12))
    for lag in range(12):
        products = (signal[: 40 - lag] * signal[lag:]).sum(axis=(1, 2))
        assert found[lag] == pytest.approx(products.mean(), rel=1e-12)


def test_the_displacement_is_that_of_a_particle_with_friction():
    argon = System(("Ar",), np.zeros(4, int), np.full(4, 39.948), np.eye(3) * 20.0)
    clock, relaxation, speed = Clock(2.0, 401), 100.0, 3e-5
    options = SelfDiffusionOptions(window=0.8)
    observable = SelfDiffusion.build(options, argon, clock, 90.0)
    time = np.arange(401) * 2.0
    mean = jnp.asarray(speed * np.exp(-time / relaxation))
    found = observable.details(mean)[2]
    decay = 1.0 - np.exp(-time / relaxation)
    exact = 2.0 * speed * relaxation * (time - relaxation * decay)
    assert found.unit == "angstrom2" and found.axis[-1] == pytest.approx(0.8)
    np.testing.assert_allclose(found.value, exact, rtol=1e-3, atol=1e-3 * exact[-1])
