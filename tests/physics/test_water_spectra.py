"""Spectra of flexible water against those of an OpenMM trajectory, analysed by numpy alone."""

from __future__ import annotations

import importlib.util

import msgspec
import numpy as np
import pytest
from flexible import EXAMPLE, charges_of, damped_shifted_force, nanometres, openmm_system

from dmdstudio.base.units import (
    BOLTZMANN_SI,
    ELEMENTARY_CHARGE,
    SPEED_OF_LIGHT,
    VACUUM_PERMITTIVITY,
)
from dmdstudio.plan.events import Evaluated
from dmdstudio.plan.recipe import PotentialPlan, TargetPlan, read_recipe
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control

BANDS = {"bend": (1250.0, 1700.0), "stretch": (3200.0, 4000.0)}
INTERVAL, TEMPERATURE, WINDOW = 4.0, 298.15, 0.4


def recipe_of(replicas: int, steps: int):
    """Return the water recipe with both spectra to look at, beside its own target."""
    recipe = with_settings(
        read_recipe(EXAMPLE),
        [
            f"sampling.replicas={replicas}",
            f"dynamics.steps={steps}",
            "dynamics.record_every=8",
            "target.window=0.4",
        ],
    )
    options = {"window": WINDOW, "high": 4000.0}
    spectra = ("infrared_spectrum", "vibrational_density_of_states")
    watched = tuple(TargetPlan(observable=name, options=options) for name in spectra)
    return msgspec.structs.replace(
        recipe,
        target=(*recipe.target, *watched),
        surface=(PotentialPlan(kind="potential_charges"),),
    )


def openmm_velocities(problem, pieces: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Return velocities [piece, frame, atom, xyz], nm/ps, at constant energy; charges [atom]."""
    import openmm
    from openmm import unit

    integrator = openmm.CompoundIntegrator()
    integrator.addIntegrator(openmm.LangevinMiddleIntegrator(TEMPERATURE, 2.0, 0.0005))
    integrator.addIntegrator(openmm.VerletIntegrator(0.0005))
    system = openmm_system(problem, damped_shifted_force(problem, "force"))
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("CPU"))
    context.setPositions(nanometres(problem))
    context.setVelocitiesToTemperature(TEMPERATURE, 1)
    integrator.step(20000)
    found = np.zeros((pieces, frames, problem.system.atoms, 3))
    speed = unit.nanometer / unit.picosecond
    for piece in found:
        integrator.setCurrentIntegrator(0)
        integrator.step(1000)
        integrator.setCurrentIntegrator(1)
        for frame in piece:
            integrator.step(8)
            state = context.getState(getVelocities=True)
            frame[:] = state.getVelocities(asNumpy=True).value_in_unit(speed)
    return found, charges_of(problem)


def spectrum(signal: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the integral of w(t) C(t) cos(omega t) over all t [point], ps times C.

    Args:
        signal: [piece, frame, ...].
        axis: 1/cm.
    """
    frames, lags = signal.shape[1], round(WINDOW * 1e3 / INTERVAL) + 1
    flat = signal.reshape(*signal.shape[:2], -1)
    correlation = np.array(
        [np.mean(np.sum(flat[:, : frames - k] * flat[:, k:], axis=2)) for k in range(lags)]
    )
    correlation *= 0.5 + 0.5 * np.cos(np.pi * np.arange(lags) / lags)
    correlation[0] *= 0.5
    times = np.arange(lags) * INTERVAL * 1e-15
    omega = 2.0 * np.pi * SPEED_OF_LIGHT * 100.0 * axis
    return 2.0 * INTERVAL * 1e-3 * np.cos(omega[:, None] * times) @ correlation


def bands(axis: np.ndarray, value: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return centre (1/cm) and area of the bands."""
    found = {}
    for name, (low, high) in BANDS.items():
        inside = (axis >= low) & (axis <= high)
        area = np.trapezoid(value[inside], axis[inside])
        centre = np.trapezoid(value[inside] * axis[inside], axis[inside]) / area
        found[name] = (float(centre), float(area))
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(importlib.util.find_spec("openmm") is None, reason="needs OpenMM")
def test_spectra_are_those_of_openmm():
    """Centres within 5 1/cm and areas within 5 %, in absolute units."""
    recipe = recipe_of(replicas=64, steps=8000)
    problem, _ = build(recipe)
    velocities, charges = openmm_velocities(problem, pieces=64, frames=1001)
    *_, measured = loop.evaluate(recipe, Control())
    assert isinstance(measured, Evaluated)
    infrared, states = measured.targets[1:]
    axis = np.asarray(infrared.axis)
    volume = np.linalg.det(problem.system.cell) * 1e-30
    thermal = BOLTZMANN_SI * TEMPERATURE
    scale = ELEMENTARY_CHARGE**2 * 1e6 * 1e-12  # (e nm/ps)^2 ps
    scale /= 6.0 * SPEED_OF_LIGHT * VACUUM_PERMITTIVITY * volume * thermal * 100.0
    dipole = np.einsum("pfax,a->pfx", velocities, charges)
    masses = problem.system.masses * 1.66053906892e-27
    weighted = velocities * np.sqrt(masses)[:, None]
    others = {
        "infrared": scale * spectrum(dipole, axis),
        "states": 2.0 * 1e6 / (thermal * problem.system.atoms) * spectrum(weighted, axis),
    }
    for name, report in (("infrared", infrared), ("states", states)):
        ours, theirs = (bands(axis, np.asarray(v)) for v in (report.value, others[name]))
        print(name, ours, theirs)
        for band in BANDS:
            assert ours[band][0] == pytest.approx(theirs[band][0], abs=5.0)
            assert ours[band][1] == pytest.approx(theirs[band][1], rel=0.05)
