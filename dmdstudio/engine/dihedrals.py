"""The dihedral angle of three vectors in a chain, and waves of it."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import Parameters


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


def wave(vectors: tuple[Array, ...], numbers: Parameters) -> Array:
    """Return k [1 + cos(n phi - d)] of every chain [...], eV.

    Args:
        vectors: those of `dihedral`.
        numbers: ``barrier`` k (eV), ``phase`` d (rad) and ``multiplicity`` n [...].
    """
    turn = numbers["multiplicity"] * dihedral(*vectors) - numbers["phase"]
    return numbers["barrier"] * (1.0 + jnp.cos(turn))


def require_whole(
    term: str, owners: Sequence[str], multiplicity: np.ndarray, free: np.ndarray
) -> None:
    """Raise `RecipeError` where a multiplicity is no whole number or is to be refined.

    Args:
        term: the potential's name.
        owners: what the numbers are of [owner].
        multiplicity: [owner].
        free: whether it is refined [owner].
    """
    for owner, value, moves in zip(owners, multiplicity, free, strict=True):
        if value != np.round(value) or moves:
            raise RecipeError(
                f"{term}: multiplicity of {owner} is {value:g}{' and free' if moves else ''}; it "
                "must be a whole number that stays.",
                "Set free = false; other waves are further terms.",
            )
