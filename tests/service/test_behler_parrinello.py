"""Behler and Parrinello's network from the labels of another potential to an export."""

from __future__ import annotations

from dataclasses import replace

import ase.io
import numpy as np
import pytest
from test_force_fit import labelled

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.symmetry_functions import SymmetryNetwork
from dmdstudio.files.potentials import Provenance, export, read_parameters
from dmdstudio.files.potentials.array_file import write_arrays
from dmdstudio.files.structures import read_structure
from dmdstudio.plan.events import Fitted, Trained
from dmdstudio.plan.force_fit import ForceFitPlan
from dmdstudio.plan.terms import PotentialTerm
from dmdstudio.service import export as _export  # noqa: F401  brings the translator
from dmdstudio.service.calculator import calculator_from_terms
from dmdstudio.service.certificate import certify
from dmdstudio.service.control import Control
from dmdstudio.service.force_fit import fit_forces

KIND = "behler_parrinello"
LINES = """O 2 H 1 0.5 3; O 2 H 4 1 3; O 2 H 4 1.5 3; O 2 O 1 0.5 3
H 2 O 1 0.5 3; H 2 O 4 1 3; H 2 O 4 1.5 3; H 2 H 1 0.5 3; H 2 H 4 1.5 3; O 3 H H 0.1 1 1 3"""
SMALL = {"cutoff": 3.0, "widths": "12", "batch": 2, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "waters.extxyz"
    ase.io.write(path, [labelled(seed) for seed in range(24)], format="extxyz")
    return path


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit") / "fit"
    settings = {"functions": LINES, **SMALL}
    plan = ForceFitPlan(data=(str(data),), kind=KIND, epochs=20, dipole_weight=0.0, **settings)
    return folder, list(fit_forces(plan, folder, Control()))


def test_a_fit_learns_forces_and_its_file_gives_them(fitted, data):
    """By other code, and in a cell where neighbours are found otherwise."""
    folder, events = fitted
    report = events[-1]
    assert isinstance(report, Fitted) and report.files[0].endswith("behler_parrinello.npz")
    first = next(event for event in events if isinstance(event, Trained))
    forces = next(e for e in report.validation if e.quantity == "forces")
    assert forces.error < 0.2 * min(forces.size, first.errors["forces"])
    calculator, errors = calculator_from_terms([told(folder)], folder), []
    for frame in ase.io.read(data, index=":"):
        errors.append(calculator.get_forces(frame) - frame.calc.results["forces"])
    training = next(e for e in report.training if e.quantity == "forces")
    assert 1e3 * np.sqrt(np.mean(np.square(errors))) == pytest.approx(training.error, rel=0.1)


def told(folder) -> dict:
    given = read_parameters(KIND, folder / "behler_parrinello.npz")
    options = {"file": "behler_parrinello.npz", **given.settings}
    return {"kind": KIND, "options": options, "parameters": {}}


def test_fine_tuning_begins_where_the_network_is(fitted, data, tmp_path):
    folder, events = fitted
    start = {"start": str(folder / "behler_parrinello.npz"), "learning_rate": 1e-6, "epochs": 1}
    plan = ForceFitPlan(data=(str(data),), kind=KIND, dipole_weight=0.0, **{**SMALL, **start})
    *_, report = fit_forces(plan, tmp_path / "tuned", Control())
    before, after = (
        next(e.error for e in r.validation if e.quantity == "forces") for r in (events[-1], report)
    )
    assert after == pytest.approx(before, rel=0.01)
    assert told(tmp_path / "tuned")["options"] == told(folder)["options"]


def test_it_is_exported_for_jax_and_as_its_own_file(fitted, data, tmp_path):
    folder, _ = fitted
    given = read_parameters(KIND, folder / "behler_parrinello.npz")
    term = PotentialTerm(KIND, told(folder)["options"], {}, given.arrays)
    structure = read_structure(data)
    origin = Provenance("Water", "water-1", 3, "0.1.0", "2025-01-31", 0.5)
    for name, file, verdict in ((KIND, "own.npz", "reads back"), ("jax", "it.py", "agrees")):
        written = export(name, [term], structure, tmp_path / file, origin)
        found = certify(name, [term], structure, written, origin)
        assert found.verdict == verdict, found
    back = read_parameters(KIND, tmp_path / "own.npz")
    assert back.settings == given.settings
    assert all(np.array_equal(back.arrays[key], a) for key, a in given.arrays.items())


def test_what_does_not_fit_is_refused(fitted, data, tmp_path):
    folder, _ = fitted
    start = str(folder / "behler_parrinello.npz")

    def refused(match, **settings):
        plan = ForceFitPlan(data=(str(data),), **settings)
        with pytest.raises((FileError, RecipeError), match=match):
            list(fit_forces(plan, tmp_path / "fit", Control()))

    lines = "H 2 O 1 0 3; O 2 H 1 0 4"
    refused("functions is a setting of behler_parrinello networks", functions=lines)
    refused("a symmetry function ends at 4", functions=lines, kind=KIND, cutoff=3.0)
    refused("has symmetry functions of its own", functions=lines, kind=KIND, start=start)
    refused("no symmetry function is of O", functions="H 2 O 1 0 3", kind=KIND)
    given = read_parameters(KIND, folder / "behler_parrinello.npz")
    other = tmp_path / "other.npz"
    for settings, words in (
        ({"functions": lines}, "a network of 5 symmetry functions, but says 1"),
        ({"activation": "relu"}, "does not say its cutoff function and activation"),
    ):
        changed = replace(given, settings={**given.settings, **settings})
        other.write_bytes(write_arrays(changed, {}))
        refused(words, kind=KIND, start=str(other))
    for key, value, words in (
        ("layer1_weight", np.zeros(3), "holds no Behler-Parrinello network"),
        ("output_weight", None, "has no array 'output_weight'"),
        ("layer1_bias", np.full((2, 12), np.nan), "values that are not numbers"),
    ):
        damaged = {k: a for k, a in {**given.arrays, key: value}.items() if a is not None}
        with pytest.raises(FileError, match=words):
            SymmetryNetwork.of(damaged, "torn.npz")
