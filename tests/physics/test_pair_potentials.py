"""Numbers that belong to pairs of types, and dispersion that stays finite."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.potentials.buckingham import Buckingham, BuckinghamOptions
from dmdstudio.files.potentials.numbers import parameter
from dmdstudio.plan.recipe import ParameterPlan, PotentialPlan
from dmdstudio.plan.terms import potential_terms
from dmdstudio.service.build import build

SILICA = {
    "amplitude": np.array([1388.773, 18003.757, 0.0]),
    "range": np.array([1 / 2.76, 1 / 4.87318, 1.0]),
    "dispersion": np.array([175.0, 133.5381, 0.0]),
}


def _silica(inner: float) -> Buckingham:
    example = Buckingham.examples("float64", 64, "gpu")["silica"]
    options = BuckinghamOptions(cutoff=6.5, switch_start=5.5, inner=inner)
    return dataclasses.replace(example.potential, options=options)


def test_wells_at_short_distances_are_refused_and_the_advice_helps():
    with pytest.raises(RecipeError, match=r"O-O repel each other only down to 1\.50") as caught:
        _silica(1.0).check(SILICA, {})
    advised = float(caught.value.advice.split("inner = ")[1].split()[0])
    assert 1.5 < advised < 1.6
    _silica(advised).check(SILICA, {})


def test_dispersion_goes_on_smoothly_and_ends_below_the_repulsion():
    term, pair = _silica(1.6), {k: jnp.asarray(v[0]) for k, v in SILICA.items()}
    own = {"amplitude": pair["amplitude"], "decay": 1.0 / pair["range"],
           "six": pair["dispersion"], "eight": jnp.asarray(0.0)}  # fmt: skip

    def u(r):
        return term.pair_energy(r, own)

    for function in (u, jax.grad(u), jax.grad(jax.grad(u))):
        assert float(function(1.6 - 1e-9)) == pytest.approx(float(function(1.6 + 1e-9)), rel=1e-6)
    plain = 1388.773 * np.exp(-2.76 * 2.0) - 175.0 / 2.0**6
    assert float(u(2.0)) == pytest.approx(plain, rel=1e-12)
    r = np.linspace(0.01, 1.6, 50)
    assert np.all(np.diff(np.asarray(u(jnp.asarray(r)))) < 0.0)


def test_a_parameter_names_a_pair_or_is_that_of_all(tiny_recipe):
    def with_of(*owners):
        starts = {"depth": 0.0104, "decay": 1.6, "distance": 3.82}
        numbers = tuple(
            ParameterPlan(name=name, of=of, value=value)
            for name, value in starts.items()
            for of in owners
        )
        options = {"cutoff": 7.5, "switch_start": 6.5}
        plan = PotentialPlan(kind="morse", parameter=numbers, options=options)
        return msgspec.structs.replace(tiny_recipe, potential=(plan,))

    problem, _ = build(with_of("Ar-Ar"))
    theta = problem.theta(jnp.asarray(problem.initial))
    assert problem.slots[0].key == "morse.depth[Ar-Ar]"
    assert np.allclose(theta["morse"]["depth"], [0.0104])
    problem, _ = build(all_pairs := with_of(""))
    assert problem.slots[0].key == "morse.depth"
    assert np.allclose(problem.theta(jnp.asarray(problem.initial))["morse"]["depth"], [0.0104])
    (term,) = potential_terms(all_pairs, ("Ar", "Ar"), {})
    assert parameter(term, "depth", "Ar-Ar") == pytest.approx(0.0104)
    with pytest.raises(RecipeError, match=r"the structure has no pair 'Ar-Kr'.*Ar-Ar"):
        build(with_of("Ar-Kr"))
