"""Several devices and several processes do what one does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from dmdstudio.base.errors import CapacityExceeded, EngineError, LostError, RecipeError
from dmdstudio.engine.processes import Processes, Stopped
from dmdstudio.engine.replicas import Replicas
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import Finished, Iterated, Started
from dmdstudio.plan.recipe import recipe_to_toml
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop, machine
from dmdstudio.service.control import Control

COMMAND = [sys.executable, "-m", "dmdstudio"]

SHORT = [
    "execution.precision=float64",
    "execution.lattice_bits=64",
    "refinement.uncertainty=false",
    "sampling.equilibration_steps=50",
    "sampling.decorrelation_steps=20",
    "dynamics.steps=100",
    "refinement.iterations=2",
]

ON_DEVICES = """
import sys
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.service import loop, machine
from dmdstudio.service.control import Control

machine.cores = lambda: 4
four = machine.devices("cpu")
assert len(four) == 4
for count in (1, 2, 4):
    machine.devices = lambda wanted, n=count: four[:n]
    list(loop.refine(read_recipe(sys.argv[1]), f"{sys.argv[2]}/on-{count}", Control()))
"""


@pytest.fixture
def written(tiny_recipe):
    """A recipe of two short iterations, as a file."""
    recipe = with_settings(tiny_recipe, SHORT)
    path = recipe.path("recipe.toml")
    path.write_text(recipe_to_toml(recipe))
    return path


def _state(folder):
    return RunStore.open(folder).read_state()


def _close(found, expected):
    """The same to rounding: with other batches the sums of a replica differ in the last digit."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


# ---------------------------------------------------------------------------------- devices


def test_one_two_and_four_devices_give_the_same(written, tmp_path):
    folders = {n: tmp_path / f"on-{n}" for n in (1, 2, 4)}
    subprocess.run([sys.executable, "-c", ON_DEVICES, str(written), str(tmp_path)], check=True)
    for n, folder in folders.items():
        started = next(e for e in RunStore.open(folder).events() if isinstance(e, Started))
        assert started.device == f"CPU, {n} core{'s' if n > 1 else ''}"
    (_, one), (_, two), (_, four) = (_state(folder) for folder in folders.values())
    _close(two, one)
    _close(four, one)


# --------------------------------------------------------------------------------- processes


def _port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _together(count, *order):
    coordinator = f"127.0.0.1:{_port()}"
    several = ["--coordinator", coordinator, "--processes", str(count), "--process-id"]
    return [
        subprocess.Popen(
            [*COMMAND, *map(str, order), *several, str(k)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for k in range(count)
    ]


def test_two_processes_do_what_one_does(written, tmp_path):
    from dmdstudio.plan.recipe import read_recipe

    for order in (["run", written, "--run-dir", tmp_path / "two"],
                  ["resume", tmp_path / "two", "--iterations", 1]):  # fmt: skip
        first, second = _together(2, *order)
        (out, err), (silent, log) = first.communicate(), second.communicate()
        assert (first.returncode, second.returncode) == (0, 0), err + log
        assert "Completed" in out
        assert "iteration" in err
        assert silent == ""
        assert "iteration" not in log
    list(loop.refine(read_recipe(written), tmp_path / "one", Control()))
    list(loop.resume(tmp_path / "one", 1, Control()))
    (number, one), (other, two) = _state(tmp_path / "one"), _state(tmp_path / "two")
    assert number == other == 3
    _close(two, one)
    events = RunStore.open(tmp_path / "two").events()
    assert [e.report.iteration for e in events if isinstance(e, Iterated)] == [0, 1, 2]
    assert sum(isinstance(e, Finished) for e in events) == 2
    started = next(e for e in events if isinstance(e, Started))
    assert started.device.startswith("2 processes, each CPU")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_where_one_process_dies_the_run_ends_and_can_be_resumed(written, tmp_path):
    folder = tmp_path / "run"
    first, second = _together(
        2, "run", written, "--run-dir", folder, "--iterations", 1000, "--set",
        "dynamics.steps=500",
    )  # fmt: skip
    log = folder / "events.jsonl"
    while not (log.exists() and '"iterated"' in log.read_text()):
        assert first.poll() is None, first.stderr.read()
        time.sleep(0.05)
    os.kill(second.pid, 9)
    second.communicate()
    _, err = first.communicate(timeout=60)
    assert first.returncode == EngineError.exit_code, err
    assert "Another process of this run is gone" in err
    assert "dmdstudio resume" in err
    *_, last = loop.resume(folder, 1, Control())
    assert isinstance(last, Finished)
    assert last.reason == "completed"


# ----------------------------------------------------------- what processes tell each other


class _Room:
    """Lets threads play processes: what one says, all hear."""

    def __init__(self, count):
        self._said = [b""] * count
        self._barrier = threading.Barrier(count, timeout=20)

    def run(self, monkeypatch, *parts):
        """Run one function of its `Processes` per thread; return results, or errors."""

        def allgather(own, content):
            self._said[own.index] = content.tobytes()
            self._barrier.wait()
            heard = list(self._said)
            self._barrier.wait()
            return heard

        monkeypatch.setattr(Processes, "_allgather", allgather)
        answers: list = [None] * len(parts)

        def play(k):
            try:
                answers[k] = parts[k](Processes(len(parts), k))
            except (Exception, Stopped) as error:
                answers[k] = error
                if isinstance(error, threading.BrokenBarrierError):
                    raise

        threads = [threading.Thread(target=play, args=(k,)) for k in range(len(parts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


def test_processes_gather_arrays_of_any_size(monkeypatch):
    def part(processes):
        k = processes.index
        return processes.gather({"a": np.arange(k, dtype=np.int32), "b": np.full((2, k), 0.5 + k)})

    for answer in _Room(3).run(monkeypatch, part, part, part):
        assert [tree["a"].tolist() for tree in answer] == [[], [0], [0, 1]]
        assert [tree["b"].dtype for tree in answer] == [np.float64] * 3
        assert answer[2]["b"].tolist() == [[2.5, 2.5], [2.5, 2.5]]


def test_an_error_of_one_process_is_met_by_all(monkeypatch):
    def fails(processes):
        return processes.settle(CapacityExceeded("Too short.", 77))

    def waits(processes):
        return processes.gather(np.zeros(3))

    failed, waited = _Room(2).run(monkeypatch, fails, waits)
    for error in (failed, waited):
        assert isinstance(error, CapacityExceeded)
        assert (error.capacity, error.message, error.shared) == (77, "Too short.", True)
    assert Processes(2, 0).settle(failed) is failed  # all know: nothing is said again


def test_a_bug_in_one_process_ends_all(monkeypatch):
    def fails(processes):
        with processes.together():
            raise ZeroDivisionError("of its own")

    def waits(processes):
        with processes.together():
            return processes.gather(np.zeros(3))

    failed, waited = _Room(2).run(monkeypatch, fails, waits)
    assert isinstance(failed, EngineError)
    assert "Process 0" in waited.message
    assert "ZeroDivisionError: of its own" in waited.message


def test_all_stop_where_one_is_asked_to(monkeypatch):
    answers = _Room(2).run(monkeypatch, lambda p: p.stop(), lambda p: p.gather(np.zeros(3)))
    assert answers[0] is None
    assert isinstance(answers[1], Stopped)
    asked = _Room(2).run(monkeypatch, lambda p: p.any(True), lambda p: p.any(False))
    assert asked == [True, True]


def test_a_process_that_is_gone_is_named(monkeypatch):
    def allgather(own, content):
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(Processes, "_allgather", allgather)
    with pytest.raises(LostError, match="Connection closed") as caught:
        Processes(2, 0).gather(np.zeros(1))
    assert caught.value.shared


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_replica_has_one_process(count):
    shares = [Processes(3, k).share(count) for k in range(3)]
    assert [i for share in shares for i in share] == list(range(count))


def test_split_and_join_of_three_processes(monkeypatch):
    devices = machine.devices("cpu")[:1]
    values = np.arange(7.0)

    def part(processes):
        replicas = Replicas.plan(7, 2, devices, processes)
        return replicas.join([2.0 * piece for (piece,) in replicas.split(values)])

    for joined in _Room(3).run(monkeypatch, part, part, part):
        assert joined.tolist() == (2.0 * values).tolist()

    def few(processes):  # fewer than there are processes, as when a part of a pool is drawn
        replicas = Replicas(2, 2, devices, processes)
        return replicas.join([2.0 * piece for (piece,) in replicas.split(values[:2])])

    for joined in _Room(3).run(monkeypatch, few, few, few):
        assert joined.tolist() == [0.0, 2.0]


def test_more_processes_than_replicas_are_refused():
    with pytest.raises(RecipeError, match=r"5 processes.*4 replicas.*sampling\.replicas"):
        Replicas.plan(4, 0, machine.devices("cpu"), Processes(5, 0))


SLURM = {"SLURM_STEP_NUM_TASKS": "4"}
NAMED = {"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "3", "JAX_PROCESS_ID": "2"}


@pytest.mark.parametrize(
    ("environment", "flags", "expected"),
    [
        ({}, (), None),
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}, (), None),  # a batch script, without srun
        ({"SLURM_STEP_NUM_TASKS": "1"}, (), None),
        (SLURM, (), (None, None, None, "slurm")),
        (NAMED, (), ("a:1", 3, 2, None)),
        ({**SLURM, **NAMED}, ("b:2", 2, 0), ("b:2", 2, 0, None)),
    ],
)
def test_who_joins_whom(monkeypatch, environment, flags, expected):
    import jax

    joined = []
    for name in (*SLURM, *NAMED):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        jax.distributed,
        "initialize",
        lambda *told, cluster_detection_method: joined.append((*told, cluster_detection_method)),
    )
    machine.join(*flags)
    assert joined == ([] if expected is None else [expected])


def test_flags_of_processes_belong_together(written):
    child = subprocess.run(
        [*COMMAND, "run", str(written), "--processes", "2"], capture_output=True, text=True
    )
    assert child.returncode == EngineError.exit_code
    assert "--coordinator, --processes and --process-id belong together" in child.stderr
