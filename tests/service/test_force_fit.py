"""Fits of networks to ab initio data, which here a classical potential has made."""

from __future__ import annotations

import json
from dataclasses import replace

import ase
import ase.io
import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from dmdstudio.base.errors import FileError, RecipeError, RunError
from dmdstudio.cli import main
from dmdstudio.engine.core import System, configuration
from dmdstudio.engine.force_batches import Layout, Sample
from dmdstudio.engine.force_fit import modulo_cell, predict
from dmdstudio.engine.force_models import EmbeddedDensities
from dmdstudio.engine.networks import random_network
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.surfaces.eann_dipole import EannDipole, EannDipoleOptions
from dmdstudio.files.force_data import neighbours, read_frames
from dmdstudio.files.potentials import read_parameters
from dmdstudio.files.potentials.array_file import write_arrays
from dmdstudio.plan.events import Fitted, Trained
from dmdstudio.plan.force_fit import ForceFitPlan, LabelledFrame
from dmdstudio.service.calculator import calculator_from_terms
from dmdstudio.service.control import Control
from dmdstudio.service.force_fit import fit_forces, resume_fit

CHARGES = {"H": 0.4, "O": -0.8}


def labelled(seed: int, molecules: int = 8, edge: float = 6.4) -> ase.Atoms:
    """Return waters with springs between all atoms of a molecule, and charges; exact labels."""
    random = np.random.default_rng(seed)
    shape = np.array([[0, 0, 0], [0.76, 0, 0.59], [-0.76, 0, 0.59]])
    turns = np.linalg.qr(np.random.default_rng(7).normal(size=(molecules, 3, 3)))[0]
    side = round(molecules ** (1 / 3))
    sites = np.stack(np.meshgrid(*[np.arange(side)] * 3), -1).reshape(-1, 3) * edge / side
    positions = (sites[:, None] + shape @ turns).reshape(-1, 3)
    positions += random.normal(scale=0.05, size=positions.shape)
    atoms = ase.Atoms("OHH" * molecules, positions, cell=np.eye(3) * edge, pbc=True)
    atoms.calc = SinglePointCalculator(atoms, **labels(atoms))
    return atoms


def labels(atoms: ase.Atoms) -> dict:
    """Return energy, forces, stress and dipole of waters, O H H O H H ..."""
    positions, molecules = atoms.positions, len(atoms) // 3
    first = 3 * np.arange(molecules)
    forces, energy, virial = np.zeros_like(positions), 0.0, np.zeros((3, 3))
    for one, two, length, stiffness in ((0, 1, 0.96, 40.0), (0, 2, 0.96, 40.0), (1, 2, 1.5, 10.0)):
        d = positions[first + two] - positions[first + one]
        r = np.linalg.norm(d, axis=1)
        energy += 0.5 * stiffness * np.sum((r - length) ** 2)
        pull = (stiffness * (r - length) / r)[:, None] * d
        forces[first + one] += pull
        forces[first + two] -= pull
        virial += pull.T @ d
    energy += molecules * -10.0
    dipole = np.array([CHARGES[s] for s in atoms.get_chemical_symbols()]) @ positions
    stress = virial / atoms.get_volume()
    return {"energy": energy, "forces": forces, "stress": stress, "dipole": dipole}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "waters.extxyz"
    ase.io.write(path, [labelled(seed) for seed in range(30)], format="extxyz")
    return path


def small(data, **settings) -> ForceFitPlan:
    chosen = {"cutoff": 3.0, "radials": 6, "widths": "16", "epochs": 30, "batch": 2}
    return ForceFitPlan(data=(str(data),), **{**chosen, "learning_rate": 0.02, **settings})


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory):
    """A fit of a potential and a dipole surface, and what it said."""
    folder = tmp_path_factory.mktemp("fit") / "fit"
    return folder, list(fit_forces(small(data), folder, Control()))


def test_a_fit_learns_what_the_data_hold(fitted):
    folder, events = fitted
    report = events[-1]
    assert isinstance(report, Fitted) and report.reason == "completed"
    assert (report.training_frames, report.validation_frames) == (27, 3)
    first = next(event for event in events if isinstance(event, Trained))
    found = {error.quantity: error for error in report.validation}
    assert set(found) == {"energy", "forces", "stress", "dipole"}
    assert found["forces"].error < 0.1 * found["forces"].size
    assert found["forces"].error < 0.2 * first.errors["forces"]
    assert found["stress"].error < 0.3 * found["stress"].size
    assert found["dipole"].error < 0.2 * found["dipole"].size
    assert found["energy"].error < 0.3 * found["energy"].size
    lines = (folder / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 31))
    assert json.loads((folder / "report.json").read_text())["best_epochs"] == report.best_epochs


def test_its_files_are_a_potential_and_a_surface(fitted, data):
    """Errors of energies, forces and dipoles through them are those of the report."""
    folder, events = fitted
    found = {error.quantity: error.error for error in events[-1].validation}
    frames = ase.io.read(data, index=":")
    chosen = np.sort(np.random.default_rng(0).permutation(30)[:3])
    given = read_parameters("eann_dipole", folder / "dipole.npz")
    options = EannDipoleOptions(file="dipole.npz", **given.settings)
    calculator = calculator_from_terms(
        [{"kind": "eann", "options": {"file": "eann.npz", "elements": "H O", "cutoff": 3.0},
          "parameters": {}}], folder,
    )  # fmt: skip
    types = (np.array(frames[0].get_chemical_symbols()) == "O").astype(int)
    system = System(("H", "O"), types, np.ones(len(types)), frames[0].cell[:], "float64", 64)
    surface = EannDipole.build(options, system, ForceField(system, ()))
    assert surface.arrays(given.arrays)
    dipole = jax.jit(surface.dipole)
    energies, forces, dipoles = [], [], []
    for frame in (frames[i] for i in chosen):
        assert isinstance(frame, ase.Atoms)
        moved = frame.copy()
        moved.calc = calculator
        expected = frame.calc.results
        energies.append((moved.get_potential_energy() - expected["energy"]) / len(frame))
        forces.append(moved.get_forces() - expected["forces"])
        where = configuration(system, system.to_lattice(frame.positions), system.cell)
        told = dipole(dict(given.arrays), {}, where)
        dipoles.append((told - expected["dipole"]) / len(frame))
    for quantity, errors, scale in (
        ("energy", energies, 1e3), ("forces", forces, 1e3), ("dipole", dipoles, 1.0),
    ):  # fmt: skip
        size = scale * np.sqrt(np.mean(np.square(errors)))
        assert size == pytest.approx(found[quantity], rel=1e-3, abs=1e-3), quantity


class Stopper(Control):
    """Asks for the end after an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def hear(self, events):
        for event in events:
            if isinstance(event, Trained) and event.epoch == self.epoch:
                self.stop()
            yield event


def test_a_stopped_fit_goes_on_as_if_it_had_not_been(data, tmp_path):
    plan = small(data, epochs=4)
    *_, whole = fit_forces(plan, tmp_path / "whole", Control())
    stopper = Stopper(2)
    *_, half = stopper.hear(fit_forces(plan, tmp_path / "half", stopper))
    assert (half.reason, half.epochs) == ("stopped", 2)
    *_, rest = resume_fit(tmp_path / "half", None, Control())
    assert rest.validation == whole.validation
    one, two = (read_parameters("eann", tmp_path / n / "eann.npz") for n in ("whole", "half"))
    assert all(np.array_equal(one.arrays[key], two.arrays[key]) for key in one.arrays)
    settings = (tmp_path / "half" / "fit.json").read_text()
    for epochs in (None, 3):
        with pytest.raises(RunError, match=f"has done its {epochs or 4} epochs") as done:
            list(resume_fit(tmp_path / "half", epochs, Control()))
        assert "--epochs 8" in done.value.advice
    assert (tmp_path / "half" / "fit.json").read_text() == settings
    with pytest.raises(RunError, match="There is no fit in"):
        list(resume_fit(tmp_path / "none", None, Control()))
    nothing = msgspec.structs.replace(plan, elements="O")  # the folder is looked at first
    with pytest.raises(RunError, match="not an empty folder"):
        list(fit_forces(nothing, tmp_path / "half", Control()))


def test_fine_tuning_begins_where_the_network_is(fitted, data, tmp_path, capsys):
    """And keeps the arrays that are to stay, and the energies of a data set with another zero."""
    folder, _ = fitted
    frames = ase.io.read(data, index=":10")
    for frame in frames:
        frame.calc.results["energy"] += 1000.0
    ase.io.write(tmp_path / "moved.extxyz", frames, format="extxyz")
    command = ["fit-forces", tmp_path / "moved.extxyz", "--run-dir", tmp_path / "tuned"]
    command += ["--start", folder / "eann.npz", "--start-dipole", folder / "dipole.npz"]
    command += ["--epochs", 1, "--learning-rate", 1e-6, "--batch", 2, "--fixed", "radial_*"]
    assert main([str(word) for word in [*command, "--json"]]) == 0
    report = json.loads(capsys.readouterr().out)
    forces = next(e for e in report["validation"] if e["quantity"] == "forces")
    assert forces["error"] < 0.1 * forces["size"]
    before = read_parameters("eann", folder / "eann.npz")
    after = read_parameters("eann", tmp_path / "tuned" / "eann.npz")
    assert np.array_equal(before.arrays["radial_centre"], after.arrays["radial_centre"])
    assert not np.array_equal(before.arrays["output_weight"], after.arrays["output_weight"])
    moved = (after.arrays["output_bias"] - before.arrays["output_bias"]) @ [16, 8]
    assert moved == pytest.approx(1000.0, abs=0.5)


def test_biases_that_are_to_stay_do_not_drift_with_weights_and_energies(fitted, data, tmp_path):
    """Features have no mean in the form that is trained, and energies are moved at the start."""
    folder, _ = fitted
    starts = {"start": str(folder / "eann.npz"), "start_dipole": str(folder / "dipole.npz")}
    plan = small(data, **starts, epochs=1, fixed="layer1_bias output_bias")
    list(fit_forces(plan, tmp_path / "tuned", Control()))
    for kind, name in (("eann", "eann.npz"), ("eann_dipole", "dipole.npz")):
        before, after = (
            read_parameters(kind, f / name).arrays for f in (folder, tmp_path / "tuned")
        )
        off = np.abs(after["layer1_weight"] - before["layer1_weight"]).max()
        assert off > 1e-3
        for kept in ("layer1_bias", "output_bias"):
            assert np.allclose(after[kept], before[kept], rtol=1e-6, atol=1e-3 * off), (kind, kept)


# --------------------------------------------------------------------------- the network and labels


def test_predictions_are_the_slopes_of_the_energy_in_any_cell():
    """Small skewed cells with images of images, clusters without a cell, in one batch."""
    random = np.random.default_rng(3)
    cell = np.array([[3.1, 0, 0], [1.0, 2.9, 0], [-0.5, 0.7, 3.3]])
    sites = np.array([[0, 0, 0], [1.0, 0.4, 0.2]])
    solid = LabelledFrame("a", ("O", "H"), sites, cell, (True,) * 3)
    cluster = LabelledFrame("b", ("H",) * 3, 2 * random.normal(size=(3, 3)), 0 * cell, (False,) * 3)
    numbers = random_network(2, radials=4, widths=(6,), cutoff=4.0, seed=1)
    networks = {"potential": {key: jnp.asarray(a) for key, a in numbers.items()}}

    layout = None

    def batch(*frames):
        nonlocal layout
        samples = [
            Sample(f, np.array([int(s == "O") for s in f.symbols]), neighbours(f, 4.0))
            for f in frames
        ]
        if layout is None:
            layout = Layout.of(samples, 2, 2, 4.0, "float64")
            layout = replace(layout, neighbours=layout.neighbours + 8)
        return layout.batch(samples, np.zeros(2), np.zeros(2))

    def told(given):
        return predict(
            networks,
            given,
            layout,
            EmbeddedDensities(4.0),
            frozenset({"energy", "forces", "stress"}),
        )

    both, compiled = batch(solid, cluster), jax.jit(told)
    found = compiled(both)
    for number, (frame, atom) in enumerate(((solid, 1), (cluster, 2))):
        ends = []
        for sign in (-1, 1):
            positions = frame.positions.copy()
            positions[atom, 0] += sign * 1e-4
            moved = replace(frame, positions=positions)
            both_moved = batch(*((moved, cluster) if number == 0 else (solid, moved)))
            ends.append(float(compiled(both_moved).energy[number]))
        own = np.flatnonzero(np.all(both.positions == frame.positions[atom], axis=1))
        assert float(found.forces[own[0], 0]) == pytest.approx(
            -(ends[1] - ends[0]) / 2e-4, rel=1e-6
        )
    strain = 1e-4 * random.normal(size=(3, 3))
    ends = []
    for sign in (-1, 1):
        turn = np.eye(3) + sign * strain
        moved = replace(solid, positions=solid.positions @ turn, cell=cell @ turn)
        ends.append(float(compiled(batch(moved, cluster)).energy[0]))
    slope = float(jnp.sum(found.stress[0] * strain)) * np.linalg.det(cell)
    assert slope == pytest.approx((ends[1] - ends[0]) / 2, rel=1e-5)


def test_dipoles_of_crystals_are_known_but_for_lattice_vectors():
    cell = jnp.array([[[9.0, 0, 0], [2.0, 8.0, 0], [0, 1.0, 7.0]], np.zeros((3, 3))])
    small = jnp.array([[0.3, -0.2, 0.1], [50.0, -3.0, 1.0]])
    moved = small + jnp.array([2.0, -1.0, 3.0]) @ cell
    assert np.allclose(modulo_cell(moved, cell), small, atol=1e-12)
    slope = jax.grad(lambda d: jnp.sum(modulo_cell(d, cell)))(moved)
    assert np.allclose(slope, 1.0)


# --------------------------------------------------------------------------------------- bad data


def one(**changes) -> ase.Atoms:
    atoms = labelled(1, molecules=1, edge=8.0)
    atoms.calc.results |= changes
    return atoms


def _refused(tmp_path, atoms, match, error=FileError, **settings):
    ase.io.write(tmp_path / "bad.extxyz", [one(), atoms], format="extxyz")
    with pytest.raises(error, match=match) as caught:
        plan = ForceFitPlan(data=(str(tmp_path / "bad.extxyz"),), **settings)
        read_frames(tmp_path / "bad.extxyz", plan)
    assert caught.value.advice


def test_bad_data_are_refused_by_frame(tmp_path):
    bare = one()
    bare.calc = None
    _refused(tmp_path, bare, "Frame 2 of bad.extxyz has no energy called 'energy'; it has: posi")
    lame = one()
    del lame.calc.results["forces"]
    _refused(tmp_path, lame, "Frame 2 .* no forces called 'forces'; it has: dipole, energy, stress")
    _refused(tmp_path, one(energy=np.nan), "Frame 2 .*: energy holds values that are not finite")
    stress = one(stress=np.full(6, np.nan))
    _refused(tmp_path, stress, "Frame 2 .*: stress holds values that are not finite")
    plan = ForceFitPlan(data=("x",), stress_weight=0.0)
    assert read_frames(tmp_path / "bad.extxyz", plan)[1].stress is None
    large = one(forces=1e4 * one().calc.results["forces"])
    _refused(tmp_path, large, "Frame 2 .* has forces of .* eV/angstrom")
    close = one()
    close.positions *= 0.1
    _refused(tmp_path, close, "less than 0.4 angstrom apart")
    flat = one()
    flat.cell[2] = 0.0
    _refused(tmp_path, flat, "its cell has no extent")
    (tmp_path / "torn.extxyz").write_text("3\nProperties=species:S:1:pos:R:3\nO 0 0 0\nH 1")
    with pytest.raises(FileError, match=r"Frame 1 of .*torn\.extxyz cannot be read"):
        read_frames(tmp_path / "torn.extxyz", ForceFitPlan(data=("x",)))


def test_energies_that_change_otherwise_than_the_forces_say_are_refused(tmp_path):
    """A trajectory tells the unit of its energies over that of its forces; other frames do not."""
    steps = [one() for _ in range(8)]
    for number, atoms in enumerate(steps):
        atoms.positions[:] = one().positions
        atoms.positions[1] += 0.02 * number * np.array([0.6, 0.5, 0.3])
        atoms.calc.results |= labels(atoms)
    ase.io.write(tmp_path / "run.extxyz", steps, format="extxyz")
    plan = ForceFitPlan(data=("x",))
    assert len(read_frames(tmp_path / "run.extxyz", plan)) == 8
    wrong = msgspec.structs.replace(plan, energy_unit="hartree")
    with pytest.raises(FileError, match=r"change by 27\.2 times what the forces say"):
        read_frames(tmp_path / "run.extxyz", wrong)


def test_units_and_names_are_the_datas_own(tmp_path):
    atoms = one()
    results = atoms.calc.results
    expected = {k: np.array(v) for k, v in results.items()}
    atoms.info["E"] = results["energy"] * 23.0605478
    atoms.arrays["F"] = results["forces"] * 23.0605478
    atoms.info["virial"] = -results["stress"] * atoms.get_volume() * 23.0605478
    atoms.info["mu"] = results["dipole"] / 0.2081943
    atoms.calc = None
    ase.io.write(tmp_path / "other.extxyz", atoms, format="extxyz")
    units = {"energy_unit": "kcal/mol", "force_unit": "kcal/mol/angstrom", "dipole_unit": "D"}
    keys = {"energy_key": "E", "forces_key": "F", "dipole_key": "mu"}
    plan = ForceFitPlan(data=("x",), **units, **keys)
    (frame,) = read_frames(tmp_path / "other.extxyz", plan)
    assert frame.energy == pytest.approx(float(expected["energy"]), rel=1e-6)
    assert np.allclose(frame.forces, expected["forces"], atol=1e-6)
    assert np.allclose(frame.stress, expected["stress"], atol=1e-6)
    assert np.allclose(frame.dipole, expected["dipole"], atol=1e-6)


def test_what_does_not_fit_together_is_refused(fitted, data, tmp_path):
    folder, _ = fitted
    start = str(folder / "eann.npz")

    def refused(match, **settings):
        with pytest.raises((FileError, RecipeError), match=match):
            list(fit_forces(small(data, **settings), tmp_path / "fit", Control()))
        assert not (tmp_path / "fit").exists()

    found = read_parameters("eann", folder / "eann.npz")
    wide = tmp_path / "wide.npz"
    wide.write_bytes(
        write_arrays(replace(found, settings={**found.settings, "cutoff": "wide"}), {})
    )
    refused("says that its cutoff is 'wide'; a number of angstrom", start=str(wide))
    refused("cutoff is said to be 3 and also 4", start=start, cutoff=4.0)
    refused("elements are said to be O H, and also H O", start=start, elements="O H")
    refused("holds H, but the network is for O", elements="O")
    refused("widths is 'many'", widths="many")
    refused("there is no such array", fixed="layer9_*")
    refused("it has H twice", formal_charges="H 1, O -2, H 0")
    zero = {f"{name}_weight": 0.0 for name in ("energy", "force", "stress", "dipole")}
    refused("All weights are 0", **zero)
