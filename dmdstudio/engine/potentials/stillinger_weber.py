"""Stillinger and Weber's potential of silicon: pairs, and angles that want to be tetrahedral."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import PhysicsError
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.crystal import diamond
from dmdstudio.engine.nearest import Nearest, NearestPotential
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.plan.catalog import ParameterField, setting

NEAREST = 0.01
"""How near to the cutoff, in angstrom over sigma, the exponentials count as zero: exp(-100)."""


class StillingerWeberOptions(Struct, frozen=True, kw_only=True):
    """Settings of `StillingerWeber`."""

    cutoff: Annotated[
        float,
        setting(
            "Cutoff",
            "Zero from here on; a sigma in the paper. It stays when sigma is refined.",
            "angstrom",
            gt=0,
        ),
    ] = 3.77118
    repulsive_exponent: Annotated[
        float, setting("Repulsive exponent", "p of the pair's energy.", ge=0)
    ] = 4.0
    attractive_exponent: Annotated[
        float, setting("Attractive exponent", "q of the pair's energy.", ge=0)
    ] = 0.0


@dataclass(frozen=True, eq=False)
class StillingerWeber(NearestPotential):
    """U = sum over pairs of u_2 + sum over angles j-i-k of u_3, of atoms of one type.

        u_2 = A epsilon [B (sigma/r)^p - (sigma/r)^q] exp(sigma/(r - c))
        u_3 = lambda epsilon (cos theta - cos theta_0)^2 g_ij g_ik,
        g = exp(gamma sigma/(r - c))

    below the cutoff c, with all derivatives zero there. Written out, the square makes the sum over
    the pairs of an atom's neighbours one of moments, so that no triplet is ever visited: with unit
    vectors e_j, c_0 = cos theta_0, T = sum_j g_j e_j e_j, V = sum_j g_j e_j and S = sum_j g_j,

        2 sum_(j<k) = |T|^2 - 2 c_0 |V|^2 + c_0^2 S^2 - (1 - c_0)^2 sum_j g_j^2.

    Source: F. H. Stillinger and T. A. Weber, Phys. Rev. B 31, 5262 (1985), eqs. 2.3 to 2.6,
    doi 10.1103/PhysRevB.31.5262.
    """

    options: StillingerWeberOptions
    system: System
    capacity: int = 0

    name: ClassVar[str] = "stillinger_weber"
    label: ClassVar[str] = "Stillinger-Weber"
    doc: ClassVar[str] = (
        "Silicon and other tetrahedral networks of one element: a pair's energy, and "
        "lambda epsilon (cos theta - cos theta0)^2 for every two neighbours of an atom, both with "
        "factors that end smoothly at the `cutoff`."
    )
    source: ClassVar[str] = (
        "F. H. Stillinger and T. A. Weber, Phys. Rev. B 31, 5262 (1985), "
        "doi 10.1103/PhysRevB.31.5262"
    )
    Options = StillingerWeberOptions
    parameters = (
        ParameterField(
            name="epsilon", unit="eV", label="ε", doc="Energy that scales all.", lower=0.0,
            typical=2.1683,
        ),
        ParameterField(
            name="sigma", unit="angstrom", label="σ", doc="Length that scales all.", lower=0.1,
            typical=2.0951,
        ),
        ParameterField(
            name="strength", unit="1", label="A", doc="A of the pair's energy.", lower=0.0,
            typical=7.049556277,
        ),
        ParameterField(
            name="repulsion", unit="1", label="B", doc="B of the pair's energy.", lower=0.0,
            typical=0.6022245584,
        ),
        ParameterField(
            name="three_body", unit="1", label="λ", doc="Strength of the angles.", lower=0.0,
            typical=21.0,
        ),
        ParameterField(
            name="decay", unit="1", label="γ", doc="How fast g falls.", lower=0.0, typical=1.2
        ),
        ParameterField(
            name="angle", unit="degree", label="θ₀", doc="Angle without energy.", lower=0.0,
            upper=180.0, typical=109.4712,
        ),
    )  # fmt: skip

    @classmethod
    def build(cls, options: Any, system: System) -> StillingerWeber:
        """Check the cutoff and the types and return the term."""
        if len(system.type_names) > 1:
            raise PhysicsError(
                f"stillinger_weber is for atoms of one type; the structure has "
                f"{', '.join(system.type_names)}.",
                "Give another structure, or another potential.",
            )
        system.require_cutoff(options.cutoff, cls.name)
        return cls(options, system).sized()

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return silicon, a little disturbed in a skewed cell, with the published numbers."""
        system, positions = diamond("Si", 28.0855, 10.862, 0.12, precision, lattice_bits, platform)
        term = cls.build(StillingerWeberOptions(), system)
        numbers = [2.1683, 2.0951, 7.049556277, 0.6022245584, 21.0, 1.2, np.arccos(-1.0 / 3.0)]
        names = [field.name for field in cls.parameters]
        parameters = {n: jnp.array([v]) for n, v in zip(names, numbers, strict=True)}
        return {"silicon": Example(system, term, parameters, positions)}

    def energy_of(self, parameters: Parameters, near: Nearest) -> Array:
        """Return the sum over pairs and angles, eV."""
        own = {name: value[0] for name, value in parameters.items()}
        options, sigma = self.options, own["sigma"]
        inside = near.inside & (near.distance < self.cutoff - NEAREST * sigma)
        r = jnp.where(inside, near.distance, 0.5 * self.cutoff)
        reach = sigma / (r - self.cutoff)
        ratio = sigma / r
        pair = own["repulsion"] * ratio ** _whole(options.repulsive_exponent)
        pair = (pair - ratio ** _whole(options.attractive_exponent)) * jnp.exp(reach)
        pairs = 0.5 * own["strength"] * jnp.sum(jnp.where(inside, pair, 0.0))

        g = jnp.where(inside, jnp.exp(own["decay"] * reach), 0.0)
        unit = near.vectors / r[..., None]
        along = g[..., None] * unit
        first = jnp.sum(along, axis=1)
        second = jnp.einsum("ijx,ijy->ixy", along, unit)
        cosine = jnp.cos(own["angle"])
        angles = jnp.sum(second**2) - 2.0 * cosine * jnp.sum(first**2)
        angles = angles + cosine**2 * jnp.sum(jnp.sum(g, axis=1) ** 2)
        angles = 0.5 * (angles - (1.0 - cosine) ** 2 * jnp.sum(g**2))
        energy = own["epsilon"] * (pairs + own["three_body"] * angles)
        return near.checked(energy)


def _whole(exponent: float) -> float:
    """Return an exponent as an integer where it is one: products are quicker than powers."""
    return int(exponent) if exponent.is_integer() else exponent


potentials.add(StillingerWeber.name, StillingerWeber)
