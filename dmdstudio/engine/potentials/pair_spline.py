"""A spline through energies at given distances: a table of any shape, or a correction to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.base.splines import spline_matrix
from dmdstudio.engine import kernels
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.crystal import SKEWED, crystal
from dmdstudio.engine.pair import PairPotential
from dmdstudio.engine.potential import ArrayField, Example, potentials
from dmdstudio.plan.catalog import ParameterField, setting


class PairSplineOptions(Struct, frozen=True, kw_only=True):
    """Settings of `PairSpline`."""

    cutoff: Annotated[float, setting("Cutoff", "Zero from here on.", "angstrom", gt=0)] = 8.0
    start: Annotated[
        float,
        setting(
            "First knot",
            "Closer, the energy goes on as a straight line; best where atoms hardly come.",
            "angstrom",
            gt=0,
        ),
    ] = 2.0
    knots: Annotated[
        int, setting("Knots", "Energies between the first knot and the cutoff.", ge=2, le=1000)
    ] = 12
    file: Annotated[
        str,
        setting(
            "Parameter file",
            "Energies to start from (.npz, as DMD Studio writes it); empty starts with zeros, as a "
            "correction to other terms does.",
        ),
    ] = ""
    scale: Annotated[
        float,
        setting("Scale", "Size of a correction; a learning rate is a fraction of it.", "eV", gt=0),
    ] = 0.01
    fixed: Annotated[bool, setting("Fixed", "Do not refine the energies.")] = False


@dataclass(frozen=True, eq=False)
class PairSpline(PairPotential):
    """u(r) is the cubic spline through u(r_k) = u_k, the numbers of every pair of types.

    The knots are r_k = a + k h, k = 0 ... K - 1, with a the first knot and h = (c - a)/(K + 1) so
    that the cutoff c is two steps on. There u, u' and u'' are zero; at a, u'' is. Both make the
    spline unique: with B-splines B, u = sum_k b_k B((r - r_k)/h), b a linear function of the u_k.

    Source: C. de Boor, A Practical Guide to Splines (2001), chapter IX.

    Attributes:
        options: cutoff, knots and where the energies come from.
        system: what it was built for.
    """

    options: PairSplineOptions
    system: System

    name: ClassVar[str] = "pair_spline"
    label: ClassVar[str] = "Pair spline"
    doc: ClassVar[str] = (
        "A cubic spline through energies at knots between `start` and `cutoff`, for every pair of "
        "types, with zero energy, slope and curvature at the cutoff. The energies are refined: "
        "alone, or added to other terms as a correction, which starts with zeros."
    )
    source: ClassVar[str] = "C. de Boor, A Practical Guide to Splines (2001), chapter IX"
    Options = PairSplineOptions
    parameters: ClassVar[tuple[ParameterField, ...]] = ()

    @classmethod
    def build(cls, options: Any, system: System) -> PairSpline:
        """Check the knots and the cutoff and return the term."""
        if not options.start < options.cutoff:
            raise RecipeError(
                f"pair_spline: the first knot, start = {options.start:g}, is not below the cutoff "
                f"{options.cutoff:g} angstrom."
            )
        system.require_cutoff(options.cutoff, cls.name)
        return cls(options, system)

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return an argon-krypton mixture in a skewed cell, with closest pairs below the start."""
        types = {"Ar": 39.948, "Kr": 83.798}
        system, positions = crystal(types, SKEWED, precision, lattice_bits, platform)
        term = cls.build(PairSplineOptions(cutoff=6.5, start=3.2, knots=6), system)
        shape = np.array([0.31, -0.04, -0.012, -0.006, -0.002, 0.001])
        names = system.pair_names
        parameters = {n: jnp.asarray(shape * (1.0 + 0.2 * k)) for k, n in enumerate(names)}
        return {"mixture": Example(system, term, parameters, positions)}

    # -- the energies -----------------------------------------------------------------------------
    def initial_arrays(self) -> dict[str, np.ndarray]:
        """Return zeros for every pair of types."""
        if self.options.fixed:
            raise RecipeError(
                "pair_spline: without a file all energies are 0, and fixed = true keeps them so.",
                "Name a file, set fixed = false, or leave the term out.",
            )
        return {name: np.zeros(self.options.knots) for name in self.system.pair_names}

    def arrays(self, given: Mapping[str, np.ndarray]) -> tuple[ArrayField, ...]:
        """Check the energies of a file and describe them; see `Potential.arrays`."""
        names, knots = self.system.pair_names, self.options.knots
        if set(given) != set(names):
            raise FileError(
                f"pair_spline: the file has energies of {', '.join(sorted(given)) or 'nothing'}; "
                f"the structure has the pairs {', '.join(names)}."
            )
        for name in names:
            if given[name].shape != (knots,):
                raise FileError(
                    f"pair_spline: the file has {given[name].size} energies of {name}, but knots = "
                    f"{knots}."
                )
            if not np.all(np.isfinite(given[name])):
                raise FileError(f"pair_spline: an energy of {name} in the file is not a number.")
        free, scale = not self.options.fixed, self.options.scale
        return tuple(ArrayField(name, "eV", free, scale) for name in names)

    # -- the spline -------------------------------------------------------------------------------
    @property
    def step(self) -> float:
        """Distance between knots, angstrom."""
        return (self.cutoff - self.options.start) / (self.options.knots + 1)

    @property
    def distances(self) -> np.ndarray:
        """Where the energies belong [knot], angstrom."""
        return self.options.start + self.step * np.arange(self.options.knots)

    @cached_property
    def kernel(self) -> kernels.Radial:  # type: ignore[override]
        """The closed radial form for CPU kernels."""
        count = self.options.knots + 4
        numbers = tuple(f"coefficient{k}" for k in range(count))
        trial = 0.01 * np.cos(np.arange(count))
        trial[-3:] = 0.0
        per_h = (count - 3) / 6.0
        return kernels.Radial("spline", numbers, (*trial.tolist(), 3.5, per_h), rows="spline_pairs")

    def kernel_constants(self) -> tuple[float, ...]:
        """Return the first knot and the inverse of the distance between knots."""
        return (self.options.start, 1.0 / self.step)

    def _coefficients(self, parameters: Parameters) -> Array:
        """Return the coefficients of all pairs of types [type, type, coefficient]."""
        energies = jnp.stack([parameters[name] for name in self.system.pair_names])
        matrix = jnp.asarray(spline_matrix(self.options.knots), energies.dtype)
        found = jnp.sum(matrix * energies[:, None, :], axis=-1)
        return found[self.system.pair_kinds]

    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Return the coefficients of every pair of types, each [type, type]."""
        coefficients = self._coefficients(parameters)
        names = self.kernel.parameters
        return {name: coefficients[..., k] for k, name in enumerate(names)}

    def pair_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r), eV."""
        coefficients = jnp.stack([pair[name] for name in self.kernel.parameters], axis=-1)
        x = (r - self.options.start) / self.step
        inside = jnp.maximum(x, 0.0)[..., None]
        y = inside + 1.0 - jnp.arange(coefficients.shape[-1], dtype=r.dtype)
        slope = 0.5 * (coefficients[..., 2] - coefficients[..., 0])
        return jnp.sum(coefficients * _b_spline(y), axis=-1) + jnp.minimum(x, 0.0) * slope


def _b_spline(y: Array) -> Array:
    """Return the cubic B-spline with unit knots about 0, twice differentiable there too."""
    square, size = y * y, jnp.abs(y)
    inner = 2.0 / 3.0 - square + 0.5 * square * size
    outer = jnp.maximum(2.0 - size, 0.0) ** 3 / 6.0
    return jnp.where(size < 1.0, inner, outer)


potentials.add(PairSpline.name, PairSpline)
