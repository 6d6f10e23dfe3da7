"""DeePMD's dipole model against its own program, against plain numpy, and at its cutoff."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import DmdError, FileError, RecipeError
from dmdstudio.engine.core import Configuration, System, configuration
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.surfaces.deep_dipole import DeepDipole, DeepDipoleOptions
from dmdstudio.files.surfaces import read_deep_dipole

ROOT = Path(__file__).resolve().parents[2]
REFERENCES = Path(os.environ.get("DMDSTUDIO_REFERENCES", ROOT.parent / "shared/references"))


@pytest.fixture(scope="module")
def reference():
    folder = REFERENCES / "water-dipole"
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder} (set DMDSTUDIO_REFERENCES)")
    return dict(np.load(folder / "deepdipole_reference.npz"))


def _water(reference, precision, bits):
    """Return the surface of the model and its arrays, and water of 64 molecules on the lattice."""
    types = 1 - reference["atype_O0_H1"]  # ours are sorted: H, O
    atoms = len(types)
    oxygen = np.flatnonzero(types == 1)
    system = System(
        ("H", "O"),
        types,
        np.ones(atoms),
        np.diag(reference["box_A"]),
        precision,
        bits,
        bonds=np.stack([np.repeat(oxygen, 2), np.arange(atoms).reshape(-1, 3)[:, 1:].ravel()], 1),
    )
    given = read_deep_dipole((REFERENCES / "water-dipole/dipole.pb").read_bytes(), "dipole.pb")
    options = msgspec.convert({"file": "dipole.pb", **given.settings}, DeepDipoleOptions)
    surface = DeepDipole.build(options, system, ForceField(system, ()))
    assert not any(field.free for field in surface.arrays(given.arrays))
    lattice = system.to_lattice(jnp.asarray(reference["positions_A"]))
    where = configuration(system, lattice, jnp.asarray(system.cell))
    return surface, {n: jnp.asarray(a, precision) for n, a in given.arrays.items()}, where


@pytest.mark.parametrize(
    ("precision", "bits", "close"), [("float64", 64, 1e-9), ("float32", 32, 1e-5)]
)
def test_it_gives_what_deepmd_gives(reference, precision, bits, close):
    surface, parameters, where = _water(reference, precision, bits)
    found = np.asarray(jax.jit(surface.outputs)(parameters, where)["O"])
    expected = reference["atom_tensor"][surface.system.types == 1]
    assert np.abs(found - expected).max() < close * np.abs(expected).max()

    @jax.jit
    def with_slope(offset):
        def dipole(x):
            return surface.dipole(parameters, {}, where._replace(offset=x))

        return dipole(offset), jax.jacrev(dipole)(offset)

    dipole, slope = with_slope(where.offset)
    expected = 10.0 * reference["dipole_e_nm"]
    assert np.abs(np.asarray(dipole) - expected).max() < close * np.abs(expected).max()
    expected = reference["dipole_jacobian_e"]
    assert np.abs(np.asarray(slope) - expected).max() < close * np.abs(expected).max()


def _plain(surface: DeepDipole, parameters, positions) -> np.ndarray:
    """Return the model's outputs for the oxygens, one neighbour and one slot after the other."""
    system, options = surface.system, surface.options
    inverse = np.linalg.inv(system.cell)
    names = np.array(system.type_names)[system.types]
    numbers = {n: np.asarray(a) for n, a in parameters.items()}
    mean, deviation = numbers["mean.O"], numbers["deviation.O"]
    slots = dict(zip(options.types.split(), map(int, options.slots.split()), strict=True))

    def dense(layer, x):
        return np.tanh(x @ numbers[f"{layer}.matrix"] + numbers[f"{layer}.bias"])

    outputs = []
    for i in np.flatnonzero(names == "O"):
        total = np.zeros((4, 6))
        for kind, room in slots.items():
            found = []
            for j in np.flatnonzero(names == kind):
                d = (positions[j] - positions[i]) @ inverse
                d = (d - np.round(d)) @ system.cell
                r = np.linalg.norm(d)
                if j == i or r >= options.cutoff:
                    continue
                u = max((r - options.switch_start) / (options.cutoff - options.switch_start), 0.0)
                switch = u**3 * (-6 * u**2 + 15 * u - 10) + 1
                found.append((r, switch / r * np.array([1.0, *(d / r)])))
            rows = [row for _, row in sorted(found, key=lambda pair: pair[0])]
            rows = (rows + [np.zeros(4)] * room)[:room]
            for row in rows:
                row = (row - mean) / deviation
                first = dense(f"embedding.O.{kind}.1", row[:1])
                second = dense(f"embedding.O.{kind}.2", first)
                total += np.outer(row, np.concatenate([first, first]) + second)
        matrix = total / sum(slots.values())
        h = dense("fitting.O.0", (matrix.T @ matrix[:, :2]).ravel())
        h = h + numbers["fitting.O.1.step"] * dense("fitting.O.1", h)
        values = h @ numbers["fitting.O.2.matrix"] + numbers["fitting.O.2.bias"]
        outputs.append(matrix[1:] @ values)
    return np.array(outputs)


@pytest.mark.parametrize("slots", ["20 40", "40 80", "3 5"])
def test_it_is_what_plain_numpy_makes_of_the_formulas(slots):
    """With empty slots, with more slots than atoms, and with too few of them."""
    example = DeepDipole.examples("float64", 64, "cpu")["water"]
    options = msgspec.structs.replace(example.surface.options, slots=slots)
    surface = DeepDipole.build(options, example.system, ForceField(example.system, ()))
    lattice = example.system.to_lattice(jnp.asarray(example.positions))
    where = configuration(example.system, lattice, jnp.asarray(example.system.cell))
    found = np.asarray(jax.jit(surface.outputs)(example.parameters, where)["O"])
    expected = _plain(surface, example.parameters, example.positions)
    assert np.allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_molecules_are_whole_where_no_bond_is_known():
    example = DeepDipole.examples("float64", 64, "cpu")["water"]
    system = dataclasses.replace(example.system, bonds=np.zeros((0, 2), np.int64))
    surface = DeepDipole.build(example.surface.options, system, ForceField(system, ()))
    dipole = jax.jit(surface.dipole)
    lattice = system.to_lattice(jnp.asarray(example.positions))
    where = configuration(system, lattice, jnp.asarray(system.cell))
    expected = jax.jit(example.surface.dipole)(example.parameters, {}, where)
    for shift in (0, 2**62, -(2**63)):
        moved = where._replace(lattice=lattice + shift)
        found = dipole(example.parameters, {}, moved)
        assert np.allclose(found, expected, rtol=0, atol=1e-10)


def test_neighbours_fade_smoothly():
    """One hydrogen drawn away: value, slope and curvature are continuous, none beyond."""
    water = DeepDipole.examples("float64", 64, "cpu")["water"]
    system = System(("H", "O"), np.array([1, 0, 0]), np.ones(3), np.eye(3) * 40.0, "float64", 64)
    surface = DeepDipole.build(water.surface.options, system, ForceField(system, ()))
    cutoff, start = surface.cutoff, surface.options.switch_start
    apart = jnp.array([[0.0, 0, 0], [0.3, 0.8, 0.1], [0, 0, 0]])

    def output(r):
        offset = apart.at[2].set(r * jnp.array([0.6, 0.0, 0.8]))
        where = Configuration(jnp.zeros((3, 3), jnp.int64), offset, jnp.asarray(system.cell))
        return surface.outputs(water.parameters, where)["O"][0, 2]

    slope, curvature = jax.grad(output), jax.grad(jax.grad(output))
    everything = jax.jit(jax.vmap(lambda r: jnp.stack([f(r) for f in (output, slope, curvature)])))
    near = np.array([-1e-8, 1e-8])
    before, after = np.asarray(everything(cutoff + near))
    beyond = np.asarray(everything(jnp.array([cutoff + 1.0])))[0]
    assert np.allclose(after, beyond, rtol=1e-14, atol=0)
    assert after[1] == after[2] == 0.0
    assert np.allclose(before, after, rtol=0, atol=1e-7)
    before, after = np.asarray(everything(start + near))
    assert np.allclose(before, after, rtol=1e-6, atol=1e-7)
    middle = np.asarray(everything(jnp.array([0.5 * (start + cutoff)])))[0]
    assert abs(middle[1]) > 1e-4 and abs(middle[2]) > 1e-4


def _built(example, **changes):
    options = msgspec.structs.replace(example.surface.options, **changes)
    return DeepDipole.build(options, example.system, ForceField(example.system, ()))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"types": "O C", "slots": "20 40"}, "has H, but the model"),
        ({"slots": "20"}, "2 whole numbers"),
        ({"slots": "20 forty"}, "2 whole numbers"),
        ({"cutoff": None}, "does not say its cutoff"),
        ({"switch_start": 5.6}, "fade from 5.6"),
        ({"cutoff": 6.5}, "cutoff of 6.5"),
        ({"activation": "gelu"}, "'gelu'"),
        ({"cores": "O 6"}, "without H"),
        ({"cores": "H one, O 6"}, "'H one'"),
        ({"electrons": "H -1"}, "centres for O"),
        ({"electrons": "O -7"}, "a charge of 27 e"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, told):
    example = DeepDipole.examples("float64", 64, "cpu")["water"]
    with pytest.raises(DmdError) as caught:
        _built(example, **changes)
    assert told in str(caught.value)


def test_arrays_that_do_not_fit_are_refused():
    example = DeepDipole.examples("float64", 64, "cpu")["water"]
    numbers = {n: np.asarray(a) for n, a in example.parameters.items()}
    assert not any(field.free for field in example.surface.arrays(numbers))
    broken = {
        "fitting.O.1.step": numbers["fitting.O.1.step"][:3],
        "fitting.O.2.matrix": numbers["fitting.O.2.matrix"][:, :5],
        "embedding.O.H.2.matrix": numbers["embedding.O.H.2.matrix"].T,
        "embedding.O.O.1.matrix": np.ones((2, 3)),
        "mean.O": np.ones(3),
        "deviation.O": np.zeros(4),
    }
    for name, array in broken.items():
        with pytest.raises(FileError, match=r"small\.pb"):
            example.surface.arrays({**numbers, name: array})
    for name in numbers:
        if not name.endswith("step"):
            with pytest.raises(FileError, match=r"small\.pb"):
                example.surface.arrays({k: v for k, v in numbers.items() if k != name})


def test_arrays_are_refined_unless_they_are_fixed():
    example = DeepDipole.examples("float64", 64, "cpu")["water"]
    numbers = {n: np.asarray(a) for n, a in example.parameters.items()}
    surface = _built(example, fixed="embedding.* mean.O, deviation.O")
    free = {field.name for field in surface.arrays(numbers) if field.free}
    assert free == {name for name in numbers if name.startswith("fitting")}
    with pytest.raises(RecipeError, match="'fiting"):
        _built(example, fixed="fiting.*").arrays(numbers)
