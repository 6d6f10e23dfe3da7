"""Hidden parameters are found again from what LAMMPS measures with them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from engines import WITHOUT_LAMMPS, lammps_environment
from recovery import HIDDEN, measured_by_lammps, recipe_of

from dmdstudio.plan.events import Iterated, Uncertainty
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.terms import with_values
from dmdstudio.service import loop
from dmdstudio.service.control import Control

pytestmark = pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)

SIGMA, EPSILON = HIDDEN


def experiment(tiny, origins, replicas, iterations):
    """Return the recipe whose data LAMMPS has measured."""
    recipe = recipe_of(tiny, replicas, iterations)
    known = msgspec.structs.replace(recipe, target=tiny.target)  # the data are not there yet
    measured_by_lammps(with_settings(known, ["target.window=1.0"]), tiny.path("."), origins)
    return recipe


def recovered(recipe, seed, folder):
    """Refine from a random start; return relative errors and whether the intervals cover."""
    random = np.random.default_rng(seed)
    start = {
        SIGMA: HIDDEN[SIGMA] * (1.0 + random.uniform(-0.03, 0.03)),
        EPSILON: HIDDEN[EPSILON] * (1.0 + random.uniform(-0.15, 0.15)),
    }
    recipe = with_settings(with_values(recipe, start), [f"execution.seed={seed}"])
    last, known = None, None
    for event in loop.refine(recipe, folder / f"run-{seed}", Control()):
        if isinstance(event, Iterated):
            last = event.report
        elif isinstance(event, Uncertainty):
            known = event
    assert last is not None and known is not None
    off = {p.key: p.value / HIDDEN[p.key] - 1.0 for p in last.parameters}
    covered = {
        p.key: p.lower is not None and p.lower <= HIDDEN[p.key] <= p.upper for p in known.parameters
    }
    return off, covered, known


def test_hidden_parameters_are_approached(tiny_recipe, tmp_path):
    """One start of few replicas and iterations: the valley is crossed at once."""
    recipe = experiment(tiny_recipe, origins=40, replicas=16, iterations=4)
    off, _, _ = recovered(recipe, 2, tmp_path)  # begins 1.4 % and 6 % away
    assert abs(off[SIGMA]) < 0.01
    assert abs(off[EPSILON]) < 0.1


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_twenty_starts_find_the_hidden_parameters(tiny_recipe, tmp_path):
    """All within 0.5 % (sigma) and 3 % (epsilon); 95 % intervals cover the truth in 17 or more."""
    recipe = experiment(tiny_recipe, origins=400, replicas=96, iterations=8)
    offs, covers = [], []
    for seed in range(20):
        off, covered, known = recovered(recipe, seed, tmp_path)
        half = {p.key: (p.upper or np.inf) - p.value for p in known.parameters}
        print(seed, off, covered, half, flush=True)
        offs.append([off[SIGMA], off[EPSILON]])
        covers.append([covered[SIGMA], covered[EPSILON]])
    worst = np.abs(offs).max(axis=0)
    assert worst[0] < 0.005 and worst[1] < 0.03
    assert np.all(np.sum(covers, axis=0) >= 17)
