"""Measured Raman spectra as targets, alone and beside infrared ones."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import Phase, configuration
from dmdstudio.plan.events import GradientChecked
from dmdstudio.plan.recipe import ParameterPlan, PotentialPlan, TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control

OPTIONS = {"window": 0.015, "low": 1000.0, "high": 4000.0}
THOLE = PotentialPlan(
    kind="thole",
    options={"cutoff": 4.5, "switch_start": 3.5},
    parameter=(
        ParameterPlan(name="polarisability", of="H", value=0.414, lower=0.1),
        ParameterPlan(name="polarisability", of="O", value=0.852, lower=0.1),
        ParameterPlan(name="damping", value=2.1304, free=False),
    ),
)


def _write(recipe, name, header):
    axis = np.arange(10.0, 4200.0, 10.0)
    value = sum(np.exp(-(((axis - c) / 120.0) ** 2)) for c in (600.0, 1650.0, 3400.0))
    rows = "\n".join(f"{x:g},{1e4 * y:g}" for x, y in zip(axis, value, strict=True))
    recipe.path(name).write_text(f"{header}\n{rows}\n")


@pytest.fixture
def recipe(tiny_water):
    """Water with a Raman spectrum of three bands as its target, and Thole's polarisabilities."""
    _write(tiny_water, "raman.csv", "Raman shift [1/cm],Raman intensity")
    target = TargetPlan(
        observable="raman_spectrum", data="raman.csv", fit_scale=True, options=OPTIONS
    )
    return msgspec.structs.replace(tiny_water, target=(target,), surface=(THOLE,))


def test_measured_intensities_are_shapes(recipe):
    problem, complete = build(recipe)
    (target,) = problem.targets
    assert target.fit_scale and target.axis[0] >= 1000.0
    assert complete.target[0].options["part"] == "unpolarised"
    with pytest.raises(RecipeError, match=r"arbitrary units.*absolute") as told:
        build(with_settings(recipe, ["target.fit_scale=false"]))
    assert "fit_scale = true" in told.value.advice


def test_a_wavelength_is_no_shift(recipe):
    _write(recipe, "raman.csv", "wavelength [nm],Raman intensity")
    with pytest.raises(RecipeError, match="difference of two"):
        build(recipe)


@pytest.fixture
def joint(recipe):
    """Polarised and depolarised Raman spectra and the infrared one, and a surface for either."""
    header = "# quantity: n_alpha\nwavenumber [1/cm],n_alpha [1/cm]"
    _write(recipe, "infrared.csv", header)
    (raman,) = recipe.target
    ours = [
        msgspec.structs.replace(raman, name=part, options={**OPTIONS, "part": part})
        for part in ("parallel", "depolarised")
    ]
    infrared = TargetPlan(observable="infrared_spectrum", data="infrared.csv", options=OPTIONS)
    return msgspec.structs.replace(
        recipe,
        target=(*ours, infrared),
        surface=(*recipe.surface, PotentialPlan(kind="potential_charges")),
    )


def test_two_surfaces_stand_side_by_side(joint):
    """A frame has of both what it has of each alone."""
    problem, _ = build(joint)
    where = configuration(problem.system, problem.start, problem.system.cell)
    velocities = 0.01 * np.random.default_rng(0).normal(size=problem.start.shape)
    phase = Phase(where, velocities.astype(problem.system.dtype))

    def frame(problem):
        return problem.frame(problem.theta(problem.initial), phase)

    both = frame(problem)
    assert set(both) == {"polarisability_velocity_density", "dipole_velocity_density"}
    for surface, targets in zip(joint.surface, (joint.target[:2], joint.target[2:]), strict=True):
        alone = msgspec.structs.replace(joint, surface=(surface,), target=targets)
        for name, value in frame(build(alone)[0]).items():
            assert np.any(np.asarray(value)) and np.array_equal(value, both[name])


@pytest.mark.slow
def test_infrared_and_raman_refine_both_surfaces_and_the_potential(joint):
    """All derivatives by three methods; the contracts of surfaces and observables always run."""
    fixed = (
        "harmonic_angle.parameter.angle",
        "harmonic_bond.parameter.stiffness",
        "harmonic_angle.parameter.stiffness",
        "lennard_jones.parameter.0",
        "lennard_jones.parameter.1",
    )
    settings = ["dynamics.steps=30", *(f"potential.{name}.free=false" for name in fixed)]
    *_, checked = loop.check_gradient(with_settings(joint, settings), Control())
    assert isinstance(checked, GradientChecked)
    assert checked.reversal_residual == 0.0
    names = {row.key for row in checked.rows}
    assert {"thole.polarisability[H]", "thole.polarisability[O]", "coulomb.charge[O]"} < names
    for row in checked.rows:
        assert row.errors["reversible_adjoint"] < 1e-9
        assert row.errors["finite_difference"] < 1e-5
