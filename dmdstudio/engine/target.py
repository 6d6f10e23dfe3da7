"""An observable, a measurement, and the loss between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine.core import Tree
from dmdstudio.engine.observable import Observable


class Means(NamedTuple):
    """Weighted means of summaries; the derivative of a loss by them has the same form.

    Attributes:
        whole: over all replicas, by target.
        halves: over each of two independent halves of them [half, ...], by target; only of the
            targets whose loss asks for it.
    """

    whole: dict[str, Tree]
    halves: dict[str, Tree]


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
        kind: of the loss, ``relative``, ``chi_squared``, ``unbiased`` or ``huber``; all but the
            first need experimental errors.
        huber_threshold: residual over its error where Huber's loss turns linear.
        fit_scale: whether the prediction counts only up to a factor.
        point_weight: how much every point counts beside the others [point], above 0; None where
            all count alike.
    """

    key: str
    observable: Observable
    weight: float
    experiment: np.ndarray | None = None
    experiment_error: np.ndarray | None = None
    source: str = ""
    axis: np.ndarray | None = None
    kind: str = "relative"
    huber_threshold: float = math.inf
    fit_scale: bool = False
    point_weight: np.ndarray | None = None

    @property
    def report_axis(self) -> np.ndarray | None:
        """Abscissa of `prediction`: the experiment's where there is one, else the observable's."""
        return self.observable.axis if self.axis is None else self.axis

    @property
    def compared(self) -> bool:
        """Whether the loss depends on it."""
        return self.experiment is not None and self.weight > 0.0

    @property
    def halved(self) -> bool:
        """Whether the loss is of two halves of the replicas."""
        return self.compared and self.kind == "unbiased"

    @property
    def share(self) -> np.ndarray:
        """What every point takes of the mean over points [point]: its weight over their sum."""
        assert self.experiment is not None
        if self.point_weight is None:
            return np.full(self.experiment.shape, 1.0 / self.experiment.size)
        return self.point_weight / self.point_weight.sum()

    @property
    def scale(self) -> np.ndarray:
        """What a residual is divided by [point]: root mean square or error of the experiment."""
        assert self.experiment is not None
        if self.kind == "relative":
            size = np.sqrt(np.sum(self.share * self.experiment**2))
            return np.full(self.experiment.shape, size)
        assert self.experiment_error is not None
        return self.experiment_error

    def prediction(self, mean: Tree) -> Array:
        """Return the predicted curve [point] on `report_axis`, between grid points by a line.

        Where only its shape counts, it is multiplied by the factor that least squares find,
        <e/s, p/s> / <p/s, p/s> of experiment e, curve p and `scale` s, points weighted.

        Args:
            mean: mean summary of the observable.
        """
        curve = self.observable.curve(mean)
        if self.axis is not None and self.observable.axis is not None:
            curve = jnp.interp(self.axis, self.observable.axis, curve)
        if not self.fit_scale or self.experiment is None:
            return curve
        shape = curve / self.scale
        weighted = self.share * shape
        factor = jnp.sum(weighted * (self.experiment / self.scale)) / jnp.sum(weighted * shape)
        return factor * curve

    def residual(self, mean: Tree) -> Array:
        """Return z = (prediction - experiment) / scale [point]."""
        return (self.prediction(mean) - jnp.asarray(self.experiment)) / self.scale

    def loss(self, mean: Tree, halves: Tree | None = None) -> Array:
        """Return weight times the mean over points, each by its `share`, of what residuals z cost.

            relative       z^2 with z over the root mean square of the experiment
            chi_squared    z^2 with z over the experiment's standard error: chi^2 per point
            huber          z^2 up to |z| = d, then d (2 |z| - d)
            unbiased       z_A z_B

        With finitely many replicas the prediction has a variance, so that the mean of z^2 is above
        the square of the mean of z by it, at the true parameters too, and more where the noise
        is larger. A and B are two independent halves of the replicas, so that the mean of z_A z_B
        is the product of the means: free of that bias (but for the one of order 1/replicas of a
        prediction that is not linear in the mean summary), at the price of twice the variance
        where z is mere noise; it may be negative.

        Args:
            mean: mean summary of the observable over all replicas.
            halves: mean summaries over each half of them [half, ...], for ``unbiased``.

        Source: P. J. Huber, Ann. Math. Stat. 35, 73 (1964), doi 10.1214/aoms/1177703732, whose
        rho(z) is half of the one here.
        """
        if not self.compared:
            return jnp.zeros((), jnp.float64)
        if self.halved:
            first, second = (jax.tree.map(lambda a, h=h: a[h], halves) for h in (0, 1))
            return self._mean(self.residual(first) * self.residual(second))
        z = self.residual(mean)
        if self.kind != "huber":
            return self._mean(z**2)
        size, limit = jnp.abs(z), self.huber_threshold
        return self._mean(jnp.where(size < limit, z**2, limit * (2.0 * size - limit)))

    def _mean(self, cost: Array) -> Array:
        """Return the weighted mean of what points cost [point], times the target's weight."""
        return self.weight * jnp.sum(self.share * cost)
