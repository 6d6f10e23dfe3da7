"""Tersoff's potential: bonds whose strength hangs on their surroundings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

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
from dmdstudio.plan.owners import mixed_triplets, ranges_of

STEEPEST = 69.0776
"""Largest exponent of the length's factor, as in LAMMPS: 1e30."""


class TersoffOptions(Struct, frozen=True, kw_only=True):
    """Settings of `Tersoff`."""

    cutoff: Annotated[
        float, setting("Cutoff", "Zero from here on; R + D in the papers.", "angstrom", gt=0)
    ] = 3.0
    switch_start: Annotated[
        float,
        setting("Switch from", "Where half a sine wave begins; R - D.", "angstrom", ge=0),
    ] = 2.7
    ranges: Annotated[
        str,
        setting(
            "Other ranges",
            "Where others are switched from and end, in angstrom: C-C 1.8 2.1; C-Si 2.2 2.5. "
            "C(Si,C) 1.8 2.1 is that of the second carbon where it weakens a bond to silicon.",
        ),
    ] = ""
    length_exponent: Annotated[
        Literal[1, 3], setting("Length exponent", "m of exp([λ₃(r - r')]^m).")
    ] = 3


@dataclass(frozen=True, eq=False)
class Tersoff(NearestPotential):
    """U = 1/2 sum over i and j of f(r_ij) [A exp(-lambda_1 r_ij) - b_ij B exp(-lambda_2 r_ij)].

        b = (1 + (beta zeta)^n)^(-1/(2 n)),
        zeta_ij = sum over k of f(r_ik) g(theta_jik) exp([lambda_3 (r_ij - r_ik)]^m),
        g = gamma (1 + c^2/d^2 - c^2/(d^2 + (h - cos theta)^2)),

    f falls from 1 at R - D to 0 at R + D as 1/2 - 1/2 sin(pi/2 (r - R)/D): its curvature jumps at
    both, as published. A, B, lambda_1 and lambda_2 are of pairs of types, beta and n of bonds as
    their first atom has them, and gamma, c, d, h, lambda_3 of the types of i, j and k. R and D are
    of pairs, in zeta of i and k, where ``ranges`` says nothing else of i, j and k.

    Source: J. Tersoff, Phys. Rev. B 37, 6991 (1988), doi 10.1103/PhysRevB.37.6991, eqs. 1 to 3;
    39, 5566 (1989), doi 10.1103/PhysRevB.39.5566; gamma and m are those of LAMMPS,
    and so are the numbers of several elements, https://docs.lammps.org/pair_tersoff.html.
    """

    options: TersoffOptions
    system: System
    capacity: int = 0

    name: ClassVar[str] = "tersoff"
    label: ClassVar[str] = "Tersoff"
    doc: ClassVar[str] = (
        "Silicon, carbides and other covalent solids: a repulsion, and an attraction "
        "that the other bonds of both atoms weaken by their angles. Both fall to zero between "
        "`switch_start` and `cutoff`, for some elements sooner (`ranges`)."
    )
    source: ClassVar[str] = "J. Tersoff, Phys. Rev. B 39, 5566 (1989), doi 10.1103/PhysRevB.39.5566"
    smooth: ClassVar[int] = 1
    """Derivatives that are continuous at the cutoff."""
    Options = TersoffOptions
    parameters = (
        ParameterField(
            name="repulsion", unit="eV", label="A", doc="Of the repulsion.", lower=0.0,
            typical=1830.8, per="pair",
        ),
        ParameterField(
            name="attraction", unit="eV", label="B", doc="Of the attraction.", lower=0.0,
            typical=471.18, per="pair",
        ),
        ParameterField(
            name="repulsive_decay", unit="1/angstrom", label="λ₁", doc="How fast repulsion falls.",
            lower=0.0, typical=2.4799, per="pair",
        ),
        ParameterField(
            name="attractive_decay", unit="1/angstrom", label="λ₂",
            doc="How fast attraction falls.", lower=0.0, typical=1.7322, per="pair",
        ),
        ParameterField(
            name="length_decay", unit="1/angstrom", label="λ₃",
            doc="How much longer bonds weaken less.", lower=0.0, typical=0.0,
            per="directed triplet",
        ),
        ParameterField(
            name="order_strength", unit="1", label="β", doc="How much other bonds weaken one.",
            lower=0.0, typical=1.1e-6, per="directed pair",
        ),
        ParameterField(
            name="order_exponent", unit="1", label="n", doc="Of the weakening.", lower=0.01,
            typical=0.78734, per="directed pair",
        ),
        ParameterField(
            name="angular_strength", unit="1", label="γ", doc="Factor of g.", lower=0.0,
            typical=1.0, per="directed triplet",
        ),
        ParameterField(
            name="angular_height", unit="1", label="c", doc="Height of g over its depth.",
            lower=0.0, typical=1.0039e5, per="directed triplet",
        ),
        ParameterField(
            name="angular_width", unit="1", label="d", doc="Width of g.", lower=1e-3,
            typical=16.217, per="directed triplet",
        ),
        ParameterField(
            name="angular_cosine", unit="1", label="h",
            doc="Cosine of the angle that weakens least.", lower=-1e3, upper=1e3,
            typical=-0.59825, per="directed triplet",
        ),
    )  # fmt: skip

    @classmethod
    def build(cls, options: Any, system: System) -> Tersoff:
        """Check the ranges and return the term."""
        if not options.switch_start < options.cutoff:
            raise RecipeError(
                f"tersoff: switch_start = {options.switch_start:g} is not below the cutoff "
                f"{options.cutoff:g} angstrom."
            )
        system.require_cutoff(options.cutoff, cls.name)
        term = cls(options, system).sized()
        for name, (start, end) in term._others.items():
            if not start < end <= options.cutoff:
                raise RecipeError(
                    f"tersoff.ranges: {name} is switched from {start:g} and ends at {end:g} "
                    f"angstrom; it must begin before it ends, and end within the cutoff of "
                    f"{options.cutoff:g}.",
                    f"Set cutoff = {end:g}." if end > options.cutoff else "",
                )
        return term

    @property
    def _others(self) -> dict[str, tuple[float, ...]]:
        """What has another range than most, and from where to where it is switched, angstrom."""
        known = (*self.system.pair_names, *mixed_triplets(self.system.type_names))
        return ranges_of(self.options.ranges, known, 2, "tersoff.ranges")

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return silicon and a carbide, disturbed in skewed cells.

        Silicon has numbers as published, the carbide's are like them but a tenth as strong: every
        other site is taken by carbon, so that all pairs and triplets are near each other, but in no
        crystal's order.
        """
        made = (precision, lattice_bits, platform)
        system, positions = diamond({"Si": 28.0855}, 10.9, 0.12, *made)
        term = cls.build(TersoffOptions(), system)
        numbers = [1830.8, 471.18, 2.4799, 1.7322, 1.7322, 1.1e-6, 0.78734, 1.0, 1.0039e5, 16.217,
                   -0.59825]  # fmt: skip
        names = [field.name for field in cls.parameters]
        parameters = {n: jnp.array([v]) for n, v in zip(names, numbers, strict=True)}
        silicon = Example(system, term, parameters, positions)

        system, positions = diamond({"C": 12.011, "Si": 28.0855}, 8.9, 0.1, *made)
        options = TersoffOptions(
            cutoff=2.75,
            switch_start=2.25,
            ranges="C-C 1.75 2.25; C-Si 2.0 2.5; C(Si,C) 1.625 2.125",
        )
        pairs = {
            "repulsion": [139.36, 159.73, 183.08], "attraction": [34.67, 39.51, 47.118],
            "repulsive_decay": [3.4879, 2.9839, 2.4799],
            "attractive_decay": [2.2119, 1.972, 1.7322],
            "order_strength": [1.5e-7, 1.6e-7, 1.1e-6, 1.2e-6],
            "order_exponent": [0.72, 0.73, 0.78, 0.79],
        }  # fmt: skip
        triplets = {
            "length_decay": [1.0, 1.1, 0.9, 0.95, 1.2, 1.3, 1.15, 1.25], "angular_strength": [1.0],
            "angular_height": [3.8e4] * 4 + [1e5] * 4, "angular_width": [4.3] * 4 + [16.2] * 4,
            "angular_cosine": [-0.57] * 4 + [-0.6] * 4,
        }  # fmt: skip
        given = pairs | {name: np.resize(values, 8) for name, values in triplets.items()}
        parameters = {n: jnp.array(given[n]) for n in names}
        carbide = Example(system, cls.build(options, system), parameters, positions)
        return {"silicon": silicon, "carbide": carbide}

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where a number is to be refined whose slope at zero leads nowhere."""
        flat = ["order_strength"]
        if self.options.length_exponent > 1:
            flat.append("length_decay")
        for name in flat:
            if np.any(free[name] & (values[name] == 0.0)):
                raise RecipeError(
                    f"tersoff: {name} is 0 and free; there is no slope to follow.",
                    "Start elsewhere, or set free = false.",
                )

    def energy_of(self, parameters: Parameters, near: Nearest) -> Array:
        """Return the sum over bonds, eV."""
        around, r = Around(self.system, near), near.distance
        own = {
            field.name: around.of_pairs(parameters[field.name], field.per)
            for field in self.parameters
            if field.per != "directed triplet"
        }
        zeta, f = self._weakening(parameters, around, near)
        alone = zeta * own["order_strength"] < _TINY[r.dtype.name]
        scaled = jnp.where(alone, 1.0, zeta * own["order_strength"])
        n = own["order_exponent"]
        weakened = jnp.exp(-jnp.log1p(jnp.exp(n * jnp.log(scaled))) / (2.0 * n))
        b = jnp.where(alone, 1.0, weakened)
        repulsion = own["repulsion"] * jnp.exp(-own["repulsive_decay"] * r)
        attraction = own["attraction"] * jnp.exp(-own["attractive_decay"] * r)
        energy = 0.5 * jnp.sum(f * (repulsion - b * attraction))
        return near.checked(energy)

    def _weakening(
        self, parameters: Parameters, around: Around, near: Nearest
    ) -> tuple[Array, Array]:
        """Return zeta and f of bonds, both [atom, neighbour]."""
        own = {
            field.name: around.of_triplets(parameters[field.name], field.per)
            for field in self.parameters
            if field.per == "directed triplet"
        }
        r, unit = near.distance, near.vectors / near.distance[..., None]
        cosine = jnp.einsum("ijx,ikx->ijk", unit, unit)
        height, width = own["angular_height"] ** 2, own["angular_width"] ** 2
        g = 1.0 + height / width - height / (width + (own["angular_cosine"] - cosine) ** 2)
        power = (own["length_decay"] * (r[:, :, None] - r[:, None, :])) ** (
            self.options.length_exponent
        )
        longer = jnp.exp(jnp.clip(power, -STEEPEST, STEEPEST))
        others = 1.0 - jnp.eye(r.shape[1], dtype=r.dtype)
        f, f_third = self._switches(around, near)
        terms = own["angular_strength"] * f_third * g * longer * others
        return jnp.sum(terms, axis=-1), f

    def _switches(self, around: Around, near: Nearest) -> tuple[Array, Array]:
        """Return f of bonds [atom, neighbour], and of their third atoms [atom, neighbour, third].

        The latter are those of the bonds to them, [atom, 1, third], where no triplet has a range of
        its own.
        """
        system, ranges = self.system, self._others
        usual, dtype = (self.options.switch_start, self.options.cutoff), near.distance.dtype
        of_pairs = np.array([ranges.get(name, usual) for name in system.pair_names], dtype)
        start, end = (around.of_pairs(column, "pair") for column in of_pairs.T)
        f = jnp.where(near.inside, _switch(near.distance, start, end), 0.0)
        names, pairs = system.owners("directed triplet"), places(system, "pair")
        if not ranges.keys() & set(names):
            return f, f[:, None, :]
        ends = (pairs[i, k] for i, _, k in product(range(len(pairs)), repeat=3))
        usual_of = zip(names, of_pairs[list(ends)], strict=True)
        of_triplets = np.array([ranges.get(name, found) for name, found in usual_of], dtype)
        start, end = (around.of_triplets(column, "directed triplet") for column in of_triplets.T)
        third = _switch(near.distance[:, None, :], start, end)
        return f, jnp.where(near.inside[:, None, :], third, 0.0)


def _switch(r: Array, start: Array, end: Array) -> Array:
    """Return f(r), which falls from 1 at the start to 0 at the end."""
    x = jnp.clip((r - start) / (end - start), 0.0, 1.0)
    return 0.5 + 0.5 * jnp.cos(math.pi * x)


_TINY = {"float32": 1e-30, "float64": 1e-200}
"""Less weakening than this is none: its slope would be infinite."""

potentials.add(Tersoff.name, Tersoff)
