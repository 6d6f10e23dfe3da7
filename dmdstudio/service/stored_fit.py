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
        best: every network where the validation data liked it best.
        best_epochs: when that was, by network; 0 before the first epoch.
        best_losses: its part of the loss then, by network.
    """

    epoch: int
    trained: Networks
    optimizer: Any
    best: Networks
    best_epochs: dict[str, int]
    best_losses: dict[str, float]

    def after(self, trained: Networks, optimizer: Any, losses: Mapping[str, float]) -> FitState:
        """Return the state an epoch later, by the losses of the validation data by network."""
        better = {name for name, loss in losses.items() if loss < self.best_losses[name]}
        epoch = self.epoch + 1
        return FitState(
            epoch,
            trained,
            optimizer,
            {name: trained[name] if name in better else own for name, own in self.best.items()},
            {n: epoch if n in better else old for n, old in self.best_epochs.items()},
            {n: losses[n] if n in better else old for n, old in self.best_losses.items()},
        )


def begun(trained: Networks, optimizer: Any) -> FitState:
    """Return the state before the first epoch."""
    return FitState(
        0, trained, optimizer, trained, dict.fromkeys(trained, 0), dict.fromkeys(trained, math.inf)
    )


def to_arrays(state: FitState, problem: FitProblem) -> dict[str, np.ndarray]:
    """Return a state, and what the fit has found in its data once, as named arrays."""
    trees = {"trained": state.trained, "optimizer": state.optimizer, "best": state.best}
    found = {
        f"{name}/{number}": np.asarray(leaf)
        for name, tree in trees.items()
        for number, leaf in enumerate(jax.tree.leaves(tree))
    }
    found["epoch"] = np.array(state.epoch)
    for name in state.best:
        found[f"best_epochs/{name}"] = np.array(state.best_epochs[name])
        found[f"best_losses/{name}"] = np.array(state.best_losses[name])
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

    return FitState(
        int(arrays["epoch"]),
        tree("trained", like.trained),
        tree("optimizer", like.optimizer),
        tree("best", like.best),
        {name: int(arrays[f"best_epochs/{name}"]) for name in like.best},
        {name: float(arrays[f"best_losses/{name}"]) for name in like.best},
    )


def stored_scaling(arrays: Mapping[str, np.ndarray], name: str) -> Scaling:
    """Return the scaling of a network that a state holds."""
    mean, deviation, size = (
        arrays[f"scaling/{name}/{part}"] for part in ("mean", "deviation", "size")
    )
    return Scaling(mean, deviation, float(size))
