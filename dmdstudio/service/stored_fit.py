"""Where a fit stands, and the same as arrays for a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from dmdstudio.base.errors import RunError
from dmdstudio.engine.force_fit import Networks, Scaling

if TYPE_CHECKING:
    from dmdstudio.service.fit_problem import FitProblem


class FitState(NamedTuple):
    """Where a fit stands.

    Attributes:
        epoch: that have been done.
        trained: networks in their trained form.
        optimizer: state of the optimiser.
        best: networks with the smallest loss of the validation data.
        best_epoch: when that was; 0 before the first.
        best_loss: that loss.
    """

    epoch: int
    trained: Networks
    optimizer: Any
    best: Networks
    best_epoch: int = 0
    best_loss: float = math.inf


def to_arrays(state: FitState, problem: FitProblem) -> dict[str, np.ndarray]:
    """Return a state, and what the fit has found in its data once, as named arrays."""
    trees = {"trained": state.trained, "optimizer": state.optimizer, "best": state.best}
    found = {
        f"{name}/{number}": np.asarray(leaf)
        for name, tree in trees.items()
        for number, leaf in enumerate(jax.tree.leaves(tree))
    }
    found["epochs"] = np.array([state.epoch, state.best_epoch])
    found["best_loss"] = np.array(state.best_loss)
    found["references"] = problem.references
    for name, scaling in problem.trainer.scalings.items():
        found[f"scaling/{name}/mean"] = scaling.mean
        found[f"scaling/{name}/deviation"] = scaling.deviation
        found[f"scaling/{name}/size"] = np.array(scaling.size)
    return found


def from_arrays(arrays: Mapping[str, np.ndarray], like: FitState) -> FitState:
    """Return the state of arrays; ``like`` says of what shape it is."""

    def tree(name: str, shape: Any) -> Any:
        leaves, structure = jax.tree.flatten(shape)
        found = [arrays.get(f"{name}/{number}") for number in range(len(leaves))]
        if any(a is None or a.shape != np.shape(b) for a, b in zip(found, leaves, strict=True)):
            raise RunError("The state of the fit does not belong to its settings.", "Begin anew.")
        return structure.unflatten(found)

    epoch, best_epoch = (int(n) for n in arrays["epochs"])
    return FitState(
        epoch,
        tree("trained", like.trained),
        tree("optimizer", like.optimizer),
        tree("best", like.best),
        best_epoch,
        float(arrays["best_loss"]),
    )


def stored_scaling(arrays: Mapping[str, np.ndarray], name: str) -> Scaling:
    """Return the scaling of a network that a state holds."""
    mean, deviation, size = (
        arrays[f"scaling/{name}/{part}"] for part in ("mean", "deviation", "size")
    )
    return Scaling(mean, deviation, float(size))
