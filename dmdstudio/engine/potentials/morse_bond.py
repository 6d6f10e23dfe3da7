"""Bonds that can break: Morse's potential."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.engine.bonded import BondedPotential, Form
from dmdstudio.engine.core import Parameters
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.engine.water import water
from dmdstudio.plan.catalog import ParameterField


class MorseBondOptions(Struct, frozen=True, kw_only=True):
    """`MorseBond` has no settings."""


class MorseBond(BondedPotential):
    """U = sum over bonds of d (1 - exp(-a (r - r_0)))^2.

    Source: P. M. Morse, Phys. Rev. 34, 57 (1929), doi 10.1103/PhysRev.34.57.
    """

    name: ClassVar[str] = "morse_bond"
    label: ClassVar[str] = "Morse bonds"
    doc: ClassVar[str] = (
        "D [1 - exp(-a (r - r0))]^2 for every bond; the bonds are found by the distances in the "
        "structure."
    )
    source: ClassVar[str] = "P. M. Morse, Phys. Rev. 34, 57 (1929), doi 10.1103/PhysRev.34.57"
    Options = MorseBondOptions
    parameters = (
        ParameterField(
            name="depth", unit="kcal/mol", label="D", doc="Energy that breaks the bond.",
            lower=0.0, per="bond",
        ),
        ParameterField(
            name="decay", unit="1/angstrom", label="a", doc="Inverse width of the well.",
            lower=0.0, per="bond",
        ),
        ParameterField(
            name="length", unit="angstrom", label="r₀", doc="Length at rest.",
            lower=0.0, per="bond",
        ),
    )  # fmt: skip
    form = Form("morse_bond", "bond", ("depth", "decay", "length"), (4.5, 2.2, 1.0))

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell."""
        cell = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
        system, positions = water(cell, 3, precision, lattice_bits, platform)
        term = cls.build(MorseBondOptions(), system)
        parameters = {
            "depth": jnp.array([5.0]),
            "decay": jnp.array([2.2]),
            "length": jnp.array([1.01]),
        }
        return {"water": Example(system, term, parameters, positions)}

    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u [bond], eV."""
        r = jnp.linalg.norm(vectors[0], axis=-1)
        e = jnp.exp(-numbers["decay"] * (r - numbers["length"]))
        return numbers["depth"] * (1.0 - e) ** 2


potentials.add(MorseBond.name, MorseBond)
