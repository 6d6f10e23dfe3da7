"""Diffusion by displacements and viscosity: closed forms, plain sums, derivatives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import DmdError
from dmdstudio.base.units import BOLTZMANN_SI
from dmdstudio.engine import potentials as _registered  # noqa: F401  fills the registry
from dmdstudio.engine.core import Phase, System, configuration
from dmdstudio.engine.displacement import mean_squared_displacement
from dmdstudio.engine.observable import Clock
from dmdstudio.engine.observables.self_diffusion import SelfDiffusion, SelfDiffusionOptions
from dmdstudio.engine.observables.shear_viscosity import ShearViscosity, ShearViscosityOptions
from dmdstudio.engine.potential import ForceField, potentials
from dmdstudio.engine.potentials.harmonic_angle import HarmonicAngle
from dmdstudio.plan.events import GradientChecked
from dmdstudio.service import loop
from dmdstudio.service.control import Control

SKEWED = np.array([[9.0, 0.0, 0.0], [2.0, 8.0, 0.0], [-1.0, 0.5, 10.0]])
ARGON = System(("Ar",), np.zeros(4, int), np.full(4, 39.948), np.eye(3) * 20.0)


def test_displacements_are_the_plain_sum_across_the_faces_of_the_cell():
    random = np.random.default_rng(1)
    way = np.cumsum(random.normal(size=(60, 5, 3)), axis=0)
    images = random.integers(-2, 3, size=way.shape) @ SKEWED
    found = np.asarray(mean_squared_displacement(jnp.asarray(way + images), jnp.asarray(SKEWED), 9))
    for lag in range(9):
        plain = np.sum((way[lag:] - way[: 60 - lag]) ** 2, axis=2).mean()
        assert found[lag] == pytest.approx(plain, rel=1e-10, abs=1e-10)


def einstein(**options) -> SelfDiffusion:
    chosen = SelfDiffusionOptions(window=1.0, route="einstein", fit_from=0.4, **options)
    return SelfDiffusion.build(chosen, ARGON, Clock(10.0, 201), 300.0)


def test_the_slope_of_the_displacement_is_six_times_the_coefficient():
    observable = einstein()
    time = np.arange(observable.lags) * 10.0
    mean = np.where(time < 400.0, time**2, 6.0 * 2e-4 * time + 0.7)  # angstrom^2
    assert float(observable.curve(jnp.asarray(mean))[0]) == pytest.approx(2.0, rel=1e-10)
    assert [d.name for d in observable.details(jnp.asarray(mean))] == [
        "mean_squared_displacement",
        "running_diffusion",
    ]


def test_the_images_slow_diffusion_down_as_yeh_and_hummer_say():
    mean = jnp.zeros(einstein().lags)
    found = einstein(finite_size="yeh_hummer", viscosity=0.9).curve(mean)[0]
    exact = 2.837297 * BOLTZMANN_SI * 300.0 / (6 * np.pi * 0.9e-3 * 20e-10)
    assert float(found) * 1e-9 == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"route": "einstein", "fit_from": 1.0}, "fewer than two frames"),
        ({"finite_size": "yeh_hummer"}, "needs the viscosity"),
        ({"finite_size": "yeh_hummer", "viscosity": 1.0}, "cubic"),
    ],
)
def test_what_has_no_meaning_is_refused(options, words):
    system = System(("Ar",), np.zeros(4, int), np.full(4, 39.948), SKEWED)
    with pytest.raises(DmdError, match=words):
        SelfDiffusion.build(
            SelfDiffusionOptions(window=1.0, **options), system, Clock(10.0, 201), 300.0
        )


@pytest.mark.slow
def test_the_gradient_along_displacements_is_right(tiny_recipe):
    options = {"window": 0.1, "fit_from": 0.04, "route": "einstein"}
    target = msgspec.structs.replace(tiny_recipe.target[0], options=options)
    *_, checked = loop.check_gradient(
        msgspec.structs.replace(tiny_recipe, target=(target,)), Control()
    )
    assert isinstance(checked, GradientChecked)
    for row in checked.rows:
        assert row.errors["reversible_adjoint"] < 1e-9
        assert row.errors["finite_difference"] < 1e-5


def viscosity() -> ShearViscosity:
    return ShearViscosity.build(ShearViscosityOptions(window=1.0), ARGON, Clock(2.0, 601), 300.0)


def test_a_stress_that_relaxes_is_maxwells_liquid():
    """eta = G tau."""
    observable = viscosity()
    time = np.arange(observable.lags) * 2e-15
    thermal, modulus, tau = BOLTZMANN_SI * 300.0, 2e9, 5e-14
    correlation = thermal * modulus * np.exp(-time / tau)  # J^2/m^3
    internal = jnp.asarray(correlation / (1.602176634e-19**2 * 1e30))
    found = float(observable.curve(internal)[0])
    assert found == pytest.approx(1e3 * modulus * tau, rel=1e-3)
    modulus_line, running = observable.details(internal)
    assert float(modulus_line.value[0]) == pytest.approx(2.0) and modulus_line.unit == "GPa"
    assert float(running.value[-1]) == pytest.approx(found)


def test_five_components_are_the_whole_traceless_tensor():
    """So that the viscosity does not depend on the axes; the kinetic part among it."""
    observable, random = viscosity(), np.random.default_rng(2)
    where = configuration(ARGON, jnp.zeros((4, 3), jnp.int32), jnp.asarray(ARGON.cell))
    velocities, virial = random.normal(size=(4, 3)), random.normal(size=(3, 3))
    virial = virial + virial.T
    found = observable.frame(Phase(where, jnp.asarray(velocities), virial=jnp.asarray(virial)))
    mass = 39.948 * 1.66053906892e-27 * 1e10 / 1.602176634e-19  # eV/(angstrom/fs)^2
    stress = mass * velocities.T @ velocities + virial
    shear = stress - np.eye(3) * np.trace(stress) / 3.0
    assert float(jnp.sum(found**2)) * 20.0**3 / 5 == pytest.approx(np.sum(shear**2) / 10, rel=1e-6)


@pytest.mark.slow
def test_the_moving_virial_has_the_slopes_of_the_virial():
    """Of angles and an Ewald sum in a skewed cell, by the positions and by the charge."""
    charged = potentials.get("ewald").examples("float64", 64, "gpu")["balanced"]
    system, cell = charged.system, jnp.asarray(charged.system.cell)
    bent = HarmonicAngle.build(HarmonicAngle.Options(), system)
    field = ForceField(system, (("charges", charged.potential), ("angles", bent)))
    theta = {
        "charges": charged.parameters,
        "angles": {"angle": jnp.array([1.9]), "stiffness": jnp.array([3.0])},
    }
    along = np.random.default_rng(3).normal(size=charged.positions.shape)
    by = jax.tree.map(lambda a: 0.1 * a, theta)

    def lattice(step):
        return system.to_lattice(jnp.asarray(charged.positions + step * along))

    def changed(step):
        return jax.tree.map(lambda a, b: a + step * b, theta, by)

    def moving(step):
        where = configuration(system, lattice(0.0), cell)
        return field.moving_virial(changed(step), where._replace(offset=step * along))

    value, slope = jax.jit(lambda: jax.jvp(moving, (0.0,), (1.0,)))()
    plain = jax.jit(field.virial)
    steps = {k: np.asarray(plain(changed(k * 1e-4), lattice(k * 1e-4), cell)) for k in range(-2, 3)}
    exact = (steps[-2] - 8 * steps[-1] + 8 * steps[1] - steps[2]) / 12e-4
    assert np.allclose(value, steps[0], rtol=0, atol=1e-9)
    assert np.allclose(slope, exact, rtol=0, atol=1e-7 * np.abs(exact).max())
