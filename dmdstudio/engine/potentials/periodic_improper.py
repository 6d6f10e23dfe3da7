"""Atoms with three bonds, whose turn about one of them is a wave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.bonded import BondedPotential, Form
from dmdstudio.engine.core import Parameters
from dmdstudio.engine.crystal import SKEWED
from dmdstudio.engine.dihedrals import require_whole, wave
from dmdstudio.engine.molecules import FORMALDEHYDE, molecules
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.plan.catalog import ParameterField, setting
from dmdstudio.plan.impropers import ORDERS, Order


class PeriodicImproperOptions(Struct, frozen=True, kw_only=True):
    """Settings of `PeriodicImproper`."""

    order: Annotated[
        Order,
        setting(
            "Order",
            "Which dihedral angle of the four atoms. trefoil: the three with the centre at the "
            "end, a third of k each (OpenFF). first, second, third: the one whose axis is the "
            "centre and that one of its neighbours, sorted by the names of their types and by "
            "their numbers (AMBER, GAFF: mostly second).",
        ),
    ] = "trefoil"


class PeriodicImproper(BondedPotential):
    """U = sum over atoms with just three bonds of k (1 + cos(n phi - d)).

    phi is one dihedral angle of the centre and its neighbours, or all three with the centre at the
    end by a third each; see `plan.impropers`. The sign of phi hangs on the order of the neighbours,
    so d is 0 or 180 degrees. Terms with different orders are several terms, added.

    Source: W. D. Cornell et al., J. Am. Chem. Soc. 117, 5179 (1995), doi 10.1021/ja00124a002.
    """

    name: ClassVar[str] = "periodic_improper"
    label: ClassVar[str] = "Periodic impropers"
    doc: ClassVar[str] = (
        "k [1 + cos(n phi - d)] for a dihedral angle phi of every atom with three bonds and its "
        "neighbours, as AMBER, GAFF and OpenFF have it; with n = 2 and d = 180 degrees it holds "
        "the atom in their plane. The bonds are found by the distances in the structure."
    )
    source: ClassVar[str] = (
        "W. D. Cornell et al., J. Am. Chem. Soc. 117, 5179 (1995), doi 10.1021/ja00124a002"
    )
    Options = PeriodicImproperOptions
    parameters = (
        ParameterField(
            name="barrier", unit="kcal/mol", label="k", doc="Half the height of the barrier.",
            per="improper",
        ),
        ParameterField(
            name="phase", unit="degree", label="δ", doc="0 or 180, where the energy is largest.",
            lower=-360.0, upper=360.0, typical=180.0, per="improper",
        ),
        ParameterField(
            name="multiplicity", unit="1", label="n",
            doc="Waves per turn, a whole number; not refined.",
            lower=1.0, upper=6.0, typical=2.0, per="improper",
        ),
    )  # fmt: skip
    form = Form(
        "periodic_torsion", "improper", ("barrier", "phase", "multiplicity"), (0.06, 0.4, 2.0)
    )

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return formaldehyde in a skewed cell."""
        bonds = [(0, 1), (0, 2), (0, 3)]
        system, positions = molecules(
            "COHH", FORMALDEHYDE, bonds, SKEWED, 3, precision, lattice_bits, platform
        )
        term = cls.build(PeriodicImproperOptions(order="second"), system)
        parameters = {
            "barrier": jnp.array([0.46]),
            "phase": jnp.array([np.pi]),
            "multiplicity": jnp.array([2.0]),
        }
        return {"formaldehyde": Example(system, term, parameters, positions)}

    @property
    def orders(self) -> tuple[tuple[int, ...], ...]:
        """Orders of the centre and its neighbours in which they are dihedral angles."""
        return ORDERS[self.options.order]

    @property
    def share(self) -> float:
        """By what every dihedral angle counts."""
        return 1.0 / len(self.orders)

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` for waves that are not whole, or not the same from both sides."""
        owners, phases = self.system.improper_names, values["phase"]
        require_whole(self.name, owners, values["multiplicity"], free["multiplicity"])
        for kind, owner in enumerate(owners):
            if abs(np.sin(phases[kind])) > 1e-9 or free["phase"][kind]:
                raise RecipeError(
                    f"periodic_improper: phase of {owner} is {np.degrees(phases[kind]):g} degrees"
                    f"{' and free' if free['phase'][kind] else ''}; it must be 0 or 180 and stay, "
                    "for the sign of the angle hangs on the order of the neighbours.",
                    "Set phase to 180 degrees, as usual, and free = false.",
                )

    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u of one dihedral angle at its full weight [improper], eV."""
        return wave(vectors, numbers)


potentials.add(PeriodicImproper.name, PeriodicImproper)
