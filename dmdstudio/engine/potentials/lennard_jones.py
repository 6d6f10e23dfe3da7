"""Lennard-Jones, switched smoothly to zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine import kernels
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.pair import PairPotential
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.plan.catalog import ParameterField, setting


class LennardJonesOptions(Struct, frozen=True, kw_only=True):
    """Settings of `LennardJones`."""

    cutoff: Annotated[float, setting("Cutoff", "Zero from here on.", "angstrom", gt=0)] = 10.0
    switch_start: Annotated[
        float, setting("Switch from", "The switching to zero starts here.", "angstrom", gt=0)
    ] = 9.0
    mixing: Annotated[
        Literal["lorentz_berthelot", "geometric"],
        setting("Mixing rule", "Sigma of unlike types: arithmetic or geometric mean."),
    ] = "lorentz_berthelot"


@dataclass(frozen=True, eq=False)
class LennardJones(PairPotential):
    """u(r) = 4 epsilon [(sigma/r)^12 - (sigma/r)^6] S(x), x = (r - r_s)/(r_c - r_s).

    S(x) = 1 - 10 x^3 + 15 x^4 - 6 x^5 between the start of the switch r_s and the cutoff r_c, so
    that u, u' and u'' are continuous. Source: J. E. Jones, Proc. R. Soc. A 106, 463 (1924),
    doi 10.1098/rspa.1924.0082; the switch is the one of OpenMM's NonbondedForce.
    """

    options: LennardJonesOptions
    system: System

    name: ClassVar[str] = "lennard_jones"
    label: ClassVar[str] = "Lennard-Jones"
    doc: ClassVar[str] = (
        "4 epsilon [(sigma/r)^12 - (sigma/r)^6], switched to zero by a quintic in r "
        "between `switch_start` and `cutoff`."
    )
    source: ClassVar[str] = "J. E. Jones, Proc. R. Soc. A 106, 463 (1924)"
    Options = LennardJonesOptions
    parameters = (
        ParameterField(
            name="sigma", unit="angstrom", label="σ", doc="Distance of zero energy.", lower=0.0
        ),
        ParameterField(
            name="epsilon", unit="kJ/mol", label="ε", doc="Depth of the well.", lower=0.0
        ),
    )
    kernel = kernels.Radial("lennard_jones", ("sigma", "epsilon"), trial=(3.4, 0.01, 3.5, 0.2))

    @classmethod
    def build(cls, options: Any, system: System) -> LennardJones:
        """Check the cutoff against the cell and return the term."""
        if not options.switch_start < options.cutoff:
            raise RecipeError(
                f"lennard_jones: switch_start {options.switch_start:g} is not below the cutoff "
                f"{options.cutoff:g} angstrom."
            )
        system.require_cutoff(options.cutoff, cls.name)
        return cls(options, system)

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return argon in a cube and an argon-krypton mixture in a skewed cell."""
        cube = np.eye(3) * 14.5
        skewed = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
        sites = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3) / 4
        jitter = np.random.default_rng(7).normal(scale=0.02, size=sites.shape)
        found = {}
        for name, cell, types in (("argon", cube, ("Ar",)), ("mixture", skewed, ("Ar", "Kr"))):
            system = System(
                types,
                np.arange(len(sites)) % len(types),
                np.array([39.948, 83.798])[np.arange(len(sites)) % len(types)],
                cell,
                precision,
                lattice_bits,
                platform,
            )
            term = cls.build(LennardJonesOptions(cutoff=6.5, switch_start=5.5), system)
            count = len(types)
            parameters = {
                "sigma": jnp.array([3.38, 3.6][:count]),
                "epsilon": jnp.array([0.0093, 0.0140][:count]),
            }
            found[name] = Example(system, term, parameters, (sites + jitter) @ cell)
        return found

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where a depth is to be refined from zero."""
        stuck = np.flatnonzero(free["epsilon"] & (values["epsilon"] == 0.0))
        if len(self.system.type_names) > 1 and len(stuck):
            raise RecipeError(
                f"lennard_jones: epsilon of {self.system.type_names[stuck[0]]} cannot be refined "
                "from 0, where the mixed depth sqrt(epsilon_i epsilon_j) has no slope.",
                "Start above 0, or set free = false.",
            )

    @property
    def cutoff(self) -> float:  # type: ignore[override]
        """Distance beyond which it is zero, angstrom."""
        return self.options.cutoff

    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Mix sigma and epsilon [type] to [type, type]."""
        sigma, epsilon = parameters["sigma"], parameters["epsilon"]
        if self.options.mixing == "geometric":
            mixed = _geometric_mean(sigma)
        else:
            mixed = 0.5 * (sigma[:, None] + sigma)
        return {"sigma": mixed, "epsilon": _geometric_mean(epsilon)}

    def pair_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r), eV."""
        power = (pair["sigma"] / r) ** 6
        start = self.options.switch_start
        x = jnp.clip((r - start) / (self.cutoff - start), 0.0, 1.0)
        switch = 1.0 + x**3 * (-10.0 + x * (15.0 - 6.0 * x))
        return 4.0 * pair["epsilon"] * (power * power - power) * switch

    def kernel_constants(self) -> tuple[float, ...]:
        """Return the start and the inverse width of the switch."""
        start = self.options.switch_start
        return (start, 1.0 / (self.cutoff - start))


def _geometric_mean(values: Array) -> Array:
    """Return sqrt(a b) of all pairs [type, type]; where one is zero, so is the derivative."""
    product = values[:, None] * values
    some = product > 0.0
    return jnp.where(some, jnp.sqrt(jnp.where(some, product, 1.0)), 0.0)


potentials.add(LennardJones.name, LennardJones)
