"""The figures that anyone can measure; here only that they are measured."""

from __future__ import annotations

import pytest

from dmdstudio.service import benchmark


def test_scaling_measures_every_size_and_their_ratio(monkeypatch):
    monkeypatch.setattr(benchmark, "SCALING", ((1, 1, 1), (2, 1, 1)))
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    monkeypatch.setattr(benchmark, "_lammps_ms", lambda recipe, steps, warm_up: steps * 1e-3)
    figures = benchmark.benchmark("scaling", 2, 10)
    one, two = figures["per_atom_step"]
    assert (one["atoms"], two["atoms"]) == (346, 692)
    assert figures["gradient_growth"] == pytest.approx(two["gradient_ns"] / one["gradient_ns"])
    assert one["lammps_ns"] == pytest.approx(2e4 / 346)  # at least 20 steps
    told = list(benchmark.lines(figures))
    assert sum(line.startswith("per atom step: atoms: ") for line in told) == 2
