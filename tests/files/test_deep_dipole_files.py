"""Frozen DeePMD models: what is in them comes out; damaged and foreign files are refused."""

from __future__ import annotations

import json
import os
import pickle
import random
import time
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.array_file import read_parameters, write_arrays
from dmdstudio.files.surfaces import read_deep_dipole
from dmdstudio.files.surfaces.tensorflow_graph import _messages

ROOT = Path(__file__).parents[2]
REFERENCES = Path(os.environ.get("DMDSTUDIO_REFERENCES", ROOT.parent / "shared/references"))
LONGEST_SECONDS = 5.0
SLOTS = (4, 6)
NETS = {"filter_type_0/{}_1_{}": (1, 3), "filter_type_0/{}_2_{}": (3, 6)}
TYPES = {"<f8": (2, "double_val"), "<i4": (3, "int_val"), "<f4": (1, "float_val")}


class Builder:
    """Writes frozen graphs with the names that DeePMD-kit gives."""

    def __init__(self) -> None:
        self.nodes: dict[str, tuple[str, dict[str, bytes]]] = {}
        self.arrays: dict[str, np.ndarray] = {}
        dice = np.random.default_rng(3)
        self.text("model_attr/model_type", "dipole")
        self.text("model_attr/tmap", "O H")
        descriptor = {"type": "se_e2_a", "exclude_types": []}
        self.text("train_attr/training_script", json.dumps({"model": {"descriptor": descriptor}}))
        self.constant("model_attr/sel_type", np.array([0], "<i4"))
        self.constant("descrpt_attr/t_avg", np.tile([0.1, 0, 0, 0], (2, sum(SLOTS))))
        self.constant("descrpt_attr/t_std", np.tile([0.2, 0.1, 0.1, 0.1], (2, sum(SLOTS))))
        self.environment(rcut_r=6.0, rcut_r_smth=5.5, sel_a=SLOTS, sel_r=(0, 0))
        for name, shape in NETS.items():
            for neighbour in (0, 1):
                self.constant(name.format("matrix", neighbour), dice.normal(size=shape))
                self.constant(name.format("bias", neighbour), dice.normal(size=shape[1]))
        for layer, shape in {"layer_0": (12, 5), "layer_1": (5, 5), "final_layer": (5, 6)}.items():
            self.constant(f"{layer}_type_0/matrix", dice.normal(size=shape))
            self.constant(f"{layer}_type_0/bias", dice.normal(size=shape[1]))
        self.constant("layer_1_type_0/idt", dice.normal(size=5))
        for scope in ("filter_type_0", "layer_0_type_0"):
            self.node(f"{scope}/Tanh", "Tanh")
            self.node(f"{scope}/MatMul", "MatMul")

    def node(self, name: str, operation: str, **attributes: bytes) -> None:
        self.nodes[name] = (operation, attributes)

    def text(self, name: str, text: str) -> None:
        tensor = _messages()["Tensor"](dtype=7, string_val=[text.encode()])
        value = _messages()["Value"](tensor=tensor.SerializeToString())
        self.node(name, "Const", value=value.SerializeToString())

    def constant(self, name: str, array: np.ndarray, packed: bool = True, shape=None) -> None:
        dtype, field = TYPES[array.dtype.str]
        sizes = [_messages()["Size"](size=n) for n in (array.shape if shape is None else shape)]
        given = {"content": array.tobytes()} if packed else {field: array.ravel().tolist()}
        tensor = _messages()["Tensor"](
            dtype=dtype,
            shape=_messages()["Shape"](
                dim=[s.SerializeToString() for s in sizes]
            ).SerializeToString(),
            **given,
        )
        value = _messages()["Value"](tensor=tensor.SerializeToString())
        self.node(name, "Const", value=value.SerializeToString())
        self.arrays[name] = array

    def environment(self, **told) -> None:
        attributes = {}
        for name, value in told.items():
            if isinstance(value, tuple):
                listed = _messages()["List"](i=value).SerializeToString()
                attributes[name] = _messages()["Value"](list=listed).SerializeToString()
            else:
                attributes[name] = _messages()["Value"](f=value).SerializeToString()
        self.node("ProdEnvMatA", "ProdEnvMatA", **attributes)

    def content(self) -> bytes:
        make = _messages()
        nodes = []
        for name, (operation, attributes) in self.nodes.items():
            entries = [
                make["Entry"](key=k, value=v).SerializeToString() for k, v in attributes.items()
            ]
            nodes.append(make["Node"](name=name, op=operation, attr=entries).SerializeToString())
        return make["Graph"](node=nodes).SerializeToString()


@pytest.fixture
def graph():
    return Builder()


@pytest.fixture(scope="module")
def dipole_pb() -> bytes:
    path = REFERENCES / "water-dipole" / "dipole.pb"
    if not path.exists():
        pytest.skip(f"no reference data at {path} (set DMDSTUDIO_REFERENCES)")
    return path.read_bytes()


def test_a_real_model_is_read_to_the_last_bit(dipole_pb):
    expected = np.load(REFERENCES / "water-dipole" / "deepdipole_water.npz")
    found = read_deep_dipole(dipole_pb, "dipole.pb")
    assert found.settings == {
        "types": " ".join(expected["type_map"]),
        "centres": "O",
        "slots": " ".join(map(str, expected["sel"])),
        "cutoff": float(expected["rcut"]),
        "switch_start": float(np.float32(expected["rcut_smth"])),
        "activation": "tanh",
    }
    names = {"mean.O": "davg_O", "deviation.O": "dstd_O"}
    for index, neighbour in enumerate("OH"):
        for layer in (1, 2, 3):
            own = f"embedding.O.{neighbour}.{layer}"
            names |= {f"{own}.matrix": f"emb_w{layer}_{index}"}
            names |= {f"{own}.bias": f"emb_b{layer}_{index}"}
    for layer in range(4):
        own = f"fitting.O.{layer}"
        names |= {f"{own}.matrix": f"fit_w{layer}", f"{own}.bias": f"fit_b{layer}"}
        names |= {f"{own}.step": f"fit_idt{layer}"} if layer in (1, 2) else {}
    assert set(names) == set(found.arrays)
    for own, theirs in names.items():
        np.testing.assert_array_equal(found.arrays[own], expected[theirs])


def test_all_that_a_graph_says_comes_out(graph):
    found = read_deep_dipole(graph.content(), "made.pb")
    assert found.settings["slots"] == "4 6"
    assert found.settings["switch_start"] == 5.5
    own = {
        "embedding.O.H.2.bias": "filter_type_0/bias_2_1",
        "fitting.O.1.step": "layer_1_type_0/idt",
    }
    for name, node in own.items():
        np.testing.assert_array_equal(found.arrays[name], graph.arrays[node])
    assert found.arrays["mean.O"].tolist() == [0.1, 0.0, 0.0, 0.0]


def test_numbers_may_be_listed_and_the_last_one_stands_for_the_rest(graph):
    bias = np.full(5, 0.25)
    graph.constant("layer_0_type_0/bias", bias[:1], packed=False, shape=(5,))
    matrix = graph.arrays["layer_1_type_0/matrix"]
    graph.constant("layer_1_type_0/matrix", matrix.astype("<f4"), packed=False)
    found = read_deep_dipole(graph.content(), "made.pb").arrays
    np.testing.assert_array_equal(found["fitting.O.0.bias"], bias)
    np.testing.assert_array_equal(found["fitting.O.1.matrix"], matrix.astype("<f4"))


def test_one_net_may_serve_all_centres(graph):
    graph.nodes = {k.replace("filter_type_0", "filter_type_all"): v for k, v in graph.nodes.items()}
    found = read_deep_dipole(graph.content(), "made.pb").arrays
    np.testing.assert_array_equal(
        found["embedding.O.O.1.matrix"], graph.arrays["filter_type_0/matrix_1_0"]
    )


def test_an_archive_of_ours_gives_the_same_model(graph, tmp_path):
    given = read_deep_dipole(graph.content(), "made.pb")
    path = tmp_path / "model.npz"
    path.write_bytes(write_arrays(given, {}))
    found = read_parameters("deep_dipole", path)
    assert found.settings == given.settings
    assert all(np.array_equal(found.arrays[n], a) for n, a in given.arrays.items())


def _energy(graph):
    graph.text("model_attr/model_type", "ener")


def _compressed(graph):
    graph.node("filter_type_0/TabulateFusionSeA", "TabulateFusionSeA")


def _typed(graph):
    graph.node("filter_type_0/Gather", "GatherV2")


def _excluding(graph):
    told = {"model": {"descriptor": {"type": "se_e2_a", "exclude_types": [[0, 1]]}}}
    graph.text("train_attr/training_script", json.dumps(told))


def _three_body(graph):
    told = {"model": {"descriptor": {"type": "se_e3"}}}
    graph.text("train_attr/training_script", json.dumps(told))


def _two_activations(graph):
    graph.node("layer_0_type_0/Tanh", "Sigmoid")


def _radial(graph):
    graph.environment(rcut_r=6.0, rcut_r_smth=5.5, sel_a=SLOTS, sel_r=(0, 3))


def _backwards(graph):
    graph.environment(rcut_r=5.0, rcut_r_smth=5.5, sel_a=SLOTS, sel_r=(0, 0))


def _uneven(graph):
    mean = graph.arrays["descrpt_attr/t_avg"].copy()
    mean[0, 8] = 0.3
    graph.constant("descrpt_attr/t_avg", mean)


def _unfinished(graph):
    del graph.nodes["final_layer_type_0/matrix"]


def _infinite(graph):
    graph.constant("layer_1_type_0/bias", np.full(5, np.nan))


def _huge(graph):
    graph.constant("layer_0_type_0/bias", np.zeros(5), packed=False, shape=(2**40, 2**20))


def _negative(graph):
    graph.constant("layer_0_type_0/bias", np.zeros(5), shape=(-5,))


def _renamed(graph):
    graph.constant("descrpt_attr/original_sel", np.array([40, 60], "<i4"))


def _strange_note(graph):
    graph.text("train_attr/training_script", "[" * 100_000)
    graph.text("model_attr/tmap", "O")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_energy, "'ener'"), (_compressed, "TabulateFusionSeA"), (_typed, "GatherV2"),
        (_excluding, "exclude_types"), (_three_body, "'se_e3'"),
        (_two_activations, "sigmoid, tanh"), (_radial, "room for"),
        (_backwards, "5.5 to 5"), (_uneven, "t_avg differs"),
        (_unfinished, "final_layer_type_0/matrix"), (_infinite, "layer_1_type_0/bias"),
        (_huge, "claims the shape"), (_negative, "claims the shape"), (_renamed, "40, 60"),
        (_strange_note, "do not fit together"),
    ],
    ids=lambda p: p.__name__.strip("_") if callable(p) else "",
)  # fmt: skip
def test_what_is_not_supported_is_named(graph, change, told):
    change(graph)
    with pytest.raises(FileError, match=r"made\.pb") as caught:
        read_deep_dipole(graph.content(), "made.pb")
    assert told in str(caught.value)


# ------------------------------------------------------------------------------------------ damage


def _read_or_refused(content: bytes) -> bool:
    """Read bytes in time, and tell whether they are a model."""
    began = time.perf_counter()
    try:
        found = read_deep_dipole(content, "damaged.pb")
    except FileError as error:
        assert "damaged.pb" in error.message and len(error.message) < 600
        return False
    finally:
        assert time.perf_counter() - began < LONGEST_SECONDS
    assert all(np.all(np.isfinite(a)) and a.dtype == np.float64 for a in found.arrays.values())
    return True


def _damaged(content: bytes, dice: random.Random) -> bytes:
    way = dice.randrange(4)
    at = dice.randrange(len(content))
    if way == 0:
        return content[:at]
    if way == 1:
        return content[:at] + content[at + dice.randrange(1, 50) :]
    damaged = bytearray(content)
    for _ in range(dice.choice([1, 1, 3, 30])):
        at = dice.randrange(len(content))
        damaged[at] = 0xFF if way == 3 else damaged[at] ^ (1 << dice.randrange(8))
    return bytes(damaged)


def test_damage_is_refused_in_time(graph):
    dice = random.Random(5)
    content = graph.content()
    assert _read_or_refused(content)
    refused = sum(not _read_or_refused(_damaged(content, dice)) for _ in range(300))
    assert refused > 100  # a flipped bit of a weight is no damage that can be seen


def test_a_damaged_real_model_is_refused_in_time(dipole_pb):
    dice = random.Random(6)
    for cut in np.linspace(1, len(dipole_pb) - 1, 25).astype(int):
        assert not _read_or_refused(dipole_pb[:cut])
    for _ in range(25):
        _read_or_refused(_damaged(dipole_pb, dice))


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _archive() -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("model/data.pkl", b"x")
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a" + _varint(2**62) + b"x" * 20,
        b"\x0a" + b"\xff" * 30,
        b"\x0a\x00" * (8 * 2**20),
        b"\x0a" + _varint(8 * 2**20) + b"\x2a\x00" * (4 * 2**20),
        b"\x0b" * 10_000,
        b"{" * 2_000_000,
        pickle.dumps({"model": [1.0] * 1000}),
        _archive(),
        b"hello",
        bytes(range(256)) * 100,
    ],
    ids=["long", "endless", "empty nodes", "empty attributes", "groups", "json", "pickle", "zip",
         "text", "noise"],
)  # fmt: skip
def test_foreign_files_are_refused_in_time(content):
    assert not _read_or_refused(content)
