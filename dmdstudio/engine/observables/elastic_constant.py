"""Elastic constants of a crystal, from the fluctuations of its stress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.units import BOLTZMANN, factor
from dmdstudio.engine.core import Phase, System, Tree
from dmdstudio.engine.observable import Clock, Observable, observables
from dmdstudio.engine.voigt import COLUMNS, ROWS
from dmdstudio.plan.catalog import setting

STILL = 1e-20
"""Variance of ln V that is one of rounding: of cells that never change."""

EQUAL = {
    "cubic": (("11", "22", "33"), ("12", "13", "23"), ("44", "55", "66")),
    "uniaxial": (("11", "22"), ("13", "23"), ("44", "55")),
    "none": (),
}
"""Which components a symmetry makes equal."""

Component = Literal[
    "11", "12", "13", "14", "15", "16", "22", "23", "24", "25", "26",
    "33", "34", "35", "36", "44", "45", "46", "55", "56", "66", "bulk", "shear",
]  # fmt: skip


class ElasticConstantOptions(Struct, frozen=True, kw_only=True):
    """Settings of `ElasticConstant`."""

    component: Annotated[
        Component,
        setting(
            "Component",
            "Stress and strain in Voigt's notation (1 to 6 are xx, yy, zz, yz, xz, xy), or the "
            "bulk or the shear modulus as Voigt averages them over directions.",
        ),
    ] = "11"
    symmetry: Annotated[
        Literal["cubic", "uniaxial", "none"],
        setting(
            "Symmetry",
            "Components that it makes equal are averaged: of a cubic crystal whose axes are x, y "
            "and z, or of a tetragonal or hexagonal one along z.",
        ),
    ] = "cubic"


@dataclass(frozen=True, eq=False)
class ElasticConstant(Observable):
    """C_ij = d<sigma_i>/d epsilon_j at constant temperature, in Voigt's notation.

        C_ij = <D_ij>/V - cov(W_i, W_j)/(V kT) - [j <= 3] <sigma_i>
        sigma_i = -W_i/V - [i <= 3] N kT/V,   W = -dU/dstrain,   D_ij = -dW_i/d epsilon_j

    D is the stiffness of atoms that all follow the strain; the covariance takes away what they give
    way beyond it, at zero temperature too where the sites have no centre of symmetry. It is the
    formula of Squire, Holt and Hoover with its Born and kinetic terms, turned from derivatives of
    the free energy by Lagrange's strain into those of the stress, which is what sound waves and
    -V dP/dV are ruled by: under a pressure P the two differ by P, C_11 and C_44 by -P, C_12 by P.

    The covariance is that at one volume. Cells of constant pressure differ in it, and what of W
    goes along with x = ln V is taken off the covariance,

        cov(w_i, w_j) - cov(w_i, x) cov(w_j, x)/var(x),   w = W/V^(1/2),

    which for small changes of the volume is the mean covariance at the volumes that occur.

    Source: D. R. Squire, A. C. Holt and W. G. Hoover, Physica 42, 388 (1969); J. F. Lutsko,
    J. Appl. Phys. 65, 2991 (1989); for crystals under stress, T. H. K. Barron and M. L. Klein,
    Proc. Phys. Soc. 85, 523 (1965).

    Attributes:
        system: what it is made of.
        temperature: K.
        share: what every component takes of the mean [6, 6].
        involved: components of the stress that matter.
    """

    system: System
    temperature: float
    share: np.ndarray
    involved: np.ndarray

    name: ClassVar[str] = "elastic_constant"
    label: ClassVar[str] = "Elastic constant"
    doc: ClassVar[str] = (
        "An isothermal elastic constant, from how stiff configurations are and how their stress "
        "fluctuates. The first part is known well from few samples; the second, large where "
        "strained atoms rearrange (C44 of diamond's lattice, all of a liquid), takes many."
    )
    source: ClassVar[str] = "D. R. Squire, A. C. Holt & W. G. Hoover, Physica 42, 388 (1969)"
    unit: ClassVar[str] = "GPa"
    feature: ClassVar[str] = "stiffness"
    static: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"virial", "stiffness"})
    Options = ElasticConstantOptions

    @classmethod
    def build(
        cls, options: Any, system: System, clock: Clock, temperature: float
    ) -> ElasticConstant:
        """Return the observable."""
        share = _share(options.component, options.symmetry)
        involved = np.flatnonzero(share.any(axis=0) | share.any(axis=1))
        return cls(system, temperature, share, involved)

    def frame(self, phase: Phase) -> Tree:
        """Return what of one configuration is averaged, internal units.

        ``still``: D/V less the stress, and ``square``: w w, both with the shares of components;
        ``mean``: w of the components involved and then x, ``moved``: the same times x.
        """
        assert phase.virial is not None and phase.stiffness is not None
        volume = jnp.abs(jnp.linalg.det(phase.configuration.cell.astype(jnp.float64)))
        virial, normal = phase.virial[ROWS, COLUMNS], np.arange(6) < 3
        ideal = self.system.atoms * BOLTZMANN * self.temperature
        stress = -(virial + ideal * normal) / volume
        still = phase.stiffness / volume - stress[:, None] * normal
        w = virial / jnp.sqrt(volume)
        x = jnp.log(volume / abs(np.linalg.det(self.system.cell)))
        mean = jnp.append(w[self.involved], x)
        return {
            "still": jnp.sum(self.share * still),
            "square": jnp.sum(self.share * w[:, None] * w),
            "mean": mean,
            "moved": mean * x,
        }

    def curve(self, mean: Tree) -> Array:
        """Return the constant [1]."""
        share = self.share[np.ix_(self.involved, self.involved)]
        w, x = mean["mean"][:-1], mean["mean"][-1]
        along = mean["moved"] - mean["mean"] * x
        squares = jnp.sum(share * (w[:, None] * w))
        with_volume = jnp.sum(share * (along[:-1, None] * along[:-1])) / (along[-1] + STILL)
        fluctuation = (mean["square"] - squares - with_volume) / (BOLTZMANN * self.temperature)
        return (mean["still"] - fluctuation)[None] * factor("eV/angstrom3", self.unit)


def _share(component: str, symmetry: str) -> np.ndarray:
    """Return what every component takes of the mean [6, 6]."""
    share = np.zeros((6, 6))
    if component == "bulk":
        share[:3, :3] = 1.0 / 9.0
    elif component == "shear":
        share[:3, :3] = np.where(np.eye(3), 1.0, -0.5) / 15.0
        share[range(3, 6), range(3, 6)] = 0.2
    else:
        equal = next((e for e in EQUAL[symmetry] if component in e), (component,))
        for one in equal:
            i, j = (int(digit) - 1 for digit in one)
            share[i, j] += 0.5 / len(equal)
            share[j, i] += 0.5 / len(equal)
    return share


observables.add(ElasticConstant.name, ElasticConstant)
