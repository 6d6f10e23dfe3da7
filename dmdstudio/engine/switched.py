"""Pair potentials that a switch brings to zero: a subclass gives the energy without it."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.pair import PairPotential
from dmdstudio.plan.catalog import setting


class SwitchedOptions(Struct, frozen=True, kw_only=True):
    """Settings of every potential that is switched to zero."""

    cutoff: Annotated[float, setting("Cutoff", "Zero from here on.", "angstrom", gt=0)] = 10.0
    switch_start: Annotated[
        float, setting("Switch from", "The switching to zero starts here.", "angstrom", gt=0)
    ] = 9.0


@dataclass(frozen=True, eq=False)
class SwitchedPairs(PairPotential):
    """u(r) S(x), x = (r - r_s)/(r_c - r_s).

    S(x) = 1 - 10 x^3 + 15 x^4 - 6 x^5 between the start of the switch r_s and the cutoff r_c, so
    that u, u' and u'' are continuous. The switch is the one of OpenMM's NonbondedForce.

    Attributes:
        options: of the subclass; a `SwitchedOptions`.
        system: what it was built for.
    """

    options: Any
    system: System

    @classmethod
    def build(cls, options: Any, system: System) -> SwitchedPairs:
        """Check the cutoff against the cell and return the term."""
        if not options.switch_start < options.cutoff:
            raise RecipeError(
                f"{cls.name}: switch_start {options.switch_start:g} is not below the cutoff "
                f"{options.cutoff:g} angstrom."
            )
        system.require_cutoff(options.cutoff, cls.name)
        return cls(options, system)

    @abc.abstractmethod
    def bare_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r) in eV before it is switched; elementwise, r in angstrom."""

    def pair_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r) S(x), eV."""
        start = self.options.switch_start
        x = jnp.clip((r - start) / (self.cutoff - start), 0.0, 1.0)
        return self.bare_energy(r, pair) * (1.0 + x**3 * (-10.0 + x * (15.0 - 6.0 * x)))

    def kernel_constants(self) -> tuple[float, ...]:
        """Return the start and the inverse width of the switch."""
        start = self.options.switch_start
        return (start, 1.0 / (self.cutoff - start))


Mixing = Annotated[
    Literal["lorentz_berthelot", "geometric"],
    setting("Mixing rule", "Sigma of unlike types: arithmetic or geometric mean."),
]
"""A setting of potentials whose sigma belongs to the types of atoms."""


def mixed_lengths(sigma: Array, rule: str) -> Array:
    """Return the lengths of all pairs [type, type] by a `Mixing` rule."""
    return geometric_mean(sigma) if rule == "geometric" else 0.5 * (sigma[:, None] + sigma)


def geometric_mean(values: Array) -> Array:
    """Return sqrt(a b) of all pairs [type, type]; where one is zero, so is the derivative."""
    product = values[:, None] * values
    some = product > 0.0
    return jnp.where(some, jnp.sqrt(jnp.where(some, product, 1.0)), 0.0)


def require_depth(term: SwitchedPairs, depth: np.ndarray, free: np.ndarray) -> None:
    """Raise `RecipeError` where the depth of a well is to be refined from zero.

    Args:
        term: whose it is.
        depth: of every type [type].
        free: which of them are refined, alike.
    """
    stuck = np.flatnonzero(free & (depth == 0.0))
    if len(term.system.type_names) > 1 and len(stuck):
        raise RecipeError(
            f"{term.name}: epsilon of {term.system.type_names[stuck[0]]} cannot be refined "
            "from 0, where the mixed depth sqrt(epsilon_i epsilon_j) has no slope.",
            "Start above 0, or set free = false.",
        )
