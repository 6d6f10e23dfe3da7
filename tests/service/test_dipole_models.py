"""A dipole model from its file, in a refinement against an infrared spectrum."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import CapacityExceeded, RecipeError
from dmdstudio.base.units import BOLTZMANN
from dmdstudio.engine.dynamics import Energies
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.surfaces.deep_dipole import DeepDipole
from dmdstudio.engine.surfaces.eann_dipole import EannDipole
from dmdstudio.files.potentials.array_file import read_parameters, write_arrays
from dmdstudio.files.run_store import RunStore
from dmdstudio.files.spectra import write_measurement
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.events import GradientChecked, Iterated, Log
from dmdstudio.plan.recipe import (
    ParameterPlan,
    PotentialPlan,
    TargetPlan,
    recipe_from_table,
    recipe_to_table,
)
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control

SETTINGS = {
    "types": "O H", "centres": "O", "slots": "20 40", "cutoff": 4.5, "switch_start": 4.0,
    "activation": "tanh",
}  # fmt: skip


@pytest.fixture
def recipe(tiny_water):
    """Water with a random model of its dipole, and a spectrum that it does not have."""
    numbers = DeepDipole.examples("float64", 64, "cpu")["water"].parameters
    arrays = {name: np.asarray(array) for name, array in numbers.items()}
    content = write_arrays(ParameterArrays("deep_dipole", arrays, SETTINGS), {})
    tiny_water.path("dipole.npz").write_bytes(content)
    axis = np.linspace(0.0, 4000.0, 50)
    made = Measurement("n_alpha", 1e3 + axis, "1/cm", axis=axis, axis_unit="1/cm")
    write_measurement(made, tiny_water.path("made.csv"))
    target = TargetPlan(
        observable="infrared_spectrum", data="made.csv", options={"window": 0.01, "high": 4000.0}
    )
    surface = PotentialPlan(kind="deep_dipole", options={"file": "dipole.npz"})
    return msgspec.structs.replace(tiny_water, target=(target,), surface=(surface,))


@pytest.mark.slow
def test_the_gradient_of_the_potential_is_right_through_it(recipe):
    *_, checked = loop.check_gradient(recipe, Control())
    assert isinstance(checked, GradientChecked)
    assert checked.reversal_residual == 0.0
    for row in checked.rows:
        assert row.errors["reversible_adjoint"] < 1e-9
        assert row.errors["finite_difference"] < 1e-5


@pytest.mark.slow  # compilation; what is pulled back is tested by the contract of surfaces
def test_its_arrays_can_be_refined(recipe, tmp_path):
    (surface,) = recipe.surface
    free = msgspec.structs.replace(
        surface, options={**surface.options, "fixed": "embedding.* mean.* deviation.*"}
    )
    recipe = msgspec.structs.replace(recipe, surface=(free,))
    recipe = with_settings(recipe, ["refinement.iterations=2", "optimizer.learning_rate=0.02"])
    folder = tmp_path / "run"
    events = list(loop.refine(recipe, folder, Control()))
    losses = [event.report.loss for event in events if isinstance(event, Iterated)]
    assert losses[-1] < losses[0]
    began, ended = (
        read_parameters("deep_dipole", folder / RunStore.open(folder).refined(n)["deep_dipole"])
        for n in (0, 2)
    )
    assert ended.settings["cutoff"] == 4.5
    for name, array in began.arrays.items():
        moved = not np.array_equal(array, ended.arrays[name])
        assert moved == name.startswith("fitting."), name


@pytest.fixture
def crowded(recipe, monkeypatch):
    """Water with a random dipole surface whose lists hold fewer neighbours than there are."""
    example = EannDipole.examples("float64", 64, "cpu")["water"]
    arrays = {name: np.asarray(array) for name, array in example.parameters.items()}
    told = {"cutoff": 4.2, "elements": "O H Na"}
    content = write_arrays(ParameterArrays("eann_dipole", arrays, told), {})
    recipe.path("own.npz").write_bytes(content)
    monkeypatch.setattr(EannDipole, "sized", lambda self: replace(self, capacity=8))
    monkeypatch.setattr(EannDipole, "fitted", lambda self, *_: self)
    surface = PotentialPlan(kind="eann_dipole", options={"file": "own.npz"})
    return with_settings(msgspec.structs.replace(recipe, surface=(surface,)),
                         ["execution.pairs=cells", "refinement.iterations=1"])  # fmt: skip


def test_lists_of_a_surface_that_are_too_short_are_told_of_and_lengthened(crowded):
    """Where a trajectory's spectra are no numbers, though its energies are."""
    problem, _ = build(crowded)
    thermal = BOLTZMANN * problem.sampling.temperature * (3 * problem.system.atoms - 3) / 2
    energies = Energies(np.zeros(2), np.zeros(2), np.full((2, 1, 9), thermal))
    phases = [np.stack([a, a]) for a in (problem.start, problem.system.cell)]
    pool = cast(Any, SimpleNamespace(lattice=phases[0], cell=phases[1]))
    spectra = {"it": np.ones((2, 1, 5))}
    ensemble = Ensemble(cast(Any, SimpleNamespace(problem=problem)), pool, cast(Any, None))
    ensemble.summaries, ensemble.energies = spectra, energies
    ensemble._require_sound(problem.initial)
    spectra["it"][1, 0, 3] = np.nan
    with pytest.raises(CapacityExceeded, match=r"none among its spectra \(1 of") as told:
        ensemble._require_sound(problem.initial)
    assert "replica 2 (1 of 2" in str(told.value) and "room for 8 atoms" in str(told.value)
    larger = problem.with_capacity(told.value.capacity)
    assert larger.surfaces[0][1].capacity >= told.value.capacity
    assert larger.with_capacity(told.value.capacity) is larger


@pytest.mark.slow
def test_a_run_goes_on_with_longer_lists_of_a_surface(crowded, tmp_path):
    events = list(loop.refine(crowded, tmp_path / "run", Control()))
    assert [e.report.loss for e in events if isinstance(e, Iterated)]
    assert any(isinstance(e, Log) and "with room for" in e.text for e in events)


def test_file_and_recipe_must_agree(recipe):
    (surface,) = recipe.surface
    told = msgspec.structs.replace(surface, options={**surface.options, "cutoff": 4.4})
    with pytest.raises(RecipeError, match=r"4\.4.*4\.5"):
        build(msgspec.structs.replace(recipe, surface=(told,)))
    _, complete = build(recipe)
    assert complete.surface[0].options["slots"] == "20 40"
    assert build(complete)[1] == complete


def test_a_dipole_model_knows_atoms_by_their_elements_whatever_their_types():
    given = DeepDipole.examples("float64", 64, "cpu")["water"]
    named = replace(
        given.system, type_names=("HW", "OW"), symbols=tuple(given.system.elements.tolist())
    )
    surface = DeepDipole.build(given.surface.options, named, ForceField(named, ()))
    assert np.array_equal(surface.charges, given.surface.charges)
    assert surface.centres == ("O",)


def _flux_parameters():
    given = {
        ("charge", "H"): (0.4, "e"),
        ("flux", "H-O"): (-0.3, "e/angstrom"),
        ("length", "H-O"): (1.0, "angstrom"),
        ("cross", "H-O-H"): (0.1, "e/angstrom"),
        ("bend", "H-O-H"): (0.2, "e/rad"),
        ("angle", "H-O-H"): (112.0, "degree"),
    }
    return tuple(
        ParameterPlan(name=name, of=of, value=value, unit=unit, free=name in ("charge", "flux"))
        for (name, of), (value, unit) in given.items()
    )


def test_geometry_dependent_charges_are_parameters_of_the_recipe(recipe):
    surface = PotentialPlan(
        kind="charge_flux", parameter=_flux_parameters(), options={"balance": "O"}
    )
    problem, complete = build(msgspec.structs.replace(recipe, surface=(surface,)))
    numbers = problem.theta(problem.initial)["charge_flux"]
    assert numbers["flux"].tolist() == [-0.3]
    assert numbers["angle"] == pytest.approx(np.radians(112.0))
    free = {slot.key for slot in problem.slots if slot.free and slot.term == "charge_flux"}
    assert free == {"charge_flux.charge[H]", "charge_flux.flux[H-O]"}
    assert recipe_from_table(recipe_to_table(complete), complete.folder, "it") == complete
    for left in (surface.parameter[1:], surface.parameter[:-1]):
        with pytest.raises(RecipeError, match="needs a value"):
            told = msgspec.structs.replace(surface, parameter=left)
            build(msgspec.structs.replace(recipe, surface=(told,)))


def test_an_array_without_any_gradient_is_reported(recipe):
    """An output's bias moves energies and no spectrum."""
    (surface,) = recipe.surface
    free = {**surface.options, "fixed": "embedding.* mean.* deviation.*"}
    told = msgspec.structs.replace(surface, options=free)
    problem, _ = build(msgspec.structs.replace(recipe, surface=(told,)))
    nothing = np.zeros(len(problem.initial))
    reports = problem.parameter_reports(problem.initial, nothing, nothing, nothing)
    arrays = [report for report in reports if report.numbers]
    assert {report.free for report in arrays} == {True, False}
    for report in arrays:
        assert report.gradient == report.gradient_error == (0.0 if report.free else None)
