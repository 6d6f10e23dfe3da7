"""System, lattice configuration and phase: what every potential and observable is handed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dmdstudio.base.errors import PhysicsError
from dmdstudio.plan.owners import directed_names, pair_names, triplet_names
from dmdstudio.plan.recipe import chain

Parameters = dict[str, Array]
"""Numbers of one potential by name, each [type] or of a shape of its own, internal units."""

Theta = dict[str, Parameters]
"""Numbers of a whole force field by the potential's key."""


def joined(theta: Theta, fixed: Theta) -> Theta:
    """Return the numbers of two parts of a force field, of which none is in both."""
    return {key: theta.get(key, {}) | fixed.get(key, {}) for key in theta | fixed}


@dataclass(frozen=True)
class System:
    """What does not change during a refinement.

    Attributes:
        type_names: names of the atom types, sorted.
        types: index into `type_names` [atom].
        masses: [atom], amu.
        cell: lattice vectors as rows [3, xyz], angstrom; starts of constant pressure scale it.
        bonds: pairs of bonded atoms [bond, 2], each once.
        precision: dtype of forces and features, ``float32`` or ``float64``.
        lattice_bits: bits of a lattice coordinate, 32 or 64.
        platform: ``cpu``, ``gpu``: where the kernels will run.
        pairs: ``dense``, ``cells``: how pairs are found; ``auto`` chooses by the number of atoms.
        apart: bonds between two atoms up to which they have no pair forces, 2 or 3.
        symbols: chemical elements [atom]; empty where the types are named by them.
    """

    type_names: tuple[str, ...]
    types: np.ndarray
    masses: np.ndarray
    cell: np.ndarray
    precision: str = "float32"
    lattice_bits: int = 32
    platform: str = "cpu"
    bonds: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    pairs: str = "auto"
    apart: int = 2
    symbols: tuple[str, ...] = ()

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return len(self.types)

    @cached_property
    def elements(self) -> np.ndarray:
        """Chemical elements [atom], whatever names the types have."""
        return np.array(self.symbols or [self.type_names[type_] for type_ in self.types])

    @property
    def dtype(self) -> np.dtype:
        """Dtype of forces and features."""
        return np.dtype(self.precision)

    @property
    def lattice_dtype(self) -> np.dtype:
        """Dtype of lattice coordinates."""
        return np.dtype(f"int{self.lattice_bits}")

    @property
    def orthorhombic(self) -> bool:
        """Whether the lattice vectors lie along x, y and z."""
        return bool(np.all(self.cell == np.diag(np.diagonal(self.cell))))

    @property
    def perpendicular_widths(self) -> np.ndarray:
        """Distances between opposite faces of the cell [3], angstrom."""
        return 1.0 / np.linalg.norm(np.linalg.inv(self.cell), axis=0)

    @property
    def largest_cutoff(self) -> float:
        """Half the smallest perpendicular width: the integer wrap finds every pair closer."""
        return float(self.perpendicular_widths.min() / 2)

    def require_cutoff(self, cutoff: float, name: str) -> None:
        """Raise `PhysicsError` where the cell is too small for a cutoff (angstrom)."""
        if cutoff > self.largest_cutoff:
            need = int(np.ceil(2 * cutoff / self.perpendicular_widths.min()))
            raise PhysicsError(
                f"{name} has a cutoff of {cutoff:g} angstrom, but the cell is only "
                f"{self.perpendicular_widths.min():.3f} angstrom wide (half: "
                f"{self.largest_cutoff:.3f}).",
                f"Set system.replicate to {need} copies along the narrow direction, or cutoff "
                f"below {self.largest_cutoff:.2f}.",
            )

    @cached_property
    def molecules(self) -> np.ndarray:
        """Index of the molecule that an atom belongs to [atom]; unbonded atoms stand alone."""
        linked = coo_array(
            (np.ones(len(self.bonds)), (self.bonds[:, 0], self.bonds[:, 1])),
            shape=(self.atoms, self.atoms),
        )
        return connected_components(linked, directed=False)[1]

    @cached_property
    def angles(self) -> np.ndarray:
        """Pairs of bonds that share an atom [angle, 3]: the centre in the middle, ends i < k."""
        found = [
            (min(pair), centre, max(pair))
            for centre, around in enumerate(self._bonded_to)
            for pair in combinations(around, 2)
        ]
        return np.array(sorted(found), np.int64).reshape(-1, 3)

    @cached_property
    def torsions(self) -> np.ndarray:
        """Chains of three bonds over four atoms [torsion, 4], i-j-k-l with i < l."""
        around = self._bonded_to
        found = [
            (i, j, k, l) if i < l else (l, k, j, i)
            for j, k in self.bonds.tolist()
            for i in around[j]
            for l in around[k]  # noqa: E741
            if i != k and l not in (i, j)
        ]
        return np.array(sorted(found), np.int64).reshape(-1, 4)

    @cached_property
    def impropers(self) -> np.ndarray:
        """Atoms with just three bonds, and those that they are bonded to [improper, 4].

        The centre is first, the others are sorted by their types and numbers.
        """
        found = [
            (centre, *sorted(around, key=lambda i: (self.types[i], i)))
            for centre, around in enumerate(self._bonded_to)
            if len(around) == 3
        ]
        return np.array(found, np.int64).reshape(-1, 4)

    @cached_property
    def third_neighbours(self) -> np.ndarray:
        """Pairs of atoms three bonds apart and no less [pair, 2], i < j, sorted, each once."""
        pairs = {(i, j) for i, _, _, j in self.torsions.tolist()} - self._near
        return np.array(sorted(pairs), np.int64).reshape(-1, 2)

    @property
    def third_neighbour_kinds(self) -> np.ndarray:
        """Index into `pair_names` [pair] of `third_neighbours`."""
        first, second = self.types[self.third_neighbours].T
        return self.pair_kinds[first, second]

    @cached_property
    def exclusions(self) -> np.ndarray:
        """Pairs of atoms one or two (or three: `apart`) bonds apart [pair, 2], i < j, sorted."""
        left_out = set(self._near)
        if self.apart > 2:
            left_out |= {(i, j) for i, j in self.third_neighbours.tolist()}
        return np.array(sorted(left_out), np.int64).reshape(-1, 2)

    @cached_property
    def _near(self) -> set[tuple[int, int]]:
        """Pairs of atoms one or two bonds apart, i < j."""
        bonds = np.sort(self.bonds, axis=1)
        return {(i, j) for i, j in bonds.tolist()} | {(i, k) for i, _, k in self.angles.tolist()}

    def owners(self, per: str) -> tuple[str, ...]:
        """Return the names of what has numbers of its own: types, pairs of them, bonds ...

        One without a name where ``per`` is ``none``.
        """
        return {
            "type": self.type_names,
            "pair": self.pair_names,
            "bond": self.bond_names,
            "angle": self.angle_names,
            "torsion": self.torsion_names,
            "improper": self.improper_names,
            "triplet": triplet_names(self.type_names),
            "directed pair": directed_names(self.type_names, 1),
            "directed triplet": directed_names(self.type_names, 2),
            "none": ("",),
        }[per]

    @cached_property
    def pair_names(self) -> tuple[str, ...]:
        """Pairs of types, like ones too, such as ``Na-Na`` and ``Cl-Na``, sorted."""
        return pair_names(self.type_names)

    @cached_property
    def pair_kinds(self) -> np.ndarray:
        """Index into `pair_names` [type, type]."""
        names = self.type_names
        return np.array([[self.pair_names.index(chain((a, b))) for b in names] for a in names])

    @cached_property
    def bond_names(self) -> tuple[str, ...]:
        """Kinds of bonds by their types, such as ``H-O``, sorted."""
        return tuple(sorted(set(self._chains(self.bonds))))

    @cached_property
    def bond_kinds(self) -> np.ndarray:
        """Index into `bond_names` [bond]."""
        return np.array([self.bond_names.index(n) for n in self._chains(self.bonds)], np.int64)

    @cached_property
    def angle_names(self) -> tuple[str, ...]:
        """Kinds of angles by their types, such as ``H-O-H``, sorted."""
        return tuple(sorted(set(self._chains(self.angles))))

    @cached_property
    def angle_kinds(self) -> np.ndarray:
        """Index into `angle_names` [angle]."""
        return np.array([self.angle_names.index(n) for n in self._chains(self.angles)], np.int64)

    @cached_property
    def torsion_names(self) -> tuple[str, ...]:
        """Kinds of torsions by their types, such as ``H-O-O-H``, sorted."""
        return tuple(sorted(set(self._chains(self.torsions))))

    @cached_property
    def torsion_kinds(self) -> np.ndarray:
        """Index into `torsion_names` [torsion]."""
        names = self._chains(self.torsions)
        return np.array([self.torsion_names.index(n) for n in names], np.int64)

    @cached_property
    def improper_names(self) -> tuple[str, ...]:
        """Kinds of atoms with three bonds, such as ``C(H,H,O)``, sorted."""
        return tuple(sorted(set(self._stars(self.impropers))))

    @cached_property
    def improper_kinds(self) -> np.ndarray:
        """Index into `improper_names` [improper]."""
        names = self._stars(self.impropers)
        return np.array([self.improper_names.index(n) for n in names], np.int64)

    def _stars(self, atoms: np.ndarray) -> list[str]:
        named = [[self.type_names[self.types[i]] for i in row] for row in atoms]
        return [f"{centre}({','.join(others)})" for centre, *others in named]

    def _chains(self, atoms: np.ndarray) -> list[str]:
        return [chain([self.type_names[self.types[i]] for i in row]) for row in atoms]

    @cached_property
    def _bonded_to(self) -> list[list[int]]:
        around: list[list[int]] = [[] for _ in range(self.atoms)]
        for i, j in self.bonds:
            around[i].append(int(j))
            around[j].append(int(i))
        return around

    # -- the lattice ---------------------------------------------------------------------------
    @property
    def lattice_size(self) -> float:
        """Number of lattice points along a cell vector, 2**bits."""
        return 2.0**self.lattice_bits

    def to_lattice(self, positions: Array, cell: Array | None = None) -> Array:
        """Put coordinates [..., atom, xyz] (angstrom) on the lattice [..., atom, 3]."""
        inverse = np.linalg.inv(self.cell) if cell is None else jnp.linalg.inv(cell)
        fractional = jnp.asarray(positions, jnp.float64) @ inverse
        return self.wrap(fractional - jnp.floor(fractional))

    def wrap(self, fractional: Array) -> Array:
        """Put fractional coordinates in [0, 1) on the lattice."""
        half = jnp.floor(fractional + 0.5)  # the integers are signed: [-1/2, 1/2)
        scaled = jnp.round((fractional - half) * self.lattice_size)
        limit = self.lattice_size / 2
        scaled = jnp.where(scaled >= limit, scaled - self.lattice_size, scaled)
        return scaled.astype(self.lattice_dtype)

    def to_positions(self, lattice: Array, cell: Array | None = None) -> Array:
        """Return coordinates [..., atom, xyz] in angstrom, inside [-1/2, 1/2) of the cell."""
        vectors = jnp.asarray(self.cell if cell is None else cell)
        return (lattice.astype(jnp.float64) / self.lattice_size) @ vectors


jax.tree_util.register_static(System)


class Configuration(NamedTuple):
    """Atoms on the lattice, with a float displacement to differentiate by.

    Attributes:
        lattice: integer fractional coordinates [atom, 3].
        offset: displacement added to the lattice position [atom, xyz], angstrom; zero in use, it
            carries the derivative by the positions.
        cell: lattice vectors as rows [3, xyz], angstrom.
    """

    lattice: Array
    offset: Array
    cell: Array

    def displacements(self) -> Array:
        """Return minimum-image vectors r_j - r_i [atom i, atom j, xyz], angstrom."""
        bits = 8 * self.lattice.dtype.itemsize
        steps = self.lattice[None, :, :] - self.lattice[:, None, :]  # wraps: the minimum image
        dtype = self.offset.dtype
        vectors = (steps.astype(dtype) * dtype.type(2.0**-bits)) @ self.cell
        return vectors + (self.offset[None, :, :] - self.offset[:, None, :])


def whole_molecules(system: System, configuration: Configuration) -> Array:
    """Return positions [atom, xyz], angstrom, of molecules that no face of the cell cuts.

    Every atom is the nearest image to the first of its molecule: a molecule is taken to be smaller
    than half the cell. Only sums over neutral molecules do not depend on where they lie.
    """
    _, first = np.unique(system.molecules, return_index=True)
    first = first[system.molecules]
    lattice, offset = configuration.lattice, configuration.offset
    dtype = offset.dtype
    share = dtype.type(2.0 ** -(8 * lattice.dtype.itemsize))
    steps = (lattice - lattice[first]).astype(dtype) * share  # wraps: the nearest image
    origin = lattice[first].astype(dtype) * share
    return (steps + origin) @ configuration.cell + offset


def configuration(system: System, lattice: Array, cell: Array) -> Configuration:
    """Return a configuration with a zero offset in the system's precision."""
    return Configuration(
        lattice, jnp.zeros(lattice.shape, system.dtype), jnp.asarray(cell, system.dtype)
    )


class Phase(NamedTuple):
    """One instant of a trajectory, as an observable sees it.

    Attributes:
        configuration: the atoms, differentiable through its offset.
        velocities: [atom, xyz], angstrom/fs.
        energy: potential energy, eV; only where an observable needs it.
        virial: minus the derivative of the potential energy by the strain [3, 3], eV; as above.
        stiffness: change of minus the virial by six strains [6, 6], eV; as above.
        dipole: of the cell, of whole molecules [xyz], e angstrom; as above.
        dipole_velocity: its time derivative [xyz], e angstrom/fs; as above.
        polarisability: of the cell [xyz, xyz], angstrom^3; as above.
        polarisability_velocity: its time derivative [xyz, xyz], angstrom^3/fs; as above.
    """

    configuration: Configuration
    velocities: Array
    energy: Array | None = None
    virial: Array | None = None
    stiffness: Array | None = None
    dipole: Array | None = None
    dipole_velocity: Array | None = None
    polarisability: Array | None = None
    polarisability_velocity: Array | None = None


class Start(NamedTuple):
    """Where a trajectory begins.

    Attributes:
        lattice: fractional coordinates [atom, 3].
        velocities: [atom, xyz], angstrom/fs.
        cell: lattice vectors as rows [3, xyz], angstrom; float64.
    """

    lattice: Any
    velocities: Any
    cell: Any


class State(NamedTuple):
    """A point of the reversible trajectory; integers, so that undoing a step is exact.

    Attributes:
        lattice: s_n, fractional coordinates [atom, 3].
        displacement: p_(n-1/2), lattice units per step [atom, 3].
    """

    lattice: Array
    displacement: Array


Tree = Any
"""A pytree of arrays."""
