"""Turns about bonds as waves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.engine.bonded import BondedPotential, Form
from dmdstudio.engine.core import Parameters
from dmdstudio.engine.crystal import SKEWED
from dmdstudio.engine.dihedrals import require_whole, wave
from dmdstudio.engine.molecules import PEROXIDE, molecules
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.plan.catalog import ParameterField


class PeriodicTorsionOptions(Struct, frozen=True, kw_only=True):
    """`PeriodicTorsion` has no settings."""


class PeriodicTorsion(BondedPotential):
    """U = sum over torsions of k (1 + cos(n phi - d)).

    Source: W. D. Cornell et al., J. Am. Chem. Soc. 117, 5179 (1995), doi 10.1021/ja00124a002.
    """

    name: ClassVar[str] = "periodic_torsion"
    label: ClassVar[str] = "Periodic torsions"
    doc: ClassVar[str] = (
        "k [1 + cos(n phi - d)] for the dihedral angle phi of every chain of three bonds; several "
        "n are several terms, added. The bonds are found by the distances in the structure."
    )
    source: ClassVar[str] = (
        "W. D. Cornell et al., J. Am. Chem. Soc. 117, 5179 (1995), doi 10.1021/ja00124a002"
    )
    Options = PeriodicTorsionOptions
    parameters = (
        ParameterField(
            name="barrier", unit="kcal/mol", label="k", doc="Half the height of the barrier.",
            per="torsion",
        ),
        ParameterField(
            name="phase", unit="degree", label="δ", doc="Where the energy is largest, times n.",
            lower=-360.0, upper=360.0, typical=0.0, per="torsion",
        ),
        ParameterField(
            name="multiplicity", unit="1", label="n",
            doc="Waves per turn, a whole number; not refined.",
            lower=1.0, upper=6.0, typical=3.0, per="torsion",
        ),
    )  # fmt: skip
    form = Form(
        "periodic_torsion", "torsion", ("barrier", "phase", "multiplicity"), (0.06, 0.4, 3.0)
    )

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return hydrogen peroxide in a skewed cell."""
        system, positions = molecules(
            "OOHH", PEROXIDE, [(0, 1), (0, 2), (1, 3)], SKEWED, 3, precision, lattice_bits, platform
        )
        term = cls.build(PeriodicTorsionOptions(), system)
        parameters = {
            "barrier": jnp.array([0.06]),
            "phase": jnp.array([0.3]),
            "multiplicity": jnp.array([2.0]),
        }
        return {"peroxide": Example(system, term, parameters, positions)}

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where a multiplicity is no whole number or is to be refined."""
        owners = self.system.torsion_names
        require_whole(self.name, owners, values["multiplicity"], free["multiplicity"])

    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u [torsion], eV."""
        return wave(vectors, numbers)


potentials.add(PeriodicTorsion.name, PeriodicTorsion)
