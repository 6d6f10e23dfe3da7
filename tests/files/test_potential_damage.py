"""Damaged and odd potential files: read or refused with a sentence; none crashes or hangs."""

from __future__ import annotations

import os
import pickle
import random
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_potential_reading import (
    FORCE_FIELD,
    NUMBERS,
    TOPOLOGY,
    WATER_ITP,
    data_text,
    five_waters,
    water_and_argon,
)
from test_spectra_damage import (
    bits_flipped,
    bytes_replaced,
    lines_shuffled,
    re_encoded,
    truncated,
)

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.array_file import write_arrays
from dmdstudio.files.potentials.eann import from_tree
from dmdstudio.files.potentials.plain_pickle import pickle_of
from dmdstudio.files.potentials.reading import ReadPotential, read_potential
from dmdstudio.plan.recipe import (
    ParameterPlan,
    PotentialPlan,
    recipe_from_table,
    terms_to_tables,
)
from dmdstudio.plan.structure import Structure

LONGEST_SECONDS = 5.0
WATERS = five_waters()[2]

LAMMPS_INPUT = """units real # as the data
atom_style full
bond_style harmonic
angle_style hybrid harmonic
special_bonds lj/coul 0.0 0.0 0.5
variable cut index 6.5
read_data water.data
bond_coeff 1 500.0 1.01
angle_coeff 1 harmonic 50.0 109.47
pair_style hybrid/overlay lj/mdf 5.5 ${cut} coul/long 6.5
pair_coeff 1 1 lj/mdf 0.1554 3.166
pair_coeff * 2 lj/mdf 0.0 &
    1.0
pair_coeff * * coul/long
kspace_style pppm 1e-5
fix 1 all shake 1e-4 20 0 b 1 a 1
run 0
"""
DATA = data_text(WATERS, "O H", {"O": -0.82, "H": 0.41}, bonded=True)
ITP = (
    WATER_ITP.replace("RULE", "1").replace("OXYGEN", NUMBERS[1][0]).replace("ARGON", NUMBERS[1][1])
)


SILICON = """# UNITS: metal
Si Si Si 2.1683  2.0951  1.80  21.0  1.20  -0.333333333333
         7.049556277  0.6022245584  4.0  0.0 0.0 # as published
C C C 1 1 1 1 1 1 1 1 1 1 1
"""


TERSOFF = """# UNITS: metal
Si Si Si 3.0 1.0 1.3258 4.8381 2.0417 0.0 22.956
         0.33675 1.3258 95.373 3.0 0.2 3.2394 3264.7 # as published
"""
ALLOY = "\n".join(
    ["one", "two", "three", "1 Si", "8 0.51 10 0.5 4.51", "14 28.085 5.431 diamond",
     *(f"{-(x**0.5)!r}" for x in range(8)), *(f"{1.1 - 0.1 * x!r} " for x in range(20))]
)  # fmt: skip
TABLE = "# UNITS: metal\n\nSi-Si\nN 12 R 1.0 6.5\n\n" + "\n".join(
    f"{n + 1} {1.0 + 0.5 * n} {1.1 / (n + 1) ** 2} {2.1 / (n + 1) ** 3}" for n in range(12)
)


def network() -> dict[str, object]:
    random_ = np.random.default_rng(2)

    def array(*shape: int) -> np.ndarray:
        return random_.normal(size=shape)

    weights = [array(2, 6, 4), array(2, 4), array(2, 4), array(2, 4, 1)]
    biases = [array(2, 4), array(2, 4), array(2, 4), array(2, 1)]
    shapes = {name: array(2, 2) for name in ("c", "rs", "inta")}
    return {**shapes, "initpot": array(1), "w": weights, "b": biases}


def own_network() -> bytes:
    found = from_tree(network(), "network")
    return write_arrays(found, {})


ATOMS_OF_SILICON = replace(WATERS, symbols=("Si",) * len(WATERS.symbols))
VALID = {
    "openmm": ("ff.xml", FORCE_FIELD.encode(), WATERS),
    "lammps": ("water.in", LAMMPS_INPUT.encode(), WATERS),
    "lammps data": ("water.data", DATA.encode(), WATERS),
    "gromacs": ("topol.top", TOPOLOGY.encode(), water_and_argon()),
    "gromacs itp": ("water.itp", ITP.encode(), water_and_argon()),
    "sw": ("si.sw", SILICON.encode(), ATOMS_OF_SILICON),
    "tersoff": ("si.tersoff", TERSOFF.encode(), ATOMS_OF_SILICON),
    "alloy": ("si.eam.alloy", ALLOY.encode(), ATOMS_OF_SILICON),
    "table": ("si.table", TABLE.encode(), ATOMS_OF_SILICON),
    "pickle": ("network.pickle", pickle_of(network()), WATERS),
    "archive": ("network.npz", own_network(), WATERS),
}
OPENED = {"lammps data": "water.in", "gromacs itp": "topol.top"}
"""What is opened, where the damaged file is one that it names."""

ODD_NUMBERS = [
    b"nan", b"-inf", b"1e999", b"-", b"1" * 3000, b"", b"\xb5", b"$$", b"-1", b"0", b"9" * 40,
    b"1e-320", b"1e300", b"**", b"0x10", b"1_0",
]  # fmt: skip


def numbers_replaced(content: bytes, dice: random.Random) -> bytes:
    words = content.split(b"1")
    place = dice.randrange(1, len(words))
    return b"1".join(words[:place]) + dice.choice(ODD_NUMBERS) + b"1".join(words[place:])


def words_swapped(content: bytes, dice: random.Random) -> bytes:
    words = content.split(b" ")
    for _ in range(dice.choice([1, 2, 5])):
        a, b = dice.randrange(len(words)), dice.randrange(len(words))
        words[a], words[b] = words[b], words[a]
    return b" ".join(words)


def grafted(content: bytes, dice: random.Random) -> bytes:
    other = VALID[dice.choice(list(VALID))][1]
    return content[: dice.randrange(1, len(content))] + other[dice.randrange(len(other)) :]


MUTATIONS = [
    truncated,
    bits_flipped,
    bytes_replaced,
    numbers_replaced,
    numbers_replaced,
    numbers_replaced,
    words_swapped,
    lines_shuffled,
    re_encoded,
    grafted,
]


def fill(folder: Path) -> None:
    for name, content, _ in VALID.values():
        (folder / name).write_bytes(content)


def judge(path: Path, structure: Structure) -> tuple[str, float]:
    """Read a file; return 'read' or 'refused', and the seconds of this process that it took."""
    start = time.process_time()
    try:
        found = read_potential(path, structure)
    except FileError as error:
        seconds = time.process_time() - start
        assert any(file.name in error.message for file in path.parent.iterdir()), error
        assert error.message.rstrip().endswith((".", "?")), error
        assert len(error.message) < 1000, error
        return "refused", seconds
    seconds = time.process_time() - start
    check(found)
    return "read", seconds


def check(found: ReadPotential) -> None:
    """What was read is a potential that a recipe can hold, of finite numbers."""
    table = {
        "system": {"structure": "a.xyz"},
        "sampling": {"temperature": 300.0},
        "potential": terms_to_tables(found.terms),
    }
    recipe_from_table(table, ".")
    assert all(np.isfinite(p.value) for term in found.terms for p in term.parameter)


@pytest.mark.parametrize("name", VALID)
def test_what_is_not_damaged_is_read(tmp_path: Path, name: str):
    fill(tmp_path)
    file, _, structure = VALID[name]
    assert judge(tmp_path / OPENED.get(name, file), structure)[0] == "read"


@pytest.mark.parametrize("name", ["sw", "tersoff", "alloy"])
def test_what_is_free_keeps_its_bounds_and_priors(tmp_path: Path, name: str):
    file, content, structure = VALID[name]
    (tmp_path / file).write_bytes(content)
    (term,) = read_potential(tmp_path / file, structure).terms
    first, second, *_ = term.parameter
    bounded = ParameterPlan(
        name=first.name, of=first.of, value=9.0, unit=first.unit, lower=1e-3, upper=1e-2, prior=0.1
    )
    before = PotentialPlan(kind=term.kind, name="mine", parameter=(bounded, second))
    (found,) = read_potential(tmp_path / file, structure, [before]).terms
    one, other, *_ = found.parameter
    assert (one.value, one.free, one.lower, one.prior) == (first.value, True, 1e-3, 0.1)
    assert one.upper is None and not other.free  # the file's number is above that bound


@pytest.mark.parametrize("count", [242, pytest.param(550, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused(tmp_path: Path, count: int):
    dice = random.Random(20250101)
    names = list(VALID)
    fill(tmp_path)
    outcomes, slowest = Counter(), 0.0
    for number in range(count):
        name = names[number % len(names)]
        file, content, structure = VALID[name]
        mutate = dice.choice(MUTATIONS)
        (tmp_path / file).write_bytes(mutate(content, dice))
        opened = tmp_path / OPENED.get(name, file)
        try:
            outcome, seconds = judge(opened, structure)
        except Exception as error:  # name the file that did it
            raise AssertionError(f"{name}, {mutate.__name__}, file {number}: {error!r}") from error
        (tmp_path / file).write_bytes(content)
        outcomes[outcome] += 1
        slowest = max(slowest, seconds)
    assert slowest < LONGEST_SECONDS
    assert outcomes.total() == count and min(outcomes.values()) > 20, outcomes


class _Harmful:
    def __reduce__(self):
        return (os._exit, (77,))


LOL = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
ODD = {
    "bomb": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "ha">{LOL}]>'
    "<ForceField>&a9;</ForceField>",
    "external": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><ForceField>&b;</ForceField>',
    "remote": '<!DOCTYPE a SYSTEM "http://localhost:9/a.dtd"><ForceField/>',
    "entity": "<ForceField>&amp;&nothing;</ForceField>",
    "deep": "<ForceField>" + "<a>" * 100_000,
    "wide": "<ForceField>" + "<a/>" * 1_200_000 + "</ForceField>",
    "long": "<ForceField a='" + "b" * 7_000_000 + "'/>",
    "no end": "<" * 1_000_000,
    "of itself": "<ForceField><Include file='of itself'/></ForceField>",
    "script": "<ForceField><Script>import os; os._exit(77)</Script></ForceField>",
    "shell": 'units real\nshell touch hacked\nif "1 == 1" then "pair_style lj/cut 9"\n',
    "python": 'units real\npython run source here "import os; os._exit(77)"\nmass 1 1.0\n',
    "include": "units real\ninclude include\n",
    "root": "units real\nread_data /etc/passwd\n",
    "above": "units real\nread_data ../water.data\n",
    "stars": "units real\nmass * 40\npair_style lj/cut 9\npair_coeff * * 1 1\n",
    "many types": "units real\nmass 1*1000 40\npair_style lj/cut 9\n"
    + "pair_coeff * * 1 1\n" * 300,
    "variables": "units real\n" + "variable x index ${x}${x}\n" * 50_000,
    "one line": "units real &\n" * 500_000,
    "quotes": "units \"real\nmass 1 '",
    "atoms": "title\n9999999999 atoms\n\nAtoms # full\n\n" + "1 1 1 0 0 0 0\n" * 2,
    "sections": "title\n1 atoms\n" + "Atoms\n\n" * 200_000,
    "macros": "".join(f"#define a{n} a a a a a a\n" for n in range(20_000)) + "[ system ]\na\n",
    "topology": '#include "topology"\n',
    "conditions": "#ifdef A\n" * 300_000,
    "brackets": "[ defaults ]\n" * 300_000,
    "system": "<System type='System'><Particles/></System>",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_refused(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_text(ODD[name])
    assert judge(path, WATERS) < ("refused", LONGEST_SECONDS)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_programs_are_not_run(tmp_path: Path):
    (tmp_path / "harm.pickle").write_bytes(pickle.dumps(_Harmful()))
    with pytest.raises(FileError, match="can run any program"):
        read_potential(tmp_path / "harm.pickle", WATERS)


def test_files_of_other_sorts_are_named_as_unknown(tmp_path: Path):
    for name, content in {
        "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
        "noise.in": random.Random(5).randbytes(50_000),
        "words.txt": b"this is no potential\n",
        "table.csv": b"1,2\n3,4\n",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileError, match=r"unknown format\. Known: OpenMM XML, GROMACS"):
            read_potential(tmp_path / name, WATERS)
