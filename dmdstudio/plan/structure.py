"""A molecular structure and an experimental measurement, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Structure:
    """Atoms in a periodic cell.

    Attributes:
        symbols: chemical symbols [atom].
        positions: coordinates [atom, xyz], angstrom.
        cell: lattice vectors as rows [3, xyz], angstrom.
        masses: [atom], amu.
        title: where it comes from, for reports.
        bonds: pairs of bonded atoms [bond, 2], empty where nobody has asked for them.
        names: types of the atoms [atom], where an element has several; else empty.
        type_rules: the setting that they follow from.
    """

    symbols: tuple[str, ...]
    positions: np.ndarray
    cell: np.ndarray
    masses: np.ndarray
    title: str = ""
    bonds: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    names: tuple[str, ...] = ()
    type_rules: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """Types of the atoms [atom], by which numbers of a potential know them."""
        return self.names or self.symbols

    def element_of(self, type_: str) -> str:
        """Return the chemical symbol of a type."""
        return self.symbols[self.types.index(type_)]

    @property
    def volume(self) -> float:
        """Volume of the cell, angstrom^3."""
        return float(abs(np.linalg.det(self.cell)))

    @property
    def density(self) -> float:
        """Mass density, amu/angstrom^3."""
        return float(self.masses.sum() / self.volume)

    @property
    def formula(self) -> str:
        """Composition such as ``'Ar256'`` or ``'H128O64'``."""
        counts = {s: self.symbols.count(s) for s in sorted(set(self.symbols))}
        return "".join(f"{symbol}{n if n > 1 else ''}" for symbol, n in counts.items())


@dataclass(frozen=True)
class Measurement:
    """Experimental data for one quantity: a number, or a curve.

    Attributes:
        quantity: the observable it measures, such as ``'self_diffusion'``.
        value: [point], in ``unit``.
        unit: unit of value and error.
        error: standard error [point], in ``unit``; None where the source gives none.
        axis: abscissa [point], in ``axis_unit``; None for a single number.
        axis_unit: unit of the abscissa.
        source: citation.
        conditions: what else the file says, such as ``{'temperature': '94.4 K'}``.
        block: which of several spectra or columns of the file it is, '' where there is one.
        blocks: the names of all that there are, empty where there is one.
    """

    quantity: str
    value: np.ndarray
    unit: str
    error: np.ndarray | None = None
    axis: np.ndarray | None = None
    axis_unit: str = ""
    source: str = ""
    conditions: dict[str, str] = field(default_factory=dict)
    block: str = ""
    blocks: tuple[str, ...] = ()
