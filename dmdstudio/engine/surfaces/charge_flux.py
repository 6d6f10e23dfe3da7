"""Charges that move along the bonds as a molecule changes its shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import PhysicsError
from dmdstudio.engine.bonded import between
from dmdstudio.engine.charges import CHARGE, Balance, TypeCharges
from dmdstudio.engine.core import Configuration, Parameters, System, Theta, whole_molecules
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.surface import Example, Surface, surfaces
from dmdstudio.engine.water import ANGLE, BOND, water
from dmdstudio.plan.catalog import ParameterField


class ChargeFluxOptions(Struct, frozen=True, kw_only=True):
    """Settings of `ChargeFlux`."""

    balance: Balance = ""


@dataclass(frozen=True, eq=False)
class ChargeFlux(Surface):
    """M = sum_i q_i r_i with charges q_i that depend on the bonds and angles of their molecule.

    What one end of a bond gains the other loses, so that molecules stay as neutral as they were:

    * flux_b (r_b - length_b), from the second-named type of a bond b to the first (of H-O: from O
      to H);
    * cross_a (r_b' - length_b') + bend_a (theta_a - angle_a), for both bonds b of an angle a, from
      the centre to the end, with b' the other bond.

    Sources: U. Dinur and A. T. Hagler, J. Comput. Chem. 16, 154 (1995); for water, with more terms,
    G. S. Fanourgakis and S. S. Xantheas, J. Chem. Phys. 128, 074506 (2008).
    """

    options: ChargeFluxOptions
    system: System

    name: ClassVar[str] = "charge_flux"
    label: ClassVar[str] = "Geometry-dependent charges"
    doc: ClassVar[str] = (
        "Point charges that move from one end of a bond to the other as bonds stretch and angles "
        "open: what gives the stretch and bend bands of water their intensities. They are the "
        "dipole's own and exert no forces."
    )
    source: ClassVar[str] = (
        "U. Dinur and A. T. Hagler, J. Comput. Chem. 16, 154 (1995); "
        "G. S. Fanourgakis and S. S. Xantheas, J. Chem. Phys. 128, 074506 (2008)"
    )
    Options = ChargeFluxOptions
    parameters = (
        CHARGE,
        ParameterField(
            name="flux",
            unit="e/angstrom",
            label="j",
            doc="Charge that the first-named end of a bond gains as the bond grows.",
            per="bond",
            zero_between_like=True,
        ),
        ParameterField(
            name="length",
            unit="angstrom",
            label="r₀",
            doc="Length at which the charges are `charge`; moving it is like moving them.",
            lower=0.0,
            per="bond",
        ),
        ParameterField(
            name="cross",
            unit="e/angstrom",
            label="j′",
            doc="Charge that an end of an angle gains as the angle's other bond grows.",
            per="angle",
        ),
        ParameterField(
            name="bend",
            unit="e/rad",
            label="jθ",
            doc="Charge that either end of an angle gains as the angle opens.",
            per="angle",
        ),
        ParameterField(
            name="angle",
            unit="degree",
            label="θ₀",
            doc="Angle at which the charges are `charge`; moving it is like moving them.",
            lower=0.0,
            upper=180.0,
            per="angle",
        ),
    )

    @classmethod
    def build(cls, options: Any, system: System, field: ForceField) -> ChargeFlux:
        """Check that there are bonds and a balancing type and return the surface."""
        if not len(system.bonds):
            raise PhysicsError(
                f"{cls.name} needs bonds, but the structure has none.",
                "Take potential_charges, or check that the coordinates are in angstrom.",
            )
        surface = cls(options, system)
        surface.of_types.require()
        return surface

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell, its oxygens balancing."""
        cell = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
        system, positions = water(cell, 3, precision, lattice_bits, platform)
        surface = cls.build(ChargeFluxOptions(balance="O"), system, ForceField(system, ()))
        parameters = {
            "charge": jnp.array([0.4, 0.0]),
            "flux": jnp.array([-0.3]),
            "length": jnp.array([BOND - 0.01]),
            "cross": jnp.array([0.1]),
            "bend": jnp.array([0.2]),
            "angle": jnp.array([ANGLE + 0.02]),
        }
        return {"water": Example(system, surface, parameters, {}, positions)}

    # -- charges ----------------------------------------------------------------------------------
    @cached_property
    def of_types(self) -> TypeCharges:
        """The charges of molecules at rest, one of which may follow from the others."""
        return TypeCharges(self.name, self.system, self.options.balance)

    def derived(self) -> frozenset[tuple[str, str]]:
        """Return the balancing charge, and the fluxes of bonds whose ends are alike."""
        names = self.system.bond_names
        alike = {("flux", name) for name in names if len(set(name.split("-"))) == 1}
        return self.of_types.derived() | alike

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where the cell is charged, or would be once charges change."""
        self.of_types.check(values["charge"], free["charge"])

    @cached_property
    def _bonds(self) -> np.ndarray:
        """Both ends of every bond, in the order of its name [bond, 2]."""
        order = np.argsort(self.system.types[self.system.bonds], axis=1, kind="stable")
        return np.take_along_axis(self.system.bonds, order, axis=1)

    @cached_property
    def _directed(self) -> np.ndarray:
        """1 for bonds whose ends differ, 0 for those whose ends are alike [bond]."""
        types = self.system.types[self._bonds]
        return (types[:, 0] != types[:, 1]).astype(float)

    @cached_property
    def _arm_kinds(self) -> np.ndarray:
        """Kind of the bonds from the centre of every angle to its ends [angle, 2]."""
        kinds = {
            frozenset(bond): kind
            for bond, kind in zip(self.system.bonds.tolist(), self.system.bond_kinds, strict=True)
        }
        angles = self.system.angles.tolist()
        arms = [(kinds[frozenset((c, i))], kinds[frozenset((c, k))]) for i, c, k in angles]
        return np.array(arms, np.int64).reshape(-1, 2)

    # -- the dipole -------------------------------------------------------------------------------
    def dipole(self, parameters: Parameters, theta: Theta, configuration: Configuration) -> Array:
        """Return the dipole moment [xyz], e angstrom, of whole molecules."""
        charges = self.of_types.complete(parameters["charge"])[np.asarray(self.system.types)]
        positions = whole_molecules(self.system, configuration)
        total = jnp.matmul(charges, positions, precision="highest")
        for gained, vectors in self._moved(parameters, configuration):
            total += jnp.matmul(gained, vectors, precision="highest")
        return total

    def _moved(self, parameters: Parameters, where: Configuration) -> list[tuple[Array, Array]]:
        """Return charges [vector] that move along vectors [vector, xyz]."""
        kinds = self.system.bond_kinds
        stretch = between(where, self._bonds[:, 1], self._bonds[:, 0])
        grown = jnp.linalg.norm(stretch, axis=-1) - parameters["length"][kinds]
        flux = parameters["flux"][kinds] * jnp.asarray(self._directed, grown.dtype)
        found = [(flux * grown, stretch)]
        if not len(self.system.angles):
            return found
        first, centre, last = self.system.angles.T
        one, other = (between(where, centre, end) for end in (first, last))
        square = jnp.sum(jnp.cross(one, other) ** 2, axis=-1)
        sine = jnp.sqrt(jnp.maximum(square, 1e-24))  # three atoms in a row
        opened = jnp.arctan2(sine, jnp.sum(one * other, axis=-1))
        of = self.system.angle_kinds
        bent = parameters["bend"][of] * (opened - parameters["angle"][of])
        lengths = parameters["length"][self._arm_kinds]
        for arm, beside, length in ((one, other, lengths[:, 1]), (other, one, lengths[:, 0])):
            crossed = parameters["cross"][of] * (jnp.linalg.norm(beside, axis=-1) - length)
            found.append((crossed + bent, arm))
        return found


surfaces.add(ChargeFlux.name, ChargeFlux)
