"""Charges that move along bonds, against a sum over atoms written out, and for odd molecules."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.base.errors import PhysicsError, RecipeError
from dmdstudio.engine.core import System, configuration
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.surfaces.charge_flux import ChargeFlux, ChargeFluxOptions

CELL = np.eye(3) * 20.0


def _surface(names, types, bonds, balance=""):
    atoms = len(types)
    system = System(
        names, np.array(types), np.ones(atoms), CELL, "float64", 64, bonds=np.array(bonds)
    )
    return ChargeFlux.build(ChargeFluxOptions(balance=balance), system, ForceField(system, ()))


def _dipole(surface, parameters, positions):
    system = surface.system
    lattice = system.to_lattice(jnp.asarray(positions))
    where = configuration(system, lattice, jnp.asarray(system.cell))
    numbers = {name: jnp.asarray(array) for name, array in parameters.items()}
    return jax.jit(surface.dipole)(numbers, {}, where)


def test_it_is_the_sum_over_charges_that_bonds_and_angles_move():
    """Methanol-like: four kinds of bonds, seven of angles, some between unlike bonds."""
    surface = _surface(
        ("C", "H", "O"), [0, 1, 1, 1, 2, 1], [[0, 1], [2, 0], [0, 3], [4, 0], [4, 5]]
    )
    system = surface.system
    dice = np.random.default_rng(3)
    positions = np.array(
        [
            [0, 0, 0],
            [-0.4, 1.0, 0],
            [-0.4, -0.5, 0.9],
            [-0.4, -0.5, -0.9],
            [1.4, 0, 0],
            [1.7, 0.9, 0],
        ]
    ) + dice.normal(scale=0.05, size=(6, 3))
    parameters = {
        field.name: dice.normal(size=len(system.owners(field.per))) for field in surface.parameters
    }
    bonds, angles = system.bond_names, system.angle_names
    kinds = np.array(system.type_names)[system.types]

    def number(name, of, known):
        return parameters[name][known.index(of)]

    def length(i, j):
        return np.linalg.norm(positions[i] - positions[j])

    def name(i, j):
        return "-".join(sorted((kinds[i], kinds[j])))

    charge = parameters["charge"][system.types].copy()
    for i, j in system.bonds:
        first, second = (i, j) if kinds[i] < kinds[j] else (j, i)
        grown = length(i, j) - number("length", name(i, j), bonds)
        charge[first] += number("flux", name(i, j), bonds) * grown
        charge[second] -= number("flux", name(i, j), bonds) * grown
    for i, c, k in system.angles:
        of = "-".join((min(kinds[i], kinds[k]), kinds[c], max(kinds[i], kinds[k])))
        a, b = positions[i] - positions[c], positions[k] - positions[c]
        angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        bent = number("bend", of, angles) * (angle - number("angle", of, angles))
        for end, other in ((i, k), (k, i)):
            grown = length(other, c) - number("length", name(other, c), bonds)
            gained = bent + number("cross", of, angles) * grown
            charge[end] += gained
            charge[c] -= gained
    assert charge.sum() == pytest.approx(parameters["charge"][system.types].sum(), abs=1e-12)
    found = _dipole(surface, parameters, positions)
    assert np.allclose(found, charge @ positions, rtol=0, atol=1e-9)


def test_a_straight_molecule_has_a_finite_slope():
    surface = _surface(("C", "O"), [1, 0, 1], [[0, 1], [1, 2]], balance="O")
    parameters = {
        "charge": np.array([0.6, 0.0]), "flux": np.array([0.3]), "length": np.array([1.16]),
        "cross": np.array([0.1]), "bend": np.array([0.2]), "angle": np.array([np.pi]),
    }  # fmt: skip
    at = np.array([[-1.2, 0, 0], [0, 0, 0], [1.2, 0, 0]])
    assert np.allclose(_dipole(surface, parameters, at), 0.0, atol=1e-12)
    system = surface.system
    where = configuration(system, system.to_lattice(jnp.asarray(at)), jnp.asarray(CELL))
    numbers = {n: jnp.asarray(a) for n, a in parameters.items()}
    slope = jax.jit(jax.jacrev(lambda x: surface.dipole(numbers, {}, where._replace(offset=x))))
    assert np.all(np.isfinite(slope(where.offset)))


def test_bonds_between_like_atoms_move_no_charge():
    surface = _surface(("O",), [0, 0], [[0, 1]])
    assert surface.derived() == {("flux", "O-O")}
    parameters = {"charge": np.zeros(1), "flux": np.ones(1), "length": np.ones(1)}
    for name in ("cross", "bend", "angle"):
        parameters[name] = np.zeros(0)
    found = _dipole(surface, parameters, np.array([[0, 0, 0], [0, 0, 1.3]]))
    assert np.array_equal(found, np.zeros(3))


def test_what_cannot_be_is_refused():
    water = ChargeFlux.examples("float64", 64, "cpu")["water"]
    system = dataclasses.replace(water.system, bonds=np.zeros((0, 2), np.int64))
    with pytest.raises(PhysicsError, match="needs bonds"):
        ChargeFlux.build(ChargeFluxOptions(), system, ForceField(system, ()))
    with pytest.raises(RecipeError, match="'N'"):
        ChargeFlux.build(ChargeFluxOptions(balance="N"), water.system, ForceField(system, ()))
    given = {"charge": np.array([0.4, -0.7])}
    surface = ChargeFlux.build(ChargeFluxOptions(), water.system, ForceField(system, ()))
    with pytest.raises(RecipeError, match=r"charge of 2\.7 e"):
        surface.check(given, {"charge": np.zeros(2, bool)})
    given["charge"][1] = -0.8
    surface.check(given, {"charge": np.zeros(2, bool)})
    with pytest.raises(RecipeError, match="one by one"):
        surface.check(given, {"charge": np.array([True, False])})
    assert water.surface.derived() == {("charge", "O")}
