"""The form of Lennard-Jones, with its part over pairs three bonds apart."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

from jax import Array

from dmdstudio.engine import kernels
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.switched import SwitchedOptions, SwitchedPairs
from dmdstudio.engine.third_neighbours import (
    Scale,
    ThirdLennardJones,
    ThirdNeighbours,
    by_kind,
    scaled_system,
    third_neighbours,
)


class TwelveSixOptions(SwitchedOptions, frozen=True, kw_only=True):
    """Settings of every `TwelveSix`."""

    scale_14: Scale = 1.0


class TwelveSix(SwitchedPairs):
    """u(r) = 4 epsilon [(sigma/r)^12 - (sigma/r)^6], switched as `SwitchedPairs` says.

    Source: J. E. Jones, Proc. R. Soc. A 106, 463 (1924), doi 10.1098/rspa.1924.0082.
    """

    kernel = kernels.Radial("lennard_jones", ("sigma", "epsilon"), trial=(3.4, 0.01, 3.5, 0.2))

    @classmethod
    def build(cls, options: Any, system: System) -> Self:
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

    def bare_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r) before it is switched, eV."""
        power = (pair["sigma"] / r) ** 6
        return 4.0 * pair["epsilon"] * (power * power - power)
