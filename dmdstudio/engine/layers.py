"""Feed-forward nets whose arrays have names: ``NET.3.matrix`` [in, out], ``.bias`` and ``.step``.

Layers are numbered in their order. Where a layer is as wide as what comes in, or twice as wide, its
output x -> step f(x W + b) is added to what comes in, once or twice side by side; a layer without
``step`` has 1. Source: ``deepmd/utils/network.py`` of DeePMD-kit 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from dmdstudio.base.errors import FileError
from dmdstudio.engine.core import Parameters

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "relu": jax.nn.relu,
}


def layers_of(arrays: Mapping[str, Any], net: str) -> tuple[str, ...]:
    """Return the names of a net's layers in order: ``('fitting.O.0', 'fitting.O.1', ...)``."""
    found = [name.removesuffix(".matrix") for name in arrays if name.endswith(".matrix")]
    inside = [name for name in found if name.rpartition(".")[0] == net]
    numbered = [name for name in inside if name.rpartition(".")[2].isdecimal()]
    return tuple(sorted(numbered, key=lambda name: int(name.rpartition(".")[2])))


def ends_of(arrays: Mapping[str, Any], net: str, file: str = "The file") -> tuple[int, int]:
    """Return the number of inputs and of outputs of a net.

    Args:
        arrays: by name.
        net: which.
        file: that they come from, for the error.

    Raises:
        FileError: layers are missing or do not fit each other.
    """
    layers = layers_of(arrays, net)
    shapes = [arrays[f"{layer}.matrix"].shape for layer in layers]
    numbers = [int(layer.rpartition(".")[2]) for layer in layers]
    fits = bool(numbers) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    fits = fits and all(len(shape) == 2 and min(shape) > 0 for shape in shapes)
    fits = fits and all(before[1] == after[0] for before, after in pairwise(shapes))
    for layer, shape in zip(layers, shapes, strict=True):
        fits = fits and getattr(arrays.get(f"{layer}.bias"), "shape", None) == shape[1:]
        fits = fits and getattr(arrays.get(f"{layer}.step"), "shape", shape[1:]) == shape[1:]
    if not fits:
        told = ", ".join(f"{s} in {n}" for n, s in zip(layers, shapes, strict=True)) or "no layer"
        raise FileError(f"{file}: the layers of {net} do not fit each other: {told}.")
    return shapes[0][0], shapes[-1][1]


def embedded(arrays: Parameters, net: str, activation: str, value: Array) -> Array:
    """Return the output [..., out] of a net whose layers are all alike, of [..., in]."""
    for layer in layers_of(arrays, net):
        new = ACTIVATIONS[activation](_affine(arrays, layer, value))
        copies, rest = divmod(new.shape[-1], value.shape[-1])
        if rest == 0 and copies in (1, 2):
            step = arrays.get(f"{layer}.step", 1.0)
            new = jnp.concatenate([value] * copies, axis=-1) + step * new
        value = new
    return value


def fitted(arrays: Parameters, net: str, activation: str, value: Array) -> Array:
    """Return the output [..., out] of a net of [..., in].

    Its last layer is linear; nothing is added to its first, nor to any that is wider than before.
    """
    *hidden, last = layers_of(arrays, net)
    for number, layer in enumerate(hidden):
        new = ACTIVATIONS[activation](_affine(arrays, layer, value))
        if number and new.shape == value.shape:
            new = value + arrays.get(f"{layer}.step", 1.0) * new
        value = new
    return _affine(arrays, last, value)


def _affine(arrays: Parameters, layer: str, value: Array) -> Array:
    matrix = arrays[f"{layer}.matrix"]
    rows = value.reshape(-1, value.shape[-1])  # XLA's product of two axes is slow backwards
    product = jnp.matmul(rows, matrix, precision="highest")
    return product.reshape(*value.shape[:-1], -1) + arrays[f"{layer}.bias"]
