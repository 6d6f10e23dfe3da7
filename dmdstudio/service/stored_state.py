"""The state of a refinement as named arrays, and back."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from dmdstudio.engine import refinement
from dmdstudio.engine.pool import Pool
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.refinement import RefinementState


def to_arrays(state: RefinementState) -> dict[str, np.ndarray]:
    """Return everything that the next iteration depends on."""
    arrays = {
        "iteration": np.asarray(state.iteration),
        "parameters": np.asarray(state.parameters),
    }
    for index, leaf in enumerate(jax.tree.leaves(state.optimizer)):
        arrays[f"optimizer/{index}"] = np.asarray(leaf)
    if state.pool is not None:
        for name, value in state.pool._asdict().items():
            arrays[f"pool/{name}"] = np.asarray(value)
    return arrays


def from_arrays(arrays: dict[str, np.ndarray], problem: Problem) -> RefinementState:
    """Return the state that `to_arrays` was given; the same bits."""
    empty = refinement.init(problem)
    leaves, tree = jax.tree.flatten(empty.optimizer)
    stored = [jnp.asarray(arrays[f"optimizer/{i}"]) for i in range(len(leaves))]
    pool = None
    if "pool/lattice" in arrays:
        fields = {name: arrays[f"pool/{name}"] for name in Pool._fields}
        pool = Pool(**{**fields, "uses": int(fields["uses"])})
    return RefinementState(
        int(arrays["iteration"]),
        arrays["parameters"],
        jax.tree.unflatten(tree, stored),
        pool,
    )
