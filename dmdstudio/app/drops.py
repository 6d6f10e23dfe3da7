"""What a file that is opened or dropped on the window would do. No Qt; only recipes are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dmdstudio.app.run_folders import is_run_folder
from dmdstudio.files.project_file import SUFFIX
from dmdstudio.plan.recipe import holds_terms_alone

Kind = Literal["project", "recipe", "run", "structure", "potential", "data", "unknown"]

_STRUCTURES = {
    ".xyz", ".extxyz", ".cif", ".pdb", ".gro", ".poscar", ".vasp", ".lmp", ".data"
}  # fmt: skip
_DATA = {
    ".csv", ".tsv", ".dat", ".txt", ".dpt", ".asc", ".xy", ".prn", ".jdx", ".dx", ".jcm", ".jcamp",
    ".spc", ".h5", ".hdf5", ".nxs", ".opus",
}  # fmt: skip
_OPUS = re.compile(r"\.\d{1,4}")
_DATA_SENTENCE = {
    True: "Becomes the experiment of a target",
    False: "Is kept, and becomes a target once there is a structure",
}
_FIRST_LINES = 60
_NUMBER = re.compile(r"[-+\u2212]?(\d+[.,]?\d*|[.,]\d+)([eEdD][-+]?\d+)?")
_STRUCTURE_NAMES = {"POSCAR", "CONTCAR", "XDATCAR"}
_POTENTIALS = {".xml", ".in", ".top", ".itp", ".sw", ".pickle", ".npz"}


@dataclass(frozen=True)
class Drop:
    """One file and where it goes."""

    path: Path
    kind: Kind
    sentence: str

    @property
    def welcome(self) -> bool:
        """Whether the window can do something with it now."""
        return self.kind != "unknown"


def sort_drop(path: Path, has_recipe: bool) -> Drop:
    """Return what opening ``path`` would do, by its name and the marks of a run folder."""
    kind = _kind(path)
    sentence = {
        "project": "Opens as the project",
        "recipe": "Opens as the recipe",
        "run": "Shows this run; it can be resumed",
        "structure": "Becomes the structure of the system"
        if has_recipe
        else "Begins a new refinement of this structure",
        "potential": "Becomes the potential"
        if has_recipe
        else "Is kept, and becomes the potential once there is a structure",
        "data": _DATA_SENTENCE[has_recipe],
        "unknown": _why_unknown(path),
    }[kind]
    return Drop(path, kind, sentence)


def sort_text(has_recipe: bool) -> Drop:
    """Return what dropping columns of numbers would do."""
    return Drop(Path("Columns of numbers"), "data", _DATA_SENTENCE[has_recipe])


def holds_columns(text: str) -> bool:
    """Whether a text looks like columns of numbers: two rows of two numbers among its first."""
    rows = 0
    for line in text.lstrip("\ufeff").splitlines()[:_FIRST_LINES]:
        words = re.split(r"[\s;]+|,(?=\s)|(?<=\S),(?=\S)", line.strip())
        rows += len(words) > 1 and all(map(_NUMBER.fullmatch, words[:2]))
    return rows > 1


def _kind(path: Path) -> Kind:
    if path.is_dir():
        if is_run_folder(path):
            return "run"
        return "recipe" if (path / "recipe.toml").is_file() else "unknown"
    if path.name in ("events.jsonl", "run.toml") and path.exists():
        return "run"
    suffix = path.suffix.lower()
    if suffix == SUFFIX:
        return "project"
    if suffix == ".toml":
        return "potential" if holds_terms_alone(path) else "recipe"
    if suffix in _STRUCTURES or path.name in _STRUCTURE_NAMES:
        return "structure"
    if suffix in _POTENTIALS or path.name.startswith("in."):  # as LAMMPS' own examples are called
        return "potential"
    if suffix in _DATA or _OPUS.fullmatch(suffix) or _is_spectrum(path):
        return "data"
    return "unknown"


def _is_spectrum(path: Path) -> bool:
    """Whether a file of an unknown ending begins as instruments' own formats do."""
    from dmdstudio.files.spectra import measurement_formats
    from dmdstudio.files.spectra.format import HEAD_BYTES

    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    return any(known.sniff(head) for _, known in measurement_formats.items() if not known.general)


def _why_unknown(path: Path) -> str:
    if not path.exists():
        return "There is no such file"
    if path.is_dir():
        return "Is neither a run nor a folder with a recipe.toml"
    return f"Files of the type {path.suffix or path.name} are not known"
