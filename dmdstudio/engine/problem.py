"""A refinement as the engine sees it: system, force field, targets, parameters, settings."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.units import from_internal
from dmdstudio.engine.constraints import Constraints
from dmdstudio.engine.core import Phase, System, Theta, Tree
from dmdstudio.engine.dynamics import Leapfrog
from dmdstudio.engine.gradient import GradientMethod
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.replicas import Replicas
from dmdstudio.engine.surface import Surface
from dmdstudio.engine.target import Means, Target
from dmdstudio.plan.events import ParameterReport
from dmdstudio.plan.recipe import DynamicsPlan, OptimizerPlan, RefinementPlan, SamplingPlan
from dmdstudio.plan.ties import Tie

STATIC_INTERVAL = 100.0
"""Time between two configurations that static observables are taken of, fs."""


class Sample(NamedTuple):
    """What is taken of one configuration.

    Attributes:
        energy: potential energy, eV.
        slope: its derivative by the parameters [parameter].
        values: features of the static targets by key.
        explicit: their derivatives by the parameters at a fixed configuration [..., parameter],
            where they have any.
    """

    energy: Array
    slope: Array
    values: dict[str, Tree]
    explicit: dict[str, Tree]


@dataclass(frozen=True)
class Slot:
    """Where one scalar of the recipe stands in the force field's parameters.

    Attributes:
        key: ``'lennard_jones.sigma[Ar]'``.
        term, name: of the potential and of its parameter.
        elements: indices of the types, bonds or angles that share the number.
        unit: of the recipe; everything else here is in internal units.
        value, lower, upper: start and bounds (infinite where none).
        free: whether it is refined.
        prior: standard deviation of its Gaussian prior, infinite for none.
        prior_mean: where the prior is centred.
        tie: what it follows, in internal units; None for nothing. It is fixed as far as the
            refinement is concerned.
        rate: factor of the learning rate.
        logarithmic: whether steps are taken in its logarithm.
    """

    key: str
    term: str
    name: str
    elements: tuple[int, ...]
    unit: str
    value: float
    lower: float
    upper: float
    free: bool
    prior: float = math.inf
    prior_mean: float = 0.0
    tie: Tie | None = None
    rate: float = 1.0
    logarithmic: bool = False

    @property
    def size(self) -> int:
        """Numbers that it takes in the vector of parameters."""
        return 1

    @property
    def scale(self) -> float:
        """Size of the number, by which its changes are counted."""
        return abs(self.value) or 1.0


@dataclass(frozen=True, eq=False)
class ArraySlot:
    """A whole array of a term, such as the weights of a layer: one line in every report.

    An array that is fixed takes no place in the vector of parameters.

    Attributes:
        key: ``'eann.layer1_weight'``.
        term, name: of the potential and of the array.
        unit: for reports; everything else here is in internal units.
        value: the numbers to start from, of any shape.
        free: whether they are refined.
        own_scale: by which changes of a number are counted; 0 where `scale` is to find it.
        rate: factor of the learning rate.
    """

    key: str
    term: str
    name: str
    unit: str
    value: np.ndarray
    free: bool
    own_scale: float = 0.0
    lower: float = -math.inf
    upper: float = math.inf
    prior: float = math.inf
    prior_mean: float = 0.0
    rate: float = 1.0
    logarithmic: bool = False

    @property
    def size(self) -> int:
        """Numbers that it takes in the vector of parameters."""
        return self.value.size if self.free else 0

    @property
    def scale(self) -> float:
        """Root mean square, where the term has none: a weight of zero moves like its neighbours."""
        return self.own_scale or root_mean_square(self.value) or 1.0


AnySlot = Slot | ArraySlot


def root_mean_square(values: np.ndarray) -> float:
    """Return the root mean square of numbers of any shape."""
    return float(np.sqrt(np.mean(np.square(values))))


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything a refinement needs; nothing in it changes while it runs."""

    system: System
    field: ForceField
    start: np.ndarray  # lattice [atom, 3]
    targets: tuple[Target, ...]
    slots: tuple[AnySlot, ...]
    method: GradientMethod
    sampling: SamplingPlan
    dynamics: DynamicsPlan
    optimizer: OptimizerPlan
    refinement: RefinementPlan
    seed: int
    replicas: Replicas
    static_interval: float = STATIC_INTERVAL
    surfaces: tuple[tuple[str, Surface], ...] = ()

    @property
    def iterations(self) -> int:
        """Iterations of the refinement."""
        return self.refinement.iterations

    def with_capacity(self, capacity: int) -> Problem:
        """Return the problem with lists of neighbours of at least this length; itself where no
        term has one that is shorter.
        """
        field = self.field.with_capacity(capacity)
        surfaces = tuple((key, surface.with_capacity(capacity)) for key, surface in self.surfaces)
        pairs = zip(surfaces, self.surfaces, strict=True)
        if field is self.field and all(one is other for (_, one), (_, other) in pairs):
            return self
        return replace(self, field=field, surfaces=surfaces)

    def crowding(self, lattice: Array, cell: Array) -> tuple[int, int]:
        """Return, for the term or surface whose lists are the fullest, what they need and hold."""
        found = [self.field.crowding(lattice, cell)]
        found += [surface.crowding(lattice, cell) for _, surface in self.surfaces]
        return max(found, key=lambda pair: pair[0] / max(pair[1], 1))

    # -- parameters ---------------------------------------------------------------------------
    @cached_property
    def places(self) -> tuple[slice, ...]:
        """Where every slot stands in the vector of parameters."""
        ends = np.cumsum([slot.size for slot in self.slots]).tolist()
        return tuple(slice(e - slot.size, e) for e, slot in zip(ends, self.slots, strict=True))

    def slot_at(self, index: int) -> AnySlot:
        """Return what a number of the vector of parameters belongs to."""
        return next(s for s, p in zip(self.slots, self.places, strict=True) if index < p.stop)

    @cached_property
    def arrays(self) -> tuple[ArraySlot, ...]:
        """The slots that are whole arrays and refined."""
        return tuple(s for s in self.slots if isinstance(s, ArraySlot) and s.free)

    @cached_property
    def scalars(self) -> tuple[Slot, ...]:
        """The slots that are single numbers: all parameters, where no array is refined."""
        return tuple(s for s in self.slots if isinstance(s, Slot))

    @cached_property
    def prior_mean(self) -> np.ndarray:
        """Where the priors are centred [parameter]."""
        return self._each("prior_mean")

    @cached_property
    def in_array(self) -> np.ndarray:
        """Which parameters belong to an array [parameter]."""
        sizes = [slot.size for slot in self.slots]
        return np.repeat([isinstance(slot, ArraySlot) for slot in self.slots], sizes)

    def _each(self, name: str) -> np.ndarray:
        """Return something that every slot has, for every number [parameter]."""
        values = [getattr(slot, name) for slot in self.slots]
        return np.repeat(np.array(values), [slot.size for slot in self.slots])

    @cached_property
    def initial(self) -> np.ndarray:
        """Starting parameters [parameter], internal units."""
        parts = [np.ravel(s.value)[: s.size] for s in self.slots]
        return np.concatenate(parts).astype(np.float64)

    @cached_property
    def free(self) -> np.ndarray:
        """Which parameters are refined [parameter]."""
        return self._each("free")

    @cached_property
    def scale(self) -> np.ndarray:
        """Size of every parameter, by which its changes are counted [parameter]."""
        return self._each("scale")

    @cached_property
    def relative(self) -> np.ndarray:
        """`scale` of free parameters, 0 for fixed ones: derivatives times this are relative."""
        return np.where(self.free, self.scale, 0.0)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds [parameter], internal units."""
        return self._each("lower"), self._each("upper")

    @cached_property
    def rate(self) -> np.ndarray:
        """Factor of the learning rate [parameter]."""
        return self._each("rate")

    @cached_property
    def logarithmic(self) -> np.ndarray:
        """Whether steps are taken in the logarithm [parameter]."""
        return self._each("logarithmic")

    @cached_property
    def constraints(self) -> Constraints | None:
        """The linear constraints that tied parameters keep; None where there are none."""
        place = {slot.key: place.start for slot, place in zip(self.slots, self.places, strict=True)}
        tied = [(slot, slot.tie) for slot in self.scalars if slot.tie is not None]
        if not tied:
            return None
        leaders = sorted({place[key] for _, tie in tied for _, key in tie.shares})
        factors = np.zeros((len(tied), len(leaders)))
        for row, (_, tie) in enumerate(tied):
            for factor, key in tie.shares:
                factors[row, leaders.index(place[key])] += factor
        return Constraints(
            np.array([place[slot.key] for slot, _ in tied], int),
            np.array(leaders, int),
            factors,
            np.array([tie.constant for _, tie in tied]),
        )

    def tied(self, parameters: Array) -> Array:
        """Return parameters [parameter] in which the tied ones follow; differentiable."""
        return self.constraints.followed(parameters) if self.constraints else parameters

    def theta(self, parameters: Array) -> Theta:
        """Arrange parameters [parameter] as force field and surfaces take them; differentiable."""
        parameters = self.tied(parameters)
        theta: Theta = {
            key: {
                field.name: jnp.zeros(len(self.system.owners(field.per)), jnp.float64)
                for field in term.parameters
            }
            for key, term in (*self.field.terms, *self.surfaces)
        }
        for place, slot in zip(self.places, self.slots, strict=True):
            if isinstance(slot, ArraySlot):
                own = parameters[place] if slot.free else jnp.asarray(slot.value, jnp.float64)
                theta[slot.term][slot.name] = own.reshape(slot.value.shape)
                continue
            array = theta[slot.term][slot.name]
            where = np.asarray(slot.elements)
            theta[slot.term][slot.name] = array.at[where].set(parameters[place.start])
        return theta

    @cached_property
    def moving(self) -> frozenset[tuple[str, str]]:
        """Terms and names of the parameters in which a free one stands, or one that follows it."""
        free = {slot.key for slot in self.slots if slot.free}
        following = (s for s in self.scalars if s.tie and free & {key for _, key in s.tie.shares})
        found = (*(slot for slot in self.slots if slot.free), *following)
        return frozenset((slot.term, slot.name) for slot in found)

    def parted(self, parameters: Array) -> tuple[Theta, Theta]:
        """Return `theta` in two parts: what moves with the free parameters, and what does not."""
        theta = self.theta(parameters)
        parts: tuple[Theta, Theta] = {}, {key: {} for key in theta}  # some terms have no numbers
        for key, numbers in theta.items():
            for name, value in numbers.items():
                parts[(key, name) not in self.moving].setdefault(key, {})[name] = value
        return parts

    def array_values(self, parameters: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
        """Return all arrays by term and name, internal units.

        Args:
            parameters: [parameter].
        """
        found: dict[str, dict[str, np.ndarray]] = {}
        for place, slot in zip(self.places, self.slots, strict=True):
            if isinstance(slot, ArraySlot):
                own = parameters[place].reshape(slot.value.shape) if slot.free else slot.value
                found.setdefault(slot.term, {})[slot.name] = np.asarray(own)
        return found

    def parameter_reports(
        self,
        parameters: np.ndarray,
        gradient: np.ndarray | None = None,
        error: np.ndarray | None = None,
        thermodynamic: np.ndarray | None = None,
    ) -> tuple[ParameterReport, ...]:
        """Describe parameters (and the loss gradient by the free ones) in the recipe's own units.

        Of an array, the value is the root mean square, gradient and error are the norms, and the
        thermodynamic part is the share that it has of the gradient's norm.
        """
        given = (np.asarray(self.tied(jnp.asarray(parameters))), gradient, error, thermodynamic)
        return tuple(
            self._report(slot, *(None if a is None else a[place] for a in given))
            for place, slot in zip(self.places, self.slots, strict=True)
        )

    def _report(
        self,
        slot: AnySlot,
        value: np.ndarray | None,
        gradient: np.ndarray | None,
        error: np.ndarray | None,
        thermodynamic: np.ndarray | None,
    ) -> ParameterReport:
        """Describe one slot, whose numbers are handed over; none where it has no place."""
        numbers, direction = 0, np.ones(1)
        if isinstance(slot, ArraySlot):
            numbers = slot.value.size
            value = value if slot.free else slot.value.ravel()
            along = np.zeros(numbers) if gradient is None else gradient
            direction = along / (np.linalg.norm(along) or 1.0)  # some do not matter: no gradient
            error = None if error is None else np.linalg.norm(error) * direction

        def per_unit(found: np.ndarray | None) -> float | None:
            if found is None or not slot.free:
                return None
            return float(found @ direction) / from_internal(1.0, slot.unit)

        assert value is not None
        shown = float(value[0]) if value.size == 1 else root_mean_square(value)
        return ParameterReport(
            key=slot.key,
            unit=slot.unit,
            value=from_internal(shown, slot.unit),
            free=slot.free,
            lower=_finite(from_internal(slot.lower, slot.unit)),
            upper=_finite(from_internal(slot.upper, slot.unit)),
            gradient=per_unit(gradient),
            gradient_error=per_unit(error),
            thermodynamic=per_unit(thermodynamic),
            numbers=numbers,
        )

    # -- trajectories --------------------------------------------------------------------------
    @cached_property
    def dynamic(self) -> tuple[Target, ...]:
        """Targets that are functions of a trajectory."""
        return tuple(t for t in self.targets if not t.observable.static)

    @cached_property
    def static(self) -> tuple[Target, ...]:
        """Targets that are means over configurations."""
        return tuple(t for t in self.targets if t.observable.static)

    def frame(self, theta: Theta, phase: Phase) -> dict[str, Tree]:
        """Return the features of a frame that the dynamic targets need, each once."""
        needs = frozenset[str]().union(*(t.observable.needs for t in self.dynamic))
        told = self._told(needs, theta, phase)
        if "virial" in needs:
            told["virial"] = self.field.moving_virial(theta, phase.configuration)
        phase = phase._replace(**told)
        return {t.observable.feature: t.observable.frame(phase) for t in self.dynamic}

    def _told(self, needs: frozenset[str], theta: Theta, phase: Phase) -> dict[str, Array]:
        """Return what the surfaces say of a phase, in its precision."""
        theta = jax.tree.map(lambda a: a.astype(phase.velocities.dtype), theta)
        found: dict[str, Array] = {}
        for key, surface in self.surfaces:
            found |= surface.told(needs, theta[key], theta, phase)
        return found

    def sample(self, parameters: Array, phase: Phase, cell: Array) -> Sample:
        """Return what is taken of single configurations, with its derivative by the parameters.

        Args:
            parameters: [parameter].
            phase: where.
            cell: lattice vectors in float64 [3, xyz], angstrom.
        """
        lattice = phase.configuration.lattice

        def energy(p: Array) -> Array:
            return self.field.energy(self.theta(p), lattice, cell)

        potential, slope = jax.value_and_grad(energy)(parameters)
        values = self.static_values(parameters, phase, cell, self.static)
        return Sample(potential, slope, values, self._explicit(parameters, phase, cell))

    def _explicit(self, parameters: Array, phase: Phase, cell: Array) -> dict[str, Tree]:
        """Return `Sample.explicit`: zero for parameters that are not free."""
        free = np.flatnonzero(self.free)
        targets = tuple(t for t in self.static if t.observable.needs)
        if not targets:
            return {}

        def values(numbers: Array) -> dict[str, Tree]:
            return self.static_values(parameters.at[free].set(numbers), phase, cell, targets)

        def placed(found: Array) -> Array:
            return jnp.zeros((*found.shape[:-1], len(parameters))).at[..., free].set(found)

        # columns for few parameters, rows for the thousands of an array
        jacobian = jax.jacrev if self.arrays else jax.jacfwd
        return jax.tree.map(placed, jacobian(values)(parameters[free]))

    def static_values(
        self, parameters: Array, phase: Phase, cell: Array, targets: tuple[Target, ...]
    ) -> dict[str, Tree]:
        """Return the features of static targets by key; arguments as of `sample`."""
        lattice = phase.configuration.lattice
        theta = self.theta(parameters)
        needs = frozenset[str]().union(*(t.observable.needs for t in targets))
        told = self._told(needs, theta, phase)
        for name in sorted(needs & {"energy", "virial", "stiffness"}):
            told[name] = getattr(self.field, name)(theta, lattice, cell)
        phase = phase._replace(**told)
        return {t.key: t.observable.frame(phase) for t in targets}

    def leapfrog(self) -> Leapfrog:
        """Return the integrator of the trajectories."""
        plan = self.dynamics
        stretches = self.stretches
        blocks = self.blocks // stretches
        return Leapfrog(
            self.field,
            plan.timestep,
            plan.segments,
            stretches,
            blocks,
            plan.record_every,
            self.frame,
            self.summaries,
        )

    @property
    def both_ways(self) -> bool:
        """Whether every start is run both ways in time."""
        return self.dynamics.both_ways

    @property
    def blocks(self) -> int:
        """Blocks, from one frame to the next, per segment."""
        return self.dynamics.steps // (self.dynamics.segments * self.dynamics.record_every)

    def blocks_of(self, time: float) -> int:
        """Return a time in ps as a number of blocks, at least one."""
        interval = self.dynamics.record_every * self.dynamics.timestep
        return max(1, round(time * 1e3 / interval))

    @cached_property
    def longest_window(self) -> int | None:
        """Blocks that the longest correlation of the dynamic targets spans; None where unknown."""
        spans = [t.observable.span for t in self.dynamic]
        return None if not spans or None in spans else max(s for s in spans if s is not None)

    def time_of(self, blocks: int) -> float:
        """Return a number of blocks as a time, ps."""
        return blocks * self.dynamics.record_every * self.dynamics.timestep * 1e-3

    @cached_property
    def stretches(self) -> int:
        """Stretches per segment: samples, and anchors of the reversal, are taken at their starts.

        One is enough for the score of a segment's start; static targets want one about every
        `static_interval`.
        """
        plan = self.dynamics
        blocks = self.blocks
        wanted = 1.0
        if self.static:
            length = blocks * plan.record_every * plan.timestep
            wanted = max(wanted, length / self.static_interval)
        if self.method.anchor_every:
            wanted = max(wanted, blocks * plan.record_every / self.method.anchor_every)
        return next(n for n in range(min(math.ceil(wanted), blocks), blocks + 1) if blocks % n == 0)

    def summaries(self, features: dict[str, Tree]) -> dict[str, Tree]:
        """Reduce the features [frame, ...] of one segment to one summary per dynamic target."""
        return {t.key: t.observable.summary(features[t.observable.feature]) for t in self.dynamic}

    def loss(self, means: Means) -> Array:
        """Return the loss of mean summaries; `prior` comes on top of it."""
        losses = [t.loss(means.whole[t.key], means.halves.get(t.key)) for t in self.targets]
        return sum(losses[1:], losses[0])

    @cached_property
    def halved(self) -> tuple[str, ...]:
        """Keys of the targets whose loss is of two halves of the replicas."""
        return tuple(t.key for t in self.targets if t.halved)

    @cached_property
    def prior_weight(self) -> float:
        """Factor of the priors in the loss."""
        if self.refinement.prior_weight is not None:
            return self.refinement.prior_weight
        points = sum(len(t.scale) for t in self.targets if t.compared)
        return 1.0 / max(points, 1)

    @cached_property
    def prior_deviation(self) -> np.ndarray:
        """Standard deviations of the priors [parameter], infinite where there is none."""
        return np.where(self.free, self._each("prior"), np.inf)

    def prior(self, parameters: Array) -> Array:
        """Return what the Gaussian priors of the free parameters add to the loss.

            weight sum_k [(theta_k - mean_k) / deviation_k]^2

        twice the negative logarithm of their density, as chi^2 is of the data's.

        Args:
            parameters: [parameter].
        """
        away = (parameters - self.prior_mean) / self.prior_deviation
        return self.prior_weight * jnp.sum(away**2)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
