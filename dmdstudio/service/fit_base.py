"""A potential that a network corrects: taken away from the data, and added to the network again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ase
import msgspec
import numpy as np

from dmdstudio.base.errors import DmdError, FileError
from dmdstudio.engine.potential import potentials
from dmdstudio.files.potentials.reading import ReadPotential
from dmdstudio.files.structures import with_bonds
from dmdstudio.files.structures.bonds import gathered
from dmdstudio.plan.catalog import BONDED, options_from
from dmdstudio.plan.force_fit import NETWORK_FILES, ForceFitPlan, LabelledFrame
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.structure import Structure
from dmdstudio.service.calculator import RefinedPotential
from dmdstudio.service.imported import imported_potential
from dmdstudio.service.own_engine import plain_terms
from dmdstudio.service.read_back import terms_in

ROOM = 10.0
"""Empty space beside atoms that are not periodic, over what no term reaches across, angstrom."""

CORRECTION = "correction"
"""Name of the network where a term of its kind is corrected."""


@dataclass(frozen=True, eq=False)
class Base:
    """A potential, and what it says of frames.

    Attributes:
        path: its file, or the folder of a run.
        found: its terms.
        reach: its longest cutoff, angstrom.
        bonded: whether it goes by bonds.
    """

    path: Path
    found: ReadPotential
    reach: float
    bonded: bool
    _terms: dict[Any, list[dict[str, Any]]] = field(default_factory=dict)
    _calculators: dict[Any, RefinedPotential] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str, frames: Sequence[LabelledFrame]) -> Base:
        """Read a potential for the atoms of frames, as it is for one that has most elements.

        Raises:
            DmdError: it cannot be read, or is not for these atoms.
        """
        structure = _structure(max(frames, key=lambda frame: len(set(frame.symbols))), 0.0)
        found = imported_potential(path, structure)
        reach, kinds = 0.0, [potentials.get(term.kind) for term in found.terms]
        for kind, term in zip(kinds, terms_in(found, structure), strict=True):
            options = options_from(kind.Options, term.options, term.kind)
            reach = max(reach, getattr(options, "cutoff", 0.0) or 0.0)
        bonded = any(p.per in BONDED for kind in kinds for p in kind.parameters)
        return cls(Path(path), found, reach, bonded or bool(found.type_rules))

    def less(self, frame: LabelledFrame) -> LabelledFrame:
        """Return a frame without the energy, forces and stress that the potential gives it.

        Raises:
            FileError: it does not fit the frame.
        """
        what = f"{frame.name}: {self.path.name}, which is to be corrected,"
        try:
            energy, forces, stress = self._told(frame)
        except DmdError as error:
            raise FileError(f"{what} does not fit: {error.message}", error.advice) from None
        if not np.all(np.isfinite(forces)):
            raise FileError(
                f"{what} gives forces that are no numbers.", "Leave out frames with such atoms."
            )
        return replace(
            frame,
            energy=None if frame.energy is None else frame.energy - energy,
            forces=None if frame.forces is None else frame.forces - forces,
            stress=None if frame.stress is None else frame.stress - stress,
        )

    def _told(self, frame: LabelledFrame) -> tuple[float, np.ndarray, np.ndarray]:
        """Return energy, forces [atom, xyz] and stress [3, 3] of a frame, internal units."""
        if not all(frame.periodic) and any(term.kind == "ewald" for term in self.found.terms):
            raise FileError(
                "ewald is a sum over a crystal, and these atoms are none.",
                "Leave out such frames, or take a base with coulomb.",
            )
        structure = _structure(frame, self.reach)
        if self.bonded:
            structure = gathered(with_bonds(structure))
        widths = 1.0 / np.linalg.norm(np.linalg.inv(structure.cell), axis=0)
        x, y, z = (max(1, math.ceil(2.0 * self.reach / width)) for width in widths)
        atoms = ase.Atoms(structure.symbols, structure.positions, cell=structure.cell, pbc=True)
        large = atoms.repeat((x, y, z))
        large.calc = self._calculator(frame, large)
        return (
            float(large.get_potential_energy()) / (x * y * z),
            np.asarray(large.get_forces())[: len(atoms)],
            np.asarray(large.get_stress(voigt=False)),
        )

    def _calculator(self, frame: LabelledFrame, atoms: Any) -> RefinedPotential:
        """Return what computes atoms that are bonded as these are."""
        bonds = None
        if self.bonded:
            positions, masses = atoms.positions, atoms.get_masses()
            symbols = tuple(atoms.get_chemical_symbols())
            bonds = with_bonds(Structure(symbols, positions, atoms.cell[:], masses)).bonds
        if frame.symbols not in self._terms:
            terms = terms_in(self.found, _structure(frame, 0.0))
            self._terms[frame.symbols] = plain_terms(terms)
        key = atoms.numbers.tobytes(), b"" if bonds is None else bonds.tobytes()
        if key not in self._calculators:
            terms, rules = self._terms[frame.symbols], self.found.type_rules
            self._calculators[key] = RefinedPotential(terms, bonds, rules)
        return self._calculators[key]

    # -- what is written ---------------------------------------------------------------------------
    def kept(self) -> tuple[list[PotentialPlan], dict[str, Path]]:
        """Return the terms as they read files in their own folder, and those files by name."""
        terms, files = [], {}
        for number, term in enumerate(self.found.terms, start=1):
            if file := term.options.get("file"):
                name = f"base-{number}{Path(str(file)).suffix}"
                files[name] = Path(str(file))
                term = msgspec.structs.replace(term, options={**term.options, "file": name})
            terms.append(term)
        return terms, files

    def corrected(self, plan: ForceFitPlan) -> list[PotentialPlan]:
        """Return the terms with the network of a fit, all as in the folder of the fit."""
        terms, _ = self.kept()
        taken = any(term.key == plan.kind for term in terms)
        options = {"file": NETWORK_FILES[plan.kind]}
        network = PotentialPlan(kind=plan.kind, name=CORRECTION if taken else "", options=options)
        return [*terms, network]


def _structure(frame: LabelledFrame, reach: float) -> Structure:
    """Return a frame as a periodic structure; what is not periodic stands in an empty box."""
    cell = np.array(frame.cell, np.float64)
    if not all(frame.periodic):
        extent = float(np.linalg.norm(np.ptp(frame.positions, axis=0)))
        cell = _boxed(cell, frame.periodic, extent + 2.0 * reach + ROOM)
    masses = ase.Atoms(frame.symbols).get_masses()
    return Structure(frame.symbols, np.asarray(frame.positions), cell, masses, frame.name)


def _boxed(cell: np.ndarray, periodic: Sequence[bool], length: float) -> np.ndarray:
    """Return a cell whose vectors along which nothing is periodic are long, and across the rest."""
    held = [vector for vector, along in zip(cell, periodic, strict=True) if along]
    across = np.linalg.svd(np.array(held).reshape(-1, 3))[2][len(held) :] if held else np.eye(3)
    free = iter(length * across)
    return np.array([v if along else next(free) for v, along in zip(cell, periodic, strict=True)])
