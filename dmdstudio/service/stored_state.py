"""The state of a refinement as named arrays, and back."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dmdstudio.engine import refinement
from dmdstudio.engine.newton import Line
from dmdstudio.engine.pool import Pool
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.refinement import RefinementState, Taken


def to_arrays(state: RefinementState) -> dict[str, np.ndarray]:
    """Return everything that the next iteration depends on."""
    arrays = {
        "iteration": np.asarray(state.iteration),
        "parameters": np.asarray(state.parameters),
        "horizon": np.asarray(state.horizon),
        "shrink": np.asarray(state.shrink),
        **_numbered("optimizer", state.optimizer),
    }
    if state.taken is not None:
        arrays["taken/parameters"] = np.asarray(state.taken.parameters)
        arrays["taken/gradient"] = np.asarray(state.taken.gradient)
        arrays |= _numbered("taken/optimizer", state.taken.optimizer)
        if state.taken.line is not None:
            arrays |= _numbered("taken/line", state.taken.line)
    if state.pool is not None:
        for name, value in state.pool._asdict().items():
            arrays[f"pool/{name}"] = np.asarray(value)
    return arrays


def _numbered(name: str, tree: Any) -> dict[str, np.ndarray]:
    return {f"{name}/{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(tree))}


def from_arrays(arrays: dict[str, np.ndarray], problem: Problem) -> RefinementState:
    """Return the state that `to_arrays` was given; the same bits."""
    leaves, tree = jax.tree.flatten(refinement.init(problem).optimizer)

    def optimizer(name: str) -> Any:
        stored = [jnp.asarray(arrays[f"{name}/{i}"]) for i in range(len(leaves))]
        return jax.tree.unflatten(tree, stored)

    taken = None
    if "taken/parameters" in arrays:
        before = arrays["taken/parameters"]
        line = None
        if "taken/line/0" in arrays:
            parts: list[Any] = [arrays[f"taken/line/{i}"] for i in range(len(Line._fields))]
            line = Line(*parts)
        taken = Taken(before, optimizer("taken/optimizer"), arrays["taken/gradient"], line)
    pool = None
    if "pool/lattice" in arrays:
        pool = Pool(**{name: arrays[f"pool/{name}"] for name in Pool._fields})
    return RefinementState(
        int(arrays["iteration"]),
        arrays["parameters"],
        optimizer("optimizer"),
        pool,
        horizon=int(arrays["horizon"]),
        shrink=float(arrays["shrink"]),
        taken=taken,
    )
