"""Mie's potential: Lennard-Jones with exponents of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine import kernels
from dmdstudio.engine.core import Parameters
from dmdstudio.engine.crystal import SKEWED, crystal
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.engine.switched import (
    Mixing,
    SwitchedOptions,
    SwitchedPairs,
    geometric_mean,
    mixed_lengths,
    require_depth,
)
from dmdstudio.plan.catalog import ParameterField


class MieOptions(SwitchedOptions, frozen=True, kw_only=True):
    """Settings of `Mie`."""

    mixing: Mixing = "lorentz_berthelot"


class Mie(SwitchedPairs):
    """u(r) = c epsilon [(sigma/r)^n - (sigma/r)^m], c = n/(n - m) (n/m)^(m/(n - m)).

    Exponents of unlike types follow from (n - 3)^2 = (n_i - 3) (n_j - 3). Source: G. Mie, Ann.
    Phys. 316, 657 (1903), doi 10.1002/andp.19033160802; the rule for the exponents is eq. 24 of
    T. Lafitte et al., J. Chem. Phys. 139, 154504 (2013), doi 10.1063/1.4819786.
    """

    name: ClassVar[str] = "mie"
    label: ClassVar[str] = "Mie"
    doc: ClassVar[str] = (
        "c epsilon [(sigma/r)^n - (sigma/r)^m], whose depth is epsilon, switched to zero by a "
        "quintic in r between `switch_start` and `cutoff`; 12 and 6 are Lennard-Jones."
    )
    source: ClassVar[str] = "G. Mie, Ann. Phys. 316, 657 (1903), doi 10.1002/andp.19033160802"
    Options = MieOptions
    parameters = (
        ParameterField(
            name="sigma", unit="angstrom", label="σ", doc="Distance of zero energy.", lower=0.0
        ),
        ParameterField(
            name="epsilon", unit="kJ/mol", label="ε", doc="Depth of the well.", lower=0.0
        ),
        ParameterField(
            name="repulsive_exponent", unit="1", label="n", doc="n.", lower=8.0, upper=60.0,
            typical=12.0,
        ),
        ParameterField(
            name="attractive_exponent", unit="1", label="m", doc="m.", lower=4.0, upper=7.5,
            typical=6.0,
        ),
    )  # fmt: skip
    kernel = kernels.Radial(
        "mie",
        ("repulsion", "repulsive_exponent", "attraction", "attractive_exponent"),
        trial=(9.6e4, 12.0, 62.0, 6.0, 3.5, 0.2),
        switched=True,
    )

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return an argon-krypton mixture in a skewed cell."""
        types = {"Ar": 39.948, "Kr": 83.798}
        system, positions = crystal(types, SKEWED, precision, lattice_bits, platform)
        parameters = {
            "sigma": jnp.array([3.38, 3.6]),
            "epsilon": jnp.array([0.0093, 0.0140]),
            "repulsive_exponent": jnp.array([12.1, 14.0]),
            "attractive_exponent": jnp.array([6.0, 6.5]),
        }
        term = cls.build(MieOptions(cutoff=6.5, switch_start=5.5), system)
        return {"mixture": Example(system, term, parameters, positions)}

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where a depth is to be refined from zero."""
        require_depth(self, values["epsilon"], free["epsilon"])

    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Mix, and return a, n, b and m of u = a r^-n - b r^-m [type, type]."""
        n, m = (
            3.0 + geometric_mean(parameters[f"{which}_exponent"] - 3.0)
            for which in ("repulsive", "attractive")
        )
        sigma = mixed_lengths(parameters["sigma"], self.options.mixing)
        strength = n / (n - m) * (n / m) ** (m / (n - m)) * geometric_mean(parameters["epsilon"])
        return {
            "repulsion": strength * sigma**n,
            "repulsive_exponent": n,
            "attraction": strength * sigma**m,
            "attractive_exponent": m,
        }

    def bare_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r) before it is switched, eV."""
        repulsion = pair["repulsion"] * r ** -pair["repulsive_exponent"]
        return repulsion - pair["attraction"] * r ** -pair["attractive_exponent"]


potentials.add(Mie.name, Mie)
