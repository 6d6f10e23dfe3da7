"""Networks of embedded atom densities: their arrays, their output, and random ones to begin with.

A network of one element turns features [feature] into a number. Hidden layers n = 1, 2, ... are

    y = x W + b,   z = norm_scale (y - mean y)/sqrt(var y + 1e-5) + norm_shift,
    x' = activation_scale silu(activation_slope z)

and the output is x W + b, one number or, of a network of dipoles, as many as there are radial
functions. All arrays have the element as leading axis.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.potential import ArrayField
from dmdstudio.plan.arrays import units_of

if TYPE_CHECKING:
    from dmdstudio.engine.equivariant import Equivariant
    from dmdstudio.engine.symmetry_functions import SymmetryNetwork

LAYER = "layer{}_"
"""How the arrays of a hidden layer begin."""

VECTORS = ("bias", "norm_scale", "norm_shift", "activation_scale", "activation_slope")
"""Arrays [element, unit] of a hidden layer, beside its weight [element, input, unit]."""

RADIAL = ("radial_coefficient", "radial_centre", "radial_exponent")
"""Arrays [element, radial] of the orbitals."""

NORM = 1e-5
"""Added to the variance in a layer's norm."""

MOMENTS = (1, 4, 10)
"""Components of the orbitals up to an angular momentum of 0, 1 and 2: 1; x, y, z; xx, yy, ..."""

SHELLS = len(MOMENTS)
"""Largest number of angular momenta."""


def elements_of(text: str) -> tuple[str, ...]:
    """Return ``('H', 'O')`` from ``'H O'`` or ``'H, O'``."""
    return tuple(re.findall(r"[^\s,;]+", text))


def species_of(system: System, known: tuple[str, ...]) -> np.ndarray:
    """Return the index of every atom's element among those that a network knows [atom]."""
    return np.array([known.index(element) for element in system.elements])


def require_elements(name: str, system: System, known: tuple[str, ...]) -> None:
    """Raise `RecipeError` where the system holds an element that a network does not know.

    Args:
        name: of the term, for the error.
        system: what it is for.
        known: the network's elements.
    """
    for element in np.unique(system.elements):
        if element not in known:
            raise RecipeError(
                f"{name}: the structure holds {element}, but the network knows only "
                f"{', '.join(known)}.",
                "Give the network's elements in its own order, or another network.",
            )


def require_count(
    name: str, network: Network | Equivariant | SymmetryNetwork, known: tuple[str, ...]
) -> None:
    """Raise `RecipeError` where a file has networks of more or fewer elements than are named.

    Args:
        name: of the term, for the error.
        network: what the file holds.
        known: the elements that are named.
    """
    if network.elements != len(known):
        raise RecipeError(
            f"{name}: {network.name!r} holds networks of {network.elements} elements, but "
            f"`elements` names {len(known)}: {' '.join(known)}.",
            "Name them all, in the order of the file's arrays.",
        )


def require_shapes(
    given: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[int, ...]], name: str
) -> None:
    """Raise `FileError` where an array is missing, left over, of another shape, or not finite."""
    if odd := sorted(wanted.keys() ^ given.keys()):
        what = "has no" if odd[0] in wanted else "holds an unknown"
        raise FileError(f"{name} {what} array {odd[0]!r}.")
    for key, shape in wanted.items():
        if given[key].shape != shape:
            raise FileError(
                f"{name}: {key} has the shape {given[key].shape}; the others ask for {shape}."
            )
        if not np.all(np.isfinite(given[key])):
            raise FileError(f"{name}: {key} holds values that are not numbers.")


def array_fields(kind: str, names: Iterable[str], fixed: str, file: str) -> tuple[ArrayField, ...]:
    """Describe the arrays of a network.

    Args:
        kind: of the potential or surface.
        names: of all arrays, in the order of reports.
        fixed: names or patterns of those that are not refined.
        file: that they come from, for the error.

    Raises:
        RecipeError: a pattern fits none.
    """
    names, patterns = tuple(names), elements_of(fixed)
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(key, pattern) for key in names):
            raise RecipeError(
                f"`fixed` names {pattern!r}, but {file} has no such array.",
                f"It has: {', '.join(names)}.",
            )
    units = units_of(kind, names)
    return tuple(
        ArrayField(key, units[key], not any(fnmatch.fnmatchcase(key, p) for p in patterns))
        for key in names
    )


@dataclass(frozen=True)
class Network:
    """The shape of a set of arrays.

    Attributes:
        elements: number of elements.
        radials: number of radial functions.
        shells: number of angular momenta, 1 to 3.
        widths: units of the hidden layers.
        name: of the file, for errors.
        vector: the output is a number for every radial function, not one that is an energy.
    """

    elements: int
    radials: int
    shells: int
    widths: tuple[int, ...]
    name: str
    vector: bool = False

    @classmethod
    def of(cls, given: Mapping[str, np.ndarray], name: str, vector: bool = False) -> Network:
        """Return the shape of arrays; raise `FileError` where they do not fit together."""
        centre = given.get("radial_centre", np.zeros(0))
        weights = []
        while (key := LAYER.format(len(weights) + 1) + "weight") in given:
            weights.append(given[key].shape)
        if centre.ndim != 2 or not weights or any(len(shape) != 3 for shape in weights):
            raise FileError(
                f"{name} holds no EANN network (found: {', '.join(sorted(given)) or 'nothing'}).",
                "It needs radial_centre [element, radial], layer1_weight [element, feature, unit] "
                "and what belongs to them.",
            )
        elements, radials = centre.shape
        shells, left = divmod(weights[0][1], radials)
        if left or not 1 <= shells <= SHELLS:
            raise FileError(
                f"{name}: the first layer takes {weights[0][1]} features; {radials} radial "
                f"functions make {', '.join(str(n * radials) for n in range(1, SHELLS + 1))}."
            )
        if vector and shells < 2:
            raise FileError(f"{name} has no orbitals that are vectors; a dipole is made of them.")
        found = cls(elements, radials, shells, tuple(shape[2] for shape in weights), name, vector)
        require_shapes(given, found.shapes, name)
        return found

    @classmethod
    def like(cls, arrays: Parameters) -> Network:
        """Return the shape of arrays that are known to fit together."""
        elements, radials = arrays["radial_centre"].shape
        widths: list[int] = []
        while (key := LAYER.format(len(widths) + 1) + "weight") in arrays:
            widths.append(arrays[key].shape[2])
        shells = arrays[LAYER.format(1) + "weight"].shape[1] // radials
        return cls(elements, radials, shells, tuple(widths), "", arrays["output_weight"].ndim > 2)

    @property
    def kind(self) -> str:
        """Name of the potential or surface whose arrays these are."""
        return "eann_dipole" if self.vector else "eann"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all arrays by name, in the order of reports."""
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(RADIAL, (self.elements, self.radials))
        inputs = self.radials * self.shells
        for number, width in enumerate(self.widths, start=1):
            layer = LAYER.format(number)
            shapes[layer + "weight"] = (self.elements, inputs, width)
            shapes |= {layer + name: (self.elements, width) for name in VECTORS}
            inputs = width
        last = (self.radials,) if self.vector else ()
        shapes["output_weight"] = (self.elements, inputs, *last)
        shapes["output_bias"] = (self.elements, *last)
        return shapes if self.vector else shapes | {"atom_energy": (1,)}

    def fields(self, fixed: str) -> tuple[ArrayField, ...]:
        """Describe the arrays; see `array_fields`."""
        return array_fields(self.kind, self.shapes, fixed, self.name)

    @staticmethod
    def output(own: Parameters, features: Array) -> Array:
        """Return the output [atom, ...] for features [atom, feature] of one element's atoms.

        Args:
            own: arrays of the element, without the leading axis.
            features: of its atoms.
        """
        x, number = features, 1
        while (layer := LAYER.format(number)) + "weight" in own:
            y = x @ own[layer + "weight"] + own[layer + "bias"]
            away = y - jnp.mean(y, axis=-1, keepdims=True)
            variance = jnp.mean(away * away, axis=-1, keepdims=True)
            z = away / jnp.sqrt(variance + NORM)
            z = z * own[layer + "norm_scale"] + own[layer + "norm_shift"]
            x = own[layer + "activation_scale"] * jax.nn.silu(own[layer + "activation_slope"] * z)
            number += 1
        return x @ own["output_weight"] + own["output_bias"]


def random_network(
    elements: int,
    radials: int,
    widths: tuple[int, ...],
    cutoff: float,
    seed: int,
    shells: int = SHELLS,
    energy: float = 0.1,
    vector: bool = False,
) -> dict[str, np.ndarray]:
    """Return the arrays of a network to begin a training with, or to test with.

    Args:
        elements: number of elements.
        radials: number of radial functions, centred evenly between 0 and the cutoff.
        widths: units of the hidden layers.
        cutoff: angstrom.
        seed: of the random numbers.
        shells: number of angular momenta.
        energy: size of an atom's energy, eV; of the output where that is another.
        vector: as of `Network`.
    """
    random = np.random.default_rng(seed)
    shape = Network(elements, radials, shells, widths, "", vector).shapes
    width = cutoff / radials
    found = {
        "radial_coefficient": random.normal(0.3, 0.1, shape["radial_centre"]),
        "radial_centre": np.linspace(0.0, cutoff, radials, endpoint=False)
        + random.normal(0.0, 0.1 * width, shape["radial_centre"]),
        "radial_exponent": random.normal(0.5, 0.05, shape["radial_exponent"]) / width**2,
    }
    for key in (key for key in shape if key not in found):
        inputs = shape[key][1] if key.endswith("weight") else 1
        found[key] = random.normal(0.0, 1.0 / math.sqrt(inputs), shape[key])
        if key.endswith(("scale", "slope")):
            found[key] = 1.0 + 0.1 * found[key]
        elif key.endswith(("bias", "shift")):
            found[key] = 0.1 * found[key]
    found["output_weight"] *= energy
    if not vector:
        found["atom_energy"] = np.full(1, -energy)
    return {key: found[key] for key in shape}  # as in reports
