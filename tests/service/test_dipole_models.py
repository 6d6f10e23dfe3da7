"""A dipole model from its file, in a refinement against an infrared spectrum."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.surfaces.deep_dipole import DeepDipole
from dmdstudio.files.potentials.array_file import read_parameters, write_arrays
from dmdstudio.files.run_store import RunStore
from dmdstudio.files.spectra import write_measurement
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.events import GradientChecked, Iterated
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
