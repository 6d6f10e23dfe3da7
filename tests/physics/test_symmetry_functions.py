"""Symmetry functions against formulas written down for a few atoms, and against jax-md."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine import jax_md
from dmdstudio.engine import potentials as _registered  # noqa: F401  fills the registry
from dmdstudio.engine.core import configuration
from dmdstudio.engine.potentials.behler_parrinello import BehlerParrinello
from dmdstudio.engine.symmetry_functions import (
    CUTOFF_FUNCTIONS,
    functions_of,
    standard_functions,
    symmetry_functions,
    text_of,
)

ELEMENTS = ("H", "O")


def evaluated(text: str, positions, species, cutoff: float, ends: str = "polynomial") -> np.ndarray:
    """Return functions [atom, function] of a cluster."""
    positions, species = np.asarray(positions, float), np.asarray(species)
    vectors = positions[None] - positions[:, None]
    inside = (np.linalg.norm(vectors, axis=-1) < cutoff) & ~np.eye(len(species), dtype=bool)
    elements = np.broadcast_to(np.eye(2)[species], (len(species), len(species), 2))
    functions = functions_of(text, ELEMENTS, "here")

    @jax.jit
    def found(vectors):
        return symmetry_functions(functions, ends, vectors, inside, jnp.asarray(elements), species)

    return np.asarray(found(vectors))


def test_two_neighbours_at_a_right_angle():
    """By hand: r_ij = 1, r_ik = 2, r_jk = sqrt 5, cos theta = 0."""
    text = "O 3 H O 0.1 1 2 4; O 3 O H 0.1 -1 3 4 0.5; O 9 H O 0.1 1 2 4; O 2 H 0.3 0.2 4; "
    text += "O 3 H H 0.1 1 2 4; H 2 O 0.3 0.2 2; O 9 H O 0.1 1 1 2.1"
    corner = [[0, 0, 0], [1, 0, 0], [0, 2, 0]]
    found = evaluated(text, corner, [1, 0, 1], 4.0)
    f = {r: 1 - 10 * (r / 4) ** 3 + 15 * (r / 4) ** 4 - 6 * (r / 4) ** 5 for r in (1, 2, 5**0.5)}
    all_three = f[1] * f[2] * f[5**0.5]
    assert found[0, 0] == pytest.approx(2 / 4 * math.exp(-0.1 * 10) * all_three, rel=1e-14)
    shifted = 0.5**2 + 1.5**2 + (5**0.5 - 0.5) ** 2
    assert found[0, 1] == pytest.approx(2 / 8 * math.exp(-0.1 * shifted) * all_three, rel=1e-14)
    assert found[0, 2] == pytest.approx(2 / 4 * math.exp(-0.1 * 5) * f[1] * f[2], rel=1e-14)
    assert found[0, 3] == pytest.approx(math.exp(-0.3 * 0.8**2) * f[1], rel=1e-14)
    assert found[0, 4] == 0.0  # there is but one H
    assert found[0, 5] != 0.0  # of a cutoff of its own, which both are within
    by_h = 1 - 10 / 8 + 15 / 16 - 6 / 32
    assert found[1, 0] == pytest.approx(math.exp(-0.3 * 0.8**2) * by_h, rel=1e-14)
    assert not found[1, 1:].any()
    assert found.shape == (3, 6)


@pytest.mark.parametrize("ends", CUTOFF_FUNCTIONS)
def test_pairs_of_neighbours_count_once(ends):
    """Against loops over them, of many atoms of two elements."""
    random = np.random.default_rng(2)
    positions, species = random.uniform(0, 4, (9, 3)), random.integers(0, 2, 9)
    text = text_of(standard_functions(2, 3.0, 2), ELEMENTS)
    found = evaluated(text, positions, species, 3.0, ends)
    functions = functions_of(text, ELEMENTS, "here")

    def g(shape, r):
        x = min(r / shape.cutoff, 1.0)
        end = {
            "polynomial": 1 - 10 * x**3 + 15 * x**4 - 6 * x**5,
            "tanh": math.tanh(1 - x) ** 3,
            "cosine": 0.5 * (1 + math.cos(math.pi * x)),
        }[ends]
        return math.exp(-shape.exponent * (r - shape.centre) ** 2) * end

    for i, element in enumerate(species):
        mine = [f for f in functions if f.atom == element]
        for number, (_, others, shape, angle) in enumerate(mine):
            total = 0.0
            for j in range(9):
                a = positions[j] - positions[i]
                if angle is None and j != i and species[j] == others[0]:
                    total += g(shape, np.linalg.norm(a))
                for k in range(j):
                    if angle is None or i in (j, k):
                        continue
                    if tuple(sorted((species[j], species[k]))) != others:
                        continue
                    b = positions[k] - positions[i]
                    r, s, t = (np.linalg.norm(v) for v in (a, b, a - b))
                    bent = 2 * ((1 + angle.sign * a @ b / r / s) / 2) ** angle.power
                    total += bent * g(shape, r) * g(shape, s) * g(shape, t)
            assert found[i, number] == pytest.approx(total, rel=1e-11, abs=1e-13)


def published() -> ModuleType:
    """Return jax-md's file of them alone: its package of networks takes seconds to import."""
    with jax_md.alone() as folder:
        found = importlib.util.spec_from_file_location(
            "published", folder / "_nn" / "behler_parrinello.py"
        )
        assert found is not None and found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
    return module


def test_radial_functions_are_those_of_jax_md():
    random = np.random.default_rng(5)
    positions, species = random.uniform(0, 5, (10, 3)), np.array([0, 1] * 5)
    etas = jnp.array([0.05, 0.4])
    found = published().radial_symmetry_functions(
        lambda a, b, **_: a - b, jnp.asarray(species), etas, 4.0
    )(jnp.asarray(positions))
    text = "; ".join(f"{i} 2 {j} {eta} 0 4" for i in "HO" for j in "HO" for eta in etas.tolist())
    ours = evaluated(text, positions, species, 4.0, "cosine")
    assert np.allclose(ours, found, rtol=1e-12, atol=1e-14)


def test_lists_and_all_pairs_agree():
    """Energy and forces."""
    example = BehlerParrinello.examples("float64", 64, "cpu")["water"]
    cell = jnp.asarray(example.system.cell)
    where = configuration(example.system, example.system.to_lattice(example.positions), cell)

    def told(capacity):
        term = replace(example.potential, capacity=capacity, cells=None)

        def energy(offset):
            return term.energy(example.parameters, where._replace(offset=offset))

        return jax.jit(jax.value_and_grad(energy))(where.offset)

    for a, b in zip(told(0), told(16), strict=True):
        assert np.allclose(a, b, rtol=0, atol=1e-12 * np.abs(np.asarray(a)).max())


def test_lines_are_read_as_they_are_written():
    text = "H 2 O 0.35 0.1 6; O 3 H O 0.01 -1 4 5.5; O 9 O O 0.2 1 16 6 0.3"
    functions = functions_of(text, ELEMENTS, "here")
    assert functions_of(text_of(functions, ELEMENTS), ELEMENTS, "here") == functions
    assert functions[1].shape.narrow and functions[2].angle == (1, 16)
    for wrong in (
        "H 2 C 0.3 0 6", "H 4 O 0.3 0 6", "H 2 O 0.3 6", "H 3 O 0.3 1 1 6", "H 3 O O 0.3 1 1.5 6",
        "H 3 O O 0.3 0.5 1 6", "H 2 O nan 0 6", "H 2 O 0.3 0 0", "H 2 O -1 0 6", "H",
        "H 2 O 1 0 6 9", "H 3 O O 0.3 1 1000 6",
    ):  # fmt: skip
        with pytest.raises(RecipeError, match=r"here: '.*' is no symmetry function of H O"):
            functions_of(f"O 2 O 1 0 6; {wrong}", ELEMENTS, "here")
    with pytest.raises(RecipeError, match="no symmetry function is of O"):
        functions_of("H 2 O 1 0 6", ELEMENTS, "here")
