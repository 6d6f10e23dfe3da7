"""Raman spectra and polarisabilities against closed forms and plain numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import PhysicsError, RecipeError
from dmdstudio.base.units import (
    ATOMIC_MASS,
    BOLTZMANN,
    BOLTZMANN_SI,
    PLANCK,
    SPEED_OF_LIGHT,
    factor,
)
from dmdstudio.engine.core import System, configuration
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.observable import Clock
from dmdstudio.engine.observables.raman_spectrum import (
    WEIGHTS,
    RamanSpectrum,
    RamanSpectrumOptions,
)
from dmdstudio.engine.observables.velocity_autocorrelation import VelocityAutocorrelation
from dmdstudio.engine.pool import draw_pool, weigh
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.program import Program
from dmdstudio.engine.spectrum import frequency
from dmdstudio.engine.surfaces.thole import PUBLISHED, Thole, TholeOptions
from dmdstudio.engine.target import Target
from dmdstudio.plan.recipe import ParameterPlan, PotentialPlan, TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.service.build import build

BOND = {"mean_slope": 0.8, "anisotropy": 0.5, "anisotropy_slope": 1.9, "length": 1.02}
ALPHA, DAMPING = {"H": 0.414, "O": 0.852}, 2.1304
SURFACES = {
    "bond_polarisability": PotentialPlan(
        kind="bond_polarisability",
        parameter=tuple(
            ParameterPlan(name=name, of="H-O", value=value) for name, value in BOND.items()
        ),
    ),
    "thole": PotentialPlan(
        kind="thole",
        options={"cutoff": 4.5, "switch_start": 3.5},
        parameter=(
            *(ParameterPlan(name="polarisability", of=e, value=a) for e, a in ALPHA.items()),
            ParameterPlan(name="damping", value=DAMPING),
        ),
    ),
}
WINDOW, LASER = 0.016, 488.0


@dataclass(frozen=True, eq=False)
class Recorder(VelocityAutocorrelation):
    """Hands over the frames themselves; its summary is of no use."""

    feature = "frames"

    def frame(self, phase):
        where = phase.configuration
        positions = where.lattice.astype(jnp.float64) * 2.0**-64 @ where.cell
        return {"positions": positions, "velocities": phase.velocities}

    def summary(self, features):
        return super().summary(features["velocities"])


# ------------------------------------------------------------- an exported trajectory, by numpy


def nearest(vectors, cell):
    fractional = vectors @ np.linalg.inv(cell)
    return (fractional - np.round(fractional)) @ cell


def by_bonds(positions, cell, problem):
    total = np.zeros((3, 3))
    for i, j in problem.system.bonds:
        d = nearest(positions[j] - positions[i], cell)
        r = np.sqrt(d @ d)
        gamma = BOND["anisotropy"] + BOND["anisotropy_slope"] * (r - BOND["length"])
        total += BOND["mean_slope"] * (r - BOND["length"]) * np.eye(3)
        total += gamma * (np.outer(d, d) / r**2 - np.eye(3) / 3)
    return total


def by_thole(positions, cell, problem):
    names = [problem.system.type_names[t] for t in problem.system.types]
    alpha = np.array([ALPHA[name] for name in names])
    atoms = len(alpha)
    d = nearest(positions[None] - positions[:, None], cell)
    r = np.linalg.norm(d, axis=-1) + np.eye(atoms)
    au = DAMPING * r / np.cbrt(np.sqrt(alpha[:, None] * alpha))
    f_e = 1.0 - (0.5 * au**2 + au + 1.0) * np.exp(-au)
    f_t = f_e - au**3 / 6.0 * np.exp(-au)
    x = np.clip(r - 3.5, 0.0, 1.0)
    switch = 1.0 - 10.0 * x**3 + 15.0 * x**4 - 6.0 * x**5
    switch[np.eye(atoms, dtype=bool)] = 0.0
    matrix = np.zeros((atoms, 3, atoms, 3))
    for a in range(3):
        for b in range(3):
            matrix[:, a, :, b] = -3.0 * switch * f_t * d[:, :, a] * d[:, :, b] / r**5
        matrix[:, a, :, a] += switch * f_e / r**3 + np.diag(1.0 / alpha)
    inverse = np.linalg.inv(matrix.reshape(3 * atoms, 3 * atoms))
    return inverse.reshape(atoms, 3, atoms, 3).sum(axis=(0, 2))


def velocity(function, positions, velocities, cell, problem):
    """Return d alpha/dt of frames by a difference of fourth order in time."""
    h, found = 0.02, []
    for x, v in zip(positions, velocities, strict=True):
        ends = [function(x + k * h * v, cell, problem) for k in (-2, -1, 1, 2)]
        found.append((ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * h))
    return np.array(found)


def spectrum(moving, part, axis, interval, temperature, volume):
    """Return the intensity in 1/sr, from d alpha/dt [replica, frame, xyz, xyz], SI throughout."""
    mean = np.trace(moving, axis1=2, axis2=3) / 3
    lags = round(WINDOW * 1e3 / interval) + 1
    xx, yy, zz = (moving[:, :, i, i] for i in range(3))
    xy, xz, yz = (moving[:, :, i, j] for i, j in ((0, 1), (0, 2), (1, 2)))
    pairs = {  # each: factor and signal; the anisotropy as Placzek has it
        "isotropic": [(1.0, mean)],
        "anisotropic": [(0.5, s) for s in (xx - yy, yy - zz, zz - xx)]
        + [(3.0, s) for s in (xy, xz, yz)],
    }[part]
    correlation = np.zeros(lags)
    for weight, signal in pairs:
        frames = signal.shape[1]
        for k in range(lags):
            correlation[k] += weight * np.mean(signal[:, : frames - k] * signal[:, k:])
    correlation *= 0.5 + 0.5 * np.cos(np.pi * np.arange(lags) / lags)
    omega = 2.0 * np.pi * SPEED_OF_LIGHT * 100.0 * axis  # rad/s
    times = np.arange(-lags + 1, lags) * interval * 1e-15
    both = np.concatenate([correlation[:0:-1], correlation])
    transform = np.cos(omega[:, None] * times) @ both * interval * 1e-15
    transform *= 1e-60 * 1e30 / (volume * 1e-30)  # A^6/fs^2 in m^6/s^2, per m^3
    x = PLANCK / (2.0 * np.pi) * omega / (BOLTZMANN_SI * temperature)
    quantum = x / (1.0 - np.exp(-x)) / omega**2 * transform
    scattered = 2.0 * np.pi * (1e9 / LASER - 100.0 * axis)  # rad/m
    return scattered**4 * SPEED_OF_LIGHT * quantum


@pytest.mark.parametrize("surface", SURFACES)
def test_spectra_are_those_of_numpy_on_an_exported_trajectory(tiny_water, tmp_path, surface):
    options = {"window": WINDOW, "low": 500.0, "high": 4000.0, "laser": LASER}
    parts = ("isotropic", "anisotropic")
    watched = [
        TargetPlan(observable="raman_spectrum", name=part, options={**options, "part": part})
        for part in parts
    ]
    recipe = msgspec.structs.replace(
        tiny_water, target=tuple(watched), surface=(SURFACES[surface],)
    )
    exact = ["execution.precision=float64", "execution.lattice_bits=64"]
    problem, _ = build(with_settings(recipe, [*exact, "gradient.frames=keep"]), refined=False)
    plan = problem.dynamics
    interval = plan.timestep * plan.record_every
    clock = Clock(interval, plan.steps // plan.record_every + 1)
    recorder = Recorder.build(
        VelocityAutocorrelation.Options(window=WINDOW), problem.system, clock, 298.15
    )
    problem = replace(problem, targets=(*problem.targets, Target("frames", recorder, 0.0)))
    program = Program(problem)
    work = draw_pool(program, problem.initial, None, 100, 0)
    pool = _finish(work)
    ensemble = Ensemble(program, pool, weigh(program, pool, problem.initial))
    _finish(ensemble.propagate(problem.initial, keep=True))

    frames = program.replicas.join(ensemble.kept).features["frames"]
    np.savez(tmp_path / "exported.npz", cell=problem.system.cell, **frames)
    with np.load(tmp_path / "exported.npz") as read:
        shape = (problem.sampling.replicas, -1, problem.system.atoms, 3)
        positions, velocities = (read[n].reshape(shape) for n in ("positions", "velocities"))
        cell = read["cell"]
    assert positions.shape[1] == clock.frames
    function = {"bond_polarisability": by_bonds, "thole": by_thole}[surface]
    moving = np.array(
        [
            velocity(function, x, v, cell, problem)
            for x, v in zip(positions, velocities, strict=True)
        ]
    )
    volume, temperature = np.linalg.det(cell), problem.sampling.temperature
    means = jax.tree.map(jnp.asarray, ensemble.means)
    for target in problem.targets[:2]:
        ours = np.asarray(target.prediction(means.whole[target.key]))
        axis = target.observable.axis
        theirs = spectrum(moving, target.key, axis, interval, temperature, volume)
        error = np.abs(ours - theirs).max() / np.abs(theirs).max()
        print(f"{surface} {target.key}: {error:.1e}")
        assert error < 1e-6
        assert np.abs(theirs).max() > 1e-12


def _finish(work):
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


# ------------------------------------------------------------------------------- closed forms


def _band(part, **options):
    """Return the observable and the prediction for one mode, and the numbers of the mode."""
    temperature, mass, shift, volume = 300.0, 1.5, 1500.0, 25.0**3
    slopes = np.diag([0.9, 0.4, 0.4])  # d alpha/dq, angstrom^2
    system = System(("Ar",), np.zeros(4, int), np.full(4, 39.948), np.eye(3) * 20.0)
    chosen = RamanSpectrumOptions(
        window=4.0, low=1000.0, high=2000.0, part=part, laser=LASER, **options
    )
    observable = RamanSpectrum.build(chosen, system, Clock(1.0, 4001), temperature)
    speed = BOLTZMANN * temperature * factor("eV", "J") / (mass * ATOMIC_MASS) * 1e-10
    times = np.arange(observable.band.lags)
    mean = np.trace(slopes) / 3.0
    squares = {"isotropic": mean**2, "anisotropic": 0.5**2}
    weights = {
        "isotropic": (1.0, 0.0),
        "anisotropic": (0.0, 1.0),
        "depolarised": (0.0, 3.0 / 45.0),
        "parallel": (1.0, 4.0 / 45.0),
        "unpolarised": (1.0, 7.0 / 45.0),
    }[part]
    square = weights[0] * squares["isotropic"] + weights[1] * squares["anisotropic"]
    correlation = square * speed * np.cos(frequency(np.array([shift])) * times) / volume
    return observable, np.asarray(observable.curve(jnp.asarray(correlation))), locals()


@pytest.mark.parametrize("part", WEIGHTS)
def test_one_mode_scatters_as_placzek_says(part):
    """(2 pi nu_s)^4 hbar/(2 mu omega) (45 a'^2 + 7 g'^2)/45 / (1 - exp(-x)), and the like."""
    observable, curve, mode = _band(part)
    area = np.trapezoid(curve, observable.axis)  # 1/cm per sr
    omega = 2.0 * np.pi * SPEED_OF_LIGHT * 100.0 * mode["shift"]
    hbar = PLANCK / (2.0 * np.pi)
    x = hbar * omega / (BOLTZMANN_SI * mode["temperature"])
    square = hbar / (2.0 * mode["mass"] * ATOMIC_MASS * omega) / (1.0 - np.exp(-x))
    scattered = 2.0 * np.pi * (1e9 / LASER - 100.0 * mode["shift"])
    exact = scattered**4 * mode["square"] * 1e-40 * square  # m^2/sr
    exact = exact / (mode["volume"] * 1e-30) * 1e-2  # per cm
    assert area == pytest.approx(exact, rel=5e-3)
    assert observable.axis[np.argmax(curve)] == pytest.approx(1500.0, abs=3.0)


def test_forms_differ_by_known_factors():
    observable, curve, mode = _band("isotropic")
    axis, laser = observable.axis, 1e7 / LASER
    x = axis / (BOLTZMANN_SI * mode["temperature"] / (PLANCK * SPEED_OF_LIGHT * 100.0))
    bare = (laser / (laser - axis)) ** 4 * (1.0 - np.exp(-x))
    for options, wanted in (
        ({"form": "susceptibility"}, bare * curve),
        ({"form": "reduced"}, x * bare * curve),
        ({"detection": "photons"}, laser / (laser - axis) * curve),
    ):
        _, other, _ = _band("isotropic", **options)
        assert np.allclose(other, wanted, rtol=1e-9, atol=1e-12 * np.abs(wanted).max())


def test_an_experiment_in_its_own_resolution_stays(tiny_water):
    """What is broader than the window goes through it unchanged, both sides of the line apart."""
    for form in ("intensity", "reduced"):
        observable, _, _ = _band("unpolarised", form=form)
        axis = np.arange(-500.0, 4000.0, 5.0)
        value = np.exp(-(((axis - 1500.0) / 200.0) ** 2)) + 5.0 * (axis <= 0.0)
        at = np.arange(1200.0, 1800.0, 50.0)
        found = observable.resolved(axis, value, at)
        assert np.allclose(found, np.interp(at, axis, value), rtol=0, atol=0.01)


def test_what_has_no_meaning_is_refused(tiny_water):
    system = System(("Ar",), np.zeros(4, int), np.full(4, 39.948), np.eye(3) * 20.0)
    clock = Clock(1.0, 2001)
    for options, words in (
        ({"low": 0.0}, "has no limit"),
        ({"laser": 5000.0}, "only 2000 1/cm to lose"),
    ):
        with pytest.raises(PhysicsError, match=words):
            RamanSpectrum.build(RamanSpectrumOptions(**options), system, clock, 300.0)
    RamanSpectrum.build(RamanSpectrumOptions(low=0.0, form="reduced"), system, clock, 300.0)
    target = TargetPlan(observable="raman_spectrum", options={"window": 0.01, "low": 500.0})
    recipe = msgspec.structs.replace(tiny_water, target=(target,))
    with pytest.raises(RecipeError, match="no surface for it") as told:
        build(recipe, refined=False)
    assert "thole" in told.value.advice and "potential_charges" not in told.value.advice
    charges = PotentialPlan(kind="potential_charges")
    with pytest.raises(RecipeError, match="polarisability"):
        build(msgspec.structs.replace(recipe, surface=(charges,)), refined=False)


def _molecule(names, types, positions, damping="exponential"):
    system = System(
        names, np.array(types), np.ones(len(types)), np.eye(3) * 30.0, "float64", 64
    )  # fmt: skip
    surface = Thole.build(TholeOptions(damping=damping), system, ForceField(system, ()))
    lattice = system.to_lattice(jnp.asarray(positions))
    return surface, configuration(system, lattice, jnp.asarray(system.cell))


@pytest.mark.parametrize("damping", PUBLISHED)
def test_a_diatomic_is_silbersteins(damping):
    """(a + b + 2 k ab)/(1 - k^2 ab) with k = 2/r^3 along and -1/r^3 across the axis, damped."""
    a, b, smear = 0.7, 1.3, PUBLISHED[damping][2]
    for r in (0.9, 1.6, 3.0):
        surface, where = _molecule(("A", "B"), [0, 1], [[0, 0, 0], [0, 0, r]], damping)
        parameters = {"polarisability": jnp.array([a, b]), "damping": jnp.array([smear])}
        found = np.asarray(surface.polarisability(parameters, {}, where))
        u = r / (a * b) ** (1 / 6)
        if damping == "linear":
            v = min(1.0, u / smear)
            f_e, f_t = 4 * v**3 - 3 * v**4, v**4
        else:
            f_e = 1 - (1 + smear * u + (smear * u) ** 2 / 2) * np.exp(-smear * u)
            f_t = f_e - (smear * u) ** 3 / 6 * np.exp(-smear * u)
        along, across = (3 * f_t - f_e) / r**3, f_e / r**3
        parallel = (a + b + 2 * along * a * b) / (1 - along**2 * a * b)
        perpendicular = (a + b - 2 * across * a * b) / (1 - across**2 * a * b)
        exact = np.diag([perpendicular, perpendicular, parallel])
        assert np.allclose(found, exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("damping", PUBLISHED)
def test_a_water_molecule_is_as_polarisable_as_measured(damping):
    """1.45 angstrom^3 by dielectric constant and refraction of the vapour."""
    half = np.radians(104.5 / 2)
    h = 0.9572 * np.array([np.sin(half), 0.0, np.cos(half)])
    surface, where = _molecule(("H", "O"), [1, 0, 0], [[0, 0, 0], h, h * [-1, 1, 1]], damping)
    of_h, of_o, smear = PUBLISHED[damping]
    alphas = jnp.array([of_h, of_o]) * factor("bohr3", "angstrom3")
    parameters = {"polarisability": alphas, "damping": jnp.array([smear])}
    found = np.asarray(surface.polarisability(parameters, {}, where))
    assert np.trace(found) / 3 == pytest.approx(1.45, rel=0.05)


def test_atoms_that_cannot_be_polarised_are_refused(tiny_water):
    none = msgspec.structs.replace(
        SURFACES["thole"],
        parameter=(
            ParameterPlan(name="polarisability", value=0.0),
            ParameterPlan(name="damping", value=DAMPING),
        ),
    )
    target = TargetPlan(observable="raman_spectrum", options={"window": 0.01, "low": 500.0})
    recipe = msgspec.structs.replace(tiny_water, target=(target,), surface=(none,))
    with pytest.raises(RecipeError, match="polarisability of H is 0"):
        build(recipe, refined=False)
    late = msgspec.structs.replace(SURFACES["thole"], options={"cutoff": 4.5})
    with pytest.raises(RecipeError, match="switch_start below"):
        build(msgspec.structs.replace(recipe, surface=(late,)), refined=False)


def test_dipoles_that_run_away_are_no_number():
    """Applequist's catastrophe: two atoms whose dipoles feed each other without end."""
    surface, where = _molecule(("A",), [0, 0], [[0, 0, 0], [0, 0, 1.2]])
    for alpha, sound in ((0.5, True), (50.0, False)):
        parameters = {"polarisability": jnp.array([alpha]), "damping": jnp.array([20.0])}
        found = np.asarray(surface.polarisability(parameters, {}, where))
        assert np.isfinite(found).all() == sound
