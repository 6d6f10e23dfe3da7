"""Flexible water against LAMMPS, whose trajectories numpy analyses: spectra, transport, g(r)."""

from __future__ import annotations

import jax
import msgspec
import numpy as np
import pytest
from engines import BAR, WITHOUT_LAMMPS, lammps_environment
from flexible import DOUBLE, EXAMPLE, charges_of, trajectory
from jax import lax
from water_in_lammps import Recorded, record

from dmdstudio.base.units import (
    ATOMIC_MASS,
    BOLTZMANN_SI,
    ELEMENTARY_CHARGE,
    SPEED_OF_LIGHT,
    VACUUM_PERMITTIVITY,
)
from dmdstudio.engine.observable import Clock
from dmdstudio.engine.observables.shear_viscosity import ShearViscosity
from dmdstudio.plan.events import Evaluated
from dmdstudio.plan.recipe import PotentialPlan, TargetPlan, read_recipe
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control

pytestmark = pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)

BANDS = {"bend": (1250.0, 1700.0), "stretch": (3200.0, 4000.0)}
INTERVAL, TEMPERATURE = 4.0, 298.15
WINDOWS = {"spectra": 0.4, "transport": 1.0}  # ps


def test_velocities_and_stress_along_a_trajectory_are_those_of_lammps(tmp_path):
    """From the same phase, over 80 fs; LAMMPS has its unit conversion to 8 digits."""
    problem, complete = build(with_settings(read_recipe(EXAMPLE), DOUBLE))
    leapfrog, theta, box, state = trajectory(problem)
    clock = Clock(INTERVAL, 21)
    options = ShearViscosity.Options(window=0.08)
    observable = ShearViscosity.build(options, problem.system, clock, TEMPERATURE)

    def block(state, _):
        after, phase = leapfrog.step(theta, box, state)
        virial = problem.field.moving_virial(theta, phase.configuration)
        found = phase.velocities, observable.frame(phase._replace(virial=virial))
        step = lambda _, s: leapfrog.step(theta, box, s)[0]  # noqa: E731
        return lax.fori_loop(1, 8, step, after), found

    run = jax.jit(lambda s: lax.scan(block, s, None, length=clock.frames)[1])
    velocities, stress = (np.asarray(a) for a in run(state))
    begin = np.asarray(velocities[0])
    theirs = record(problem, complete, tmp_path, pieces=1, steps=160, every=8, velocities=begin)
    assert np.abs(velocities * 1e3 - theirs.velocities[0]).max() < 1e-5 * 77.0
    xx, yy, zz = (theirs.pressure[0, :, i, i] for i in range(3))
    xy, xz, yz = (theirs.pressure[0, :, i, j] for i, j in ((0, 1), (0, 2), (1, 2)))
    shear = np.stack([xy, xz, yz, (xx - yy) / 2, (2 * zz - xx - yy) / np.sqrt(12)], axis=1)
    shear *= np.sqrt(np.linalg.det(problem.system.cell)) / BAR
    assert np.abs(stress - shear).max() < 1e-5 * np.abs(shear).max()


def recipe_of(replicas: int, steps: int):
    """Return the water recipe with all that is compared to look at."""
    recipe = with_settings(
        read_recipe(EXAMPLE),
        [f"sampling.replicas={replicas}", f"dynamics.steps={steps}", "dynamics.record_every=8"],
    )
    spectra = {"window": WINDOWS["spectra"], "high": 4000.0}
    transport = {"window": WINDOWS["transport"]}
    watched = {
        "infrared_spectrum": spectra,
        "vibrational_density_of_states": spectra,
        "self_diffusion": {**transport, "of": "molecules"},
        "shear_viscosity": transport,
        "pair_distribution": {"pair": "O-O", "largest_distance": 6.2},
    }
    targets = tuple(TargetPlan(observable=n, options=options) for n, options in watched.items())
    return msgspec.structs.replace(
        recipe, target=targets, surface=(PotentialPlan(kind="potential_charges"),)
    )


# ------------------------------------------------------------------------------- by numpy alone


def correlation(signal: np.ndarray, lags: int) -> np.ndarray:
    """Return the mean over origins of the signal's product with itself [piece, lag].

    Args:
        signal: [piece, frame, ...].
    """
    flat = signal.reshape(*signal.shape[:2], -1)
    padded = np.fft.rfft(flat, n=2 * flat.shape[1], axis=1)
    sums = np.fft.irfft(np.sum(np.abs(padded) ** 2, axis=2), axis=1)[:, :lags]
    return sums / (flat.shape[1] - np.arange(lags))


def spectrum(signal: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the integral of w(t) C(t) cos(omega t) over all t [point], ps times C.

    Args:
        signal: [piece, frame, ...].
        axis: 1/cm.
    """
    lags = round(WINDOWS["spectra"] * 1e3 / INTERVAL) + 1
    mean = correlation(signal, lags).mean(axis=0)
    mean *= 0.5 + 0.5 * np.cos(np.pi * np.arange(lags) / lags)
    mean[0] *= 0.5
    times = np.arange(lags) * INTERVAL * 1e-15
    omega = 2.0 * np.pi * SPEED_OF_LIGHT * 100.0 * axis
    return 2.0 * INTERVAL * 1e-3 * np.cos(omega[:, None] * times) @ mean


def integral(signal: np.ndarray) -> np.ndarray:
    """Return the integral of C(t) up to the window [piece], ps times C."""
    lags = round(WINDOWS["transport"] * 1e3 / INTERVAL) + 1
    return np.trapezoid(correlation(signal, lags), dx=INTERVAL * 1e-3, axis=1)


def bands(axis: np.ndarray, value: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return centre (1/cm) and area of the bands."""
    found = {}
    for name, (low, high) in BANDS.items():
        inside = (axis >= low) & (axis <= high)
        area = np.trapezoid(value[inside], axis[inside])
        centre = np.trapezoid(value[inside] * axis[inside], axis[inside]) / area
        found[name] = (float(centre), float(area))
    return found


def spectra_of(found: Recorded, problem, axis: np.ndarray) -> dict[str, np.ndarray]:
    """Return the infrared spectrum (1/cm) and the density of states (1/THz)."""
    thermal = BOLTZMANN_SI * TEMPERATURE
    volume = np.linalg.det(problem.system.cell) * 1e-30
    scale = ELEMENTARY_CHARGE**2 * 1e-20 * 1e12  # (e angstrom/ps)^2 ps
    scale /= 6.0 * SPEED_OF_LIGHT * VACUUM_PERMITTIVITY * volume * thermal * 100.0
    dipole = np.einsum("pfax,a->pfx", found.velocities, charges_of(problem))
    masses = problem.system.masses * ATOMIC_MASS
    weighted = found.velocities * np.sqrt(masses)[:, None]
    states = 2.0 * 1e4 / (thermal * problem.system.atoms) * spectrum(weighted, axis)
    # the classical absorption is that of a quantum liquid whose motion is harmonic
    infrared = scale * spectrum(dipole, axis)
    return {"infrared_spectrum": infrared, "vibrational_density_of_states": states}


def transport_of(found: Recorded, problem) -> dict[str, np.ndarray]:
    """Return D (1e-9 m2/s) of the centres of mass and the viscosity (mPa s) [piece]."""
    masses = problem.system.masses.reshape(-1, 3)
    moving = found.velocities.reshape(*found.velocities.shape[:2], -1, 3, 3)
    centres = np.einsum("pfmax,ma->pfmx", moving, masses / masses.sum(axis=1, keepdims=True))
    diffusion = integral(centres) / (3.0 * len(masses)) * 10.0  # angstrom^2/ps: 1e-8 m2/s
    shear = found.pressure - np.einsum(
        "pf,ij->pfij", np.trace(found.pressure, axis1=2, axis2=3) / 3.0, np.eye(3)
    )
    volume = np.linalg.det(problem.system.cell) * 1e-30
    per_kt = volume / (BOLTZMANN_SI * TEMPERATURE)
    viscosity = per_kt * integral(shear * 1e5) * 1e-12 / 10.0 * 1e3
    return {"self_diffusion": diffusion, "shear_viscosity": viscosity}


def pairs_of(found: Recorded, problem, edges: np.ndarray) -> np.ndarray:
    """Return g(r) of oxygens [piece, bin], of every 25th frame."""
    oxygens = problem.system.types == problem.system.type_names.index("O")
    edge, count = problem.system.cell[0, 0], int(oxygens.sum())
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    curves = []
    for piece in found.positions[:, ::25][:, :, oxygens]:
        apart = piece[:, None] - piece[:, :, None]
        apart -= edge * np.round(apart / edge)
        distance = np.sqrt(np.sum(apart**2, axis=-1))
        counts = np.histogram(distance[distance > 0.1], edges)[0] / len(piece)
        curves.append(counts * edge**3 / (count * (count - 1) * shells))
    return np.array(curves)


def spread(of_pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error over pieces."""
    return of_pieces.mean(axis=0), of_pieces.std(axis=0, ddof=1) / np.sqrt(len(of_pieces))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_spectra_transport_and_structure_are_those_of_lammps(tmp_path):
    """Band centres within 5 1/cm and areas within 5 %, all else within 3 standard errors."""
    recipe = recipe_of(replicas=64, steps=8000)
    problem, complete = build(recipe, refined=False)
    found = record(
        problem, complete, tmp_path, pieces=64, steps=8000, every=8, warm=20000, between=2000
    )
    *_, measured = loop.evaluate(recipe, Control())
    assert isinstance(measured, Evaluated)
    ours = {report.name: report for report in measured.targets}
    axis = np.asarray(ours["infrared_spectrum"].axis)
    for name, other in spectra_of(found, problem, axis).items():
        both = bands(axis, np.asarray(ours[name].value)), bands(axis, other)
        print(name, *both)
        for band in BANDS:
            assert both[0][band][0] == pytest.approx(both[1][band][0], abs=5.0)
            assert both[0][band][1] == pytest.approx(both[1][band][1], rel=0.05)
    for name, pieces in transport_of(found, problem).items():
        mean, error = spread(pieces)
        value, own = ours[name].value[0], ours[name].error[0]
        print(f"{name}: {value:.4g} +- {own:.2g}, LAMMPS {mean:.4g} +- {error:.2g}")
        assert abs(value - mean) < 3.0 * np.hypot(own, error)
    report = ours["pair_distribution"]
    centres = np.asarray(report.axis)
    width = centres[1] - centres[0]
    edges = np.append(centres - width / 2, centres[-1] + width / 2)
    g, error = spread(pairs_of(found, problem, edges))
    off, inside = np.asarray(report.value) - g, g > 0.05
    away = off[inside] / np.hypot(error, report.error)[inside]
    print(f"g(r): at most {np.abs(off).max():.3f} apart, chi^2 per bin {np.mean(away**2):.2f}")
    assert np.mean(away**2) < 3.0 and np.abs(off).max() < 0.1
