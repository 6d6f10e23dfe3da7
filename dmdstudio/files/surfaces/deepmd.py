"""Frozen DeePMD-kit ``dipole`` models, read without TensorFlow.

Source: names and meaning as in DeePMD-kit 2 (deepmd/descriptor/se_a.py, deepmd/fit/dipole.py,
deepmd/utils/network.py); H. Wang et al., Comput. Phys. Commun. 228, 178 (2018).
"""

from __future__ import annotations

import json
from itertools import count

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.array_file import (
    ABOUT,
    archived,
    is_archive,
    own_arrays,
    parameter_files,
)
from dmdstudio.files.surfaces.tensorflow_graph import Graph
from dmdstudio.plan.arrays import ParameterArrays

KIND = "deep_dipole"

_SUPPORTED = "Uncompressed `dipole` models with the descriptor se_e2_a can be used."
_ENVIRONMENT = ("ProdEnvMatA", "DescrptSeA")
_ACTIVATIONS = {"Tanh": "tanh", "Sigmoid": "sigmoid", "Softplus": "softplus", "Relu": "relu"}
_PLUMBING = frozenset(
    {"Const", "Identity", "Cast", "Reshape", "Shape", "Slice", "StridedSlice", "Pack", "Prod"}
    | {"ConcatV2", "Transpose", "MatMul", "BatchMatMul", "BatchMatMulV2", "BiasAdd", "Mul"}
    | {"Add", "AddV2", "AddN", "AccumulateNV2", "RealDiv"}
)
"""Operations inside the nets that the mathematics of the descriptor needs, and no more."""

_MOST_TYPES = 120
_MOST_SLOTS = 10_000


def read_deep_dipole(content: bytes, file: str) -> ParameterArrays:
    """Return a model of the dipole: what ``dp freeze`` wrote, or an archive of our own.

    Names of arrays: ``embedding.O.H.1.matrix`` [in, out] (centre O, neighbour H, first layer),
    ``.bias`` and, where a layer has one, ``.step`` [out]; ``fitting.O.0.matrix`` alike, the last
    layer is linear; ``mean.O`` and ``deviation.O`` [4] of the rows of the environment.

    Args:
        content: all bytes of the file.
        file: how errors call it.

    Raises:
        FileError: it is damaged, no dipole model, or one that is not supported; says why.
    """
    if is_archive(content):
        found = archived(content, file)
        if ABOUT in found:
            return own_arrays(found, KIND, file)
        raise FileError(
            f"{file} is an archive, but not one that DMD Studio wrote.",
            "Name the .pb file that `dp freeze` wrote; models for PyTorch cannot be read.",
        )
    return _model(Graph(content, file))


parameter_files.add(KIND, read_deep_dipole)


def _model(graph: Graph) -> ParameterArrays:
    kind = graph.text("model_attr/model_type")
    if kind != "dipole":
        raise FileError(
            f"{graph.file} is a DeePMD model of {kind[:40]!r}, not of the dipole.", _SUPPORTED
        )
    _require_supported(graph)
    types = tuple(graph.text("model_attr/tmap").split())
    slots, cutoff, switch_start = _environment(graph)
    centres = _integers(graph, "model_attr/sel_type")
    known = set(range(len(types)))
    if len(set(types)) != len(slots) or not centres or not set(centres) <= known:
        raise FileError(
            f"{graph.file}: the types {' '.join(types)[:80]!r}, room for {slots[:9]} neighbours "
            f"and the centres {centres[:9]} do not fit together."
        )
    arrays: dict[str, np.ndarray] = {}
    activations = set()
    for centre in centres:
        shared = f"filter_type_{centre}/matrix_1_0" not in graph
        scope = "filter_type_all" if shared else f"filter_type_{centre}"
        arrays |= _statistics(graph, centre, types[centre], sum(slots))
        arrays |= _embedding(graph, scope, types, types[centre])
        arrays |= _fitting(graph, centre, types[centre])
        activations |= _activations(graph, (f"{scope}/", f"layer_0_type_{centre}/"))
    if len(activations) != 1:
        told = ", ".join(sorted(activations)) or "none"
        raise FileError(f"{graph.file} should have one activation, but has {told}.", _SUPPORTED)
    settings = {
        "types": " ".join(types),
        "centres": " ".join(types[c] for c in centres),
        "slots": " ".join(map(str, slots)),
        "cutoff": cutoff,
        "switch_start": switch_start,
        "activation": activations.pop(),
    }
    return ParameterArrays(KIND, arrays, settings, ("A frozen DeePMD-kit model.",))


def _require_supported(graph: Graph) -> None:
    """Raise where the nets hold anything that the mathematics here has not."""
    try:
        told = json.loads(graph.text("train_attr/training_script"))["model"]["descriptor"]
        kind, excluded = told.get("type", "se_e2_a"), told.get("exclude_types", [])
    except (FileError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        kind, excluded = "se_e2_a", []  # a note of the training; the graph itself decides
    if kind not in ("se_e2_a", "se_a"):
        raise FileError(f"{graph.file} has the descriptor {str(kind)[:40]!r}.", _SUPPORTED)
    if excluded or any(name.startswith("filter_type_all_1/") for name in graph):
        raise FileError(f"{graph.file} leaves out pairs of types (exclude_types).", _SUPPORTED)
    for name in graph:
        operation = graph.operation(name)
        inside = name.startswith(("filter_type_", "layer_", "final_layer_", "TabulateFusion"))
        if inside and operation not in _PLUMBING and operation not in _ACTIVATIONS:
            raise FileError(
                f"{graph.file} has the operation {operation[:40]} in {name[:80]}.", _SUPPORTED
            )


def _environment(graph: Graph) -> tuple[tuple[int, ...], float, float]:
    """Return room for neighbours [type], cutoff and start of the switch, angstrom."""
    found = [name for name in graph if graph.operation(name) in _ENVIRONMENT]
    if len(found) != 1:
        raise FileError(
            f"{graph.file} has {len(found)} operations {' or '.join(_ENVIRONMENT)}, not one.",
            _SUPPORTED,
        )
    cutoff, start = graph.number(found[0], "rcut_r"), graph.number(found[0], "rcut_r_smth")
    slots = graph.integers(found[0], "sel_a")
    if not 0.0 <= start < cutoff < 100.0:
        raise FileError(f"{graph.file} fades from {start:g} to {cutoff:g} angstrom.", _SUPPORTED)
    sensible = 0 < len(slots) <= _MOST_TYPES and min(slots) >= 0 and 0 < sum(slots) <= _MOST_SLOTS
    if not sensible or any(graph.integers(found[0], "sel_r")):
        raise FileError(f"{graph.file} has room for {slots[:9]} neighbours.", _SUPPORTED)
    original = "descrpt_attr/original_sel"
    if original in graph and _integers(graph, original) != slots:
        raise FileError(
            f"{graph.file} had room for {_integers(graph, original)[:9]} neighbours when it was "
            f"trained, but has {slots[:9]} now.",
            "Freeze it with the `sel` that it was trained with.",
        )
    return slots, cutoff, start


def _statistics(graph: Graph, centre: int, name: str, slots: int) -> dict[str, np.ndarray]:
    """Return mean and deviation of a centre's rows, alike for all neighbours."""
    found = {}
    for key, tensor in (("mean", "t_avg"), ("deviation", "t_std")):
        array = _numbers(graph, f"descrpt_attr/{tensor}")
        if array.ndim != 2 or array.shape[1] != 4 * slots or len(array) <= centre:
            raise FileError(
                f"{graph.file}: {tensor} has the shape {array.shape}, not [type, {4 * slots}]."
            )
        rows = array[centre].reshape(slots, 4)
        if np.ptp(rows, axis=0).max() > 0.0:
            raise FileError(f"{graph.file}: {tensor} differs between neighbours.", _SUPPORTED)
        found[f"{key}.{name}"] = rows[0]
    return found


_PARTS = (("matrix", "matrix"), ("bias", "bias"), ("idt", "step"))


def _embedding(
    graph: Graph, scope: str, types: tuple[str, ...], centre: str
) -> dict[str, np.ndarray]:
    """Return the nets that embed each type of neighbour."""
    found = {}
    for index, neighbour in enumerate(types):
        layers = next(n for n in count(2) if f"{scope}/matrix_{n}_{index}" not in graph)
        for layer in range(1, layers):
            for part, key in _PARTS:
                tensor = f"{scope}/{part}_{layer}_{index}"
                if part != "idt" or tensor in graph:
                    found[f"embedding.{centre}.{neighbour}.{layer}.{key}"] = _numbers(graph, tensor)
    return _flat_vectors(found)


def _fitting(graph: Graph, centre: int, name: str) -> dict[str, np.ndarray]:
    """Return the net from the descriptor to the vector."""
    found = {}
    hidden = next(n for n in count() if f"layer_{n}_type_{centre}/matrix" not in graph)
    scopes = [*(f"layer_{n}_type_{centre}" for n in range(hidden)), f"final_layer_type_{centre}"]
    for layer, scope in enumerate(scopes):
        for part, key in _PARTS:
            if part != "idt" or f"{scope}/{part}" in graph:
                found[f"fitting.{name}.{layer}.{key}"] = _numbers(graph, f"{scope}/{part}")
    return _flat_vectors(found)


def _activations(graph: Graph, scopes: tuple[str, ...]) -> set[str]:
    """Return the activations inside some scopes."""
    inside = {graph.operation(name) for name in graph if name.startswith(scopes)}
    return {_ACTIVATIONS[operation] for operation in inside if operation in _ACTIVATIONS}


def _flat_vectors(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return biases and steps as vectors: some versions write them as one row."""
    return {n: a if n.endswith(".matrix") else a.reshape(-1) for n, a in arrays.items()}


def _integers(graph: Graph, name: str) -> tuple[int, ...]:
    array = graph.array(name)
    if array.ndim != 1 or array.dtype.kind != "i" or len(array) > _MOST_TYPES:
        raise FileError(f"{graph.file}: {name} is no list of whole numbers.")
    return tuple(int(n) for n in array)


def _numbers(graph: Graph, name: str) -> np.ndarray:
    array = graph.array(name)
    if array.dtype.kind != "f" or not np.all(np.isfinite(array)):
        raise FileError(f"{graph.file}: {name} holds something other than finite numbers.")
    return array.astype(np.float64)
