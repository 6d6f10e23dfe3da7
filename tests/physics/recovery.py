"""Hidden parameters, measured by LAMMPS, to be found again: shared by the tests of recovery."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from engines import run_lammps

from dmdstudio.files.potentials import Provenance, export
from dmdstudio.files.spectra import write_measurement
from dmdstudio.files.structures import write_structure
from dmdstudio.plan.recipe import Recipe, TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement
from dmdstudio.plan.terms import potential_terms, with_values
from dmdstudio.service.build import build
from dmdstudio.service.structure import structure_of

HIDDEN = {"lennard_jones.sigma": 3.405, "lennard_jones.epsilon": 0.9961}
STEP = 2.0  # fs
STEPS = 250
"""Of a correlation function: what comes after half a picosecond says little that is not noise."""
EVERY = 10

SCRIPT = """
include "argon.in"
timestep 0.002
velocity all create {temperature} 12345 mom yes rot no dist gaussian
fix motion all nve
fix bath all langevin {temperature} {temperature} 0.5 777 zero yes
run 10000
unfix bath
compute distances all rdf {bins}
fix pairs all ave/time 50 10 1000 c_distances[1] c_distances[2] mode vector file pairs.txt
variable origin loop {origins}
label next_origin
variable bath_seed equal 1000+v_origin
fix bath all langevin {temperature} {temperature} 0.5 ${{bath_seed}} zero yes
run 500
unfix bath
velocity all zero linear
compute autocorrelation all vacf
fix curve all ave/time {every} 1 {every} c_autocorrelation[4] file vacf_${{origin}}.txt
run {steps}
unfix curve
uncompute autocorrelation
next origin
jump SELF next_origin
write_dump all custom melt.txt id x y z modify sort id format line "%d %.10g %.10g %.10g"
"""


def measured_by_lammps(recipe: Recipe, folder: Path, origins: int) -> None:
    """Write ``vacf.csv`` and ``pairs.csv`` of the hidden parameters into the recipe's folder."""
    hidden = with_values(recipe, HIDDEN)
    structure = structure_of(hidden)
    _, complete = build(hidden)
    terms = potential_terms(complete, structure.symbols, {})
    temperature = recipe.sampling.temperature
    note = Provenance("test", "test", 0, "0", "2025-01-01", temperature=temperature)
    export("lammps", terms, structure, folder / "argon.in", note)
    cutoff = float(terms[0].options["cutoff"])
    bins = round(cutoff / 0.1)
    script = SCRIPT.format(
        temperature=temperature,
        bins=bins,
        origins=origins,
        steps=STEPS,
        every=EVERY,
    )
    (folder / "measure.in").write_text(script)
    run_lammps(folder / "measure.in", timeout=3600)
    melt = np.loadtxt(folder / "melt.txt", skiprows=9)[:, 1:4]  # the recipe's own is a crystal
    write_structure(replace(structure, positions=melt), recipe.path(recipe.system.structure))
    curves = np.array([np.loadtxt(folder / f"vacf_{n + 1}.txt")[:, 1] for n in range(origins)])
    mean = curves.mean(axis=0)
    value = mean / mean[0]
    away = curves / mean[0] - curves[:, :1] * mean / mean[0] ** 2  # of the ratio, to first order
    error = away.std(axis=0, ddof=1) / np.sqrt(origins)
    axis = np.arange(len(value)) * EVERY * STEP * 1e-3
    write_measurement(  # at t = 0 it is one without error
        Measurement("velocity_autocorrelation", value[1:], "1", error[1:], axis[1:], "ps"),
        recipe.path("vacf.csv"),
    )
    distance, pairs, spread = _blocks(folder / "pairs.txt", bins)
    inside = (pairs > 0.05) & (distance < 8.0)
    write_measurement(
        Measurement(
            "pair_distribution",
            pairs[inside],
            "1",
            spread[inside],
            distance[inside],
            "angstrom",
        ),
        recipe.path("pairs.csv"),
    )


def _blocks(path: Path, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distance, mean and standard error over blocks [bin] of LAMMPS' g(r)."""
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    bodies = [[float(word) for word in row] for row in rows if len(row) == 3]  # no block headers
    values = np.array(bodies).reshape(-1, bins, 3)
    g = values[:, :, 2]
    return values[0, :, 1], g.mean(axis=0), g.std(axis=0, ddof=1) / np.sqrt(len(g))


def recipe_of(tiny: Recipe, replicas: int, iterations: int) -> Recipe:
    """Return a recipe for 108 argon atoms with both curves as targets, beside the tiny one."""
    targets = (
        TargetPlan(
            observable="velocity_autocorrelation",
            data="vacf.csv",
            loss="chi_squared",
            options={"window": STEP * STEPS * 1e-3, "normalise": True},
        ),
        TargetPlan(observable="pair_distribution", data="pairs.csv", loss="chi_squared"),
    )
    return with_settings(
        msgspec.structs.replace(tiny, target=targets),
        [
            "potential.cutoff=8.5",
            "potential.switch_start=7.5",
            f"sampling.replicas={replicas}",
            "sampling.equilibration_steps=2500",
            "sampling.decorrelation_steps=500",
            "sampling.reuse_limit=1",
            "execution.batch=16",
            f"dynamics.timestep={STEP}",
            f"dynamics.steps={STEPS}",
            f"dynamics.record_every={EVERY}",
            "optimizer.kind=gauss_newton",
            f"refinement.iterations={iterations}",
        ],
    )
