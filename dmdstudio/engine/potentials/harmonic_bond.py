"""Bonds as springs."""

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


class HarmonicBondOptions(Struct, frozen=True, kw_only=True):
    """`HarmonicBond` has no settings."""


class HarmonicBond(BondedPotential):
    """U = sum over bonds of k/2 (r - r_0)^2."""

    name: ClassVar[str] = "harmonic_bond"
    label: ClassVar[str] = "Harmonic bonds"
    doc: ClassVar[str] = (
        "k/2 (r - r0)^2 for every bond; the bonds are found by the distances in the structure."
    )
    Options = HarmonicBondOptions
    parameters = (
        ParameterField(
            name="length",
            unit="angstrom",
            label="r₀",
            doc="Length at rest.",
            lower=0.0,
            per="bond",
        ),
        ParameterField(
            name="stiffness",
            unit="kcal/mol/angstrom2",
            label="k",
            doc="Of k/2 (r - r0)^2; some papers and programs write K = k/2.",
            lower=0.0,
            per="bond",
        ),
    )
    form = Form("harmonic_bond", "bond", ("length", "stiffness"), (1.1, 40.0))

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell."""
        cell = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
        system, positions = water(cell, 3, precision, lattice_bits, platform)
        parameters = {"length": jnp.array([1.01]), "stiffness": jnp.array([45.9])}
        term = cls.build(HarmonicBondOptions(), system)
        return {"water": Example(system, term, parameters, positions)}

    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u [bond], eV."""
        r = jnp.linalg.norm(vectors[0], axis=-1)
        return 0.5 * numbers["stiffness"] * (r - numbers["length"]) ** 2


potentials.add(HarmonicBond.name, HarmonicBond)
