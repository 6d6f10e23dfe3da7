"""The polarisability as a sum over bonds, each with its own axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import PhysicsError
from dmdstudio.engine.bonded import between
from dmdstudio.engine.core import Configuration, Parameters, System, Theta
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.surface import Example, Surface, surfaces
from dmdstudio.engine.water import BOND, water
from dmdstudio.plan.catalog import ParameterField


class BondPolarisabilityOptions(Struct, frozen=True, kw_only=True):
    """Settings of `BondPolarisability`: none."""


@dataclass(frozen=True, eq=False)
class BondPolarisability(Surface):
    """alpha = sum_b [a_b(r_b) 1 + g_b(r_b) (u_b u_b - 1/3)] over bonds with unit vectors u_b.

    With the mean polarisability a of a bond and the anisotropy g = alpha_parallel - alpha_perp,

        a = mean_slope (r - length) + ...      g = anisotropy + anisotropy_slope (r - length)

    The constant part of a is left out: without a slope it scatters no light inelastically. Bonds
    do not feel each other, and other atoms than those of bonds have none.

    Sources: M. V. Wolkenstein's model as in S. Guha, J. Menendez, J. B. Page and G. B. Adams, Phys.
    Rev. B 53, 13106 (1996), whose 2 alpha_perp' + alpha_parallel' is 3 mean_slope; they find
    2.30 angstrom^2 for it and for the slope of g, and 1.28 angstrom^3 for g, of single bonds.
    """

    options: BondPolarisabilityOptions
    system: System

    name: ClassVar[str] = "bond_polarisability"
    label: ClassVar[str] = "Bond polarisabilities"
    doc: ClassVar[str] = (
        "Each bond has a polarisability along and across it that changes as the bond stretches: "
        "what gives the stretch bands their Raman intensities and, as bonds turn, the bends "
        "theirs. What neighbours induce in each other is left out."
    )
    source: ClassVar[str] = (
        "S. Guha, J. Menendez, J. B. Page and G. B. Adams, Phys. Rev. B 53, 13106 (1996)"
    )
    gives = "polarisability"
    Options = BondPolarisabilityOptions
    parameters = (
        ParameterField(
            name="mean_slope",
            unit="angstrom2",
            label="ᾱ′",
            doc="Growth of the mean polarisability as the bond grows: isotropic scattering.",
            per="bond",
            typical=2.30 / 3.0,
        ),
        ParameterField(
            name="anisotropy",
            unit="angstrom3",
            label="γ",
            doc="Polarisability along the bond less that across it; scatters as the bond turns.",
            per="bond",
            typical=1.28,
        ),
        ParameterField(
            name="anisotropy_slope",
            unit="angstrom2",
            label="γ′",
            doc="Growth of the anisotropy as the bond grows.",
            per="bond",
            typical=2.30,
        ),
        ParameterField(
            name="length",
            unit="angstrom",
            label="r₀",
            doc="Length at which the anisotropy is `anisotropy`; moving it is like moving that.",
            lower=0.0,
            per="bond",
        ),
    )

    @classmethod
    def build(cls, options: Any, system: System, field: ForceField) -> BondPolarisability:
        """Check that there are bonds and return the surface."""
        if not len(system.bonds):
            raise PhysicsError(
                f"{cls.name} needs bonds, but the structure has none.",
                "Take thole, or check that the coordinates are in angstrom.",
            )
        return cls(options, system)

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell."""
        cell = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
        system, positions = water(cell, 3, precision, lattice_bits, platform)
        surface = cls.build(BondPolarisabilityOptions(), system, ForceField(system, ()))
        parameters = {
            "mean_slope": jnp.array([0.8]),
            "anisotropy": jnp.array([0.5]),
            "anisotropy_slope": jnp.array([1.9]),
            "length": jnp.array([BOND - 0.01]),
        }
        return {"water": Example(system, surface, parameters, {}, positions)}

    def polarisability(
        self, parameters: Parameters, theta: Theta, configuration: Configuration
    ) -> Array:
        """Return alpha [xyz, xyz], angstrom^3, up to a constant."""
        kinds = self.system.bond_kinds
        vectors = between(configuration, *self.system.bonds.T)
        lengths = jnp.linalg.norm(vectors, axis=-1)
        grown = lengths - parameters["length"][kinds]
        mean = parameters["mean_slope"][kinds] * grown
        differing = parameters["anisotropy"][kinds] + parameters["anisotropy_slope"][kinds] * grown
        units = vectors / lengths[:, None]
        along = jnp.einsum("b,bi,bj->ij", differing, units, units, precision="highest")
        return along + jnp.sum(mean - differing / 3.0) * jnp.eye(3, dtype=along.dtype)


surfaces.add(BondPolarisability.name, BondPolarisability)
