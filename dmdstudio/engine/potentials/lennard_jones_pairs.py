"""Lennard-Jones with numbers for every pair of types, where no rule gives those of unlike ones."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from dmdstudio.engine.core import Parameters
from dmdstudio.engine.crystal import SKEWED, crystal
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.engine.twelve_six import TwelveSix, TwelveSixOptions
from dmdstudio.plan.catalog import ParameterField


class LennardJonesPairs(TwelveSix):
    """u(r) = 4 epsilon [(sigma/r)^12 - (sigma/r)^6], switched; numbers of every pair of types.

    Source: J. E. Jones, Proc. R. Soc. A 106, 463 (1924), doi 10.1098/rspa.1924.0082.
    """

    name: ClassVar[str] = "lennard_jones_pairs"
    label: ClassVar[str] = "Lennard-Jones, pair by pair"
    doc: ClassVar[str] = (
        "4 epsilon [(sigma/r)^12 - (sigma/r)^6] with numbers of its own for every pair of types, "
        "unlike ones too: nothing is mixed. Switched to zero by a quintic in r between "
        "`switch_start` and `cutoff`."
    )
    source: ClassVar[str] = "J. E. Jones, Proc. R. Soc. A 106, 463 (1924)"
    Options = TwelveSixOptions
    parameters = (
        ParameterField(
            name="sigma", unit="angstrom", label="σ", doc="Distance of zero energy.", lower=0.0,
            per="pair",
        ),
        ParameterField(
            name="epsilon", unit="kJ/mol", label="ε", doc="Depth of the well.", lower=0.0,
            per="pair",
        ),
    )  # fmt: skip

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return an argon-krypton mixture in a skewed cell whose unlike atoms attract more."""
        types = {"Ar": 39.948, "Kr": 83.798}
        system, positions = crystal(types, SKEWED, precision, lattice_bits, platform)
        options = TwelveSixOptions(cutoff=6.5, switch_start=5.5)
        parameters = {
            "sigma": jnp.array([3.38, 3.45, 3.6]),
            "epsilon": jnp.array([0.0093, 0.0131, 0.0140]),
        }
        return {"mixture": Example(system, cls.build(options, system), parameters, positions)}

    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Return the numbers of every pair of types [type, type]."""
        return {name: value[self.system.pair_kinds] for name, value in parameters.items()}


potentials.add(LennardJonesPairs.name, LennardJonesPairs)
