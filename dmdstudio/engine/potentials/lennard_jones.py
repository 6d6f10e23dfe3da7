"""Lennard-Jones, switched smoothly to zero."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine import kernels
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.crystal import CUBE, SKEWED, crystal
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.engine.switched import (
    Mixing,
    SwitchedOptions,
    SwitchedPairs,
    geometric_mean,
    mixed_lengths,
    require_depth,
)
from dmdstudio.engine.third_neighbours import (
    Scale,
    ThirdLennardJones,
    ThirdNeighbours,
    by_kind,
    scaled_system,
    third_neighbours,
)
from dmdstudio.plan.catalog import ParameterField


class LennardJonesOptions(SwitchedOptions, frozen=True, kw_only=True):
    """Settings of `LennardJones`."""

    mixing: Mixing = "lorentz_berthelot"
    scale_14: Scale = 1.0


class LennardJones(SwitchedPairs):
    """u(r) = 4 epsilon [(sigma/r)^12 - (sigma/r)^6], switched as `SwitchedPairs` says.

    Source: J. E. Jones, Proc. R. Soc. A 106, 463 (1924), doi 10.1098/rspa.1924.0082.
    """

    name: ClassVar[str] = "lennard_jones"
    label: ClassVar[str] = "Lennard-Jones"
    doc: ClassVar[str] = (
        "4 epsilon [(sigma/r)^12 - (sigma/r)^6], switched to zero by a quintic in r "
        "between `switch_start` and `cutoff`."
    )
    source: ClassVar[str] = "J. E. Jones, Proc. R. Soc. A 106, 463 (1924)"
    Options = LennardJonesOptions
    parameters = (
        ParameterField(
            name="sigma", unit="angstrom", label="σ", doc="Distance of zero energy.", lower=0.0
        ),
        ParameterField(
            name="epsilon", unit="kJ/mol", label="ε", doc="Depth of the well.", lower=0.0
        ),
    )
    kernel = kernels.Radial("lennard_jones", ("sigma", "epsilon"), trial=(3.4, 0.01, 3.5, 0.2))

    @classmethod
    def build(cls, options: Any, system: System) -> LennardJones:
        """Check the cutoff against the cell and return the term."""
        checked = super().build(options, system)
        return cls(options, scaled_system(options, checked.system))

    @cached_property
    def third(self) -> ThirdNeighbours | None:
        """The sum over pairs three bonds apart, where it differs from that over others."""
        return third_neighbours(ThirdLennardJones, self.options, self.system)

    def third_numbers(self, parameters: Parameters) -> Parameters:
        """Return the parameters of `third`."""
        pair = self.pair_parameters(parameters)
        return by_kind(pair, self.system, "epsilon", self.options.scale_14)

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return argon in a cube and an argon-krypton mixture in a skewed cell."""
        options = LennardJonesOptions(cutoff=6.5, switch_start=5.5)
        mixture = {"Ar": 39.948, "Kr": 83.798}
        found = {}
        for name, cell, count in (("argon", CUBE, 1), ("mixture", SKEWED, 2)):
            types = dict(list(mixture.items())[:count])
            system, positions = crystal(types, cell, precision, lattice_bits, platform)
            parameters = {
                "sigma": jnp.array([3.38, 3.6][:count]),
                "epsilon": jnp.array([0.0093, 0.0140][:count]),
            }
            found[name] = Example(system, cls.build(options, system), parameters, positions)
        return found

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where a depth is to be refined from zero."""
        require_depth(self, values["epsilon"], free["epsilon"])

    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Mix sigma and epsilon [type] to [type, type]."""
        return {
            "sigma": mixed_lengths(parameters["sigma"], self.options.mixing),
            "epsilon": geometric_mean(parameters["epsilon"]),
        }

    def bare_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r) before it is switched, eV."""
        power = (pair["sigma"] / r) ** 6
        return 4.0 * pair["epsilon"] * (power * power - power)


potentials.add(LennardJones.name, LennardJones)
