"""Equivariant networks: scalars, vectors and tensors of atoms, handed to neighbours in layers.

Every atom i has features h_i^l [channel, m], l = 0 ... L, that turn as the spherical harmonics Y_l
do and keep their sign under inversion times (-1)^l. With d = r_j - r_i, r its length, e its
direction, t the element of i, and N the usual number of neighbours, a layer makes of them

    R(r)    = a net without bias of B_n(r) = c/r sin(w_n r/c) u(r/c)          [path, channel]
    m_i^l   = N^(-1/2) sum over j, l', l'' of R(r) (A h_j^l' x Y_l''(e))^l    one path each
    h_i^l   <- gate(B m_i^l + C_t h_i^l)

where x couples to a tensor of degree l, l + l' + l'' being even; u = 1 - 28 s^6 + 48 s^7 - 21 s^8
ends with two derivatives of zero at the cutoff c; A, B, C mix the channels; and gates are SiLU of
scalars, by which vectors and tensors are multiplied. The energy of an atom is a linear net of its
last scalars, and a number of its element. All weights are of size 1: sums over n numbers are
divided by n^(1/2).

Source: Batzner et al., Nat. Commun. 13, 2453 (2022), doi 10.1038/s41467-022-29939-5, figure 1 and
equations 3 to 9, with the envelope of Gasteiger et al. (ICLR 2020, equation 8, p = 6). Features
have the parity of the harmonics only; the last layer makes nothing but scalars. It is written out
rather than taken from jax-md, whose network brings flax, e3nn and jraph, takes seconds to import
and more to be traced, and ends with a jump of its curvature at the cutoff.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.errors import FileError
from dmdstudio.engine.core import Parameters
from dmdstudio.engine.networks import require_shapes

DEGREES = 3
"""Largest angular momentum there is."""

Path = tuple[int, int, int]
"""Degrees of a neighbour's feature, of the harmonics, and of the message."""


@dataclass(frozen=True)
class Equivariant:
    """The shape of a set of arrays.

    Attributes:
        elements: number of elements.
        channels: features of every degree.
        layers: how often neighbours hand on what they know.
        degree: largest angular momentum of features and harmonics.
        radials: number of radial functions.
        widths: units of the hidden layers of the radial nets.
        name: of the file, for errors.
    """

    elements: int
    channels: int
    layers: int
    degree: int
    radials: int
    widths: tuple[int, ...]
    name: str = ""

    @classmethod
    def of(cls, given: Mapping[str, np.ndarray], name: str) -> Equivariant:
        """Return the shape of arrays; raise `FileError` where they do not fit together."""
        wanted = {"embedding": 2, "bessel_frequency": 1, "readout": 2}
        if any(getattr(given.get(key), "ndim", 0) != axes for key, axes in wanted.items()):
            raise FileError(
                f"{name} holds no NequIP network (found: "
                f"{', '.join(sorted(given))[:200] or 'nothing'}).",
                "Name the nequip.npz that `dmdstudio fit-forces --kind nequip` wrote.",
            )
        found = cls.like(given, name)
        if not (found.layers and 0 <= found.degree <= DEGREES and min(given["readout"].shape)):
            raise FileError(f"{name}: the first layer of the NequIP network is damaged.")
        require_shapes(given, found.shapes, name)
        return found

    @classmethod
    def like(cls, arrays: Mapping[str, np.ndarray | Array], name: str = "") -> Equivariant:
        """Return the shape that arrays say they have."""
        layers = 0
        while f"layer{layers + 1}_radial1" in arrays:
            layers += 1
        widths = []
        while (key := f"layer1_radial{len(widths) + 1}") in arrays and arrays[key].ndim == 2:
            widths.append(arrays[key].shape[1])
        last = arrays.get(f"layer1_radial{len(widths) + 1}")
        paths = last.shape[1] if last is not None and last.ndim == 3 else 0
        (elements, channels), radials = arrays["embedding"].shape, len(arrays["bessel_frequency"])
        return cls(elements, channels, layers, paths - 1, radials, tuple(widths), name)

    def paths(self, layer: int) -> tuple[Path, ...]:
        """Return the couplings of a layer, counted from 1, in the order of its arrays."""
        last = 0 if layer == self.layers else self.degree
        first = 0 if layer == 1 else self.degree
        return tuple(
            (before, harmonic, after)
            for after in range(last + 1)
            for before in range(first + 1)
            for harmonic in range(abs(before - after), min(before + after, self.degree) + 1)
            if (before + harmonic + after) % 2 == 0
        )

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all arrays by name, in the order of reports."""
        channels, elements = self.channels, self.elements
        square = (channels, channels)
        shapes: dict[str, tuple[int, ...]] = {
            "embedding": (elements, channels),
            "bessel_frequency": (self.radials,),
        }
        for layer in range(1, self.layers + 1):
            name, paths, inputs = f"layer{layer}_", self.paths(layer), self.radials
            for number, width in enumerate(self.widths, start=1):
                shapes[f"{name}radial{number}"] = (inputs, width)
                inputs = width
            shapes[f"{name}radial{len(self.widths) + 1}"] = (inputs, len(paths), channels)
            first, last = 1 + max(path[0] for path in paths), 1 + max(path[2] for path in paths)
            shapes[f"{name}before"] = (first, *square)
            shapes[f"{name}after"] = (len(paths), *square)
            shapes[f"{name}self"] = (elements, min(first, last), *square)
            if last > 1:
                gates = (channels, (last - 1) * channels)
                shapes[f"{name}gate_after"] = (sum(path[2] == 0 for path in paths), *gates)
                shapes[f"{name}gate_self"] = (elements, *gates)
        half = max(1, channels // 2)
        last = {"readout": (channels, half), "output_weight": (half,), "output_bias": (elements,)}
        return shapes | last


def random_equivariant(shape: Equivariant, seed: int, energy: float = 0.1) -> dict[str, np.ndarray]:
    """Return the arrays of a network to begin a training with, or to test with.

    Args:
        shape: of the network.
        seed: of the random numbers.
        energy: size of an atom's energy, eV.
    """
    random = np.random.default_rng(seed)
    found = {key: random.normal(size=sizes) for key, sizes in shape.shapes.items()}
    found["bessel_frequency"] = math.pi * np.arange(1.0, shape.radials + 1.0)
    found["output_weight"] *= energy
    found["output_bias"] = np.zeros(shape.elements)
    return found


def atom_energies(
    parameters: Parameters,
    vectors: Array,
    inside: Array,
    index: Array,
    species: np.ndarray,
    cutoff: float,
    neighbours: float,
) -> Array:
    """Return the energies of all atoms [atom], eV.

    Args:
        parameters: arrays of a network.
        vectors: to neighbours [atom, neighbour, xyz], angstrom.
        inside: which of them are inside the cutoff [atom, neighbour]; others do not count.
        index: which atoms they are images of [atom, neighbour].
        species: index of every atom's element in the arrays [atom].
        cutoff: angstrom.
        neighbours: usual number of them.
    """
    kinds = jnp.asarray(np.eye(len(parameters["embedding"]))[species], vectors.dtype)
    own = {key: value.astype(vectors.dtype) for key, value in parameters.items()}
    return _atom_energies(own, vectors, inside, index, kinds, cutoff, neighbours)


@functools.partial(jax.jit, static_argnames=("cutoff", "neighbours"))
def _atom_energies(
    own: Parameters,
    vectors: Array,
    inside: Array,
    index: Array,
    kinds: Array,
    cutoff: float,
    neighbours: float,
) -> Array:
    """Return the energies of atoms; kinds are their elements as unit vectors [atom, element]."""
    shape = Equivariant.like(own)
    distance = jnp.sqrt(jnp.where(inside, jnp.sum(vectors * vectors, axis=-1), 1.0))
    ratio = distance / cutoff
    falling = jnp.where(inside, _envelope(ratio), 0.0) / ratio
    basis = falling[..., None] * jnp.sin(ratio[..., None] * own["bessel_frequency"])
    angles = harmonics(vectors / distance[..., None], shape.degree)
    features = _times(kinds, own["embedding"])[:, :, None]
    for layer in range(1, shape.layers + 1):
        name = f"layer{layer}_"
        numbers = {k.removeprefix(name): a for k, a in own.items() if k.startswith(name)}
        radial = _radial(numbers, basis) / math.sqrt(neighbours)
        paths = shape.paths(layer)
        given = _channels(features, numbers["before"][_degrees(features.shape[2])])
        found = _messages(given[index], radial, angles, paths)
        features = _layer(numbers, paths, found, features, kinds)
    hidden = _times(features[:, :, 0], own["readout"]) / math.sqrt(shape.channels)
    weight = own["output_weight"]
    return _times(hidden, weight) / math.sqrt(len(weight)) + _times(kinds, own["output_bias"])


def _messages(given: Array, radial: Array, angles: Array, paths: tuple[Path, ...]) -> Array:
    """Return sums over neighbours [atom, channel, component], the paths' one after the other.

    Args:
        given: features of neighbours [atom, neighbour, channel, m].
        radial: weights [atom, neighbour, path, channel].
        angles: spherical harmonics [atom, neighbour, m].
        paths: couplings.
    """
    found = []
    for number, (before, harmonic, after) in enumerate(paths):
        coupled = jnp.asarray(coupling(before, harmonic, after), radial.dtype)
        turned = jnp.einsum(
            "ijk,mkn->ijmn", angles[..., _block(harmonic)], coupled, precision="highest"
        )
        weighed = radial[..., number, :, None] * given[..., _block(before)]
        found.append(jnp.einsum("ijcm,ijmn->icn", weighed, turned, precision="highest"))
    return jnp.concatenate(found, axis=-1)


def _layer(
    own: Parameters, paths: tuple[Path, ...], found: Array, features: Array, kinds: Array
) -> Array:
    """Return the features [atom, channel, m] after a layer, whose arrays have no prefix.

    Args:
        own: the arrays.
        paths: couplings.
        found: sums of messages [atom, channel, component].
        features: before [atom, channel, m].
        kinds: elements of the atoms [atom, element].
    """
    counts = [sum(path[2] == after for path in paths) for *_, after in paths]
    channels, last = features.shape[1], paths[-1][2]
    place = np.concatenate([np.full(2 * path[2] + 1, n) for n, path in enumerate(paths)])
    gather = np.zeros((len(place), (last + 1) ** 2))  # sums of paths of the same degree
    for number, (*_, after) in enumerate(paths):
        rows = np.flatnonzero(place == number)
        gather[rows, np.arange(after**2, (after + 1) ** 2)] = counts[number] ** -0.5
    mixed = _channels(found, own["after"][place])
    mixed = _times(mixed, jnp.asarray(gather, mixed.dtype))
    kept = features[..., : (min(last, _degrees(features.shape[2])[-1]) + 1) ** 2]
    told = (kinds[:, None, :, None] * kept[:, :, None]).reshape(len(kinds), -1, kept.shape[2])
    turns = own["self"][:, _degrees(kept.shape[2])]  # [element, m, channel, out]
    weight = jnp.moveaxis(turns, 0, 2).reshape(kept.shape[2], -1, channels)
    itself = math.sqrt(kinds.shape[1]) * _channels(told, weight)
    mixed = mixed + jnp.pad(itself, ((0, 0), (0, 0), (0, mixed.shape[2] - itself.shape[2])))
    gates = _silu(mixed[:, :, :1])
    if last == 0:
        return gates
    scalars = found[..., : counts[0]].reshape(len(kinds), -1)
    opened = _times(scalars, own["gate_after"].reshape(scalars.shape[1], -1))
    opened = opened / math.sqrt(scalars.shape[1])
    scalars = told[:, :, 0]
    weight = jnp.swapaxes(own["gate_self"], 0, 1).reshape(scalars.shape[1], -1)
    opened = _silu(opened + _times(scalars, weight) / math.sqrt(channels))
    opened = jnp.swapaxes(opened.reshape(len(kinds), last, channels), 1, 2)
    return jnp.concatenate(
        [gates, opened[..., _degrees(mixed.shape[2])[1:] - 1] * mixed[..., 1:]], -1
    )


def _block(degree: int) -> slice:
    """Return where the components of a degree are among those of all."""
    return slice(degree**2, (degree + 1) ** 2)


def _degrees(components: int) -> np.ndarray:
    """Return the degree of every component [m]."""
    return np.floor(np.sqrt(np.arange(components))).astype(int)


def _radial(own: Parameters, x: Array) -> Array:
    """Return the weights [atom, neighbour, path, channel] that radial functions x [..., radial]
    give to messages; they end where those do.
    """
    count = sum(key.startswith("radial") for key in own)
    for number in range(1, count):
        weight = own[f"radial{number}"]
        x = _silu(_times(x, weight) / math.sqrt(len(weight)))
    last = own[f"radial{count}"]
    found = _times(x, last.reshape(len(last), -1)) / math.sqrt(len(last))
    return found.reshape(*found.shape[:-1], *last.shape[1:])


def _times(x: Array, weight: Array) -> Array:
    """Return x [..., in] times a matrix [in, out], or a vector [in]."""
    rows = x.reshape(-1, x.shape[-1])  # XLA's product of two axes is slow backwards
    found = jnp.matmul(rows, weight, precision="highest")
    return found.reshape(*x.shape[:-1], *weight.shape[1:])


def _channels(features: Array, weight: Array) -> Array:
    """Return features [atom, channel, m] with their channels mixed by [m, channel, out]."""
    found = jnp.einsum("icm,mco->iom", features, weight, precision="highest")
    return found / math.sqrt(weight.shape[1])


def _envelope(s: Array) -> Array:
    """Return u(s), 1 at 0 and, with two derivatives, 0 at 1."""
    return 1.0 + s**6 * (-28.0 + s * (48.0 - 21.0 * s))


def _silu(x: Array) -> Array:
    """Return x/(1 + exp(-x)), made larger so that normal numbers stay of size 1."""
    return _size() * jax.nn.silu(x)


@functools.cache
def _size() -> float:
    """Return the inverse root mean square of SiLU over the normal distribution."""
    x, weight = np.polynomial.hermite_e.hermegauss(200)
    return float((np.sum(weight * (x / (1.0 + np.exp(-x))) ** 2) / np.sum(weight)) ** -0.5)


# ----------------------------------------------------------------------------- turning and coupling


def harmonics(unit: Array, degree: int) -> Array:
    """Return real spherical harmonics [..., m] of unit vectors [..., xyz], degree by degree.

    The squares of those of degree l add up to 2 l + 1.
    """
    x, y, z = (unit[..., axis] for axis in range(3))
    found = [jnp.ones_like(x)]
    if degree > 0:
        found += [math.sqrt(3.0) * value for value in (x, y, z)]
    if degree > 1:
        root = math.sqrt(15.0)
        last = math.sqrt(5.0) * (1.5 * z * z - 0.5)
        found += [root * x * y, root * y * z, last, root * x * z, 0.5 * root * (x * x - y * y)]
    if degree > 2:
        one, two, three = math.sqrt(21.0 / 8.0), math.sqrt(105.0), math.sqrt(35.0 / 8.0)
        found += [
            three * y * (3.0 * x * x - y * y),
            two * x * y * z,
            one * y * (5.0 * z * z - 1.0),
            math.sqrt(7.0) / 2.0 * z * (5.0 * z * z - 3.0),
            one * x * (5.0 * z * z - 1.0),
            0.5 * two * z * (x * x - y * y),
            three * x * (x * x - 3.0 * y * y),
        ]
    return jnp.stack(found, axis=-1)


@functools.cache
def coupling(before: int, harmonic: int, after: int) -> np.ndarray:
    """Return what couples two tensors to a third [m, m', m''], for an even sum of degrees.

    They are the integrals of three harmonics over the sphere but for a factor, which makes every
    component of the third of size 1 where those of the first two are.
    """
    heights, weights = np.polynomial.legendre.leggauss(3 * DEGREES)
    turn = 2.0 * math.pi * np.arange(4 * DEGREES) / (4 * DEGREES)  # exact up to degree 9
    flat = np.sqrt(1.0 - heights**2)[:, None]
    points = [flat * np.cos(turn), flat * np.sin(turn), heights[:, None] + 0.0 * turn]
    with jax.ensure_compile_time_eval():
        unit = jnp.asarray(np.stack(points, axis=-1), jnp.float64)
        all_of = np.asarray(harmonics(unit, DEGREES))
    one, two, three = (all_of[..., _block(degree)] for degree in (before, harmonic, after))
    found = np.einsum("h,hpa,hpb,hpc->abc", weights, one, two, three)
    found[np.abs(found) < 1e-12 * np.abs(found).max()] = 0.0
    return found * math.sqrt((2 * after + 1) / np.sum(found**2))
