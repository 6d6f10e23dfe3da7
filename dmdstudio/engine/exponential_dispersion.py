"""Exponential repulsion with dispersion: what Buckingham's and Born's potentials share.

Without more, the dispersion wins at short distances, and two atoms that come over the barrier fall
into each other. Below an inner distance i it is therefore continued by the parabolas in s = r^2
that touch 1/s^3 and 1/s^4 at i^2 to second order:

    1/r^6 -> [1 - 3 x + 6 x^2]/i^6,  1/r^8 -> [1 - 4 x + 10 x^2]/i^8,  x = r^2/i^2 - 1

which are finite at r = 0; energy, force and curvature stay continuous.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine import kernels
from dmdstudio.engine.core import Parameters
from dmdstudio.engine.switched import SwitchedOptions, SwitchedPairs
from dmdstudio.plan.catalog import setting

NARROWEST = 0.02
"""Smallest decay length of the repulsion, angstrom."""


class InnerOptions(SwitchedOptions, frozen=True, kw_only=True):
    """Settings of `ExponentialDispersion`."""

    inner: Annotated[
        float,
        setting(
            "Inner distance",
            "Closer than this, where no atom should come, the dispersion grows no further, so that "
            "atoms cannot fall into each other.",
            "angstrom",
            gt=0,
        ),
    ] = 1.0


class ExponentialDispersion(SwitchedPairs):
    """u(r) = a exp(-b r) - c/r^6 - d/r^8, with the dispersion continued below `inner`.

    `pair_parameters` returns ``amplitude`` a, ``decay`` b, ``six`` c and ``eight`` d.
    """

    kernel: ClassVar[kernels.Radial] = kernels.Radial(
        "exponential_dispersion",
        ("amplitude", "decay", "six", "eight"),
        trial=(2000.0, 3.2, 30.0, 100.0, 3.5, 0.2, 2.0),
        switched=True,
    )

    def bare_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r) before it is switched, eV."""
        inner = self.options.inner
        near = jnp.maximum(r, inner)
        x = (jnp.minimum(r, inner) / inner) ** 2 - 1.0  # zero outside
        six = (1.0 + x * (6.0 * x - 3.0)) / near**6
        eight = (1.0 + x * (10.0 * x - 4.0)) / near**8
        repulsion = pair["amplitude"] * jnp.exp(-pair["decay"] * r)
        return repulsion - pair["six"] * six - pair["eight"] * eight

    def kernel_constants(self) -> tuple[float, ...]:
        """Return the switch's constants and the square of the inner distance."""
        return (*super().kernel_constants(), self.options.inner**2)

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where atoms that come close would fall into each other."""
        numbers = self.pair_parameters({k: jnp.asarray(v) for k, v in values.items()})
        pairs = {k: np.asarray(v) for k, v in numbers.items()}
        for i, j in zip(*np.triu_indices(len(self.system.type_names)), strict=True):
            own = {k: float(v[i, j]) for k, v in pairs.items()}
            if (top := _barrier(own, self.options.inner, self.cutoff)) is None:
                continue
            name = self.system.pair_names[self.system.pair_kinds[i, j]]
            tried = np.arange(0.05 * np.ceil(20.0 * top), self.cutoff, 0.05)
            found = next((t for t in tried if _barrier(own, t, self.cutoff) is None), None)
            raise RecipeError(
                f"{self.name}: {name} repel each other only down to {top:.2f} angstrom; closer, "
                "the dispersion would pull them into each other.",
                "Check amplitude and dispersion."
                if found is None
                else f"Set inner = {found:.2f} angstrom or more, but less than any distance "
                "that counts; below it the dispersion grows no further.",
            )


def _barrier(own: dict[str, float], inner: float, cutoff: float) -> float | None:
    """Return the distance where the energy has a maximum, angstrom; None where it has none."""
    r = np.linspace(0.0, cutoff, 2001)[1:]
    near, x = np.maximum(r, inner), (np.minimum(r, inner) / inner) ** 2 - 1.0
    slope = -own["amplitude"] * own["decay"] * np.exp(-own["decay"] * r)
    slope += 2.0 * r * own["six"] * (3.0 - 12.0 * x) / near**8
    slope += 2.0 * r * own["eight"] * (4.0 - 20.0 * x) / near**10
    tops = np.flatnonzero((slope[:-1] > 0.0) & (slope[1:] < 0.0))
    return float(r[tops[-1]]) if len(tops) else None
