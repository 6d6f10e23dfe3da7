"""Hidden parameters are found again from what LAMMPS measures with them."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from engines import WITHOUT_LAMMPS, lammps_environment
from recovery import HIDDEN, measured_by_lammps, recipe_of

from dmdstudio.base.units import to_internal
from dmdstudio.engine import refinement
from dmdstudio.engine.program import Program
from dmdstudio.plan.settings import with_settings
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.uncertainty import of_run

pytestmark = pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)

SIGMA, EPSILON = HIDDEN


def experiment(tiny, origins, replicas, iterations):
    """Return the recipe whose data LAMMPS has measured."""
    recipe = recipe_of(tiny, replicas, iterations)
    known = msgspec.structs.replace(recipe, target=tiny.target)  # the data are not there yet
    measured_by_lammps(with_settings(known, ["target.window=0.5"]), tiny.path("."), origins)
    return recipe


def recovered(program, problem, seed, control):
    """Refine from a random start; return relative errors and what is known of the parameters.

    All starts share the compiled functions, which do not depend on start or seed.
    """
    random = np.random.default_rng(seed)
    start = [1.0 + random.uniform(-0.03, 0.03), 1.0 + random.uniform(-0.15, 0.15)]
    hidden = np.array([to_internal(HIDDEN[slot.key], slot.unit) for slot in problem.slots])
    program.problem = replace(problem, seed=seed)
    state = refinement.init(program.problem)._replace(parameters=hidden * start)
    for _ in range(problem.iterations):
        state, report = finish(refinement.step(program, state))
    values = {p.key: p.value for p in report.parameters}
    gathered = refinement.learned_of(program.problem, state)
    run = of_run(program, state.pool, values, report.iteration, control, 0, gathered)
    known = finish(run)
    off = {key: value / HIDDEN[key] - 1.0 for key, value in values.items()}
    return off, known


def covers_truth(parameter):
    """Whether there is an interval and the hidden value lies in it."""
    if parameter.lower is None:
        return False
    return parameter.lower <= HIDDEN[parameter.key] <= parameter.upper


def finish(work):
    """Run a generator to its end and return what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_hidden_parameters_are_approached(tiny_recipe):
    """One start of few replicas and iterations: the valley is crossed at once."""
    recipe = experiment(tiny_recipe, origins=40, replicas=32, iterations=5)
    problem, _ = build(recipe)
    off, _ = recovered(Program(problem), problem, 3, Control())  # begins 2.5 and 8 % away
    assert abs(off[SIGMA]) < 0.01
    assert abs(off[EPSILON]) < 0.15  # along the valley, where 32 replicas see little


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_twenty_starts_find_the_hidden_parameters(tiny_recipe):
    """All within 0.5 % (sigma) and 3 % (epsilon); 95 % intervals cover the truth in 17 or more."""
    recipe = experiment(tiny_recipe, origins=4800, replicas=192, iterations=14)
    problem, _ = build(recipe)
    program = Program(problem)
    offs, covers = [], []
    for seed in range(20):
        off, known = recovered(program, problem, seed, Control())
        offs.append([off[SIGMA], off[EPSILON]])
        covers.append([covers_truth(p) for p in known.parameters])
        errors = [(p.error or np.inf) / p.value for p in known.parameters]
        print(seed, offs[-1], covers[-1], errors, flush=True)
    worst = np.abs(offs).max(axis=0)
    assert worst[0] < 0.005 and worst[1] < 0.03
    assert np.all(np.sum(covers, axis=0) >= 17)
