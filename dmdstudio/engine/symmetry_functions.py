"""Symmetry functions of atoms' surroundings, and the networks that they go into.

Of an atom i with neighbours j and k of given elements, d = r_j - r_i, theta between d_ij and d_ik,
and a cutoff function f that ends at c, functions are, as lines of text in angstrom,

    i 2 j   eta s c               sum over j of g(r_ij)              g(r) = exp(-eta (r - s)^2) f(r)
    i 3 j k eta lambda zeta c s   sum over pairs of A g(r_ij) g(r_ik) g(r_jk)
    i 9 j k eta lambda zeta c s   sum over pairs of A g(r_ij) g(r_ik)
                                  A = 2 [(1 + lambda cos theta)/2]^zeta

where s may be left out, every pair of neighbours counts once, and f of x = r/c is

    polynomial   1 - 10 x^3 + 15 x^4 - 6 x^5        two derivatives end at c
    tanh         tanh^3(1 - x)                      two
    cosine       (1 + cos pi x)/2                   one: curvatures jump, energies drift

A network of every element turns its functions, one after the other in their order, into an energy:
hidden layers are a(x W + b), the output is x W + b. Where an element has fewer functions than
another, zeros follow them.

Source: Behler, J. Chem. Phys. 134, 074106 (2011), doi 10.1063/1.3553717, equations 5, 6, 8 and 9
(G2, G4 and G5), numbered as RuNNer and n2p2 do; the other cutoff functions are those of n2p2
(Singraber et al., J. Chem. Theory Comput. 15, 1827 (2019)). It is written out rather than taken
from jax-md, whose lists of neighbours mix up the elements of angles.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.core import Parameters
from dmdstudio.engine.layers import ACTIVATIONS
from dmdstudio.engine.networks import LAYER, require_shapes

CUTOFF_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "polynomial": lambda x: 1.0 + x**3 * (-10.0 + x * (15.0 - 6.0 * x)),
    "tanh": lambda x: jnp.tanh(1.0 - x) ** 3,
    "cosine": lambda x: 0.5 + 0.5 * jnp.cos(math.pi * x),
}
"""Of the distance over the cutoff, from 0 to 1."""

SMOOTH = tuple(name for name in ACTIVATIONS if name != "relu")
"""Activations of the hidden layers; forces of others would jump."""

LARGEST_POWER = 128
"""Of an angle's term."""

MOST = 1000
"""Functions of a network."""

RADIAL, NARROW, WIDE = 2, 3, 9


class Shape(NamedTuple):
    """How far apart the atoms of a function are: eta, s and c, and whether the third side counts.

    Attributes:
        exponent: 1/angstrom^2.
        centre: angstrom.
        cutoff: angstrom.
        narrow: whether the side between both neighbours counts.
    """

    exponent: float
    centre: float
    cutoff: float
    narrow: bool = False


class Angle(NamedTuple):
    """How the angle of a function counts: lambda, and zeta."""

    sign: int
    power: int


class SymmetryFunction(NamedTuple):
    """One function of an atom's surroundings; elements are indices.

    Attributes:
        atom: element of the atom.
        others: elements of a neighbour, or of two, sorted.
        shape: of the distances.
        angle: None where there is one neighbour.
    """

    atom: int
    others: tuple[int, ...]
    shape: Shape
    angle: Angle | None = None

    def line(self, elements: Sequence[str]) -> str:
        """Return the function as text; `functions_of` reads it."""
        shape, kind = self.shape, RADIAL
        numbers = [shape.exponent, shape.centre, shape.cutoff]
        if self.angle is not None:
            kind = NARROW if shape.narrow else WIDE
            numbers = [shape.exponent, *self.angle, shape.cutoff, shape.centre]
        others = [elements[k] for k in self.others]
        return " ".join(map(str, [elements[self.atom], kind, *others, *numbers]))


# ------------------------------------------------------------------------------- functions as text


def text_of(functions: Sequence[SymmetryFunction], elements: Sequence[str]) -> str:
    """Return functions as one text, of which `functions_of` makes the same."""
    return "; ".join(function.line(elements) for function in functions)


def functions_of(text: str, elements: Sequence[str], where: str) -> tuple[SymmetryFunction, ...]:
    """Return the functions of a text.

    Args:
        text: lines, or what is between semicolons.
        elements: chemical symbols in the order of the network.
        where: the text stands, for the error.

    Raises:
        RecipeError: one of them cannot be read, or an element has none.
    """
    lines = [line for line in text.replace("\n", ";").split(";") if line.strip()]
    if len(lines) > MOST:
        raise RecipeError(f"{where}: there are {len(lines)} symmetry functions; {MOST} at most.")
    found = tuple(_function(line, elements, where) for line in lines)
    for number, element in enumerate(elements):
        if not any(function.atom == number for function in found):
            raise RecipeError(
                f"{where}: no symmetry function is of {element}.",
                f"Give it some, such as '{element} 2 {element} 0.5 0 6'.",
            )
    return found


def _function(line: str, elements: Sequence[str], where: str) -> SymmetryFunction:
    """Return the function of a line."""
    words = line.split()
    try:
        atom, kind = elements.index(words[0]), int(words[1])
        count = 1 if kind == RADIAL else 2
        others = tuple(sorted(elements.index(word) for word in words[2 : 2 + count]))
        numbers = [float(word) for word in words[2 + count :]]
        if kind not in (RADIAL, NARROW, WIDE) or not all(map(math.isfinite, numbers)):
            raise ValueError
        if kind == RADIAL:
            exponent, centre, cutoff = numbers
            angle = None
        else:
            exponent, sign, power, cutoff, *rest = numbers
            (centre,) = rest or [0.0]
            angle = Angle(int(sign), int(power))
            if angle != (sign, power) or abs(sign) != 1 or not 1 <= power <= LARGEST_POWER:
                raise ValueError
        if exponent < 0.0 or cutoff <= 0.0 or len(others) != count:
            raise ValueError
    except (ValueError, IndexError):
        raise RecipeError(
            f"{where}: {line.strip()[:80]!r} is no symmetry function of {' '.join(elements)}.",
            "'H 2 O eta s cutoff', 'H 3 O O eta lambda zeta cutoff' and the same with 9 are "
            "expected: eta at least 0, lambda 1 or -1, zeta a whole number from 1 to "
            f"{LARGEST_POWER}, lengths in angstrom.",
        ) from None
    return SymmetryFunction(atom, others, Shape(exponent, centre, cutoff, kind == NARROW), angle)


def standard_functions(elements: int, cutoff: float, radials: int) -> tuple[SymmetryFunction, ...]:
    """Return functions that suit most systems.

    Of every neighbour Gaussians that are evenly spread up to the cutoff, of every two of them a
    short and a long range, both signs, and powers of 1 and 4.

    Args:
        elements: number of them.
        cutoff: angstrom.
        radials: number of Gaussians.
    """
    found, width = [], cutoff / radials
    for atom in range(elements):
        for other in range(elements):
            for step in range(radials):
                shape = Shape(0.5 / width**2, step * width, cutoff)
                found.append(SymmetryFunction(atom, (other,), shape))
        for first in range(elements):
            for second in range(first, elements):
                for share in (0.5, 5.0):
                    shape = Shape(share / cutoff**2, 0.0, cutoff, narrow=True)
                    for angle in (Angle(1, 1), Angle(-1, 1), Angle(1, 4), Angle(-1, 4)):
                        found.append(SymmetryFunction(atom, (first, second), shape, angle))
    return tuple(found)


# ------------------------------------------------------------------------------------- the network


@dataclass(frozen=True)
class SymmetryNetwork:
    """The shape of a set of arrays.

    Attributes:
        elements: number of elements.
        inputs: functions of the element that has the most.
        widths: units of the hidden layers.
        name: of the file, for errors.
    """

    elements: int
    inputs: int
    widths: tuple[int, ...]
    name: str = ""

    @classmethod
    def of(cls, given: Mapping[str, np.ndarray], name: str) -> SymmetryNetwork:
        """Return the shape of arrays; raise `FileError` where they do not fit together."""
        first = given.get(LAYER.format(1) + "weight", np.zeros(0))
        if first.ndim != 3 or not min(first.shape):
            raise FileError(
                f"{name} holds no Behler-Parrinello network (found: "
                f"{', '.join(sorted(given))[:200] or 'nothing'}).",
                "Name the behler_parrinello.npz that `dmdstudio fit-forces --kind "
                "behler_parrinello` wrote.",
            )
        widths: list[int] = []
        while (key := LAYER.format(len(widths) + 1) + "weight") in given:
            if given[key].ndim != 3:
                raise FileError(f"{name}: {key} has {given[key].ndim} axes, not 3.")
            widths.append(given[key].shape[2])
        found = cls(first.shape[0], first.shape[1], tuple(widths), name)
        require_shapes(given, found.shapes, name)
        return found

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all arrays by name, in the order of reports."""
        shapes: dict[str, tuple[int, ...]] = {}
        inputs = self.inputs
        for number, width in enumerate(self.widths, start=1):
            layer = LAYER.format(number)
            shapes[layer + "weight"] = (self.elements, inputs, width)
            shapes[layer + "bias"] = (self.elements, width)
            inputs = width
        return shapes | {
            "output_weight": (self.elements, inputs),
            "output_bias": (self.elements,),
        }


def random_symmetry_network(
    shape: SymmetryNetwork, seed: int, energy: float = 0.1
) -> dict[str, np.ndarray]:
    """Return the arrays of a network to begin a training with, or to test with.

    Args:
        shape: of the network.
        seed: of the random numbers.
        energy: size of an atom's energy, eV.
    """
    random = np.random.default_rng(seed)
    found = {}
    for key, sizes in shape.shapes.items():
        width = 1.0 / math.sqrt(sizes[1]) if key.endswith("weight") else 0.1
        found[key] = random.normal(0.0, width, sizes)
    found["output_weight"] *= energy
    found["output_bias"] *= energy
    return found


def energies(parameters: Parameters, found: Array, species: np.ndarray, activation: str) -> Array:
    """Return the energies of atoms [atom], eV.

    Args:
        parameters: arrays of a network.
        found: symmetry functions [atom, function].
        species: index of every atom's element in the arrays [atom].
        activation: of the hidden layers, one of `SMOOTH`.
    """

    def of(element: int) -> Array:
        own = {key: value[element].astype(found.dtype) for key, value in parameters.items()}
        x, number = found[species == element], 1
        while (layer := LAYER.format(number)) + "weight" in own:
            y = jnp.matmul(x, own[layer + "weight"], precision="highest") + own[layer + "bias"]
            x, number = ACTIVATIONS[activation](y), number + 1
        return jnp.matmul(x, own["output_weight"], precision="highest") + own["output_bias"]

    return _by_element(of, species)


def _by_element(of: Callable[[int], Array], species: np.ndarray) -> Array:
    """Return values of all atoms [atom, ...] from those of the atoms of every element."""
    order = np.argsort(species, kind="stable")
    values = [of(element) for element in np.unique(species)]
    return jnp.concatenate(values)[np.argsort(order)]


# ----------------------------------------------------------------------------------- the functions


class _Around(NamedTuple):
    """Neighbours of some atoms.

    Attributes:
        distance: [atom, neighbour], angstrom; 1 where there is none.
        elements: of the neighbours as unit vectors, zero where there is none
            [atom, neighbour, element].
        cosine: of the angle between two of them [atom, neighbour, neighbour].
        apart: their distance, alike; 1 where they are not two.
        two: whether they are two, as 1 and 0, alike.
    """

    distance: Array
    elements: Array
    cosine: Array
    apart: Array
    two: Array


def symmetry_functions(
    functions: tuple[SymmetryFunction, ...],
    cutoff_function: str,
    vectors: Array,
    inside: Array,
    elements: Array,
    species: np.ndarray,
) -> Array:
    """Return the functions of all atoms [atom, function], zeros behind those of an element.

    Args:
        functions: of all elements.
        cutoff_function: one of `CUTOFF_FUNCTIONS`.
        vectors: to neighbours [atom, neighbour, xyz], angstrom.
        inside: which of them are inside the cutoff [atom, neighbour]; others do not count.
        elements: of the neighbours, as unit vectors [atom, neighbour, element].
        species: index of every atom's element [atom].
    """
    around, tables = _around(vectors, inside, elements), {}
    for shape, angle in dict.fromkeys((f.shape, f.angle) for f in functions):
        using = {f.atom for f in functions if (f.shape, f.angle) == (shape, angle)}
        atoms = np.flatnonzero(np.isin(species, list(using)))
        if len(atoms) == 0:
            continue
        some = around
        if len(atoms) < len(species):
            some = _Around(*(value[atoms] for value in around))
        tables[shape, angle] = atoms, _table(shape, angle, cutoff_function, some)
    most = inputs_of(functions)

    def of(element: int) -> Array:
        values, own = [], np.flatnonzero(species == element)
        for _, others, shape, angle in (f for f in functions if f.atom == element):
            atoms, table = tables[shape, angle]
            unlike = 2.0 if len(set(others)) > 1 else 1.0  # once; two alike stand twice in it
            rows = table[(slice(None), *others)]
            values.append(unlike * rows[np.searchsorted(atoms, own)])
        nothing = [jnp.zeros_like(values[0])] * (most - len(values))
        return jnp.stack([*values, *nothing], axis=-1)

    return _by_element(of, species)


def inputs_of(functions: Sequence[SymmetryFunction]) -> int:
    """Return how many functions the element has that has the most."""
    return int(np.bincount([function.atom for function in functions]).max())


def _around(vectors: Array, inside: Array, elements: Array) -> _Around:
    squared = jnp.sum(vectors * vectors, axis=-1)
    distance = jnp.sqrt(jnp.where(inside, squared, 1.0))
    unit = vectors / distance[..., None]
    cosine = jnp.einsum("ijx,ikx->ijk", unit, unit, precision="highest")
    two = inside[:, :, None] & inside[:, None, :] & ~np.eye(inside.shape[1], dtype=bool)
    far = jnp.square(vectors[:, :, None] - vectors[:, None]).sum(axis=-1)
    apart = jnp.sqrt(jnp.where(two, far, 1.0))
    elements = elements * inside[..., None]
    return _Around(distance, elements, cosine, apart, two.astype(distance.dtype))


@functools.partial(jax.checkpoint, static_argnums=(0, 1, 2))
def _table(shape: Shape, angle: Angle | None, cutoff_function: str, around: _Around) -> Array:
    """Return sums over neighbours [atom, element], or over two of them [atom, element, element].

    They serve all functions that differ only in elements. What was found for two neighbours is
    found again backwards: it would fill the memory.
    """
    falling = _falling(shape, cutoff_function, around.distance)[..., None] * around.elements
    if angle is None:
        return jnp.sum(falling, axis=1)
    bent = lax.integer_pow(0.5 + 0.5 * angle.sign * around.cosine, angle.power) * around.two
    if shape.narrow:
        bent = bent * _falling(shape, cutoff_function, around.apart)
    half = jnp.einsum("ijk,ikb->ijb", bent, falling, precision="highest")
    return jnp.einsum("ija,ijb->iab", falling, half, precision="highest")


def _falling(shape: Shape, cutoff_function: str, r: Array) -> Array:
    """Return g(r)."""
    x = r / shape.cutoff
    end = jnp.where(x < 1.0, CUTOFF_FUNCTIONS[cutoff_function](x), 0.0)
    return jnp.exp(-shape.exponent * (r - shape.centre) ** 2) * end
