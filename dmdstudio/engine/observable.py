"""What an observable is: features per frame, a summary per replica, a curve from the mean summary.

The split is what lets every gradient method serve every observable. Plain backpropagation
differentiates all of it; the adjoint takes the cotangent of the features and pulls it through
`Observable.frame` on its way back; reweighting moves only the weights of the mean.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import PhysicsError
from dmdstudio.base.registry import Registry
from dmdstudio.engine.core import Phase, System, Tree
from dmdstudio.plan.catalog import Entry, fields_of


class Clock(NamedTuple):
    """Times of a trajectory's frames: ``interval`` in fs between frames, ``frames`` of them."""

    interval: float
    frames: int

    def lags(self, window: float, name: str) -> int:
        """Return the number of time lags from 0 to ``window`` ps, both included.

        Raises:
            PhysicsError: the trajectory is shorter, or the frames are further apart.
        """
        lags = round(window * 1e3 / self.interval) + 1
        if lags > self.frames:
            length = (self.frames - 1) * self.interval * 1e-3
            raise PhysicsError(
                f"{name} looks over {window:g} ps, but the trajectory is {length:g} ps long.",
                "Raise dynamics.steps, lower dynamics.segments or lower the window.",
            )
        if lags < 2:
            raise PhysicsError(
                f"{name} looks over {window:g} ps, but the frames are "
                f"{self.interval * 1e-3:g} ps apart.",
                "Lower dynamics.record_every or raise the window.",
            )
        return lags


class Detail(NamedTuple):
    """A line to draw beside the prediction, as a function of the mean summary.

    Attributes:
        name, label, axis_label, axis_unit, unit: what it shows; values are in ``unit``.
        axis: [point], in ``axis_unit``.
        value: [point].
    """

    name: str
    label: str
    axis: np.ndarray
    axis_label: str
    axis_unit: str
    value: Array
    unit: str


class Observable(abc.ABC):
    """A quantity predicted from trajectories.

    Attributes:
        feature: name of what `frame` returns; observables with the same name share it.
        unit: unit of the curve.
        axis, axis_unit: abscissa of the curve in ``axis_unit``; None for a single number.
        static: it is a mean over configurations. Its derivative is that of the ensemble alone, so
            that `frame` need not be differentiable by the positions.
        needs: what `frame` wants to find in a phase: ``virial`` of any observable; ``energy``,
            ``stiffness``, ``dipole`` and ``polarisability`` of static ones only;
            ``dipole_velocity`` and ``polarisability_velocity`` of the others only.
        ensembles: of the starts, those in which it can change at all.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    doc: ClassVar[str]
    source: ClassVar[str] = ""
    unit: ClassVar[str]
    axis_label: ClassVar[str] = ""
    axis_unit: ClassVar[str] = ""
    feature: ClassVar[str]
    Options: ClassVar[type[Struct]]
    static: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset()
    ensembles: ClassVar[tuple[str, ...]] = ("nvt", "npt")

    @classmethod
    @abc.abstractmethod
    def build(cls, options: Any, system: System, clock: Clock, temperature: float) -> Observable:
        """Return the observable; raise `PhysicsError` where the trajectory is too short for it."""

    @property
    def axis(self) -> np.ndarray | None:
        """Abscissa [point] in `axis_unit`, None for a single number."""
        return None

    @abc.abstractmethod
    def frame(self, phase: Phase) -> Tree:
        """Return the features of one frame of one replica."""

    def summary(self, features: Tree) -> Tree:
        """Reduce the features [frame, ...] of a segment to something whose mean is meant.

        Static observables have none: what is meant is the mean of their features.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def curve(self, mean: Tree) -> Array:
        """Return the prediction [point] in `unit` from the mean of the summaries."""

    def resolved(self, axis: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return what an experiment would have measured had it the prediction's resolution.

        Args:
            axis: where it measured, ascending, in `axis_unit`; beyond the prediction's axis too.
            value: what [point], or its standard error.
            at: where it is to be compared, among ``axis``.
        """
        return np.interp(at, axis, value)

    @property
    def span(self) -> int | None:
        """Frame intervals that the longest correlation spans, None where that means nothing."""
        return None

    def details(self, mean: Tree) -> tuple[Detail, ...]:
        """Return lines to draw beside the prediction."""
        return ()

    @classmethod
    def entry(cls) -> Entry:
        """Describe the observable for the catalog."""
        return Entry(
            section="observable",
            name=cls.name,
            label=cls.label,
            doc=cls.doc,
            fields=fields_of(cls.Options),
            unit=cls.unit,
            axis=cls.axis_label,
            axis_unit=cls.axis_unit,
            source=cls.source,
            needs=tuple(sorted(cls.needs)),
            ensembles=cls.ensembles,
        )


observables: Registry[type[Observable]] = Registry("observable")


def autocorrelation(signal: Array, lags: int) -> Array:
    """Return the mean over time origins of the product of a signal with itself.

        C(l) = 1/(T - l) sum over t of signal(t) signal(t + l), summed over all other axes

    by a zero-padded Fourier transform, O(T log T).

    Args:
        signal: [frame, ...].
        lags: number of lags, at most the number of frames.

    Returns:
        [lag].
    """
    frames = signal.shape[0]
    padded = 2 * frames  # no wrap-around between end and start
    spectrum = jnp.fft.rfft(signal, n=padded, axis=0)
    power = jnp.sum(jnp.abs(spectrum) ** 2, axis=tuple(range(1, signal.ndim)))
    products = jnp.fft.irfft(power.astype(jnp.float64), n=padded)[:lags]
    return products / (frames - jnp.arange(lags))
