"""Starts at constant pressure against what statistical mechanics says exactly, and OpenMM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from msgspec import Struct
from scipy import stats

from dmdstudio.base.units import ACCELERATION, BOLTZMANN, to_internal
from dmdstudio.engine import sampling
from dmdstudio.engine.core import System
from dmdstudio.engine.potential import ForceField, Potential
from dmdstudio.engine.sampling import Chain, Sampler, maxwell, strata, stratified
from dmdstudio.plan.recipe import SamplingPlan

TEMPERATURE = 300.0
STIFFNESS = 2.0
"""Of the bonds of `Springs`, eV/angstrom^2."""


class Empty(Struct, frozen=True):
    """No settings."""


@dataclass(frozen=True, eq=False)
class Springs(Potential):
    """Harmonic bonds and nothing else: an ideal gas of molecules."""

    system: System
    name: ClassVar[str] = "springs"
    Options = Empty
    parameters: ClassVar[Any] = ()

    @classmethod
    def build(cls, options, system):
        return cls(system)

    @classmethod
    def examples(cls, precision, lattice_bits, platform):
        return {}

    def energy(self, parameters, configuration):
        here, there = self.system.bonds.T
        if not len(here):
            return jnp.zeros(()) * jnp.sum(configuration.offset)
        vectors = configuration.displacements()[here, there]
        return jnp.sum(STIFFNESS * (jnp.linalg.norm(vectors, axis=-1) - 1.0) ** 2)


def gas(bonds, atoms, replicas=128, rounds=5, steps=200):
    """Return volumes [round, replica] of an ideal gas, its bond lengths, number and pressure.

    The pressure is such that the mean volume is that of the cell where it starts.
    """
    masses = np.where(np.arange(atoms) % 2, 16.0, 2.0)
    system = System(
        ("X",),
        np.zeros(atoms, int),
        masses,
        np.diag([11.0, 12.0, 13.0]),
        "float64",
        64,
        bonds=np.asarray(bonds, int).reshape(-1, 2),
    )
    field = ForceField(system, (("springs", Springs(system)),))
    molecules = int(system.molecules.max()) + 1
    volume = np.prod(np.diagonal(system.cell))
    pressure = (molecules + 1) * BOLTZMANN * TEMPERATURE / volume
    plan = SamplingPlan(
        temperature=TEMPERATURE,
        ensemble="npt",
        pressure=pressure / to_internal(1.0, "bar"),
        timestep=2.0,
    )
    sampler = Sampler(field, plan)
    dice = np.random.default_rng(5)
    positions = dice.uniform(size=(replicas, atoms, 3)) @ system.cell
    first = np.unique(system.molecules, return_index=True)[1][system.molecules]
    positions = positions[:, first]  # faces of the cell cut some molecules
    positions[:, :, 0] += np.arange(atoms) - first
    chain = Chain(
        system.to_lattice(jnp.asarray(positions)),
        jnp.broadcast_to(system.cell, (replicas, 3, 3)),
        jnp.full(replicas, 0.1),
        jnp.full(replicas, volume),
    )
    advance = jax.jit(
        jax.vmap(
            lambda c, k, adapt: sampler.advance({"springs": {}}, c, k, steps, adapt), (0, 0, None)
        )
    )
    found, lengths = [], []
    for number in range(rounds + 1):
        keys = jax.random.split(jax.random.key(number), replicas)
        chain = advance(chain, keys, number == 0)
        if number:
            found.append(np.abs(np.linalg.det(chain.cell)))
            here, there = system.bonds.T
            steps = chain.lattice[:, there] - chain.lattice[:, here]
            vectors = jax.vmap(system.to_positions)(steps, chain.cell)
            lengths.append(np.linalg.norm(vectors, axis=-1))
    return np.array(found), np.array(lengths), molecules, volume


@pytest.mark.parametrize(
    ("bonds", "atoms"),
    [([], 4), ([(0, 1), (2, 3), (3, 4), (5, 4)], 6)],
    ids=["atoms", "molecules"],
)
def test_an_ideal_gas_has_the_volume_of_the_gas_law(bonds, atoms, monkeypatch):
    """p(V) ~ V^N exp(-P V / kT): the mean is (N + 1) kT / P, the variance (N + 1) (kT / P)^2."""
    monkeypatch.setattr(sampling, "VOLUME_EVERY", 4)  # little else happens in such a gas
    volumes, lengths, molecules, volume = gas(bonds, atoms)
    assert _error(volumes) < 0.25 * volume / (molecules + 1)  # one more or less would show
    assert abs(volumes.mean() - volume) < 3.0 * _error(volumes)
    assert volumes.std() / volume == pytest.approx((molecules + 1) ** -0.5, rel=0.1)
    if bonds:
        r = np.linspace(0.0, 3.0, 3001)
        p = r**2 * np.exp(-STIFFNESS * (r - 1.0) ** 2 / (BOLTZMANN * TEMPERATURE))
        mean = np.trapezoid(r * p, r) / np.trapezoid(p, r)
        assert abs(lengths.mean() - mean) < 3.0 * _error(lengths.mean(axis=-1)) < 0.01


def _error(of_rounds):
    """Return the standard error of a mean over rounds and replicas, replicas independent."""
    of_replicas = of_rounds.mean(axis=0)
    return of_replicas.std(ddof=1) / np.sqrt(len(of_replicas))


def test_kinetic_energies_are_spread_evenly_and_stay_maxwells():
    """Each replica's is gamma distributed; the mean over replicas hardly fluctuates."""
    atoms, temperature, replicas = 20, 94.4, 16
    system = System(("X",), np.zeros(atoms, int), np.full(atoms, 40.0), np.eye(3) * 30.0, "float64")
    found = []
    for draw in range(200):
        keys = jax.random.split(jax.random.key(draw), replicas)
        velocities = np.asarray(jax.vmap(lambda k: maxwell(system, k, temperature))(keys))
        spread = stratified(
            system, velocities, temperature, strata(replicas, np.arange(replicas), (1, draw))
        )
        found.append(np.sum(spread**2 * 40.0, axis=(1, 2)) / (2.0 * ACCELERATION))
        across = np.sum(spread * velocities, axis=(1, 2))
        sizes = np.linalg.norm(spread, axis=(1, 2)) * np.linalg.norm(velocities, axis=(1, 2))
        assert np.allclose(across, sizes)  # the direction is what it was
    found = np.array(found) / (BOLTZMANN * temperature)
    shape = 0.5 * (3 * atoms - 3)
    assert stats.kstest(found[:, 3], stats.gamma(shape).cdf).pvalue > 1e-3
    independent = np.sqrt(shape / replicas)
    assert found.mean(axis=1).std() < 0.3 * independent
    assert abs(found.mean() - shape) < 5.0 * found.mean(axis=1).std() / np.sqrt(200)
