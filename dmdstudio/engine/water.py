"""Small boxes of water molecules, for the examples that every potential brings."""

from __future__ import annotations

import numpy as np

from dmdstudio.engine.core import System
from dmdstudio.engine.molecules import molecules

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
    half = ANGLE / 2
    shape = BOND * np.array(
        [[0, 0, 0], [np.sin(half), 0, np.cos(half)], [-np.sin(half), 0, np.cos(half)]]
    )
    bonds = [(0, 1), (0, 2)]
    settings = (precision, lattice_bits, platform, stir)
    return molecules("OHH", shape, bonds, cell, sites, *settings)
