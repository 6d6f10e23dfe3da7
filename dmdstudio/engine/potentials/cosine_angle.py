"""Angles between bonds as springs in their cosine."""

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


class CosineAngleOptions(Struct, frozen=True, kw_only=True):
    """`CosineAngle` has no settings."""


class CosineAngle(BondedPotential):
    """U = sum over angles between bonds of k/2 (cos theta - cos theta_0)^2.

    Source: S. L. Mayo, B. D. Olafson and W. A. Goddard, J. Phys. Chem. 94, 8897 (1990).
    """

    name: ClassVar[str] = "cosine_angle"
    label: ClassVar[str] = "Harmonic cosines of angles"
    doc: ClassVar[str] = (
        "k/2 (cos theta - cos theta0)^2 for every two bonds that share an atom; smooth where all "
        "three are in a row. The bonds are found by the distances in the structure."
    )
    source: ClassVar[str] = (
        "S. L. Mayo, B. D. Olafson and W. A. Goddard, J. Phys. Chem. 94, 8897 (1990)"
    )
    Options = CosineAngleOptions
    parameters = (
        ParameterField(
            name="angle", unit="degree", label="θ₀", doc="Angle at rest.",
            lower=0.0, upper=180.0, per="angle",
        ),
        ParameterField(
            name="stiffness", unit="kcal/mol", label="k",
            doc="Of k/2 (cos theta - cos theta0)^2; some programs write K = k/2.",
            lower=0.0, per="angle",
        ),
    )  # fmt: skip
    form = Form("cosine_angle", "angle", ("angle", "stiffness"), (1.9, 3.0))

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell."""
        cell = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
        system, positions = water(cell, 3, precision, lattice_bits, platform)
        term = cls.build(CosineAngleOptions(), system)
        parameters = {"angle": jnp.array([1.93]), "stiffness": jnp.array([3.6])}
        return {"water": Example(system, term, parameters, positions)}

    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u [angle], eV."""
        a, b = vectors
        sizes = jnp.linalg.norm(a, axis=-1) * jnp.linalg.norm(b, axis=-1)
        cosine = jnp.sum(a * b, axis=-1) / sizes
        return 0.5 * numbers["stiffness"] * (cosine - jnp.cos(numbers["angle"])) ** 2


potentials.add(CosineAngle.name, CosineAngle)
