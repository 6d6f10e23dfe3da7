"""Buckingham's potential: exponential repulsion and dispersion."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from dmdstudio.engine.core import Parameters
from dmdstudio.engine.crystal import SKEWED, crystal
from dmdstudio.engine.exponential_dispersion import (
    NARROWEST,
    ExponentialDispersion,
    InnerOptions,
)
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.plan.catalog import ParameterField


class BuckinghamOptions(InnerOptions, frozen=True, kw_only=True):
    """Settings of `Buckingham`."""


class Buckingham(ExponentialDispersion):
    """u(r) = a exp(-r/rho) - c/r^6; numbers of every pair of types.

    Below `inner` the dispersion is continued as `engine.exponential_dispersion` says. Source: R. A.
    Buckingham, Proc. R. Soc. A 168, 264 (1938), doi 10.1098/rspa.1938.0173.
    """

    name: ClassVar[str] = "buckingham"
    label: ClassVar[str] = "Buckingham"
    doc: ClassVar[str] = (
        "A exp(-r/rho) - C/r^6, switched to zero by a quintic in r between `switch_start` and "
        "`cutoff`; closer than `inner` the dispersion is continued smoothly and stays finite."
    )
    source: ClassVar[str] = (
        "R. A. Buckingham, Proc. R. Soc. A 168, 264 (1938), doi 10.1098/rspa.1938.0173"
    )
    Options = BuckinghamOptions
    parameters = (
        ParameterField(
            name="amplitude", unit="eV", label="A", doc="Of the repulsion.", lower=0.0, per="pair"
        ),
        ParameterField(
            name="range", unit="angstrom", label="ρ", doc="Over which the repulsion falls e-fold.",
            lower=NARROWEST, per="pair",
        ),
        ParameterField(
            name="dispersion", unit="eV angstrom6", label="C", doc="Of C/r^6.", lower=0.0,
            per="pair",
        ),
    )  # fmt: skip

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return oxygen and silicon after van Beest, Kramer and van Santen, thin and skewed."""
        types = {"O": 15.999, "Si": 28.0855}
        system, positions = crystal(types, SKEWED, precision, lattice_bits, platform)
        parameters = {  # O-O and O-Si as published; Si-Si has none there
            "amplitude": jnp.array([1388.773, 18003.757, 2000.0]),
            "range": jnp.array([1.0 / 2.76, 1.0 / 4.87318, 0.3]),
            "dispersion": jnp.array([175.0, 133.5381, 10.0]),
        }
        term = cls.build(BuckinghamOptions(cutoff=6.5, switch_start=5.5, inner=1.6), system)
        return {"silica": Example(system, term, parameters, positions)}

    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Return the numbers of every pair of types [type, type]."""
        own = {name: value[self.system.pair_kinds] for name, value in parameters.items()}
        return {
            "amplitude": own["amplitude"],
            "decay": 1.0 / own["range"],
            "six": own["dispersion"],
            "eight": jnp.zeros_like(own["dispersion"]),
        }


potentials.add(Buckingham.name, Buckingham)
