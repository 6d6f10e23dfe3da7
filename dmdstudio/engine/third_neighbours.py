"""Pairs of atoms three bonds apart, where they interact by a part of the strength of others.

They are left out of the sums over pairs (`System.apart`) and summed here instead, in full: neither
switched nor screened, as other programs do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.engine.bonded import BondedPotential, Form
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.potential import Example
from dmdstudio.plan.catalog import setting

Scale = Annotated[
    float,
    setting(
        "1-4 scale",
        "Strength of pairs three bonds apart, over that of all others; 0 leaves them out.",
        ge=0,
        le=1,
    ),
]
"""A setting of every pair potential of molecules."""


class ThirdNeighbours(BondedPotential):
    """U = scale times the sum of u over pairs three bonds apart; a part of another term.

    Its parameters are those of the other term's pairs, by the kind of pair.
    """

    name: ClassVar[str] = "third_neighbours"
    Options = Struct

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return none: it comes with the examples of the terms that it is a part of."""
        return {}


class ThirdLennardJones(ThirdNeighbours):
    """u = 4 epsilon [(sigma/r)^12 - (sigma/r)^6]."""

    parameters = ()
    form = Form("third_lennard_jones", "third_neighbour", ("sigma", "epsilon"), trial=(3.4, 0.01))

    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u [pair], eV."""
        r = jnp.linalg.norm(vectors[0], axis=-1)
        power = (numbers["sigma"] / r) ** 6
        return 4.0 * numbers["epsilon"] * (power * power - power)


class ThirdCharges(ThirdNeighbours):
    """u = strength/r, the strength q_i q_j/(4 pi eps0)."""

    parameters = ()
    form = Form("third_charges", "third_neighbour", ("strength",), trial=(1.0,))

    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u [pair], eV."""
        return numbers["strength"] / jnp.linalg.norm(vectors[0], axis=-1)


def third_neighbours(
    kind: type[ThirdNeighbours], options: Any, system: System
) -> ThirdNeighbours | None:
    """Return the sum over the pairs three bonds apart; None where there is none to do."""
    plain = options.scale_14 in (0.0, 1.0)
    return None if plain or not len(system.third_neighbours) else kind(options, system)


def scaled_system(options: Any, system: System) -> System:
    """Return a system whose pair sums leave out those that are scaled."""
    return system if options.scale_14 == 1.0 else replace(system, apart=3)


def by_kind(pair: Mapping[str, Array], system: System, scaled: str, scale: float) -> Parameters:
    """Return numbers of pairs [type, type] by the kind of pair, one of them scaled."""
    first, second = np.triu_indices(len(system.type_names))  # the order of `System.pair_names`
    own = {name: value[first, second] for name, value in pair.items()}
    return own | {scaled: scale * own[scaled]}
