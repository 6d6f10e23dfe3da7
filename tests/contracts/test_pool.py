"""The pool of starts: which samples are drawn afresh, and the weights of those that are kept."""

from __future__ import annotations

import numpy as np
import pytest

from dmdstudio.base.units import BOLTZMANN
from dmdstudio.engine.mbar import OverlapError, free_energies, mixture_weights
from dmdstudio.engine.pool import draw_pool, potential_energy, renewed, weigh
from dmdstudio.engine.program import Program
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import Iterated
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control

WELLS = [
    ([50], 0.0),
    ([16, 16], 0.3),
    ([10, 1, 40], 2.0),
    ([8, 8, 8, 8], 1.0),
    ([100, 30, 60, 5, 100], 2.0),
]
"""Samples of every reference and the distance of their wells in standard deviations."""


def wells(counts, distance):
    """Return reduced energies [reference, sample] of harmonic wells, and samples of them.

    Wells are shifted by thousands, and samples too, as energies of a liquid are.
    """
    dice = np.random.default_rng(3)
    centres = distance * np.arange(len(counts))
    x = np.concatenate([dice.normal(c, 1.0, n) for c, n in zip(centres, counts, strict=True)])
    shared = 1e4 * dice.normal(size=len(x))
    reduced = 0.5 * (x - centres[:, None]) ** 2 + 1e3 * np.arange(len(counts))[:, None] + shared
    return reduced, x, shared


def finish(work):
    """Run a generator of work to its end; return what it returns and the fractions it told."""
    fractions = []
    while True:
        try:
            piece = next(work)
        except StopIteration as end:
            return end.value, fractions
        fractions.append(piece.fraction)


@pytest.mark.parametrize(("counts", "distance"), WELLS)
def test_free_energies_and_weights_are_those_of_pymbar(counts, distance):
    pymbar = pytest.importorskip("pymbar")
    reduced, x, shared = wells(counts, distance)
    oracle = pymbar.MBAR(reduced, np.array(counts), solver_protocol="robust")
    ours = free_energies(reduced, np.array(counts))
    assert np.abs(ours - (oracle.f_k - oracle.f_k[0])).max() < 1e-8
    asked = 0.5 * (x - 0.4 * distance) ** 2 + shared
    weights = mixture_weights(reduced - asked, np.array(counts))
    mean = oracle.compute_perturbed_free_energies(np.stack([asked, asked]))  # normalises
    assert np.isfinite(mean["Delta_f"]).all()
    logarithms = oracle._computeUnnormalizedLogWeights(asked)
    theirs = np.exp(logarithms - logarithms.max())
    assert np.abs(weights - theirs / theirs.sum()).max() < 1e-8
    effective = oracle.compute_effective_sample_number()  # of the references themselves
    for k, number in enumerate(effective):
        own = mixture_weights(reduced - reduced[k], np.array(counts))
        assert 1.0 / np.sum(own**2) == pytest.approx(number, rel=1e-8)


def test_a_single_reference_is_plain_reweighting():
    reduced, x, shared = wells([40], 0.0)
    asked = 0.5 * (x - 0.7) ** 2 + shared
    plain = np.exp(reduced[0] - asked - (reduced[0] - asked).max())
    weights = mixture_weights(reduced - asked, np.array([40]))
    assert weights == pytest.approx(plain / plain.sum(), rel=1e-11)


def test_two_references_tell_the_mean_between_them():
    """The mean position and free energy of a well between two others that were sampled."""
    counts = np.array([20000, 20000])
    reduced, x, shared = wells(counts, 2.0)
    weights = mixture_weights(reduced - (0.5 * (x - 1.0) ** 2 + shared), counts)
    effective = 1.0 / np.sum(weights**2)
    assert abs(weights @ x - 1.0) < 4.0 / np.sqrt(effective)
    assert free_energies(reduced, counts)[1] == pytest.approx(1e3, abs=0.05)


def test_references_without_overlap_are_refused():
    reduced, x, _ = wells([8, 8, 8, 8], 12.0)
    with pytest.raises(OverlapError, match="4 parameter sets overlap too little"):
        mixture_weights(reduced - 0.5 * x**2, np.array([8, 8, 8, 8]))


def moved(problem, relative):
    """Return the initial parameters with a longer sigma."""
    return problem.initial * [1.0 + relative, 1.0]


def test_only_the_oldest_share_is_drawn_afresh(tiny_recipe):
    settings = ["references=2", "effective_sample_fraction=0.8", "reuse_limit=4", "replicas=8"]
    problem, _ = build(with_settings(tiny_recipe, [f"sampling.{s}" for s in settings]))
    program = Program(problem)
    (first, weights, new), _ = finish(renewed(program, None, problem.initial, 0))
    assert new and weights.fraction == pytest.approx(1.0)
    assert np.array_equal(first.references, problem.initial[None])

    near = moved(problem, 1e-5)
    first = first._replace(uses=first.uses + 1)
    (same, weights, new), _ = finish(renewed(program, first, near, 1))
    assert same is first and not new and 0.8 < weights.fraction < 1.0

    far = moved(problem, 0.006)
    assert weigh(program, first, far).fraction < 0.8
    (half, weights, new), told = finish(renewed(program, first, far, 1))
    assert new and weights.fraction >= 0.8
    assert np.array_equal(half.references, [problem.initial, far])
    assert np.array_equal(half.counts, [4, 4])
    kept = half.origin == 0
    assert told == sorted(told) and told[-1] == 0.5  # of the work of a whole pool
    assert np.array_equal(half.uses, np.where(kept, 1, 0))
    for old, now in zip(first.starts, half.starts, strict=True):
        assert np.array_equal(old[kept], now[kept])
    assert not np.any(np.all(half.lattice == first.lattice, axis=(1, 2))[~kept])
    for reference, energy in zip(half.references, half.energy, strict=True):
        again = potential_energy(program, reference, half.lattice, half.cell)
        assert np.array_equal(energy, again)

    between = moved(problem, 0.003)
    energy = potential_energy(program, between, half.lattice, half.cell)
    beta = 1.0 / (BOLTZMANN * problem.sampling.temperature)
    expected = mixture_weights(beta * (half.energy - energy), half.counts)
    assert weigh(program, half, between).weight == pytest.approx(expected, rel=1e-12)

    served = half._replace(uses=half.uses + 3)  # the older half has served its time
    (last, weights, new), _ = finish(renewed(program, served, far, 2))
    assert new and weights.fraction == pytest.approx(1.0)
    assert np.array_equal(last.references, far[None])  # the very same parameters are one reference
    assert np.array_equal(last.uses, np.where(kept, 0, 3))


def test_a_pool_that_is_worth_nothing_is_drawn_whole(tiny_recipe):
    """Share after share, whatever the references have in common; and always where that is asked."""
    settings = ["sampling.references=2", "sampling.reuse_limit=9"]
    recipe = with_settings(tiny_recipe, settings)
    problem, _ = build(recipe)
    program = Program(problem)
    (pool, _, _), _ = finish(renewed(program, None, problem.initial, 0))
    whole = [with_settings(recipe, ["sampling.effective_sample_fraction=1.0"]), recipe]
    for asked, parameters in zip(whole, (moved(problem, 1e-4), moved(problem, 0.05)), strict=True):
        other, _ = build(asked)
        program.problem = other
        (new, weights, drawn), told = finish(renewed(program, pool, parameters, 1))
        assert drawn and weights.fraction == pytest.approx(1.0)
        assert np.array_equal(new.references, parameters[None])
        assert np.all(new.uses == 0) and told[-1] == 1.0
    alone = finish(draw_pool(program, parameters, pool, 50, 2))[0]  # in one go: the same bits
    assert all(np.array_equal(a, b) for a, b in zip(alone, new, strict=True))


def test_a_pool_of_several_references_goes_on_to_the_same_bits(tiny_recipe, tmp_path):
    settings = ["references=3", "effective_sample_fraction=0.9", "reuse_limit=3"]
    recipe = with_settings(tiny_recipe, [f"sampling.{s}" for s in settings])
    list(loop.refine(recipe, tmp_path / "whole", Control()))
    control = Control()
    for event in loop.refine(recipe, tmp_path / "parts", control):
        if isinstance(event, Iterated) and event.report.iteration == 1:
            control.stop()
    stopped = RunStore.open(tmp_path / "parts").read_state()[1]
    assert len(stopped["pool/references"]) > 1
    list(loop.resume(tmp_path / "parts", None, Control()))
    (_, whole), (_, parts) = (
        RunStore.open(tmp_path / name).read_state() for name in ("whole", "parts")
    )
    assert whole.keys() == parts.keys()
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)
