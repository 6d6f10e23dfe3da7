"""Mean squared displacements of particles in periodic cells."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from dmdstudio.engine.observable import autocorrelation


def mean_squared_displacement(positions: Array, cell: Array, lags: int) -> Array:
    """Return <|r(t) - r(0)|^2> per particle over all time origins [lag], angstrom^2.

        sum over origins t of |r(t + l)|^2 + |r(t)|^2 - 2 r(t).r(t + l)

    by running sums and `autocorrelation`, O(T log T). Between two frames a particle has gone to
    the nearest image of its next position: frames must be closer than it takes to cross half the
    cell. Source: V. Calandrini et al., Collection SFN 12, 201 (2011), doi 10.1051/sfn/201112010.

    Args:
        positions: [frame, particle, xyz], each at any of its images, angstrom.
        cell: lattice vectors as rows [3, xyz], angstrom.
        lags: number of lags, at most the number of frames.
    """
    frames, particles, _ = positions.shape
    wide, vectors = positions.astype(jnp.float64), cell.astype(jnp.float64)
    steps = wide[1:] - wide[:-1]
    # sums of products, so that no accelerator rounds them to half the digits
    turns = jnp.round(jnp.sum(steps[..., None] * jnp.linalg.inv(vectors), axis=-2))
    steps = steps - jnp.sum(turns[..., None] * vectors, axis=-2)
    way = jnp.concatenate([jnp.zeros_like(wide[:1]), jnp.cumsum(steps, axis=0)])
    square = jnp.cumsum(jnp.sum(way**2, axis=(1, 2)))
    lag = jnp.arange(lags)
    before = jnp.concatenate([jnp.zeros(1), square])  # of the first frames, none to all
    both = before[frames - lag] + before[frames] - before[lag]
    return (both / (frames - lag) - 2.0 * autocorrelation(way, lags)) / particles
