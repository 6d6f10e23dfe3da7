"""Stillinger and Weber's potential: pairs, and angles that want to be tetrahedral."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.crystal import diamond
from dmdstudio.engine.nearest import Nearest, NearestPotential
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.engine.species import Around, places
from dmdstudio.plan.catalog import ParameterField, setting
from dmdstudio.plan.owners import ranges_of

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
    pair_cutoffs: Annotated[
        str,
        setting("Cutoffs of pairs", "Those that end sooner, in angstrom: Ga-N 3.051; N-N 2.34."),
    ] = ""
    repulsive_exponent: Annotated[
        float, setting("Repulsive exponent", "p of the pair's energy.", ge=0)
    ] = 4.0
    attractive_exponent: Annotated[
        float, setting("Attractive exponent", "q of the pair's energy.", ge=0)
    ] = 0.0


@dataclass(frozen=True, eq=False)
class StillingerWeber(NearestPotential):
    """U = sum over pairs of u_2 + sum over angles j-i-k of u_3.

        u_2 = A epsilon [B (sigma/r)^p - (sigma/r)^q] exp(sigma/(r - c))
        u_3 = lambda (epsilon_ij epsilon_ik)^(1/2) (cos theta - cos theta_0)^2 g_ij g_ik,
        g = exp(gamma sigma/(r - c))

    below the cutoff c, with all derivatives zero there. Every pair of types has its own epsilon,
    sigma, A, B, gamma and c, every triplet about a centre its lambda and theta_0. Written out, the
    square makes the sum over the pairs of an atom's neighbours one of moments, so that no triplet
    is ever visited: for neighbours of types t and s, with unit vectors e_j, c_0 = cos theta_0,
    T_t = sum_j g_j e_j e_j, V_t = sum_j g_j e_j and S_t = sum_j g_j over those of type t,

        sum_(j of t, k of s) = T_t : T_s - 2 c_0 V_t . V_s + c_0^2 S_t S_s,

    of which those of j = k are taken away, (1 - c_0)^2 sum_j g_j^2.

    Source: F. H. Stillinger and T. A. Weber, Phys. Rev. B 31, 5262 (1985), eqs. 2.3 to 2.6,
    doi 10.1103/PhysRevB.31.5262. For several elements as LAMMPS' pair_style sw has it, whose
    epsilon of unlike neighbours is the root here.
    """

    options: StillingerWeberOptions
    system: System
    capacity: int = 0

    name: ClassVar[str] = "stillinger_weber"
    label: ClassVar[str] = "Stillinger-Weber"
    doc: ClassVar[str] = (
        "Silicon, gallium nitride and other tetrahedral networks: a pair's energy, and "
        "lambda epsilon (cos theta - cos theta0)^2 for every two neighbours of an atom, both with "
        "factors that end smoothly at the `cutoff` (of some pairs sooner: `pair_cutoffs`)."
    )
    source: ClassVar[str] = (
        "F. H. Stillinger and T. A. Weber, Phys. Rev. B 31, 5262 (1985), "
        "doi 10.1103/PhysRevB.31.5262"
    )
    Options = StillingerWeberOptions
    parameters = (
        ParameterField(
            name="epsilon", unit="eV", label="ε", doc="Energy that scales all.", lower=0.0,
            typical=2.1683, per="pair",
        ),
        ParameterField(
            name="sigma", unit="angstrom", label="σ", doc="Length that scales all.", lower=0.1,
            typical=2.0951, per="pair",
        ),
        ParameterField(
            name="strength", unit="1", label="A", doc="A of the pair's energy.", lower=0.0,
            typical=7.049556277, per="pair",
        ),
        ParameterField(
            name="repulsion", unit="1", label="B", doc="B of the pair's energy.", lower=0.0,
            typical=0.6022245584, per="pair",
        ),
        ParameterField(
            name="three_body", unit="1", label="λ", doc="Strength of the angles.", lower=0.0,
            typical=21.0, per="triplet",
        ),
        ParameterField(
            name="decay", unit="1", label="γ", doc="How fast g falls.", lower=0.0, typical=1.2,
            per="pair",
        ),
        ParameterField(
            name="angle", unit="degree", label="θ₀", doc="Angle without energy.", lower=0.0,
            upper=180.0, typical=109.4712, per="triplet",
        ),
    )  # fmt: skip

    @classmethod
    def build(cls, options: Any, system: System) -> StillingerWeber:
        """Check the cutoffs and return the term."""
        system.require_cutoff(options.cutoff, cls.name)
        term = cls(options, system).sized()
        for name, (cutoff,) in term._sooner.items():
            if cutoff > options.cutoff:
                raise RecipeError(
                    f"stillinger_weber: {name} ends at {cutoff:g} angstrom, beyond the cutoff of "
                    f"{options.cutoff:g}.",
                    f"Set cutoff = {cutoff:g}; `pair_cutoffs` names the pairs that end sooner.",
                )
        return term

    @property
    def _sooner(self) -> dict[str, tuple[float, ...]]:
        """The pairs that end before others and where, angstrom."""
        where = "stillinger_weber.pair_cutoffs"
        return ranges_of(self.options.pair_cutoffs, self.system.pair_names, 1, where)

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return silicon and a nitride, a little disturbed in skewed cells.

        Silicon has the published numbers; every other one of the nitride's sites is taken by
        nitrogen, so that all pairs and triplets are near each other.
        """
        made = (precision, lattice_bits, platform)
        system, positions = diamond({"Si": 28.0855}, 10.862, 0.12, *made)
        term = cls.build(StillingerWeberOptions(), system)
        numbers = [2.1683, 2.0951, 7.049556277, 0.6022245584, 21.0, 1.2, np.arccos(-1.0 / 3.0)]
        names = [field.name for field in cls.parameters]
        parameters = {n: jnp.array([v]) for n, v in zip(names, numbers, strict=True)}
        silicon = Example(system, term, parameters, positions)

        system, positions = diamond({"Ga": 69.723, "N": 14.007}, 9.2, 0.1, *made)
        options = StillingerWeberOptions(cutoff=3.36, pair_cutoffs="Ga-N 3.05; N-N 2.6")
        pairs = {
            "epsilon": [1.2, 2.17, 1.3], "sigma": [2.1, 1.7, 1.5], "strength": [7.9, 7.8, 8.0],
            "repulsion": [0.72, 0.7, 0.74], "decay": [1.2, 1.25, 1.1],
        }  # fmt: skip
        triplets = {
            "three_body": [32.5, 31.0, 28.0, 30.0, 33.0, 29.0],
            "angle": [1.91, 1.9, 1.95, 1.85, 1.92, 1.88],
        }
        parameters = {n: jnp.array((pairs | triplets)[n]) for n in names}
        nitride = Example(system, cls.build(options, system), parameters, positions)
        return {"silicon": silicon, "nitride": nitride}

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where an energy of nothing is to be refined."""
        if np.any(free["epsilon"] & (values["epsilon"] == 0.0)):
            raise RecipeError(
                "stillinger_weber: epsilon is 0 and free; a root has no slope there.",
                "Start elsewhere, or set free = false.",
            )

    def energy_of(self, parameters: Parameters, near: Nearest) -> Array:
        """Return the sum over pairs and angles, eV."""
        around, options = Around(self.system, near), self.options
        names = ("epsilon", "sigma", "strength", "repulsion", "decay")
        own = {name: around.of_pairs(parameters[name], "pair") for name in names}
        dtype = near.distance.dtype
        sooner = self._sooner
        ends = [sooner.get(name, (self.cutoff,))[0] for name in self.system.pair_names]
        cutoff = around.of_pairs(np.array(ends, dtype), "pair")
        inside = near.inside & (near.distance < cutoff - NEAREST * own["sigma"])
        r = jnp.where(inside, near.distance, 0.5 * cutoff)
        reach = own["sigma"] / (r - cutoff)
        ratio = own["sigma"] / r
        pair = own["repulsion"] * ratio ** _whole(options.repulsive_exponent)
        pair = (pair - ratio ** _whole(options.attractive_exponent)) * jnp.exp(reach)
        pair = own["epsilon"] * own["strength"] * pair
        energy = 0.5 * jnp.sum(jnp.where(inside, pair, 0.0))
        g = jnp.where(inside, jnp.exp(own["decay"] * reach), 0.0)
        return near.checked(
            energy + self._angles(parameters, around, g, near.vectors / r[..., None])
        )

    def _angles(self, parameters: Parameters, around: Around, g: Array, unit: Array) -> Array:
        """Return the energy of angles, eV.

        Args:
            parameters: of the term.
            around: types.
            g: factors of neighbours [atom, neighbour].
            unit: vectors to them [atom, neighbour, xyz].
        """
        system = self.system
        epsilon = parameters["epsilon"][places(system, "pair")]
        product = epsilon[:, :, None] * epsilon[:, None, :]
        mean = jnp.where(product > 0.0, jnp.sqrt(jnp.where(product > 0.0, product, 1.0)), 0.0)
        which = places(system, "triplet")
        strength = around.rows(parameters["three_body"][which] * mean)
        cosine = around.rows(jnp.cos(parameters["angle"])[which])

        shares = around.parted(g)
        along = shares[..., None] * unit[:, :, None, :]
        total, first = jnp.sum(shares, axis=1), jnp.sum(along, axis=1)
        second = jnp.einsum("ijtx,ijy->itxy", along, unit)
        pairs = jnp.einsum("itxy,isxy->its", second, second)
        pairs = pairs - 2.0 * cosine * jnp.einsum("itx,isx->its", first, first)
        pairs = pairs + cosine**2 * total[:, :, None] * total[:, None, :]
        alone = (1.0 - jnp.einsum("itt->it", cosine)) ** 2 * jnp.sum(shares * g[..., None], axis=1)
        alone = jnp.einsum("itt->it", strength) * alone
        return 0.5 * (jnp.sum(strength * pairs) - jnp.sum(alone))


def _whole(exponent: float) -> float:
    """Return an exponent as an integer where it is one: products are quicker than powers."""
    return int(exponent) if exponent.is_integer() else exponent


potentials.add(StillingerWeber.name, StillingerWeber)
