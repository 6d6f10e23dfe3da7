"""A periodic box of molecules, by Packmol: none closer to another than a tolerance.

Packmol is a program of its own, which comes with the Python package of that name. It is given the
molecules and the box in a temporary folder, and places and turns the molecules as they are.
Source: L. Martinez, R. Andrade, E. G. Birgin and J. M. Martinez, J. Comput. Chem. 30, 2157 (2009),
doi 10.1002/jcc.21224.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import ase
import ase.build
import numpy as np
from ase.build.molecule import extra
from ase.collections import g2
from ase.data import atomic_numbers
from ase.neighborlist import natural_cutoffs, neighbor_list
from packmol.cli import get_binary_path

from dmdstudio.base.errors import EngineError, FileError, PhysicsError, RecipeError
from dmdstudio.base.units import factor
from dmdstudio.files.structures.bonds import IONS, STRETCH, alone, with_bonds
from dmdstudio.files.structures.reading import read_molecule
from dmdstudio.plan.structure import Structure

MOST_ATOMS = 200_000
"""A larger box takes Packmol hours."""

TOLERANCES = (0.5, 10.0)
"""Between which a tolerance can be, angstrom; closer atoms are denser than any matter."""

LONGEST_S = 3600.0
"""After which Packmol is ended."""

_MARGIN = 0.01
"""By how much more molecules are kept apart, angstrom: Packmol ends at a squared distance that is
0.01 angstrom^2 too small."""

_LOOPS = 40
"""Rounds of Packmol; what can be packed takes a few."""

_NO_SOLUTION = 173
"""Exit status of Packmol where it has not got the molecules apart."""


@dataclass(frozen=True)
class Portion:
    """So many molecules of a kind.

    Attributes:
        name: of the molecule, for texts.
        molecule: its atoms and bonds, alone.
        count: how many, 1 or more.
    """

    name: str
    molecule: Structure
    count: int


def molecule_called(name: str) -> Structure:
    """Return a molecule with its bonds, alone.

    Args:
        name: of a structure file, with a cell or without; of a molecule that ASE knows (``H2O``,
            ``CH3OH``); or of a chemical element.

    Raises:
        FileError: there is no such file or molecule, or the file cannot be read.
    """
    if Path(name).is_file():
        return read_molecule(name)
    if name in g2.names or name in extra:
        atoms = ase.build.molecule(name)
    elif atomic_numbers.get(name, 0) > 0:
        atoms = ase.Atoms(name, [(0.0, 0.0, 0.0)])
    else:
        raise FileError(
            f"{name} is neither a file nor a molecule that ASE knows.",
            "It knows H2O, CH3OH, CH3CN, CCl4 and others; of any molecule, name a file.",
        )
    symbols = tuple(atoms.get_chemical_symbols())
    return alone(Structure(symbols, atoms.positions, np.eye(3), atoms.get_masses(), name))


def cube_of(
    portions: Sequence[Portion], density_g_per_cm3: float, around: Structure | None = None
) -> np.ndarray:
    """Return the edges [3] of a cube, angstrom, in which molecules have a density.

    Args:
        portions: the molecules.
        density_g_per_cm3: wanted of all together, above 0.
        around: a solute, which counts too.
    """
    if not 0.0 < density_g_per_cm3 < float("inf"):
        raise RecipeError(f"A density of {density_g_per_cm3:g} g/cm3 is not above 0.")
    mass = sum(p.count * p.molecule.masses.sum() for p in portions)
    mass += 0.0 if around is None else around.masses.sum()
    wanted = density_g_per_cm3 * factor("g/cm3", "amu/angstrom3")
    return np.full(3, (mass / wanted) ** (1.0 / 3.0))


def packed(
    portions: Sequence[Portion],
    edges: Sequence[float] | np.ndarray,
    tolerance: float = 2.0,
    seed: int = 1,
    around: Structure | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Structure:
    """Return molecules at random in a periodic box, with their bonds.

    They come whole and in the order of the portions, a solute first. Atoms of different molecules,
    and of a molecule and its images, are further apart than the tolerance, and further than would
    be taken for a bond. The same seed gives the same box.

    Args:
        portions: the molecules.
        edges: of the box [3], angstrom.
        tolerance: smallest distance between molecules, angstrom.
        seed: of Packmol's random numbers, 0 to 2^31 - 1.
        around: a solute, which is held in the middle of the box as it is.
        stopped: is asked now and then whether to give up.

    Raises:
        RecipeError: there are too many atoms, or a number is out of its range.
        PhysicsError: the box has no room for the molecules.
        EngineError: Packmol is not there, failed, or was stopped.
    """
    edges = np.asarray(edges, float)
    placed = [Portion(Path(around.title).stem, around, 1)] if around is not None else []
    placed += portions
    _require_sense(placed, edges, tolerance, seed)
    if around is not None and (np.ptp(around.positions, axis=0) > edges).any():
        raise PhysicsError(f"{around.title} is larger than {_box(edges)}.", "Enlarge the box.")
    commands = [
        f"tolerance {tolerance + _MARGIN:.6f}",
        f"seed {seed}",
        f"nloop {_LOOPS}",
        "filetype xyz",
        "output packed.xyz",
        "pbc " + " ".join(f"{edge:.6f}" for edge in edges),
    ]
    for number, portion in enumerate(placed):
        commands += [f"structure {number}.xyz", f"  number {portion.count}"]
        if around is not None and number == 0:
            middle = " ".join(f"{edge / 2:.6f}" for edge in edges)
            commands += ["  center", f"  fixed {middle} 0 0 0"]
        commands += [*_radii(portion.molecule, tolerance), "end structure"]
    positions = _run("\n".join(commands) + "\n", [p.molecule for p in placed], stopped)
    if positions is None:
        raise _no_room(edges, tolerance)
    return _checked(_together(placed, positions, edges), placed, tolerance)


def _require_sense(
    placed: Sequence[Portion], edges: np.ndarray, tolerance: float, seed: int
) -> None:
    if bad := [p for p in placed if p.count < 1]:
        raise RecipeError(f"{bad[0].count} molecules of {bad[0].name} are not 1 or more.")
    if (count := sum(p.count * len(p.molecule.symbols) for p in placed)) > MOST_ATOMS:
        raise RecipeError(f"{count} atoms; more than {MOST_ATOMS} are not packed.", "Ask for less.")
    low, high = TOLERANCES
    if not low <= tolerance <= high:
        raise RecipeError(f"A tolerance of {tolerance:g} angstrom is not between {low} and {high}.")
    if not 0 <= seed < 2**31:
        raise RecipeError(f"Seed {seed} is not between 0 and 2^31 - 1.")
    if not (np.isfinite(edges).all() and (edges > 0).all()):
        raise RecipeError(f"A box of {_box(edges)} has no volume.", "Its edges are in angstrom.")
    # a molecule takes the room of a sphere at least, and spheres fill space to pi/sqrt(18)
    room = sum(p.count for p in placed) * tolerance**3 / 2.0**0.5
    if room > edges.prod() or (edges < tolerance).any():
        raise _no_room(edges, tolerance)


def _no_room(edges: np.ndarray, tolerance: float) -> PhysicsError:
    return PhysicsError(
        f"The molecules cannot be packed into {_box(edges)} with {tolerance:g} angstrom between "
        "them.",
        "Lower the density, enlarge the box or lower the tolerance.",
    )


def _box(edges: np.ndarray) -> str:
    return " x ".join(f"{edge:.4g}" for edge in edges) + " angstrom"


def _radii(molecule: Structure, tolerance: float) -> list[str]:
    """Return Packmol's lines for atoms that would be bonded over more than the tolerance."""
    radii = STRETCH * np.array(natural_cutoffs(ase.Atoms(molecule.symbols)))
    large = (radii > tolerance / 2) & ~np.isin(molecule.symbols, IONS)
    lines = []
    for atom in np.flatnonzero(large):
        radius = radii[atom] + _MARGIN / 2
        lines += [f"  atoms {atom + 1}", f"    radius {radius:.6f}", "  end atoms"]
    return lines


def _run(
    commands: str, structures: Sequence[Structure], stopped: Callable[[], bool]
) -> np.ndarray | None:
    """Run Packmol and return the positions [atom, xyz] of all molecules, in their order.

    None where it has not got them apart.
    """
    try:
        program = get_binary_path()
    except FileNotFoundError:
        raise EngineError(
            "The program Packmol is missing.", "Install it again: pip install --force packmol"
        ) from None
    with tempfile.TemporaryDirectory(prefix="dmdstudio-") as folder:
        for number, structure in enumerate(structures):
            rows = zip(structure.symbols, structure.positions, strict=True)
            text = "".join(f"{symbol} {x:.9f} {y:.9f} {z:.9f}\n" for symbol, (x, y, z) in rows)
            Path(folder, f"{number}.xyz").write_text(f"{len(structure.symbols)}\n\n{text}")
        Path(folder, "pack.inp").write_text(commands)
        status, said, wrong = _ended(program, folder, stopped)
        if status == _NO_SOLUTION or "unable to put the molecules" in said:
            return None
        if status or "Success!" not in said:
            words = [line.strip() for line in said.splitlines() if "ERROR" in line]
            words += wrong.splitlines()[:2]
            raise EngineError(f"Packmol failed: {' '.join(words)}")
        lines = Path(folder, "packed.xyz").read_text().splitlines()[2:]
    return np.array([line.split()[1:4] for line in lines], float)


def _ended(program: Path, folder: str, stopped: Callable[[], bool]) -> tuple[int, str, str]:
    """Run Packmol to its end and return its exit status and what it said on both streams."""
    last = time.monotonic() + LONGEST_S
    try:
        with (
            Path(folder, "pack.inp").open() as given,  # no pipe: Packmol reads it twice
            subprocess.Popen(
                [str(program)],
                stdin=given,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            ) as process,
        ):
            try:
                while True:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        said, wrong = process.communicate(timeout=0.2)
                        return process.returncode, said, wrong
                    if stopped():
                        raise EngineError("The packing was stopped.")
                    if time.monotonic() > last:
                        raise EngineError(
                            f"Packmol has not packed the molecules in {LONGEST_S:.0f} s.",
                            "Ask for less.",
                        )
            except BaseException:
                process.kill()
                raise
    except OSError as error:
        raise EngineError(f"Packmol cannot be run: {error.strerror or error}.") from None


def _together(placed: Sequence[Portion], positions: np.ndarray, edges: np.ndarray) -> Structure:
    """Return all molecules as one structure, with the bonds that each has on its own."""
    every = [p.molecule for p in placed for _ in range(p.count)]
    starts = np.cumsum([0, *(len(m.symbols) for m in every)])
    return Structure(
        tuple(symbol for m in every for symbol in m.symbols),
        positions,
        np.diag(edges),
        np.concatenate([m.masses for m in every]),
        "packed: " + " + ".join(f"{p.count} {p.name}" for p in placed),
        np.concatenate([m.bonds + start for m, start in zip(every, starts, strict=False)]),
    )


def _closest(structure: Structure, placed: Sequence[Portion], within: float) -> float:
    """Return the smallest distance between what was placed, images too, up to a limit."""
    atoms = ase.Atoms(structure.symbols, structure.positions, cell=structure.cell, pbc=True)
    i, j, distance, shift = neighbor_list("ijdS", atoms, within)
    # a solute may be several molecules, as close to each other as they like
    sizes = [len(p.molecule.symbols) for p in placed for _ in range(p.count)]
    belongs = np.repeat(np.arange(len(sizes)), sizes)
    other = (belongs[i] != belongs[j]) | shift.any(axis=1)
    return float(distance[other].min(initial=within))


def _checked(structure: Structure, placed: Sequence[Portion], tolerance: float) -> Structure:
    """Refuse a box in which molecules touch each other, or themselves around the box."""
    found = _closest(structure, placed, tolerance)
    same = np.array_equal(np.unique(structure.bonds, axis=0), with_bonds(structure).bonds)
    if found < tolerance or not same:
        length = max(np.linalg.norm(np.ptp(p.molecule.positions, axis=0)) for p in placed)
        raise PhysicsError(
            f"In a box of {_box(np.diag(structure.cell))} molecules come within {found:.3g} "
            "angstrom of others or of their own images, or as near as a bond; the longest is "
            f"{length:.3g} angstrom long.",
            "Enlarge the box.",
        )
    return structure
