"""Arrays of a potential as a parameter file holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class ParameterArrays:
    """Thousands of numbers of one potential, such as the weights of a network.

    Attributes:
        kind: registered name of the potential, such as ``'eann'``.
        arrays: by name, float64, in internal units.
        settings: what else the file says, as options of the potential: ``{'cutoff': 6.0}``.
        about: lines on where they come from.
    """

    kind: str
    arrays: Mapping[str, np.ndarray]
    settings: Mapping[str, object] = field(default_factory=dict)
    about: tuple[str, ...] = ()


EANN_UNITS = {
    "radial_centre": "angstrom",
    "radial_exponent": "1/angstrom2",
    "output_weight": "eV",
    "output_bias": "eV",
    "atom_energy": "eV",
}
"""Units of the arrays of an EANN network; the others are plain numbers."""


def units_of(kind: str, names: Iterable[str]) -> dict[str, str]:
    """Return the units of the arrays of a potential."""
    if kind == "pair_spline":
        return dict.fromkeys(names, "eV")
    if kind == "eann_dipole":
        return {
            name: "e" if name.startswith("output") else EANN_UNITS.get(name, "") for name in names
        }
    if kind in ("nequip", "behler_parrinello"):
        return {name: "eV" if name.startswith("output") else "" for name in names}
    if kind == "embedded_atom":
        sorts = {"embedding": "eV", "density": "1", "pair": "eV angstrom"}
        return {name: sorts.get(name.partition("_")[0], "") for name in names}
    return {name: EANN_UNITS.get(name, "") for name in names}
