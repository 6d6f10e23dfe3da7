"""Whole arrays of parameters, from a file through a refinement and out again: a small network."""

from __future__ import annotations

import itertools
import runpy
import shutil

import msgspec
import numpy as np
import pytest

import dmdstudio
from dmdstudio.base.errors import FileError, PhysicsError, RecipeError, RunError
from dmdstudio.engine.networks import random_network
from dmdstudio.files.iterations import iteration_values
from dmdstudio.files.potentials import read_parameters
from dmdstudio.files.potentials.eann import eann_bytes
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.events import Evaluated, GradientChecked, Iterated, Log
from dmdstudio.plan.recipe import PotentialPlan, read_recipe, recipe_to_toml
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.export import export_run

SETTINGS = {"cutoff": 5.0, "elements": "Ar Ne"}
FREE = (
    "optimizer.learning_rate=0.03",
    "optimizer.final_learning_rate=0.02",
    "sampling.effective_sample_fraction=0.0",  # the same starts throughout: a smooth loss
    "sampling.reuse_limit=100",
    "sampling.replicas=4",
    "dynamics.steps=40",
    "dynamics.timestep=4.0",
    "target.window=0.1",
    "potential.lennard_jones.parameter.sigma.free=false",
    "refinement.iterations=4",
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, make_tiny_recipe):
    """Argon with a network of two elements on top of Lennard-Jones, a hundred numbers or so."""
    folder = tmp_path_factory.mktemp("arrays") / "recipe"
    recipe = make_tiny_recipe(folder)
    numbers = random_network(2, radials=4, widths=(5,), cutoff=5.0, seed=2, energy=0.003)
    content = eann_bytes(ParameterArrays("eann", numbers, SETTINGS, ("At random.",)))
    (folder / "network.npz").write_bytes(content)
    network = PotentialPlan(
        kind="eann", options={"file": "network.npz", "fixed": "output_bias atom_energy"}
    )
    terms = (*recipe.potential, network)
    recipe = with_settings(msgspec.structs.replace(recipe, potential=terms), FREE)
    (folder / "recipe.toml").write_text(recipe_to_toml(recipe))
    return read_recipe(folder / "recipe.toml")


@pytest.fixture(scope="module")
def run(recipe, tmp_path_factory):
    """The finished run, and its events."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return folder, list(loop.refine(recipe, folder, Control()))


def _reports(events):
    return [event.report for event in events if isinstance(event, Iterated)]


def test_the_loss_falls(run):
    losses = [report.loss for report in _reports(run[1])]
    assert len(losses) == 4
    assert all(b < a for a, b in itertools.pairwise(losses)), losses
    assert [report.reversal_residual for report in _reports(run[1])] == [0.0] * 4


def test_an_array_is_one_line_of_a_report(run):
    first, *_, last = _reports(run[1])
    by_key = {p.key: p for p in last.parameters}
    weight = by_key["eann.layer1_weight"]
    assert weight.numbers == 2 * 12 * 5 and weight.unit == ""
    given = random_network(2, radials=4, widths=(5,), cutoff=5.0, seed=2, energy=0.003)
    began = {p.key: p.value for p in first.parameters}
    for key, value in given.items():
        size = np.sqrt(np.mean(value**2)) if value.size > 1 else value[0]
        assert began[f"eann.{key}"] == pytest.approx(size, rel=1e-12)
    assert weight.gradient > 0.0 and weight.gradient_error > 0.0
    assert abs(weight.thermodynamic) > 0.0
    assert not by_key["eann.atom_energy"].free and by_key["eann.atom_energy"].gradient is None
    assert by_key["eann.radial_exponent"].unit == "1/angstrom2"
    assert len(last.parameters) == len(given) + 2  # and sigma and epsilon
    assert len(msgspec.json.encode(last)) < 20_000


def test_what_is_fixed_stays_and_what_is_free_moves(run):
    folder, _ = run
    began, ended = (
        read_parameters("eann", folder / RunStore.open(folder).refined(n)["eann"]).arrays
        for n in (0, 4)
    )
    for key in ("output_bias", "atom_energy"):
        assert np.array_equal(began[key], ended[key])
    for key in ("layer1_weight", "radial_centre", "output_weight"):
        assert np.all(began[key][0] != ended[key][0])
        assert np.allclose(began[key][1], ended[key][1], rtol=1e-14, atol=0)  # there is no neon


def test_uncertainty_is_left_out_with_a_reason(run):
    said = [e.text for e in run[1] if isinstance(e, Log)]
    assert any("uncertainty is not measured" in text and "eann." in text for text in said)


def test_stopping_and_going_on_changes_nothing(recipe, run, tmp_path):
    control = Control()
    for event in loop.refine(recipe, tmp_path / "parts", control):
        if isinstance(event, Iterated) and event.report.iteration == 1:
            control.stop()
    list(loop.resume(tmp_path / "parts", None, Control()))
    (_, whole), (_, parts) = (RunStore.open(p).read_state() for p in (run[0], tmp_path / "parts"))
    assert whole.keys() == parts.keys()
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)
    assert whole["parameters"].size > 100
    last = [p / "refined" / "000004-eann.npz" for p in (run[0], tmp_path / "parts")]
    assert last[0].read_bytes() == last[1].read_bytes()


def test_the_run_stands_alone(recipe, run, tmp_path):
    """A copy of the run, without the recipe's folder, can be read and evaluated."""
    copy = tmp_path / "copy"
    shutil.copytree(run[0], copy)
    moved, iteration = loop.recipe_at(copy, 2)
    assert iteration == 2 and moved.potential[1].options["file"] == "refined/000002-eann.npz"
    problem, _ = build(moved)
    state = RunStore.open(copy).read_state(2)[1]
    assert np.array_equal(problem.initial, state["parameters"])


def test_a_network_on_top_of_another_term_is_not_the_whole_potential(run, tmp_path):
    with pytest.raises(FileError, match="cannot write a term of kind 'lennard_jones'"):
        export_run(run[0], "eann", tmp_path / "out.npz")


def test_exported_arrays_are_those_of_the_run(recipe, tmp_path):
    """A network alone, one iteration: out of the run, and into a recipe again."""
    alone = msgspec.structs.replace(recipe, potential=recipe.potential[1:])
    alone = with_settings(alone, ["refinement.iterations=2", "dynamics.steps=20"])
    alone = with_settings(alone, ["target.window=0.05"])
    events = list(loop.refine(alone, tmp_path / "run", Control()))
    number, values = iteration_values(_all_events(tmp_path / "run"), "last")
    assert number == 1 and values == {}
    parameters = RunStore.open(tmp_path / "run").read_state(1)[1]["parameters"]
    for name, path in (("eann", "out.npz"), ("dmff", "out.pickle")):
        main, *_ = export_run(tmp_path / "run", name, tmp_path / path, "last")
        again = with_settings(alone, [f"potential.eann.file={main}"])
        again = with_settings(again, ["potential.eann.cutoff=5.0", "potential.eann.elements=Ar Ne"])
        assert np.allclose(build(again)[0].initial, parameters, rtol=1e-15, atol=0)
    about = read_parameters("eann", tmp_path / "out.npz").about
    assert any("eann.layer1_weight (root mean square of 120)" in line for line in about)
    assert any("iteration 1" in line for line in about)
    assert _reports(events)[0].parameters[0].key.startswith("eann.")
    calculator = dmdstudio.load_calculator(tmp_path / "run", "last")
    script, _, beside = export_run(tmp_path / "run", "ase", tmp_path / "it.py", "last")
    assert beside.name == "it_1.npz"
    other = runpy.run_path(str(script))["calculator"]()
    expected = read_parameters("eann", tmp_path / "out.npz").arrays
    for found in (calculator.terms[0]["arrays"], other.terms[0]["arrays"]):
        assert all(np.array_equal(found[key], expected[key]) for key in expected)


def _all_events(folder):
    return RunStore.open(folder).events()


@pytest.mark.parametrize("format_name", ["lammps", "openmm"])
def test_engines_without_networks_refuse(run, tmp_path, format_name):
    with pytest.raises(FileError, match="cannot write a term of kind 'eann'"):
        export_run(run[0], format_name, tmp_path / "out")


def test_an_iteration_without_arrays_is_missed(run, tmp_path):
    shutil.copytree(run[0], tmp_path / "lost")
    (tmp_path / "lost" / "refined" / "000001-eann.npz").unlink()
    with pytest.raises(RunError, match="no refined arrays of iteration 1"):
        loop.recipe_at(tmp_path / "lost", 1)


FEW = ["dynamics.steps=20", "target.window=0.05"]


def test_evaluate(recipe):
    *_, evaluated = loop.evaluate(with_settings(recipe, FEW), Control(), replicas=2)
    assert isinstance(evaluated, Evaluated)
    assert any(p.numbers == 120 for p in evaluated.parameters)


@pytest.mark.slow  # plain backpropagation takes long to compile
def test_check_the_gradient(recipe):
    """An array is checked along its gradient, and its gradients by their whole length."""
    *_, checked = loop.check_gradient(with_settings(recipe, FEW), Control(), replicas=2)
    assert isinstance(checked, GradientChecked)
    assert checked.reversal_residual == 0.0
    rows = {row.key: row for row in checked.rows}
    assert "eann.layer1_weight" in rows and "eann.atom_energy" not in rows
    for row in checked.rows:
        assert row.errors["reversible_adjoint"] < 1e-6, row
        assert row.errors["finite_difference"] < 1e-3, row


# --------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["optimizer.kind=gauss_newton"], ("gauss_newton", "are free", "adam")),
        (["gradient.method=finite_difference"], ("finite_difference", "are free", "adjoint")),
        (["potential.eann.cutoff=4.0"], ("cutoff = 4.0", "says 5.0")),
        (["potential.eann.elements=Ne Ar"], ("elements", "'Ar Ne'")),
        (["potential.eann.fixed=layer9_*"], ("layer9_*", "layer1_weight")),
        (["potential.eann.file=argon-108.extxyz"], ("NumPy archive", "pickle")),
        (["potential.eann.file=missing.npz"], ("no parameter file", "missing.npz")),
    ],
)
def test_what_makes_no_sense_is_refused(recipe, settings, words):
    with pytest.raises((RecipeError, FileError)) as caught:
        build(with_settings(recipe, settings))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_standard_errors_are_refused_in_advance(recipe):
    with pytest.raises(RecipeError, match="are free, such as those of eann"):
        list(loop.evaluate(recipe, Control(), uncertainty=True))


def test_a_network_of_other_elements_is_refused(recipe, tmp_path):
    numbers = random_network(1, radials=4, widths=(5,), cutoff=5.0, seed=2)
    wrong = {
        "other": (numbers, {"cutoff": 5.0, "elements": "Ne"}, "knows only Ne"),
        "wide": (numbers, {"cutoff": 9.0, "elements": "Ar"}, "cutoff of 9 angstrom"),
        "more": (numbers, {"cutoff": 5.0, "elements": "Ar Ne"}, "networks of 1 elements"),
        "silent": (numbers, {"elements": "Ar"}, "does not say its cutoff"),
        "odd": (numbers, {"cutoff": "far", "elements": "Ar"}, "says something else"),
        "shape": ({**numbers, "output_bias": np.zeros(3)}, {**SETTINGS}, "output_bias"),
        "less": ({"a": np.zeros(3)}, {**SETTINGS}, "no EANN network"),
    }
    for name, (arrays, settings, words) in wrong.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(eann_bytes(ParameterArrays("eann", arrays, settings)))
        with pytest.raises((RecipeError, FileError, PhysicsError)) as caught:
            build(with_settings(recipe, [f"potential.eann.file={path}"]))
        assert words in str(caught.value), (name, str(caught.value))


def test_a_network_knows_atoms_by_their_elements_whatever_their_types(recipe):
    plain, _ = build(recipe)
    named, _ = build(with_settings(recipe, ["system.types=Alone = Ar()"]))
    assert named.system.type_names == ("Alone",)
    one, two = (dict(problem.field.terms)["eann"] for problem in (plain, named))
    assert np.array_equal(one.species, two.species)


def test_fixed_arrays_leave_gauss_newton_its_few_parameters(recipe):
    few = ["potential.eann.fixed=*", "optimizer.kind=gauss_newton"]
    problem, _ = build(with_settings(recipe, few))
    assert len(problem.initial) == 2 and not problem.arrays
