"""From the settings of a fit to its problem: data read, networks begun, sizes measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.force_batches import Batch, Layout, Sample
from dmdstudio.engine.force_fit import LENGTHS, Networks, Scaling, Sums, Trainer, survey
from dmdstudio.engine.formal_charges import formal_charges
from dmdstudio.engine.networks import SHELLS, Network, elements_of, random_network
from dmdstudio.files import surfaces as _surfaces  # noqa: F401  registers its files
from dmdstudio.files.force_data import neighbours, read_frames
from dmdstudio.files.potentials import read_parameters
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.force_fit import (
    DIPOLE_FILE,
    NETWORK_FILE,
    QUANTITIES,
    ForceFitPlan,
    LabelledFrame,
)
from dmdstudio.service.stored_fit import FitState, stored_scaling

CUTOFF = 6.0
"""Of networks from scratch, angstrom."""

DIPOLE_SIZE = 0.1
"""Of the output of a new network of dipoles, e."""

LOOKED_AT = 100
"""Frames that the sizes of features are taken from."""

_NAMES = {"potential": ("eann", NETWORK_FILE), "dipole": ("eann_dipole", DIPOLE_FILE)}
"""Kind and file of a network."""


@dataclass(frozen=True, eq=False)
class FitProblem:
    """What a fit does not change.

    Attributes:
        plan: settings.
        trainer: the loss and its steps.
        layout: of batches.
        training: frames to train with.
        validation: frames to validate with.
        begun: networks to start from.
        settings: what the files of the networks say of them, by network.
        references: energies of the atoms by themselves, over those of the start [element], eV.
        charges: formal ones [element], e.
        sizes: root mean square of the data by quantity, as of `FitError`, internal units.
        notes: sentences for the log.
    """

    plan: ForceFitPlan
    trainer: Trainer
    layout: Layout
    training: list[Sample]
    validation: list[Sample]
    begun: Networks
    settings: Mapping[str, dict[str, object]]
    references: np.ndarray
    charges: np.ndarray
    sizes: Mapping[str, float]
    notes: tuple[str, ...]

    def init(self) -> FitState:
        """Return where the fit begins."""
        precise = jax.tree.map(lambda a: np.asarray(a, self.plan.precision), self.begun)
        trained = jax.tree.map(np.asarray, self.trainer.trained(precise))
        optimizer = jax.tree.map(np.asarray, self.trainer.init(trained))
        return FitState(0, trained, optimizer, trained)

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
            kind, file = _NAMES[name]
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
    frames = [frame for name in plan.data for frame in read_frames(name, plan)]
    apart = read_frames(plan.validation, plan) if plan.validation else []
    starts = _starts(plan)
    elements, cutoff = _elements(plan, starts, frames), _cutoff(plan, starts)
    _require_known(frames + apart, elements)
    samples = [_sample(frame, elements, cutoff) for frame in frames]
    training, validation = _split(plan, samples, [_sample(f, elements, cutoff) for f in apart])
    names = _networks_of(plan, training)
    charges = _charges(plan, elements)
    sizes = _sizes(training, len(elements), plan)
    everything = [*training, *validation]
    layout = Layout.of(everything, plan.batch, len(elements), cutoff, plan.precision)
    begun: dict[str, Any] = {
        name: starts[name].arrays if name in starts else _new(plan, name, len(elements), sizes)
        for name in names
    }
    free = {
        name: {f.name: float(f.free) for f in _network(name, own).fields(plan.fixed)}
        for name, own in begun.items()
    }
    begun = {n: {k: np.asarray(a, np.float64) for k, a in own.items()} for n, own in begun.items()}
    if stored is None:
        references, scalings = _surveyed(plan, begun, training, layout, cutoff, sizes)
    else:
        references = stored["references"]
        scalings = {name: stored_scaling(stored, name) for name in names}
    settings: dict[str, object] = {"elements": " ".join(elements), "cutoff": cutoff}
    told = {"formal_charges": plan.formal_charges} if plan.formal_charges else {}
    return FitProblem(
        plan=plan,
        trainer=Trainer(_weights(plan, names, sizes), scalings, free, cutoff),
        layout=layout,
        training=training,
        validation=validation,
        begun=begun,
        settings={"potential": settings, "dipole": {**settings, **told}},
        references=references,
        charges=charges,
        sizes=sizes,
        notes=_notes(training, validation, elements, references, names),
    )


# --------------------------------------------------------------------------------------- the data


def _sample(frame: LabelledFrame, elements: tuple[str, ...], cutoff: float) -> Sample:
    species = np.array([elements.index(symbol) for symbol in frame.symbols])
    return Sample(frame, species, neighbours(frame, cutoff))


def _require_known(frames: Sequence[LabelledFrame], elements: tuple[str, ...]) -> None:
    for frame in frames:
        if missing := sorted(set(frame.symbols) - set(elements)):
            raise FileError(
                f"{frame.name} holds {missing[0]}, but the network is for {' '.join(elements)}.",
                "Leave such frames out, or name all elements (--elements) of a new network.",
            )


def _split(
    plan: ForceFitPlan, samples: list[Sample], apart: list[Sample]
) -> tuple[list[Sample], list[Sample]]:
    """Return frames to train and frames to validate with."""
    if apart:
        return samples, apart
    if len(samples) < 2:
        raise FileError(
            "There is a single frame, so that none is left to validate with.",
            "Give more frames, or a file of others (--validation).",
        )
    order = np.random.default_rng(plan.seed).permutation(len(samples))
    kept = min(max(1, round(plan.validation_fraction * len(samples))), len(samples) - 1)
    return [samples[i] for i in sorted(order[kept:])], [samples[i] for i in sorted(order[:kept])]


def _sizes(samples: Sequence[Sample], elements: int, plan: ForceFitPlan) -> dict[str, float]:
    """Return the root mean square of what the data hold, as of `FitError`."""

    def size(values: Sequence[np.ndarray]) -> float:
        return float(np.sqrt(np.mean(np.concatenate([np.ravel(v) for v in values]) ** 2)))

    found = {}
    frames = [sample.frame for sample in samples]
    if plan.energy_weight:
        energies = np.array([frame.energy for frame in frames], np.float64)
        rest = energies - _counts(samples, elements) @ _solved(samples, elements, energies)
        found["energy"] = size([rest / [s.atoms for s in samples]])
    if plan.force_weight:
        found["forces"] = size([f.forces for f in frames if f.forces is not None])
    virials = [s.volume * s.frame.stress / s.atoms for s in samples if s.frame.stress is not None]
    dipoles = [s.frame.dipole / s.atoms for s in samples if s.frame.dipole is not None]
    for quantity, values in (("stress", virials), ("dipole", dipoles)):
        if values:
            found[quantity] = size(values)
    return found


def _counts(samples: Sequence[Sample], elements: int) -> np.ndarray:
    """Return how many atoms of every element frames have [frame, element]."""
    return np.array([np.bincount(s.species, minlength=elements) for s in samples], np.float64)


def _solved(samples: Sequence[Sample], elements: int, energies: np.ndarray) -> np.ndarray:
    """Return the energies of atoms that fit the frames' best [element], the smallest ones."""
    return np.linalg.lstsq(_counts(samples, elements), energies, rcond=1e-10)[0]


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


def _starts(plan: ForceFitPlan) -> dict[str, ParameterArrays]:
    """Return the networks to fine-tune."""
    named = {"potential": plan.start, "dipole": plan.start_dipole}
    found = {name: read_parameters(_NAMES[name][0], file) for name, file in named.items() if file}
    for name, given in found.items():
        _network(name, given.arrays, Path(named[name]).name)
    return found


def _network(name: str, arrays: Mapping[str, Any], file: str = "the network") -> Network:
    return Network.of(arrays, file, name == "dipole")


def _elements(
    plan: ForceFitPlan, starts: Mapping[str, ParameterArrays], frames: Sequence[LabelledFrame]
) -> tuple[str, ...]:
    """Return the elements in the order of the arrays."""
    told = [plan.elements, *(str(g.settings.get("elements", "")) for g in starts.values())]
    said = [elements_of(text) for text in told if text]
    if len(set(said)) > 1:
        raise RecipeError(
            f"The elements are said to be {' '.join(said[0])}, and also {' '.join(said[1])}.",
            "Leave out --elements, or fit the networks one by one.",
        )
    if not said and starts:
        raise RecipeError(
            "The file to start from does not say its elements.",
            "Give --elements in the order of its arrays, such as --elements 'H O'.",
        )
    found = said[0] if said else tuple(sorted({s for f in frames for s in f.symbols}))
    for name, given in starts.items():
        count = _network(name, given.arrays).elements
        if count != len(found):
            raise RecipeError(
                f"The file to start from is for {count} elements, but {len(found)} are named: "
                f"{' '.join(found)}.",
                "Name them all, in the order of its arrays (--elements).",
            )
    return found


def _cutoff(plan: ForceFitPlan, starts: Mapping[str, ParameterArrays]) -> float:
    told = {float(c) for g in starts.values() if (c := g.settings.get("cutoff"))}  # type: ignore
    if plan.cutoff is not None:
        told.add(plan.cutoff)
    if len(told) > 1:
        raise RecipeError(
            f"The cutoff is said to be {' and also '.join(f'{c:g}' for c in sorted(told))} "
            "angstrom.",
            "Leave out --cutoff: a network keeps the one that it was made for.",
        )
    if not told and starts:
        raise RecipeError(
            "The file to start from does not say its cutoff.", "Give --cutoff 6, say."
        )
    return told.pop() if told else CUTOFF


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


def _new(plan: ForceFitPlan, name: str, elements: int, sizes: Mapping[str, float]) -> dict:
    """Return the arrays of a new network."""
    try:
        widths = tuple(int(word) for word in elements_of(plan.widths))
    except ValueError:
        widths = ()
    if not widths or not all(1 <= width <= 1024 for width in widths):
        raise RecipeError(
            f"widths is {plan.widths!r}; it should be numbers of units, 1 to 1024.",
            "Write --widths '64 64' for two hidden layers.",
        )
    vector = name == "dipole"
    size = DIPOLE_SIZE if vector else _force_size(sizes)
    cutoff = CUTOFF if plan.cutoff is None else plan.cutoff
    found = random_network(
        elements, plan.radials, widths, cutoff, plan.seed + vector, SHELLS, size, vector
    )
    if not vector:
        found["atom_energy"] = np.zeros(1)
    return found


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


def _charges(plan: ForceFitPlan, elements: tuple[str, ...]) -> np.ndarray:
    found = formal_charges(plan.formal_charges)
    return np.array([found.get(element, 0) for element in elements], np.float64)


# ------------------------------------------------------------------------ measured at the beginning


def _surveyed(
    plan: ForceFitPlan,
    begun: Networks,
    samples: Sequence[Sample],
    layout: Layout,
    cutoff: float,
    sizes: Mapping[str, float],
) -> tuple[np.ndarray, dict[str, Scaling]]:
    """Return what the energies of atoms must be moved by [element], eV, and the scalings."""
    nothing = np.zeros(len(layout.counts))
    chosen = list(samples[:: max(1, len(samples) // LOOKED_AT)])
    energies: list[float] = []
    rows: dict[str, list[np.ndarray]] = {name: [] for name in begun}
    kinds: list[np.ndarray] = []
    for first in range(0, len(chosen), layout.frames):
        batch = layout.batch(chosen[first : first + layout.frames], nothing, nothing)
        energy, found = survey(begun, batch, layout, cutoff)
        energies.extend(np.asarray(energy, np.float64))
        real = batch.frame < layout.frames
        kinds.append(layout.species[real])
        for name, values in found.items():
            rows[name].append(np.asarray(values)[real])
    species, references = np.concatenate(kinds), nothing
    if "potential" in begun and plan.energy_weight:
        told = np.array([sample.frame.energy for sample in chosen], np.float64)
        references = _solved(chosen, len(nothing), told - energies[: len(chosen)])
    sizes_of = {"potential": _force_size(sizes), "dipole": DIPOLE_SIZE}
    return references, {
        name: Scaling.of(np.concatenate(own), species, len(nothing), sizes_of[name])
        for name, own in rows.items()
    }
