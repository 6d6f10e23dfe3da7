"""Pair potentials: a subclass gives the energy of one pair, this base does the sums.

On a CPU, a potential may offer its closed radial form to the compiled sums of `kernels`; everywhere
else the sums are XLA's, over all pairs of small systems and over those that cells find of large
ones. Pairs that bonds leave out (`System.exclusions`) are never summed.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
from jax import Array

from dmdstudio.engine import kernels
from dmdstudio.engine.bonded import BondedPotential
from dmdstudio.engine.cell_lists import STEP, CellLists, cells_pay
from dmdstudio.engine.core import Configuration, Parameters, System
from dmdstudio.engine.listed_pairs import SHARE, ListedPairs
from dmdstudio.engine.pair_sums import PairSums
from dmdstudio.engine.potential import Potential, Pull


@dataclass(frozen=True, eq=False)
class PairPotential(Potential):
    """U = sum over pairs i < j of u(r_ij), zero beyond the cutoff; subclasses are dataclasses.

    Attributes:
        options: of the term; they have a ``cutoff``.
        system: what it was built for.
        run: atoms that a run of cells has room for; 0 for as many as its density wants.
        kernel: the closed radial form for CPU kernels, or None.
    """

    options: Any
    system: System
    run: int = field(default=0, kw_only=True)
    kernel: ClassVar[kernels.Radial | None] = None

    @property
    def cutoff(self) -> float:
        """Distance beyond which it is zero, angstrom."""
        return self.options.cutoff

    @abc.abstractmethod
    def pair_parameters(self, parameters: Parameters) -> Parameters:
        """Combine parameters [type] into parameters of a pair [type, type]."""

    @abc.abstractmethod
    def pair_energy(self, r: Array, pair: Parameters) -> Array:
        """Return u(r) in eV, smooth down to zero at the cutoff; elementwise, r in angstrom."""

    def kernel_constants(self) -> tuple[float, ...]:
        """Return the numbers that the kernel is handed after the refinable ones, internal units."""
        return ()

    @cached_property
    def third(self) -> BondedPotential | None:
        """The sum over pairs three bonds apart, where it differs from that over others."""
        return None

    def third_numbers(self, parameters: Parameters) -> Parameters:
        """Return the parameters of `third`."""
        raise NotImplementedError

    def energy(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the sum over pairs, eV."""
        if self.listed is None:
            squared, pair = self._pairs(parameters, configuration)
            found = 0.5 * jnp.sum(self._energy_of_square(squared, pair))
        else:
            found = self.listed.energy(configuration, self.pair_parameters(parameters))
        return found + self._third_energy(parameters, configuration)

    def _third_energy(self, parameters: Parameters, configuration: Configuration) -> Array:
        if self.third is None:
            return jnp.zeros((), configuration.cell.dtype)
        return self.third.energy(self.third_numbers(parameters), configuration)

    def _pairs(
        self, parameters: Parameters, configuration: Configuration
    ) -> tuple[Array, Parameters]:
        """Return squared distances [atom, atom] and parameters of the pairs.

        An atom is far from itself and from those that it is bonded to (`System.exclusions`).
        """
        vectors = configuration.displacements()
        squared = jnp.sum(vectors * vectors, axis=-1)
        far = (2.0 * self.cutoff) ** 2
        squared = jnp.fill_diagonal(squared, far, inplace=False)
        i, j = self.system.exclusions.T
        squared = squared.at[i, j].set(far).at[j, i].set(far)
        pair = self.pair_parameters(parameters)
        if len(self.system.type_names) == 1:
            return squared, {name: value[0, 0] for name, value in pair.items()}
        types = self.system.types
        return squared, {name: value[types[:, None], types] for name, value in pair.items()}

    def _energy_of_square(self, squared: Array, pair: Parameters) -> Array:
        inside = squared < self.cutoff**2
        distance = jnp.sqrt(jnp.where(inside, squared, self.cutoff**2))
        return jnp.where(inside, self.pair_energy(distance, pair), 0.0)

    @cached_property
    def sums(self) -> PairSums | None:
        """The compiled sums, or None where XLA does them."""
        if self.kernel is None or self.system.platform != "cpu":
            return None
        sums = self._sums(self.system.precision)
        sound = sums.trusted("force") and self.exact_sums.trusted("level")
        return sums if sound else None

    @cached_property
    def exact_sums(self) -> PairSums:
        """The compiled sums in float64."""
        return self._sums("float64")

    def _sums(self, precision: str) -> PairSums:
        assert self.kernel is not None
        system = replace(self.system, precision=precision)
        term = replace(self, system=system)  # type: ignore[type-var]  # its constants may differ
        return PairSums(self.kernel, system, term.kernel_constants(), self.cutoff)

    # -- cells ------------------------------------------------------------------------------------
    @cached_property
    def listed(self) -> ListedPairs | None:
        """XLA's sums over the pairs that cells find, or None where it sums over all pairs."""
        cells = CellLists.of(self.system, self.cutoff)
        if not cells_pay(self.system, cells, SHARE):
            return None
        cells = cells.with_length(self.run or cells.length)
        return ListedPairs(self._energy_of_square, self.system, self.cutoff, cells)

    @property
    def capacity(self) -> int:
        """Atoms that a run of cells has room for; 0 where there are no cells."""
        return 0 if self.listed is None else self.listed.cells.length

    def with_capacity(self, capacity: int) -> Self:
        """Return the term with runs of cells of at least this length; see `Potential`."""
        capacity = min(-(-capacity // STEP) * STEP, self.system.atoms)
        return replace(self, run=capacity) if 0 < self.capacity < capacity else self

    def crowding(self, lattice: Array, cell: Array) -> tuple[int, int]:
        """Return the atoms in the longest run of cells, and how many there is room for."""
        if self.listed is None:
            return 0, 0
        longest = _longest(self.listed.cells, lattice, jnp.asarray(cell, jnp.float64))
        return int(longest), self.capacity

    # -- forces -----------------------------------------------------------------------------------
    @property
    def compiled(self) -> bool:
        """Whether the sums are done by `kernels` rather than by XLA."""
        return self.sums is not None and (self.third is None or self.third.compiled)

    def _kernel_table(self, parameters: Parameters) -> Array:
        """Return the refinable numbers as the kernel takes them [type, type, number]."""
        assert self.kernel is not None
        pair = self.pair_parameters(parameters)
        return jnp.stack([pair[name] for name in self.kernel.parameters], axis=-1)

    def force(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return F [atom, xyz], eV/angstrom."""
        if self.sums is not None:
            force = self.sums.force(configuration, self._kernel_table(parameters))
        elif self.listed is not None:
            force = self.listed.force(configuration, self.pair_parameters(parameters))
        else:
            return super().force(parameters, configuration)
        if self.third is None:
            return force
        return force + self.third.force(self.third_numbers(parameters), configuration)

    def pull(
        self,
        parameters: Parameters,
        configuration: Configuration,
        w: Array,
        fixed: Parameters | None = None,
    ) -> Pull:
        """Return force and pulls from one sweep over the pairs."""
        fixed = fixed or {}
        if self.sums is not None:
            table, back = jax.vjp(lambda moving: self._kernel_table(moving | fixed), parameters)
            force, position, slopes = self.sums.pull(configuration, table, w)
        elif self.listed is not None:
            pairs, back = jax.vjp(lambda moving: self.pair_parameters(moving | fixed), parameters)
            force, position, slopes = self.listed.pull(configuration, pairs, w)
        else:
            return super().pull(parameters, configuration, w, fixed)
        if self.third is None:
            return Pull(force, position, back(slopes)[0])
        numbers, back_third = jax.vjp(lambda moving: self.third_numbers(moving | fixed), parameters)
        third = self.third.pull(numbers, configuration, w)
        by = jax.tree.map(jnp.add, back(slopes)[0], back_third(third.parameters)[0])
        return Pull(force + third.force, position + third.position, by)

    def level(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the energy of a configuration in float64, eV."""
        if self.sums is None:
            return super().level(parameters, configuration)
        pairs = self.exact_sums.energy(configuration, self._kernel_table(parameters))
        return pairs + self._third_energy(parameters, configuration)

    def virial(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return minus the derivative by the strain [3, 3] in float64, eV."""
        if self.sums is None:
            return super().virial(parameters, configuration)
        pairs = self.exact_sums.virial(configuration, self._kernel_table(parameters))
        if self.third is None:
            return pairs
        return pairs + self.third.virial(self.third_numbers(parameters), configuration)


@partial(jax.jit, static_argnums=0)
def _longest(cells: CellLists, lattice: Array, cell: Array) -> Array:
    """Return the most atoms in a run of cells."""
    return jnp.max(cells.runs(lattice, cell)[1].length)
