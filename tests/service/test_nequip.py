"""NequIP from the labels of another potential to a refined run."""

from __future__ import annotations

from dataclasses import replace

import ase
import ase.io
import msgspec
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.equivariant import DEGREES, Equivariant, coupling, harmonics
from dmdstudio.files.potentials import read_parameters
from dmdstudio.files.potentials.array_file import write_arrays
from dmdstudio.plan.events import Fitted, Iterated, Trained
from dmdstudio.plan.force_fit import ForceFitPlan
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.calculator import calculator_from_terms
from dmdstudio.service.control import Control
from dmdstudio.service.force_fit import fit_forces

ARGON = {
    "kind": "lennard_jones",
    "options": {"cutoff": 5.0, "switch_start": 4.0},
    "parameters": {"sigma": {"Ar": 3.4}, "epsilon": {"Ar": 0.2}},
}
"""Twenty times as strong as argon, so that its forces are not lost among the digits of a file."""

SMALL = {"cutoff": 5.0, "interactions": 2, "channels": 4, "degree": 1, "radials": 4, "widths": "8"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sixteen frames of eight atoms, labelled by Lennard-Jones in a cell that is copied for it."""
    folder, random = tmp_path_factory.mktemp("data"), np.random.default_rng(1)
    calculator = calculator_from_terms([ARGON], folder)
    sites = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    frames = []
    for _ in range(16):
        atoms = ase.Atoms("Ar4", sites * 5.4, cell=np.eye(3) * 5.4, pbc=True).repeat((2, 1, 1))
        atoms.positions += random.normal(scale=0.15, size=atoms.positions.shape)
        large = atoms.repeat((1, 2, 2))
        large.calc = calculator
        labels = {"energy": large.get_potential_energy() / 4, "forces": large.get_forces()[:8]}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        frames.append(atoms)
    ase.io.write(folder / "argon.extxyz", frames, format="extxyz")
    return folder / "argon.extxyz"


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit") / "fit"
    plan = ForceFitPlan(
        data=(str(data),), kind="nequip", epochs=30, batch=2, learning_rate=0.02, **SMALL
    )
    return folder, list(fit_forces(plan, folder, Control()))


def test_a_fit_learns_forces(fitted, data):
    """What it writes gives the errors that it told by other code, the same bits every time."""
    folder, events = fitted
    report = events[-1]
    assert isinstance(report, Fitted) and report.files[0].endswith("nequip.npz")
    first = next(event for event in events if isinstance(event, Trained))
    forces = next(e for e in report.validation if e.quantity == "forces")
    assert forces.error < 0.2 * min(forces.size, first.errors["forces"])
    term = {"kind": "nequip", "options": {"file": "nequip.npz"}, "parameters": {}}
    given = read_parameters("nequip", folder / "nequip.npz")
    term["options"] |= given.settings
    one, two = (calculator_from_terms([term], folder) for _ in range(2))
    errors = []
    for frame in ase.io.read(data, index=":"):
        large = frame.repeat((1, 2, 2))
        found = one.get_forces(large)
        errors.append(found[:8] - frame.calc.results["forces"])
    assert np.array_equal(found, two.get_forces(large)) and found.any()
    training = next(e for e in report.training if e.quantity == "forces")
    assert 1e3 * np.sqrt(np.mean(np.square(errors))) == pytest.approx(training.error, rel=0.3)


def test_a_run_is_refined_by_the_reversible_adjoint(fitted, tmp_path, make_tiny_recipe):
    folder, _ = fitted
    recipe = make_tiny_recipe(tmp_path / "recipe")
    network = PotentialPlan(kind="nequip", options={"file": str(folder / "nequip.npz")})
    few = ["sampling.replicas=2", "sampling.equilibration_steps=20", "dynamics.steps=20"]
    few += ["sampling.decorrelation_steps=5", "refinement.iterations=1", "target.window=0.02"]
    few += ["optimizer.learning_rate=0.001", "gradient.truncation=none"]
    recipe = with_settings(msgspec.structs.replace(recipe, potential=(network,)), few)
    events = list(loop.refine(recipe, tmp_path / "run", Control()))
    (report,) = (event.report for event in events if isinstance(event, Iterated))
    assert report.reversal_residual == 0.0
    weight = next(p for p in report.parameters if p.key == "nequip.layer1_after")
    assert weight.free and weight.gradient > 0.0 and abs(weight.thermodynamic) > 0.0
    began, ended = (
        read_parameters("nequip", tmp_path / "run" / "refined" / f"00000{n}-nequip.npz").arrays
        for n in (0, 1)
    )
    moved = {key for key in began if np.any(began[key] != ended[key])}
    assert moved == began.keys() - {"output_bias"}  # of one element: the energy's zero


def test_couplings_turn_with_what_they_couple():
    """Also where axes are mirrored: the sum of the degrees is even."""
    random = np.random.default_rng(2)
    axes = np.linalg.qr(random.normal(size=(3, 3)))[0]
    axes *= -np.linalg.det(axes)
    unit = random.normal(size=(40, 3))
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    before, after = (np.asarray(harmonics(x, DEGREES), np.float64) for x in (unit, unit @ axes))
    turns = []
    for degree in range(DEGREES + 1):
        own = slice(degree**2, (degree + 1) ** 2)
        assert np.allclose(np.sum(before[:, own] ** 2, axis=1), 2 * degree + 1)
        turns.append(np.linalg.lstsq(before[:, own], after[:, own], rcond=None)[0])
        assert np.allclose(turns[-1] @ turns[-1].T, np.eye(2 * degree + 1))
    shape = Equivariant(1, 1, 3, DEGREES, 1, ())
    for a, b, c in shape.paths(2):
        found = np.einsum("ka,lb,abc->klc", turns[a], turns[b], coupling(a, b, c))
        assert np.allclose(found, np.einsum("klm,mc->klc", coupling(a, b, c), turns[c])), (a, b, c)
        assert np.allclose(np.sum(coupling(a, b, c) ** 2, axis=(0, 1)), 1.0)


def test_what_does_not_fit_is_refused(fitted, data, tmp_path):
    folder, _ = fitted
    start = str(folder / "nequip.npz")

    def refused(match, **settings):
        plan = ForceFitPlan(data=(str(data),), **settings)
        with pytest.raises((FileError, RecipeError), match=match):
            list(fit_forces(plan, tmp_path / "fit", Control()))

    refused("channels is a setting of nequip networks", channels=4)
    refused("holds arrays of 'nequip', not of 'eann'", start=start)
    refused("cutoff is said to be 4 and also 5", start=start, kind="nequip", cutoff=4.0)
    found = read_parameters("nequip", folder / "nequip.npz")
    silent = tmp_path / "silent.npz"
    silent.write_bytes(write_arrays(replace(found, settings={"elements": "Ar", "cutoff": 5.0}), {}))
    refused("does not say its usual number", start=str(silent), kind="nequip")
    given = found.arrays
    for key, value, words in (
        ("layer1_self", np.zeros(3), "layer1_self has the shape"),
        ("embedding", np.zeros(3), "holds no NequIP network"),
        ("layer2_before", None, "has no array 'layer2_before'"),
        ("readout", np.full_like(given["readout"], np.nan), "values that are not numbers"),
    ):
        damaged = {k: a for k, a in {**given, key: value}.items() if a is not None}
        with pytest.raises(FileError, match=words):
            Equivariant.of(damaged, "torn.npz")
