"""The trajectory of a replica, run again from what its run has stored."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.base.errors import RunError
from dmdstudio.engine.program import Program
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.commands import Replay
from dmdstudio.plan.events import Finished, Frames, Progress, Replayed
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.replay import _stored


@pytest.fixture(scope="module")
def run(make_tiny_recipe, tmp_path_factory):
    """A run of one iteration."""
    folder = tmp_path_factory.mktemp("replay")
    recipe = with_settings(make_tiny_recipe(folder / "recipe"), ["refinement.iterations=1"])
    list(loop.refine(recipe, folder / "run", Control()))
    return folder / "run"


def _frames(events, atoms=108):
    pieces = [e for e in events if isinstance(e, Frames)]
    firsts = [e.first for e in pieces]
    lattice = [np.frombuffer(e.lattice, "<i4").reshape(-1, atoms, 3) for e in pieces]
    assert firsts == list(np.cumsum([0, *map(len, lattice)])[:-1])
    return np.concatenate(lattice)


def test_the_frames_are_those_that_the_iteration_passed_through(run):
    number, arrays = RunStore.open(run).read_state()
    command = Replay(run_dir=str(run), iteration=number - 1, replica=1, frames=11)
    events = list(loop.replay(command, Control()))
    frames, last = _frames(events), events[-1]
    assert np.array_equal(frames[0], arrays["pool/lattice"][1])
    recipe, _ = loop.recipe_at(run, number - 1)
    steps = recipe.dynamics.steps
    assert steps % (len(frames) - 1) == 0, "or the last frame is not the end"
    assert isinstance(last, Replayed) and last.frames == len(frames)
    length = steps * recipe.dynamics.timestep * 1e-3
    assert last.interval * (last.frames - 1) == pytest.approx(length)
    assert [e for e in events if isinstance(e, Progress)][-1].fraction == 1.0
    problem, _ = build(recipe)
    program = Program(problem)
    start, parameters = _stored(command)
    pool = [jnp.asarray(arrays[f"pool/{name}"]) for name in start._fields]
    (whole,) = program.replicas.split(type(start)(*pool))
    end = program.measure(jnp.asarray(parameters), *whole).last.lattice
    assert np.array_equal(frames[-1], np.asarray(end)[1]), "to the last bit"


def test_what_is_not_stored_is_said_and_a_stop_ends_it(run):
    numbers = RunStore.open(run).state_numbers()
    with pytest.raises(RunError, match="no replica 99"):
        list(loop.replay(Replay(run_dir=str(run), iteration=0, replica=98), Control()))
    with pytest.raises(RunError, match=f"no state {numbers[-1] + 1}"):
        list(loop.replay(Replay(run_dir=str(run), iteration=numbers[-1], replica=0), Control()))
    control = Control()
    control.stop()
    *_, last = loop.replay(Replay(run_dir=str(run), iteration=0, replica=0), control)
    assert isinstance(last, Finished) and last.reason == "stopped"
