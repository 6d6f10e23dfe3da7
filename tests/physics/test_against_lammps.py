"""Argon against LAMMPS: the same trajectory from the same start, the same diffusion."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from engines import WITHOUT_LAMMPS, lammps_environment, run_lammps

from dmdstudio.engine.core import Start
from dmdstudio.engine.pool import draw_pool
from dmdstudio.engine.program import Program
from dmdstudio.files.potentials import Provenance, export
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import potential_terms
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.structure import structure_of

pytestmark = pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)

PROVENANCE = Provenance("test", "test", 0, "0", "2025-01-01", temperature=94.4)


def finish(work):
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_the_lattice_leapfrog_goes_the_way_of_lammps(tiny_recipe, tmp_path):
    """200 fs of NVE in float64 from the same phase: positions to 1e-7 angstrom.

    LAMMPS holds its unit conversion to 8 digits, which alone makes 2e-8 angstrom.
    """
    recipe = with_settings(
        tiny_recipe,
        ["execution.precision=float64", "execution.lattice_bits=64", "sampling.replicas=2"],
    )
    problem, complete = build(recipe)
    program = Program(problem)
    pool = finish(draw_pool(program, problem.initial, None, 500, 0))
    system = problem.system
    positions = np.asarray(system.to_positions(jnp.asarray(pool.lattice[0]))) % system.cell[0, 0]
    structure = Structure(("Ar",) * system.atoms, positions, system.cell, system.masses)
    terms = potential_terms(complete, structure.symbols, {})
    export("lammps", terms, structure, tmp_path / "argon.in", PROVENANCE)
    velocities = pool.velocities[0] * 1e3  # angstrom/ps
    lines = [
        f"set atom {i + 1} vx {v[0]:.17g} vy {v[1]:.17g} vz {v[2]:.17g}"
        for i, v in enumerate(velocities)
    ]
    (tmp_path / "nve.in").write_text(
        "\n".join(
            [
                'include "argon.in"',
                *lines,
                "timestep 0.001",
                "fix motion all nve",
                "run 200",
                "write_dump all custom end.txt id xu yu zu modify sort id "
                'format line "%d %.17g %.17g %.17g"',
            ]
        )
        + "\n"
    )
    run_lammps(tmp_path / "nve.in")
    theirs = np.loadtxt(tmp_path / "end.txt", skiprows=9)[:, 1:4]
    start = Start(
        system.to_lattice(jnp.asarray(positions)),
        jnp.asarray(pool.velocities[0]),
        jnp.asarray(system.cell),
    )
    run = jax.jit(lambda theta, start: problem.leapfrog().forward(theta, start, lambda _: ()))
    ours = run(problem.theta(jnp.asarray(problem.initial)), start)
    apart = np.asarray(ours.last.lattice - system.to_lattice(jnp.asarray(theirs)), np.float64)
    assert np.abs(apart).max() / system.lattice_size * system.cell[0, 0] < 1e-7


@pytest.mark.slow
def test_diffusion_is_the_same_in_lammps(tiny_recipe, tmp_path):
    """Green-Kubo over 2 ps of the shipped argon by both engines, within 3 standard errors."""
    from conftest import EXAMPLES

    from dmdstudio.plan.recipe import read_recipe

    recipe = read_recipe(EXAMPLES / "argon-diffusion")
    *_, measured = loop.evaluate(recipe, Control(), replicas=64, seed=99)
    ours = measured.targets[0]
    structure = structure_of(recipe)
    _, complete = build(recipe)
    terms = potential_terms(complete, structure.symbols, {})
    export("lammps", terms, structure, tmp_path / "argon.in", PROVENANCE)
    run_lammps(tmp_path / "argon_md.in", {"origins": 100}, timeout=1800)
    samples = np.loadtxt(tmp_path / "argon_diffusion.txt")[:, 1]
    error = np.hypot(ours.error[0], samples.std(ddof=1) / np.sqrt(len(samples)))
    assert abs(ours.value[0] - samples.mean()) < 3.0 * error
