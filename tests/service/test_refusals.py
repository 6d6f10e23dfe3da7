"""What cannot be refined is refused before it costs time, and the sentence says what to do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import DmdError, FileError, PhysicsError, RecipeError, UnitError
from dmdstudio.files.structures import read_structure, write_structure
from dmdstudio.plan.recipe import Recipe, recipe_from_table, recipe_to_table
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control


def _refused(recipe: Recipe, kind: type[DmdError], *words: str) -> None:
    with pytest.raises(kind) as caught:
        build(recipe)
    _says(caught.value, words)


def _says(error: DmdError, words: tuple[str, ...]) -> None:
    assert error.message.endswith(".") and "\n" not in str(error)
    assert all(word in str(error) for word in words), str(error)


# ------------------------------------------------------------------------ names and settings


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("potential.kind=lennard_jonse", ("potential", "lennard_jonse", "'lennard_jones'")),
        ("target.observable=self_difusion", ("observable", "self_difusion", "'self_diffusion'")),
        ("gradient.method=adjont", ("gradient method", "adjont", "reversible_adjoint")),
        ("optimizer.kind=adma", ("optimizer.kind", "adma", "adam", "sgd")),
        ("potential.cutof=7", ("lennard_jones", "cutof", "'cutoff'")),
        ("potential.cutoff=-7", ("lennard_jones.cutoff", "-7", "above 0", "angstrom")),
        ("potential.cutoff=wide", ("lennard_jones.cutoff", "wide", "a number")),
        ("potential.mixing=harmonic", ("lennard_jones.mixing", "harmonic", "geometric")),
        ("potential.switch_start=7.5", ("switch_start", "7.5", "below the cutoff")),
        ("target.windw=1", ("self_diffusion", "windw", "'window'")),
        ("target.window=0", ("self_diffusion.window", "above 0", "ps")),
        ("gradient.steps=1", ("gradient", "steps")),
        ("potential.parameter.0.name=sigmo", ("lennard_jones", "sigmo", "'sigma'")),
        ("potential.parameter.0.of=Kr", ("lennard_jones.sigma[Kr]", "'Kr'", "Ar")),
        ("potential.parameter.0.unit=kJ/mol", ("sigma", "kJ/mol", "energy", "length", "angstrom")),
        ("potential.parameter.1.unit=nm", ("epsilon", "nm", "length", "energy", "kJ/mol")),
        ("potential.parameter.0.unit=furlong", ("furlong", "unknown", "angstrom")),
        ("system.replicate=[1000, 1000, 1000]", ("system.replicate", "108000000000 atoms")),
    ],
)
def test_what_does_not_exist_is_named(tiny_recipe, setting, words):
    with pytest.raises((RecipeError, UnitError)) as caught:
        build(with_settings(tiny_recipe, [setting]))
    _says(caught.value, words)


def _parameters(recipe: Recipe, change) -> Recipe:
    table = recipe_to_table(recipe)
    change(table["potential"][0]["parameter"])
    return recipe_from_table(table, recipe.folder)


def test_a_parameter_that_is_missing_is_named(tiny_recipe):
    recipe = _parameters(tiny_recipe, lambda p: p.pop(1))
    _refused(recipe, RecipeError, "lennard_jones", "'epsilon'", "Ar", "[[potential.parameter]]")


def test_a_parameter_for_all_and_for_one_is_refused(tiny_recipe):
    recipe = _parameters(tiny_recipe, lambda p: p.append({**p[0], "of": "Ar"}))
    _refused(recipe, RecipeError, "lennard_jones.sigma[Ar]", "twice")


def test_a_value_that_physics_forbids_is_refused(tiny_recipe):
    recipe = _parameters(tiny_recipe, lambda p: p[0].update(value=-3.0, lower=-4.0))
    _refused(recipe, RecipeError, "lennard_jones.sigma", "-3", "0.0")


def test_nothing_free_is_refused(tiny_recipe):
    recipe = _parameters(tiny_recipe, lambda p: [q.update(free=False) for q in p])
    _refused(recipe, RecipeError, "No parameter is free")


def test_a_draft_without_a_potential_is_refused(tiny_recipe):
    draft = msgspec.structs.replace(tiny_recipe, potential=())
    _refused(draft, RecipeError, "no potential", "[[potential]]")


def test_nothing_to_match_is_refused(tiny_recipe):
    without = msgspec.structs.replace(tiny_recipe, target=())
    _refused(without, RecipeError, "no target", "[[target]]")
    target = msgspec.structs.replace(tiny_recipe.target[0], data="")
    unmeasured = msgspec.structs.replace(tiny_recipe, target=(target,))
    _refused(unmeasured, RecipeError, "No target", "data")
    weightless = with_settings(tiny_recipe, ["target.weight=0"])
    _refused(weightless, RecipeError, "No target", "weight")


def test_measuring_needs_neither(tiny_recipe):
    recipe = _parameters(tiny_recipe, lambda p: [q.update(free=False) for q in p])
    target = msgspec.structs.replace(recipe.target[0], data="")
    *_, found = loop.evaluate(msgspec.structs.replace(recipe, target=(target,)), Control())
    (report,) = found.targets
    assert report.value[0] > 0 and report.error[0] > 0 and found.loss == 0.0


def test_one_replica_has_no_error_bar(tiny_recipe):
    with pytest.raises(RecipeError, match="at least 2 replicas"):
        build(tiny_recipe, replicas=1)


# ------------------------------------------------------------------------- cell and trajectory


def test_a_cutoff_beyond_half_the_cell_names_the_copies_needed(tiny_recipe):
    recipe = with_settings(tiny_recipe, ["potential.cutoff=10", "potential.switch_start=9"])
    _refused(recipe, PhysicsError, "cutoff of 10", "17.340", "system.replicate", "2 copies", "8.67")
    wider = with_settings(tiny_recipe, ["potential.cutoff=18", "potential.switch_start=17"])
    _refused(wider, PhysicsError, "3 copies")
    build(with_settings(recipe, ["system.replicate=[2, 2, 2]"]))


def test_a_window_longer_than_the_trajectory_is_refused(tiny_recipe):
    recipe = with_settings(tiny_recipe, ["target.window=0.3"])
    _refused(recipe, PhysicsError, "0.3 ps", "0.2 ps long", "dynamics.steps")
    build(with_settings(tiny_recipe, ["target.window=0.2"]))


def test_a_window_shorter_than_a_frame_is_refused(tiny_recipe):
    recipe = with_settings(tiny_recipe, ["target.window=0.001"])
    _refused(recipe, PhysicsError, "0.001 ps", "0.01 ps apart", "dynamics.record_every")


# ------------------------------------------------------------------------------------- files


def _data(recipe: Recipe, text: str) -> Recipe:
    (Path(recipe.folder) / "other.csv").write_text(text)
    return with_settings(recipe, ["target.data=other.csv"])


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (
            "# quantity: density\ndensity [g/cm3]\n1.374\n",
            RecipeError,
            ("self_diffusion", "other.csv", "density"),
        ),
        (
            "# quantity: self_diffusion\nself_diffusion [g/cm3]\n2.36\n",
            UnitError,
            ("other.csv", "g/cm3", "density", "diffusion", "m2/s"),
        ),
        (
            "# quantity: self_diffusion\nself_diffusion [parsec]\n2.36\n",
            FileError,
            ("other.csv", "parsec"),
        ),
        (
            "# quantity: self_diffusion\ntime [ps], self_diffusion [m2/s]\n1,2\n2,3\n",
            FileError,
            ("other.csv", "2 points", "single number"),
        ),
        ("", FileError, ("other.csv", "empty")),
        (
            "# quantity: self_diffusion\nself_diffusion [m2/s]\nmuch\n",
            FileError,
            ("other.csv", "much", "3"),
        ),
    ],
    ids=["another quantity", "another dimension", "no unit", "a curve", "empty", "no number"],
)
def test_data_that_do_not_fit_are_refused(tiny_recipe, text, kind, words):
    _refused(_data(tiny_recipe, text), kind, *words)


def test_data_in_another_unit_are_converted(tiny_recipe):
    text = "# quantity: self_diffusion\nself_diffusion [cm2/s]\n2.36e-5\n"
    problem, _ = build(_data(tiny_recipe, text))
    assert problem.targets[0].experiment == pytest.approx([2.36], rel=1e-12)


@pytest.mark.parametrize("setting", ["target.data=absent.csv", "system.structure=absent.xyz"])
def test_files_that_are_missing_are_named(tiny_recipe, setting):
    _refused(with_settings(tiny_recipe, [setting]), FileError, "absent")


# ----------------------------------------------------------------------------------- dynamics


def _measured(recipe: Recipe) -> None:
    for _ in loop.evaluate(recipe, Control()):
        pass


@pytest.mark.parametrize("distance", [0.0, 0.05])
def test_atoms_on_top_of_each_other_are_refused(tiny_recipe, distance):
    path = tiny_recipe.path(tiny_recipe.system.structure)
    structure = read_structure(path)
    positions = np.array(structure.positions)
    positions[1] = positions[0] + [distance, 0.0, 0.0]
    moved = type(structure)(structure.symbols, positions, structure.cell, structure.masses)
    write_structure(moved, path)
    recipe = with_settings(tiny_recipe, ["sampling.equilibration_steps=20"])
    with pytest.raises(PhysicsError) as caught:
        _measured(recipe)
    _says(caught.value, ("overlap",))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["dynamics.timestep=1000", "target.window=100"], ("dynamics.timestep", "1000 fs")),
        (["sampling.timestep=1000"], ("sampling.timestep", "1000 fs")),
    ],
    ids=["dynamics", "sampling"],
)
def test_an_absurd_time_step_is_refused(tiny_recipe, settings, words):
    settings = ["sampling.equilibration_steps=20", *settings]
    with pytest.raises(PhysicsError) as caught:
        _measured(with_settings(tiny_recipe, settings))
    _says(caught.value, words)


def test_a_run_that_goes_wrong_keeps_its_folder_and_says_why(tiny_recipe, tmp_path):
    from dmdstudio.files.run_store import RunStore
    from dmdstudio.plan.events import Failed

    recipe = with_settings(tiny_recipe, ["dynamics.timestep=1000", "target.window=100"])
    with pytest.raises(PhysicsError) as caught:
        list(loop.refine(recipe, tmp_path / "run", Control()))
    store = RunStore.open(tmp_path / "run", write=True)  # the lock is free again
    last = store.events()[-1]
    assert isinstance(last, Failed)
    assert (last.message, last.advice) == (caught.value.message, caught.value.advice)
    assert store.read_state()[0] == 0
    store.release()


def test_a_recipe_that_cannot_be_built_leaves_no_folder(tiny_recipe, tmp_path):
    recipe = with_settings(tiny_recipe, ["potential.kind=morse_code"])
    with pytest.raises(RecipeError):
        list(loop.refine(recipe, tmp_path / "run", Control()))
    assert not (tmp_path / "run").exists()


def test_starts_that_are_too_cold_are_named(tiny_recipe):
    problem, _ = build(tiny_recipe)
    wanted = tiny_recipe.sampling.temperature
    for temperature, missed, words in (
        (0.8 * wanted, 0.0, ["raise sampling.equilibration_steps"]),
        (wanted, 3.0, ["missed its start by 3 lattice units"]),
        (wanted, 1e8, ["set gradient.anchor_every"]),
        (1.02 * wanted, 0.0, []),
    ):
        report = SimpleNamespace(temperature=temperature, reversal_residual=missed)
        said = [event.text for event in loop._warnings(problem, report)]
        assert len(said) == len(words)
        assert all(word in text for word, text in zip(words, said, strict=True))
