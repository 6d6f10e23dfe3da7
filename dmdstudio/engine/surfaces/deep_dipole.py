"""Machine-learned dipole moments: DeePMD models of the centres of the electrons."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Meta, Struct

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.core import Configuration, Parameters, System, Theta, whole_molecules
from dmdstudio.engine.layers import ACTIVATIONS, embedded, ends_of, fitted
from dmdstudio.engine.potential import ArrayField, ForceField
from dmdstudio.engine.surface import Example, Surface, surfaces
from dmdstudio.engine.water import water
from dmdstudio.plan.catalog import setting

NEUTRAL = 1e-6
"""Largest charge of a neutral cell, e."""

_TOLD = "Empty takes what the file says."


class DeepDipoleOptions(Struct, frozen=True, kw_only=True):
    """Settings of `DeepDipole`."""

    file: Annotated[
        str,
        setting(
            "Model file",
            "A frozen DeePMD-kit model of the dipole (.pb), or one that DMD Studio wrote (.npz); "
            "relative to the recipe.",
        ),
    ]
    cores: Annotated[
        str,
        setting(
            "Cores",
            "Charge of every element without the electrons whose centre the model tells, in e: "
            "element and number, with commas between.",
        ),
    ] = "H 1, O 6"
    electrons: Annotated[
        str,
        setting(
            "Electrons",
            "Charge at the centre that the model tells, in e, of each element that it has one for.",
        ),
    ] = "O -8"
    displacement: Annotated[
        float,
        setting(
            "Displacement",
            "How far that centre is from its atom where the model says 1. Models of water are "
            "often trained on ten times the sum over four pairs of electrons: 1/40.",
            "angstrom",
        ),
    ] = 0.025
    fixed: Annotated[
        str,
        setting(
            "Fixed arrays",
            "Arrays of the model that are not refined, as names or patterns: 'embedding.* mean.*'; "
            "* for all.",
        ),
    ] = "*"
    types: Annotated[str, setting("Types", f"Elements in the model's order. {_TOLD}")] = ""
    centres: Annotated[
        str, setting("Centres", f"Elements that the model has centres of electrons for. {_TOLD}")
    ] = ""
    slots: Annotated[
        str, setting("Slots", f"Room for neighbours of each type, in their order. {_TOLD}")
    ] = ""
    cutoff: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        setting("Cutoff", f"Neighbours count up to here. {_TOLD}", "angstrom"),
    ] = None
    switch_start: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        setting("Switch start", f"Neighbours fade from here on. {_TOLD}", "angstrom"),
    ] = None
    activation: Annotated[str, setting("Activation", f"Of the model's layers. {_TOLD}")] = ""


@dataclass(frozen=True, eq=False)
class DeepDipole(Surface):
    """M = sum_i Q_i r_i + sum_c q_c d w_c over atoms i and centres c, with Q_i all charge at i.

    The centre of the electrons of atom c, with charge q_c, lies at r_c + d w_c. With the neighbours
    j of type t inside the cutoff, s = f(r)/r for a switch f, and a row R_j = (s, s x/r, s y/r,
    s z/r), brought to mean 0 and deviation 1:

        A = 1/N sum_t [sum_j R_j (x) G_t(R_j0) + (n_t - number of j) R_0 (x) G_t(R_00)]
        w = net(A^T A_<) A_(x,y,z)

    R_0 is the row of an empty slot, n_t the slots for type t, N their number, G_t and net
    feed-forward nets, A_< the first few columns of A. Of more neighbours than slots the nearest
    count. Sources: L. Zhang et al., Phys. Rev. B 102, 041121 (2020); H. Wang et al., Comput. Phys.
    Commun. 228, 178 (2018), and DeePMD-kit 2, from which it differs by rounding alone.
    """

    options: DeepDipoleOptions
    system: System

    name: ClassVar[str] = "deep_dipole"
    label: ClassVar[str] = "DeePMD dipole model"
    doc: ClassVar[str] = (
        "The dipole moment from a neural network that tells where the centres of the electrons "
        "lie (Wannier centroids), trained with DeePMD-kit on first-principles data. `cores` and "
        "`electrons` are the charges: as they stand, those of water with pseudopotentials (H +1, "
        "O +6, and four pairs of electrons at the centre that belongs to an oxygen)."
    )
    source: ClassVar[str] = (
        "L. Zhang, M. Chen, X. Wu, H. Wang, W. E and R. Car, Phys. Rev. B 102, 041121 (2020), "
        "doi 10.1103/PhysRevB.102.041121"
    )
    Options = DeepDipoleOptions
    parameters = ()

    @classmethod
    def build(cls, options: Any, system: System, field: ForceField) -> DeepDipole:
        """Check that model, charges and system fit and return the surface."""
        for name in ("types", "centres", "slots", "cutoff", "switch_start", "activation"):
            if getattr(options, name) in ("", None):
                raise RecipeError(f"deep_dipole: {options.file!r} does not say its {name}.")
        surface = cls(options, system)
        surface._require_model()
        surface._require_charges()
        return surface

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell with a small random model of fewer slots than atoms."""
        cell = np.array([[12.5, 0.0, 0.0], [2.0, 12.5, 0.0], [-2.0, 1.0, 12.5]])
        system, positions = water(cell, 3, precision, lattice_bits, platform)
        options = DeepDipoleOptions(
            file="small.pb", types="O H", centres="O", slots="20 40", cutoff=5.5,
            switch_start=4.5, activation="tanh",
        )  # fmt: skip
        surface = cls.build(options, system, ForceField(system, ()))
        return {"water": Example(system, surface, _random_arrays(), {}, positions)}

    # -- what it is made of -----------------------------------------------------------------------
    @property
    def cutoff(self) -> float:
        """Distance beyond which neighbours do not count, angstrom."""
        return self.options.cutoff or 0.0

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Elements in the model's order."""
        return tuple(self.options.types.split())

    @cached_property
    def centres(self) -> tuple[str, ...]:
        """Elements of the system that the model has centres of electrons for."""
        return tuple(c for c in self.options.centres.split() if c in self._atoms)

    @cached_property
    def slots(self) -> tuple[int, ...]:
        """Room for neighbours by type, in the model's order."""
        return tuple(int(n) for n in self.options.slots.split())

    @cached_property
    def electrons(self) -> dict[str, float]:
        """Charge at the centre of the electrons by element, e."""
        return _by_element(self.options.electrons, "electrons")

    @cached_property
    def charges(self) -> np.ndarray:
        """Charge that moves with an atom, cores and electrons together [atom], e."""
        cores = _by_element(self.options.cores, "cores")
        charge = {
            name: cores.get(name, 0.0) + self.electrons.get(name, 0.0) for name in self._atoms
        }
        return np.array([charge[element] for element in self.system.elements])

    @cached_property
    def _atoms(self) -> dict[str, np.ndarray]:
        elements = self.system.elements
        return {str(name): np.flatnonzero(elements == name) for name in np.unique(elements)}

    def _require_model(self) -> None:
        options = self.options
        if unknown := [name for name in self._atoms if name not in self.types]:
            raise RecipeError(
                f"deep_dipole: the structure has {', '.join(unknown)}, but the model in "
                f"{options.file!r} knows {', '.join(self.types)} only.",
                "Take a model that was trained for these elements.",
            )
        slots = options.slots.split()
        if not all(n.isdecimal() for n in slots) or len(slots) != len(self.types):
            raise RecipeError(
                f"deep_dipole: `slots` is {options.slots!r}; it should be {len(self.types)} whole "
                f"numbers, for {options.types}."
            )
        if options.activation not in ACTIVATIONS:
            raise RecipeError(
                f"deep_dipole: there is no activation {options.activation!r}.",
                f"Known: {', '.join(ACTIVATIONS)}.",
            )
        if (options.switch_start or 0.0) >= self.cutoff:
            raise RecipeError(
                f"deep_dipole: neighbours fade from {options.switch_start:g} angstrom, but end at "
                f"{self.cutoff:g} already."
            )
        self.system.require_cutoff(self.cutoff, "deep_dipole")

    def _require_charges(self) -> None:
        cores = _by_element(self.options.cores, "cores")
        if missing := [name for name in self._atoms if name not in cores]:
            raise RecipeError(
                f"deep_dipole: `cores` is {self.options.cores!r}, without {', '.join(missing)}.",
                "Give the charge of every element of the structure; 0 is a number too.",
            )
        if set(self.electrons) != set(self.options.centres.split()):
            raise RecipeError(
                f"deep_dipole: `electrons` is {self.options.electrons!r}, but the model has "
                f"centres for {self.options.centres}.",
                "Give the charge for each of them, and for no other element.",
            )
        total = float(self.charges.sum())
        if abs(total) > NEUTRAL:
            told = [(len(own), name, self.charges[own[0]]) for name, own in self._atoms.items()]
            raise RecipeError(
                f"deep_dipole: cores and electrons give the cell a charge of {total:g} e "
                f"({', '.join(f'{n} {name} of {q:g} e' for n, name, q in told)}).",
                "Correct `cores` or `electrons`; the dipole of a charged cell has no meaning.",
            )

    def arrays(self, given: Mapping[str, np.ndarray]) -> tuple[ArrayField, ...]:
        """Check the arrays of the model and describe them; see `Potential.arrays`."""
        for centre in self.options.centres.split():
            self._require_shapes(centre, given)
        fixed: set[str] = set()
        for pattern in self.options.fixed.replace(",", " ").split():
            found = fnmatch.filter(given, pattern)
            if not found:
                raise RecipeError(
                    f"deep_dipole: `fixed` names {pattern!r}, but the model has no such array.",
                    f"It has: {', '.join(given)}.",
                )
            fixed.update(found)
        return tuple(ArrayField(name, "", name not in fixed) for name in given)

    def _require_shapes(self, centre: str, given: Mapping[str, np.ndarray]) -> None:
        """Raise `FileError` where the arrays of a centre do not fit each other."""
        file = self.options.file
        for name in (f"mean.{centre}", f"deviation.{centre}"):
            if name not in given or given[name].shape != (4,):
                raise FileError(f"{file} has no {name} of 4 numbers.")
        if np.any(given[f"deviation.{centre}"] <= 0.0):
            raise FileError(f"{file}: deviation.{centre} holds numbers that are not positive.")
        nets = [f"embedding.{centre}.{neighbour}" for neighbour in self.types]
        ends = {ends_of(given, net, file) for net in nets}
        into, out = ends_of(given, f"fitting.{centre}", file)
        if ends != {(1, out)} or into % out or not 0 < into // out <= out:
            raise FileError(
                f"{file}: the embedding nets of {centre} have {sorted(ends)} inputs and outputs, "
                f"its fitting net {into} and {out}; these do not fit each other."
            )

    # -- the dipole -------------------------------------------------------------------------------
    def dipole(self, parameters: Parameters, theta: Theta, configuration: Configuration) -> Array:
        """Return the dipole moment [xyz], e angstrom, of whole molecules."""
        dtype = configuration.offset.dtype
        positions = self._positions(configuration)
        charges = jnp.asarray(self.charges, dtype)
        total = jnp.matmul(charges, positions, precision="highest")
        for centre, output in self.outputs(parameters, configuration).items():
            factor = self.electrons[centre] * self.options.displacement
            total += dtype.type(factor) * jnp.sum(output, axis=0)
        return total

    def _positions(self, where: Configuration) -> Array:
        """Return positions [atom, xyz], angstrom, of molecules that no face of the cell cuts.

        Machine-learned potentials know no bonds: then the other atoms go with the nearest centre.
        """
        if len(self.system.bonds):
            return whole_molecules(self.system, where)
        lattice, offset, cell = where
        share = offset.dtype.type(2.0 ** -(8 * lattice.dtype.itemsize))
        centres = np.concatenate([self._atoms[centre] for centre in self.centres])
        steps = (lattice[:, None] - lattice[centres]).astype(offset.dtype) * share
        squared = jnp.sum(jnp.matmul(steps, cell, precision="highest") ** 2, axis=-1)
        nearest = jnp.argmin(squared, axis=1)
        steps = jnp.take_along_axis(steps, nearest[:, None, None], axis=1)[:, 0]
        origin = lattice[jnp.asarray(centres)[nearest]].astype(offset.dtype) * share
        return jnp.matmul(steps + origin, cell, precision="highest") + offset

    def outputs(self, parameters: Parameters, configuration: Configuration) -> dict[str, Array]:
        """Return what the model says, w [atom of the type, xyz], by type of centre."""
        dtype = configuration.offset.dtype
        weights = {name: jnp.asarray(array, dtype) for name, array in parameters.items()}
        return {centre: self._output(centre, weights, configuration) for centre in self.centres}

    def _output(self, centre: str, weights: Parameters, configuration: Configuration) -> Array:
        matrix = self._environment(centre, weights, configuration)
        into, out = ends_of(weights, f"fitting.{centre}")
        few = matrix[:, :, : into // out]
        descriptor = jnp.einsum("cxg,cxa->cga", matrix, few, precision="highest")
        descriptor = descriptor.reshape(len(matrix), -1)
        values = fitted(weights, f"fitting.{centre}", self.options.activation, descriptor)
        return jnp.einsum("cg,cxg->cx", values, matrix[:, 1:], precision="highest")

    def _environment(self, centre: str, weights: Parameters, where: Configuration) -> Array:
        """Return A [centre, 4, embedding]."""
        activation = self.options.activation
        mean, deviation = weights[f"mean.{centre}"], weights[f"deviation.{centre}"]
        empty = -mean / deviation
        total = jnp.zeros((), empty.dtype)
        for neighbour, slots in zip(self.types, self.slots, strict=True):
            net = f"embedding.{centre}.{neighbour}"
            missing = slots
            if neighbour in self._atoms:
                vectors = self._vectors(centre, neighbour, slots, where)
                rows = (self._rows(vectors) - mean) / deviation
                missing -= rows.shape[1]  # all that lie beyond the cutoff are empty slots already
                values = embedded(weights, net, activation, rows[:, :, :1])
                total += jnp.einsum("csx,csg->cxg", rows, values, precision="highest")
            total += missing * empty[:, None] * embedded(weights, net, activation, empty[:1])
        return total / sum(self.slots)

    def _vectors(self, centre: str, neighbour: str, slots: int, where: Configuration) -> Array:
        """Return vectors to the nearest neighbours of a type [centre, at most slots, xyz]."""
        centres, around = self._atoms[centre], self._atoms[neighbour]
        dtype = where.offset.dtype
        share = dtype.type(2.0 ** -(8 * where.lattice.dtype.itemsize))

        def vectors(chosen: Any) -> Array:
            steps = where.lattice[chosen] - where.lattice[centres][:, None]  # the minimum image
            moved = where.offset[chosen] - where.offset[centres][:, None]
            return jnp.matmul(steps.astype(dtype) * share, where.cell, precision="highest") + moved

        chosen: Any = np.broadcast_to(around, (len(centres), len(around)))
        if len(around) > slots:
            squared = jax.lax.stop_gradient(jnp.sum(vectors(chosen) ** 2, axis=-1))
            itself = chosen == centres[:, None]
            _, order = jax.lax.top_k(-jnp.where(itself, jnp.inf, squared), slots)
            chosen = jnp.asarray(around)[order]
        beyond = jnp.array([2.0 * self.cutoff, 0.0, 0.0], dtype)
        itself = (chosen == centres[:, None])[:, :, None]
        return jnp.where(itself, beyond, vectors(chosen))

    def _rows(self, vectors: Array) -> Array:
        """Return (s, s x/r, s y/r, s z/r) [..., 4]; zero beyond the cutoff."""
        start = self.options.switch_start or 0.0
        square = jnp.sum(vectors**2, axis=-1, keepdims=True)
        inside = square < self.cutoff**2
        r = jnp.sqrt(jnp.where(inside, square, self.cutoff**2))
        u = jnp.clip((r - start) / (self.cutoff - start), 0.0, 1.0)
        s = jnp.where(inside, (1.0 - u**3 * (10.0 - u * (15.0 - 6.0 * u))) / r, 0.0)
        return jnp.concatenate([s, s * vectors / r], axis=-1)


def _by_element(text: str, option: str) -> dict[str, float]:
    """Return ``{'H': 1.0, 'O': 6.0}`` from ``'H 1, O 6'``."""
    found = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        element, _, number = part.partition(" ")
        try:
            found[element] = float(number)
        except ValueError:
            raise RecipeError(
                f"deep_dipole: `{option}` is {text!r}; {part!r} is no element and number.",
                "Write 'H 1, O 6', for example.",
            ) from None
    return found


def _random_arrays() -> Parameters:
    """Return a small model of water with random numbers, for the examples."""
    random = np.random.default_rng(7)
    found = {"mean.O": np.array([0.1, 0, 0, 0]), "deviation.O": np.array([0.2, 0.15, 0.15, 0.15])}
    sizes = {"embedding.O.O": (1, 3, 6), "embedding.O.H": (1, 3, 6), "fitting.O": (12, 5, 5, 6)}
    for net, widths in sizes.items():
        for number, (into, out) in enumerate(pairwise(widths), int(net.startswith("embedding"))):
            found[f"{net}.{number}.matrix"] = random.normal(size=(into, out)) / np.sqrt(into)
            found[f"{net}.{number}.bias"] = 0.5 * random.normal(size=out)
    found["fitting.O.1.step"] = 0.1 + 0.02 * random.normal(size=5)
    return {name: jnp.asarray(array) for name, array in found.items()}


surfaces.add(DeepDipole.name, DeepDipole)
