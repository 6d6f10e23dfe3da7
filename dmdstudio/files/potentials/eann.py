"""Parameter files of EANN: those of DMFF (a pickle), and our own; in and out.

DMFF keeps a table with ``c``, ``rs``, ``inta`` [element, radial], ``initpot`` [1] and lists ``w``
and ``b`` of layers: three entries for every hidden layer (linear, norm, activation), then the
output. Energies are in kJ/mol; the lengths in its formulas are in angstrom. It says neither which
elements these are nor the cutoff.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import from_internal, to_internal
from dmdstudio.files.potentials.array_file import (
    ABOUT,
    archived,
    is_archive,
    own_arrays,
    parameter_files,
    write_arrays,
    write_bytes,
)
from dmdstudio.files.potentials.format import export_formats
from dmdstudio.files.potentials.network_archive import NetworkArchive, NetworkFormat
from dmdstudio.files.potentials.plain_pickle import arrays_of, pickle_of
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.whole import write_text, write_whole
from dmdstudio.plan.arrays import EANN_UNITS, ParameterArrays
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

KIND = "eann"
ENERGY = "kJ/mol"
_RADIAL = {"c": "radial_coefficient", "rs": "radial_centre", "inta": "radial_exponent"}
_STEPS = (
    ("weight", "bias"),
    ("norm_scale", "norm_shift"),
    ("activation_scale", "activation_slope"),
)
_OUTPUT = ("output_weight", "output_bias")
_ENERGIES = (*_OUTPUT, "atom_energy")


def read_eann(content: bytes, name: str) -> ParameterArrays:
    """Return the network of a parameter file; see `array_file.read_parameters`."""
    if is_archive(content):
        found = archived(content, name)
        if ABOUT in found:
            return own_arrays(found, KIND, name)
        return from_tree(_tree(found), name)
    if content[:1] == b"\x80":
        return from_tree(arrays_of(content, name), name)
    raise FileError(
        f"{name} is neither a NumPy archive nor a pickle, so it holds no EANN network.",
        "Name a parameter file of DMFF (.pickle), or one that DMD Studio wrote (.npz).",
    )


def _tree(found: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return DMFF's table from its arrays by name: ``w0``, ``w1``, ... belong to the list ``w``."""
    tree: dict[str, Any] = {key: value for key, value in found.items() if key in _RADIAL}
    if "initpot" in found:
        tree["initpot"] = found["initpot"]
    for letter in "wb":
        layers = []
        while f"{letter}{len(layers)}" in found:
            layers.append(found[f"{letter}{len(layers)}"])
        tree[letter] = layers
    return tree


def from_tree(tree: Any, name: str) -> ParameterArrays:
    """Return our arrays of DMFF's table; their shapes are checked by the potential."""
    wanted = (*_RADIAL, "initpot", "w", "b")
    if not isinstance(tree, dict) or any(key not in tree for key in wanted):
        held = ", ".join(map(str, tree))[:200] if isinstance(tree, dict) else "no table"
        raise FileError(
            f"{name} is no EANN network of DMFF: that is a table with {', '.join(wanted)}; "
            f"found: {held}."
        )
    weights, biases = _list(tree["w"], "w", name), _list(tree["b"], "b", name)
    hidden, left = divmod(len(weights) - 1, len(_STEPS))
    if len(weights) != len(biases) or left or not hidden:
        raise FileError(
            f"{name} has {len(weights)} entries in w and {len(biases)} in b; an EANN network has "
            "three for every hidden layer (linear, norm, activation) and one for the output."
        )
    arrays = {ours: _numbers(tree[theirs], theirs, name) for theirs, ours in _RADIAL.items()}
    for place in range(3 * hidden):
        layer, step = divmod(place, len(_STEPS))
        for ours, letter, items in zip(_STEPS[step], "wb", (weights, biases), strict=True):
            found = _numbers(items[place], f"{letter}[{place}]", name)
            if step and found.ndim == 3 and found.shape[1] == 1:
                found = found[:, 0]
            arrays[f"layer{layer + 1}_{ours}"] = found
    last = (weights[-1], biases[-1])
    for ours, letter, item in zip(_OUTPUT, "wb", last, strict=True):
        found = _numbers(item, f"{letter}[{3 * hidden}]", name)
        arrays[ours] = found[..., 0] if found.shape[-1:] == (1,) else found
    arrays["atom_energy"] = _numbers(tree["initpot"], "initpot", name).reshape(-1)
    for key in _ENERGIES:
        arrays[key] = to_internal(1.0, ENERGY) * arrays[key]
    return ParameterArrays(KIND, arrays)


def _list(found: Any, key: str, name: str) -> list[Any]:
    if isinstance(found, dict):  # numbered layers
        found = [found[n] for n in sorted(found)]
    if not isinstance(found, list) or not 1 <= len(found) <= 100:
        raise FileError(f"{name}: {key} is no list of layers.")
    return found


def _numbers(found: Any, key: str, name: str) -> np.ndarray:
    if isinstance(found, float):
        found = np.array(found)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
        raise FileError(f"{name}: {key} is no array of numbers.")
    return found.astype(np.float64)


def to_tree(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return DMFF's table of our arrays."""
    plain = {k: np.asarray(v, np.float64) for k, v in arrays.items()}
    for key in _ENERGIES:
        plain[key] = from_internal(1.0, ENERGY) * plain[key]
    tree: dict[str, Any] = {theirs: plain[ours] for theirs, ours in _RADIAL.items()}
    tree |= {"initpot": plain["atom_energy"], "w": [], "b": []}
    layer = 1
    while f"layer{layer}_weight" in plain:
        for step, names in enumerate(_STEPS):
            for letter, name in zip("wb", names, strict=True):
                found = plain[f"layer{layer}_{name}"]
                tree[letter].append(found[:, None] if step == 2 else found)
        layer += 1
    for letter, name in zip("wb", _OUTPUT, strict=True):
        tree[letter].append(plain[name][..., None])
    return tree


def eann_bytes(given: ParameterArrays) -> bytes:
    """Return the bytes of a parameter file of our own."""
    return write_arrays(given, {key: EANN_UNITS.get(key, "") for key in given.arrays})


# --------------------------------------------------------------------------------------- exports


class EannArchive(NetworkArchive):
    """The network as a NumPy archive, with its cutoff, elements and origin."""

    name = "eann"
    label = "EANN parameters (NumPy)"
    doc = (
        "NAME.npz holds all arrays in angstrom and eV with cutoff, elements and origin: name it as "
        "`file` of an eann potential, or read it with NumPy."
    )
    kinds = (KIND,)


class DmffEann(NetworkFormat):
    """The network as DMFF loads it."""

    name = "dmff"
    label = "EANN parameters (DMFF)"
    doc = (
        "NAME.pickle holds the arrays in the table that DMFF's EANN force loads, as plain NumPy "
        "arrays in kJ/mol; NAME.txt says cutoff, elements and origin, which the table cannot."
    )
    kinds = (KIND,)
    suffix = ".pickle"
    taken = (".txt",)
    unsaid = ("cutoff", "elements")

    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the two files; see `ExportFormat.write`."""
        term = self.single(terms)
        content, beside = pickle_of(to_tree(term.arrays)), path.with_suffix(".txt")
        write_whole(path, lambda aside: write_bytes(aside, content))
        lines = [
            f"{path.name}: an EANN network for DMFF, energies in kJ/mol.",
            f"Cutoff: {term.options['cutoff']} angstrom",
            f"Elements, in the order of the arrays: {term.options['elements']}",
            *provenance.lines(),
        ]
        write_text(beside, "\n".join(lines) + "\n")
        return [path, beside]


parameter_files.add(KIND, read_eann)
export_formats.add(EannArchive.name, EannArchive())
export_formats.add(DmffEann.name, DmffEann())
