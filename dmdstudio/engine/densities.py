"""Embedded densities: orbitals of an atom's neighbours, features of them, and networks of these.

With d = r_j - r_i, s the element of j, and the cutoff function f(r) = [(cos(pi r/c) + 1)/2]^2, zero
from c on:

    radial_k(j)  = coefficient_sk exp(-exponent_sk (r - centre_sk)^2) f(r)
    orbital_lk   = sum over j of radial_k(j) d^(l)         d^(l) = 1; d; d d^T
    feature_lk   = sum over the components of orbital_lk^2  l = 0, 1, 2

Source: Zhang, Hu & Jiang, J. Phys. Chem. Lett. 10, 4962 (2019), equations 3 to 5, with the cutoff
function of DMFF. The off-diagonal components of d d^T are taken once and weighed twice.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine.core import Parameters
from dmdstudio.engine.networks import MOMENTS, Network


def orbitals(
    parameters: Parameters, vectors: Array, inside: Array, elements: Array, cutoff: float
) -> Array:
    """Return the orbitals of every atom [atom, moment, radial], in powers of angstrom.

    Args:
        parameters: arrays of a network.
        vectors: to neighbours [atom, neighbour, xyz], angstrom.
        inside: which of them are inside the cutoff [atom, neighbour]; others do not count.
        elements: of the neighbours, as unit vectors [..., neighbour, element].
        cutoff: angstrom.
    """
    dtype = vectors.dtype
    squared = jnp.sum(vectors * vectors, axis=-1)
    distance = jnp.sqrt(jnp.where(inside, squared, 1.0))
    cosine = jnp.cos(distance * (math.pi / cutoff))
    switch = jnp.where(inside, (0.5 * cosine + 0.5) ** 2, 0.0)[..., None]
    coefficient, centre, exponent = (
        elements @ parameters[f"radial_{name}"].astype(dtype)
        for name in ("coefficient", "centre", "exponent")
    )
    away = distance[..., None] - centre
    radial = coefficient * jnp.exp(-exponent * away * away) * switch
    moments = _moments(vectors, Network.like(parameters).shells)
    return jnp.einsum("ijm,ijk->imk", moments, radial)


def features(found: Array) -> Array:
    """Return the features [atom, feature] of orbitals, ordered by l, then by radial."""
    shells = MOMENTS.index(found.shape[1]) + 1
    weights = jnp.asarray(_WEIGHTS[: found.shape[1], :shells], found.dtype)
    return jnp.einsum("imk,ml->ilk", found * found, weights).reshape(len(found), -1)


def outputs(parameters: Parameters, found: Array, species: np.ndarray) -> Array:
    """Return what the networks make of features [atom, feature]: [atom], or [atom, output].

    Every element's atoms are computed together.

    Args:
        parameters: arrays of a network for every element.
        found: the features.
        species: index of every atom's element in the arrays [atom].
    """
    order = np.argsort(species, kind="stable")
    values = []
    for element in np.unique(species):
        own = {
            key: value[element].astype(found.dtype)
            for key, value in parameters.items()
            if key.startswith(("layer", "output"))
        }
        values.append(Network.output(own, found[species == element]))
    return jnp.concatenate(values)[np.argsort(order)]


def _moments(vectors: Array, shells: int) -> Array:
    """Return 1; x, y, z; xx, yy, zz, xy, xz, yz [..., moment] of vectors [..., xyz]."""
    x, y, z = (vectors[..., axis] for axis in range(3))
    found = [jnp.ones_like(x), x, y, z, x * x, y * y, z * z, x * y, x * z, y * z]
    return jnp.stack(found[: MOMENTS[shells - 1]], axis=-1)


_WEIGHTS = np.zeros((10, 3))
"""How often a moment counts in the feature of an angular momentum [moment, l]."""
_WEIGHTS[0, 0] = 1.0
_WEIGHTS[1:4, 1] = 1.0
_WEIGHTS[4:7, 2] = 1.0
_WEIGHTS[7:10, 2] = 2.0
