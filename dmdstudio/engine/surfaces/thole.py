"""The polarisability of atoms that induce dipoles in each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.sparse.linalg import cg
from msgspec import Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.units import factor
from dmdstudio.engine.core import Configuration, Parameters, System, Theta
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.surface import Example, Surface, surfaces
from dmdstudio.engine.water import water
from dmdstudio.plan.catalog import ParameterField, setting

Damping = Literal["exponential", "linear"]

PUBLISHED: dict[Damping, tuple[float, float, float]] = {
    "exponential": (2.7927, 5.7494, 2.1304),
    "linear": (3.5020, 6.3940, 1.7278),
}
"""Van Duijnen and Swart's polarisabilities of H and O in bohr^3, and a."""

LONGEST = 500
"""Steps after which a solve is given up; liquid water takes about 20."""


class TholeOptions(Struct, frozen=True, kw_only=True):
    """Settings of `Thole`."""

    damping: Annotated[
        Damping,
        setting("Damping", "How the charge of an atom is smeared; each has an `a` of its own."),
    ] = "exponential"
    cutoff: Annotated[
        float,
        setting("Cutoff", "Atoms induce nothing in each other from here on.", "angstrom", gt=0),
    ] = 6.0
    switch_start: Annotated[
        float, setting("Switch from", "The switching to zero starts here.", "angstrom", gt=0)
    ] = 5.0


@dataclass(frozen=True, eq=False)
class Thole(Surface):
    """alpha = sum_ij [(A^-1 + T)^-1]_ij over atoms i, j with A = diag(alpha_i).

    The dipole mu_i = alpha_i (E - sum_j T_ij mu_j) is induced by the applied field and by all other
    dipoles within the cutoff, at the nearest image; a smooth switch S ends their tensor

        T_ij = S(r) [f_e 1/r^3 - 3 f_t r r/r^5],   u = r/(alpha_i alpha_j)^(1/6)
        exponential    f_e = 1 - (1 + a u + a^2 u^2/2) exp(-a u),  f_t = f_e - a^3 u^3/6 exp(-a u)
        linear         f_e = 4 v^3 - 3 v^4,  f_t = v^4,  v = min(u/a, 1)

    with S = 1 - 10 x^3 + 15 x^4 - 6 x^5, x from 0 at the start of the switch to 1 at the cutoff.
    The equations, 3 per atom, are solved to rounding. Beyond the cutoff the liquid is taken for a
    continuum, whose local field is a factor of all intensities and left out.

    Sources: B. T. Thole, Chem. Phys. 59, 341 (1981); P. T. van Duijnen and M. Swart, J. Phys. Chem.
    A 102, 2399 (1998), who have polarisabilities for both forms: a = 2.1304 with 0.414 (H) and
    0.852 angstrom^3 (O) for the exponential one, 1.7278 with 0.519 and 0.947 for the linear one.
    """

    options: TholeOptions
    system: System

    name: ClassVar[str] = "thole"
    label: ClassVar[str] = "Induced dipoles (Thole)"
    doc: ClassVar[str] = (
        "Polarisable atoms that feel the dipoles of all others, damped where they overlap: few "
        "numbers, one for each element and one for the damping, and what neighbours induce in "
        "each other is in. Costs a linear solve with three unknowns per atom at every frame."
    )
    source: ClassVar[str] = (
        "B. T. Thole, Chem. Phys. 59, 341 (1981); "
        "P. T. van Duijnen and M. Swart, J. Phys. Chem. A 102, 2399 (1998)"
    )
    gives = "polarisability"
    Options = TholeOptions
    parameters = (
        ParameterField(
            name="polarisability",
            unit="angstrom3",
            label="α",
            doc="Polarisability of a lone atom.",
            lower=0.0,
        ),
        ParameterField(
            name="damping",
            unit="",
            label="a",
            doc="The larger, the less overlapping atoms are damped (exponential), or the more "
            "(linear).",
            lower=0.0,
            per="none",
            typical=PUBLISHED["exponential"][2],
        ),
    )

    @classmethod
    def build(cls, options: Any, system: System, field: ForceField) -> Thole:
        """Check the cutoff and return the surface."""
        if options.switch_start >= options.cutoff:
            raise RecipeError(
                f"{cls.name}: the switch starts at {options.switch_start:g} angstrom, but the "
                f"cutoff is {options.cutoff:g} angstrom.",
                "Set switch_start below cutoff.",
            )
        system.require_cutoff(options.cutoff, cls.name)
        return cls(options, system)

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell, with either damping."""
        cell = np.array([[10.0, 0.0, 0.0], [1.5, 10.5, 0.0], [-1.0, 1.2, 10.5]])
        system, positions = water(cell, 2, precision, lattice_bits, platform)
        found = {}
        for damping, (of_h, of_o, a) in PUBLISHED.items():
            options = TholeOptions(damping=damping, cutoff=4.6, switch_start=3.6)
            surface = cls.build(options, system, ForceField(system, ()))
            alphas = jnp.array([of_h, of_o]) * factor("bohr3", "angstrom3")
            parameters = {"polarisability": alphas, "damping": jnp.array([a])}
            found[f"water_{damping}"] = Example(system, surface, parameters, {}, positions)
        return found

    def check(self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]) -> None:
        """Raise `RecipeError` where an atom cannot be polarised at all, or nothing is damped."""
        for name, owners in (("polarisability", self.system.type_names), ("damping", ("",))):
            for owner, value in zip(owners, values[name], strict=True):
                if value <= 0.0:
                    raise RecipeError(
                        f"{self.name}: {name}{f' of {owner}' if owner else ''} is {value:g}.",
                        "Give it a value above 0, and a lower bound above 0 where it is refined.",
                    )

    def polarisability(
        self, parameters: Parameters, theta: Theta, configuration: Configuration
    ) -> Array:
        """Return alpha [xyz, xyz], angstrom^3.

        Of alpha = s (1 + s T s)^-1 s with s^2 = A, whose matrix is symmetric and near 1.
        """
        root = jnp.sqrt(parameters["polarisability"])[np.asarray(self.system.types)]
        tensor = self._tensor(root, parameters["damping"][0], configuration)
        size, eye = 3 * self.system.atoms, np.eye(3)
        coupled = (root[:, None, None, None] * root[:, None] * tensor).reshape(size, size)
        field = (root[:, None, None] * eye.astype(root.dtype)).reshape(size, 3)
        matrix = coupled + np.eye(size, dtype=root.dtype)
        induced = self._solved(matrix, field)
        value = jnp.matmul(field.T, induced, precision="highest")
        return 0.5 * (value + value.T)

    def _solved(self, matrix: Array, field: Array) -> Array:
        """Return the solution of matrix X = field; not a number where dipoles run away.

        That is, where the steps do not come to an end or the answer points against the field.
        By conjugate gradients to rounding, since the matrix is near 1; derivatives are solves of
        their own. LAPACK's factors would do, but with a device for each core its calls wait, in
        the threads of XLA's pool, for others of that pool, which wait as well.
        """

        def apply(x: Array) -> Array:
            return jnp.matmul(matrix, x, precision="highest")

        rounding = 10.0 * float(jnp.finfo(field.dtype).eps)
        found, _ = cg(apply, field, tol=rounding, maxiter=LONGEST)
        left = jnp.linalg.norm(apply(found) - field) / jnp.linalg.norm(field)
        along = jnp.sum(found * field, axis=0)
        sound = (left < 100.0 * rounding) & jnp.all(along > 0.0)
        return jnp.where(sound, found, jnp.nan)

    def _tensor(self, root: Array, damping: Array, configuration: Configuration) -> Array:
        """Return T [atom, xyz, atom, xyz], 1/angstrom^3; zero between an atom and itself."""
        atoms, start = self.system.atoms, self.options.switch_start
        itself = np.eye(atoms, dtype=bool)
        vectors = configuration.displacements()
        square = jnp.where(itself, 1.0, jnp.sum(vectors * vectors, axis=-1))
        r = jnp.sqrt(square)
        x = jnp.clip((r - start) / (self.options.cutoff - start), 0.0, 1.0)
        switch = jnp.where(itself, 0.0, 1.0 - x**3 * (10.0 - x * (15.0 - 6.0 * x)))
        spread = jnp.cbrt(root)
        along, across = self._damped(r / (spread[:, None] * spread), damping)
        direct = switch * across / (r * square)
        crossed = 3.0 * switch * along / (r * square * square)
        outer = vectors[:, :, :, None] * vectors[:, :, None, :]
        tensor = direct[:, :, None, None] * np.eye(3, dtype=r.dtype)
        return (tensor - crossed[:, :, None, None] * outer).transpose(0, 2, 1, 3)

    def _damped(self, u: Array, a: Array) -> tuple[Array, Array]:
        """Return f_t and f_e at reduced distances u."""
        if self.options.damping == "linear":
            v = jnp.minimum(u / a, 1.0)
            return v**4, v**3 * (4.0 - 3.0 * v)
        au = a * u
        fading = jnp.exp(-au)
        across = 1.0 - (1.0 + au * (1.0 + 0.5 * au)) * fading
        return across - au**3 / 6.0 * fading, across


surfaces.add(Thole.name, Thole)
