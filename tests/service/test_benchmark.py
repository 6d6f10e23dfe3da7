"""The figures that anyone can measure; here only that they are measured."""

from __future__ import annotations

import importlib.util

import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.service import benchmark


def test_scaling_measures_every_size_and_their_ratio(monkeypatch):
    monkeypatch.setattr(benchmark, "SCALING", ((1, 1, 1), (2, 1, 1)))
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    monkeypatch.setattr(benchmark, "lammps_ms", lambda recipe, steps, warm_up: steps * 1e-3)
    figures = benchmark.benchmark("scaling", 2, 10)
    one, two = figures["per_atom_step"]
    assert (one["atoms"], two["atoms"]) == (346, 692)
    assert figures["gradient_growth"] == pytest.approx(two["gradient_ns"] / one["gradient_ns"])
    assert one["lammps_ns"] == pytest.approx(2e4 / 346)  # at least 20 steps
    told = list(benchmark.lines(figures))
    assert sum(line.startswith("per atom step: atoms: ") for line in told) == 2


def test_the_forward_pass_has_peers(monkeypatch):
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    monkeypatch.setattr(benchmark, "lammps_ms", lambda recipe, steps, warm_up: "not measured")
    figures = benchmark.benchmark("forward", 2, 10)
    assert figures["lammps"] == "not measured" and "lammps_ms" not in figures
    if importlib.util.find_spec("openmm") is None:
        assert "not installed" in figures["openmm"]
    else:
        assert figures["ours_over_openmm"] == pytest.approx(
            figures["ours_ms"] / figures["openmm_ms"]
        )


def test_water_is_measured_by_its_gradient_alone(monkeypatch):
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    figures = benchmark.benchmark("gradient", 2, 10, "water")
    assert figures["gradient_over_forward"] == pytest.approx(
        figures["value_and_gradient_ms"] / figures["forward_ms"]
    )
    with pytest.raises(RecipeError, match="scaling knows no water"):
        benchmark.benchmark("scaling", 2, 10, "water")


def test_silicon_is_measured_and_undone(monkeypatch):
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    monkeypatch.setattr(benchmark, "SILICON", (2, 2, 2))
    figures = benchmark.benchmark("gradient", 2, 10, "silicon")
    assert figures["atoms"] == 64 and figures["reversal_residual"] == 0.0
    assert figures["gradient_over_forward"] == pytest.approx(
        figures["value_and_gradient_ms"] / figures["forward_ms"]
    )
    with pytest.raises(RecipeError, match="memory knows no silicon"):
        benchmark.benchmark("memory", 2, 10, "silicon")
