"""What a gradient method is: the derivative along the trajectories, replica by replica.

All methods share the forward pass on the lattice, the curve and the loss, and the thermodynamic
part; a method says only how the cotangent of the summaries is pulled back through the dynamics.
"""

from __future__ import annotations

import abc
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.registry import Registry
from dmdstudio.engine.adjoint import Truncation
from dmdstudio.plan.catalog import Entry, fields_of

if TYPE_CHECKING:
    from dmdstudio.engine.ensemble import Ensemble
    from dmdstudio.engine.problem import Problem
    from dmdstudio.engine.target import Means


class Work(NamedTuple):
    """How far a piece of work is: what it is called and its fraction done.

    ``compiling`` comes before a piece whose program is not compiled yet.
    """

    phase: str
    fraction: float


def share_of(
    work: Generator[Work, None, Any], first: float, share: float, phase: str = ""
) -> Generator[Work, None, Any]:
    """Pass on work as a share of all there is, and return what it returns.

    Args:
        work: what is done.
        first: fraction that is done before it.
        share: its part of the whole.
        phase: what its pieces are called, but for those that compile; their own where empty.
    """
    while True:
        try:
            piece = next(work)
        except StopIteration as end:
            return end.value
        compiling = piece.phase == "compiling"
        yield piece if compiling else Work(phase or piece.phase, first + share * piece.fraction)


class Pathwise(NamedTuple):
    """Derivative along the trajectories.

    Attributes:
        gradient: <cotangent, d summary_n / d theta> [replica, parameter]; its weighted sum over
            replicas is the part of the loss's derivative that comes along the trajectories. It
            means something for free parameters only.
        residual: largest distance in lattice units between where the reversal arrived and where
            the trajectory began; 0 means the very same bits, nan where nothing was reversed.
        horizon: in blocks, where it was chosen by measurement, else 0.
    """

    gradient: np.ndarray
    residual: float
    horizon: int = 0


class GradientMethod(abc.ABC):
    """One way to differentiate through the dynamics."""

    name: ClassVar[str]
    label: ClassVar[str]
    doc: ClassVar[str]
    source: ClassVar[str] = ""
    Options: ClassVar[type[Struct]]

    @classmethod
    @abc.abstractmethod
    def build(cls, options: Any) -> GradientMethod:
        """Return the method with its settings."""

    @property
    def keeps_features(self) -> bool:
        """Whether the forward pass keeps the features of all frames for the way back."""
        return False

    def truncation(self, problem: Problem) -> Truncation:
        """Return how adjoint and tangents are truncated; not at all, where nothing is said."""
        return Truncation.window(problem.blocks, 0)

    @property
    def anchor_every(self) -> int:
        """Steps between two stored states of a trajectory, 0 for one per segment."""
        return 0

    @abc.abstractmethod
    def pathwise(
        self, ensemble: Ensemble, parameters: Array, cotangent: Means
    ) -> Generator[Work, None, Pathwise]:
        """Pull the cotangent of the means back to the parameters, for every replica.

        Args:
            ensemble: starts and what the forward pass left behind.
            parameters: [parameter], internal units.
            cotangent: of the means; `Ensemble.cotangents` says what that is for one summary.
        """

    @classmethod
    def entry(cls) -> Entry:
        """Describe the method for the catalog."""
        return Entry(
            section="gradient",
            name=cls.name,
            label=cls.label,
            doc=cls.doc,
            fields=fields_of(cls.Options),
            source=cls.source,
        )


gradients: Registry[type[GradientMethod]] = Registry("gradient method")
