"""The shipped example `water-infrared`: the measured spectrum, density and diffusion of water."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dmdstudio.files.iterations import best_iteration
from dmdstudio.plan.events import Iterated
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control

RECIPE = Path(__file__).parents[2] / "resources/examples/water-infrared/recipe.toml"
BANDS = {"bend": (1450.0, 1800.0, 1639.0), "stretch": (2800.0, 3900.0, 3368.0)}
"""Between what wavenumbers they are, and where their measured centres are, 1/cm."""


def centre(axis: np.ndarray, value: np.ndarray, low: float, high: float) -> float:
    """Return the middle of a band at half its height, above a line between its ends, 1/cm."""
    inside = (axis >= low) & (axis <= high)
    axis, value = axis[inside], value[inside]
    value = value - np.interp(axis, axis[[0, -1]], value[[0, -1]])
    half = value.max() / 2
    first, last = np.flatnonzero(value > half)[[0, -1]]
    left = np.interp(half, value[[first - 1, first]], axis[[first - 1, first]])
    right = np.interp(half, value[[last + 1, last]], axis[[last + 1, last]])
    return float(left + right) / 2


def test_the_measured_bands_are_there_and_the_bend_counts_more():
    problem, _ = build(read_recipe(RECIPE))
    spectrum, density, diffusion = problem.targets
    assert [t.key for t in problem.targets] == ["infrared_spectrum", "density", "self_diffusion"]
    assert spectrum.compared and density.compared and diffusion.compared
    for low, high, measured in BANDS.values():
        found = centre(spectrum.report_axis, spectrum.experiment, low, high)
        assert found == pytest.approx(measured, abs=2.0)
    bend = (spectrum.report_axis > 1460.0) & (spectrum.report_axis < 1790.0)
    weight = spectrum.point_weight
    assert weight[bend].min() / weight[~bend].min() == pytest.approx(20.0)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_bands_and_density_become_the_measured_ones(tmp_path):
    """The loss falls by 80 %, both bands come within 15 1/cm, the density within 1 %."""
    events = loop.refine(read_recipe(RECIPE), tmp_path / "run", Control())
    reports = {e.report.iteration: e.report for e in events if isinstance(e, Iterated)}
    best = reports[best_iteration(reports)]
    print(best)
    assert best.loss < 0.2 * reports[0].loss
    spectrum, density, _ = best.targets
    axis = np.array(spectrum.axis)
    for low, high, _ in BANDS.values():
        ours, measured = (
            centre(axis, np.array(v), low, high) for v in (spectrum.value, spectrum.experiment)
        )
        assert ours == pytest.approx(measured, abs=15.0)
    assert density.value[0] == pytest.approx(density.experiment[0], rel=0.01)
