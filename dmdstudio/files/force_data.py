"""Ab initio data in extended XYZ files: frames with energies, forces, stresses and dipoles.

ASE reads the text of the file and nothing else, so that no other file is opened.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np
from ase.neighborlist import primitive_neighbor_list

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import factor
from dmdstudio.plan.force_fit import ForceFitPlan, LabelledFrame, Pairs

LARGEST_FORCE = 100.0
"""Root mean square of a frame's forces beyond which they are in another unit, eV/angstrom."""

NEAREST = 0.4
"""Distance of two atoms below which positions are in another unit, angstrom."""


SMALL_STEP = 0.1
"""Largest move of an atom along which the forces say how the energy changes, angstrom."""

FEW = 5
"""Steps below which nothing is said."""

LIKE = 0.9
"""Correlation of the changes of energies with the work of the forces that is no accident."""


def read_frames(path: str | Path, plan: ForceFitPlan) -> list[LabelledFrame]:
    """Return the frames of a file in internal units, with what has a weight in the plan.

    Args:
        path: extended XYZ.
        plan: names and units in the data, and the weights: what has none is not read.

    Raises:
        FileError: it cannot be read, or a frame lacks something, holds numbers that are not finite
            or looks like one in other units; says which frame.
        UnitError: a unit is unknown or of another dimension.
    """
    path, factors = Path(path), _factors(plan)
    found = [
        _frame(atoms, f"Frame {number} of {path.name}", plan, factors)
        for number, atoms in enumerate(_atoms(path), start=1)
    ]
    if not found:
        raise FileError(f"{path} holds no frame.", "Name an extended XYZ file.")
    require_consistent(found)
    return found


def require_consistent(frames: Sequence[LabelledFrame]) -> None:
    """Raise `FileError` where energies change by something else than the forces say.

    Looked at are frames that are one small step of a trajectory apart, where there are some: there
    dE = -(F_1 + F_2)/2 . dx up to third order.
    """
    work, change = [], []
    for one, two in pairwise(frames):
        moved = _moved(one, two)
        if moved is None or not 0.0 < np.abs(moved).max() < SMALL_STEP:
            continue
        assert one.forces is not None and two.forces is not None
        assert one.energy is not None and two.energy is not None
        work.append(-0.5 * np.sum((one.forces + two.forces) * moved))
        change.append(two.energy - one.energy)
    if len(work) < FEW or not any(work) or not any(change):
        return
    together = np.dot(work, change)
    likeness = together / np.sqrt(np.dot(work, work) * np.dot(change, change))
    ratio = together / np.dot(work, work)
    if abs(likeness) > LIKE and not 0.8 < ratio < 1.25:
        raise FileError(
            f"From frame to frame the energies change by {ratio:.3g} times what the forces say "
            f"(in {len(work)} small steps from {frames[0].name} on).",
            "Say the units of the data (--energy-unit, --force-unit, --length-unit), or export "
            "forces and energies of the same calculation.",
        )


def _moved(one: LabelledFrame, two: LabelledFrame) -> np.ndarray | None:
    """Return how atoms moved between two frames [atom, xyz], None where they are not alike."""
    if one.symbols != two.symbols or one.periodic != two.periodic:
        return None
    if any(frame.energy is None or frame.forces is None for frame in (one, two)):
        return None
    if not np.allclose(one.cell, two.cell, rtol=0.0, atol=1e-6):
        return None
    moved = two.positions - one.positions
    if all(one.periodic):
        share = moved @ np.linalg.inv(one.cell)
        moved = (share - np.round(share)) @ one.cell
    return moved


def neighbours(frame: LabelledFrame, cutoff: float) -> Pairs:
    """Return all neighbours within a cutoff (angstrom), across faces of the cell too."""
    first, second, images = primitive_neighbor_list(
        "ijS", frame.periodic, frame.cell, frame.positions, cutoff
    )
    order = np.argsort(first, kind="stable")
    return Pairs(
        first[order].astype(np.int32), second[order].astype(np.int32), images[order].astype(np.int8)
    )


def _atoms(path: Path) -> Iterator[ase.Atoms]:
    number = 0
    try:
        with open(path, encoding="utf-8") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for atoms in ase.io.iread(file, index=":", format="extxyz"):
                assert isinstance(atoms, ase.Atoms)
                number += 1
                yield atoms
    except FileError:
        raise
    except FileNotFoundError:
        raise FileError(f"There is no file {path}.", "Check the name.") from None
    except Exception as error:  # ASE's reader raises every sort of exception on a damaged file
        if isinstance(error, OSError) and error.errno is not None:
            raise FileError(f"{path} cannot be read: {error.strerror}.") from None
        reason = (str(error) or type(error).__name__)[:200]
        raise FileError(
            f"Frame {number + 1} of {path} cannot be read as extended XYZ ({reason}).",
            "Write the file with ASE: ase.io.write('data.extxyz', frames).",
        ) from None


def _factors(plan: ForceFitPlan) -> dict[str, float]:
    """Return what turns numbers of the data into internal units."""
    return {
        "energy": factor(plan.energy_unit, "eV"),
        "length": factor(plan.length_unit, "angstrom"),
        "forces": factor(plan.force_unit, "eV/angstrom"),
        "stress": factor(plan.stress_unit, "eV/angstrom3"),
        "dipole": factor(plan.dipole_unit, "e angstrom"),
    }


def _frame(
    atoms: ase.Atoms, name: str, plan: ForceFitPlan, factors: dict[str, float]
) -> LabelledFrame:
    symbols = tuple(atoms.get_chemical_symbols())
    if not symbols:
        raise FileError(f"{name} has no atoms.")
    if "X" in symbols:
        raise FileError(
            f"{name}: atom {symbols.index('X') + 1} is of no known element.",
            "Name the chemical element of every atom.",
        )
    positions = _numbers(atoms.get_positions(), (len(symbols), 3), f"{name}: positions")
    cell = _numbers(atoms.cell.array, (3, 3), f"{name}: cell")
    bare = LabelledFrame(
        name,
        symbols,
        positions * factors["length"],
        cell * factors["length"],
        (bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2])),
    )
    asked = {
        "energy": lambda: _label(atoms, plan.energy_key, (), name),
        "forces": lambda: _label(atoms, plan.forces_key, (len(symbols), 3), name),
        "stress": lambda: _stress(atoms, bare, plan, factors),
        "dipole": lambda: _label(atoms, plan.dipole_key, (3,), name),
    }
    labels = {key: ask() for key, ask in asked.items() if plan.weights[key]}
    for quantity in ("energy", "forces"):
        if quantity in labels and labels[quantity] is None:
            raise _missing(atoms, quantity, name, plan)
    found: dict[str, Any] = {
        key: value * factors[key] for key, value in labels.items() if value is not None
    }
    _require_units(bare, found.get("forces"), plan)
    return replace(bare, **found)


def _missing(atoms: ase.Atoms, quantity: str, name: str, plan: ForceFitPlan) -> FileError:
    """Return the error that says what a frame has instead of what it lacks."""
    key = plan.energy_key if quantity == "energy" else plan.forces_key
    results = atoms.calc.results if atoms.calc else {}
    has = sorted({*results, *atoms.info, *atoms.arrays} - {"numbers", "positions"})
    weight = "energy_weight" if quantity == "energy" else "force_weight"
    return FileError(
        f"{name} has no {quantity if quantity == 'forces' else 'energy'} called {key!r}; it has: "
        f"{', '.join(has)[:300] or 'positions only'}.",
        f"Say its name there (--{quantity}-key), or fit without (--{weight.replace('_', '-')} 0).",
    )


def _label(atoms: ase.Atoms, key: str, shape: tuple[int, ...], name: str) -> np.ndarray | None:
    """Return what a frame says under a name, None where nothing."""
    results = atoms.calc.results if atoms.calc else {}
    for place in (results, atoms.info, atoms.arrays):
        if key in place:
            return _numbers(place[key], shape, f"{name}: {key}")
    return None


def _stress(
    atoms: ase.Atoms, bare: LabelledFrame, plan: ForceFitPlan, factors: dict[str, float]
) -> np.ndarray | None:
    """Return the stress [3, 3] in the unit of stresses, of a virial too; None where no volume."""
    if not all(bare.periodic):
        return None
    results = atoms.calc.results if atoms.calc else {}
    held = {**atoms.info, **results}
    for key in (plan.stress_key, "virial"):
        if key not in held:
            continue
        found = np.asarray(held[key])
        if found.size == 6:
            found = found.ravel()[[[0, 5, 4], [5, 1, 3], [4, 3, 2]]]
        found = _numbers(found.reshape(-1), (9,), f"{bare.name}: {key}").reshape(3, 3)
        found = 0.5 * (found + found.T)
        if key == plan.stress_key:
            return found
        volume = abs(np.linalg.det(bare.cell))
        return -found * factors["energy"] / volume / factors["stress"]
    return None


def _numbers(found: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """Return an array of a shape; raise `FileError` where it is none, or not finite."""
    with contextlib.suppress(TypeError, ValueError):
        values = np.asarray(found, np.float64)
        if values.shape != shape:
            raise FileError(
                f"{what} should be {math.prod(shape)} numbers, but has {values.size}.",
                "Write the frame again; its header and its columns do not fit.",
            )
        if not np.all(np.isfinite(values)):
            raise FileError(
                f"{what} holds values that are not finite.", "Leave the frame out, or redo it."
            )
        return values
    raise FileError(f"{what} is {str(found)[:60]!r}, which is no number.")


def _require_units(frame: LabelledFrame, forces: np.ndarray | None, plan: ForceFitPlan) -> None:
    """Raise `FileError` where a frame can only be in other units than the plan says."""
    if any(frame.periodic):
        edges = np.linalg.norm(frame.cell, axis=1)[list(frame.periodic)]
        if not edges.all() or (all(frame.periodic) and not np.linalg.det(frame.cell)):
            raise FileError(
                f"{frame.name} is periodic, but its cell has no extent there.",
                'Write the cell (Lattice="..."), or pbc="F F F".',
            )
    if len(neighbours(frame, NEAREST).first):
        raise FileError(
            f"{frame.name} has atoms less than {NEAREST} angstrom apart.",
            f"Is it in {plan.length_unit}? Say the unit, such as --length-unit nm.",
        )
    if forces is None:
        return
    size = float(np.sqrt(np.mean(forces**2)))
    if size > LARGEST_FORCE:
        raise FileError(
            f"{frame.name} has forces of {size:.0f} eV/angstrom (root mean square).",
            f"Are they in {plan.force_unit}? Say the unit, such as --force-unit kJ/mol/nm.",
        )
