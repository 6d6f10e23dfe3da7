"""Inputs of LAMMPS that mean something else there than they would here are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_potential_damage import VALID

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.pair_table import read_tables
from dmdstudio.files.potentials.reading import ReadPotential, read_potential
from dmdstudio.files.potentials.reading.own_formulas import own_formulas
from dmdstudio.plan.structure import Structure

BOX = np.eye(3) * 30.0
SILICON = Structure(("Si",), np.zeros((1, 3)), BOX, np.array([28.085]))
MIXTURE = Structure(("Si", "Ar"), np.array([[0, 0, 0], [3, 0, 0]]), BOX, np.array([28.085, 39.948]))
LIKE = "pair_coeff 1 1 0.01 3.0\npair_coeff 2 2 0.02 3.4"


def read(folder: Path, lines: str, structure: Structure, units: str = "metal") -> ReadPotential:
    path = folder / "it.in"
    path.write_text(f"units {units}\nmass 1 28.085\nmass 2 39.948\n{lines}\n")
    return read_potential(path, structure)


def by_formula(types: str, kind: str, numbers: str) -> str:
    """A pair by the formula that we write for a kind of term."""
    (formula,) = (formula for formula, known in own_formulas().items() if known == kind)
    return f'pair_coeff {types} "{formula};{numbers}"'


def table(name: str, first: float, distance: float, depth: float) -> str:
    """A table to 6.5 angstrom with a well (eV), steep before it."""
    r = np.linspace(first, 6.5, 400)
    u = depth * ((distance / r) ** 12 - 2 * (distance / r) ** 6)
    rows = "".join(f"{n} {x} {e} 0.0\n" for n, (x, e) in enumerate(zip(r, u, strict=True), 1))
    return f"\n{name}\nN 400\n\n{rows}"


MORSE = by_formula("1 1", "morse", "depth=0.1;decay=1.5;distance=3.0;cutoff=6.5;start=6.0")
OTHER = by_formula("1 2", "buckingham", "amplitude=9;range=0.3;dispersion=2;cutoff=6.5;start=6.0")
CHARGES = by_formula("1 *", "coulomb", "strength=0.0;alpha=0.2;bend=0.0;cutoff=6.5")
SHORTER = by_formula("2 2", "coulomb", "strength=0.0;alpha=0.2;bend=0.0;cutoff=6.0")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (f"pair_style lj/cut 6.5\n{LIKE}\npair_modify mix sixthpower", "no pair_coeff 1 2, and"),
        (
            "pair_style mie/cut 6.5\npair_coeff 1 1 0.01 3 14 6\npair_coeff 2 2 0.02 3 12 5",
            "line 4: there is no pair_coeff 1 2 for mie/cut",
        ),
        (f"pair_style lepton 6.5\n{MORSE}\n{OTHER}", "line 6: the formula is that of buckingham"),
        (
            f"pair_style lepton 6.5\n{CHARGES}\n{SHORTER}",
            "line 6: the charges of the pair are summed otherwise",
        ),
    ],
)
def test_pairs_that_would_have_other_numbers_are_refused(tmp_path: Path, lines: str, words: str):
    with pytest.raises(FileError, match=words):
        read(tmp_path, lines, MIXTURE)


def test_any_mixing_rule_will_do_where_all_pairs_are_given(tmp_path: Path):
    lines = f"pair_style lj/cut 6.5\npair_modify mix sixthpower\n{LIKE}\npair_coeff 1 2 0.03 3.1"
    assert read(tmp_path, lines, MIXTURE).terms[0].kind == "lennard_jones_pairs"


def test_tables_are_not_cut_short(tmp_path: Path):
    (tmp_path / "si.table").write_text("# UNITS: metal\n" + table("Si-Si", 2.0, 3.4, 0.01))
    lines = "pair_style table linear 500\npair_coeff * * si.table Si-Si"
    assert read(tmp_path, f"{lines} 6.5", SILICON).terms[0].options["cutoff"] == 6.5
    with pytest.raises(FileError, match=r"table 'Si-Si' is cut off at 5.0, but ends at 6.5"):
        read(tmp_path, f"{lines} 5.0", SILICON)


@pytest.mark.parametrize("style", ["sw", "tersoff", "eam/alloy", "table linear 500"])
def test_files_without_units_are_refused_by_inputs_in_other_units(tmp_path: Path, style: str):
    """LAMMPS takes them to be in the input's units, we in electronvolts."""
    (tmp_path / "si.file").write_text("# no units\n")
    name = "Si-Si" if "table" in style else "Si"
    lines = f"pair_style {style}\npair_coeff * * si.file {name}"
    with pytest.raises(FileError, match=r"line 5: si.file does not say its units, and the input"):
        read(tmp_path, lines, SILICON, "real")


@pytest.mark.parametrize("name", ["sw", "tersoff", "alloy", "table"])
def test_files_in_units_without_a_name_are_refused(tmp_path: Path, name: str):
    file, content, structure = VALID[name]
    (tmp_path / file).write_bytes(b"# UNITS: lj\n" + content.split(b"\n", 1)[1])
    with pytest.raises(FileError, match=f"{file}, line 1: is in lj units; metal or real are"):
        read_potential(tmp_path / file, structure)


def test_tables_of_short_pairs_keep_their_wells(tmp_path: Path):
    """A hydrogen bond is shorter than where the table of the oxygens becomes steep."""
    tables = "# UNITS: metal\n" + table("H-O", 0.8, 1.8, 0.2) + table("O-O", 1.0, 3.5, 0.01)
    found = read_tables(tables.encode(), "water.table")
    assert found.energies["H-O"].min() == pytest.approx(-0.2, rel=0.05)
    assert found.energies["O-O"].min() == pytest.approx(-0.01, rel=0.05)
    assert 5.0 < found.energies["O-O"].max() < 200.0
    with pytest.raises(FileError, match="no energy of table 'H-O' is below 5 eV"):
        read_tables(table("H-O", 3.0, 9.0, 9.0).encode(), "steep.table")
