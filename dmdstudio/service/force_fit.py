"""Fits of networks to ab initio data: generators of events, into and out of a folder."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from dmdstudio.base.errors import PhysicsError, RunError
from dmdstudio.engine.force_batches import Sample
from dmdstudio.engine.force_fit import Networks, Sums
from dmdstudio.files.fit_store import FitStore, checksums_for
from dmdstudio.plan.events import Event, FitError, Fitted, Log, Phase, Progress, Trained
from dmdstudio.plan.force_fit import DIPOLE_FILE, NETWORK_FILES, SUM_FILE, ForceFitPlan
from dmdstudio.service import machine
from dmdstudio.service.control import Control
from dmdstudio.service.fit_problem import FitProblem, fit_problem
from dmdstudio.service.stored_fit import FitState, from_arrays, to_arrays

LOWEST_RATE = 0.01
"""Learning rate at the end, over that at the beginning."""

SAVE_SECONDS = 5.0
"""Between two writings of a state; the epochs since are done again after a kill."""

WORDS = {
    "energy": ("energy per atom", "meV", 1e3),
    "forces": ("force component", "meV/angstrom", 1e3),
    "stress": ("virial per atom", "meV", 1e3),
    "dipole": ("dipole per atom", "e angstrom", 1.0),
}
"""Label, unit, and factor from internal units, by quantity."""


def fit_forces(plan: ForceFitPlan, folder: str | Path, control: Control) -> Iterator[Event]:
    """Fit networks to the data of a plan, into a new folder.

    Yields:
        `Phase`, `Log`, then `Trained` and `Progress` for every epoch, last `Fitted`.

    Raises:
        DmdError: something does not fit; says what.
    """
    yield Phase(name="starting", detail="with the data")
    machine.prepare()
    checksums = checksums_for(folder, plan)
    problem = fit_problem(plan)
    with FitStore.create(folder, plan, checksums) as store:
        if base := problem.base:
            store.write_base(*base.kept(), base.corrected(plan), base.found.type_rules)
        yield from _fit(store, problem, problem.init(), control)


def resume_fit(folder: str | Path, epochs: int | None, control: Control) -> Iterator[Event]:
    """Go on with a fit, up to another number of epochs where one is given; as `fit_forces`."""
    yield Phase(name="starting")
    machine.prepare()
    with FitStore.open(folder) as store:
        plan, arrays = store.plan, store.read_state()
        if epochs is not None:
            plan = msgspec.structs.replace(plan, epochs=epochs)
        problem = fit_problem(plan, arrays)
        state = problem.init() if arrays is None else from_arrays(arrays, problem.init())
        if state.epoch >= plan.epochs:
            raise RunError(
                f"Fit {folder} has done its {plan.epochs} epochs.",
                f"Ask for more: --epochs {2 * state.epoch}.",
            )
        store.write_plan(plan)
        yield from _fit(store, problem, state, control)


def _fit(
    store: FitStore, problem: FitProblem, state: FitState, control: Control
) -> Iterator[Event]:
    plan, began = store.plan, time.perf_counter()
    first, reason, written = state.epoch, "completed", began
    store.start_log(first)
    for text in problem.notes:
        yield Log(level="info", text=text, time=time.time())
    device = machine.devices(plan.device)[0]
    while state.epoch < plan.epochs:
        if control.checkpoint():
            reason = "stopped"
            break
        epoch = state.epoch + 1
        yield Phase(name="training", detail=f"epoch {epoch} of {plan.epochs}")
        since = time.perf_counter()
        try:
            trained = yield from _epoch(problem, state, device, control, since)
        except PhysicsError:
            if state.epoch:
                _write(store, problem, state)
            raise
        if trained is None:
            reason = "stopped"
            break
        state, event = trained
        store.append(event)
        if time.perf_counter() - written > SAVE_SECONDS:
            _write(store, problem, state)
            written = time.perf_counter()
        yield event
        done, spent = epoch - first, time.perf_counter() - began
        yield Progress(
            fraction=epoch / plan.epochs, seconds_left=spent / done * (plan.epochs - epoch)
        )
        if epoch - max(state.best_epochs.values()) >= plan.patience:
            reason = "converged"
            break
    if state.epoch == 0:
        raise RunError(
            "The fit was stopped before its first epoch ended.",
            f"Begin it with: dmdstudio fit-forces --resume {store.path}",
        )
    _write(store, problem, state)
    yield _ended(store, problem, state, reason, time.perf_counter() - began)


def _epoch(
    problem: FitProblem, state: FitState, device: Any, control: Control, since: float
) -> Any:
    """Go through all frames once; return the new state and its event, None where stopped."""
    plan, trainer, layout = problem.plan, problem.trainer, problem.layout
    random = np.random.default_rng([plan.seed, state.epoch])
    order = random.permutation(len(problem.training))
    batches = [order[i : i + layout.frames] for i in range(0, len(order), layout.frames)]
    trained, optimizer = jax.device_put((state.trained, state.optimizer), device)
    losses, rate = [], 0.0
    for number, chosen in enumerate(batches):
        if control.checkpoint():
            return None
        share = (state.epoch + number / len(batches)) / plan.epochs
        rate = plan.learning_rate * _falling(share)
        batch = problem.batch([problem.training[i] for i in chosen])
        batch = jax.device_put(batch, device)
        trained, optimizer, loss = trainer.step(
            trained, optimizer, batch, jnp.asarray(rate), layout
        )
        losses.append(loss)
        yield Progress(
            fraction=(state.epoch + (number + 1) / len(batches)) / plan.epochs, phase="training"
        )
    mean = float(np.mean([float(loss) for loss in losses]))
    sums = problem.errors(trained, problem.validation, device)
    parts = {name: float(loss) for name, loss in trainer.losses(sums).items()}
    epoch = state.epoch + 1
    if not all(map(math.isfinite, (mean, *parts.values()))):
        raise PhysicsError(
            f"The loss left the numbers in epoch {epoch}.",
            f"Take a smaller learning rate than {plan.learning_rate:g}; what was written before "
            "stays.",
        )
    trained, optimizer = jax.tree.map(np.asarray, (trained, optimizer))
    new = state.after(trained, optimizer, parts)
    event = Trained(
        epoch=epoch,
        loss=mean,
        validation=sum(parts.values()),
        errors={e.quantity: e.error for e in _fit_errors(problem, sums)},
        learning_rate=rate,
        better=epoch in new.best_epochs.values(),
        seconds=time.perf_counter() - since,
    )
    return new, event


def _falling(share: float) -> float:
    return LOWEST_RATE + (1.0 - LOWEST_RATE) * 0.5 * (1.0 + math.cos(math.pi * share))


def _fit_errors(problem: FitProblem, sums: Sums) -> tuple[FitError, ...]:
    found = []
    for quantity in problem.trainer.weights:
        count, (label, unit, scale) = float(sums.counts[quantity]), WORDS[quantity]
        if count:
            error = scale * math.sqrt(float(sums.squares[quantity]) / count)
            found.append(
                FitError(
                    quantity=quantity,
                    label=label,
                    unit=unit,
                    count=round(count),
                    error=error,
                    size=scale * problem.sizes[quantity],
                )
            )
    return tuple(found)


def _write(store: FitStore, problem: FitProblem, state: FitState) -> None:
    """Write the best networks, then what is needed to go on."""
    about = (f"Fitted to {', '.join(Path(name).name for name in store.plan.data)}.",)
    if base := problem.base:
        about += (f"It corrects {base.found.label} {base.path.name} and is nothing without.",)
    for name, given in problem.files(state.best, about).items():
        store.write_network(name, given)
    store.write_state(to_arrays(state, problem))


def _ended(
    store: FitStore, problem: FitProblem, state: FitState, reason: str, seconds: float
) -> Fitted:
    """Write the report of the best networks and return it."""
    device = machine.devices(store.plan.device)[0]
    best: Networks = jax.device_put(state.best, device)

    def measured(samples: list[Sample]) -> tuple[FitError, ...]:
        return _fit_errors(problem, problem.errors(best, samples, device))

    names = [
        name
        for name in (NETWORK_FILES[store.plan.kind], DIPOLE_FILE, SUM_FILE)
        if (store.path / name).exists()
    ]
    report = Fitted(
        folder=str(store.path),
        files=tuple(str(store.path / name) for name in names),
        reason=reason,
        epochs=state.epoch,
        best_epochs=state.best_epochs,
        numbers=sum(a.size for a in jax.tree.leaves(state.best)),
        training_frames=len(problem.training),
        validation_frames=len(problem.validation),
        training=measured(problem.training),
        validation=measured(problem.validation),
        seconds=seconds,
    )
    store.write_report(report)
    return report
