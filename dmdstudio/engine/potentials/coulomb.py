"""Charges: the damped shifted force, a Coulomb sum that ends at a cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.charges import Balance, ChargedPairs, Screening
from dmdstudio.engine.core import System
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.engine.third_neighbours import Scale, scaled_system
from dmdstudio.plan.catalog import setting

LARGEST = 3.5
"""Of damping times cutoff: the charges are screened to 1e-6 at the cutoff."""


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
    balance: Balance = ""
    scale_14: Scale = 1.0


@dataclass(frozen=True, eq=False)
class Coulomb(ChargedPairs):
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

    @classmethod
    def build(cls, options: Any, system: System) -> Coulomb:
        """Check cutoff, damping and balance and return the term."""
        cls.require(options, system)
        if options.damping * options.cutoff > LARGEST:
            raise RecipeError(
                f"coulomb: damping {options.damping:g} 1/angstrom screens the charges long before "
                f"the cutoff {options.cutoff:g} angstrom.",
                f"Set damping to {LARGEST / options.cutoff:.3g} 1/angstrom or less; 0.2 is usual.",
            )
        return cls(options, scaled_system(options, system))

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return flexible water, in a cube with given charges, and skewed with a balanced one."""
        settings = {"cutoff": 6.5, "damping": 0.25, "shift": "curvature"}
        return cls.in_water(precision, lattice_bits, platform, **settings)

    @property
    def screening(self) -> Screening:
        """How a pair's energy ends."""
        options = self.options
        derivatives = 2 if options.shift == "curvature" else 1
        return Screening.shifted(options.cutoff, options.damping, derivatives)


potentials.add(Coulomb.name, Coulomb)
