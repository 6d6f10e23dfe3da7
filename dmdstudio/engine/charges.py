"""Charges: what the terms that sum over pairs of them share.

A subclass says by its `Screening` how the pair's energy ends at the cutoff. Charges belong to the
types of atoms; one of them may follow from the others', so that the cell stays neutral.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import erfc
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import gammainc

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.units import COULOMB
from dmdstudio.engine import kernels
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.pair import PairPotential
from dmdstudio.engine.potential import Example
from dmdstudio.engine.third_neighbours import (
    ThirdCharges,
    ThirdNeighbours,
    by_kind,
    third_neighbours,
)
from dmdstudio.engine.water import water
from dmdstudio.plan.catalog import ParameterField, setting

NEUTRAL = 1e-6
"""Largest charge of a neutral cell, e."""

ORDER = 10
"""Power of (r/c)^2 that an end at the cutoff begins with: small everywhere but near the end."""

Balance = Annotated[
    str,
    setting(
        "Balance",
        "The atom type whose charge follows from the others', so that the cell stays neutral "
        "while they are refined; empty where all charges are given and stay.",
    ),
]
"""A setting of every term that has charges."""

_TERMS = {"float64": 25, "float32": 13}
"""Coefficients of the smooth part's slope that ``loops/coulomb.py`` takes."""


@dataclass(frozen=True)
class Screening:
    """The energy of two unit charges, f(r) = erfc(alpha r)/r, brought to zero at the cutoff c.

        f(r) - p_0 - p_1 (r - c) - p_2 (r - c)^2/2 - z^10 [e_0 + e_1 (z - 1) + e_2 (z - 1)^2/2]

    with z = (r/c)^2, in 1/angstrom.

    Attributes:
        cutoff: c, angstrom.
        damping: alpha, 1/angstrom.
        shifts: p, taken from everywhere.
        end: e, taken from where the cutoff is near.
    """

    cutoff: float
    damping: float
    shifts: tuple[float, float, float] = (0.0, 0.0, 0.0)
    end: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def shifted(cls, cutoff: float, damping: float, derivatives: int) -> Screening:
        """Return the one whose energy and first or also second derivative are shifted to zero."""
        a, c = damping, cutoff
        gauss = 2.0 * a / math.sqrt(math.pi) * math.exp(-((a * c) ** 2))
        f = math.erfc(a * c) / c
        slope = -f / c - gauss / c
        bend = 2.0 * f / c**2 + 2.0 * gauss / c**2 + 2.0 * a * a * gauss
        return cls(c, a, (f, slope, bend if derivatives > 1 else 0.0))

    @classmethod
    def tapered(cls, cutoff: float, damping: float) -> Screening:
        """Return the one that has energy and two derivatives zero at the cutoff by an end."""
        square = (damping * cutoff) ** 2
        gauss = 2.0 * damping / math.sqrt(math.pi) * math.exp(-square)
        value = math.erfc(damping * cutoff) / cutoff
        slope = -0.5 * (value + gauss)  # by z
        bend = 0.75 * value + (0.75 + 0.5 * square) * gauss
        first = slope - ORDER * value
        second = bend - ORDER * (ORDER - 1) * value - 2 * ORDER * first
        return cls(cutoff, damping, end=(value, first, second))

    def energy(self, r: Array) -> Array:
        """Return the energy at distances up to the cutoff, 1/angstrom."""
        at, slope, bend = self.shifts
        away = r - self.cutoff
        found = erfc(self.damping * r) / r - at - (slope + 0.5 * bend * away) * away
        if not any(self.end):
            return found
        z = (r / self.cutoff) ** 2
        at, slope, bend = self.end
        return found - z**ORDER * (at + (slope + 0.5 * bend * (z - 1.0)) * (z - 1.0))

    def constants(self, precision: str) -> tuple[float, ...]:
        """Return the constants of ``loops/coulomb.py``.

        The smooth part, erf(alpha r)/r and the end, and its slope by s = r^2 are entire functions
        of s; the slope is interpolated at Chebyshev's points of 0 <= s <= cutoff^2.
        """
        square = self.cutoff**2
        at, slope, bend = self.end
        away = Polynomial([-1.0, 1.0])
        end = Polynomial([0.0, 1.0]) ** ORDER * (at + slope * away + 0.5 * bend * away**2)

        def slope_of(x: np.ndarray) -> np.ndarray:
            z = 0.5 * (x + 1.0)
            t = self.damping**2 * square * z
            return -0.5 * self.damping**3 * gammainc(1.5, t) / t**1.5 + end.deriv()(z) / square

        coefficients = np.zeros(max(_TERMS.values()))
        if self.damping > 0:
            terms = _TERMS[precision]
            fitted = Chebyshev.interpolate(slope_of, terms - 1).convert(kind=Polynomial)
            coefficients[: len(fitted.coef)] = fitted.coef
        r = math.sqrt(0.5 * square)
        middle = math.erf(self.damping * r) / r + float(end(0.5))
        numbers = (self.cutoff, square, 2.0 / square, *self.shifts, middle)
        return (*numbers, *(float(c) for c in coefficients))


CHARGE = ParameterField(
    name="charge", unit="e", label="q", doc="Charge of an atom.", spared_by="balance"
)
"""The parameter of every term that has charges."""


@dataclass(frozen=True)
class TypeCharges:
    """Charges of the types of atoms; one may follow from the others', so that the cell is neutral.

    Attributes:
        name: of the term that has them, for errors.
        system: what it was built for.
        balance: the type whose charge follows; empty where all are given.
    """

    name: str
    system: System
    balance: str

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of atoms of every type [type]."""
        return np.bincount(self.system.types, minlength=len(self.system.type_names))

    @cached_property
    def balancing(self) -> np.ndarray:
        """The matrix [type, type] that makes all charges of the given ones."""
        matrix = np.eye(len(self.counts))
        if self.balance:
            index = self.system.type_names.index(self.balance)
            matrix[index] = -self.counts / self.counts[index]
            matrix[index, index] = 0.0
        return matrix

    def require(self) -> None:
        """Raise `RecipeError` where there is no such type."""
        if self.balance and self.balance not in self.system.type_names:
            raise RecipeError(
                f"{self.name}: the structure has no atom type {self.balance!r} for `balance`.",
                f"It has: {', '.join(self.system.type_names)}.",
            )

    def derived(self) -> frozenset[tuple[str, str]]:
        """Return the balancing charge, as `Potential.derived` does."""
        return frozenset({("charge", self.balance)} if self.balance else ())

    def check(self, values: np.ndarray, free: np.ndarray) -> None:
        """Raise `RecipeError` where the cell is charged, or would be once charges change.

        Args:
            values: charges [type], e; what stands for the balancing one does not matter.
            free: which of them are refined [type].
        """
        names = self.system.type_names
        last = names[-1] if len(names) > 1 else ""
        advice = f"Set `balance` to the atom type that makes up for it, such as {last!r}."
        total = float(self.counts @ (self.balancing @ values))
        if abs(total) > NEUTRAL:
            told = " + ".join(
                f"{n} {name} of {q:g} e"
                for n, name, q in zip(self.counts, names, values, strict=True)
            )
            raise RecipeError(
                f"{self.name}: the cell has a charge of {total:g} e ({told}).", advice
            )
        if free.any() and not self.balance:
            raise RecipeError(
                f"{self.name}: charges that are refined one by one leave the cell charged.", advice
            )

    def complete(self, given: Array) -> Array:
        """Return the charges [type], e, the balancing one too."""
        return jnp.sum(jnp.asarray(self.balancing, given.dtype) * given, axis=1)


@dataclass(frozen=True, eq=False)
class ChargedPairs(PairPotential):
    """u(r) = q_i q_j/(4 pi eps0) times the energy of a `Screening`.

    Attributes:
        options: with ``cutoff`` (angstrom) and ``balance``, a type of atoms or nothing.
        system: what it was built for.
    """

    options: Any
    system: System

    parameters = (CHARGE,)
    kernel: ClassVar[kernels.Radial] = kernels.Radial(
        "coulomb", ("strength",), (1.0, *Screening(9.0, 0.2).constants("float64"))
    )

    @property
    @abc.abstractmethod
    def screening(self) -> Screening:
        """How a pair's energy ends."""

    @classmethod
    def require(cls, options: Any, system: System) -> None:
        """Raise `PhysicsError` or `RecipeError` where cutoff or balance do not fit the system."""
        system.require_cutoff(options.cutoff, cls.name)
        TypeCharges(cls.name, system, options.balance).require()

    @classmethod
    def in_water(
        cls, precision: str, lattice_bits: int, platform: str, **settings: Any
    ) -> dict[str, Example]:
        """Return flexible water, in a cube with given charges, and skewed with a balanced one.

        The settings are options of the term; the rest is as in `Potential.examples`.
        """
        cube = np.eye(3) * 14.5
        skewed = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
        found = {}
        for name, cell, balance in (("water", cube, ""), ("balanced", skewed, "H")):
            system, positions = water(cell, 3, precision, lattice_bits, platform)
            term = cls.build(cls.Options(**settings, balance=balance), system)
            charges = {"charge": jnp.array([0.42, -0.84])}
            found[name] = Example(system, term, charges, positions)
        return found

    # -- charges ----------------------------------------------------------------------------------
    @cached_property
    def of_types(self) -> TypeCharges:
        """The charges, one of which may follow from the others."""
        return TypeCharges(self.name, self.system, self.options.balance)

    def derived(self) -> frozenset[tuple[str, str]]:
        """Return the balancing charge."""
        return self.of_types.derived()

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where the cell is charged, or would be once charges change."""
        self.of_types.check(values["charge"], free["charge"])

    def charges(self, parameters: Parameters) -> Array:
        """Return the charges [type], e, the balancing one too."""
        return self.of_types.complete(parameters["charge"])

    @cached_property
    def third(self) -> ThirdNeighbours | None:
        """The sum over pairs three bonds apart, where it differs from that over others."""
        return third_neighbours(ThirdCharges, self.options, self.system)

    def third_numbers(self, parameters: Parameters) -> Parameters:
        """Return the parameters of `third`."""
        pair = self.pair_parameters(parameters)
        return by_kind(pair, self.system, "strength", self.options.scale_14)

    # -- the pair ---------------------------------------------------------------------------------
    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Return q_i q_j/(4 pi eps0) [type, type], eV angstrom."""
        charges = self.charges(parameters)
        return {"strength": COULOMB * (charges[:, None] * charges)}

    def pair_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r), eV."""
        return pair["strength"] * self.screening.energy(r)

    def kernel_constants(self) -> tuple[float, ...]:
        """Return what ``loops/coulomb.py`` lists."""
        return self.screening.constants(self.system.precision)
