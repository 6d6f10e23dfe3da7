"""What a run says of itself: the events of the loop, on disk and in the pipe alike.

Live runs and old ones are drawn from the same events. Arrays are lists of floats in the units named
beside them; a run's event log holds one JSON object per line.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from dmdstudio.plan.catalog import Catalog


class Curve(Struct, frozen=True, kw_only=True):
    """A line to draw: values against an axis, with standard errors where they are known."""

    name: str
    label: str
    axis: list[float]
    axis_label: str
    axis_unit: str
    value: list[float]
    unit: str
    error: list[float] = []


class ParameterReport(Struct, frozen=True, kw_only=True):
    """One refinable number at one iteration; ``value`` and bounds in ``unit``.

    ``gradient`` is the derivative of the loss by the parameter (1/unit), ``gradient_error`` its
    standard error over replicas; ``thermodynamic`` is the part of the gradient that comes from the
    starting ensemble, the rest comes along the trajectories. Fixed ones have none.

    A whole array of numbers, such as the weights of a layer, is one report: ``numbers`` says how
    many there are (0 for a single number), ``value`` is their root mean square, ``gradient`` and
    its error are norms, and ``thermodynamic`` is the share of the norm.
    """

    key: str
    unit: str
    value: float
    free: bool = True
    lower: float | None = None
    upper: float | None = None
    gradient: float | None = None
    gradient_error: float | None = None
    thermodynamic: float | None = None
    numbers: int = 0


class TargetReport(Struct, frozen=True, kw_only=True):
    """Prediction and experiment of one target; a single number has one point and no axis.

    ``point_weight`` is how much the points count beside each other, empty where all count alike.
    """

    name: str
    observable: str
    label: str
    unit: str
    value: list[float]
    error: list[float]
    axis: list[float] = []
    axis_label: str = ""
    axis_unit: str = ""
    experiment: list[float] = []
    experiment_error: list[float] = []
    source: str = ""
    weight: float = 0.0
    point_weight: list[float] = []
    loss: float = 0.0
    curves: tuple[Curve, ...] = ()


class StepReport(Struct, frozen=True, kw_only=True):
    """One iteration: the parameters it evaluated and everything measured with them."""

    iteration: int
    loss: float
    loss_error: float
    parameters: tuple[ParameterReport, ...]
    targets: tuple[TargetReport, ...]
    gradient_norm: float
    signal_to_noise: float = 0.0  # of the gradient by relative parameters
    horizon: float | None = None  # ps, where it was measured rather than set
    learning_rate: float | None  # None: the optimiser has none
    effective_sample_fraction: float
    resampled: bool
    reversal_residual: float | None  # lattice units; 0: the very same bits; None: no reversal
    energy_drift: float  # eV per atom and ps, root mean square over replicas
    temperature: float  # K, mean over the trajectories
    seconds: float
    prior: float = 0.0  # what the priors of the parameters add to the loss


class Started(Struct, frozen=True, kw_only=True, tag="started"):
    """A run begins, or goes on from a stored state."""

    run_dir: str
    recipe: str  # TOML
    title: str
    formula: str
    atoms: int
    replicas: int
    iterations: int
    first_iteration: int
    device: str
    precision: str
    method: str
    parameters: tuple[ParameterReport, ...]
    targets: tuple[TargetReport, ...]  # experiment only, no prediction yet
    version: str
    time: float


class Phase(Struct, frozen=True, kw_only=True, tag="phase"):
    """What the engine is doing now: starting, importing, compiling, equilibrating, sampling,
    propagating, differentiating, writing, evaluating.
    """

    name: str
    iteration: int = -1
    detail: str = ""


class Progress(Struct, frozen=True, kw_only=True, tag="progress"):
    """How far the run is: ``fraction`` of all work, and the seconds left by what was measured."""

    fraction: float
    seconds_left: float | None = None
    iteration: int = -1
    phase: str = ""
    phase_fraction: float = 0.0


class Iterated(Struct, frozen=True, kw_only=True, tag="iterated"):
    """An iteration is done."""

    report: StepReport
    time: float = 0.0


class Log(Struct, frozen=True, kw_only=True, tag="log"):
    """A sentence for the log; level is info, warning or error."""

    level: str
    text: str
    time: float = 0.0


class Paused(Struct, frozen=True, kw_only=True, tag="paused"):
    """The loop waits (true) or goes on (false)."""

    paused: bool


class Finished(Struct, frozen=True, kw_only=True, tag="finished"):
    """The run ended well: ``completed``, or ``stopped`` by the user; it can be resumed."""

    reason: str
    iterations: int
    best_iteration: int
    seconds: float
    time: float = 0.0


class Failed(Struct, frozen=True, kw_only=True, tag="failed"):
    """The run, or another command, ended with an error; what is stored can be resumed."""

    message: str
    advice: str = ""
    details: str = ""
    time: float = 0.0


class Ready(Struct, frozen=True, kw_only=True, tag="ready"):
    """The engine has imported everything and waits for a command.

    ``memory_bytes`` is what the device has in all; 0 where it does not tell.
    """

    catalog: Catalog
    device: str
    devices: tuple[str, ...]
    version: str
    seconds: float
    memory_bytes: int = 0


class GradientRow(Struct, frozen=True, kw_only=True):
    """One parameter's gradient of the loss by several methods (1/unit)."""

    key: str
    unit: str
    values: dict[str, float]  # method -> derivative
    errors: dict[str, float]  # method -> relative difference from backpropagation


class GradientChecked(Struct, frozen=True, kw_only=True, tag="gradient_checked"):
    """Gradient methods side by side on the same starts.

    Where the recipe has a ``truncation``, `TRUNCATED_ADJOINT` is among them: the gradient that a
    refinement takes, whose error is the bias of the truncation.
    """

    rows: tuple[GradientRow, ...]
    reversal_residual: float | None
    precision: str
    replicas: int
    steps: int
    seconds: dict[str, float]
    truncation: str = ""

    @property
    def note(self) -> str:
        """What is to be known of the truncated adjoint, a sentence; empty where there is none."""
        if not self.truncation:
            return ""
        return (
            f"The truncated adjoint is what a refinement takes: its difference from "
            f"backpropagation is the bias of gradient.truncation = {self.truncation!r} here."
        )


TRUNCATED_ADJOINT = "truncated_adjoint"
"""Name of the recipe's own method in a `GradientChecked`, where it truncates."""


class HorizonRow(Struct, frozen=True, kw_only=True):
    """The gradient of the loss (1/unit) where the adjoint is dropped after ``horizon`` ps.

    ``drift`` is its distance from the gradient at the reference horizon, relative to that one.
    """

    horizon: float
    signal_to_noise: float
    drift: float
    gradients: dict[str, float]
    errors: dict[str, float]


class Advice(Struct, frozen=True, kw_only=True):
    """A sentence on what to change, and the settings that it proposes, by their full names."""

    text: str
    changes: dict[str, int | float | str] = {}


class Diagnosed(Struct, frozen=True, kw_only=True, tag="diagnosed"):
    """How chaotic the trajectories are, and how far back the gradient can be trusted.

    ``growth`` is the geometric mean over replicas of the norm of an undisturbed adjoint against
    ``lag`` (ps); ``growth_low`` and ``growth_high`` are the quartiles; ``rate`` (1/ps) is fitted.
    """

    lag: list[float]
    growth: list[float]
    growth_low: list[float]
    growth_high: list[float]
    rate: float
    rows: tuple[HorizonRow, ...]
    reference: float
    chosen: float
    reason: str
    advice: tuple[Advice, ...]
    units: dict[str, str]
    reversal_residual: float | None
    energy_drift: float
    temperature: float
    replicas: int
    segments: int
    length: float  # of a segment, ps
    precision: str


class TargetSensitivity(Struct, frozen=True, kw_only=True):
    """The derivative of one target's prediction by the free parameters, with standard errors.

    ``derivative`` and ``error`` are [parameter][point], in ``unit`` over the parameter's unit, in
    the order of `Uncertainty.parameters`; the points lie on ``axis``, a single number has none.
    """

    name: str
    label: str
    unit: str
    derivative: list[list[float]]
    error: list[list[float]]
    axis: list[float] = []
    axis_label: str = ""
    axis_unit: str = ""


class ParameterUncertainty(Struct, frozen=True, kw_only=True):
    """What is known of one refined parameter, in ``unit``; None where it is not determined.

    ``error`` is the standard error; its parts, to be added as squares, come from the experiment's
    errors, from finitely many replicas, from the width of the priors, and from the way
    ``remaining`` to where the loss is the smallest. ``lower`` to ``upper`` is the 95 % interval.
    """

    key: str
    unit: str
    value: float
    error: float | None
    lower: float | None
    upper: float | None
    experiment: float
    sampling: float
    prior: float
    remaining: float


class Direction(Struct, frozen=True, kw_only=True):
    """Relative changes of the parameters, together, that leave the predictions as they are.

    ``held``: a prior holds what the data do not.
    """

    changes: dict[str, float]
    held: bool


class Uncertainty(Struct, frozen=True, kw_only=True, tag="uncertainty"):
    """What is known of the refined parameters, and how the predictions depend on them.

    ``covariance`` (in the units of the parameters, without the way remaining) and ``correlation``
    are [parameter][parameter], in the order of ``parameters``.
    """

    iteration: int
    parameters: tuple[ParameterUncertainty, ...]
    covariance: list[list[float]]
    correlation: list[list[float]]
    undetermined: tuple[Direction, ...]
    sensitivities: tuple[TargetSensitivity, ...]
    notes: tuple[str, ...]
    replicas: int
    time: float = 0.0


class Evaluated(Struct, frozen=True, kw_only=True, tag="evaluated"):
    """Observables and loss from fresh samples."""

    targets: tuple[TargetReport, ...]
    parameters: tuple[ParameterReport, ...]
    loss: float
    loss_error: float
    replicas: int
    seed: int
    iteration: int
    temperature: float
    energy_drift: float
    prior: float = 0.0
    uncertainty: Uncertainty | None = None


class Frames(Struct, frozen=True, kw_only=True, tag="frames"):
    """Some instants of a trajectory, one after another; the first of them is number ``first``.

    Bytes rather than lists, because there are many: little-endian signed 32-bit fractional
    coordinates [frame][atom][3], of which 2^32 are one lattice vector.
    """

    iteration: int
    replica: int
    first: int
    count: int
    atoms: int
    interval: float  # from one to the next, ps
    lattice: bytes
    cell: list[list[float]]  # rows are lattice vectors, angstrom


class Replayed(Struct, frozen=True, kw_only=True, tag="replayed"):
    """The trajectory of a replica was run again; ``interval`` lies between its frames, ps."""

    iteration: int
    replica: int
    frames: int
    interval: float
    seconds: float


class Trained(Struct, frozen=True, kw_only=True, tag="trained"):
    """An epoch of a fit is done: its mean loss, the loss of the validation data, errors of those.

    ``errors`` are root mean squares in the units of `FitError`; ``better`` than all before.
    """

    epoch: int
    loss: float
    validation: float
    errors: dict[str, float]
    learning_rate: float
    better: bool
    seconds: float


class FitError(Struct, frozen=True, kw_only=True):
    """How far a network is off: root mean squares of the errors and of the data, in ``unit``.

    Energies are those less the atoms' own; energies, virials and dipoles are per atom.
    """

    quantity: str
    label: str
    unit: str
    count: int
    error: float
    size: float


class Fitted(Struct, frozen=True, kw_only=True, tag="fitted"):
    """A fit ended: ``completed``, ``converged`` (nothing better came) or ``stopped``.

    ``best_epochs`` says of which epoch every network is, since each is judged by itself.
    """

    folder: str
    files: tuple[str, ...]
    reason: str
    epochs: int
    best_epochs: dict[str, int]
    numbers: int
    training_frames: int
    validation_frames: int
    training: tuple[FitError, ...]
    validation: tuple[FitError, ...]
    seconds: float


Event = (
    Started
    | Phase
    | Progress
    | Iterated
    | Log
    | Paused
    | Finished
    | Failed
    | Ready
    | GradientChecked
    | Diagnosed
    | Evaluated
    | Uncertainty
    | Frames
    | Replayed
    | Trained
    | Fitted
)


class Envelope(Struct, frozen=True):
    """A numbered message of the engine: numbers never skip, so a lost one is noticed.

    ``reply_to`` is the number of the command that it answers, 0 where none; an envelope without
    an event is the heartbeat.
    """

    number: int
    reply_to: int = 0
    event: Event | None = None


encoder = msgspec.json.Encoder()
event_decoder = msgspec.json.Decoder(Event)
