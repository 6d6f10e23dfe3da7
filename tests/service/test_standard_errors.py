"""Standard errors on argon: at the end of a run, on the command line, and against the truth."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from dmdstudio.cli import main
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.pool import draw_pool, weigh
from dmdstudio.engine.program import Program
from dmdstudio.engine.refinement import target_reports
from dmdstudio.engine.sensitivity import sensitivities
from dmdstudio.engine.uncertainty import uncertainty
from dmdstudio.files.run_store import RunStore
from dmdstudio.files.spectra import write_measurement
from dmdstudio.plan.events import Finished, Iterated, Uncertainty
from dmdstudio.plan.recipe import TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control


def _finished(work):
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_a_run_ends_with_what_is_known(tiny_recipe, tmp_path, capsys):
    settings = [
        "refinement.uncertainty=true",
        "refinement.iterations=2",
        "target.relative_error=0.05",
        "potential.parameter.epsilon.prior=0.05",
        "gradient.frames=retrace",  # a refinement keeps what that way back needs, too
    ]
    folder = tmp_path / "run"
    *before, known, last = loop.refine(with_settings(tiny_recipe, settings), folder, Control())
    assert isinstance(known, Uncertainty) and isinstance(last, Finished)
    assert known in RunStore.open(folder).events()
    assert known.iteration == last.best_iteration
    best = [e.report for e in before if isinstance(e, Iterated)][known.iteration]
    assert [p.value for p in known.parameters] == [p.value for p in best.parameters]
    _sound(known)

    assert main(["evaluate", str(folder), "--uncertainty", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    fresh = msgspec.convert(told["uncertainty"], Uncertainty)
    assert fresh.iteration == known.iteration
    _sound(fresh)
    assert fresh.sensitivities != known.sensitivities  # other samples
    assert main(["evaluate", str(folder), "--uncertainty"]) == 0
    printed = capsys.readouterr().out
    assert "standard error" in printed and "lennard_jones.epsilon" in printed


def _sound(known):
    sigma, epsilon = known.parameters
    assert (sigma.key, epsilon.key) == ("lennard_jones.sigma", "lennard_jones.epsilon")
    assert epsilon.error is not None  # its prior holds it
    assert epsilon.lower < epsilon.value < epsilon.upper
    covariance, correlation = np.array(known.covariance), np.array(known.correlation)
    parts = [p.experiment**2 + p.sampling**2 + p.prior**2 for p in known.parameters]
    assert np.diag(covariance) == pytest.approx(parts)
    assert epsilon.error == pytest.approx(np.hypot(np.sqrt(parts[1]), epsilon.remaining))
    assert np.all(np.abs(correlation) <= 1.0 + 1e-9)
    (sensitivity,) = known.sensitivities
    assert np.shape(sensitivity.derivative) == np.shape(sensitivity.error) == (2, 1)


# ------------------------------------------------------------------------------------- the truth


NAMES = ["pair_distribution", "potential_energy"]
OPTIONS = {"pair_distribution": {"bin_width": 0.2, "largest_distance": 7.0}}


def _trials(recipe, trials):
    """Return squared shifts of one-step estimates from the truth, over the claimed covariance.

    The experiment is told by a pool of its own, drawn as those of the trials are.
    """
    known = msgspec.structs.replace(recipe.target[0], name="known")
    watched = [TargetPlan(observable=n, options=OPTIONS.get(n, {})) for n in NAMES]
    problem, _ = build(msgspec.structs.replace(recipe, target=(*watched, known)))
    truth = problem.initial

    def run(program, stream):
        steps = problem.sampling.equilibration_steps
        pool = _finished(draw_pool(program, truth, None, steps, stream))
        ensemble = Ensemble(program, pool, weigh(program, pool, truth))
        _finished(ensemble.propagate(truth, keep=False))
        return ensemble

    targets = []
    for told in target_reports(run(Program(problem), 1000))[:-1]:
        value, error = np.array(told.value), np.array(told.error)
        seen = error > 0.0  # no pairs at contact
        axis = np.array(told.axis)[seen] if told.axis else None
        data = Measurement(
            told.name, value[seen], told.unit, error=error[seen], axis=axis,
            axis_unit=told.axis_unit,
        )  # fmt: skip
        write_measurement(data, recipe.path(f"{told.name}-told.csv"))
        plan = next(w for w in watched if w.key == told.name)
        path = f"{told.name}-told.csv"
        targets.append(msgspec.structs.replace(plan, data=path, loss="chi_squared"))
    program = Program(build(msgspec.structs.replace(recipe, target=tuple(targets)))[0])
    shifts = []
    for stream in range(trials):
        ensemble = run(program, stream)
        found = uncertainty(ensemble, truth, _finished(sensitivities(ensemble, truth)))
        assert np.all(found.determined)
        shifts.append(found.remaining @ np.linalg.solve(found.covariance, found.remaining))
    return shifts


LONG = ["sampling.equilibration_steps=500", "sampling.replicas=32", "dynamics.steps=1000"]


def test_an_estimate_is_as_far_from_the_truth_as_it_says(tiny_recipe):
    (shift,) = _trials(with_settings(tiny_recipe, LONG), 1)
    assert shift < 14.0  # of a chi squared with two degrees of freedom one in a thousand


@pytest.mark.slow
def test_estimates_scatter_about_the_truth_as_they_say(tiny_recipe):
    """The experiment's noise is the same in all trials, and half of the whole."""
    shifts = _trials(with_settings(tiny_recipe, LONG), 20)
    assert 0.6 < np.mean(shifts) < 5.0  # two, were the covariances exact
    assert np.mean(np.array(shifts) < 6.0) >= 0.85  # 95 % of a chi squared
