"""Training of networks on energies, forces, stresses and dipoles: init and step, pure.

    loss = w_F <dF^2>/s^2 + w_E <(dE/n)^2>/(s l_E)^2 + w_S <(V dS/n)^2>/(s l_S)^2
         + w_D <(dM/n)^2>/m^2

with means over components, atoms and frames, n the atoms of a frame, s the root mean square of the
forces of the training data, l_E = 0.2 angstrom, l_S = 4 angstrom, and m the root mean square of
M/n. Dipoles of periodic cells count modulo e times their lattice vectors: no calculation knows more
(King-Smith & Vanderbilt, Phys. Rev. B 47, 1651 (1993)).

Trained are the arrays of the network in another form, in which all numbers have a size of about 1:
the first layer takes features of mean 0 and deviation 1 where there are any (`ForceModel`), the
output is in units of s.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from dmdstudio.engine.core import Parameters
from dmdstudio.engine.densities import features, orbitals, outputs
from dmdstudio.engine.force_batches import Batch, Layout
from dmdstudio.engine.force_models import ForceModel, Surroundings

LENGTHS = {"energy": 0.2, "forces": 1.0, "stress": 4.0}
"""By what an error times a length is compared with one of forces, angstrom."""

CLIP = 1.0
"""Largest norm of a gradient."""

FLOOR = 1e-4
"""Smallest deviation of a feature that it is divided by, over the largest of all."""

Networks = dict[str, Parameters]
"""Arrays by what they give: ``potential`` and, where the data have dipoles, ``dipole``."""


class Prediction(NamedTuple):
    """What networks say of a batch; arrays as those of `Batch`."""

    energy: Array
    forces: Array
    stress: Array
    dipole: Array


class Sums(NamedTuple):
    """Squared errors, and how many there are, by quantity."""

    squares: dict[str, Array]
    counts: dict[str, Array]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("mean", "deviation", "size"),
    meta_fields=(),
)
@dataclass(frozen=True, eq=False)
class Scaling:
    """Between the arrays of a network and the form that is trained.

    Attributes:
        mean: of the features [element, feature].
        deviation: of the features, alike.
        size: of the output.
    """

    mean: np.ndarray
    deviation: np.ndarray
    size: float

    @classmethod
    def of(
        cls, found: np.ndarray, species: np.ndarray, elements: int, size: float, centred: bool
    ) -> Scaling:
        """Return the scaling for features of atoms.

        Args:
            found: the features [atom, feature].
            species: index of every atom's element [atom].
            elements: how many there are.
            size: of the output.
            centred: the first layer takes features of mean 0; its bias then goes with its weights,
                so that a bias which is to stay as it is wants them as they are.
        """
        mean, deviation = np.zeros((2, elements, found.shape[1]))
        deviation += 1.0
        for element in np.unique(species):
            own = found[species == element].astype(np.float64)
            mean[element], spread = own.mean(axis=0), own.std(axis=0)
            deviation[element] = np.maximum(spread, FLOOR * spread.max(initial=1e-6))
        return cls(mean * centred, deviation, size)

    def trained(self, arrays: Parameters) -> Parameters:
        """Return the trained form of arrays."""
        scaled = {**arrays, **{key: arrays[key] / self.size for key in _outputs(arrays)}}
        if not self.mean.size:
            return scaled
        weight, (mean, deviation) = arrays["layer1_weight"], self._as(arrays)
        first = {
            "layer1_weight": weight * deviation[:, :, None],
            "layer1_bias": arrays["layer1_bias"] + (mean[:, None] @ weight)[:, 0],
        }
        return {**scaled, **first}

    def arrays(self, trained: Parameters) -> Parameters:
        """Return the arrays of a trained form."""
        scaled = {**trained, **{key: trained[key] * self.size for key in _outputs(trained)}}
        if not self.mean.size:
            return scaled
        mean, deviation = self._as(trained)
        weight = trained["layer1_weight"] / deviation[:, :, None]
        first = {
            "layer1_weight": weight,
            "layer1_bias": trained["layer1_bias"] - (mean[:, None] @ weight)[:, 0],
        }
        return {**scaled, **first}

    def _as(self, arrays: Parameters) -> tuple[Any, Any]:
        dtype = arrays["layer1_weight"].dtype
        return self.mean.astype(dtype), self.deviation.astype(dtype)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("weights", "scalings", "free"),
    meta_fields=("model",),
)
@dataclass(frozen=True, eq=False)
class Trainer:
    """The loss of a fit and its steps; functions of networks in their trained form.

    Attributes:
        weights: over the squared size of the errors, of every quantity that counts.
        scalings: by network, between its trained form and its arrays.
        free: by network and array, 1 where it is trained and 0 where it stays.
        model: of the potential; its cutoff is that of the dipole too.
    """

    weights: dict[str, float]
    scalings: dict[str, Scaling]
    free: dict[str, dict[str, float]]
    model: ForceModel

    def init(self, trained: Networks) -> Any:
        """Return the optimiser's state at the beginning."""
        return _RULE.init(trained)

    def arrays(self, trained: Networks) -> Networks:
        """Return the arrays of networks in their trained form."""
        return {name: self.scalings[name].arrays(own) for name, own in trained.items()}

    def trained(self, arrays: Networks) -> Networks:
        """Return the trained form of networks."""
        return {name: self.scalings[name].trained(own) for name, own in arrays.items()}

    @partial(jax.jit, static_argnames=("layout",))
    def step(
        self, trained: Networks, optimizer: Any, batch: Batch, rate: Array, layout: Layout
    ) -> tuple[Networks, Any, Array]:
        """Return networks and optimiser after a step, and the loss before it."""

        def loss(moved: Networks) -> Array:
            return self.loss(self._errors(moved, batch, layout))

        value, slopes = jax.value_and_grad(loss)(trained)
        updates, optimizer = _RULE.update(self._freed(slopes), optimizer)
        moved = jax.tree.map(
            lambda p, u: p - rate.astype(p.dtype) * u, trained, self._freed(updates)
        )
        return moved, optimizer, value

    @partial(jax.jit, static_argnames=("layout",))
    def errors(self, trained: Networks, batch: Batch, layout: Layout) -> Sums:
        """Return the squared errors of a batch: per atom of energies, virials and dipoles."""
        return self._errors(trained, batch, layout)

    def _errors(self, trained: Networks, batch: Batch, layout: Layout) -> Sums:
        needs = frozenset(self.weights)
        return errors(predict(self.arrays(trained), batch, layout, self.model, needs), batch)

    def loss(self, sums: Sums) -> Any:
        """Return the loss of summed errors."""
        first, *rest = self.losses(sums).values()
        return sum(rest, first)

    def losses(self, sums: Sums) -> dict[str, Any]:
        """Return what every network adds to the loss."""
        found: dict[str, Any] = {}
        for quantity, weight in self.weights.items():
            name = "dipole" if quantity == "dipole" else "potential"
            part = weight * sums.squares[quantity] / jnp.maximum(sums.counts[quantity], 1.0)
            found[name] = found[name] + part if name in found else part
        return found

    def _freed(self, tree: Any) -> Any:
        return jax.tree.map(lambda value, share: share * value, tree, self.free)


_RULE = optax.chain(optax.clip_by_global_norm(CLIP), optax.scale_by_adam())


def _outputs(arrays: Parameters) -> list[str]:
    return [key for key in arrays if key.startswith("output") or key == "atom_energy"]


# ------------------------------------------------------------------------------------ prediction


def predict(
    networks: Networks, batch: Batch, layout: Layout, model: ForceModel, needs: frozenset[str]
) -> Prediction:
    """Return energies, forces, stresses and dipoles of a batch; zeros for what is not needed.

    Args:
        networks: their arrays.
        batch: the frames.
        layout: of the batch.
        model: of the potential; its cutoff is that of the dipole too.
        needs: quantities that are wanted.
    """
    positions = jnp.asarray(batch.positions)
    zero = jnp.zeros((layout.frames, 3, 3), positions.dtype)
    energy, forces, stress = zero[:, 0, 0], jnp.zeros_like(positions), zero
    if needs & {"energy", "forces", "stress"}:

        def total(moved: Array, strain: Array) -> tuple[Array, Array]:
            own = networks["potential"]
            around = surroundings(batch, layout, model.cutoff, moved, strain)
            atoms = model.energies(own, around, model.features(own, around))
            energies = _summed(atoms, batch, layout)
            return jnp.sum(energies), energies

        (_, energy), slopes = jax.value_and_grad(total, argnums=(0, 1), has_aux=True)(
            positions, zero
        )
        forces, stress = -slopes[0], slopes[1] / batch.volume[:, None, None]
    dipole = zero[:, 0]
    if "dipole" in needs:
        dipole = dipoles(networks["dipole"], batch, layout, model.cutoff) + batch.charges
    return Prediction(energy, forces, stress, dipole)


@partial(jax.jit, static_argnames=("layout", "model"))
def survey(
    networks: Networks, batch: Batch, layout: Layout, model: ForceModel
) -> tuple[Array, dict[str, Array]]:
    """Return energies [frame], eV, and features [atom, feature] by network, before a fit begins."""
    found, energy = {}, jnp.zeros(layout.frames)
    around = surroundings(batch, layout, model.cutoff, batch.positions)
    for name, network in networks.items():
        if name == "potential":
            found[name] = model.features(network, around)
            energy = _summed(model.energies(network, around, found[name]), batch, layout)
        else:
            found[name] = features(densities(network, around, model.cutoff))
    return energy, found


def surroundings(
    batch: Batch, layout: Layout, cutoff: float, positions: Any, strain: Array | None = None
) -> Surroundings:
    """Return the neighbours of all atoms; the cells may be strained."""
    positions = jnp.asarray(positions)
    vectors = positions[batch.index] - positions[:, None] + batch.shift
    if strain is not None:
        own = jnp.concatenate([strain, jnp.zeros_like(strain[:1])])[batch.frame]
        vectors = vectors + jnp.einsum("ijx,ixy->ijy", vectors, own)
    inside = jax.lax.stop_gradient(jnp.sum(vectors * vectors, axis=-1)) < cutoff**2
    index = jnp.asarray(batch.index)
    return Surroundings(vectors, inside, index, layout.species, len(layout.counts))


def densities(network: Parameters, around: Surroundings, cutoff: float) -> Array:
    """Return the orbitals of all atoms [atom, moment, radial]."""
    return orbitals(network, around.vectors, around.inside, around.elements, cutoff)


def dipoles(network: Parameters, batch: Batch, layout: Layout, cutoff: float) -> Array:
    """Return the dipole of every frame without that of formal charges [frame, xyz], e angstrom."""
    found = densities(network, surroundings(batch, layout, cutoff, batch.positions), cutoff)
    strengths = outputs(network, features(found), layout.species)
    return _summed(jnp.einsum("ixk,ik->ix", found[:, 1:4], strengths), batch, layout)


def _summed(atoms: Array, batch: Batch, layout: Layout) -> Array:
    """Return sums over the atoms of every frame [frame, ...]."""
    return jax.ops.segment_sum(atoms, batch.frame, layout.frames + 1)[:-1]


def errors(found: Prediction, batch: Batch) -> Sums:
    """Return the squared errors of a prediction."""
    has, atoms = batch.has, batch.atoms
    of_atom = jnp.concatenate([has["forces"], jnp.zeros(1, atoms.dtype)])[batch.frame]
    virial = (found.stress - batch.stress) * (batch.volume / atoms)[:, None, None]
    moment = modulo_cell(found.dipole - batch.dipole, batch.cell) / atoms[:, None]
    squares = {
        "energy": jnp.sum(has["energy"] * ((found.energy - batch.energy) / atoms) ** 2),
        "forces": jnp.sum(of_atom[:, None] * (found.forces - batch.forces) ** 2),
        "stress": jnp.sum(has["stress"][:, None, None] * virial**2),
        "dipole": jnp.sum(has["dipole"][:, None] * moment**2),
    }
    counts = {
        "energy": jnp.sum(has["energy"]),
        "forces": 3.0 * jnp.sum(of_atom),
        "stress": 9.0 * jnp.sum(has["stress"]),
        "dipole": 3.0 * jnp.sum(has["dipole"]),
    }
    return Sums(squares, counts)


def modulo_cell(difference: Array, cell: Any) -> Array:
    """Return differences of dipoles [frame, xyz], less e times the nearest lattice vector.

    Frames whose cell has no extent keep theirs.
    """
    volume = jnp.linalg.det(cell)[:, None, None]
    solid = jnp.where(volume != 0.0, cell, jnp.eye(3, dtype=cell.dtype))
    turns = jnp.round(jnp.linalg.solve(jnp.swapaxes(solid, 1, 2), difference[..., None])[..., 0])
    return difference - jnp.einsum("fi,fix->fx", jax.lax.stop_gradient(turns), cell)
