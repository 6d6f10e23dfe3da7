"""Charges in full: Ewald's sum over all their periodic images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.charges import Balance, ChargedPairs, Screening
from dmdstudio.engine.core import Configuration, Parameters, System
from dmdstudio.engine.potential import Example, Potential, Pull, force_of, potentials, pull_of
from dmdstudio.engine.third_neighbours import Scale, scaled_system
from dmdstudio.engine.waves import Waves
from dmdstudio.plan.catalog import setting

MARGIN = 1.05
"""By which a cell may grow along every vector while the waves still suffice."""

SAFETY = 4.0
"""Error of the forces over their root mean square, at most, in units of exp(-x^2).

Measured on liquid water with cutoffs from 4.5 to 6.2 angstrom and x from 2.4 to 4: at most 2.8 from
the sum over pairs, of which the smooth end is a half, and 1.3 from the waves.
"""

FINEST = {"float32": 2e-5, "float64": 1e-10}
"""Smallest tolerance that a precision keeps; ``loops/coulomb.py`` has fewer terms in single."""


class EwaldOptions(Struct, frozen=True, kw_only=True):
    """Settings of `Ewald`."""

    cutoff: Annotated[
        float,
        setting("Cutoff", "Of the sum over pairs; waves do the rest.", "angstrom", gt=0),
    ] = 10.0
    tolerance: Annotated[
        float,
        setting(
            "Tolerance",
            "Error of the forces over their root mean square; it sets the damping and the waves.",
            ge=FINEST["float64"],
            le=1e-2,
        ),
    ] = 1e-4
    balance: Balance = ""
    scale_14: Scale = 1.0


@dataclass(frozen=True, eq=False)
class Ewald(ChargedPairs):
    """U = sum over pairs of q_i q_j/(4 pi eps0) erfc(alpha r)/r, and `Waves` for the rest of 1/r.

    Conducting surroundings; pairs one or two bonds apart are left out. Source: P. P. Ewald, Ann.
    Phys. 369, 253 (1921); M. P. Allen and D. J. Tildesley, Computer Simulation of Liquids (2017),
    section 6.2.

    The sum over pairs ends smoothly: near the cutoff c the pair's energy is brought to zero, with
    two derivatives (`Screening.tapered`). With x = sqrt(ln(4/tolerance)), alpha = x/c and waves go
    to k = 2 alpha x, and 5 % beyond for cells that grow.

    Where the cutoff stays, the time for the waves grows with the square of the number of atoms N,
    that for the pairs with N at last. Measured with tolerance 1e-4, both take as long for 200 to
    1,500 atoms and cutoffs from 6 to 12 angstrom; a mesh, whose time grows with N but begins with
    some ten million operations, would pay from about 3,000 atoms on.
    """

    options: EwaldOptions
    system: System

    name: ClassVar[str] = "ewald"
    label: ClassVar[str] = "Coulomb, Ewald sum"
    doc: ClassVar[str] = (
        "Charges with all their periodic images. Damping and waves follow from `cutoff` and "
        "`tolerance`: with x = sqrt(ln(4/tolerance)) the damping is x/cutoff, and waves go to "
        "k = 2.1 x^2/cutoff. Pairs one or two bonds apart are left out."
    )
    source: ClassVar[str] = "P. P. Ewald, Ann. Phys. 369, 253 (1921), doi 10.1002/andp.19213690304"
    Options = EwaldOptions

    @classmethod
    def build(cls, options: Any, system: System) -> Ewald:
        """Check cutoff, balance and tolerance and return the term."""
        cls.require(options, system)
        finest = FINEST[system.precision]
        if options.tolerance < finest:
            raise RecipeError(
                f"ewald: a tolerance of {options.tolerance:g} is finer than {system.precision} is "
                f"({finest:g}).",
                f"Set tolerance = {finest:g} or more, or execution.precision = 'float64'.",
            )
        return cls(options, scaled_system(options, system))

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return flexible water, in a cube with given charges, and skewed with a balanced one."""
        return cls.in_water(precision, lattice_bits, platform, cutoff=6.5, tolerance=1e-3)

    @property
    def _width(self) -> float:
        """Damping times cutoff."""
        return math.sqrt(math.log(SAFETY / self.options.tolerance))

    @property
    def screening(self) -> Screening:
        """How a pair's energy ends."""
        return Screening.tapered(self.cutoff, self._width / self.cutoff)

    @cached_property
    def waves(self) -> Waves:
        """What the pairs leave."""
        reach = 2.0 * self.screening.damping * self._width
        return Waves(self.system, self.screening, MARGIN * reach)

    @property
    def compiled(self) -> bool:
        """Whether the sums are done by compiled loops rather than by XLA."""
        return self.sums is not None and self.waves.trusted

    def _charge(self, parameters: Parameters) -> Array:
        """Return the charges [atom], e."""
        return self.charges(parameters)[self.system.types]

    def _waves_energy(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the sum over waves as XLA has it, eV."""
        return self.waves.energy(configuration, self._charge(parameters))

    def energy(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the sums over pairs and waves, eV."""
        pairs = super().energy(parameters, configuration)
        return pairs + self._waves_energy(parameters, configuration)

    def force(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return F [atom, xyz], eV/angstrom."""
        if self.compiled:
            waves = self.waves.force(configuration, self._charge(parameters))
        elif self.listed is None:
            return Potential.force(self, parameters, configuration)
        else:
            waves = force_of(self._waves_energy, parameters, configuration)
        return super().force(parameters, configuration) + waves

    def pull(
        self,
        parameters: Parameters,
        configuration: Configuration,
        w: Array,
        fixed: Parameters | None = None,
    ) -> Pull:
        """Return force and pulls from one sweep over the pairs and one over the waves."""
        fixed = fixed or {}
        if self.compiled:
            charge, back = jax.vjp(lambda moving: self._charge(moving | fixed), parameters)
            force, position, slopes = self.waves.pull(configuration, charge, w)
            waves = Pull(force, position, back(slopes)[0])
        elif self.listed is None:
            return Potential.pull(self, parameters, configuration, w, fixed)
        else:
            waves = pull_of(self._waves_energy, parameters, configuration, w, fixed)
        pairs = super().pull(parameters, configuration, w, fixed)
        return Pull(*(jax.tree.map(jnp.add, a, b) for a, b in zip(pairs, waves, strict=True)))

    def level(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the energy of a configuration in float64, eV."""
        if not self.compiled:
            return Potential.level(self, parameters, configuration)
        pairs = super().level(parameters, configuration)
        return pairs + self.waves.exact_energy(configuration, self._charge(parameters))

    def virial(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return minus the derivative by the strain [3, 3] in float64, eV."""
        if not self.compiled:
            return Potential.virial(self, parameters, configuration)
        pairs = super().virial(parameters, configuration)
        return pairs + self.waves.virial(configuration, self._charge(parameters))


potentials.add(Ewald.name, Ewald)
