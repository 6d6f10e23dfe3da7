"""Small boxes of water molecules, for the examples that every potential brings."""

from __future__ import annotations

import itertools

import numpy as np

from dmdstudio.engine.core import System

BOND, ANGLE = 1.0, np.radians(112.0)
"""Shape of a molecule at rest: angstrom and radians."""


def water(
    cell: np.ndarray,
    sites: int = 3,
    precision: str = "float64",
    lattice_bits: int = 64,
    platform: str = "cpu",
    stir: float = 0.03,
) -> tuple[System, np.ndarray]:
    """Return sites^3 molecules O, H, H turned at random, and their positions [atom, xyz].

    Args:
        cell: lattice vectors as rows [3, xyz], angstrom.
        sites: molecules along each lattice vector.
        precision: of the system.
        lattice_bits: of the system.
        platform: of the system.
        stir: standard deviation of every coordinate about the shape at rest, angstrom.
    """
    random = np.random.default_rng(11)
    grid = np.array(list(itertools.product(range(sites), repeat=3))) / sites
    half = ANGLE / 2
    shape = BOND * np.array(
        [[0, 0, 0], [np.sin(half), 0, np.cos(half)], [-np.sin(half), 0, np.cos(half)]]
    )
    turns = np.linalg.qr(random.normal(size=(len(grid), 3, 3)))[0]
    positions = (grid @ cell)[:, None] + shape @ turns
    positions += random.normal(scale=stir, size=positions.shape)
    oxygen = 3 * np.arange(len(grid))
    system = System(
        ("H", "O"),
        np.tile([1, 0, 0], len(grid)),
        np.tile([15.999, 1.008, 1.008], len(grid)),
        cell,
        precision,
        lattice_bits,
        platform,
        np.stack([np.repeat(oxygen, 2), (oxygen[:, None] + [1, 2]).ravel()], axis=1),
    )
    return system, positions.reshape(-1, 3)
