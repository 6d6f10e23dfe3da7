"""Small boxes of one sort of molecule, for the examples that bonded potentials bring."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from dmdstudio.engine.core import System

MASSES = {"C": 12.011, "H": 1.008, "N": 14.007, "O": 15.999}

PEROXIDE = np.array([[0, 0, -0.73], [0, 0, 0.73], [0.95, 0, -0.9], [-0.35, 0.88, 0.9]])
"""O, O, H, H with bonds 0-1, 0-2 and 1-3, angstrom."""

FORMALDEHYDE = np.array([[0, 0, 0], [0, 0, 1.21], [0.94, 0, -0.59], [-0.94, 0, -0.59]])
"""C, O, H, H with bonds from the first, angstrom."""


def molecules(
    symbols: Sequence[str],
    shape: np.ndarray,
    bonds: Sequence[tuple[int, int]],
    cell: np.ndarray,
    sites: int,
    precision: str,
    lattice_bits: int,
    platform: str,
    stir: float = 0.03,
) -> tuple[System, np.ndarray]:
    """Return sites^3 molecules turned at random, and their positions [atom, xyz].

    Args:
        symbols: of the atoms of one molecule.
        shape: their positions [atom, xyz], angstrom.
        bonds: pairs of them.
        cell: lattice vectors as rows [3, xyz], angstrom.
        sites: molecules along each lattice vector.
        precision: of the system.
        lattice_bits: of the system.
        platform: of the system.
        stir: standard deviation of every coordinate about the shape, angstrom.
    """
    random = np.random.default_rng(11)
    grid = np.array(list(itertools.product(range(sites), repeat=3))) / sites
    turns = np.linalg.qr(random.normal(size=(len(grid), 3, 3)))[0]
    positions = (grid @ cell)[:, None] + np.asarray(shape) @ turns
    positions += random.normal(scale=stir, size=positions.shape)
    names = tuple(sorted(set(symbols)))
    first = len(symbols) * np.arange(len(grid))
    system = System(
        names,
        np.tile([names.index(symbol) for symbol in symbols], len(grid)),
        np.tile([MASSES[symbol] for symbol in symbols], len(grid)),
        cell,
        precision,
        lattice_bits,
        platform,
        (first[:, None, None] + np.asarray(bonds)).reshape(-1, 2),
    )
    return system, positions.reshape(-1, 3)
