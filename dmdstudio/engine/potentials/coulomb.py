"""Charges: the damped shifted force, a Coulomb sum that ends at a cutoff."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import erfc
from msgspec import Struct
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import gammainc

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.units import COULOMB
from dmdstudio.engine import kernels
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.pair import PairPotential
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.engine.water import water
from dmdstudio.plan.catalog import ParameterField, setting

LARGEST = 3.5
"""Of damping times cutoff: the charges are screened to 1e-6 at the cutoff."""

NEUTRAL = 1e-6
"""Largest charge of a neutral cell, e."""

_TERMS = {"float64": 25, "float32": 13}
"""Coefficients of the smooth part's slope that ``loops/coulomb.py`` takes."""


class CoulombOptions(Struct, frozen=True, kw_only=True):
    """Settings of `Coulomb`."""

    cutoff: Annotated[float, setting("Cutoff", "Zero from here on.", "angstrom", gt=0)] = 10.0
    damping: Annotated[
        float, setting("Damping", "Of the interaction, alpha; 0 for none.", "1/angstrom", ge=0)
    ] = 0.2
    shift: Annotated[
        Literal["force", "curvature"],
        setting("Shift", "The last derivative of the energy that is zero at the cutoff."),
    ] = "force"
    balance: Annotated[
        str,
        setting(
            "Balance",
            "The atom type whose charge follows from the others', so that the cell stays neutral "
            "while they are refined; empty where all charges are given and stay.",
        ),
    ] = ""


@dataclass(frozen=True, eq=False)
class Coulomb(PairPotential):
    """u(r) = q_i q_j/(4 pi eps0) [f(r) - f(c) - f'(c) (r - c) - f''(c) (r - c)^2/2].

    f(r) = erfc(alpha r)/r, c the cutoff; the last term only with ``shift = "curvature"``. Pairs one
    or two bonds apart are left out. Source: C. J. Fennell and J. D. Gezelter, J. Chem. Phys. 124,
    234104 (2006), eq. 19; the curvature's shift is one more term of the same series.
    """

    options: CoulombOptions
    system: System

    name: ClassVar[str] = "coulomb"
    label: ClassVar[str] = "Coulomb, damped shifted force"
    doc: ClassVar[str] = (
        "Charges that interact by erfc(alpha r)/r, shifted so that energy and force are zero at "
        "the `cutoff`. Pairs one or two bonds apart are left out."
    )
    source: ClassVar[str] = (
        "C. J. Fennell and J. D. Gezelter, J. Chem. Phys. 124, 234104 (2006), doi 10.1063/1.2206581"
    )
    Options = CoulombOptions
    parameters = (ParameterField(name="charge", unit="e", label="q", doc="Charge of an atom."),)

    @classmethod
    def build(cls, options: Any, system: System) -> Coulomb:
        """Check cutoff, damping and balance and return the term."""
        system.require_cutoff(options.cutoff, cls.name)
        if options.damping * options.cutoff > LARGEST:
            raise RecipeError(
                f"coulomb: damping {options.damping:g} 1/angstrom screens the charges long before "
                f"the cutoff {options.cutoff:g} angstrom.",
                f"Set damping to {LARGEST / options.cutoff:.3g} 1/angstrom or less; 0.2 is usual.",
            )
        if options.balance and options.balance not in system.type_names:
            raise RecipeError(
                f"coulomb: the structure has no atom type {options.balance!r} for `balance`.",
                f"It has: {', '.join(system.type_names)}.",
            )
        return cls(options, system)

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return flexible water, in a cube with given charges, and skewed with a balanced one."""
        cube = np.eye(3) * 14.5
        skewed = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
        found = {}
        for name, cell, balance in (("water", cube, ""), ("balanced", skewed, "H")):
            system, positions = water(cell, 3, precision, lattice_bits, platform)
            options = CoulombOptions(cutoff=6.5, damping=0.25, shift="curvature", balance=balance)
            charges = jnp.array([0.42, -0.84])
            found[name] = Example(
                system, cls.build(options, system), {"charge": charges}, positions
            )
        return found

    # -- charges ----------------------------------------------------------------------------------
    @property
    def cutoff(self) -> float:  # type: ignore[override]
        """Distance beyond which it is zero, angstrom."""
        return self.options.cutoff

    @cached_property
    def _counts(self) -> np.ndarray:
        return np.bincount(self.system.types, minlength=len(self.system.type_names))

    @cached_property
    def _balancing(self) -> np.ndarray:
        """Return the matrix [type, type] that makes all charges of the given ones."""
        matrix = np.eye(len(self._counts))
        if self.options.balance:
            index = self.system.type_names.index(self.options.balance)
            matrix[index] = -self._counts / self._counts[index]
            matrix[index, index] = 0.0
        return matrix

    def derived(self) -> frozenset[tuple[str, str]]:
        """Return the balancing charge."""
        return frozenset({("charge", self.options.balance)} if self.options.balance else ())

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where the cell is charged, or would be once charges change."""
        names = self.system.type_names
        last = names[-1] if len(names) > 1 else ""
        advice = f"Set `balance` to the atom type that makes up for it, such as {last!r}."
        total = float(self._counts @ (self._balancing @ values["charge"]))
        if abs(total) > NEUTRAL:
            told = " + ".join(
                f"{n} {name} of {q:g} e"
                for n, name, q in zip(self._counts, names, values["charge"], strict=True)
            )
            raise RecipeError(f"coulomb: the cell has a charge of {total:g} e ({told}).", advice)
        if free["charge"].any() and not self.options.balance:
            raise RecipeError(
                "coulomb: charges that are refined one by one leave the cell charged.", advice
            )

    def charges(self, parameters: Parameters) -> Array:
        """Return the charges [type], e, the balancing one too."""
        charge = parameters["charge"]
        return jnp.sum(jnp.asarray(self._balancing, charge.dtype) * charge, axis=1)

    # -- the pair ---------------------------------------------------------------------------------
    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Return q_i q_j/(4 pi eps0) [type, type], eV angstrom."""
        charges = self.charges(parameters)
        return {"strength": COULOMB * (charges[:, None] * charges)}

    def pair_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r), eV."""
        at, slope, bend = self._shifts
        away = r - self.cutoff
        shape = erfc(self.options.damping * r) / r - at - (slope + 0.5 * bend * away) * away
        return pair["strength"] * shape

    @cached_property
    def _shifts(self) -> tuple[float, float, float]:
        """Return f, f' and f'' at the cutoff; the last 0 where only the force is shifted."""
        a, c = self.options.damping, self.cutoff
        gauss = 2.0 * a / math.sqrt(math.pi) * math.exp(-((a * c) ** 2))
        f = math.erfc(a * c) / c
        slope = -f / c - gauss / c
        bend = 2.0 * f / c**2 + 2.0 * gauss / c**2 + 2.0 * a * a * gauss
        return f, slope, bend if self.options.shift == "curvature" else 0.0

    # -- the compiled form ------------------------------------------------------------------------
    def kernel_constants(self) -> tuple[float, ...]:
        """Return what ``loops/coulomb.py`` lists."""
        return radial_constants(
            self.cutoff, self.options.damping, self._shifts, self.system.precision
        )


def radial_constants(
    cutoff: float, damping: float, shifts: tuple[float, float, float], precision: str
) -> tuple[float, ...]:
    """Return the constants of ``loops/coulomb.py``.

    The smooth part erf(alpha r)/r and its slope by s = r^2 are entire functions of s; the slope is
    interpolated at Chebyshev's points of 0 <= s <= cutoff^2.
    """
    terms = _TERMS[precision]
    square = cutoff**2

    def slope(x: np.ndarray) -> np.ndarray:
        t = damping**2 * 0.5 * square * (x + 1.0)
        return -0.5 * damping**3 * gammainc(1.5, t) / t**1.5

    coefficients = np.zeros(max(_TERMS.values()))
    if damping > 0:
        fitted = Chebyshev.interpolate(slope, terms - 1).convert(kind=Polynomial)
        coefficients[: len(fitted.coef)] = fitted.coef
    middle = math.erf(damping * math.sqrt(0.5 * square)) / math.sqrt(0.5 * square)
    return (cutoff, square, 2.0 / square, *shifts, middle, *(float(c) for c in coefficients))


Coulomb.kernel = kernels.Radial(
    "coulomb", ("strength",), (1.0, *radial_constants(9.0, 0.2, (0.0, 0.0, 0.0), "float64"))
)
potentials.add(Coulomb.name, Coulomb)
