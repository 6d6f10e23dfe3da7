"""EANN against reference numbers, against itself in other forms, and along exact trajectories."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.base.units import from_internal, to_internal
from dmdstudio.engine import potentials as _registered  # noqa: F401  fills the registry
from dmdstudio.engine.adjoint import Backward, Truncation
from dmdstudio.engine.core import Start, System, configuration
from dmdstudio.engine.dynamics import Leapfrog
from dmdstudio.engine.networks import random_network
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.potentials.eann import EANN, EANNOptions
from dmdstudio.engine.water import water
from dmdstudio.files.potentials import read_parameters

REFERENCES = Path(
    os.environ.get("DMDSTUDIO_REFERENCES", Path(__file__).parents[3] / "shared" / "references")
)
NETWORK = REFERENCES / "water-eann"
needs_reference = pytest.mark.skipif(
    not (NETWORK / "eann_reference.npz").is_file(), reason=f"no reference data at {NETWORK}"
)
KJ = to_internal(1.0, "kJ/mol")


def _water64(pairs: str, precision: str = "float64", bits: int = 64):
    """Return the published network on 64 waters: system, term and parameters."""
    reference = np.load(NETWORK / "eann_reference.npz", allow_pickle=False)
    types = reference["species_H0_O1"]
    masses = np.where(types == 1, 15.999, 1.008)
    cell = np.diag(reference["box_A"])
    system = System(("H", "O"), types, masses, cell, precision, bits, "cpu", pairs=pairs)
    options = EANNOptions(file="params_eann4.pickle", cutoff=6.0, elements="H O")
    given = read_parameters("eann", NETWORK / "params_eann4.pickle")
    term = EANN.build(options, system)
    assert len(term.arrays(given.arrays)) == len(given.arrays)
    lattice = system.to_lattice(jnp.asarray(reference["positions_A"]))
    parameters = {key: jnp.asarray(value) for key, value in given.arrays.items()}
    return reference, system, term, parameters, lattice


def _dmff_names(hidden: int) -> dict[str, str]:
    """Return DMFF's name of each of our arrays."""
    names = {"radial_coefficient": "c", "radial_centre": "rs", "radial_exponent": "inta"}
    names["atom_energy"] = "initpot"
    for layer in range(hidden):
        for step, pair in enumerate(
            (("weight", "bias"), ("norm_scale", "norm_shift"), ("activation_scale",) * 2)
        ):
            ours = pair if step < 2 else ("activation_scale", "activation_slope")
            for letter, name in zip("wb", ours, strict=True):
                names[f"layer{layer + 1}_{name}"] = f"{letter}{3 * layer + step}"
    return names | {"output_weight": f"w{3 * hidden}", "output_bias": f"b{3 * hidden}"}


def _close(found, expected, relative: float = 1e-9) -> None:
    found = np.asarray(found).reshape(np.shape(expected))
    assert np.abs(found - expected).max() <= relative * np.abs(expected).max()


@needs_reference
@pytest.mark.parametrize("pairs", ["dense", "cells"])
def test_the_published_network_gives_the_reference(pairs):
    """Energy, atomic energies, features, forces, strain derivative, all parameter gradients."""
    reference, system, term, parameters, lattice = _water64(pairs)
    assert (term.capacity > 0) == (pairs == "cells")
    cell = jnp.asarray(system.cell)
    where = configuration(system, lattice, cell)
    field, theta = ForceField(system, (("eann", term),)), {"eann": parameters}

    energy, slopes = jax.jit(
        jax.value_and_grad(lambda p: field.energy({"eann": p}, lattice, cell))
    )(parameters)
    _close(from_internal(energy, "kJ/mol"), reference["initial_energy"])
    energies = term.atomic_energies(parameters, where)
    constant = float(parameters["atom_energy"][0])
    offset = reference["initial_energy"] - reference["initial_atomic_energies"].sum()
    assert abs(offset) < 1e-6 or offset == pytest.approx(192 * constant / KJ, rel=1e-9)
    shift = 0.0 if abs(offset) < 1e-6 else constant
    _close((energies - shift) / KJ, reference["initial_atomic_energies"])
    _close(term.features(parameters, where), reference["initial_features"])
    force = from_internal(np.asarray(field.force(theta, lattice, cell)), "kJ/mol/nm")
    _close(force, reference["initial_forces_kJ_mol_nm"])
    virial = from_internal(np.trace(field.virial(theta, lattice, cell)), "kJ/mol")
    _close(-virial, reference["initial_dE_dscale"])
    units = dict.fromkeys(parameters, 1.0)
    units |= dict.fromkeys(("output_weight", "output_bias", "atom_energy"), KJ)
    for ours, theirs in _dmff_names(2).items():
        _close(slopes[ours] * units[ours] / KJ, reference[f"initial_dEdparam_{theirs}"])


@needs_reference
def test_float32_is_float32(water64_forces):
    exact, single = water64_forces
    assert np.abs(single - exact).max() < 2e-5 * np.abs(exact).max()


@pytest.fixture
def water64_forces():
    found = []
    for precision, bits in (("float64", 64), ("float32", 32)):
        _, system, term, parameters, lattice = _water64("dense", precision, bits)
        field = ForceField(system, (("eann", term),))
        found.append(
            np.asarray(jax.jit(field.force)({"eann": parameters}, lattice, system.cell), float)
        )
    return found


# ------------------------------------------------------------------------ lists and all pairs


def _small(pairs: str, precision: str = "float64", bits: int = 64, platform: str = "cpu"):
    system, positions = water(np.eye(3) * 11.0, 3, precision, bits, platform)
    system = replace(system, pairs=pairs)
    term = EANN.build(EANNOptions(file="f", cutoff=4.2, elements="O H"), system)
    numbers = random_network(2, radials=4, widths=(8, 6), cutoff=4.2, seed=5)
    parameters = {key: jnp.asarray(value) for key, value in numbers.items()}
    return system, term, {"eann": parameters}, system.to_lattice(jnp.asarray(positions))


def test_lists_give_what_all_pairs_give():
    """The compiled loops of a CPU, and what XLA does elsewhere with and without lists."""
    found = []
    for pairs, platform in (("dense", "cpu"), ("dense", "gpu"), ("cells", "gpu")):
        system, term, theta, lattice = _small(pairs, platform=platform)
        field = ForceField(system, (("eann", term),))
        w = jnp.asarray(np.random.default_rng(0).normal(size=lattice.shape))
        found.append(
            jax.jit(lambda t, x, f=field, s=system, w=w: (f.pull(t, x, s.cell, w),
                                                       f.virial(t, x, s.cell)))(theta, lattice)
        )  # fmt: skip
    first, *others = map(jax.tree.leaves, found)
    for other in others:
        for one, two in zip(first, other, strict=True):
            assert np.allclose(one, two, rtol=0, atol=1e-12 * np.abs(np.asarray(two)).max())


def test_too_short_a_list_is_never_silent():
    system, term, theta, lattice = _small("cells", platform="gpu")  # a CPU's loops need none
    term = replace(term, cells=None)  # runs of cells have room of their own
    needed, room = term.crowding(lattice, system.cell)
    assert 0 < needed <= room == term.capacity
    short = ForceField(system, (("eann", replace(term, capacity=needed - 1)),))
    assert np.isnan(short.energy(theta, lattice, system.cell))
    assert short.crowding(lattice, system.cell) == (needed, needed - 1)
    longer = short.fitted(lattice, system.cell)
    assert np.isfinite(longer.energy(theta, lattice, system.cell))
    just = ForceField(system, (("eann", replace(term, capacity=needed)),))
    assert np.isfinite(just.energy(theta, lattice, system.cell))


def test_large_systems_take_lists_and_small_ones_all_pairs():
    system, *_ = _small("auto")
    options = EANNOptions(file="f", cutoff=4.2, elements="O H")
    assert EANN.build(options, system).capacity == 0 or system.pairs == "auto"
    large, _ = water(np.eye(3) * 24.8, 8)
    assert 0 < EANN.build(options, large).capacity < large.atoms / 2
    tight, _ = water(np.eye(3) * 12.4, 4)
    assert EANN.build(replace_cutoff(options, 6.0), tight).capacity == 0


def replace_cutoff(options, cutoff):
    return EANNOptions(file=options.file, cutoff=cutoff, elements=options.elements)


# -------------------------------------------------------------------------- along trajectories


@pytest.mark.parametrize(
    ("precision", "bits"),
    [("float32", 32), pytest.param("float64", 64, marks=pytest.mark.slow)],
)
def test_trajectories_come_back_to_the_same_bits(precision, bits):
    """The way back through `pull` undoes what the way there did through `force`."""
    system, term, theta, lattice = _small("auto", precision, bits)
    leapfrog = _leapfrog(system, term)
    assert _residual(leapfrog, theta, lattice) == 0.0


@needs_reference
@pytest.mark.parametrize(("precision", "bits"), [("float32", 32), ("float64", 64)])
def test_trajectories_of_the_published_network_come_back_too(precision, bits):
    _, system, term, parameters, lattice = _water64("dense", precision, bits)
    assert _residual(_leapfrog(system, term, steps=20), {"eann": parameters}, lattice) == 0.0


def _leapfrog(system: System, term: EANN, steps: int = 60) -> Leapfrog:
    def frame(theta, phase):
        return phase.velocities

    def summary(velocities):
        return jnp.mean(velocities**2, axis=(1, 2))

    field = ForceField(system, (("eann", term),))
    return Leapfrog(field, 0.5, 1, 1, steps // 5, 5, frame, summary)


def _residual(leapfrog: Leapfrog, theta, lattice) -> float:
    """Go there and back with a batch of two, as replicas do, in two programs."""
    system = leapfrog.system
    random = np.random.default_rng(1)
    spread = np.sqrt(0.0259 * 0.0096485 / system.masses)[:, None]
    velocities = (random.normal(size=(2, *lattice.shape)) * spread).astype(system.dtype)
    cell = jnp.asarray(system.cell)

    @jax.jit
    def there(velocities):
        def one(v):
            start = Start(lattice, v, cell)
            return leapfrog.forward(theta, start, lambda phase: None, keep=True)

        return jax.vmap(one)(velocities)

    @jax.jit
    def back(trajectories):
        def one(trajectory):
            frames = leapfrog.blocks + 1
            truncation = Truncation.window(leapfrog.blocks, 0)
            backward = Backward(leapfrog, {})
            ones = jnp.ones(frames, system.dtype)
            return backward(theta, cell, trajectory, ones, truncation).residual

        return jax.vmap(one)(trajectories)

    trajectories = there(jnp.asarray(velocities))
    energies = trajectories.energies
    assert np.all(np.isfinite(energies.potential_last))
    moved = np.asarray(trajectories.last.lattice[0] - trajectories.last.lattice[1])
    assert np.any(moved)
    return float(jnp.max(back(trajectories)))
