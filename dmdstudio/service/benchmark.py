"""Figures that anyone can measure: ours and its peers side by side, in one run, as ratios.

The work is the shipped argon of 346 atoms, the flexible water of 192, or 512 atoms of silicon. For
the peers see `peers`.
"""

from __future__ import annotations

import json
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

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.core import Tree
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program
from dmdstudio.engine.target import Means
from dmdstudio.plan.recipe import Recipe, read_recipe
from dmdstudio.plan.settings import with_settings
from dmdstudio.service.build import build
from dmdstudio.service.peers import lammps_ms, openmm_ms, published, starts_of
from dmdstudio.service.silicon import silicon

ROUNDS = 3
MEMORY_STEPS = (1_000, 100_000)
ATOMS = 346
"""Of the argon example."""
SCALING = ((3, 2, 1), (4, 3, 2), (6, 4, 4))
"""Copies of the argon example along every vector: 2,076, 8,304 and 33,216 atoms."""
SILICON = (4, 4, 4)
SILICON_SCALING = ((8, 8, 4), (16, 8, 8), (16, 16, 16))
"""Copies of the cell of silicon, of eight atoms: 2,048, 8,192 and 32,768 atoms."""

Figures = dict[str, Any]


def benchmark(name: str, replicas: int, steps: int, system: str = "argon") -> Figures:
    """Return the figures of one of the `BENCHMARKS`.

    Args:
        name: of the benchmark.
        replicas: side by side.
        steps: of each trajectory.
        system: ``argon``; ``water`` or ``silicon`` for some of them.
    """
    measured = BENCHMARKS.get((name, system))
    if measured is None:
        raise RecipeError(f"benchmark {name} knows no {system}.", "Leave out --system.")
    return measured(replicas, steps)


_EXAMPLES = {
    "argon": ("argon-diffusion", "recipe-full.toml"),
    "water": ("water-flexible", "recipe.toml"),
}


def _recipe(replicas: int, steps: int, *settings: str, system: str = "argon") -> Recipe:
    folder, name = _EXAMPLES[system]
    path = Path(__file__).parents[2] / "resources" / "examples" / folder / name
    if not path.exists():
        raise FileError(f"The example is not at {path}.", "Run from a checkout.")
    return _sized(read_recipe(path), replicas, steps, *settings)


def _sized(recipe: Recipe, replicas: int, steps: int, *settings: str) -> Recipe:
    """Return a recipe of as many replicas and steps."""
    stride = next(n for n in (10, 5, 4, 2, 1) if steps % n == 0)
    length = steps * recipe.dynamics.timestep * 1e-3
    return with_settings(
        recipe,
        [
            f"sampling.replicas={replicas}",
            f"dynamics.steps={steps}",
            f"dynamics.record_every={stride}",
            f"target.window={length!r}",
            *settings,
        ],
    )


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
    starts = starts_of(problem)
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
        _, cotangent = program.loss(Means(means, {}))
        both = jax.tree.map(lambda c: jnp.stack([c, c]), cotangent.whole)
        pulled = [
            program.backward((parameters, both, free), trajectory, start.cell, half)
            for trajectory, (start, half) in zip(done, replicas.split(starts, halves), strict=True)
        ]
        return jax.block_until_ready(pulled)

    return run, value_and_gradient


# ------------------------------------------------------------------------------------- forward


def forward(replicas: int, steps: int) -> Figures:
    """Time a step of the forward trajectory, and of LAMMPS and OpenMM on one thread."""
    recipe = _recipe(replicas, steps)
    problem, complete = build(recipe)
    run, _ = _ours(problem)
    per_step = 1e3 / (replicas * steps)
    figures: Figures = {"replicas": replicas, "steps": steps}
    figures["ours_ms"] = _best({"ours": run})["ours"] * per_step
    long = max(2000, steps)
    peers = {"lammps": lammps_ms(complete, long, 500), "openmm": openmm_ms(problem, long, 500)}
    for name, found in peers.items():
        if isinstance(found, str):
            figures[name] = found
        else:
            figures |= {f"{name}_ms": found, f"ours_over_{name}": figures["ours_ms"] / found}
    return figures


# ------------------------------------------------------------------------------------ gradient


def gradient(replicas: int, steps: int) -> Figures:
    """Time value and gradient against our own forward pass and against the published scheme."""
    problem, _ = build(_recipe(replicas, steps))
    run, value_and_gradient = _ours(problem)
    peer_steps = min(steps, 100)
    peer = published(problem, peer_steps)
    times = _best({"forward": run, "gradient": value_and_gradient, "published": peer})
    per_step = 1e3 / (replicas * steps)
    peer_ms = times["published"] * 1e3 / (replicas * peer_steps)
    return {
        "replicas": replicas,
        "steps": steps,
        "published_steps": peer_steps,
        "forward_ms": times["forward"] * per_step,
        "value_and_gradient_ms": times["gradient"] * per_step,
        "published_ms": peer_ms,
        "gradient_over_forward": times["gradient"] / times["forward"],
        "published_over_ours": peer_ms / (times["gradient"] * per_step),
    }


def gradient_of_water(replicas: int, steps: int) -> Figures:
    """Time value and gradient of flexible water against its own forward pass."""
    return _alone(_recipe(replicas, steps, system="water"))


def gradient_of_silicon(replicas: int, steps: int) -> Figures:
    """Time value and gradient of silicon against its own forward pass, and how it is undone."""
    with tempfile.TemporaryDirectory() as folder:
        return _alone(_sized(silicon(Path(folder), SILICON), replicas, steps))


def _alone(recipe: Recipe) -> Figures:
    """Time value and gradient against our own forward pass.

    Beside it, the largest distance in lattice units between where a reversal arrived and where its
    trajectory began.
    """
    problem, _ = build(recipe)
    run, value_and_gradient = _ours(problem)
    residual = max(float(np.max(residuals)) for _, residuals in value_and_gradient())
    times = _best({"forward": run, "gradient": value_and_gradient})
    replicas, steps = problem.replicas.count, problem.dynamics.steps
    per_step = 1e3 / (replicas * steps)
    return {
        "atoms": problem.system.atoms,
        "replicas": replicas,
        "steps": steps,
        "forward_ms": times["forward"] * per_step,
        "value_and_gradient_ms": times["gradient"] * per_step,
        "gradient_over_forward": times["gradient"] / times["forward"],
        "reversal_residual": residual,
    }


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

    def recipes(replicas: int, some: int) -> Iterator[Recipe]:
        for copies in SCALING:
            yield _recipe(replicas, some, f"system.replicate={list(copies)}")

    return _scaled(replicas, steps, recipes)


def scaling_of_silicon(replicas: int, steps: int) -> Figures:
    """Time a step of one atom of silicon, alike."""

    def recipes(replicas: int, some: int) -> Iterator[Recipe]:
        for copies in SILICON_SCALING:
            with tempfile.TemporaryDirectory() as folder:
                yield _sized(silicon(Path(folder), copies), replicas, some)

    return _scaled(replicas, steps, recipes)


def _scaled(replicas: int, steps: int, recipes: Callable[[int, int], Iterator[Recipe]]) -> Figures:
    replicas, some = min(replicas, 4), max(10, steps // 200 * 10)
    sizes: list[Figures] = []
    for recipe in recipes(replicas, some):
        problem, complete = build(recipe)
        run, value_and_gradient = _ours(problem)
        times = _best({"forward": run, "gradient": value_and_gradient})
        per_atom_step = 1e9 / (problem.system.atoms * some * replicas)
        figures: Figures = {"atoms": problem.system.atoms, "steps": some}
        figures |= {f"{name}_ns": time * per_atom_step for name, time in times.items()}
        lammps = lammps_ms(complete, max(20, some), max(20, some))
        if isinstance(lammps, str):
            figures["lammps"] = lammps
        else:
            figures["lammps_ns"] = lammps * 1e6 / problem.system.atoms
        sizes.append(figures)
    first, last = sizes[0], sizes[-1]
    parts = [name for name in first if name.endswith("_ns") and name in last]
    growth = {f"{name[:-3]}_growth": last[name] / first[name] for name in parts}
    return {"replicas": replicas, "per_atom_step": sizes, **growth}


BENCHMARKS: dict[tuple[str, str], Callable[[int, int], Figures]] = {
    ("forward", "argon"): forward,
    ("gradient", "argon"): gradient,
    ("gradient", "water"): gradient_of_water,
    ("gradient", "silicon"): gradient_of_silicon,
    ("memory", "argon"): memory,
    ("scaling", "argon"): scaling,
    ("scaling", "silicon"): scaling_of_silicon,
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
