"""The potential of Born, Mayer and Huggins, as Tosi and Fumi fitted it to alkali halides."""

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


class BornMayerHugginsOptions(InnerOptions, frozen=True, kw_only=True):
    """Settings of `BornMayerHuggins`."""


class BornMayerHuggins(ExponentialDispersion):
    """u(r) = a exp((sigma - r)/rho) - c/r^6 - d/r^8; numbers of every pair of types.

    Charges are a term of their own. Below `inner` the dispersion is continued as
    `engine.exponential_dispersion` says. Source: M. P. Tosi and F. G. Fumi, J. Phys. Chem. Solids
    25, 45 (1964), doi 10.1016/0022-3697(64)90160-X.
    """

    name: ClassVar[str] = "born_mayer_huggins"
    label: ClassVar[str] = "Born-Mayer-Huggins"
    doc: ClassVar[str] = (
        "A exp((sigma - r)/rho) - C/r^6 - D/r^8, of molten salts, without their charges; switched "
        "to zero by a quintic in r between `switch_start` and `cutoff`; closer than `inner` the "
        "dispersion is continued smoothly and stays finite."
    )
    source: ClassVar[str] = (
        "M. P. Tosi and F. G. Fumi, J. Phys. Chem. Solids 25, 45 (1964), "
        "doi 10.1016/0022-3697(64)90160-X"
    )
    Options = BornMayerHugginsOptions
    parameters = (
        ParameterField(
            name="amplitude", unit="eV", label="A", doc="Of the repulsion.", lower=0.0, per="pair"
        ),
        ParameterField(
            name="sigma", unit="angstrom", label="σ", doc="Sum of the ions' radii.", lower=0.0,
            per="pair",
        ),
        ParameterField(
            name="range", unit="angstrom", label="ρ", doc="Over which the repulsion falls e-fold.",
            lower=NARROWEST, per="pair",
        ),
        ParameterField(
            name="dispersion", unit="eV angstrom6", label="C", doc="Of C/r^6.", lower=0.0,
            per="pair",
        ),
        ParameterField(
            name="second_dispersion", unit="eV angstrom8", label="D",
            doc="Of D/r^8; LAMMPS writes it with the other sign.", lower=0.0, per="pair",
        ),
    )  # fmt: skip

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return sodium chloride, skewed."""
        types = {"Cl": 35.453, "Na": 22.990}
        system, positions = crystal(types, SKEWED, precision, lattice_bits, platform)
        parameters = {
            "amplitude": jnp.array([0.1582, 0.2110, 0.2637]),
            "sigma": jnp.array([3.170, 2.755, 2.340]),
            "range": jnp.array([0.317, 0.317, 0.317]),
            "dispersion": jnp.array([72.40, 6.99, 1.0486]),
            "second_dispersion": jnp.array([145.43, 8.676, 0.4994]),
        }
        term = cls.build(BornMayerHugginsOptions(cutoff=6.5, switch_start=5.5, inner=1.6), system)
        return {"salt": Example(system, term, parameters, positions)}

    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Return the numbers of every pair of types [type, type]."""
        own = {name: value[self.system.pair_kinds] for name, value in parameters.items()}
        return {
            "amplitude": own["amplitude"] * jnp.exp(own["sigma"] / own["range"]),
            "decay": 1.0 / own["range"],
            "six": own["dispersion"],
            "eight": own["second_dispersion"],
        }


potentials.add(BornMayerHuggins.name, BornMayerHuggins)
