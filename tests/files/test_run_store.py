"""Runs on disk: round trips, damage, kills and locks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dmdstudio.base.errors import FileError, RunError
from dmdstudio.files.run_store import RunStore, iteration_values
from dmdstudio.files.run_writer import writer_of
from dmdstudio.plan.events import Iterated, Log, ParameterReport, StepReport
from dmdstudio.plan.recipe import Recipe, parse_recipe, recipe_to_toml

RECIPE = """
title = "argon"
[system]
structure = "argon.xyz"
[[potential]]
kind = "lennard_jones"
cutoff = 10.0
[[potential.parameter]]
name = "sigma"
of = "Ar"
value = 3.38
unit = "angstrom"
[sampling]
temperature = 94.4
[[target]]
observable = "self_diffusion"
data = "data/argon.csv"
[[target]]
observable = "density"
data = "other/ARGON.csv"
[[target]]
observable = "watched"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    source = tmp_path / "source"
    for name in ("argon.xyz", "data/argon.csv", "other/ARGON.csv"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"content of {name}")
    return parse_recipe(RECIPE, folder=source)


@pytest.fixture
def store(tmp_path: Path, recipe: Recipe):
    with RunStore.create(tmp_path / "run", recipe) as store:
        yield store


def iterated(iteration: int, loss: float, sigma: float = 3.4) -> Iterated:
    parameter = ParameterReport(key="lennard_jones.sigma[Ar]", unit="angstrom", value=sigma)
    return Iterated(
        report=StepReport(
            iteration=iteration,
            loss=loss,
            loss_error=0.1,
            parameters=(parameter,),
            targets=(),
            gradient_norm=1.0,
            learning_rate=0.01,
            effective_sample_fraction=1.0,
            resampled=True,
            reversal_residual=0.0,
            energy_drift=1e-6,
            temperature=94.4,
            seconds=1.0,
        )
    )


# Making and opening


def test_a_run_stands_alone(store: RunStore, recipe: Recipe):
    stored = store.recipe()
    assert stored.folder == str(store.path)
    names = [stored.system.structure, *(t.data for t in stored.target)]
    assert names == ["inputs/argon.xyz", "inputs/argon.csv", "inputs/ARGON-2.csv", ""]
    assert stored.path(names[2]).read_text() == "content of other/ARGON.csv"
    assert stored.potential == recipe.potential
    assert parse_recipe(recipe_to_toml(stored)).target == stored.target


def test_a_run_can_be_made_from_a_run(store: RunStore, tmp_path: Path):
    with RunStore.create(tmp_path / "again", store.recipe()) as again:
        assert again.recipe().target == store.recipe().target


def test_an_empty_folder_is_accepted_and_a_full_one_refused(recipe: Recipe, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    RunStore.create(tmp_path / "empty", recipe).release()
    with pytest.raises(RunError, match="holds a run already"):
        RunStore.create(tmp_path / "empty", recipe)
    with pytest.raises(RunError, match="is not empty"):
        RunStore.create(tmp_path / "source", recipe)


def test_a_missing_input_is_named_and_nothing_is_made(recipe: Recipe, tmp_path: Path):
    recipe.path("data/argon.csv").unlink()
    with pytest.raises(FileError, match=r"'self_diffusion' 'data/argon.csv' is not there"):
        RunStore.create(tmp_path / "run", recipe)
    assert not (tmp_path / "run").exists()


def test_an_interrupted_creation_is_no_run(store: RunStore):
    store.release()
    (store.path / "run.toml").unlink()
    with pytest.raises(RunError, match="not finished when it was made"):
        RunStore.open(store.path)


@pytest.mark.parametrize("content", ["format = 99", "format = 'x'"])
def test_a_newer_format_is_refused(store: RunStore, content: str):
    (store.path / "run.toml").write_text(content)
    with pytest.raises(RunError, match="has format"):
        RunStore.open(store.path)


def test_other_folders_are_no_runs(tmp_path: Path):
    with pytest.raises(RunError, match="There is no run folder"):
        RunStore.open(tmp_path / "nowhere")
    with pytest.raises(RunError, match="is not a run folder"):
        RunStore.open(tmp_path)


def test_reading_needs_no_lock_and_cannot_write(store: RunStore):
    store.append(Log(level="info", text="ä"))
    reader = RunStore.open(store.path)
    assert reader.events() == [Log(level="info", text="ä")]
    with pytest.raises(RunError, match="reading only"):
        reader.append(Log(level="info", text="b"))
    with pytest.raises(RunError, match="reading only"):
        reader.write_state(1, {})


# Events


def test_a_torn_last_event_is_ignored_then_cut_off(store: RunStore):
    store.append(iterated(0, 1.0))
    store.release()
    with open(store.path / "events.jsonl", "ab") as file:
        file.write(b'{"type":"log","level":"in')
    assert len(RunStore.open(store.path).events()) == 1
    with RunStore.open(store.path, write=True) as again:
        again.append(iterated(1, 0.5))
        assert [e.report.iteration for e in again.events()] == [0, 1]
        assert not again.warnings


def test_a_damaged_line_is_stepped_over_and_named(store: RunStore):
    store.append(iterated(0, 1.0))
    with open(store.path / "events.jsonl", "ab") as file:
        file.write(b'{"type":"from_the_future"}\n\xff\xfe\n')
    store.append(iterated(1, 1.0))
    assert len(store.events()) == 2
    assert len(store.warnings) == 2 and "Line 2" in store.warnings[0]


# States

ARRAYS = {
    "positions": np.arange(24, dtype=np.int32).reshape(4, 2, 3),
    "lattice/wide": np.array([2**62, -(2**63)], dtype=np.int64),
    "lattice/keys": np.array([[0, 2**32 - 1]], dtype=np.uint32),
    "optimizer/mu/sigma": np.array(3.4, dtype=np.float64),
    "optimizer/count": np.array(7, dtype=np.int32),
    "weights": np.array([np.nan, np.inf, -0.0, 1e-45], dtype=np.float32),
    "free": np.array([True, False]),
    "done": np.array(True),
    "nothing": np.zeros((0, 3), dtype=np.float32),
    "view": np.arange(12.0).reshape(3, 4).T[::2],
}


def assert_same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), name


def test_arrays_come_back_bit_for_bit(store: RunStore):
    store.write_state(0, ARRAYS)
    number, found = store.read_state(None)
    assert number == 0
    assert_same(found, ARRAYS)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    array=hnp.arrays(
        st.sampled_from([np.int32, np.int64, np.uint32, np.uint8, np.float32, np.float64, bool]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_any_array_comes_back(store: RunStore, array: np.ndarray):
    store.write_state(3, {"a/b": array})
    assert_same(store.read_state(3)[1], {"a/b": array})


def test_old_states_go_and_the_newest_stay(store: RunStore):
    for number in range(6):
        store.write_state(number, {"n": np.array(number)}, keep=2)
    assert store.state_numbers() == [4, 5]
    store.write_state(3, {"n": np.array(3)}, keep=2)  # the run went on from an earlier state
    assert store.read_state(None)[0] == 3
    assert store.state_numbers() == [3]


def test_a_damaged_newest_state_gives_the_one_before(store: RunStore):
    for number in range(3):
        store.write_state(number, {"n": np.full(1000, number)})
    path = store.path / "states" / "000002.h5"
    whole = path.read_bytes()
    at = whole.index(np.full(10, 2).tobytes())
    for damaged in (whole[: len(whole) // 2], b"", whole[:at] + b"\7" + whole[at + 1 :]):
        path.write_bytes(damaged)
        fresh = RunStore.open(store.path)
        number, arrays = fresh.read_state()
        assert (number, arrays["n"][0]) == (1, 1)
        assert "000002.h5 is damaged" in fresh.warnings[0]
        with pytest.raises(RunError, match="damaged"):
            fresh.read_state(2)


def test_a_swapped_state_is_noticed(store: RunStore):
    store.write_state(0, {"n": np.array(0)})
    store.write_state(1, {"n": np.array(1)})
    states = store.path / "states"
    (states / "000001.h5").write_bytes((states / "000000.h5").read_bytes())
    assert store.read_state()[0] == 0


def test_a_missing_entry_is_noticed(store: RunStore):
    store.write_state(0, {"a": np.array(0), "b": np.array(1)})
    with h5py.File(store.path / "states" / "000000.h5", "r+") as file:
        del file["b"]
    with pytest.raises(RunError, match=r"Every state .* is damaged"):
        store.read_state()


def test_states_that_are_not_there(store: RunStore):
    with pytest.raises(RunError, match="no state yet"):
        store.read_state()
    store.write_state(4, {})
    with pytest.raises(RunError, match=r"no state 3\. Stored: 4"):
        store.read_state(3)


@pytest.mark.parametrize(
    ("arrays", "error"),
    [
        ({"a": np.array(["text"])}, TypeError),
        ({"a": np.array([object()])}, TypeError),
        ({"": np.array(1)}, ValueError),
        ({"a//b": np.array(1)}, ValueError),
        ({"a": np.array(1), "a/b": np.array(1)}, ValueError),
    ],
)
def test_what_cannot_be_stored_is_refused_and_leaves_no_file(store, arrays, error):
    store.write_state(1, ARRAYS)
    with pytest.raises(error):
        store.write_state(2, arrays)
    assert [p.name for p in (store.path / "states").iterdir()] == ["000001.h5"]


# Kills and locks

CHILD = """
import sys
import numpy as np
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import Log
store = RunStore.open(sys.argv[1], write=True)
number = max(store.state_numbers(), default=-1)
while True:
    number += 1
    block = np.random.default_rng(number).integers(0, 2**32, 60_000, dtype=np.uint32)
    store.write_state(number, {"key": block, "number": np.array(number)})
    store.append(Log(level="info", text=f"{number} " + "x" * 20_000))
    if number % 5 == 0:
        print(number, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_killed_at_random_moments_the_newest_state_is_whole(store: RunStore):
    store.write_state(0, {"number": np.array(0)})
    store.release()
    moments = random.Random(1)
    newest = 0
    for _ in range(10):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(store.path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline()  # it writes now
        time.sleep(moments.uniform(0.0, 0.15))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        with RunStore.open(store.path, write=True) as after:
            number, arrays = after.read_state()
            assert not after.warnings
            assert number == after.state_numbers()[-1] > newest
            expected = np.random.default_rng(number).integers(0, 2**32, 60_000, dtype=np.uint32)
            assert arrays["number"] == number
            assert np.array_equal(arrays["key"], expected)
            written = [int(e.text.split()[0]) for e in after.events()]
            assert not after.warnings
            # A state is written before its event, so a kill loses at most the newest event.
            assert set(range(newest + 1, number)) <= set(written)
            assert all(p.suffix == ".h5" for p in (store.path / "states").iterdir())
            newest = number


def test_a_second_writer_is_refused_with_the_name_of_the_first(store: RunStore):
    store.release()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(store.path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        child.stdout.readline()
        with pytest.raises(RunError, match=f"in use by process {child.pid} on "):
            RunStore.open(store.path, write=True)
        assert RunStore.open(store.path).events()
    finally:
        child.kill()
        child.communicate()
    RunStore.open(store.path, write=True).release()


def test_a_writer_gives_signs_of_life_until_it_ends(tmp_path, store, monkeypatch):
    store.release()
    monkeypatch.setattr("dmdstudio.files.run_heartbeat.BEAT_SECONDS", 0.01)
    with RunStore.open(store.path, write=True):
        file = store.path / "writer.json"
        os.utime(file, (1.0, 1.0))
        patient_until = time.monotonic() + 10.0
        while file.stat().st_mtime == 1.0 and time.monotonic() < patient_until:
            time.sleep(0.01)
        assert time.time() - writer_of(store.path).seen < 60.0
    assert not [t for t in threading.enumerate() if t.name == "heartbeat"]


def test_a_second_writer_in_the_same_process_is_refused(store: RunStore):
    with pytest.raises(RunError, match="in use by process"):
        RunStore.open(store.path, write=True)
    store.release()
    with RunStore.open(store.path, write=True):
        pass


# Iterations


def test_best_is_not_one_lucky_draw():
    losses = [9.0, 5.0, 4.0, 0.1, 6.0, 2.0, 1.5, 2.0, 2.5]
    events = [iterated(n, loss, 3.0 + n) for n, loss in enumerate(losses)]
    assert iteration_values(events, "best") == (6, {"lennard_jones.sigma[Ar]": 9.0})
    assert iteration_values(events, "last")[0] == 8
    assert iteration_values(events, 3)[1] == {"lennard_jones.sigma[Ar]": 6.0}
    assert iteration_values(events, "3")[0] == 3


def test_of_an_iteration_that_stands_twice_the_later_counts():
    events = [iterated(0, 1.0), iterated(1, 1.0, 3.1), iterated(1, 1.0, 3.2)]
    assert iteration_values(events, 1)[1] == {"lennard_jones.sigma[Ar]": 3.2}


def test_a_loss_that_is_not_a_number_is_never_best():
    events = [iterated(0, float("nan")), iterated(1, 3.0), iterated(2, 2.0), iterated(3, 5.0)]
    assert iteration_values(events, "best")[0] == 2
    assert iteration_values([iterated(0, float("nan"))], "best")[0] == 0


def test_iterations_that_are_not_there():
    with pytest.raises(RunError, match="no finished iteration"):
        iteration_values([Log(level="info", text="")], "best")
    events = [iterated(n, 1.0) for n in (0, 1, 2, 5)]
    with pytest.raises(RunError, match=r"no iteration 4\. Found: 0 to 2, 5"):
        iteration_values(events, 4)
    with pytest.raises(RunError, match="'worst' is not an iteration"):
        iteration_values(events, "worst")
