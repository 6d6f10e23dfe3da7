"""Argon at constant pressure: pressure, density, its derivative, and OpenMM's barostat."""

from __future__ import annotations

import importlib.util

import jax
import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import DivergenceError, RecipeError
from dmdstudio.base.units import factor, to_internal
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.pool import draw_pool, weigh
from dmdstudio.engine.program import Program
from dmdstudio.files.potentials import Provenance, export
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import Iterated
from dmdstudio.plan.recipe import TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import potential_terms
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control

PRESSURE = 400.0
TEMPERATURE = 130.0
"""Bar and kelvin at which the argon of the tests is a liquid that does not freeze."""


def finish(work):
    """Run a generator of work to its end and return what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


@pytest.fixture
def liquid(tiny_recipe):
    """108 argon atoms at constant pressure, with density and pressure as targets."""
    tiny_recipe.path("density.csv").write_text("# quantity: density\n\ndensity [g/cm3]\n1.2\n")
    targets = (
        TargetPlan(observable="density", data="density.csv"),
        TargetPlan(observable="pressure"),
    )
    recipe = msgspec.structs.replace(tiny_recipe, target=(*tiny_recipe.target, *targets))
    settings = [
        "sampling.ensemble=npt",
        f"sampling.pressure={PRESSURE}",
        f"sampling.temperature={TEMPERATURE}",
        "sampling.replicas=16",
        "sampling.equilibration_steps=2000",
    ]
    return with_settings(recipe, settings)


def ensemble_of(recipe):
    """Return an ensemble with its trajectories at a recipe's initial parameters."""
    problem, _ = build(recipe)
    program = Program(problem)
    steps = problem.sampling.equilibration_steps
    return ensemble_from(program, finish(draw_pool(program, problem.initial, None, steps, 0)))


def ensembles_after(ensemble, count, steps):
    """Yield ensembles from later and later starts, with their trajectories."""
    program, pool = ensemble.program, ensemble.pool
    for number in range(1, count + 1):
        pool = finish(draw_pool(program, program.problem.initial, pool, steps, number))
        yield ensemble_from(program, pool)


def ensemble_from(program, pool):
    """Return an ensemble with its trajectories at the initial parameters."""
    problem = program.problem
    ensemble = Ensemble(program, pool, weigh(program, pool, problem.initial))
    finish(ensemble.propagate(problem.initial, keep=False))
    return ensemble


def density_of(pool, system):
    """Return the density of every start [replica], g/cm3."""
    volume = np.abs(np.linalg.det(pool.cell))
    return system.masses.sum() / volume * factor("amu/angstrom3", "g/cm3")


def density_score(ensemble):
    """Return the score of the mean density [replica, parameter], amu/angstrom^3."""
    cotangent = jax.tree.map(np.zeros_like, ensemble.means)
    cotangent.whole["density"] = np.ones(())
    return ensemble.score(cotangent)


def reports_of(recipe, folder):
    events = loop.refine(recipe, folder, Control())
    return [e.report for e in events if isinstance(e, Iterated)]


def test_the_virial_pressure_is_the_one_asked_for(liquid):
    """<N kT/V + W/(3 V)> = P whatever the potential, over starts and along the trajectories."""
    pressures = []
    for ensemble in ensembles_after(ensemble_of(liquid), 4, 250):
        pressures.append(ensemble.of_replicas["pressure"] / to_internal(1.0, "bar"))
        density = ensemble.of_replicas["density"] / to_internal(1.0, "g/cm3")
        assert density == pytest.approx(
            density_of(ensemble.pool, ensemble.problem.system), rel=1e-6
        )
        assert ensemble.temperature == pytest.approx(TEMPERATURE, rel=0.05)
    of_replicas = np.mean(pressures, axis=0)
    error = of_replicas.std(ddof=1) / np.sqrt(len(of_replicas))
    assert error < 0.1 * PRESSURE
    assert abs(of_replicas.mean() - PRESSURE) < 3.5 * error


def test_the_score_is_the_derivative_of_the_reweighted_density(liquid):
    """At fixed samples and cells, by sigma and epsilon; exact but for the differences."""
    ensemble = ensemble_of(with_settings(liquid, ["dynamics.steps=10", "target.0.window=0.01"]))
    problem, program, pool = ensemble.problem, ensemble.program, ensemble.pool
    density = np.asarray(ensemble.of_replicas["density"])
    found = ensemble.weights.weight @ density_score(ensemble)
    for index, value in enumerate(problem.initial):
        means = []
        for sign in (1.0, -1.0):
            moved = problem.initial.copy()
            moved[index] += sign * 1e-6 * value
            means.append(weigh(program, pool, moved).weight @ density)
        difference = (means[0] - means[1]) / (2e-6 * value)
        assert found[index] == pytest.approx(difference, rel=1e-5)
        assert abs(difference) * value > 0.05 * density.mean()  # there is something to see


def test_a_seed_fixes_every_bit_and_every_start_has_its_own_cell(liquid):
    quick = with_settings(liquid, ["sampling.equilibration_steps=200", "sampling.replicas=4"])
    problem, _ = build(quick)
    program = Program(problem)
    first, second = (finish(draw_pool(program, problem.initial, None, 200, 3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    volumes = np.abs(np.linalg.det(first.cell))
    assert len(np.unique(volumes)) == len(volumes)
    shapes = first.cell / np.cbrt(volumes)[:, None, None]
    assert shapes == pytest.approx(np.broadcast_to(np.eye(3), shapes.shape), abs=1e-12)
    later = finish(draw_pool(program, problem.initial, first, 50, 4))
    assert np.array_equal(later.volume_step, first.volume_step)  # found while equilibrating
    assert not np.array_equal(later.cell, first.cell)


def test_a_cell_too_small_for_the_cutoff_is_an_error(liquid):
    squeezed = ["potential.cutoff=8.5", "sampling.pressure=20000", "sampling.replicas=2"]
    with pytest.raises(DivergenceError, match=r"At 20000 bar a cell became only 1\d\.\d+ angstrom"):
        ensemble_of(with_settings(liquid, squeezed))


def test_density_at_constant_volume_is_refused(liquid):
    with pytest.raises(RecipeError, match=r"cannot change with sampling.ensemble = 'nvt'"):
        build(with_settings(liquid, ["sampling.ensemble=nvt"]))


def test_density_and_diffusion_are_refined_together(liquid, tmp_path):
    quick = ["replicas=4", "equilibration_steps=500", "references=2", "reuse_limit=5"]
    settings = [f"sampling.{setting}" for setting in quick]
    recipe = with_settings(liquid, [*settings, "refinement.uncertainty=false"])
    reports = reports_of(recipe, tmp_path / "run")
    assert len(reports) == 3
    for report in reports:
        density = next(t for t in report.targets if t.name == "density")
        assert 0.8 < density.value[0] < 1.6 and density.loss > 0.0
        assert all(p.gradient for p in report.parameters)
    _, arrays = RunStore.open(tmp_path / "run").read_state()
    assert np.ptp(np.linalg.det(arrays["pool/cell"])) > 0.0


# ----------------------------------------------------------------------------------- long physics


def sampled(recipe, draws, **changed):
    """Return densities [draw, replica], 1 ps apart, with parameters changed by factors."""
    problem, _ = build(recipe)
    program = Program(problem)
    names = [slot.name for slot in problem.slots]
    parameters = problem.initial * [changed.get(name, 1.0) for name in names]
    pool = finish(draw_pool(program, parameters, None, 4000, 0))
    found = []
    for number in range(1, draws + 1):
        pool = finish(draw_pool(program, parameters, pool, 250, number))
        found.append(density_of(pool, problem.system))
    return np.array(found)


def error_of(found):
    """Return the standard error of the mean of [draw, replica], replicas independent."""
    of_replicas = found.mean(axis=0)
    return of_replicas.std(ddof=1) / np.sqrt(len(of_replicas))


def openmm_densities(script, mass, samples):
    """Return densities [sample] by OpenMM's Monte Carlo barostat and Langevin dynamics.

    Args:
        script: what an export wrote to build the system.
        mass: of all atoms, amu.
        samples: 2 ps apart, after 40 ps.
    """
    import openmm
    from openmm import unit

    module = importlib.util.module_from_spec(
        spec := importlib.util.spec_from_file_location("exported", script)
    )
    spec.loader.exec_module(module)
    _, system, start = module.build()
    system.addForce(openmm.MonteCarloBarostat(PRESSURE * unit.bar, TEMPERATURE * unit.kelvin, 25))
    integrator = openmm.LangevinMiddleIntegrator(
        TEMPERATURE * unit.kelvin, 1.0 / unit.picosecond, 4.0 * unit.femtosecond
    )
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": "1"})
    context.setPeriodicBoxVectors(*start.getPeriodicBoxVectors())
    context.setPositions(start.getPositions())
    context.setVelocitiesToTemperature(TEMPERATURE * unit.kelvin, 1)
    integrator.step(10000)
    found = []
    for _ in range(samples):
        integrator.step(500)
        state = context.getState()
        volume = state.getPeriodicBoxVolume().value_in_unit(unit.angstrom**3)
        found.append(mass / volume * factor("amu/angstrom3", "g/cm3"))
    return np.array(found)


@pytest.mark.slow
def test_density_and_its_fluctuation_are_those_of_openmm(liquid, tmp_path):
    pytest.importorskip("openmm")
    ours = sampled(liquid, 80)
    problem, complete = build(liquid)
    system = problem.system
    positions = np.asarray(system.to_positions(problem.start))
    structure = Structure(("Ar",) * system.atoms, positions, system.cell, system.masses)
    provenance = Provenance("test", "test", 0, "0", "2025-01-01", temperature=TEMPERATURE)
    terms = potential_terms(complete, structure.symbols, {})
    written = export("openmm", terms, structure, tmp_path / "argon.xml", provenance)
    theirs = openmm_densities(written[-1], system.masses.sum(), 600)
    theirs = theirs.reshape(20, 30).T  # blocks of 60 ps, which do not remember each other
    error = np.hypot(error_of(ours), error_of(theirs))
    print(ours.mean(), error_of(ours), theirs.mean(), error_of(theirs), ours.std(), theirs.std())
    assert error < 0.005
    assert abs(ours.mean() - theirs.mean()) < 3.0 * error
    assert ours.std() == pytest.approx(theirs.std(), rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sigma", "epsilon"])
def test_the_score_of_the_density_is_that_of_two_simulations(liquid, name):
    """The derivative by the logarithm of a parameter, from samples and from shifted simulations."""
    quick = ["dynamics.steps=10", "target.0.window=0.01", "sampling.equilibration_steps=4000"]
    recipe = with_settings(liquid, ["sampling.replicas=32", *quick])
    relative = {"sigma": 0.01, "epsilon": 0.06}[name]
    plus, minus = (sampled(recipe, 20, **{name: 1.0 + s * relative}) for s in (1, -1))
    difference = (plus.mean() - minus.mean()) / (2.0 * relative)
    error = np.hypot(error_of(plus), error_of(minus)) / (2.0 * relative)
    ensemble, scores = ensemble_of(recipe), []
    problem = ensemble.problem
    index = [slot.name for slot in problem.slots].index(name)
    for later in ensembles_after(ensemble, 30, 250):
        score = density_score(later)[:, index] * problem.initial[index]
        scores.append(score / to_internal(1.0, "g/cm3"))
    count = problem.replicas.count
    found = np.array(scores) * count / (count - 1)  # the mean of so few takes part of the slope
    print(found.mean(), error_of(found), difference, error)
    assert np.hypot(error, error_of(found)) < 0.15 * abs(difference)
    assert abs(found.mean() - difference) < 3.0 * np.hypot(error, error_of(found))
