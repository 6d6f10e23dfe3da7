"""The command line: what it does, what it prints where, and how it refuses."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dmdstudio.cli import main
from dmdstudio.files.iterations import iteration_values
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import Finished, GradientChecked, Iterated, Phase, Started
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.control import Control

COMMAND = [sys.executable, "-m", "dmdstudio"]
QUICK = ["--set", "sampling.equilibration_steps=20", "--set", "dynamics.steps=100"]


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


def dmdstudio(*arguments: object) -> Outcome:
    """Carry out a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(a) for a in arguments])
        except SystemExit as leaving:
            status = leaving.code
    return Outcome(int(status or 0), out.getvalue(), err.getvalue())


@pytest.fixture
def recipe(tiny_recipe) -> Path:
    """The tiny recipe's file."""
    return Path(tiny_recipe.folder) / "recipe.toml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> dict[str, Path]:
    """A run folder to copy; made by the first test that asks for one."""
    return {"home": tmp_path_factory.mktemp("finished") / "run"}


@pytest.fixture
def run(recipe, finished, tmp_path) -> Path:
    """A finished run of two iterations, the test's own."""
    home = finished["home"]
    if not home.exists():
        made = dmdstudio("run", recipe, "--run-dir", home, "--iterations", 2, *QUICK)
        assert made.status == 0, made.err
    return Path(shutil.copytree(home, tmp_path / "run"))


# -------------------------------------------------------------------------------- run, resume


def test_run_makes_a_whole_run_folder(recipe, tmp_path):
    folder = tmp_path / "runs" / "new"
    outcome = dmdstudio("run", recipe, "--run-dir", folder, "--iterations", 2, *QUICK)
    assert outcome.status == 0, outcome.err
    names = {p.name for p in folder.iterdir()}
    assert {"recipe.toml", "events.jsonl", "states", "inputs", "run.toml"} <= names
    assert "writer.json" not in names
    store = RunStore.open(folder)
    kinds = [type(event).__name__ for event in store.events()]
    without = [k for k in kinds if k != "Log"]  # 20 steps from a crystal are no equilibration
    assert without == ["Started", "Iterated", "Iterated", "Uncertainty", "Finished"]
    assert store.state_numbers()[-1] == 2
    assert store.recipe().dynamics.steps == 100  # --set is part of the run
    assert store.recipe().refinement.iterations == 2
    assert read_recipe(recipe).refinement.iterations == 3  # and the recipe stays as it was
    assert str(folder) in outcome.out and "lennard_jones.sigma" in outcome.out
    assert "Ar108, 4 replicas" in outcome.err
    assert "iteration   1" in outcome.err and "self_diffusion" in outcome.err
    # each iteration is one line, however narrow the terminal
    assert sum("loss" in line and " s" in line for line in outcome.err.splitlines()) == 2


def test_run_prints_one_document(recipe, tmp_path):
    arguments = ["run", recipe, "--run-dir", tmp_path / "run", "--iterations", 1, "--json"]
    outcome = dmdstudio(*arguments, *QUICK)
    assert outcome.status == 0, outcome.err
    result = outcome.json
    assert result["run_dir"] == str(tmp_path / "run")
    assert (result["reason"], result["iterations"], result["best_iteration"]) == ("completed", 1, 0)
    assert result["last"]["reversal_residual"] == 0.0
    assert {p["key"] for p in result["last"]["parameters"]} == {
        "lennard_jones.sigma",
        "lennard_jones.epsilon",
    }


def test_run_finds_a_folder_of_its_own(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "recipe-1").mkdir(parents=True)
    outcome = dmdstudio("run", "recipe/recipe.toml", "--iterations", 1, "--json", *QUICK)
    assert outcome.status == 0, outcome.err
    assert Path(outcome.json["run_dir"]) == Path("runs/recipe-2")


def test_a_method_without_reversal_runs_and_can_be_read_again(recipe, tmp_path):
    arguments = ["run", recipe, "--run-dir", tmp_path / "run", "--iterations", 1, "--json"]
    outcome = dmdstudio(*arguments, *QUICK, "--set", "gradient.method=backpropagation")
    assert outcome.status == 0, outcome.err
    assert outcome.json["last"]["reversal_residual"] is None
    store = RunStore.open(tmp_path / "run")
    (report,) = [e.report for e in store.events() if isinstance(e, Iterated)]
    assert report.reversal_residual is None
    assert store.warnings == []


def test_resume_of_a_finished_run_has_nothing_to_do(run):
    outcome = dmdstudio("resume", run, "--json")
    assert outcome.status == 0, outcome.err
    assert (outcome.json["reason"], outcome.json["iterations"]) == ("completed", 2)
    assert outcome.json["last"] is None


def test_resume_adds_iterations(run):
    outcome = dmdstudio("resume", run, "--iterations", 1)
    assert outcome.status == 0, outcome.err
    assert "Completed after 3 iterations" in outcome.out
    events = RunStore.open(run).events()
    assert [e.report.iteration for e in events if isinstance(e, Iterated)] == [0, 1, 2]
    assert [e.first_iteration for e in events if isinstance(e, Started)] == [0, 2]


# -------------------------------------------------------------------- evaluate, check-gradient


def test_evaluate_measures_a_recipe(recipe):
    outcome = dmdstudio("evaluate", recipe, "--replicas", 2, "--seed", 7, "--json", *QUICK)
    assert outcome.status == 0, outcome.err
    result = outcome.json
    assert (result["replicas"], result["seed"], result["iteration"]) == (2, 7, -1)
    (target,) = result["targets"]
    assert (target["unit"], target["experiment"]) == ("1e-9 m2/s", [2.36])
    assert target["value"][0] > 0 and target["error"][0] > 0
    assert result["loss"] == pytest.approx(target["loss"])
    again = dmdstudio("evaluate", recipe, "--replicas", 2, "--seed", 7, "--json", *QUICK)
    assert again.json["targets"] == result["targets"]


@pytest.mark.parametrize(("which", "number"), [("last", 1), ("1", 1), ("0", 0), ("best", None)])
def test_evaluate_measures_an_iteration_of_a_run(run, which, number):
    outcome = dmdstudio("evaluate", run, "--iteration", which, "--replicas", 2, "--json")
    assert outcome.status == 0, outcome.err
    result = outcome.json
    assert result["iteration"] in ((0, 1) if number is None else (number,))
    reports = [e.report for e in RunStore.open(run).events() if isinstance(e, Iterated)]
    stored = {p.key: p.value for p in reports[result["iteration"]].parameters}
    assert {p["key"]: p["value"] for p in result["parameters"]} == pytest.approx(stored, rel=1e-14)


def test_evaluate_prints_a_table(run):
    # without --seed it is the recipe's plus one
    outcome = dmdstudio("evaluate", run, "--iteration", "last", "--replicas", 2)
    assert outcome.status == 0, outcome.err
    for words in ("iteration 1", "2 replicas, seed 2", "±", "2.36", "10⁻⁹ m²/s", "kJ/mol", "loss"):
        assert words in outcome.out


FEW = ["sampling.equilibration_steps=20", "dynamics.steps=20", "target.window=0.02"]


def test_check_gradient_compares_three_methods(recipe, monkeypatch):
    arguments = ["check-gradient", recipe, "--replicas", 2, *(f"--set={text}" for text in FEW)]
    outcome = dmdstudio(*arguments, "--json")
    assert outcome.status == 0, outcome.err
    result = outcome.json
    assert result["precision"] == "float64" and result["reversal_residual"] == 0.0
    assert [row["key"] for row in result["rows"]] == [
        "lennard_jones.sigma",
        "lennard_jones.epsilon",
    ]
    for row in result["rows"]:
        assert row["errors"]["reversible_adjoint"] < 1e-10
        assert row["errors"]["finite_difference"] < 1e-5
    checked = msgspec.convert(result, GradientChecked)
    monkeypatch.setattr("dmdstudio.service.loop.check_gradient", lambda *_: iter([checked]))
    printed = dmdstudio(*arguments).out
    assert "the very same bits" in printed and "finite difference: off by" in printed
    checked = msgspec.structs.replace(checked, reversal_residual=None)
    assert "nothing was reversed" in dmdstudio(*arguments).out


# ---------------------------------------------------------------------------------- the rest


@pytest.mark.parametrize("name", ["lammps", "openmm", "ase"])
def test_export_writes_every_format(run, tmp_path, name):
    formats = {e["name"] for e in dmdstudio("catalog", "--json").json["entries"]}
    assert name in formats
    outcome = dmdstudio("export", run, "--format", name, "--output", tmp_path / "out", "--json")
    assert outcome.status == 0, outcome.err
    files = [Path(f) for f in outcome.json["files"]]
    assert files and all(f.is_file() and f.stat().st_size for f in files)
    certificate = outcome.json["certificate"]
    assert certificate is None if name == "ase" else certificate["verdict"] != "differs"
    plain = dmdstudio(
        "export", run, "--format", name, "--output", tmp_path / "again", "--iteration", "last",
        "--no-certify",
    )  # fmt: skip
    assert plain.status == 0, plain.err
    names = [f.name for f in files if ".certificate." not in f.name]
    assert [Path(line).name for line in plain.out.split("\n") if line] == names


def test_catalog_lists_what_is_registered():
    entries = dmdstudio("catalog", "--json").json["entries"]
    names = {(e["section"], e["name"]) for e in entries}
    assert ("potential", "lennard_jones") in names
    assert ("observable", "self_diffusion") in names
    assert ("gradient", "reversible_adjoint") in names
    for entry in entries:
        assert entry["label"] and entry["doc"]
        assert all(f["doc"] and f["label"] for f in (*entry["fields"], *entry["parameters"]))
    text = dmdstudio("catalog").out
    assert all(e["name"] in text for e in entries)
    assert "sigma [angstrom]" in text


def test_doctor_says_what_is_there():
    outcome = dmdstudio("doctor", "--json")
    assert outcome.status == 0, outcome.err
    found = outcome.json
    assert {"dmdstudio", "python", "memory", "jax", "devices", "Qt", "cache"} <= set(found)
    assert not [value for value in found.values() if value.startswith("broken")]
    assert "jax" in dmdstudio("doctor").out


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["run", "--help"]])
def test_help_and_version_go_to_standard_output(arguments):
    outcome = dmdstudio(*arguments)
    assert outcome.status == 0
    assert outcome.out and not outcome.err


# ---------------------------------------------------------------------------------- refusals


def _refused(outcome: Outcome, *words: str, status: int = 2) -> None:
    assert outcome.status == status
    assert outcome.err.startswith("dmdstudio") and outcome.err.count("\n") == 1, outcome.err
    assert "Traceback" not in outcome.err
    assert len(outcome.err) < 600
    assert outcome.err.rstrip().endswith((".", "?", "--help.")), outcome.err
    assert all(word in outcome.err for word in words), outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fly"], ("fly", "--help")),
        (["run"], ("RECIPE",)),
        (["run", "recipe.toml", "--iterations", "0"], ("0 is not 1 or more",)),
        (["run", "recipe.toml", "--iterations", "many"], ("'many' is not a whole number",)),
        (["run", "recipe.toml", "--device", "abacus"], ("abacus", "cpu")),
        (["run", "recipe.toml", "--nonsense"], ("--nonsense",)),
        (["evaluate", "recipe.toml", "--iteration", "worst"], ("worst", "best")),
        (["evaluate", "recipe.toml", "--iteration", "²"], ("²", "best")),
        (["evaluate", "recipe.toml", "--seed", "x"], ("'x' is not a whole number",)),
        (["evaluate", "recipe.toml", "--replicas", "-1"], ("-1",)),
        (["export", "run"], ("--format", "--output")),
        (["run", "absent.toml"], ("absent.toml",)),
        (["run", "empty"], ("empty", "recipe")),
        (["run", "rubbish.toml"], ("rubbish.toml", "TOML", "line 1")),
        (["run", "binary.toml"], ("binary.toml", "not text")),
        (["run", "recipe.toml", "--set", "nonsense"], ("'nonsense'", "section.field=value")),
        (["run", "recipe.toml", "--set", "samplin.replicas=4"], ("samplin", "'sampling'")),
        (["run", "recipe.toml", "--set", "sampling.replicas=one"], ("sampling.replicas", "one")),
        (["run", "recipe.toml", "--set", "potential.kind=magic"], ("potential", "magic")),
        (["run", "recipe.toml", "--set", "target.data=gone.csv"], ("gone.csv",)),
        (["run", "recipe.toml", "--run-dir", "full"], ("full", "not empty")),
        (["run", "recipe.toml", "--run-dir", "rubbish.toml"], ("rubbish.toml", "not a folder")),
        (["run", "recipe.toml", "--run-dir", "rubbish.toml/x"], ("rubbish.toml",)),
        (["resume", "absent"], ("absent", "no run folder")),
        (["resume", "full"], ("full", "not a run folder")),
        (["resume", "rubbish.toml"], ("rubbish.toml",)),
        (["evaluate", "absent"], ("absent",)),
        (["evaluate", "full"], ("full",)),
        (["evaluate", "recipe.toml", "--replicas", "1"], ("at least 2 replicas",)),
        (["evaluate", "recipe.toml", "--iteration", "2"], ("no iterations", "Name a run")),
        (["evaluate", "recipe.toml", "--seed", "-1"], ("-1", "2^32")),
        (["check-gradient", "recipe.toml", "--replicas", "1"], ("at least 2 replicas",)),
        (["check-gradient", "absent.toml"], ("absent.toml",)),
        (["export", "absent", "--format", "lammps", "--output", "x"], ("absent",)),
    ],
    ids=" ".join,
)
def test_bad_input_is_refused_in_one_sentence(recipe, monkeypatch, arguments, words):
    monkeypatch.chdir(recipe.parent)
    Path("full").mkdir()
    Path("full", "file").write_text("mine")
    Path("empty").mkdir()
    Path("rubbish.toml").write_text("what is this")
    Path("binary.toml").write_bytes(bytes(range(256)))
    before = sorted(Path().rglob("*"))
    _refused(dmdstudio(*arguments), *words)
    assert sorted(Path().rglob("*")) == before  # nothing is left behind


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "run", "--iteration", "9"], ("no iteration 9", "0 to 1")),
        (["export", "run", "--format", "charmm", "--output", "x"], ("charmm", "lammps")),
        (["export", "run", "--format", "lammps", "--output", "file/x"], ("file",)),
        (["export", "run", "--format", "lammps", "--output", "o", "--iteration", "9"], ("9",)),
        (["run", "recipe/recipe.toml", "--run-dir", "run"], ("run", "holds a run already")),
    ],
    ids=" ".join,
)
def test_bad_requests_to_a_run_are_refused(run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    _refused(dmdstudio(*arguments), *words)


def test_a_run_in_use_is_refused_and_can_still_be_read(run):
    with RunStore.open(run, write=True):
        _refused(dmdstudio("resume", run), "in use", str(os.getpid()))
        assert dmdstudio("evaluate", run, "--replicas", 2, "--json").status == 0
    assert dmdstudio("resume", run).status == 0


def test_a_run_without_an_iteration_is_refused(run, tmp_path):
    (run / "events.jsonl").write_text("")
    _refused(dmdstudio("evaluate", run), "no finished iteration")
    _refused(dmdstudio("export", run, "--format", "ase", "--output", tmp_path / "x"), "iteration")


def test_a_damaged_run_is_refused(run):
    (run / "run.toml").write_text("format = 99\n")
    _refused(dmdstudio("resume", run), "format 99", "Update")
    (run / "run.toml").write_text("format =\n")
    _refused(dmdstudio("evaluate", run), "run.toml", "damaged")


def test_a_run_whose_states_are_gone_is_refused(run):
    shutil.rmtree(run / "states")
    _refused(dmdstudio("resume", run), "no state")


def test_errors_are_one_document_too(tmp_path):
    outcome = dmdstudio("evaluate", tmp_path / "absent.toml", "--json")
    assert outcome.status == 2
    assert "absent.toml" in outcome.json["error"] and outcome.json["advice"]
    _refused(outcome, "absent.toml")


def test_physics_has_a_status_of_its_own(recipe):
    outcome = dmdstudio("evaluate", recipe, "--set", "target.window=9")
    _refused(outcome, "9 ps", "dynamics.steps", status=3)


def test_a_gpu_that_is_not_there_is_refused(recipe):
    import jax

    with contextlib.suppress(RuntimeError):
        jax.devices("gpu")
        pytest.skip("there is one")
    outcome = dmdstudio("evaluate", recipe, "--device", "gpu")
    _refused(outcome, "gpu", "cuda", "auto", status=4)


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="root may write anywhere")
def test_an_output_that_may_not_be_written_is_refused(run, tmp_path):
    (tmp_path / "shut").mkdir(mode=0o500)
    arguments = ["--format", "lammps", "--output", tmp_path / "shut" / "x.lmp"]
    _refused(dmdstudio("export", run, *arguments), "shut")


def test_the_potential_of_a_run_is_imported_as_part_of_a_recipe(run, tmp_path):
    store = RunStore.open(run)
    structure = store.recipe().path(store.recipe().system.structure)
    part = tmp_path / "part.toml"
    told = dmdstudio("import-potential", run, "--structure", structure, "--output", part)
    assert told.status == 0 and told.out.startswith(f"{part}: lennard jones"), told.err
    (term,) = tomllib.loads(part.read_text())["potential"]
    values = {p["name"]: p["value"] for p in term["parameter"]}
    _, refined = iteration_values(store.events(), "best")
    assert sorted(values.values()) == sorted(refined.values())
    out = dmdstudio("import-potential", run, "--structure", structure, "--json").json
    assert out["potential"] == [term] and out["file"] is None


def test_a_disk_that_refuses_is_one_sentence_too(run, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(run / "states" / "000003.h5"))

    monkeypatch.setattr("dmdstudio.files.run_store.write_state_file", refuse)
    outcome = dmdstudio("resume", run, "--iterations", 1)
    complaint = outcome.err.splitlines(keepends=True)[-1]  # after the iteration it could not keep
    _refused(Outcome(outcome.status, "", complaint), "000003.h5", "No space left")
    assert "Traceback" not in outcome.err


# --------------------------------------------------------------------------- as a process


def _process(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        **options,
    )


def test_json_is_alone_on_the_standard_output_of_the_process(run):
    process = _process("evaluate", run, "--replicas", 2, "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["replicas"] == 2
    assert "\x1b" not in out + err  # no colours where nobody looks


def test_the_process_says_no_without_loading_the_engine(tmp_path):
    began = time.monotonic()
    process = _process(
        "run", tmp_path / "absent.toml", env={**os.environ, "PYTHONWARNINGS": "error"}
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.count("\n") == 1 and "absent.toml" in err
    assert time.monotonic() - began < 20


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_interrupting_stops_after_the_piece_in_hand(recipe, tmp_path):
    folder = tmp_path / "run"
    process = _process("run", recipe, "--run-dir", folder, "--iterations", 100_000, *QUICK)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        states = folder / "states"
        if states.is_dir() and any(p.stem >= "000001" for p in states.glob("*.h5")):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Stopped after" in out and f"dmdstudio resume {folder}" in out
    assert "Traceback" not in err
    store = RunStore.open(folder)
    last = store.events()[-1]
    assert isinstance(last, Finished) and last.reason == "stopped"
    assert store.read_state()[0] == last.iterations >= 1
    resumed = dmdstudio("resume", folder, "--iterations", 1, "--json")
    assert resumed.json["iterations"] == last.iterations + 1


def test_stopping_a_gradient_check_is_no_crash(recipe):
    """A stop that comes while the finite differences are taken."""
    control = Control()
    plan = with_settings(read_recipe(recipe), FEW)
    event = None
    for event in loop.check_gradient(plan, control, 2):
        if isinstance(event, Phase) and event.detail == "finite_difference":
            control.stop()
    assert isinstance(event, Finished) and event.reason == "stopped"
