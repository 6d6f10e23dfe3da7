"""Reads structure files of the formats listed here and no others, by content, through ASE.

The list is an allow-list: readers that unpickle, import or look at other files are not on it, and
each reader is given text, never a file name, so it cannot open anything beside the file.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.base.registry import Registry
from dmdstudio.files.structures.bonds import alone, whole, with_bonds
from dmdstudio.files.text import decode, read_content
from dmdstudio.plan.structure import Structure

LIMIT_BYTES = 256 * 2**20
"""Larger structure files are refused."""


@dataclass(frozen=True)
class StructureFormat:
    """One structure format.

    Attributes:
        label: how it is called in an error and in a file dialog.
        suffixes: usual endings of its files; content decides, not these.
        sniff: whether the first 200 lines of a file are of this format.
        read: turns the text of a file into ASE's atoms.
    """

    label: str
    suffixes: tuple[str, ...]
    sniff: Callable[[list[str]], bool]
    read: Callable[[str], ase.Atoms]


structure_formats: Registry[StructureFormat] = Registry("structure format")


def read_structure(path: str | Path) -> Structure:
    """Read atoms and cell from a file; of several frames, the last.

    Args:
        path: extended XYZ, CIF, PDB, POSCAR, LAMMPS data or GRO; told apart by content.

    Raises:
        FileError: missing, empty, too large, of another format, without atoms, without a cell that
            is periodic in three directions, or with numbers that are not finite.
    """
    path = Path(path)
    atoms, name = _atoms_in(path)
    structure = _structure(atoms, name, path)
    _require_cell(atoms, name)
    return structure


def read_molecule(path: str | Path) -> Structure:
    """Read a molecule, or several, from a file that need not have a cell; of frames, the last.

    Args:
        path: of the formats that `read_structure` knows. Where it has a periodic cell, molecules
            that the border of it cuts come in one piece.

    Returns:
        The atoms with their bonds, alone in a cell with room on every side.

    Raises:
        FileError: as `read_structure`, cells apart; or the bonds go on from cell to cell.
    """
    path = Path(path)
    atoms, name = _atoms_in(path)
    structure = _structure(atoms, name, path)
    if atoms.pbc.all() and atoms.cell.array.any():
        _require_cell(atoms, name)
        try:
            structure = whole(with_bonds(structure))
        except FileError as error:
            raise FileError(f"{name}: {error.message}", "Name a file of a molecule.") from None
    return alone(structure)


def _atoms_in(path: Path) -> tuple[ase.Atoms, str]:
    """Return the atoms of a file, and how to call it in an error."""
    text = decode(read_content(path, "structure file", LIMIT_BYTES), f"Structure file {path}")
    lines = [line.rstrip() for line in text.split("\n", 200)[:200]]
    for _, candidate in structure_formats.items():
        if candidate.sniff(lines):
            return _parsed(candidate, text, path), f"{path} ({candidate.label})"
    known = ", ".join(f.label for _, f in structure_formats.items())
    raise FileError(f"Structure file {path} is of an unknown format.", f"Known: {known}.")


def _parsed(candidate: StructureFormat, text: str, path: Path) -> ase.Atoms:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return candidate.read(text)
    except FileError as error:
        raise FileError(f"{path}: {error.message}", error.advice) from None
    except Exception as error:  # ASE's readers raise every sort of exception on a damaged file
        reason = str(error) or type(error).__name__
        raise FileError(
            f"{path} looks like {candidate.label} but cannot be read as such ({reason}).",
            "Check that the file is complete.",
        ) from None


def _structure(atoms: ase.Atoms, name: str, path: Path) -> Structure:
    """Turn ASE's atoms into a structure, or say what is wrong with them."""
    count = len(atoms)
    if count == 0:
        raise FileError(f"{name} has no atoms.")
    positions = np.array(atoms.get_positions(), dtype=float)
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if bad.size:
        raise FileError(
            f"{name}: atom {bad[0] + 1} of {count} has coordinates {positions[bad[0]]}.",
            "Every coordinate must be a finite number.",
        )
    symbols = tuple(atoms.get_chemical_symbols())
    if "X" in symbols:
        raise FileError(
            f"{name}: atom {symbols.index('X') + 1} is of no known element.",
            "Name the chemical element of every atom.",
        )
    # The extended XYZ column `mass` is in amu too, but ASE does not take it for the masses.
    masses = np.array(atoms.arrays.get("mass", atoms.get_masses()), dtype=float)
    if not (np.isfinite(masses).all() and (masses > 0).all()):
        raise FileError(f"{name} has masses that are not above 0.")
    occupancy = atoms.info.get("occupancy") or {}
    if any(abs(sum(site.values()) - 1) > 1e-3 or len(site) > 1 for site in occupancy.values()):
        raise FileError(
            f"{name} has partly occupied sites.", "Choose one arrangement of the atoms."
        )
    cell = np.array(atoms.cell.array, dtype=float)
    return Structure(symbols, positions, cell, masses, str(atoms.info.get("title", path.name)))


def _require_cell(atoms: ase.Atoms, name: str) -> None:
    """Refuse atoms without a cell that is periodic in three directions and has room for them."""
    count, cell = len(atoms), atoms.cell.array
    advice = 'Write the cell into the file (extended XYZ: Lattice="..." pbc="T T T").'
    if not np.isfinite(cell).all():
        raise FileError(f"{name} has a cell with numbers that are not finite.", advice)
    if not cell.any():
        raise FileError(f"{name} has no periodic cell.", advice)
    if not atoms.pbc.all():
        raise FileError(
            f"{name} is periodic along {int(atoms.pbc.sum())} of 3 directions; "
            "all three are needed.",
            advice,
        )
    lengths = np.linalg.norm(cell, axis=1)
    if abs(np.linalg.det(cell)) <= 1e-6 * lengths.prod() or lengths.min() == 0:
        raise FileError(f"{name} has a cell without volume:\n{cell}.", advice)
    if abs(np.linalg.det(cell)) < 0.5 * count:
        raise FileError(
            f"{name} has {count} atoms in {abs(np.linalg.det(cell)):.3g} angstrom^3, "
            "which is denser than any matter.",
            "Is the cell a placeholder, or in another unit? It must be in angstrom.",
        )


def _through_ase(text: str, format_: str) -> ase.Atoms:
    atoms = ase.io.read(io.StringIO(text), format=format_, index=-1)
    assert isinstance(atoms, ase.Atoms)
    return atoms


# Formats, the most particular first


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _numbers(line: str, count: int) -> bool:
    words = line.split()[:count]
    return len(words) == count and all(map(_is_number, words))


def _matches(pattern: str, lines: list[str]) -> bool:
    return any(re.match(pattern, line, re.IGNORECASE) for line in lines)


def _sniff_cif(lines: list[str]) -> bool:
    return _matches(r"data_\S*\s*$", lines) and _matches(r"\s*(loop_|_\w)", lines)


def _sniff_lammps(lines: list[str]) -> bool:
    return _matches(r"\s*\d+\s+atoms\b", lines) and _matches(r".*\b(xlo\s+xhi|avec)\b", lines)


def _read_lammps(text: str) -> ase.Atoms:
    first = text.split("\n", 1)[0]
    named = re.search(r"units\s*=\s*(\w+)", first)
    units = named.group(1) if named else "metal"
    if units == "lj":
        raise FileError("it is in reduced (lj) units.", "Write it in metal or real units.")
    if not re.search(r"^\s*(Masses|Atom Type Labels)\b", text, re.MULTILINE):
        raise FileError(
            "it does not say which elements its atom types are.", "Add a Masses section to it."
        )
    options: dict[str, Any] = {"units": units}
    atoms = ase.io.read(io.StringIO(text), format="lammps-data", index=-1, **options)
    assert isinstance(atoms, ase.Atoms)
    atoms.info["title"] = first.strip()
    return atoms


_PDB_RECORDS = "HEADER|TITLE|COMPND|REMARK|CRYST1|MODEL|ATOM|HETATM|SEQRES|AUTHOR"


def _sniff_pdb(lines: list[str]) -> bool:
    first = next((line for line in lines if line.strip()), "")
    return re.match(_PDB_RECORDS, first) is not None and _matches(r"(ATOM  |HETATM|CRYST1)", lines)


def _read_pdb(text: str) -> ase.Atoms:
    read = ase.io.iread(io.StringIO(text), format="proteindatabank", index=":")
    # ASE makes a frame of END after ENDMDL.
    frames = [frame for frame in read if isinstance(frame, ase.Atoms) and len(frame)]
    if not frames:
        return ase.Atoms()
    atoms = frames[-1]
    if not atoms.cell.array.any():  # one CRYST1 stands for all models
        atoms.set_cell(frames[0].cell)
        atoms.set_pbc(frames[0].pbc)
    if np.allclose(atoms.cell.cellpar(), [1, 1, 1, 90, 90, 90]):  # stands for "no crystal"
        atoms.set_cell(None)
    return atoms


def _sniff_poscar(lines: list[str]) -> bool:
    scale = lines[1].split()[:3] if len(lines) > 6 else []
    return (
        bool(scale)
        and _is_number(scale[0])
        and "." in "".join(lines[2:5])
        and all(_numbers(line, 3) for line in lines[2:5])
    )


def _read_poscar(text: str) -> ase.Atoms:
    names = text.split("\n")[5].split()
    if not names or not names[0][0].isalpha():
        raise FileError(
            "it does not name its elements.", "Add their line above the numbers of atoms (VASP 5)."
        )
    return _through_ase(text, "vasp")


def _sniff_gro(lines: list[str]) -> bool:
    return (
        len(lines) > 2
        and re.fullmatch(r"\s*\d+", lines[1]) is not None
        and re.match(r"[ \d]{5}.{10}.{5}\s*-?\d+\.\d+\s*-?\d+\.\d+", lines[2]) is not None
    )


def _read_gro(text: str) -> ase.Atoms:
    atoms = _through_ase(text, "gromacs")
    atoms.pbc = bool(atoms.cell.array.any())
    return atoms


def _sniff_xyz(lines: list[str]) -> bool:
    if re.fullmatch(r"\s*\d+", lines[0]) is None:
        return False
    if lines[0].strip() == "0" or any("Properties=" in line for line in lines[1:2]):
        return True
    return len(lines) > 2 and re.match(r"\s*[A-Za-z]\w*(\s+[-+.\d\w]+){3}", lines[2]) is not None


structure_formats.add(
    "xyz",
    StructureFormat(
        "extended XYZ", (".xyz", ".extxyz"), _sniff_xyz, lambda text: _through_ase(text, "extxyz")
    ),
)
structure_formats.add(
    "cif", StructureFormat("CIF", (".cif",), _sniff_cif, lambda text: _through_ase(text, "cif"))
)
structure_formats.add("pdb", StructureFormat("PDB", (".pdb", ".ent"), _sniff_pdb, _read_pdb))
structure_formats.add(
    "lammps",
    StructureFormat("LAMMPS data", (".data", ".lammps", ".lmp"), _sniff_lammps, _read_lammps),
)
structure_formats.add("gro", StructureFormat("GROMACS GRO", (".gro",), _sniff_gro, _read_gro))
structure_formats.add(
    "poscar",
    StructureFormat(
        "VASP POSCAR",
        (".vasp", ".poscar"),
        _sniff_poscar,
        _read_poscar,
    ),
)
