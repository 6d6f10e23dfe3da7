"""The dipole of the charges that the potential has anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import Configuration, Parameters, Phase, System, Theta, whole_molecules
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.potentials.coulomb import Coulomb
from dmdstudio.engine.surface import Example, Surface, surfaces
from dmdstudio.plan.catalog import setting


class PotentialChargesOptions(Struct, frozen=True, kw_only=True):
    """Settings of `PotentialCharges`."""

    term: Annotated[
        str,
        setting("Term", "The term of the potential that has the charges; empty for the only one."),
    ] = ""


@dataclass(frozen=True, eq=False)
class PotentialCharges(Surface):
    """M = sum_i q_i r_i and dM/dt = sum_i q_i v_i, with the charges of a term of the potential.

    Refining those charges then moves forces and intensities at once.
    """

    options: PotentialChargesOptions
    system: System
    field: ForceField
    key: str

    name: ClassVar[str] = "potential_charges"
    label: ClassVar[str] = "Charges of the potential"
    doc: ClassVar[str] = (
        "Fixed point charges, the same that the atoms of the potential interact by. They give the "
        "infrared bands their places and, without polarisation, only roughly their intensities."
    )
    Options = PotentialChargesOptions
    parameters = ()

    @classmethod
    def build(cls, options: Any, system: System, field: ForceField) -> PotentialCharges:
        """Find the term."""
        having = [key for key, term in field.terms if hasattr(term, "charges")]
        wanted = [options.term] if options.term else having
        if len(wanted) != 1 or wanted[0] not in having:
            asked = (
                f"the charges of {options.term!r}" if options.term else "the potential's charges"
            )
            found = (
                f"Terms with charges: {', '.join(having)}." if having else "No term has charges."
            )
            raise RecipeError(
                f"The dipole surface takes {asked}. {found}",
                "Set surface.term to one of them, or add a coulomb term to the potential.",
            )
        return cls(options, system, field, wanted[0])

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water with the charges of the Coulomb term's examples."""
        found = {}
        for name, of in Coulomb.examples(precision, lattice_bits, platform).items():
            field = ForceField(of.system, (("coulomb", of.potential),))
            surface = cls.build(PotentialChargesOptions(), of.system, field)
            found[name] = Example(of.system, surface, {}, {"coulomb": of.parameters}, of.positions)
        return found

    def _charges(self, theta: Theta) -> Array:
        term = dict(self.field.terms)[self.key]
        return term.charges(theta[self.key])[np.asarray(self.system.types)]  # type: ignore

    def dipole(self, parameters: Parameters, theta: Theta, configuration: Configuration) -> Array:
        """Return the dipole moment [xyz], e angstrom, of whole molecules."""
        return self._charges(theta) @ whole_molecules(self.system, configuration)

    def dipole_velocity(self, parameters: Parameters, theta: Theta, phase: Phase) -> Array:
        """Return sum_i q_i v_i [xyz], e angstrom/fs; ions count too."""
        return self._charges(theta) @ phase.velocities


surfaces.add(PotentialCharges.name, PotentialCharges)
