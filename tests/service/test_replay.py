"""The trajectory of a replica, run again from what its run has stored."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.base.errors import RunError
from dmdstudio.engine.program import Program
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.commands import Replay
from dmdstudio.plan.events import Finished, Frames, Iterated, Progress, Replayed, StepReport
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.replay import _stored


@pytest.fixture(scope="module")
def run(make_tiny_recipe, tmp_path_factory):
    """A run with the starts of one iteration, not drawn but made up: nothing else is needed."""
    folder = tmp_path_factory.mktemp("replay")
    recipe = make_tiny_recipe(folder / "recipe")
    problem, complete = build(recipe)
    generator = np.random.default_rng(3)
    lattice = problem.start + generator.integers(-(2**26), 2**26, (4, *problem.start.shape))
    arrays = {
        "pool/lattice": lattice.astype(problem.start.dtype),
        "pool/velocities": generator.normal(0.0, 1.5e-3, lattice.shape),
        "pool/cell": np.array([problem.system.cell] * 4),
        "taken/parameters": problem.initial,
    }
    report = StepReport(
        iteration=0, loss=0.1, loss_error=0.01, targets=(),
        parameters=problem.parameter_reports(problem.initial), gradient_norm=1.0,
        learning_rate=0.01, effective_sample_fraction=1.0,
        resampled=True, reversal_residual=0.0, energy_drift=0.0, temperature=94.4, seconds=1.0,
    )  # fmt: skip
    with RunStore.create(folder / "run", complete) as store:
        store.append(Iterated(report=report))
        store.write_state(1, arrays)
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
    program = Program(build(recipe)[0])
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
