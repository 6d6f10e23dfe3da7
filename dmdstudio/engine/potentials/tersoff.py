"""Tersoff's potential: bonds whose strength hangs on their surroundings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import PhysicsError, RecipeError
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.crystal import diamond
from dmdstudio.engine.nearest import Nearest, NearestPotential
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.plan.catalog import ParameterField, setting

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
    both, as published. Atoms of one type.

    Source: J. Tersoff, Phys. Rev. B 37, 6991 (1988), doi 10.1103/PhysRevB.37.6991, eqs. 1 to 3;
    39, 5566 (1989), doi 10.1103/PhysRevB.39.5566; gamma and m are those of LAMMPS.
    """

    options: TersoffOptions
    system: System
    capacity: int = 0

    name: ClassVar[str] = "tersoff"
    label: ClassVar[str] = "Tersoff"
    doc: ClassVar[str] = (
        "Silicon, carbon and other covalent solids of one element: a repulsion, and an attraction "
        "that the other bonds of both atoms weaken by their angles. Both fall to zero between "
        "`switch_start` and `cutoff`."
    )
    source: ClassVar[str] = "J. Tersoff, Phys. Rev. B 39, 5566 (1989), doi 10.1103/PhysRevB.39.5566"
    smooth: ClassVar[int] = 1
    """Derivatives that are continuous at the cutoff."""
    Options = TersoffOptions
    parameters = (
        ParameterField(
            name="repulsion", unit="eV", label="A", doc="Of the repulsion.", lower=0.0,
            typical=1830.8,
        ),
        ParameterField(
            name="attraction", unit="eV", label="B", doc="Of the attraction.", lower=0.0,
            typical=471.18,
        ),
        ParameterField(
            name="repulsive_decay", unit="1/angstrom", label="λ₁", doc="How fast repulsion falls.",
            lower=0.0, typical=2.4799,
        ),
        ParameterField(
            name="attractive_decay", unit="1/angstrom", label="λ₂",
            doc="How fast attraction falls.", lower=0.0, typical=1.7322,
        ),
        ParameterField(
            name="length_decay", unit="1/angstrom", label="λ₃",
            doc="How much longer bonds weaken less.", lower=0.0, typical=0.0,
        ),
        ParameterField(
            name="order_strength", unit="1", label="β", doc="How much other bonds weaken one.",
            lower=0.0, typical=1.1e-6,
        ),
        ParameterField(
            name="order_exponent", unit="1", label="n", doc="Of the weakening.", lower=0.01,
            typical=0.78734,
        ),
        ParameterField(
            name="angular_strength", unit="1", label="γ", doc="Factor of g.", lower=0.0,
            typical=1.0,
        ),
        ParameterField(
            name="angular_height", unit="1", label="c", doc="Height of g over its depth.",
            lower=0.0, typical=1.0039e5,
        ),
        ParameterField(
            name="angular_width", unit="1", label="d", doc="Width of g.", lower=1e-3,
            typical=16.217,
        ),
        ParameterField(
            name="angular_cosine", unit="1", label="h",
            doc="Cosine of the angle that weakens least.", lower=-1e3, upper=1e3,
            typical=-0.59825,
        ),
    )  # fmt: skip

    @classmethod
    def build(cls, options: Any, system: System) -> Tersoff:
        """Check cutoff and types and return the term."""
        if len(system.type_names) > 1:
            raise PhysicsError(
                f"tersoff is for atoms of one type; the structure has "
                f"{', '.join(system.type_names)}.",
                "Give another structure, or another potential.",
            )
        if not options.switch_start < options.cutoff:
            raise RecipeError(
                f"tersoff: switch_start = {options.switch_start:g} is not below the cutoff "
                f"{options.cutoff:g} angstrom."
            )
        system.require_cutoff(options.cutoff, cls.name)
        return cls(options, system).sized()

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return silicon, disturbed in a skewed cell, with numbers as published."""
        system, positions = diamond("Si", 28.0855, 10.9, 0.12, precision, lattice_bits, platform)
        term = cls.build(TersoffOptions(), system)
        numbers = [1830.8, 471.18, 2.4799, 1.7322, 1.7322, 1.1e-6, 0.78734, 1.0, 1.0039e5, 16.217,
                   -0.59825]  # fmt: skip
        names = [field.name for field in cls.parameters]
        parameters = {n: jnp.array([v]) for n, v in zip(names, numbers, strict=True)}
        return {"silicon": Example(system, term, parameters, positions)}

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
        own = {name: value[0] for name, value in parameters.items()}
        r = near.distance
        unit = near.vectors / r[..., None]
        f = jnp.where(near.inside, self._switch(r), 0.0)

        cosine = jnp.einsum("ijx,ikx->ijk", unit, unit)
        height, width = own["angular_height"] ** 2, own["angular_width"] ** 2
        g = 1.0 + height / width - height / (width + (own["angular_cosine"] - cosine) ** 2)
        power = (own["length_decay"] * (r[:, :, None] - r[:, None, :])) ** (
            self.options.length_exponent
        )
        longer = jnp.exp(jnp.clip(power, -STEEPEST, STEEPEST))
        others = 1.0 - jnp.eye(r.shape[1], dtype=r.dtype)
        zeta = own["angular_strength"] * jnp.sum(f[:, None, :] * g * longer * others, axis=-1)

        alone = zeta * own["order_strength"] < _TINY[r.dtype.name]
        scaled = jnp.where(alone, 1.0, zeta * own["order_strength"])
        n = own["order_exponent"]
        weakened = jnp.exp(-jnp.log1p(jnp.exp(n * jnp.log(scaled))) / (2.0 * n))
        b = jnp.where(alone, 1.0, weakened)
        repulsion = own["repulsion"] * jnp.exp(-own["repulsive_decay"] * r)
        attraction = own["attraction"] * jnp.exp(-own["attractive_decay"] * r)
        energy = 0.5 * jnp.sum(f * (repulsion - b * attraction))
        return near.checked(energy)

    def _switch(self, r: Array) -> Array:
        """Return f(r)."""
        start, width = self.options.switch_start, self.cutoff - self.options.switch_start
        x = jnp.clip((r - start) / width, 0.0, 1.0)
        return 0.5 + 0.5 * jnp.cos(math.pi * x)


_TINY = {"float32": 1e-30, "float64": 1e-200}
"""Less weakening than this is none: its slope would be infinite."""

potentials.add(Tersoff.name, Tersoff)
