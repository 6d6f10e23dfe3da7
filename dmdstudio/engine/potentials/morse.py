"""Morse's potential between all pairs of atoms."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from dmdstudio.engine import kernels
from dmdstudio.engine.core import Parameters
from dmdstudio.engine.crystal import SKEWED, crystal
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.engine.switched import SwitchedOptions, SwitchedPairs
from dmdstudio.plan.catalog import ParameterField


class MorseOptions(SwitchedOptions, frozen=True, kw_only=True):
    """Settings of `Morse`."""


class Morse(SwitchedPairs):
    """u(r) = d [(1 - e)^2 - 1], e = exp(-a (r - r_0)); numbers of every pair of types.

    Source: P. M. Morse, Phys. Rev. 34, 57 (1929), doi 10.1103/PhysRev.34.57.
    """

    name: ClassVar[str] = "morse"
    label: ClassVar[str] = "Morse"
    doc: ClassVar[str] = (
        "D [(1 - e)^2 - 1], e = exp(-a (r - r0)), between all atoms, switched to zero by a quintic "
        "in r between `switch_start` and `cutoff`."
    )
    source: ClassVar[str] = "P. M. Morse, Phys. Rev. 34, 57 (1929), doi 10.1103/PhysRev.34.57"
    Options = MorseOptions
    parameters = (
        ParameterField(
            name="depth", unit="eV", label="D", doc="Depth of the well.", lower=0.0, per="pair"
        ),
        ParameterField(
            name="decay", unit="1/angstrom", label="a", doc="Inverse width of the well.", lower=0.0,
            per="pair",
        ),
        ParameterField(
            name="distance", unit="angstrom", label="r₀", doc="Where the well is deepest.",
            lower=0.0, per="pair",
        ),
    )  # fmt: skip
    kernel = kernels.Radial(
        "morse", ("depth", "decay", "distance"), trial=(0.3, 1.3, 3.0, 3.5, 0.2), switched=True
    )

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return copper with silver, roughly, thin and in a skewed cell."""
        types = {"Ag": 107.87, "Cu": 63.546}
        system, positions = crystal(types, SKEWED, precision, lattice_bits, platform)
        parameters = {
            "depth": jnp.array([0.3294, 0.3340, 0.3446]),
            "decay": jnp.array([1.3939, 1.3780, 1.3921]),
            "distance": jnp.array([3.096, 2.970, 2.838]),
        }
        term = cls.build(MorseOptions(cutoff=6.5, switch_start=5.5), system)
        return {"alloy": Example(system, term, parameters, positions)}

    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Return the numbers of every pair of types [type, type]."""
        return {name: value[self.system.pair_kinds] for name, value in parameters.items()}

    def bare_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r) before it is switched, eV."""
        e = jnp.exp(-pair["decay"] * (r - pair["distance"]))
        return pair["depth"] * e * (e - 2.0)


potentials.add(Morse.name, Morse)
