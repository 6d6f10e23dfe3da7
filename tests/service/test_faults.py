"""Faults on the way: every run ends finished or can be resumed, and none is silently wrong.

Faults are put between the loop and its compiled functions, which all runs here share.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace

import jax
import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import (
    CapacityExceeded,
    DivergenceError,
    DmdError,
    OutOfMemoryError,
    PhysicsError,
)
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.program import Program
from dmdstudio.engine.recovery import SHRINK
from dmdstudio.engine.refinement import RECOVERY
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import Failed, Finished, Iterated, Log
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import build, loop, machine, recovery
from dmdstudio.service.control import Control

SMALL = [
    "execution.batch=8",
    "sampling.replicas=8",
    "sampling.equilibration_steps=20",
    "sampling.decorrelation_steps=10",
    "dynamics.steps=50",
    "dynamics.record_every=10",
    "target.window=0.04",
    "refinement.uncertainty=false",
    "refinement.iterations=3",
    "gradient.frames=keep",
]

FUNCTIONS = ("sample", "potential", "velocities", "forward", "backward")


class Killed(BaseException):
    """The process is gone: nothing answers this, and nothing is written after it."""


@dataclass
class Fault:
    """Something that happens at one call of one function, and at ``repeats`` - 1 calls after it.

    Attributes:
        kind: ``nan``, ``memory``, ``overflow`` or ``kill``.
        function: of the program, or of the run's folder: ``append``, ``write_state``.
        call: at which of its calls, from 0.
        repeats: how often.
    """

    kind: str
    function: str
    call: int
    repeats: int = 1
    calls: int = 0

    def strikes(self, function: str) -> bool:
        if function != self.function:
            return False
        self.calls += 1
        return self.call < self.calls <= self.call + self.repeats


def _spoiled(tree):
    """Replace what is a floating-point number of a result by nan."""
    return jax.tree.map(
        lambda a: a * float("nan") if jax.numpy.issubdtype(a.dtype, np.floating) else a, tree
    )


class Workshop:
    """One problem, its programs by batch, compiled once, and the fault of the run in hand."""

    def __init__(self, recipe, patch):
        self.recipe, self.fault, self.calls = recipe, None, Counter()
        one = machine.devices("cpu")[:1]  # batches of 8, 4, 2 and 1 on whatever machine
        patch.setattr(machine, "devices", lambda wanted: one)
        problem, complete = build.build(recipe)
        self.problem = problem
        self._programs: dict[int, Program] = {}
        patch.setattr(loop, "build", lambda recipe: (self.problem, complete))
        patch.setattr(recovery, "Program", self._program)
        patch.setattr(ForceField, "with_capacity", lambda field, capacity: replace(field))
        for name in ("append", "write_state"):
            patch.setattr(RunStore, name, self._stored(getattr(RunStore, name), name))

    def _program(self, problem):
        program = Program(problem)
        batch = problem.replicas.batch
        shared = self._programs.setdefault(batch, Program(problem))
        for name in FUNCTIONS:
            vars(program)[name] = self._faulty(shared, name)
        vars(program)["loss"] = self._faulty(Program(problem), "loss")  # data may differ
        return program

    def _faulty(self, shared, name):
        def call(*arguments):
            struck = self._struck(name)
            if struck and self.fault.kind != "nan":
                self._fail()
            result = getattr(shared, name)(*arguments)
            return _spoiled(result) if struck else result

        return call

    def _struck(self, name):
        self.calls[name] += 1
        return self.fault is not None and self.fault.strikes(name)

    def _stored(self, plain, name):
        def call(store, *arguments, **options):
            if self._struck(name):
                if name == "append":  # half a line got to the disk
                    with open(store.path / "events.jsonl", "ab") as log:
                        log.write(b'{"type":"iterated","rep')
                else:
                    (store.path / "states" / ".000009.h5.1.partial").write_bytes(b"half a st")
                self._fail()
            return plain(store, *arguments, **options)

        return call

    def _fail(self):
        assert self.fault is not None
        if self.fault.kind == "kill":
            self.fault = None  # nothing else can happen to it
            raise Killed
        if self.fault.kind == "memory":
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 GB.")
        raise CapacityExceeded("A list of neighbours was too short.", 96)

    def run(self, folder, fault=None):
        """Refine with a fault; return the events, and the error or kill that ended it."""
        self.fault = fault
        return self._ended(loop.refine(self.recipe, folder, Control()))

    def resume(self, folder):
        """Go on without a fault."""
        self.fault = None
        return self._ended(loop.resume(folder, None, Control()))

    @staticmethod
    def _ended(events):
        seen = []
        try:
            for event in events:
                seen.append(event)
        except (Killed, Exception) as error:
            return seen, error
        return seen, None


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, make_tiny_recipe):
    folder = tmp_path_factory.mktemp("faults")
    recipe = with_settings(make_tiny_recipe(folder / "recipe"), SMALL)
    with pytest.MonkeyPatch.context() as patch:
        made = Workshop(recipe, patch)
        made.whole = folder / "whole"
        events, error = made.run(made.whole)
        assert error is None
        assert isinstance(events[-1], Finished)
        made.usual = dict(made.calls)
        yield made


def _state(folder):
    return RunStore.open(folder).read_state()


def _logs(events):
    """Return what was said, but for remarks on the temperature: equilibration is short here."""
    said = [e.text for e in events if isinstance(e, Log)]
    return [text for text in said if not text.startswith("The trajectories are at")]


def _same_bits(folder, whole):
    (number, found), (other, expected) = _state(folder), _state(whole)
    assert number == other
    assert found.keys() == expected.keys()
    return all(np.array_equal(found[name], expected[name]) for name in expected)


def _same_but_for_last_digits(folder, whole):
    """One replica at a time is another program: sums may differ in their last digit."""
    (_, found), (_, expected) = _state(folder), _state(whole)
    return all(np.allclose(found[n], expected[n], rtol=1e-4, atol=1e-9) for n in expected)


# ---------------------------------------------------------------------------------- one by one


@pytest.mark.parametrize("function", ["sample", "forward", "backward"])
@pytest.mark.parametrize("times", [1, 2])
def test_too_little_memory_halves_the_batch_and_changes_nothing(
    workshop, tmp_path, function, times
):
    events, error = workshop.run(tmp_path / "run", Fault("memory", function, 1, times))
    assert error is None
    said = _logs(events)
    assert [f"{8 // 2**k} replicas at a time" in said[k] for k in range(times)] == [True] * times
    assert f"again with {8 // 2**times} at a time" in said[-1]
    assert _same_bits(tmp_path / "run", workshop.whole)


def test_where_one_replica_does_not_fit_it_says_what_does(workshop, tmp_path):
    events, error = workshop.run(tmp_path / "run", Fault("memory", "forward", 2, 99))
    assert isinstance(error, OutOfMemoryError)
    assert "108 atoms and 50 steps" in error.message
    for setting in ('gradient.frames = "retrace"', "dynamics.segments", "dynamics.record_every"):
        assert setting in error.advice
    assert len(_logs(events)) == 3  # from 8 to 4, 2, 1
    assert isinstance(RunStore.open(tmp_path / "run").events()[-1], Failed)
    _, error = workshop.resume(tmp_path / "run")
    assert error is None
    assert _same_bits(tmp_path / "run", workshop.whole)


def test_one_replica_at_a_time_gives_the_same_to_rounding(workshop, tmp_path):
    _, error = workshop.run(tmp_path / "run", Fault("memory", "forward", 0, 3))
    assert error is None
    assert _same_but_for_last_digits(tmp_path / "run", workshop.whole)


def test_memory_of_the_machine_counts_too(workshop, tmp_path, monkeypatch):
    def fail(self):
        raise MemoryError

    monkeypatch.setattr(Workshop, "_fail", fail)
    events, error = workshop.run(tmp_path / "run", Fault("memory", "forward", 0))
    assert error is None
    assert "again with 4 at a time" in _logs(events)[0]
    assert _same_bits(tmp_path / "run", workshop.whole)


def test_a_list_that_is_too_short_is_enlarged(workshop, tmp_path):
    events, error = workshop.run(tmp_path / "run", Fault("overflow", "forward", 1))
    assert error is None
    assert _logs(events) == [
        "A list of neighbours was too short. The iteration is done again with room for 96."
    ]
    assert _same_bits(tmp_path / "run", workshop.whole)


def test_a_list_that_stays_too_short_ends_the_run(workshop, tmp_path):
    events, error = workshop.run(tmp_path / "run", Fault("overflow", "forward", 1, 99))
    assert isinstance(error, CapacityExceeded)
    assert len(_logs(events)) == recovery.ENLARGEMENTS
    _, error = workshop.resume(tmp_path / "run")
    assert error is None
    assert _same_bits(tmp_path / "run", workshop.whole)


def test_where_no_term_has_a_list_an_overflow_ends_the_run(workshop, tmp_path, monkeypatch):
    monkeypatch.setattr(ForceField, "with_capacity", lambda field, capacity: field)
    _, error = workshop.run(tmp_path / "run", Fault("overflow", "forward", 1))
    assert isinstance(error, CapacityExceeded)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("loss", "The loss is nan at iteration 1."),
        ("forward", "The trajectory of replica 1 (8 of 8 are bad) changed its energy by nan"),
        ("backward", "lennard_jones.sigma, lennard_jones.epsilon is not a number at iteration 1"),
    ],
)
def test_a_step_to_what_is_no_number_is_taken_back(workshop, tmp_path, function, words):
    folder = tmp_path / "run"
    events, error = workshop.run(folder, Fault("nan", function, 1))
    assert error is None
    (text,) = _logs(events)
    assert text.startswith("Iteration 1 failed after lennard_jones.")
    assert words in text
    assert f"{SHRINK:g} of the learning rate" in text
    plain = [e.report for e in RunStore.open(workshop.whole).events() if isinstance(e, Iterated)]
    shorter = [e.report for e in events if isinstance(e, Iterated)]
    assert shorter[0].parameters == plain[0].parameters
    for start, long, short in zip(*(r.parameters for r in (*plain[:2], shorter[1])), strict=True):
        assert short.value - start.value == pytest.approx(SHRINK * (long.value - start.value))
    rates = [s.learning_rate / p.learning_rate for s, p in zip(shorter, plain, strict=True)]
    assert rates == pytest.approx([1.0, RECOVERY * SHRINK, RECOVERY**2 * SHRINK])


def test_the_shorter_step_is_stored_before_it_is_tried(workshop, tmp_path):
    """A run that is killed while it tries goes on to the same bits."""
    _, error = workshop.run(tmp_path / "whole", Fault("nan", "loss", 1))
    assert error is None
    fault = Fault("nan", "loss", 1)
    workshop.fault = fault
    events = loop.refine(workshop.recipe, tmp_path / "run", Control())
    for event in events:
        if isinstance(event, Log) and "failed" in event.text:
            break
    events.close()
    number, arrays = _state(tmp_path / "run")
    assert number == 1
    assert arrays["shrink"] == SHRINK
    _, error = workshop.resume(tmp_path / "run")
    assert error is None
    assert _same_bits(tmp_path / "run", tmp_path / "whole")


def test_a_learning_rate_that_is_far_too_large_is_survived(workshop, tmp_path, monkeypatch):
    """No fault is put in here: atoms that have grown by 60 % drive each other apart."""
    problem = workshop.problem
    plan = msgspec.structs.replace(
        problem.optimizer, learning_rate=0.6, final_learning_rate=0.5, gradient_clip=0.0
    )
    slots = tuple(replace(slot, lower=1e-6, upper=99.0) for slot in problem.slots)
    slower = tuple(replace(t, experiment=0.1 * t.experiment) for t in problem.targets)
    wild = replace(problem, optimizer=plan, slots=slots, targets=slower)
    monkeypatch.setattr(workshop, "problem", wild)
    events, error = workshop.run(tmp_path / "run")
    assert error is None
    assert events[-1].reason == "completed"
    said = _logs(events)
    assert "+60.00%" in said[0]
    assert "So long a step is the likely cause: lower optimizer.learning_rate" in said[0]
    reports = [e.report for e in events if isinstance(e, Iterated)]
    assert all(np.isfinite(r.loss) for r in reports)
    assert reports[1].parameters[0].value < 1.3 * reports[0].parameters[0].value


def test_steps_that_fail_again_and_again_end_the_run(workshop, tmp_path):
    events, error = workshop.run(tmp_path / "run", Fault("nan", "loss", 1, 99))
    assert isinstance(error, PhysicsError)
    assert "Iteration 1 failed 6 times in a row" in error.message
    assert "can be resumed" in error.advice
    assert len(_logs(events)) == recovery.SHORTER_STEPS
    number, arrays = _state(tmp_path / "run")
    assert number == 1
    assert arrays["shrink"] == SHRINK**recovery.SHORTER_STEPS
    events, error = workshop.resume(tmp_path / "run")
    assert error is None
    assert events[-1].reason == "completed"


@pytest.mark.parametrize("function", ["loss", "forward", "backward", "potential"])
def test_what_is_no_number_at_the_start_is_an_error_at_once(workshop, tmp_path, function):
    events, error = workshop.run(tmp_path / "run", Fault("nan", function, 0))
    assert isinstance(error, DivergenceError)
    assert not any(isinstance(e, Iterated) for e in events)
    _, error = workshop.resume(tmp_path / "run")
    assert error is None
    assert _same_bits(tmp_path / "run", workshop.whole)


@pytest.mark.parametrize("function", ["append", "write_state", "sample", "forward", "backward"])
def test_a_killed_run_goes_on_to_the_same_bits(workshop, tmp_path, function):
    _, error = workshop.run(tmp_path / "run", Fault("kill", function, 1))
    assert isinstance(error, Killed)
    _, error = workshop.resume(tmp_path / "run")
    assert error is None
    assert _same_bits(tmp_path / "run", workshop.whole)


# ---------------------------------------------------------------------------- the likely cause


def _strained(problem, move=None, **plan):
    from dmdstudio.engine.divergence import explained

    lattice = np.array(problem.start)
    if move is not None:
        lattice[1] = lattice[0] + np.int64(move / problem.system.cell[0, 0] * 2**32) * np.array(
            [1, 0, 0]
        )
    changed = replace(problem, **plan)
    return explained(
        changed, problem.initial, lattice, problem.system.cell, "It failed.", "dynamics"
    )


def test_an_overlap_is_told_from_a_long_time_step(workshop):
    problem = workshop.problem
    overlap = _strained(problem, move=0.8)
    assert "Atoms overlap where it began: atoms 1 and 2 are 0.80 angstrom apart" in overlap.message
    assert "sampling.timestep" in overlap.advice  # the structure has no overlap
    slow = msgspec.structs.replace(problem.dynamics, timestep=200.0)
    long = _strained(problem, dynamics=slow)
    assert "fastest vibration" in long.message
    assert "dynamics.timestep (200 fs) is too long" in long.advice
    sound = _strained(problem)
    assert "no atoms overlap" in sound.message


def test_the_fastest_vibration_is_that_of_a_dimer():
    """Two atoms on a spring: omega^2 = 2k/m; for Lennard-Jones in its minimum k = 57.1 eps/s^2."""
    from dmdstudio.base.units import ACCELERATION
    from dmdstudio.engine.core import System
    from dmdstudio.engine.divergence import strain
    from dmdstudio.engine.potentials.lennard_jones import LennardJones

    example = LennardJones.examples("float64", 64, "cpu")
    potential = next(iter(example.values())).potential
    cell = np.eye(3) * 60.0
    system = System(("Ar",), np.zeros(2, int), np.full(2, 39.948), cell, "float64", 64)
    options = type(potential.options)(cutoff=20.0, switch_start=19.0)
    field = ForceField(system, (("lj", LennardJones.build(options, system)),))
    sigma, epsilon = 3.4, 0.0104

    class Dimer:
        def __init__(self):
            self.system, self.field = system, field

        def theta(self, parameters):
            return {"lj": {"sigma": parameters[:1], "epsilon": parameters[1:]}}

    distance = 2 ** (1 / 6) * sigma
    positions = np.array([[0.0, 0, 0], [distance, 0, 0]])
    lattice = np.asarray(system.to_lattice(positions))
    found = strain(Dimer(), np.array([sigma, epsilon]), lattice, cell)
    stiffness = 72 / 2 ** (1 / 3) * epsilon / sigma**2
    period = 2 * np.pi / np.sqrt(2 * stiffness * ACCELERATION / 39.948)
    assert found.period == pytest.approx(period, rel=1e-4)
    assert found.distance == pytest.approx(distance, rel=1e-9)
    assert found.pair == (0, 1)


# --------------------------------------------------------------------------------- all at once


def _drawn(dice, usual):
    """Draw a fault; it strikes at a call that a run without faults makes too."""
    kind = dice.choice(["nan", "memory", "overflow", "kill"])
    functions = {
        "nan": ["loss", "potential", "forward", "backward"],
        "memory": FUNCTIONS,
        "overflow": ["potential", "sample", "forward", "backward"],
        "kill": ["append", "write_state", *FUNCTIONS],
    }[kind]
    most = {"memory": 5, "overflow": 3, "nan": 8, "kill": 1}[kind]
    function = dice.choice(functions)
    return Fault(kind, function, dice.randrange(usual[function]), dice.randint(1, most))


def _faulty_runs(workshop, tmp_path, count, seed):
    """Run with random faults; return how often each kind ended how. Nothing may end otherwise."""
    dice, table = random.Random(seed), Counter()
    for number in range(count):
        fault, folder = _drawn(dice, workshop.usual), tmp_path / f"run-{number}"
        told = f"run {number}: {fault}"
        events, error = workshop.run(folder, fault)
        assert fault.calls > fault.call, told
        end = "finished" if error is None else "resumed"
        if error is not None:
            assert isinstance(error, (Killed, DmdError)), (told, error)
            if not (folder / "states").exists() or not any((folder / "states").glob("*.h5")):
                end = "before its first state"
                events, error = workshop.run(tmp_path / f"again-{number}")
                folder = tmp_path / f"again-{number}"
            else:
                events, error = workshop.resume(folder)
            assert error is None, (told, error)
        assert events[-1].reason == "completed", told
        log = RunStore.open(folder).events()
        marked = any(isinstance(e, Log) and "failed after" in e.text for e in log)
        if fault.kind != "nan":
            assert not marked, told
        if not marked:  # then nothing may have changed
            single = fault.kind == "memory" and fault.repeats >= 3
            same = _same_but_for_last_digits if single else _same_bits
            assert same(folder, workshop.whole), told
        table[fault.kind, end, "marked" if marked else "the same"] += 1
    return table


def _told(table):
    rows = [
        f"{kind:9} {end:24} {marked:9} {n:3}" for (kind, end, marked), n in sorted(table.items())
    ]
    return "\n".join(rows)


def test_a_dozen_faulty_runs(workshop, tmp_path):
    table = _faulty_runs(workshop, tmp_path, 12, seed=3)
    assert sum(table.values()) == 12


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_hundred_faulty_runs(workshop, tmp_path):
    table = _faulty_runs(workshop, tmp_path, 100, seed=0)
    print(_told(table))
    assert sum(table.values()) == 100
    assert {kind for kind, _, _ in table} == {"nan", "memory", "overflow", "kill"}
