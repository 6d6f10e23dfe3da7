"""Dipole models of other programs in."""

from __future__ import annotations

from dmdstudio.files.surfaces.deepmd import read_deep_dipole

__all__ = ["read_deep_dipole"]
