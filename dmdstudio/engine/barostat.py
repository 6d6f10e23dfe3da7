"""Constant pressure: Monte Carlo changes of the volume."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.sparse import coo_array

from dmdstudio.base.units import BOLTZMANN, to_internal
from dmdstudio.engine.core import System, Theta
from dmdstudio.engine.potential import ForceField
from dmdstudio.plan.recipe import SamplingPlan

FIRST_STEP = 0.02
"""Largest trial change of ln V at first."""

ADAPTATION = 0.3
"""How fast the largest trial change follows the acceptance while chains equilibrate."""

LARGEST_STEP = 1.0
"""Largest trial change of ln V ever."""


@dataclass(frozen=True, eq=False)
class Barostat:
    """Trial changes of the volume that scale the centres of the molecules and keep their shapes.

    A change of ln V drawn evenly from a symmetric interval is accepted with probability

        min(1, exp(-beta [U' - U + P (V' - V)] + (N + 1) ln(V'/V)))

    where N is the number of molecules. With momenta left alone this leaves
    p(x, V) ~ exp(-beta [U + P V]) as it is. At fixed x and V the density depends on the parameters
    by exp(-beta U) alone, so that weights of samples, and the score of the ensemble, are those of
    constant volume. Source: D. Frenkel and B. Smit, Understanding Molecular Simulation (2002),
    section 5.4; for molecules as in K.-H. Chow and D. M. Ferguson, Comput. Phys. Commun. 91, 283
    (1995).

    Attributes:
        field: the potential energy.
        plan: temperature and pressure.
    """

    field: ForceField
    plan: SamplingPlan

    @property
    def system(self) -> System:
        """The system whose cell changes."""
        return self.field.system

    def __call__(
        self, theta: Theta, key: Array, positions: Array, cell: Array, step: Array, adapt: Array
    ) -> tuple[Array, Array, Array]:
        """Try one change.

        Args:
            theta: parameters.
            key: random key.
            positions: of whole molecules [atom, xyz], angstrom; float64.
            cell: lattice vectors as rows [3, xyz], angstrom; float64.
            step: largest change of ln V.
            adapt: whether the step may follow the acceptance.

        Returns:
            Positions, cell and step afterwards.
        """
        by_volume, by_chance = jax.random.split(key)
        change = step * jax.random.uniform(by_volume, minval=-1.0, maxval=1.0)  # of ln V
        scale = jnp.exp(change / 3.0)
        moved = positions + (scale - 1.0) * self._centres(positions)
        work = self._work(theta, moved, cell * scale) - self._work(theta, positions, cell)
        beta = 1.0 / (BOLTZMANN * self.plan.temperature)
        chance = jnp.exp(jnp.minimum(0.0, (self._count + 1) * change - beta * work))
        chance = jnp.where(jnp.isfinite(chance), chance, 0.0)  # atoms on top of each other
        accepted = jax.random.uniform(by_chance) < chance
        followed = jnp.minimum(step * jnp.exp(ADAPTATION * (chance - 0.5)), LARGEST_STEP)
        return (
            jnp.where(accepted, moved, positions),
            jnp.where(accepted, cell * scale, cell),
            jnp.where(adapt, followed, step),
        )

    def _work(self, theta: Theta, positions: Array, cell: Array) -> Array:
        """Return U + P V, eV."""
        energy = self.field.energy(theta, self.system.to_lattice(positions, cell), cell)
        return energy + to_internal(self.plan.pressure, "bar") * jnp.abs(jnp.linalg.det(cell))

    # -- molecules -----------------------------------------------------------------------------
    @cached_property
    def _count(self) -> int:
        return int(self.system.molecules.max()) + 1

    def _centres(self, positions: Array) -> Array:
        """Return the centre of mass of every atom's molecule [atom, xyz]."""
        if self._count == self.system.atoms:
            return positions
        masses, molecules = jnp.asarray(self.system.masses)[:, None], self.system.molecules
        sums = jax.ops.segment_sum(masses * positions, molecules, self._count)
        return (sums / jax.ops.segment_sum(masses, molecules, self._count))[molecules]

    def whole(self, lattice: Array, cell: Array) -> Array:
        """Return positions [atom, xyz] in float64 with no molecule cut by a face of the cell."""
        system = self.system
        positions = system.to_positions(lattice, cell)
        for atoms, parents in self._branches:
            bonds = system.to_positions(lattice[atoms] - lattice[parents], cell)  # minimum image
            positions = positions.at[atoms].set(positions[parents] + bonds)
        return positions

    @cached_property
    def _branches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Atoms one bond further from the first of their molecule, with the atoms before them."""
        system = self.system
        bonds = np.concatenate([system.bonds, system.bonds[:, ::-1]])
        shape = (system.atoms, system.atoms)
        graph = coo_array((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=shape).tocsr()
        reached = np.unique(system.molecules, return_index=True)[1]
        seen = np.zeros(system.atoms, bool)
        branches = []
        while len(reached):
            seen[reached] = True
            place, found = graph[reached].nonzero()
            parents, fresh = reached[place], ~seen[found]
            atoms, first = np.unique(found[fresh], return_index=True)
            if len(atoms):
                branches.append((atoms, parents[fresh][first]))
            reached = atoms
        return branches
