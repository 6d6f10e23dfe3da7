"""Dipole models in: those of other programs, and our own."""

from __future__ import annotations

from dmdstudio.files.surfaces.deepmd import read_deep_dipole
from dmdstudio.files.surfaces.eann_dipole import read_eann_dipole

__all__ = ["read_deep_dipole", "read_eann_dipole"]
