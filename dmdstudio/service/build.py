"""From a recipe to a problem: files read, names looked up, units converted, all checked."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
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
from dmdstudio.engine import surfaces as _surfaces
from dmdstudio.engine.core import System
from dmdstudio.engine.gradient import GradientMethod, gradients
from dmdstudio.engine.observable import Clock, Observable, observables
from dmdstudio.engine.potential import ForceField, Potential, potentials
from dmdstudio.engine.problem import AnySlot, Problem, Slot
from dmdstudio.engine.replicas import Replicas
from dmdstudio.engine.surface import Surface, surfaces
from dmdstudio.engine.target import Target
from dmdstudio.files.spectra import (
    absorbance_from_transmittance,
    n_alpha_from_epsilon,
    observable_of,
    read_as,
    to_wavenumber,
)
from dmdstudio.plan import force_fit
from dmdstudio.plan.catalog import BONDED, Catalog, ParameterField, options_from
from dmdstudio.plan.events import Ready
from dmdstudio.plan.recipe import ParameterPlan, PotentialPlan, Recipe, TargetPlan
from dmdstudio.plan.regions import check_within, regions_in, weights_at
from dmdstudio.plan.structure import Measurement
from dmdstudio.plan.terms import parameter_key
from dmdstudio.plan.ties import parse_tie
from dmdstudio.service import machine
from dmdstudio.service.arrays import array_slots, given_arrays, require_affordable
from dmdstudio.service.structure import structure_of
from dmdstudio.service.ties import with_ties

__all__ = ["build", "catalog", "describe"]
_REGISTERED = (
    _potentials,
    _surfaces,
    _observables,
    _gradients,
)  # importing them fills the registries


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
        memory_bytes=machine.memory_bytes(found),
    )


def catalog() -> Catalog:
    """Return all that is registered."""
    from dmdstudio.files.potentials import formats, reading

    registries = (potentials, surfaces, observables, gradients)
    entries = [item.entry() for registry in registries for _, item in registry.items()]
    return Catalog((*entries, *formats(), *reading.formats(), force_fit.entry()))


def build(
    recipe: Recipe, replicas: int | None = None, refined: bool = True
) -> tuple[Problem, Recipe]:
    """Return the problem of a recipe, and the recipe with every setting written out.

    Args:
        recipe: what to do; its ``folder`` says where its files lie.
        replicas: instead of the recipe's number.
        refined: there must be something to refine, and something to refine it against.

    Raises:
        RecipeError, FileError, PhysicsError: something does not exist or does not fit.
    """
    plan = recipe.execution
    chosen = machine.devices(plan.device)
    _require_owners(recipe)
    recipe = _with_bonds_settled(recipe)
    structure = structure_of(recipe)
    names = tuple(sorted(set(structure.types)))
    system = System(
        type_names=names,
        types=np.array([names.index(type_) for type_ in structure.types]),
        masses=np.asarray(structure.masses, np.float64),
        cell=np.asarray(structure.cell, np.float64),
        precision=plan.precision,
        lattice_bits=plan.lattice_bits,
        platform=machine.platform(chosen),
        pairs=plan.pairs,
        bonds=structure.bonds,
        symbols=structure.symbols,
    )
    terms, slots, potential_plans = _force_field(recipe, system)
    start = system.to_lattice(jnp.asarray(structure.positions))
    field = ForceField(system, terms).fitted(start, jnp.asarray(system.cell))
    given, surface_slots, surface_plans = _surfaces_of(recipe, system, field)
    given = tuple((key, surface.fitted(start, jnp.asarray(system.cell))) for key, surface in given)
    slots = with_ties(slots + surface_slots)
    targets, target_plans = _targets(recipe, system)
    if refined:
        _require_purpose(slots, targets)
        _require_rates(slots, recipe.optimizer.kind)
    _require_surfaces(targets, given)
    method, gradient_options = _method(recipe)
    sampling = recipe.sampling
    if replicas is not None:
        if replicas < 2:
            raise RecipeError("A standard error needs at least 2 replicas.", "Ask for more.")
        sampling = msgspec.structs.replace(sampling, replicas=replicas)
    problem = Problem(
        system=system,
        field=field,
        start=np.asarray(start),
        targets=targets,
        slots=slots,
        method=method,
        sampling=sampling,
        dynamics=recipe.dynamics,
        optimizer=recipe.optimizer,
        refinement=recipe.refinement,
        seed=plan.seed,
        replicas=Replicas.plan(
            sampling.replicas, plan.batch, chosen, machine.processes(), plan.deterministic
        ),
        surfaces=given,
    )
    require_affordable(problem)
    complete = msgspec.structs.replace(
        recipe,
        sampling=sampling,
        potential=potential_plans,
        surface=surface_plans,
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
) -> tuple[tuple[tuple[str, Potential], ...], tuple[AnySlot, ...], tuple[PotentialPlan, ...]]:
    if not recipe.potential:
        raise RecipeError("The recipe has no potential.", "Add a [[potential]] table.")
    terms, slots, plans = [], [], []
    for plan in recipe.potential:
        kind = potentials.get(plan.kind)
        options = options_from(kind.Options, plan.options, plan.key)
        given, options = given_arrays(recipe, plan, options)
        term = kind.build(options, system)
        terms.append((plan.key, term))
        slots.extend(_slots(plan, term, system))
        slots.extend(array_slots(plan, term, given))
        plans.append(msgspec.structs.replace(plan, options=_written_out(options)))
    return tuple(terms), tuple(slots), tuple(plans)


def _surfaces_of(
    recipe: Recipe, system: System, field: ForceField
) -> tuple[tuple[tuple[str, Surface], ...], tuple[AnySlot, ...], tuple[PotentialPlan, ...]]:
    """Return the surfaces by their keys, at most one for each property, and their parameters."""
    found: list[tuple[str, Surface]] = []
    slots: list[AnySlot] = []
    plans = []
    for plan in recipe.surface:
        kind = surfaces.get(plan.kind)
        if other := next((key for key, one in found if one.gives == kind.gives), None):
            raise RecipeError(
                f"The recipe has 2 surfaces for the {kind.gives}, {other!r} and {plan.key!r}.",
                "Keep one of them.",
            )
        options = options_from(kind.Options, plan.options, plan.key)
        given, options = given_arrays(recipe, plan, options)
        surface = kind.build(options, system, field)
        found.append((plan.key, surface))
        slots.extend(_slots(plan, surface, system))
        slots.extend(array_slots(plan, surface, given))
        plans.append(msgspec.structs.replace(plan, options=_written_out(options)))
    return tuple(found), tuple(slots), tuple(plans)


_PROPERTIES = {
    "dipole": (
        "dipole moment",
        "kind = 'potential_charges', which takes the charges of the potential",
    ),
    "polarisability": (
        "polarisability",
        "kind = 'bond_polarisability', which has numbers for each kind of bond",
    ),
}
"""What surfaces give, in words, and the plainest surface that gives it."""


def _require_surfaces(targets: tuple[Target, ...], given: tuple[tuple[str, Surface], ...]) -> None:
    """Raise where an observable needs a property that no surface gives."""
    having = {surface.gives for _, surface in given}
    for target in targets:
        for name, (words, plainest) in _PROPERTIES.items():
            if name not in having and target.observable.needs & {name, f"{name}_velocity"}:
                others = [key for key, kind in surfaces.items() if kind.gives == name]
                raise RecipeError(
                    f"Target {target.key!r} needs the {words}, but the recipe has no surface for "
                    "it.",
                    f"Add [[surface]] with {plainest}, or another of: {', '.join(others)}.",
                )


def _kinds(recipe: Recipe) -> list[tuple[PotentialPlan, type[Potential | Surface]]]:
    kinds: list[Any] = [(plan, potentials.get(plan.kind)) for plan in recipe.potential]
    return kinds + [(plan, surfaces.get(plan.kind)) for plan in recipe.surface]


def _with_bonds_settled(recipe: Recipe) -> Recipe:
    """Return a recipe that says itself whether bonds are looked for."""
    if recipe.system.bonds == "none":
        return recipe
    wanted = any(field.per in BONDED for _, kind in _kinds(recipe) for field in kind.parameters)
    if recipe.system.bonds == "find" and not wanted:
        raise RecipeError(
            "The recipe has system.bonds = 'find', but no term with parameters of bonds.",
            "Set it to 'auto', or add terms such as harmonic_bond that hold molecules together.",
        )
    system = msgspec.structs.replace(recipe.system, bonds="find" if wanted else "none")
    return msgspec.structs.replace(recipe, system=system)


def _require_owners(recipe: Recipe) -> None:
    """Raise where a parameter of bonds or angles does not say which: the bonds hang on it."""
    for plan, kind in _kinds(recipe):
        for field in kind.parameters:
            for parameter in plan.parameter:
                if parameter.name == field.name and not _names_one(parameter.of, field.per):
                    found = f"found of = {parameter.of!r}" if parameter.of else "`of` is missing"
                    raise RecipeError(
                        f"{parameter_key(plan, parameter)} belongs to {field.per}s of one kind, "
                        f"but {found}.",
                        f"Name the atom types of the {field.per}, such as of = "
                        f"{_OWNERS[field.per]!r}.",
                    )


_OWNERS = {
    "bond": "H-O",
    "angle": "H-O-H",
    "torsion": "H-O-O-H",
    "improper": "C(H,H,O)",
}
"""How what a parameter may belong to is named, where that must be said."""


def _names_one(of: str, per: str) -> bool:
    """Whether a name has the form of what a parameter is per; none is needed without bonds."""
    if per not in _OWNERS:
        return True
    if per == "improper":
        return re.fullmatch(r"[^-(),]+\([^-(),]+(,[^-(),]+){2}\)", of) is not None
    return len(of.split("-")) == len(_OWNERS[per].split("-"))


def _slots(plan: PotentialPlan, term: Potential | Surface, system: System) -> list[Slot]:
    declared = {field.name: field for field in term.parameters}
    derived = term.derived()
    missing = {(f.name, of) for f in term.parameters for of in system.owners(f.per)} - derived
    slots = []
    for parameter in plan.parameter:
        key = parameter_key(plan, parameter)
        if parameter.name not in declared:
            raise RecipeError(
                f"{plan.key} has no parameter {parameter.name!r}.",
                nearest(parameter.name, list(declared)),
            )
        field = declared[parameter.name]
        owners = _owners(parameter, key, field, system)
        unit = parameter.unit or field.unit
        if dimension(unit) != dimension(field.unit):
            raise RecipeError(
                f"{key} is given in {unit!r}, a {dimension(unit)}; it is a "
                f"{dimension(field.unit)}.",
                f"Use {field.unit!r}, for example.",
            )
        given = {(parameter.name, of) for of in owners}
        if found := sorted(given & derived):
            raise RecipeError(
                f"{key}: {plan.key} finds {found[0][0]} of {found[0][1]} by itself.",
                "Give the others one by one, with `of`, and leave this one out.",
            )
        if not given <= missing:
            raise RecipeError(f"{key} is given twice.")
        missing -= given
        slots.append(_slot(parameter, key, plan, field, unit, owners, system))
    if missing:
        name, of = sorted(missing)[0]
        raise RecipeError(
            f"{plan.key} needs a value of {name!r}{f' for {of}' if of else ''}.",
            f"Add a [[potential.parameter]] with name = {name!r}.",
        )
    _check_values(term, slots, system)
    return slots


def _owners(parameter: ParameterPlan, key: str, field: ParameterField, system: System) -> list[str]:
    """Return what a parameter belongs to: a type, a bond, an angle, or all of them."""
    known = system.owners(field.per)
    if not parameter.of:
        return list(known)
    if field.per == "none":
        raise RecipeError(f"{key} belongs to nothing in particular.", "Leave out `of`.")
    if parameter.owner not in known:
        sort = "atom type" if field.per == "type" else field.per
        raise RecipeError(
            f"{key}: the structure has no {sort} {parameter.of!r}.", f"It has: {', '.join(known)}."
        )
    return [parameter.owner]


def _check_values(term: Potential | Surface, slots: list[Slot], system: System) -> None:
    """Let the term say what is wrong with its starting values."""
    values = {f.name: np.zeros(len(system.owners(f.per))) for f in term.parameters}
    free = {name: np.zeros(array.shape, bool) for name, array in values.items()}
    for slot in slots:
        values[slot.name][list(slot.elements)] = slot.value
        free[slot.name][list(slot.elements)] = slot.free
    term.check(values, free)


def _slot(
    parameter: ParameterPlan,
    key: str,
    plan: PotentialPlan,
    field: ParameterField,
    unit: str,
    owners: list[str],
    system: System,
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
    mean = internal(parameter.prior_mean, value)
    return Slot(
        key=key,
        term=plan.key,
        name=parameter.name,
        elements=tuple(system.owners(field.per).index(of) for of in owners),
        unit=unit,
        value=value,
        lower=lower,
        upper=upper,
        free=parameter.free and not parameter.tie,
        tie=parse_tie(parameter.tie, key) if parameter.tie else None,
        rate=plan.rate * parameter.rate,
        logarithmic=_logarithmic(parameter, key),
        prior=_prior(parameter, key, mean),
        prior_mean=mean,
    )


def _require_rates(slots: Sequence[AnySlot], optimizer: str) -> None:
    """Raise where a parameter has a learning rate that the optimiser does not have."""
    own = [slot.key for slot in slots if slot.rate != 1.0]
    if own and optimizer == "gauss_newton":
        raise RecipeError(
            f"{own[0]} has a rate of its own; gauss_newton has no learning rate.",
            "Leave rate out, or set optimizer.kind = 'adam'.",
        )


def _logarithmic(parameter: ParameterPlan, key: str) -> bool:
    """Return whether steps of a parameter are taken in its logarithm."""
    if parameter.transform == "none":
        return False
    if parameter.value <= 0.0:
        raise RecipeError(
            f"{key} has transform = 'log', but starts from {parameter.value:g}: only positive "
            "numbers have a logarithm.",
            "Leave transform out.",
        )
    return True


def _prior(parameter: ParameterPlan, key: str, centre: float) -> float:
    """Return the standard deviation of a prior about its centre, infinite for none."""
    if parameter.prior is None:
        if parameter.prior_mean is not None:
            raise RecipeError(f"{key} has a prior_mean but no prior.", "Set prior = 0.05, say.")
        return math.inf
    mean = parameter.value if parameter.prior_mean is None else parameter.prior_mean
    if mean == 0.0:
        raise RecipeError(
            f"{key} has a prior of {parameter.prior:g} of its start, which is 0.",
            "Give prior_mean another value, or hold the parameter by lower and upper bounds.",
        )
    return parameter.prior * abs(centre)


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
        _require_ensemble(plan, kind, recipe)
        options = options_from(kind.Options, plan.options, plan.key)
        observable = kind.build(options, system, clock, recipe.sampling.temperature)
        targets.append(_target(plan, observable, recipe))
        plans.append(msgspec.structs.replace(plan, options=_written_out(options)))
    return tuple(targets), tuple(plans)


def _require_purpose(slots: tuple[AnySlot, ...], targets: tuple[Target, ...]) -> None:
    if not any(slot.free for slot in slots):
        raise RecipeError("No parameter is free, so there is nothing to refine.", "Free one.")
    if not any(t.experiment is not None and t.weight > 0 for t in targets):
        raise RecipeError(
            "No target has experimental data and a weight, so there is nothing to match.",
            "Give a target its `data` file.",
        )


def _require_ensemble(plan: TargetPlan, kind: type[Observable], recipe: Recipe) -> None:
    if recipe.sampling.ensemble not in kind.ensembles:
        raise RecipeError(
            f"Target {plan.key!r}: {kind.name} cannot change with sampling.ensemble = "
            f"{recipe.sampling.ensemble!r}.",
            f"Set sampling.ensemble = {kind.ensembles[0]!r}, or remove the target.",
        )


def _target(plan: TargetPlan, observable: Observable, recipe: Recipe) -> Target:
    if not plan.data:
        return Target(plan.key, observable, 0.0)
    path = recipe.path(plan.data)
    measured = read_as(path, plan.reading, plan.corrections)
    if observable_of(measured.quantity) != observable.name:
        raise RecipeError(
            f"Target {plan.key!r} is {observable.name!r}, but {path.name} holds "
            f"{measured.quantity!r}.",
            "Name another file, or the observable that it measures.",
        )
    try:
        measured = _comparable(plan, measured, observable, path.name)
        value, error = _in_unit(measured, observable, plan.fit_scale)
    except UnitError as wrong:
        raise UnitError(f"{path.name}: {wrong.message}", wrong.advice) from None
    axis = point_weight = None
    if observable.axis is not None:
        axis, everywhere, point_weight = _inside(measured, observable, plan, path.name)
        value = observable.resolved(everywhere, value, axis)
        error = None if error is None else observable.resolved(everywhere, error, axis)
    elif len(value) != 1:
        raise FileError(
            f"{path.name} holds {len(value)} points; {observable.name} is a single number."
        )
    elif plan.regions:
        raise RecipeError(
            f"Target {plan.key!r} has regions, but {observable.name} is a single number.",
            "Remove them; the target's own weight is what counts.",
        )
    error = _errors(plan, value, error, path.name)
    return Target(
        plan.key,
        observable,
        plan.weight,
        value,
        error,
        measured.source,
        axis,
        plan.loss,
        plan.huber_threshold,
        plan.fit_scale,
        point_weight,
    )


def _errors(plan: TargetPlan, value: Any, error: Any, name: str) -> Any:
    """Return the standard errors that a target goes by [point], None where there are none."""
    size = np.sqrt(np.mean(value**2))
    if plan.relative_error is not None:
        error = np.full(value.shape, plan.relative_error * size)
    if plan.weight == 0.0:
        return error
    if plan.loss == "relative":
        if size == 0.0:
            raise RecipeError(
                f"Target {plan.key!r} has loss = 'relative', but all values in {name} are 0.",
                "Set loss = 'chi_squared'; it needs errors in the file.",
            )
        return error
    bad = [] if error is None else error[~(np.isfinite(error) & (error > 0.0))]
    if error is None or len(bad):
        wrong = "has no errors" if error is None else f"has an error of {bad[0]:g}"
        raise RecipeError(
            f"Target {plan.key!r} has loss = {plan.loss!r}, but {name} {wrong}.",
            "Add a column of standard errors to the file, or set the target's relative_error, "
            "0.02 for 2 %, say; loss = 'relative' needs none.",
        )
    return error


def _comparable(
    plan: TargetPlan, measured: Measurement, observable: Observable, name: str
) -> Measurement:
    """Return a measurement as the quantity that the observable predicts, as far as that goes."""
    if measured.quantity == "transmittance":
        measured = absorbance_from_transmittance(measured)
    elif measured.quantity == "epsilon_imaginary":
        measured = n_alpha_from_epsilon(measured)
    elif measured.quantity == "raman_intensity" and dimension(measured.axis_unit) == "length":
        raise RecipeError(
            f"Target {plan.key!r}: {name} is against a wavelength in {measured.axis_unit}; a Raman "
            "shift is the difference of two.",
            "Convert the axis to the shift from the laser's line, in 1/cm.",
        )
    elif observable.axis_unit == "1/cm":
        measured = to_wavenumber(measured)
    if (scale := _SCALES.get(measured.quantity)) and not plan.fit_scale:
        raise RecipeError(
            f"Target {plan.key!r}: {name} holds {scale}; {observable.name} is absolute"
            f"{f', in {observable.unit}' if observable.unit else ''}.",
            "Set the target's fit_scale = true to compare shapes.",
        )
    return measured


_SCALES = {
    "absorbance": "an absorbance, whose scale depends on the path through the sample",
    "raman_intensity": "an intensity in arbitrary units",
}
"""Measured quantities that say something only up to a factor."""


def _inside(
    measured: Measurement, observable: Observable, plan: TargetPlan, name: str
) -> tuple[Any, Any, Any]:
    """Return the experiment's axis where it is compared, all of it, and the points' weights.

    Points that weigh nothing are not compared; where all others weigh alike there are no weights.
    """
    assert observable.axis is not None
    if measured.axis is None:
        raise FileError(
            f"{name} holds a single number; {observable.name} is a curve against "
            f"{observable.axis_label.lower()}."
        )
    where = f"Target {plan.key!r}"
    axis = measured.axis * factor(measured.axis_unit, observable.axis_unit)
    low, high = observable.axis[0], observable.axis[-1]
    slack = 1e-6 * (high - low)  # a point on the border is inside
    regions = regions_in(plan.regions, observable.axis_unit, where)
    check_within(regions, axis, where)
    weight = weights_at(axis, regions)
    inside = (axis >= low - slack) & (axis <= high + slack) & (weight > 0.0)
    if inside.sum() < 2:
        raise FileError(
            f"{name} covers {axis.min():g} to {axis.max():g} {observable.axis_unit}, but "
            f"{observable.name} is predicted from {low:g} to {high:g}: fewer than two points "
            "in common.",
            "Check the unit of the axis, change the window, or leave less out.",
        )
    weight = weight[inside]
    return np.clip(axis[inside], low, high), axis, weight if np.ptp(weight) > 0.0 else None


def _in_unit(measured: Measurement, observable: Observable, any_scale: bool) -> tuple[Any, Any]:
    scale = 1.0 if any_scale else factor(measured.unit, observable.unit)
    error = None if measured.error is None else measured.error * scale
    return measured.value * scale, error


def _method(recipe: Recipe) -> tuple[GradientMethod, dict[str, Any]]:
    kind = gradients.get(recipe.gradient.method)
    options = options_from(kind.Options, recipe.gradient.options, "gradient")
    return kind.build(options), _written_out(options)
