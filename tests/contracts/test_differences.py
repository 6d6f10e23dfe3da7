"""Sensitivities from samples on both sides of the parameters."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from test_gradients import finish

from dmdstudio.engine import refinement
from dmdstudio.engine.differences import differences
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.pool import draw_pool, weigh
from dmdstudio.engine.program import Program
from dmdstudio.files.spectra import write_measurement
from dmdstudio.plan.recipe import TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement
from dmdstudio.service.build import build

STEP = 0.02


@pytest.fixture
def problem(tiny_recipe):
    """Diffusion and energy; both parameters free, one of them near its bound."""
    write_measurement(
        Measurement("potential_energy", np.array([-5.8]), "kJ/mol"), tiny_recipe.path("energy.csv")
    )
    energy = TargetPlan(observable="potential_energy", data="energy.csv")
    recipe = msgspec.structs.replace(tiny_recipe, target=(*tiny_recipe.target, energy))
    settings = ["optimizer.kind=gauss_newton", f"optimizer.sensitivity_step={STEP}"]
    return build(with_settings(recipe, settings))[0]


def test_they_are_the_differences_of_what_is_predicted_at_either_end(problem):
    program, at = Program(problem), problem.initial
    pool = finish(draw_pool(program, at, None, 200, 0))
    ensemble = Ensemble(program, pool, weigh(program, pool, at))
    finish(ensemble.propagate(at, keep=False))
    found = finish(differences(ensemble, at, STEP, 7))
    upper = problem.bounds[1]
    for column, index in enumerate(np.flatnonzero(problem.free)):
        ends = []
        for sign in (1.0, -1.0):
            moved = at.copy()
            moved[index] = min(moved[index] + sign * STEP * problem.scale[index], upper[index])
            other = finish(draw_pool(program, moved, pool, 50, 7))
            end = Ensemble(program, other, weigh(program, other, moved))
            finish(end.propagate(moved, keep=False))
            ends.append((moved[index], end.means.whole))
        for target in problem.targets:
            (one, there), (two, here) = ends
            away = target.prediction(there[target.key]) - target.prediction(here[target.key])
            assert found[target.key].derivative[:, column] == pytest.approx(
                np.asarray(away) / (one - two), rel=1e-10
            )
    energy = found["potential_energy"]
    epsilon = problem.initial[1]
    assert energy.derivative[0, 1] * epsilon == pytest.approx(-5.8, rel=0.3)  # U is linear in it
    assert 0.0 < energy.error[0, 1] * epsilon < 1.0


def test_they_are_measured_again_only_once_the_parameters_have_gone_far(problem):
    program, state, measured, slopes = Program(problem), refinement.init(problem), [], []
    for sigma in (3.55, 3.551, 3.25):
        state = state._replace(parameters=np.array([sigma, problem.initial[1]]))
        work, phases = refinement.step(program, state), set()
        while True:
            try:
                phases.add(next(work).phase)
            except StopIteration as end:
                state, report = end.value
                break
        measured.append("sensitivities" in phases)
        assert state.taken is not None and state.taken.line is not None
        slopes.append(state.taken.line.slopes)
        gradient = np.array([p.gradient for p in report.parameters])
        assert np.isfinite(gradient).all() and report.signal_to_noise > 0.0
    assert measured == [True, False, True] and slopes == [1.0, 0.0, 1.0]
