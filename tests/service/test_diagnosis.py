"""Growth of the adjoint, gradient and noise against the horizon, and the choice of one."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.horizon import HorizonScan, horizons
from dmdstudio.files.spectra import write_measurement
from dmdstudio.plan.events import Diagnosed, Evaluated, Finished, Iterated, Progress
from dmdstudio.plan.recipe import TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement
from dmdstudio.plan.terms import with_values
from dmdstudio.service import loop
from dmdstudio.service.control import Control

LONG = [
    "sampling.replicas=16",
    "sampling.equilibration_steps=1500",
    "dynamics.timestep=4.0",
    "dynamics.steps=1500",
    "dynamics.record_every=10",
]
"""Six picoseconds: with 6-fold growth per picosecond the untruncated gradient is noise."""


@pytest.fixture
def long_recipe(tiny_recipe):
    """Argon whose whole velocity autocorrelation over 6 ps is to be matched."""
    recipe = with_settings(tiny_recipe, LONG)
    target = TargetPlan(observable="velocity_autocorrelation", options={"window": 6.0})
    watched = msgspec.structs.replace(recipe, target=(target,))
    *_, measured = loop.evaluate(watched, Control(), seed=5)
    assert isinstance(measured, Evaluated)
    (report,) = measured.targets
    curve = Measurement(
        report.observable,
        np.asarray(report.value),
        report.unit,
        axis=np.asarray(report.axis),
        axis_unit=report.axis_unit,
    )
    write_measurement(curve, recipe.path("vacf.csv"))
    target = msgspec.structs.replace(target, data="vacf.csv")
    away = {"lennard_jones.sigma": 3.45, "lennard_jones.epsilon": 1.0}
    return with_values(msgspec.structs.replace(recipe, target=(target,)), away)


def test_horizons_go_from_one_block_to_all():
    assert horizons(1) == [1]
    assert horizons(10) == [1, 2, 5, 10]
    assert horizons(1024)[0] == 4 and horizons(1024)[-1] == 1024


def _scan(gradient, error):
    gradient, error = np.asarray(gradient)[:, None], np.asarray(error)[:, None]
    return HorizonScan(list(range(1, len(gradient) + 1)), gradient, error, [])


def test_the_choice_weighs_bias_against_noise():
    # no noise to speak of: everything
    assert _scan([5.0, 9.0, 10.0], [0.1, 0.1, 0.1]).chosen == 2
    # the longest explodes: it is neither taken nor believed
    exploding = _scan([5.0, 9.0, 10.0, -400.0], [0.1, 0.1, 0.2, 900.0])
    assert (exploding.reference, exploding.chosen) == (2, 2)
    # a measured but noisy one is believed, a shorter one with little bias is taken
    noisy = _scan([5.0, 9.7, 10.0], [0.1, 0.2, 3.0])
    assert (noisy.reference, noisy.chosen) == (2, 1)
    # nothing is measured: the best there is
    assert _scan([0.1, 0.2, 0.3], [1.0, 1.0, 9.0]).chosen == 1


def test_an_untruncated_gradient_explodes_and_the_horizon_is_found(long_recipe):
    *_, found = loop.diagnose(long_recipe, Control())
    assert isinstance(found, Diagnosed)
    assert 1.0 < found.rate < 3.0  # about 1.8 per ps for liquid argon
    growth = np.asarray(found.growth)
    assert growth[0] == 1.0 and growth[-1] > 1e3
    assert found.reversal_residual == 0.0
    key = "lennard_jones.epsilon"
    errors = [row.errors[key] for row in found.rows]
    assert errors[-1] > 10.0 * min(errors)
    chosen = next(row for row in found.rows if row.horizon == found.chosen)
    assert found.chosen < found.length
    assert chosen.errors[key] < 0.2 * errors[-1]  # a signal-to-noise ratio of 16 replicas is noise
    assert found.reason.startswith(f"{found.chosen:.3g} ps")
    assert any("gradient.truncation" in advice.changes for advice in found.advice)


def test_auto_takes_the_measured_horizon_and_resumes_to_the_same_bits(long_recipe, tmp_path):
    settings = ["gradient.truncation=auto", "refinement.iterations=2", "sampling.replicas=16"]
    recipe = with_settings(long_recipe, settings)

    def run(folder, events):
        return [e.report for e in events if isinstance(e, Iterated)]

    whole = run("whole", loop.refine(recipe, tmp_path / "whole", Control()))
    assert whole[0].horizon is not None and whole[0].horizon < 6.0
    assert whole[1].horizon == whole[0].horizon
    stopped = with_settings(recipe, ["refinement.iterations=1"])
    list(loop.refine(stopped, tmp_path / "cut", Control()))
    (rest,) = run("cut", loop.resume(tmp_path / "cut", 1, Control()))
    assert rest.horizon == whole[1].horizon


@pytest.mark.slow
def test_auto_finds_its_way_where_the_whole_gradient_is_noise(long_recipe, tmp_path):
    """The gradient is worth following at first, and the fit arrives where 64 replicas see."""
    settings = ["sampling.replicas=64", "sampling.reuse_limit=1", "optimizer.learning_rate=0.01"]
    settings += ["refinement.iterations=6", "refinement.uncertainty=false"]
    recipe = with_settings(long_recipe, settings)
    found = {}
    for kind, iterations in (("auto", 6), ("none", 1)):
        cut = [f"gradient.truncation={kind}", f"refinement.iterations={iterations}"]
        events = loop.refine(with_settings(recipe, cut), tmp_path / kind, Control())
        found[kind] = [e.report for e in events if isinstance(e, Iterated)]
    auto, none = found["auto"], found["none"][0]
    print([(r.loss, r.signal_to_noise, r.horizon) for r in (*auto, none)])
    assert auto[0].signal_to_noise > 3.0 > 1.5 > none.signal_to_noise
    assert auto[-1].loss < 0.2 * auto[0].loss


def test_segments_are_advised_where_the_window_is_short(tiny_recipe):
    recipe = with_settings(tiny_recipe, ["dynamics.steps=400"])
    *before, found = loop.diagnose(recipe, Control())
    assert any(advice.changes == {"dynamics.segments": 4} for advice in found.advice)
    shares = [event.fraction for event in before if isinstance(event, Progress)]
    assert shares == sorted(shares) and shares[0] < 0.5 and shares[-1] == 1.0


def test_static_targets_have_nothing_to_diagnose(tiny_recipe):
    write_measurement(Measurement("pressure", np.array([1.0]), "bar"), tiny_recipe.path("p.csv"))
    recipe = msgspec.structs.replace(
        tiny_recipe, target=(TargetPlan(observable="pressure", data="p.csv"),)
    )
    with pytest.raises(RecipeError, match="no adjoint"):
        list(loop.diagnose(recipe, Control()))


def test_a_diagnosis_can_be_stopped(tiny_recipe):
    control = Control()
    events = loop.diagnose(tiny_recipe, control)
    next(events)
    control.stop()
    *_, last = events
    assert isinstance(last, Finished)
