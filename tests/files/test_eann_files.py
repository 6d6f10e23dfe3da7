"""Parameter files of EANN: read and written without loss, damaged or hostile ones refused."""

from __future__ import annotations

import io
import pickle
import random
import time
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials import Provenance, export, read_parameters
from dmdstudio.files.potentials.array_file import LIMIT_BYTES
from dmdstudio.files.potentials.eann import eann_bytes, from_tree, to_tree
from dmdstudio.files.potentials.plain_pickle import pickle_of
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

LONGEST_SECONDS = 5.0
MOST_MEMORY = 400 * 2**20
SETTINGS = {"cutoff": 4.5, "elements": "H O"}
PROVENANCE = Provenance("Water", "water-1", 3, "0.1.0", "2025-01-31", loss=0.5)


def tree(elements: int = 2, radials: int = 4, widths=(8, 6), dtype="f4") -> dict:
    """A table as DMFF keeps it, with numbers at random."""
    dice = np.random.default_rng(1)

    def numbers(*shape):
        return dice.normal(size=shape).astype(dtype)

    found = {name: numbers(elements, radials) for name in ("c", "rs", "inta")}
    w, b, inputs = [], [], 3 * radials
    for width in widths:
        w += [numbers(elements, inputs, width), numbers(elements, width)]
        b += [numbers(elements, width), numbers(elements, width)]
        w.append(numbers(elements, 1, width))
        b.append(numbers(elements, 1, width))
        inputs = width
    w.append(numbers(elements, inputs, 1))
    b.append(numbers(elements, 1))
    return {**found, "initpot": numbers(1), "w": w, "b": b}


def saved(folder: Path, content: bytes, name: str = "network") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read(folder: Path, content: bytes) -> ParameterArrays:
    return read_parameters("eann", saved(folder, content))


def same(one: ParameterArrays, other: ParameterArrays) -> bool:
    return one.arrays.keys() == other.arrays.keys() and all(
        np.array_equal(one.arrays[key], other.arrays[key]) for key in one.arrays
    )


# --------------------------------------------------------------------------------- what is read


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_pickles_of_every_protocol(tmp_path, protocol):
    made = tree()
    found = read(tmp_path, pickle.dumps(made, protocol=protocol))
    assert same(found, from_tree(made, "it"))
    assert found.settings == {}
    assert found.arrays["radial_centre"].dtype == np.float64


def test_names_shapes_and_units(tmp_path):
    made = tree(dtype="f8")
    found = read(tmp_path, pickle.dumps(made)).arrays
    kj = factor("kJ/mol", "eV")
    assert np.array_equal(found["radial_centre"], made["rs"])
    assert np.array_equal(found["layer1_weight"], made["w"][0])
    assert np.array_equal(found["layer1_norm_shift"], made["b"][1])
    assert np.array_equal(found["layer2_activation_slope"], made["b"][5][:, 0])
    assert np.array_equal(found["output_weight"], kj * made["w"][6][..., 0])
    assert np.array_equal(found["atom_energy"], kj * made["initpot"])
    assert len(found) == 3 + 2 * 6 + 3


def test_odd_but_honest_files(tmp_path):
    """Columns first, other byte order, doubles, layers by number, plain archives."""
    made = tree(dtype="f8")
    plain = from_tree(made, "it")
    turned = {**made, "w": [np.asfortranarray(a.astype(">f8")) for a in made["w"]]}
    numbered = {**made, "b": dict(enumerate(made["b"]))}
    flat = {k: v for k, v in made.items() if k not in "wb"}
    flat |= {f"{k}{n}": a for k in "wb" for n, a in enumerate(made[k])}
    archive = io.BytesIO()
    np.savez_compressed(archive, **flat)
    for content in (pickle.dumps(turned), pickle.dumps(numbered), archive.getvalue()):
        assert same(read(tmp_path, content), plain)


def test_jax_arrays_need_no_jax(tmp_path):
    """As jax pickles its arrays: a call of its own around NumPy's."""
    jnp = pytest.importorskip("jax.numpy")
    made = tree()
    as_jax = {k: [jnp.asarray(a) for a in v] if k in "wb" else jnp.asarray(v)
              for k, v in made.items()}  # fmt: skip
    assert same(read(tmp_path, pickle.dumps(as_jax)), from_tree(made, "it"))


def test_our_own_file_returns_every_bit(tmp_path):
    given = ParameterArrays("eann", from_tree(tree(), "it").arrays, SETTINGS, ("One.", "Two."))
    found = read(tmp_path, eann_bytes(given))
    assert same(found, given)
    assert dict(found.settings) == SETTINGS and found.about == given.about
    with np.load(saved(tmp_path, eann_bytes(given)), allow_pickle=False) as plain:
        assert np.array_equal(plain["output_weight"], given.arrays["output_weight"])
        assert '"output_weight": "eV"' in str(plain["about"])


# ---------------------------------------------------------------------------------- what is written


def term(arrays) -> PotentialTerm:
    return PotentialTerm("eann", {**SETTINGS, "file": "x.pickle", "fixed": ""}, {}, dict(arrays))


def structure() -> Structure:
    return Structure(("O", "H"), np.zeros((2, 3)), np.eye(3) * 10, np.array([16.0, 1.0]))


def test_exports_are_read_back(tmp_path):
    given = from_tree(tree(), "it")
    (archive,) = export("eann", [term(given.arrays)], structure(), tmp_path / "a.npz", PROVENANCE)
    found = read_parameters("eann", archive)
    assert same(found, given) and dict(found.settings) == SETTINGS
    assert any("water-1, iteration 3" in line for line in found.about)

    written = export("dmff", [term(given.arrays)], structure(), tmp_path / "out", PROVENANCE)
    table, beside = written
    assert table.name == "potential.pickle"
    found = read_parameters("eann", table)
    for key, value in given.arrays.items():
        assert np.allclose(found.arrays[key], value, rtol=1e-15, atol=0)
    assert "Elements, in the order of the arrays: H O" in beside.read_text()
    assert "Cutoff: 4.5 angstrom" in beside.read_text()


def test_dmff_loads_what_was_read_from_it(tmp_path):
    """`pickle.load` gives the table that the arrays came from, as NumPy arrays."""
    made = tree()
    (table, _) = export(
        "dmff", [term(from_tree(made, "it").arrays)], structure(), tmp_path / "p.pickle", PROVENANCE
    )
    loaded = pickle.loads(table.read_bytes())
    assert list(loaded) == ["c", "rs", "inta", "initpot", "w", "b"]
    for key in ("w", "b"):
        for mine, theirs in zip(loaded[key], made[key], strict=True):
            assert np.array_equal(mine.astype("f4"), theirs) and mine.shape == theirs.shape


@pytest.mark.parametrize("name", ["lammps", "openmm"])
def test_engines_without_networks_say_so(tmp_path, name):
    with pytest.raises(FileError) as caught:
        export(name, [term(from_tree(tree(), "it").arrays)], structure(), tmp_path, PROVENANCE)
    assert "cannot write a term of kind 'eann'" in caught.value.message
    assert "dmff" in caught.value.advice


def test_a_sum_of_terms_is_no_network(tmp_path):
    both = [term(from_tree(tree(), "it").arrays)] * 2
    with pytest.raises(FileError, match="a single eann term"):
        export("eann", both, structure(), tmp_path, PROVENANCE)


# ---------------------------------------------------------------------------- hostile and damaged


class Calls:
    """Pickled as a call of anything."""

    def __init__(self, function, *arguments):
        self.made = (function, arguments)

    def __reduce__(self):
        return self.made


def nested(depth: int) -> list:
    found: list = []
    for _ in range(depth):
        found = [found]
    return found


def laughing() -> list:
    """Ten lists of ten lists of ten ...: few bytes, ten billion values."""
    found: list = [0] * 10
    for _ in range(9):
        found = [found] * 10
    return found


def bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c.npy", b"\0" * (LIMIT_BYTES + 1))
    return stream.getvalue()


def huge_shape() -> bytes:
    """An array that claims to be larger than any memory."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        header = io.BytesIO()
        claim = {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**20)}
        np.lib.format.write_array_header_1_0(header, claim)
        archive.writestr("c.npy", header.getvalue())
    return stream.getvalue()


def objects() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, c=np.array([{}], dtype=object))
    return stream.getvalue()


WITNESS = "was-here"
HOSTILE = {
    "a call of the system": lambda: pickle.dumps(Calls(__import__("os").system, "true")),
    "a call of print": lambda: pickle.dumps({"c": Calls(print, "hello")}),
    "eval": lambda: pickle.dumps({"c": Calls(eval, "1+1")}, protocol=2),
    "touch": lambda: pickle.dumps(Calls(Path.touch, Path(WITNESS))),
    "an ordered dictionary": lambda: pickle.dumps(OrderedDict(a=1)),
    "an instance": lambda: pickle.dumps(PROVENANCE),
    "an old instance": lambda: b"\x80\x02(i__main__\nX\n.",
    "a persistent name": lambda: b"\x80\x02X\x01\x00\x00\x00aQ.",
    "a registered extension": lambda: b"\x80\x02\x82\x01.",
    "objects in an array": lambda: pickle.dumps({"c": np.array([{}], dtype=object)}),
    "texts in an array": lambda: pickle.dumps({"c": np.array(["a"])}),
    "a type of its own": lambda: pickle.dumps({"c": np.zeros(2, "i4,f8")}),
    "nested": lambda: pickle.dumps(nested(50)),
    "nested deeply": lambda: b"\x80\x02" + b"(" * 10**6,
    "laughing": lambda: pickle.dumps(laughing()),
    "within itself": lambda: b"\x80\x02]q\x00h\x00a.",
    "a long number": lambda: b"\x80\x02L" + b"9" * 10**6 + b"L\n.",
    "a longer number": lambda: b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "a claim of much": lambda: b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.",
    "many instructions": lambda: b"\x80\x02" + b"N0" * 10**6 + b".",
    "many values": lambda: pickle.dumps(list(range(150_000))),
    "a shape of more": lambda: pickle_of({"c": np.zeros(3)}).replace(b"J\x03", b"J\x04"),
    "no stop": lambda: pickle.dumps(tree())[:-1],
    "a bomb": bomb,
    "a huge shape": huge_shape,
    "objects in an archive": objects,
    "an empty archive": lambda: b"PK\x05\x06" + b"\0" * 18,
    "text": lambda: b"c = 1, 2, 3\n",
    "nothing": lambda: b"",
    "another table": lambda: pickle.dumps({"sigma": np.zeros(3)}),
    "no table": lambda: pickle.dumps([1.0, 2.0]),
    "too few layers": lambda: pickle.dumps({**tree(), "w": tree()["w"][:-1]}),
    "texts for numbers": lambda: pickle.dumps({**tree(), "c": "text"}),
    "another potential": lambda: eann_bytes(ParameterArrays("nequip", {"a": np.zeros(2)})),
    "a newer version": lambda: eann_bytes(ParameterArrays("eann", {})).replace(
        b'"\0\0\0f\0\0\0o\0\0\0r\0\0\0m\0\0\0a\0\0\0t\0\0\0"\0\0\0:\0\0\0 \0\0\0001',
        b'"\0\0\0f\0\0\0o\0\0\0r\0\0\0m\0\0\0a\0\0\0t\0\0\0"\0\0\0:\0\0\0 \0\0\0009',
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_with_a_sentence(tmp_path, monkeypatch, name):
    content = HOSTILE[name]()
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(FileError) as caught:
        read(tmp_path, content)
    assert time.process_time() - began < LONGEST_SECONDS
    assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    tracemalloc.stop()
    assert caught.value.message.endswith(".") and len(str(caught.value)) < 1000
    assert not (tmp_path / WITNESS).exists()


def test_what_is_asked_for_is_named(tmp_path):
    with pytest.raises(FileError, match=r"asks for (posix|nt)\.system"):
        read(tmp_path, HOSTILE["a call of the system"]())


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.pickle"
    with open(path, "wb") as file:
        file.truncate(LIMIT_BYTES + 1)
    with pytest.raises(FileError, match="up to 64 MB"):
        read_parameters("eann", path)


def damaged(content: bytes, dice: random.Random) -> bytes:
    kind = dice.choice(["cut", "flip", "drop", "double", "fill"])
    place, length = dice.randrange(len(content)), dice.randrange(1, 200)
    if kind == "cut":
        return content[:place]
    if kind == "drop":
        return content[:place] + content[place + length :]
    if kind == "double":
        return content[: place + length] + content[place:]
    if kind == "fill":
        return content[:place] + bytes(dice.choices(range(256), k=length)) + content[place:]
    changed = bytearray(content)
    for _ in range(dice.randrange(1, 20)):
        changed[min(dice.randrange(len(changed)), int(dice.expovariate(0.002)))] ^= 1 << dice.randrange(8)  # fmt: skip  # noqa: E501
    return bytes(changed)


def test_three_hundred_damaged_files(tmp_path):
    """Each is read or refused with a sentence; none crashes or hangs."""
    dice = random.Random(7)
    given = ParameterArrays("eann", from_tree(tree(), "it").arrays, SETTINGS)
    sound = [pickle.dumps(tree(), protocol=p) for p in (2, 4)]
    sound += [eann_bytes(given), pickle_of(to_tree(given.arrays))]
    refused = 0
    for _ in range(300):
        content = damaged(dice.choice(sound), dice)
        began = time.process_time()
        try:
            found = read(tmp_path, content)
            assert all(a.dtype == np.float64 for a in found.arrays.values())
        except FileError as error:
            refused += 1
            assert error.message.endswith(".")
        assert time.process_time() - began < LONGEST_SECONDS
    assert refused > 150
