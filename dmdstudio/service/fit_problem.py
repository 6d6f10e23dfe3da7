"""From the settings of a fit to its problem: data read, networks begun, sizes measured."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.force_batches import Batch, Layout, Sample
from dmdstudio.engine.force_fit import LENGTHS, Networks, Scaling, Sums, Trainer, survey
from dmdstudio.engine.force_models import ForceModel
from dmdstudio.engine.formal_charges import formal_charges
from dmdstudio.engine.networks import elements_of
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.force_fit import DIPOLE_FILE, NETWORK_FILES, QUANTITIES, ForceFitPlan
from dmdstudio.service.fit_base import Base
from dmdstudio.service.fit_data import (
    measured_sizes,
    network_of,
    read_data,
    read_starts,
    solved,
)
from dmdstudio.service.fit_networks import model_of, new_network
from dmdstudio.service.stored_fit import FitState, begun, stored_scaling

DIPOLE_SIZE = 0.1
"""Of the output of a new network of dipoles, e."""

LOOKED_AT = 100
"""Frames that the sizes of features are taken from."""


@dataclass(frozen=True, eq=False)
class FitProblem:
    """What a fit does not change.

    Attributes:
        plan: settings.
        trainer: the loss and its steps.
        layout: of batches.
        training: frames to train with.
        validation: frames to validate with.
        start: networks to begin with.
        settings: what the files of the networks say of them, by network.
        references: energies of the atoms by themselves, over those of the start [element], eV.
        charges: formal ones [element], e.
        sizes: root mean square of the data by quantity, as of `FitError`, internal units.
        notes: sentences for the log.
        base: the potential that the network corrects, which the frames are without.
    """

    plan: ForceFitPlan
    trainer: Trainer
    layout: Layout
    training: list[Sample]
    validation: list[Sample]
    start: Networks
    settings: Mapping[str, dict[str, object]]
    references: np.ndarray
    charges: np.ndarray
    sizes: Mapping[str, float]
    notes: tuple[str, ...]
    base: Base | None = None

    def init(self) -> FitState:
        """Return where the fit begins."""
        precise = jax.tree.map(lambda a: np.asarray(a, self.plan.precision), self.start)
        trained = jax.tree.map(np.asarray, self.trainer.trained(precise))
        optimizer = jax.tree.map(np.asarray, self.trainer.init(trained))
        return begun(trained, optimizer)

    def batch(self, samples: Sequence[Sample]) -> Batch:
        """Put frames together."""
        return self.layout.batch(samples, self.references, self.charges)

    def errors(self, trained: Networks, samples: Sequence[Sample], device: Any) -> Sums:
        """Return the errors of networks in their trained form, summed over frames."""
        total: Sums | None = None
        for first in range(0, len(samples), self.layout.frames):
            batch = self.batch(samples[first : first + self.layout.frames])
            found = self.trainer.errors(trained, jax.device_put(batch, device), self.layout)
            found = jax.tree.map(lambda a: np.asarray(a, np.float64), found)
            total = found if total is None else jax.tree.map(np.add, total, found)
        assert total is not None
        return total

    def files(self, trained: Networks, about: tuple[str, ...]) -> dict[str, ParameterArrays]:
        """Return the parameter files of networks in their trained form, by name."""
        exact = jax.tree.map(lambda a: np.asarray(a, np.float64), trained)
        found = {}
        for name, own in self.trainer.arrays(exact).items():
            arrays = {key: np.asarray(value) for key, value in own.items()}
            if name == "potential":
                arrays["output_bias"] = arrays["output_bias"] + self.references
            kind, file = self.plan.kind, NETWORK_FILES[self.plan.kind]
            if name == "dipole":
                kind, file = "eann_dipole", DIPOLE_FILE
            found[file] = ParameterArrays(kind, arrays, self.settings[name], about)
        return found


def fit_problem(plan: ForceFitPlan, stored: Mapping[str, np.ndarray] | None = None) -> FitProblem:
    """Return the problem of a plan.

    Args:
        plan: settings.
        stored: the state of a fit to go on with, which knows what was measured at its beginning.

    Raises:
        FileError, RecipeError: data, networks and settings do not fit together.
    """
    if not any(plan.weights.values()):
        raise RecipeError("All weights are 0, so there is nothing to fit.", "Give one a value.")
    starts = read_starts(plan)
    data = read_data(plan, starts)
    elements, cutoff, training = data.elements, data.cutoff, data.training
    count = len(elements)
    names = _networks_of(plan, training)
    formal = _formal_charges(plan, starts)
    given = formal_charges(formal)
    charges = np.array([given.get(element, 0) for element in elements], np.float64)
    sizes = measured_sizes(training, count, plan)
    everything = [*training, *data.validation]
    layout = Layout.of(everything, plan.batch, count, cutoff, plan.precision)
    model = model_of(plan, starts.get("potential"), elements, cutoff, training)
    outputs = {"potential": _force_size(sizes), "dipole": DIPOLE_SIZE}
    first = {
        name: starts[name].arrays
        if name in starts
        else new_network(plan, name, count, model, outputs[name])
        for name in names
    }
    free = _free(plan, first)
    exact: Any = {n: {k: np.asarray(a, np.float64) for k, a in own.items()}
                  for n, own in first.items()}  # fmt: skip
    if stored is None:
        references, scalings = _surveyed(plan, exact, free, training, layout, model, sizes)
    else:
        references = stored["references"]
        scalings = {name: stored_scaling(stored, name) for name in names}
    known: dict[str, object] = {"elements": " ".join(elements)}
    told = {"formal_charges": formal} if formal else {}
    return FitProblem(
        plan=plan,
        trainer=Trainer(_weights(plan, names, sizes), scalings, free, model),
        layout=layout,
        training=training,
        validation=data.validation,
        start=exact,
        settings={
            "potential": {**known, **model.settings},
            "dipole": {**known, "cutoff": cutoff, **told},
        },
        references=references,
        charges=charges,
        sizes=sizes,
        notes=_notes(training, data.validation, elements, references, names),
        base=data.base,
    )


def _notes(
    training: Sequence[Sample],
    validation: Sequence[Sample],
    elements: tuple[str, ...],
    references: np.ndarray,
    names: Sequence[str],
) -> tuple[str, ...]:
    having = {q: sum(getattr(s.frame, q) is not None for s in training) for q in QUANTITIES}
    told = ", ".join(f"{q} of {n}" for q, n in having.items() if n)
    notes = [f"{len(training)} frames to train with ({told}), {len(validation)} to validate with."]
    if "potential" in names:
        shifts = ", ".join(f"{e} {r:.6g} eV" for e, r in zip(elements, references, strict=True))
        notes.append(f"Energies of the atoms by themselves are moved by: {shifts}.")
    return tuple(notes)


# ----------------------------------------------------------------------------------- the networks


def _networks_of(plan: ForceFitPlan, samples: Sequence[Sample]) -> tuple[str, ...]:
    """Return which networks the data can train."""
    weights = plan.weights
    having = {
        q: weights[q] and any(getattr(s.frame, q) is not None for s in samples) for q in QUANTITIES
    }
    names = []
    if having["energy"] or having["forces"] or having["stress"]:
        names.append("potential")
    if having["dipole"]:
        names.append("dipole")
    if not names:
        raise FileError(
            "No frame to train with has anything that has a weight.",
            "Check the names in the data (--energy-key and others) and the weights.",
        )
    return tuple(names)


def _force_size(sizes: Mapping[str, float]) -> float:
    """Return the size of forces, eV/angstrom; by the energies where there are none."""
    if sizes.get("forces"):
        return sizes["forces"]
    return sizes.get("energy", 0.0) / LENGTHS["energy"] or 1.0


def _weights(
    plan: ForceFitPlan, names: Sequence[str], sizes: Mapping[str, float]
) -> dict[str, float]:
    """Return the weights of squared errors in internal units."""
    size, found = _force_size(sizes), {}
    for quantity, length in LENGTHS.items():
        if "potential" in names and quantity in sizes:
            found[quantity] = plan.weights[quantity] / (size * length) ** 2
    if "dipole" in names:
        found["dipole"] = plan.dipole_weight / max(sizes["dipole"], 1e-9) ** 2
    return found


def _formal_charges(plan: ForceFitPlan, starts: Mapping[str, ParameterArrays]) -> str:
    """Return the formal charges, as a text; those of the start where there is one."""
    if "dipole" not in starts:
        return plan.formal_charges
    held = str(starts["dipole"].settings.get("formal_charges", ""))
    if plan.formal_charges and formal_charges(plan.formal_charges) != formal_charges(held):
        raise RecipeError(
            f"The dipole to start from has the formal charges {held or 'none'!r}, not "
            f"{plan.formal_charges!r}.",
            "Leave out --formal-charges: a network keeps those that it was made for.",
        )
    return held


def _free(plan: ForceFitPlan, begun: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return 1 for arrays that are trained and 0 for those that stay, by network."""
    patterns, networks = elements_of(plan.fixed), {}
    for name, arrays in begun.items():
        kind = plan.kind if name == "potential" else "eann_dipole"
        networks[name] = network_of(kind, arrays)
    for pattern in patterns:
        if not any(fnmatch.filter(network.shapes, pattern) for network in networks.values()):
            known = dict.fromkeys(key for network in networks.values() for key in network.shapes)
            raise RecipeError(
                f"`fixed` names {pattern!r}, but there is no such array.",
                f"There are: {', '.join(known)}.",
            )
    return {
        name: {
            key: float(not any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns))
            for key in network.shapes
        }
        for name, network in networks.items()
    }


# ------------------------------------------------------------------------ measured at the beginning


def _surveyed(
    plan: ForceFitPlan,
    begun: Networks,
    free: Mapping[str, Mapping[str, float]],
    samples: Sequence[Sample],
    layout: Layout,
    model: ForceModel,
    sizes: Mapping[str, float],
) -> tuple[np.ndarray, dict[str, Scaling]]:
    """Return what the energies of atoms must be moved by [element], eV, and the scalings.

    Nothing is moved that is to stay as it is.
    """
    nothing = np.zeros(len(layout.counts))
    chosen = list(samples[:: max(1, len(samples) // LOOKED_AT)])
    energies: list[float] = []
    rows: dict[str, list[np.ndarray]] = {name: [] for name in begun}
    kinds: list[np.ndarray] = []
    for first in range(0, len(chosen), layout.frames):
        batch = layout.batch(chosen[first : first + layout.frames], nothing, nothing)
        energy, found = survey(begun, batch, layout, model)
        energies.extend(np.asarray(energy, np.float64))
        real = batch.frame < layout.frames
        kinds.append(layout.species[real])
        for name, values in found.items():
            rows[name].append(np.asarray(values)[real])
    species, references = np.concatenate(kinds), nothing
    if plan.energy_weight and "potential" in begun and free["potential"]["output_bias"]:
        told = np.array([sample.frame.energy for sample in chosen], np.float64)
        references = solved(chosen, len(nothing), told - energies[: len(chosen)])
    sizes_of = {"potential": _force_size(sizes), "dipole": DIPOLE_SIZE}
    return references, {
        name: Scaling.of(
            np.concatenate(own),
            species,
            len(nothing),
            sizes_of[name],
            centred=bool(free[name].get("layer1_bias", True)),
        )
        for name, own in rows.items()
    }
