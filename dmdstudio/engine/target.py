"""An observable, a measurement, and the loss between them."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine.core import Tree
from dmdstudio.engine.observable import Observable


@dataclass(frozen=True, eq=False)
class Target:
    """One observable with the experiment that it is to match.

    Attributes:
        key: name in reports.
        observable: what is predicted.
        weight: factor of the loss; 0 only watches.
        experiment: [point] in the observable's unit, None to only watch.
        experiment_error: standard error [point] of the experiment, or None.
        source: citation of the experiment.
        axis: where the experiment was measured [point], in the observable's axis unit; None for a
            single number.
    """

    key: str
    observable: Observable
    weight: float
    experiment: np.ndarray | None = None
    experiment_error: np.ndarray | None = None
    source: str = ""
    axis: np.ndarray | None = None

    @property
    def report_axis(self) -> np.ndarray | None:
        """Abscissa of `prediction`: the experiment's where there is one, else the observable's."""
        return self.observable.axis if self.axis is None else self.axis

    def prediction(self, mean: Tree) -> Array:
        """Return the predicted curve [point] on `report_axis`, between grid points by a line.

        Args:
            mean: mean summary of the observable.
        """
        curve = self.observable.curve(mean)
        if self.axis is None or self.observable.axis is None:
            return curve
        return jnp.interp(self.axis, self.observable.axis, curve)

    def loss(self, mean: Tree) -> Array:
        """Return weight times the squared residual relative to the experiment's size.

            L = w <(y - y_exp)^2> / <y_exp^2>

        Args:
            mean: mean summary of the observable.
        """
        if self.experiment is None or self.weight == 0.0:
            return jnp.zeros((), jnp.float64)
        predicted = self.prediction(mean)
        scale = np.mean(self.experiment**2)
        return self.weight * jnp.mean((predicted - self.experiment) ** 2) / scale
