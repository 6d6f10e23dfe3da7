"""From a recipe to a problem: files read, names looked up, units converted, all checked."""

from __future__ import annotations

import time
from typing import Any

import jax.numpy as jnp
import msgspec
import numpy as np

from dmdstudio import __version__
from dmdstudio.base.errors import FileError, RecipeError, UnitError, nearest
from dmdstudio.base.units import dimension, factor, to_internal
from dmdstudio.engine import gradients as _gradients
from dmdstudio.engine import observables as _observables
from dmdstudio.engine import potentials as _potentials
from dmdstudio.engine.core import System
from dmdstudio.engine.gradient import GradientMethod, gradients
from dmdstudio.engine.observable import Clock, Observable, observables
from dmdstudio.engine.potential import ForceField, Potential, potentials
from dmdstudio.engine.problem import Problem, Slot
from dmdstudio.engine.replicas import Replicas
from dmdstudio.engine.target import Target
from dmdstudio.files.spectra import observable_of, open_questions, read_measurement
from dmdstudio.plan.catalog import Catalog, options_from
from dmdstudio.plan.events import Ready
from dmdstudio.plan.recipe import PotentialPlan, Recipe, TargetPlan
from dmdstudio.plan.structure import Measurement
from dmdstudio.plan.terms import parameter_key
from dmdstudio.service import machine
from dmdstudio.service.structure import structure_of

__all__ = ["build", "catalog", "describe"]
_REGISTERED = (_potentials, _observables, _gradients)  # importing them fills the registries


def describe() -> Ready:
    """Say what this installation can do and where it computes."""
    began = time.perf_counter()
    found = machine.devices("auto")
    return Ready(
        catalog=catalog(),
        device=machine.description(found),
        devices=tuple(str(device) for device in found),
        version=__version__,
        seconds=time.perf_counter() - began,
    )


def catalog() -> Catalog:
    """Return all that is registered."""
    from dmdstudio.files.potentials import formats

    registries = (potentials, observables, gradients)
    entries = [item.entry() for registry in registries for _, item in registry.items()]
    return Catalog((*entries, *formats()))


def build(recipe: Recipe, replicas: int | None = None) -> tuple[Problem, Recipe]:
    """Return the problem of a recipe, and the recipe with every setting written out.

    Args:
        recipe: what to do; its ``folder`` says where its files lie.
        replicas: instead of the recipe's number.

    Raises:
        RecipeError, FileError, PhysicsError: something does not exist or does not fit.
    """
    plan = recipe.execution
    chosen = machine.devices(plan.device)
    structure = structure_of(recipe)
    names = tuple(sorted(set(structure.symbols)))
    system = System(
        type_names=names,
        types=np.array([names.index(s) for s in structure.symbols]),
        masses=np.asarray(structure.masses, np.float64),
        cell=np.asarray(structure.cell, np.float64),
        precision=plan.precision,
        lattice_bits=plan.lattice_bits,
        platform=machine.platform(chosen),
    )
    terms, slots, potential_plans = _force_field(recipe, system)
    targets, target_plans = _targets(recipe, system)
    method, gradient_options = _method(recipe)
    sampling = recipe.sampling
    if replicas is not None:
        if replicas < 2:
            raise RecipeError("A standard error needs at least 2 replicas.", "Ask for more.")
        sampling = msgspec.structs.replace(sampling, replicas=replicas)
    problem = Problem(
        system=system,
        field=ForceField(system, terms),
        start=np.asarray(system.to_lattice(jnp.asarray(structure.positions))),
        targets=targets,
        slots=slots,
        method=method,
        sampling=sampling,
        dynamics=recipe.dynamics,
        optimizer=recipe.optimizer,
        iterations=recipe.refinement.iterations,
        seed=plan.seed,
        replicas=Replicas.plan(sampling.replicas, plan.batch, chosen),
    )
    complete = msgspec.structs.replace(
        recipe,
        sampling=sampling,
        potential=potential_plans,
        target=target_plans,
        gradient=msgspec.structs.replace(recipe.gradient, options=gradient_options),
    )
    return problem, complete


def _written_out(options: msgspec.Struct) -> dict[str, Any]:
    """Return all settings of a registered thing, defaults too; None stays out of the file."""
    return {k: v for k, v in msgspec.to_builtins(options).items() if v is not None}


# ------------------------------------------------------------------------------ the force field


def _force_field(
    recipe: Recipe, system: System
) -> tuple[tuple[tuple[str, Potential], ...], tuple[Slot, ...], tuple[PotentialPlan, ...]]:
    terms, slots, plans = [], [], []
    for plan in recipe.potential:
        kind = potentials.get(plan.kind)
        options = options_from(kind.Options, plan.options, plan.key)
        terms.append((plan.key, kind.build(options, system)))
        slots.extend(_slots(plan, kind, system))
        plans.append(msgspec.structs.replace(plan, options=_written_out(options)))
    if not any(slot.free for slot in slots):
        raise RecipeError("No parameter is free, so there is nothing to refine.", "Free one.")
    return tuple(terms), tuple(slots), tuple(plans)


def _slots(plan: PotentialPlan, kind: type[Potential], system: System) -> list[Slot]:
    declared = {field.name: field for field in kind.parameters}
    missing = {(name, of) for name in declared for of in system.type_names}
    slots = []
    for parameter in plan.parameter:
        key = parameter_key(plan, parameter)
        if parameter.name not in declared:
            raise RecipeError(
                f"{plan.key} has no parameter {parameter.name!r}.",
                nearest(parameter.name, list(declared)),
            )
        if parameter.of and parameter.of not in system.type_names:
            raise RecipeError(
                f"{key}: the structure has no atom type {parameter.of!r}.",
                f"It has: {', '.join(system.type_names)}.",
            )
        field = declared[parameter.name]
        unit = parameter.unit or field.unit
        if dimension(unit) != dimension(field.unit):
            raise RecipeError(
                f"{key} is given in {unit!r}, a {dimension(unit)}; it is a "
                f"{dimension(field.unit)}.",
                f"Use {field.unit!r}, for example.",
            )
        types = [parameter.of] if parameter.of else list(system.type_names)
        given = {(parameter.name, of) for of in types}
        if not given <= missing:
            raise RecipeError(f"{key} is given twice.")
        missing -= given
        slots.append(_slot(parameter, key, plan.key, field, unit, types, system))
    if missing:
        name, of = sorted(missing)[0]
        raise RecipeError(
            f"{plan.key} needs a value of {name!r} for {of}.",
            f"Add a [[potential.parameter]] with name = {name!r}.",
        )
    return slots


def _slot(
    parameter: Any, key: str, term: str, field: Any, unit: str, types: list[str], system: System
) -> Slot:
    def internal(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else to_internal(value, unit)

    hard_lower = -np.inf if field.lower is None else to_internal(field.lower, field.unit)
    hard_upper = np.inf if field.upper is None else to_internal(field.upper, field.unit)
    lower = max(internal(parameter.lower, -np.inf), hard_lower)
    upper = min(internal(parameter.upper, np.inf), hard_upper)
    value = to_internal(parameter.value, unit)
    if not lower <= value <= upper:
        raise RecipeError(
            f"{key} = {parameter.value:g} {unit} is outside what the potential allows "
            f"({field.lower} to {field.upper} {field.unit})."
        )
    return Slot(
        key=key,
        term=term,
        name=parameter.name,
        elements=tuple(system.type_names.index(of) for of in types),
        unit=unit,
        value=value,
        lower=lower,
        upper=upper,
        free=parameter.free,
    )


# ---------------------------------------------------------------------------------- the targets


def _targets(recipe: Recipe, system: System) -> tuple[tuple[Target, ...], tuple[TargetPlan, ...]]:
    if not recipe.target:
        raise RecipeError("The recipe has no target.", "Add a [[target]] with an observable.")
    dynamics = recipe.dynamics
    clock = Clock(
        dynamics.timestep * dynamics.record_every,
        dynamics.steps // (dynamics.record_every * dynamics.segments) + 1,
    )
    targets, plans = [], []
    for plan in recipe.target:
        kind = observables.get(plan.observable)
        options = options_from(kind.Options, plan.options, plan.key)
        observable = kind.build(options, system, clock, recipe.sampling.temperature)
        targets.append(_target(plan, observable, recipe))
        plans.append(msgspec.structs.replace(plan, options=_written_out(options)))
    if not any(t.experiment is not None and t.weight > 0 for t in targets):
        raise RecipeError(
            "No target has experimental data and a weight, so there is nothing to match.",
            "Give a target its `data` file.",
        )
    return tuple(targets), tuple(plans)


def _target(plan: TargetPlan, observable: Observable, recipe: Recipe) -> Target:
    if not plan.data:
        return Target(plan.key, observable, 0.0)
    path = recipe.path(plan.data)
    measured = read_measurement(path)
    if questions := open_questions(measured):
        raise FileError(
            f"{path.name} does not say what it holds: {questions[0].text}",
            "Write it into the file's header, as `# quantity: ...` and `name [unit]`.",
        )
    if observable_of(measured.quantity) != observable.name:
        raise RecipeError(
            f"Target {plan.key!r} is {observable.name!r}, but {path.name} holds "
            f"{measured.quantity!r}.",
            "Name another file, or the observable that it measures.",
        )
    try:
        value, error = _in_unit(measured, observable)
    except UnitError as wrong:
        raise UnitError(f"{path.name}: {wrong.message}", wrong.advice) from None
    if observable.axis is None:
        if len(value) != 1:
            raise FileError(
                f"{path.name} holds {len(value)} points; {observable.name} is a single number."
            )
        return Target(plan.key, observable, plan.weight, value, error, measured.source)
    axis, inside = _inside(measured, observable, path.name)
    error = None if error is None else error[inside]
    return Target(plan.key, observable, plan.weight, value[inside], error, measured.source, axis)


def _inside(measured: Measurement, observable: Observable, name: str) -> tuple[Any, Any]:
    """Return the experiment's axis where the prediction has one too, and which points those are."""
    assert observable.axis is not None
    if measured.axis is None:
        raise FileError(
            f"{name} holds a single number; {observable.name} is a curve against "
            f"{observable.axis_label.lower()}."
        )
    axis = measured.axis * factor(measured.axis_unit, observable.axis_unit)
    low, high = observable.axis[0], observable.axis[-1]
    slack = 1e-6 * (high - low)  # a point on the border is inside
    inside = (axis >= low - slack) & (axis <= high + slack)
    if inside.sum() < 2:
        raise FileError(
            f"{name} covers {axis.min():g} to {axis.max():g} {observable.axis_unit}, but "
            f"{observable.name} is predicted from {low:g} to {high:g}: fewer than two points "
            "in common.",
            "Check the unit of the axis, or change the window.",
        )
    return np.clip(axis[inside], low, high), inside


def _in_unit(measured: Measurement, observable: Observable) -> tuple[Any, Any]:
    scale = factor(measured.unit, observable.unit)
    error = None if measured.error is None else measured.error * scale
    return measured.value * scale, error


def _method(recipe: Recipe) -> tuple[GradientMethod, dict[str, Any]]:
    kind = gradients.get(recipe.gradient.method)
    options = options_from(kind.Options, recipe.gradient.options, "gradient")
    return kind.build(options), _written_out(options)
