"""Atoms with three bonds, held in the plane of their neighbours."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jax import Array
from msgspec import Struct

from dmdstudio.engine.bonded import BondedPotential, Form
from dmdstudio.engine.core import Parameters
from dmdstudio.engine.crystal import SKEWED
from dmdstudio.engine.dihedrals import dihedral
from dmdstudio.engine.molecules import FORMALDEHYDE, molecules
from dmdstudio.engine.potential import Example, potentials
from dmdstudio.plan.catalog import ParameterField


class ImproperOptions(Struct, frozen=True, kw_only=True):
    """`Improper` has no settings."""


class Improper(BondedPotential):
    """U = sum over atoms with just three bonds of k/6 (psi_1^2 + psi_2^2 + psi_3^2).

    psi is the dihedral angle of the chain centre, i, j, l, for the three cyclic orders of the three
    others, so that the order of like atoms does not count. In a plane all are zero; programs that
    take one of them have k/2 psi^2.

    Source: B. R. Brooks et al., J. Comput. Chem. 4, 187 (1983), doi 10.1002/jcc.540040211.
    """

    name: ClassVar[str] = "improper"
    label: ClassVar[str] = "Impropers"
    doc: ClassVar[str] = (
        "k/6 (psi1^2 + psi2^2 + psi3^2), the improper dihedral angles of every atom with three "
        "bonds in all three orders of its neighbours, which holds it in their plane. The bonds are "
        "found by the distances in the structure."
    )
    source: ClassVar[str] = (
        "B. R. Brooks et al., J. Comput. Chem. 4, 187 (1983), doi 10.1002/jcc.540040211"
    )
    Options = ImproperOptions
    parameters = (
        ParameterField(
            name="stiffness", unit="kcal/mol/rad2", label="k",
            doc="Of k/2 psi^2; some programs write K = k/2.", lower=0.0, per="improper",
        ),
    )  # fmt: skip
    form = Form("improper", "improper", ("stiffness",), (1.8,))

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return formaldehyde in a skewed cell."""
        bonds = [(0, 1), (0, 2), (0, 3)]
        system, positions = molecules(
            "COHH", FORMALDEHYDE, bonds, SKEWED, 3, precision, lattice_bits, platform
        )
        term = cls.build(ImproperOptions(), system)
        return {"formaldehyde": Example(system, term, {"stiffness": jnp.array([1.8])}, positions)}

    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u of one order of the neighbours [improper], eV."""
        return numbers["stiffness"] / 6.0 * dihedral(*vectors) ** 2


potentials.add(Improper.name, Improper)
