"""Frames of a training put together into batches whose arrays all have the same shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dmdstudio.plan.force_fit import LabelledFrame, Pairs

_ROUND = 8
"""Lengths of neighbour lists are multiples of this."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A frame as a network sees it.

    Attributes:
        frame: the labelled atoms.
        species: index of every atom's element in the arrays of the network [atom].
        pairs: all neighbours within the cutoff.
    """

    frame: LabelledFrame
    species: np.ndarray
    pairs: Pairs

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return len(self.species)

    @property
    def volume(self) -> float:
        """Of the cell, angstrom^3."""
        return float(abs(np.linalg.det(self.frame.cell)))

    @cached_property
    def longest(self) -> int:
        """Most neighbours that an atom has."""
        return int(np.bincount(self.pairs.first, minlength=1).max())


class Batch(NamedTuple):
    """Frames side by side, their atoms sorted by element; what is missing has weight 0.

    Attributes:
        positions: [atom, xyz], angstrom.
        frame: of every atom [atom]; that of room that is not taken is one more than there are.
        index: atoms that neighbours are images of [atom, neighbour].
        shift: from those to the images [atom, neighbour, xyz], angstrom.
        atoms: number of them in every frame [frame], 1 where there is none.
        volume: angstrom^3 [frame].
        cell: [frame, 3, xyz], angstrom; without extent where a dipole is not that of a crystal.
        energy: less that of the atoms by themselves [frame], eV.
        forces: [atom, xyz], eV/angstrom.
        stress: [frame, 3, 3], eV/angstrom^3.
        dipole: [frame, xyz], e angstrom.
        charges: formal ones times positions, summed [frame, xyz], e angstrom.
        has: 1 where a frame has the quantity, 0 where not, {quantity: [frame]}.
    """

    positions: np.ndarray
    frame: np.ndarray
    index: np.ndarray
    shift: np.ndarray
    atoms: np.ndarray
    volume: np.ndarray
    cell: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    stress: np.ndarray
    dipole: np.ndarray
    charges: np.ndarray
    has: dict[str, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """The shapes of batches; hashable, so that one program serves all of them.

    Attributes:
        frames: of a batch.
        counts: room for atoms of every element.
        neighbours: length of their lists.
        far: distance at which neighbours that there are not do not count, angstrom.
        precision: of the numbers.
    """

    frames: int
    counts: tuple[int, ...]
    neighbours: int
    far: float
    precision: str

    @classmethod
    def of(
        cls, samples: Sequence[Sample], frames: int, elements: int, cutoff: float, precision: str
    ) -> Layout:
        """Return shapes that hold any ``frames`` of the samples."""
        frames = min(frames, len(samples))
        counts = np.array([np.bincount(s.species, minlength=elements) for s in samples])
        largest = np.sort(counts, axis=0)[::-1][:frames].sum(axis=0)
        longest = max(1, *(sample.longest for sample in samples))
        return cls(
            frames,
            tuple(map(int, largest)),
            -(-longest // _ROUND) * _ROUND,
            2.0 * cutoff,
            precision,
        )

    @cached_property
    def species(self) -> np.ndarray:
        """Index of every atom's element [atom]."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def batch(
        self, samples: Sequence[Sample], references: np.ndarray, charges: np.ndarray
    ) -> Batch:
        """Put samples together.

        Args:
            samples: as many as there is room for, or fewer.
            references: energies of the atoms by themselves [element], eV.
            charges: formal ones [element], e.
        """
        room, dtype = len(self.species), np.dtype(self.precision)
        batch = self._empty(room, dtype)
        free = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        for number, sample in enumerate(samples):
            slot = np.empty(sample.atoms, np.int64)
            for element in np.unique(sample.species):
                own = np.flatnonzero(sample.species == element)
                slot[own] = free[element] + np.arange(len(own))
                free[element] += len(own)
            _put(batch, number, slot, sample)
            frame = sample.frame
            if frame.energy is not None:
                batch.energy[number] = frame.energy - references[sample.species].sum()
            batch.charges[number] = charges[sample.species] @ frame.positions
        return batch

    def _empty(self, room: int, dtype: np.dtype) -> Batch:
        frames = self.frames
        shift = np.zeros((room, self.neighbours, 3), dtype)
        shift[..., 0] = self.far
        return Batch(
            positions=np.zeros((room, 3), dtype),
            frame=np.full(room, frames, np.int32),
            index=np.repeat(np.arange(room, dtype=np.int32)[:, None], self.neighbours, axis=1),
            shift=shift,
            atoms=np.ones(frames, dtype),
            volume=np.ones(frames, dtype),
            cell=np.zeros((frames, 3, 3), dtype),
            energy=np.zeros(frames, dtype),
            forces=np.zeros((room, 3), dtype),
            stress=np.zeros((frames, 3, 3), dtype),
            dipole=np.zeros((frames, 3), dtype),
            charges=np.zeros((frames, 3), dtype),
            has={q: np.zeros(frames, dtype) for q in ("energy", "forces", "stress", "dipole")},
        )


def _put(batch: Batch, number: int, slot: np.ndarray, sample: Sample) -> None:
    """Write a sample into a batch; its atoms go to given places [atom]."""
    frame, pairs = sample.frame, sample.pairs
    batch.positions[slot] = frame.positions
    batch.frame[slot] = number
    begin = np.searchsorted(pairs.first, np.arange(sample.atoms))
    place = slot[pairs.first], np.arange(len(pairs.first)) - begin[pairs.first]
    batch.index[place] = slot[pairs.second]
    batch.shift[place] = pairs.images @ frame.cell
    batch.atoms[number] = sample.atoms
    if all(frame.periodic):
        batch.volume[number] = sample.volume
        batch.cell[number] = frame.cell
    for quantity, has in batch.has.items():
        value = getattr(frame, quantity)
        if value is None:
            continue
        has[number] = 1.0
        if quantity == "forces":
            batch.forces[slot] = value
        elif quantity != "energy":
            getattr(batch, quantity)[number] = value
