"""The dihedral angle of three vectors in a chain."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array


def dihedral(a: Array, b: Array, c: Array) -> Array:
    """Return the angle between the planes of a and b, and of b and c, in (-pi, pi].

    phi = atan2(|b| a.n, m.n) with m = a x b and n = b x c: 0 where the chain is folded back (cis),
    pi where it is stretched (trans).

    Args:
        a: [..., xyz], from the first atom to the second.
        b: from the second to the third, alike.
        c: from the third to the fourth, alike.
    """
    m, n = jnp.cross(a, b), jnp.cross(b, c)
    sine = jnp.linalg.norm(b, axis=-1) * jnp.sum(a * n, axis=-1)
    return jnp.arctan2(sine, jnp.sum(m * n, axis=-1))
