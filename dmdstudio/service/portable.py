"""Potentials as programs that JAX alone can run: traced by our engine, written as StableHLO."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, export

from dmdstudio.engine.core import Configuration, System
from dmdstudio.engine.potential import Potential
from dmdstudio.engine.potentials.ewald import MARGIN
from dmdstudio.files.potentials.portable import Translation, translators
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm
from dmdstudio.service.calculator import force_field
from dmdstudio.service.own_engine import plain_terms

PLATFORMS = ("cpu", "cuda")
"""That a program is written for, whichever of them is here."""

CROWDED = 1.5
"""Length of lists of neighbours over what the structure needs: no later call can lengthen them."""


def translated(terms: Sequence[PotentialTerm], structure: Structure) -> Translation:
    """Translate a potential for the atoms of a structure.

    Energies are XLA's own, without compiled loops that only this program has; Ewald's sum is as
    exact as it can be.

    Args:
        terms: the potential.
        structure: says atoms, types and bonds; its cell is the one that cutoffs are checked by.

    Raises:
        PhysicsError, RecipeError: terms and atoms do not fit together.
    """
    names = tuple(sorted(set(structure.types)))
    system = System(
        names,
        np.array([names.index(type_) for type_ in structure.types]),
        np.asarray(structure.masses, np.float64),
        np.asarray(structure.cell, np.float64),
        "float64",
        64,
        platform="gpu",  # where no compiled loops are
        bonds=structure.bonds,
        pairs="dense",
    )
    field, theta = force_field(plain_terms(terms), system)
    lattice = system.to_lattice(jnp.asarray(structure.positions))
    needed = field.crowding(lattice, jnp.asarray(system.cell))[0]
    field = field.with_capacity(int(np.ceil(CROWDED * needed)))

    def evaluate(positions: Array, cell: Array) -> tuple[Array, Array, Array]:
        fractional = positions @ _inverse(cell)
        lattice = system.wrap(fractional - jnp.floor(fractional))

        def energy(offset: Array, strain: Array) -> Array:
            where = Configuration(lattice, offset, cell @ (jnp.eye(3) + strain))
            return sum((term.energy(theta[key], where) for key, term in field.terms), jnp.zeros(()))

        zero = jnp.zeros(positions.shape), jnp.zeros((3, 3))
        value, (slope, strained) = jax.value_and_grad(energy, argnums=(0, 1))(*zero)
        return value, -slope, strained

    shapes = (jax.ShapeDtypeStruct(shape, jnp.float64) for shape in ((system.atoms, 3), (3, 3)))
    program = export.export(jax.jit(evaluate), platforms=PLATFORMS)(*shapes)
    a, b, c = (MARGIN * np.linalg.norm(system.cell, axis=1)).tolist()
    waves = any(term.kind == "ewald" for term in terms)
    return Translation(
        program=bytes(program.serialize()),
        jax=jax.__version__,
        platforms=PLATFORMS,
        narrowest=2.0 * max(_cutoff(term) for _, term in field.terms),
        longest=(a, b, c) if waves else None,
    )


def _cutoff(term: Potential) -> float:
    """Return the distance beyond which a term is zero, angstrom; 0 for one of bonds."""
    options = getattr(term, "options", None)
    return float(getattr(term, "cutoff", None) or getattr(options, "cutoff", None) or 0.0)


def _inverse(matrix: Array) -> Array:
    """Return the inverse of a matrix [3, 3], without a solver that a platform may not have."""
    sides = jnp.cross(matrix[jnp.array([1, 2, 0])], matrix[jnp.array([2, 0, 1])])
    return sides.T / jnp.dot(matrix[0], sides[0])


translators.add("stablehlo", translated)
