"""Springs between the ends of angles."""

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


class UreyBradleyOptions(Struct, frozen=True, kw_only=True):
    """`UreyBradley` has no settings."""


class UreyBradley(BondedPotential):
    """U = sum over angles of k/2 (s - s_0)^2, s the distance between the two ends.

    Source: H. C. Urey and C. A. Bradley, Phys. Rev. 38, 1969 (1931), doi 10.1103/PhysRev.38.1969.
    """

    name: ClassVar[str] = "urey_bradley"
    label: ClassVar[str] = "Urey-Bradley"
    doc: ClassVar[str] = (
        "k/2 (s - s0)^2 for the distance s between the ends of every two bonds that share an atom; "
        "what bends the angle itself is a term of its own."
    )
    source: ClassVar[str] = (
        "H. C. Urey and C. A. Bradley, Phys. Rev. 38, 1969 (1931), doi 10.1103/PhysRev.38.1969"
    )
    Options = UreyBradleyOptions
    parameters = (
        ParameterField(
            name="distance", unit="angstrom", label="s₀", doc="Distance at rest.",
            lower=0.0, per="angle",
        ),
        ParameterField(
            name="stiffness", unit="kcal/mol/angstrom2", label="k",
            doc="Of k/2 (s - s0)^2; some programs write K = k/2.", lower=0.0, per="angle",
        ),
    )  # fmt: skip
    form = Form("urey_bradley", "angle", ("distance", "stiffness"), (1.5, 8.0))

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell."""
        cell = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
        system, positions = water(cell, 3, precision, lattice_bits, platform)
        term = cls.build(UreyBradleyOptions(), system)
        parameters = {"distance": jnp.array([1.63]), "stiffness": jnp.array([9.0])}
        return {"water": Example(system, term, parameters, positions)}

    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u [angle], eV."""
        apart = jnp.linalg.norm(vectors[1] - vectors[0], axis=-1)
        return 0.5 * numbers["stiffness"] * (apart - numbers["distance"]) ** 2


potentials.add(UreyBradley.name, UreyBradley)
