"""Lennard-Jones, switched smoothly to zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from dmdstudio.engine.core import Parameters
from dmdstudio.engine.crystal import CUBE, SKEWED, crystal
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.engine.switched import (
    Mixing,
    geometric_mean,
    mixed_lengths,
    require_depth,
)
from dmdstudio.engine.twelve_six import TwelveSix, TwelveSixOptions
from dmdstudio.plan.catalog import ParameterField


class LennardJonesOptions(TwelveSixOptions, frozen=True, kw_only=True):
    """Settings of `LennardJones`."""

    mixing: Mixing = "lorentz_berthelot"


class LennardJones(TwelveSix):
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


potentials.add(LennardJones.name, LennardJones)
