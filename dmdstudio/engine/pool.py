"""The pool of starting phases, drawn with one or several sets of parameters, and its weights."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dmdstudio.base.errors import DivergenceError
from dmdstudio.base.units import BOLTZMANN
from dmdstudio.engine.barostat import FIRST_STEP
from dmdstudio.engine.core import Start
from dmdstudio.engine.divergence import explained
from dmdstudio.engine.gradient import Work
from dmdstudio.engine.mbar import OverlapError, mixture_weights
from dmdstudio.engine.program import Program
from dmdstudio.engine.sampling import Chain, strata, stratified

SAMPLING_PIECE = 500
"""Steps of the sampler between two looks at the stop button."""


class Pool(NamedTuple):
    """Starting phases drawn from the ensembles of one or several sets of parameters.

    Attributes:
        lattice: [replica, atom, 3].
        velocities: [replica, atom, xyz], angstrom/fs.
        cell: lattice vectors as rows [replica, 3, xyz], angstrom.
        volume_step: largest trial change of ln V [replica].
        references: parameters that samples were drawn with [reference, parameter].
        origin: which of them a sample was drawn with [replica].
        energy: potential energy of all samples with all of them [reference, replica], eV.
        uses: iterations that a sample has served [replica].
    """

    lattice: np.ndarray
    velocities: np.ndarray
    cell: np.ndarray
    volume_step: np.ndarray
    references: np.ndarray
    origin: np.ndarray
    energy: np.ndarray
    uses: np.ndarray

    @property
    def starts(self) -> Start:
        """The starting phases [replica, ...]."""
        return Start(self.lattice, self.velocities, self.cell)

    @property
    def counts(self) -> np.ndarray:
        """Number of samples drawn with every reference [reference]."""
        return np.bincount(self.origin, minlength=len(self.references))


class Weights(NamedTuple):
    """Weights of the pool under other parameters.

    Attributes:
        weight: w_n, summing to one [replica].
        fraction: effective sample size as a fraction of the pool.
    """

    weight: np.ndarray
    fraction: float


# ------------------------------------------------------------------------------------- weighing


def potential_energy(
    program: Program, parameters: np.ndarray, lattice: np.ndarray, cell: np.ndarray
) -> np.ndarray:
    """Return U [sample] in eV."""
    some = replace(program.replicas, count=len(lattice))
    shared = jnp.asarray(parameters)
    return some.join([program.potential(shared, *part) for part in some.split(lattice, cell)])


def weigh(program: Program, pool: Pool, parameters: np.ndarray) -> Weights:
    """Return the weights of a pool under other parameters than those it was drawn with.

        w_n ~ exp(-beta U_theta(x_n)) / sum over k of N_k exp(f_k - beta U_k(x_n))

    with the free energies f_k of the references. With a single reference this is
    exp(-beta [U_theta - U_ref]). At constant pressure it is the same: P V and the measure of the
    volume do not depend on the parameters, and a sample keeps its cell. Source: Shirts & Chodera,
    J. Chem. Phys. 129, 124105 (2008); effective size by L. Kish, Survey Sampling (1965).

    Args:
        program: compiled functions.
        pool: the samples.
        parameters: [parameter].

    Raises:
        OverlapError: the references have too little in common.
    """
    energy = potential_energy(program, parameters, pool.lattice, pool.cell)
    beta = 1.0 / (BOLTZMANN * program.problem.sampling.temperature)
    weight = mixture_weights(beta * (pool.energy - energy), pool.counts)
    return Weights(weight, float(1.0 / (len(weight) * np.sum(weight**2))))


# -------------------------------------------------------------------------------------- drawing


def renewed(
    program: Program, pool: Pool | None, parameters: np.ndarray, iteration: int
) -> Generator[Work, None, tuple[Pool, Weights, bool]]:
    """Return the pool to use at an iteration, its weights, and whether any of it is new.

    Samples that served as often as they may are drawn afresh; then, while the pool is worth too
    little, the oldest share of it, one in as many as there may be references.

    Args:
        program: compiled functions.
        pool: of the iteration before; None at the first.
        parameters: to use it with [parameter].
        iteration: its number fixes the random numbers.
    """
    plan, count = program.problem.sampling, program.replicas.count
    if pool is None:
        steps = plan.equilibration_steps
        pool = yield from draw_pool(program, parameters, None, steps, 0)
        return pool, weigh(program, pool, parameters), True
    age = np.argsort(-pool.uses, kind="stable")  # the oldest first
    drawn, wanted = 0, int(np.sum(pool.uses >= plan.reuse_limit))
    while True:
        if wanted > drawn:
            which, steps = np.sort(age[drawn:wanted]), plan.decorrelation_steps
            work = draw_pool(program, parameters, pool, steps, iteration + 1, which)
            pool = yield from _scaled(work, drawn / count, wanted / count)
            drawn = wanted
        weights = _worth(program, pool, parameters)
        enough = weights and weights.fraction >= plan.effective_sample_fraction
        if weights and (enough or drawn == count):
            return pool, weights, drawn > 0
        if drawn == count:
            raise DivergenceError(
                "The energies of fresh samples are not numbers.",
                "Lower optimizer.learning_rate or tighten the bounds of the parameters.",
            )
        wanted = min(count, drawn + -(-count // plan.references))


def _worth(program: Program, pool: Pool, parameters: np.ndarray) -> Weights | None:
    """Return the weights, None where there are none: never of a single reference."""
    try:
        return weigh(program, pool, parameters)
    except OverlapError:
        return None


def _scaled(
    work: Generator[Work, None, Pool], first: float, last: float
) -> Generator[Work, None, Pool]:
    """Pass on a part of the drawing, as the part from ``first`` to ``last`` of a whole pool's."""
    while True:
        try:
            piece = next(work)
        except StopIteration as end:
            return end.value
        yield Work(piece.phase, first + (last - first) * piece.fraction)


def draw_pool(
    program: Program,
    parameters: np.ndarray,
    before: Pool | None,
    steps: int,
    stream: int,
    which: np.ndarray | None = None,
) -> Generator[Work, None, Pool]:
    """Draw samples: run the sampler for ``steps`` steps from where the pool before left it.

    Args:
        program: compiled functions.
        parameters: [parameter].
        before: where the chains are; None for the structure of the recipe, whence trial changes of
            the volume find their size in the first half of the steps.
        steps: of the sampler.
        stream: number that, with the seed, fixes every random number of this pool.
        which: replicas to draw, sorted [sample]; None for all. The others are kept.

    Raises:
        PhysicsError: an energy is not a number, or a cell became too small for a cutoff.
    """
    problem, every = program.problem, program.replicas
    which = np.arange(every.count) if which is None else which
    some = replace(every, count=len(which))
    pool = _unsampled(program) if before is None else before
    root = jax.random.fold_in(jax.random.key(problem.seed), stream)

    def keys(sort: int) -> np.ndarray:
        own = jax.random.split(jax.random.fold_in(root, sort), every.count)
        return np.asarray(jax.random.key_data(own))[which]

    yield from program.compiling("sample")
    shared = jnp.asarray(parameters)
    volume = np.abs(np.linalg.det(pool.cell))
    chain = Chain(*(a[which] for a in (pool.lattice, pool.cell, pool.volume_step, volume)))
    pieces = max(1, -(-steps // SAMPLING_PIECE))
    done, total = 0, pieces * some.pieces
    for piece in range(pieces):
        count = min(SAMPLING_PIECE, steps - piece * SAMPLING_PIECE)
        adapt = before is None and 2 * piece < pieces
        asked = (shared, jnp.asarray(count), jnp.asarray(adapt))
        moved = []
        for part, key in some.split(chain, keys(1 + piece)):
            moved.append(program.sample(asked, part, key))
            jax.block_until_ready(moved[-1])
            done += 1
            yield Work("sampling", done / total)
        chain = some.join(moved)
    _require_wide_cells(program, chain)
    velocities = some.join([program.velocities((), k) for (k,) in some.split(keys(0))])
    seed = (problem.seed, stream)
    velocities = stratified(
        problem.system, velocities, problem.sampling.temperature, strata(every.count, which, seed)
    )
    return _with_samples(program, pool, parameters, which, chain, velocities)


def _unsampled(program: Program) -> Pool:
    """Return a pool of the recipe's structure, drawn with nothing."""
    problem, count = program.problem, program.replicas.count
    system = problem.system
    return Pool(
        lattice=np.broadcast_to(problem.start, (count, *problem.start.shape)),
        velocities=np.zeros((count, system.atoms, 3), system.dtype),
        cell=np.broadcast_to(system.cell, (count, 3, 3)),
        volume_step=np.full(count, FIRST_STEP),
        references=np.zeros((0, len(problem.initial))),
        origin=np.zeros(count, np.int64),
        energy=np.zeros((0, count)),
        uses=np.zeros(count, np.int64),
    )


def _with_samples(
    program: Program,
    pool: Pool,
    parameters: np.ndarray,
    which: np.ndarray,
    chain: Chain,
    velocities: np.ndarray,
) -> Pool:
    """Put new samples into their places and forget references that have none left."""

    def placed(old: np.ndarray, new: Any) -> np.ndarray:
        values = np.array(old)
        values[which] = new
        return values

    lattice, cell = placed(pool.lattice, chain.lattice), placed(pool.cell, chain.cell)
    known = np.flatnonzero((pool.references == parameters).all(axis=1))
    present = int(known[0]) if len(known) else len(pool.references)
    references = pool.references if len(known) else np.vstack([pool.references, parameters])
    alive, origin = np.unique(placed(pool.origin, present), return_inverse=True)
    energy = np.empty((len(alive), len(origin)))
    for row, reference in enumerate(alive):
        if reference == present:
            energy[row] = potential_energy(program, parameters, lattice, cell)
            _require_finite(program, parameters, pool, energy[row])
        else:
            old = references[reference]
            energy[row] = pool.energy[reference]
            energy[row, which] = potential_energy(program, old, lattice[which], cell[which])
    return Pool(
        lattice=lattice,
        velocities=placed(pool.velocities, velocities),
        cell=cell,
        volume_step=placed(pool.volume_step, chain.volume_step),
        references=references[alive],
        origin=origin,
        energy=energy,
        uses=placed(pool.uses, 0),
    )


def _require_finite(
    program: Program, parameters: np.ndarray, pool: Pool, energy: np.ndarray
) -> None:
    """Raise where the sampler led from a pool to energies that are not numbers."""
    if not np.all(np.isfinite(energy)):
        bad = int(np.argmin(np.isfinite(energy)))
        what = f"The sampler gave replica {bad + 1} an energy that is not a number."
        began = pool.lattice[bad], pool.cell[bad]
        raise explained(program.problem, parameters, *began, what, "sampling")


def _require_wide_cells(program: Program, chain: Chain) -> None:
    """Raise where a chain went through a cell in which pairs within a cutoff are missed."""
    plan, field = program.problem.sampling, program.problem.field
    if plan.ensemble == "nvt":
        return
    shrunk = np.cbrt(chain.smallest / np.abs(np.linalg.det(chain.cell)))
    widths = shrunk / np.linalg.norm(np.linalg.inv(chain.cell), axis=1).max(axis=1)
    width = widths.min()
    for key, term in field.terms:
        cutoff = getattr(term, "cutoff", 0.0)
        if not width >= 2.0 * cutoff:
            raise DivergenceError(  # a shorter step may keep it wide
                f"At {plan.pressure:g} bar a cell became only {width:.3f} angstrom wide; {key} has "
                f"a cutoff of {cutoff:g} angstrom and needs twice as much.",
                "Raise system.replicate, lower the cutoff, or check sampling.pressure.",
            )
