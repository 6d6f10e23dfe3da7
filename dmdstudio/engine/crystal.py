"""Small disordered crystals, for the examples that every pair potential brings."""

from __future__ import annotations

import numpy as np

from dmdstudio.engine.core import System

CUBE = np.eye(3) * 14.5
SKEWED = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
"""Cells of 64 atoms for cutoffs up to 6.5 angstrom."""


def crystal(
    types: dict[str, float], cell: np.ndarray, precision: str, lattice_bits: int, platform: str
) -> tuple[System, np.ndarray]:
    """Return 64 atoms about the sites of a simple lattice and their positions [atom, xyz].

    Args:
        types: names, sorted, and masses (amu); the sites take them in turn.
        cell: lattice vectors as rows [3, xyz], angstrom.
        precision: of the system.
        lattice_bits: of the system.
        platform: of the system.
    """
    sites = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3) / 4
    jitter = np.random.default_rng(7).normal(scale=0.02, size=sites.shape)
    index = np.arange(len(sites)) % len(types)
    masses = np.array(list(types.values()))[index]
    system = System(tuple(types), index, masses, cell, precision, lattice_bits, platform)
    return system, (sites + jitter) @ cell


def diamond(
    types: dict[str, float],
    edge: float,
    stir: float,
    precision: str,
    lattice_bits: int,
    platform: str,
) -> tuple[System, np.ndarray]:
    """Return 64 atoms about the sites of a skewed diamond lattice and their positions [atom, xyz].

    Args:
        types: names, sorted, and masses (amu); the sites take them in turn, so that each is on
            both sublattices.
        edge: of the cell, of two by two by two unit cells, angstrom.
        stir: standard deviation of every coordinate about its site, angstrom.
        precision: of the system.
        lattice_bits: of the system.
        platform: of the system.
    """
    basis = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]])
    basis = np.concatenate([basis, basis + 1]) / 4
    copies = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    sites = (copies[:, None] + basis).reshape(-1, 3) / 2
    cell = edge * np.eye(3) + np.array([[0, 0, 0], [0.4, 0, 0], [-0.3, 0.2, 0]])
    moved = np.random.default_rng(7).normal(scale=stir, size=sites.shape)
    index = np.arange(len(sites)) % len(types)
    masses = np.array(list(types.values()))[index]
    system = System(tuple(types), index, masses, cell, precision, lattice_bits, platform)
    return system, sites @ cell + moved
