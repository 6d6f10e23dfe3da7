"""Angles between bonds as springs."""

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


class HarmonicAngleOptions(Struct, frozen=True, kw_only=True):
    """`HarmonicAngle` has no settings."""


class HarmonicAngle(BondedPotential):
    """U = sum over angles between bonds of k/2 (theta - theta_0)^2."""

    name: ClassVar[str] = "harmonic_angle"
    label: ClassVar[str] = "Harmonic angles"
    doc: ClassVar[str] = (
        "k/2 (theta - theta0)^2 for every two bonds that share an atom; the bonds are found by "
        "the distances in the structure."
    )
    Options = HarmonicAngleOptions
    parameters = (
        ParameterField(
            name="angle",
            unit="degree",
            label="θ₀",
            doc="Angle at rest.",
            lower=0.0,
            upper=180.0,
            per="angle",
        ),
        ParameterField(
            name="stiffness",
            unit="kcal/mol/rad2",
            label="k",
            doc="Of k/2 (theta - theta0)^2; some papers and programs write K = k/2.",
            lower=0.0,
            per="angle",
        ),
    )
    form = Form("harmonic_angle", "angle", ("angle", "stiffness"), (1.9, 3.0))

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell."""
        cell = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
        system, positions = water(cell, 3, precision, lattice_bits, platform)
        parameters = {"angle": jnp.array([1.93]), "stiffness": jnp.array([3.29])}
        term = cls.build(HarmonicAngleOptions(), system)
        return {"water": Example(system, term, parameters, positions)}

    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u [angle], eV."""
        a, b = vectors
        square = jnp.sum(jnp.cross(a, b) ** 2, axis=-1)
        sine = jnp.sqrt(jnp.maximum(square, 1e-24))  # three atoms in a row; times |a| |b|
        angle = jnp.arctan2(sine, jnp.sum(a * b, axis=-1))
        return 0.5 * numbers["stiffness"] * (angle - numbers["angle"]) ** 2


potentials.add(HarmonicAngle.name, HarmonicAngle)
