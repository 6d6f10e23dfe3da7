"""A run that is killed at any moment goes on to the same bits."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import Finished, Iterated, Started
from dmdstudio.plan.recipe import recipe_to_toml
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.control import Control

COMMAND = [sys.executable, "-m", "dmdstudio"]


def _last_state(folder):
    return RunStore.open(folder).read_state()


def _same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert np.array_equal(a[name], b[name]), name


def test_stopping_and_going_on_changes_nothing(tiny_recipe, tmp_path):
    list(loop.refine(tiny_recipe, tmp_path / "whole", Control()))
    control = Control()
    for event in loop.refine(tiny_recipe, tmp_path / "parts", control):
        if isinstance(event, Iterated):
            control.stop()
    assert event.reason == "stopped"
    *_, last = loop.resume(tmp_path / "parts", None, Control())
    assert isinstance(last, Finished)
    assert (last.reason, last.iterations) == ("completed", 3)
    (number, whole), (other, parts) = (_last_state(tmp_path / n) for n in ("whole", "parts"))
    assert number == other == 3
    _same(whole, parts)


def test_a_finished_run_takes_more_iterations(tiny_recipe, tmp_path):
    list(loop.refine(tiny_recipe, tmp_path / "run", Control()))
    events = list(loop.resume(tmp_path / "run", 2, Control()))
    assert [e.report.iteration for e in events if isinstance(e, Iterated)] == [3, 4]
    started = [e for e in RunStore.open(tmp_path / "run").events() if isinstance(e, Started)]
    assert [s.first_iteration for s in started] == [0, 3]


def test_reused_samples_are_reweighted_and_drawn_afresh(tiny_recipe, tmp_path):
    recipe = with_settings(
        tiny_recipe, ["sampling.reuse_limit=100", "sampling.effective_sample_fraction=0.1"]
    )
    reports = [
        e.report
        for e in loop.refine(recipe, tmp_path / "reused", Control())
        if isinstance(e, Iterated)
    ]
    assert [r.resampled for r in reports] == [True, False, False]
    assert reports[0].effective_sample_fraction == pytest.approx(1.0)
    assert all(0.1 < r.effective_sample_fraction < 1.0 for r in reports[1:])
    recipe = with_settings(recipe, ["sampling.effective_sample_fraction=1.0"])
    reports = [
        e.report
        for e in loop.refine(recipe, tmp_path / "fresh", Control())
        if isinstance(e, Iterated)
    ]
    assert [r.resampled for r in reports] == [True, True, True]


def _iterations(folder):
    log = folder / "events.jsonl"
    return log.read_text().count('"iterated"') if log.exists() else 0


def _killed_at_random(recipe, tmp_path, kills, seed=0):
    """Run in child processes, each killed at a random moment, until ``kills`` have died."""
    file = tmp_path / "recipe" / "recipe.toml"
    file.write_text(recipe_to_toml(recipe))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run([*COMMAND, "run", file, "--run-dir", whole], check=True, capture_output=True)
    times = [e.time for e in RunStore.open(whole).events() if isinstance(e, Iterated)]
    iteration = (times[-1] - times[0]) / (len(times) - 1)
    dice = random.Random(seed)
    died = 0
    while died < kills:
        started = (broken / "states").exists() and any((broken / "states").iterdir())
        order = ["resume", broken] if started else ["run", file, "--run-dir", broken]
        if not started and broken.exists():
            shutil.rmtree(broken)  # killed before there was anything to go on from
        child = subprocess.Popen(
            [*COMMAND, *map(str, order)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        if dice.random() < 0.3:  # while it starts, or a little later
            time.sleep(dice.uniform(0.0, 8.0))
        else:  # some time after its first iteration
            before = _iterations(broken)
            while child.poll() is None and _iterations(broken) == before:
                time.sleep(0.01)
            time.sleep(dice.uniform(0.0, 2.0 * iteration))
        if child.poll() is not None:
            assert child.returncode == 0, child.stderr.read().decode()
            break  # it was done before it could be killed
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        died += 1
    if _last_state(broken)[0] < recipe.refinement.iterations:
        subprocess.run([*COMMAND, "resume", broken], check=True, capture_output=True)
    (number, expected), (other, found) = _last_state(whole), _last_state(broken)
    assert number == other == recipe.refinement.iterations
    _same(expected, found)
    return died


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_run_goes_on_to_the_same_bits(tiny_recipe, tmp_path):
    recipe = with_settings(tiny_recipe, ["refinement.iterations=8", "dynamics.steps=1000"])
    assert _killed_at_random(recipe, tmp_path, kills=2) > 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_twenty_kills(tiny_recipe, tmp_path):
    recipe = with_settings(tiny_recipe, ["refinement.iterations=60", "dynamics.steps=1000"])
    assert _killed_at_random(recipe, tmp_path, kills=20, seed=1) == 20
