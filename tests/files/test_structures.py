"""Structure files in every format, damaged ones, and functions on cells."""

from __future__ import annotations

import math
from pathlib import Path

import ase.build
import ase.io
import numpy as np
import pytest

from dmdstudio.base.errors import FileError
from dmdstudio.files.structures import (
    lower_triangular,
    read_structure,
    replicate,
    structure_formats,
    with_density,
    write_structure,
)
from dmdstudio.files.structures.bonds import with_bonds
from dmdstudio.files.structures.cell import perpendicular_widths
from dmdstudio.plan.structure import Structure

GOOD = """2
Lattice="10 0 0 0 10 0 0 0 10" Properties=species:S:1:pos:R:3 pbc="T T T"
Ar 1.0 2.0 3.0
Ar 5.0 5.0 5.0
"""

# format of ASE -> file name, options, digits that the format keeps (of a fractional coordinate)
WRITTEN = {
    "extxyz": ("a.xyz", {}, 1e-8),
    "cif": ("a.cif", {}, 1e-6),
    "proteindatabank": ("a.pdb", {}, 1e-3),
    "vasp": ("CONTCAR", {}, 1e-12),
    "lammps-data": ("a.data", {"masses": True}, 1e-12),
    "gromacs": ("a.gro", {}, 2e-3),
}


def skewed(seed: int = 0, atoms: int = 12, symbol: str = "Ar") -> Structure:
    random = np.random.default_rng(seed)
    cell = 10 * np.eye(3) + random.uniform(-4, 4, (3, 3))
    return Structure(
        symbols=(symbol,) * atoms,
        positions=random.uniform(size=(atoms, 3)) @ cell,
        cell=cell,
        masses=random.uniform(1, 50, atoms),
        title="skewed",
    )


@pytest.mark.parametrize("format_", WRITTEN)
@pytest.mark.parametrize("lattice", ["cubic", "primitive"])
def test_every_format_is_known_by_content(tmp_path: Path, format_: str, lattice: str):
    name, options, tolerance = WRITTEN[format_]
    atoms = ase.build.bulk("NaCl", "rocksalt", a=5.64, cubic=lattice == "cubic")
    atoms.rattle(0.1)
    ase.io.write(tmp_path / name, atoms, format=format_, **options)
    (tmp_path / name).rename(tmp_path / "unnamed")
    found = read_structure(tmp_path / "unnamed")
    assert sorted(found.symbols) == sorted(atoms.get_chemical_symbols())
    np.testing.assert_allclose(found.volume, atoms.get_volume(), rtol=1e-3)
    order = [list(found.symbols).index(s) for s in ("Na", "Cl")]
    wanted = [atoms.get_chemical_symbols().index(s) for s in ("Na", "Cl")]
    fractional = np.linalg.solve(found.cell.T, found.positions[order].T).T
    difference = fractional - atoms.get_scaled_positions()[wanted]
    assert np.abs(difference - np.round(difference)).max() < tolerance
    np.testing.assert_allclose(found.masses[order], [22.98976928, 35.45], rtol=1e-6)


def test_writing_keeps_every_bit(tmp_path: Path):
    structure = skewed()
    write_structure(structure, tmp_path / "a.xyz")
    found = read_structure(tmp_path / "a.xyz")
    assert found.symbols == structure.symbols
    assert found.title == "skewed"
    for field in ("positions", "cell", "masses"):
        assert np.array_equal(getattr(found, field), getattr(structure, field)), field


def test_a_title_cannot_break_the_file(tmp_path: Path):
    title = 'a "quoted"\nLattice="1 2" \\'
    structure = Structure(("Ar",), np.zeros((1, 3)), 9 * np.eye(3), np.array([39.9]), title)
    write_structure(structure, tmp_path / "a.xyz")
    assert np.array_equal(read_structure(tmp_path / "a.xyz").cell, structure.cell)


def test_of_several_frames_the_last_is_taken(tmp_path: Path):
    (tmp_path / "a.xyz").write_text(GOOD + GOOD.replace("1.0 2.0 3.0", "7.0 7.0 7.0"))
    assert read_structure(tmp_path / "a.xyz").positions[0, 0] == 7.0


def test_models_of_a_pdb_file_are_frames(tmp_path: Path):
    """As MDTraj writes them: numbered from 0, with END after the last ENDMDL."""
    first = "ATOM      1 AR   AR      1       0.000   0.000   0.000  1.00  0.00          AR\n"
    models = "".join(
        f"MODEL        {n}\n{first.replace('0.000 ', f'{n}.000 ', 1)}TER\nENDMDL\n" for n in (0, 1)
    )
    crystal = "CRYST1    9.000    9.000    9.000  90.00  90.00  90.00 P 1           1\n"
    (tmp_path / "a.pdb").write_text(crystal + models + "END\n")
    found = read_structure(tmp_path / "a.pdb")
    assert found.positions.tolist() == [[1.0, 0.0, 0.0]]
    assert found.volume == pytest.approx(729.0)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_in_other_encodings_is_read(tmp_path: Path, encoding: str):
    text = GOOD.replace("pbc=", 'comment="gemessen für Å" pbc=').replace("\n", "\r\n")
    (tmp_path / "a.xyz").write_bytes(text.encode(encoding))
    assert read_structure(tmp_path / "a.xyz").positions[1, 0] == 5.0


NO_CELL = "1\nplain\nAr 0 0 0\n"
PDB = "ATOM      1 AR   AR      1       0.000   0.000   0.000  1.00  0.00          AR\nEND\n"
DUMMY = "CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1           1\n" + PDB
VASP4 = "gas\n1.0\n9.0 0.0 0.0\n0.0 9.0 0.0\n0.0 0.0 9.0\n1\nDirect\n0.0 0.0 0.0\n"
LAMMPS = (
    "units = {units}\n\n1 atoms\n1 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n"
    "{masses}\nAtoms # atomic\n\n1 1 0 0 0\n"
)
CIF = """data_x
_cell_length_a 9
_cell_length_b 9
_cell_length_c 9
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Ar1 Ar 0 0 0 0.5
"""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\r\n  \n", "is empty"),
        (b"hello\nworld\n", "unknown format"),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0", "not text"),
        (bytes(range(256)) * 4, "not text"),
        (b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix", "not text"),
        (GOOD.replace("Ar 5.0", "Ar nan"), "atom 2 of 2 has coordinates"),
        (GOOD.replace("Ar 5.0", "Ar inf"), "atom 2 of 2 has coordinates"),
        (GOOD.replace("Ar 5.0 5.0 5.0\n", ""), "cannot be read as such"),
        (GOOD.replace("Ar 5.0", "Ar five"), "cannot be read as such"),
        (GOOD.replace("Ar 5.0", "X 5.0"), "no known element"),
        (GOOD.replace('"T T T"', '"T T F"'), "periodic along 2 of 3"),
        (GOOD.replace('"10 0 0 0 10 0 0 0 10"', '"10 0 0 0 10 0 0 10 0"'), "without volume"),
        (GOOD.replace('"10 0 0 0 10 0 0 0 10"', '"1 0 0 0 .5 0 0 0 1"'), "denser than any matter"),
        (GOOD.replace('"10 0 0 0 10 0 0 0 10"', '"nan 0 0 0 9 0 0 0 9"'), "not finite"),
        ("0\nnothing\n", "has no atoms"),
        (NO_CELL, "no periodic cell"),
        (PDB, "no periodic cell"),
        (DUMMY, "no periodic cell"),
        (VASP4, "does not name its elements"),
        (LAMMPS.format(units="lj", masses="\nMasses\n\n1 1.0\n"), "reduced"),
        (LAMMPS.format(units="metal", masses=""), "which elements its atom types are"),
        (CIF, "partly occupied"),
    ],
)
def test_what_cannot_be_used_is_explained(tmp_path: Path, content: str | bytes, message: str):
    path = tmp_path / "structure.dat"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FileError, match=message) as caught:
        read_structure(path)
    assert "structure.dat" in caught.value.message


def test_missing_files_and_folders(tmp_path: Path):
    with pytest.raises(FileError, match="There is no structure file"):
        read_structure(tmp_path / "nowhere.xyz")
    with pytest.raises(FileError, match="is a folder"):
        read_structure(tmp_path)


def test_units_of_a_lammps_file_count(tmp_path: Path):
    (tmp_path / "a").write_text(LAMMPS.format(units="nano", masses="\nMasses\n\n1 6.634e-5\n"))
    found = read_structure(tmp_path / "a")
    assert found.symbols == ("Ar",)
    assert found.cell[0, 0] == pytest.approx(90.0)


def test_no_listed_format_can_run_anything():
    assert set(structure_formats) == {"xyz", "cif", "pdb", "lammps", "gro", "poscar"}


# Cells


def test_replicas_keep_density_and_neighbours():
    structure = skewed()
    bigger = replicate(structure, (2, 1, 3))
    assert len(bigger.symbols) == 72
    assert bigger.density == pytest.approx(structure.density)
    np.testing.assert_array_equal(bigger.positions[:12], structure.positions)
    np.testing.assert_allclose(
        bigger.positions[12:24] - bigger.positions[:12], [structure.cell[2]] * 12
    )
    np.testing.assert_array_equal(bigger.masses[12:24], structure.masses)
    with pytest.raises(ValueError, match="1 or more"):
        replicate(structure, (0, 1, 1))


def test_density_scales_the_cell_and_keeps_fractions():
    structure = skewed()
    scaled = with_density(structure, 1.374)
    # 1 amu = 1.66053906892e-24 g and 1 angstrom^3 = 1e-24 cm^3
    grams = structure.masses.sum() * 1.66053906892e-24
    assert grams / (scaled.volume * 1e-24) == pytest.approx(1.374, rel=1e-12)
    np.testing.assert_allclose(
        scaled.positions @ np.linalg.inv(scaled.cell),
        structure.positions @ np.linalg.inv(structure.cell),
    )
    with pytest.raises(ValueError, match="above 0"):
        with_density(structure, 0.0)


def distances(structure: Structure) -> np.ndarray:
    """Nearest-image distances by brute force over images [atom, atom]."""
    shifts = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), -1).reshape(-1, 3) @ structure.cell
    vectors = structure.positions[:, None] - structure.positions[None]
    return np.linalg.norm(vectors[:, :, None] + shifts, axis=-1).min(axis=-1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hand", [1, -1])
def test_a_turned_cell_is_the_same_crystal(seed: int, hand: int):
    structure = skewed(seed)
    structure.cell[:] = structure.cell[::hand]
    turned, rotation = lower_triangular(structure)
    assert np.all(np.triu(turned.cell, 1) == 0)
    assert np.all(np.diag(turned.cell) > 0)
    assert abs(turned.cell[1, 0]) <= turned.cell[0, 0] / 2 * (1 + 1e-12)
    assert abs(turned.cell[2, 0]) <= turned.cell[0, 0] / 2 * (1 + 1e-12)
    assert abs(turned.cell[2, 1]) <= turned.cell[1, 1] / 2 * (1 + 1e-12)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert turned.volume == pytest.approx(structure.volume)
    np.testing.assert_allclose(turned.positions, structure.positions @ rotation)
    np.testing.assert_allclose(distances(turned), distances(structure), atol=1e-12)


def test_an_upright_cell_is_left_alone():
    structure = skewed()
    structure.cell[:] = np.diag([10.0, 11.0, 12.0])
    turned, rotation = lower_triangular(structure)
    assert np.array_equal(turned.positions, structure.positions)
    assert np.array_equal(turned.cell, structure.cell)
    assert np.array_equal(rotation, np.eye(3))


def test_perpendicular_widths_are_distances_between_faces():
    cell = np.array([[10.0, 0, 0], [5, 8, 0], [0, 0, 7]])
    width = 80 / math.hypot(5, 8)
    np.testing.assert_allclose(perpendicular_widths(cell), [width, 8, 7])


def test_atoms_on_top_of_each_other_are_refused_rather_than_searched_forever():
    crowd = Structure(("Ar",) * 64, np.zeros((64, 3)), np.eye(3) * 1e-3, np.full(64, 39.948))
    with pytest.raises(FileError, match="within the length of a bond"):
        with_bonds(crowd)
