"""Starts that are run both ways in time: what each way gives, together."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np

from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.pool import draw_pool, weigh
from dmdstudio.engine.program import Program
from dmdstudio.plan.settings import with_settings
from dmdstudio.service.build import build


def finish(work):
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_both_ways_are_two_starts_of_opposite_velocities(tiny_recipe):
    """Bit for bit; gradients are in `test_gradients` and `test_sensitivity`."""
    settings = ["dynamics.steps=60", "target.window=0.02", "sampling.replicas=2"]
    settings += ["execution.precision=float64", "execution.lattice_bits=64"]
    settings += ["sampling.equilibration_steps=100", "dynamics.both_ways=true"]
    problem, _ = build(with_settings(tiny_recipe, settings))
    alone = replace(problem, dynamics=msgspec.structs.replace(problem.dynamics, both_ways=False))
    program, single = Program(problem), Program(alone)
    values = problem.initial
    pool = finish(draw_pool(program, values, None, 100, 0))
    ways = [pool, pool._replace(velocities=-pool.velocities)]
    weights = weigh(program, pool, values)
    both, *each = (
        Ensemble(p, starts, weights)
        for p, starts in [(program, pool), *((single, way) for way in ways)]
    )
    for ensemble in (both, *each):
        finish(ensemble.propagate(values, keep=False))
    key = problem.dynamic[0].key
    apart = np.concatenate([one.summaries[key] for one in each], axis=1)
    assert np.array_equal(both.summaries[key], apart)
    assert not np.array_equal(apart[:, 0], apart[:, 1])
    assert np.isclose(both.temperature, np.mean([one.temperature for one in each]), rtol=1e-12)
    assert np.isclose(both.drift**2, np.mean([one.drift**2 for one in each]), rtol=1e-12)
