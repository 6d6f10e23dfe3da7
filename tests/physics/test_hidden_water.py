"""The spectrum that LAMMPS measures of flexible water whose numbers are hidden."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from engines import WITHOUT_LAMMPS, lammps_environment
from flexible import EXAMPLE, charges_of
from test_water_spectra import INTERVAL, TEMPERATURE, correlation
from water_in_lammps import Recorded, record

from dmdstudio.base.units import (
    ATOMIC_MASS,
    BOLTZMANN_SI,
    ELEMENTARY_CHARGE,
    SPEED_OF_LIGHT,
    VACUUM_PERMITTIVITY,
)
from dmdstudio.files.spectra import write_measurement
from dmdstudio.files.structures import write_structure
from dmdstudio.plan.events import Iterated
from dmdstudio.plan.recipe import PotentialPlan, Recipe, TargetPlan, read_recipe
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement
from dmdstudio.plan.terms import with_values
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.structure import structure_of

pytestmark = pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)

HIDDEN = {
    "harmonic_bond.stiffness[H-O]": 1.06,
    "harmonic_bond.length[H-O]": 0.97,
    "harmonic_angle.stiffness[H-O-H]": 1.08,
    "coulomb.charge[O]": 0.96,
}
"""Factors by which the hidden numbers differ from those that the recipe starts with."""
DENSITY_BLOCKS = 20
LONGEST = 1.0  # ps of correlation that the measured spectrum is made of
AXIS = np.arange(0.0, 4166.0, 4.0)  # 1/cm


def infrared(found: Recorded, charges: np.ndarray) -> np.ndarray:
    """Return n alpha (1/cm) on `AXIS` [piece, point], of correlations cut off and not faded.

    What a recipe compares goes through its own window, which is shorter.
    """
    volume = np.prod(found.cell, axis=1)[:, None, None]
    moving = np.einsum("pfax,a->pfx", found.velocities, charges) / np.sqrt(volume * 1e-30)
    lags = round(LONGEST * 1e3 / INTERVAL) + 1
    products = correlation(moving, lags)
    products[:, [0, -1]] *= 0.5
    omega = 2.0 * np.pi * SPEED_OF_LIGHT * 100.0 * AXIS
    times = np.arange(lags) * INTERVAL * 1e-15
    classical = 2.0 * products @ np.cos(omega * times[:, None]) * INTERVAL * 1e-15
    classical *= ELEMENTARY_CHARGE**2 * 1e4  # (e angstrom/ps)^2 in (C m/s)^2
    thermal = BOLTZMANN_SI * TEMPERATURE
    return classical / (6.0 * SPEED_OF_LIGHT * VACUUM_PERMITTIVITY * thermal * 100.0)


def hidden(recipe: Recipe) -> dict[str, float]:
    """Return the hidden numbers by key, in the recipe's units."""
    return {
        key: p.value * HIDDEN[key]
        for term in recipe.potential
        for p in term.parameter
        if (key := f"{term.key}.{p.name}[{p.of}]") in HIDDEN
    }


def measured_by_lammps(recipe: Recipe, folder, **amount: int) -> Recorded:
    """Let LAMMPS measure the hidden numbers' spectrum and density, into the recipe's folder."""
    unseen = tuple(msgspec.structs.replace(t, data="") for t in recipe.target)
    other = msgspec.structs.replace(with_values(recipe, hidden(recipe)), target=unseen)
    problem, complete = build(other, refined=False)
    found = record(problem, complete, folder, every=8, pressure=1.0, **amount)
    value, error = _mean(infrared(found, charges_of(problem)))
    spectrum = Measurement("n_alpha", value, "1/cm", error, AXIS, "1/cm")
    blocks = [[block.mean()] for block in np.array_split(found.density, DENSITY_BLOCKS)]
    value, error = _mean(np.array(blocks))
    density = Measurement("density", value, "g/cm3", error)
    for target, measurement in zip(recipe.target, (spectrum, density), strict=True):
        write_measurement(measurement, recipe.path(target.data))
    return found


def _mean(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error of independent values [sample, point]."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def own_recipe(folder, *settings: str) -> Recipe:
    """Return flexible water in a folder of its own, with four numbers to refine."""
    shipped = read_recipe(EXAMPLE)
    folder.mkdir()
    write_structure(structure_of(shipped), folder / shipped.system.structure)
    terms = tuple(
        msgspec.structs.replace(
            term,
            parameter=tuple(
                msgspec.structs.replace(
                    p, free=f"{term.key}.{p.name}[{p.of}]" in HIDDEN, lower=None, upper=None
                )
                for p in term.parameter
            ),
        )
        for term in shipped.potential
    )
    spectrum = {"window": 0.2, "high": 4000.0}
    targets = (
        TargetPlan(
            observable="infrared_spectrum",
            data="spectrum.csv",
            loss="chi_squared",
            options=spectrum,
        ),
        TargetPlan(observable="density", data="density.csv", loss="chi_squared", weight=0.1),
    )
    recipe = msgspec.structs.replace(
        shipped,
        potential=terms,
        surface=(PotentialPlan(kind="potential_charges"),),
        target=targets,
        folder=str(folder),
    )
    plan = [
        *(f"potential.{kind}.cutoff=5.8" for kind in ("lennard_jones", "coulomb")),
        "potential.lennard_jones.switch_start=4.8",
        "sampling.ensemble=npt",
        "sampling.timestep=0.5",
    ]
    return with_settings(recipe, [*plan, *settings])


def test_every_motion_of_the_measured_liquid_is_at_its_temperature(tmp_path):
    """Stretches too, although the hidden bonds are shorter than the structure's. Two pieces know it
    to 9 %.

    The integral of the spectrum is that of the dipole's velocity, kT times the sum of q^2/m.
    """
    recipe = own_recipe(tmp_path / "recipe")
    found = measured_by_lammps(recipe, tmp_path, pieces=2, steps=2000, warm=3000, between=800)
    problem, complete = build(with_values(recipe, hidden(recipe)), refined=False)
    molecules = found.positions.reshape(2, -1, 64, 3, 3)
    names = structure_of(complete).symbols[:3]
    oxygen = names.index("O")
    hydrogens = [k for k in range(3) if k != oxygen]
    edge = found.cell[:, None, None, None]
    bonds = molecules[:, :, :, hydrogens] - molecules[:, :, :, [oxygen]]
    bonds -= edge * np.round(bonds / edge)
    bonds /= np.linalg.norm(bonds, axis=-1, keepdims=True)
    speeds = found.velocities.reshape(molecules.shape)
    along = np.sum((speeds[:, :, :, hydrogens] - speeds[:, :, :, [oxygen]]) * bonds, axis=-1)
    masses = problem.system.masses[:3] * ATOMIC_MASS
    reduced = 1.0 / np.sum(1.0 / masses[[oxygen, hydrogens[0]]])
    heat = reduced * np.mean(along**2) * 1e4 / BOLTZMANN_SI
    assert heat == pytest.approx(TEMPERATURE, rel=0.3)  # Nose and Hoover: 1.6 times
    value = infrared(found, charges_of(problem)).mean(axis=0)
    charges = charges_of(problem) * ELEMENTARY_CHARGE
    volume = np.prod(found.cell, axis=1).mean() * 1e-30
    strength = np.sum(charges**2 / (problem.system.masses * ATOMIC_MASS))
    whole = strength / (4.0 * SPEED_OF_LIGHT**2 * VACUUM_PERMITTIVITY * volume) * 1e-4
    assert np.trapezoid(value, AXIS) == pytest.approx(whole, rel=0.2)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_four_hidden_numbers_are_found_again(tmp_path):
    """O-H force constant and length, angle constant and charge within 1 % in the end."""
    recipe = own_recipe(
        tmp_path / "recipe",
        "sampling.replicas=40",
        "sampling.friction=5",
        "sampling.decorrelation_steps=2000",  # bonds whose length has changed begin hot
        "sampling.reuse_limit=1",
        "dynamics.steps=4000",
        "optimizer.kind=gauss_newton",
        "optimizer.sensitivity_step=0.03",
        "optimizer.largest_step=0.05",
        "refinement.iterations=24",
        "refinement.uncertainty=false",
    )
    measured_by_lammps(recipe, tmp_path, pieces=500, steps=4000, warm=20000, between=3000)
    truth, off = hidden(recipe), {}
    for event in loop.refine(recipe, tmp_path / "run", Control()):
        if isinstance(event, Iterated):
            values = {p.key: p.value for p in event.report.parameters if p.key in truth}
            off = {key: value / truth[key] - 1.0 for key, value in values.items()}
            print(event.report.iteration, f"{event.report.loss:.5f}", off, flush=True)
    assert all(abs(away) < 0.01 for away in off.values())
