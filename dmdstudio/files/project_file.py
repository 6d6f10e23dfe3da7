"""A project on disk (``.dmdproj``): the recipe under edit, its runs, and what is shown of them.

A TOML file of data only. Paths start at its folder, so that the folder can be moved as a whole; the
files that the recipe names stand with their SHA-256, so that one that was moved is found nearby and
one that was changed is told of.

    argon.dmdproj             the project
    argon.backup-1.dmdproj    as it was before the last save; 2 and 3 are older

A file is written aside and renamed: at any moment the old project or the new one can be opened.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import tomli_w
from msgspec import Struct

import dmdstudio
from dmdstudio.base.errors import DmdError, FileError
from dmdstudio.files.whole import remove_leftovers, write_text, write_whole
from dmdstudio.plan.recipe import LIMIT_BYTES, Recipe, recipe_from_table, recipe_to_table
from dmdstudio.plan.recipe_files import (
    Place,
    absolute,
    file_owner,
    named_files,
    rebased,
    relative,
)

SUFFIX = ".dmdproj"
FORMAT = 1
"""Version of the layout of a project file."""
BACKUPS = 3
_NEARBY_DEPTH, _NEARBY_FILES = 3, 5000
"""How far below the project's folder a lost file is looked for."""


@dataclass(frozen=True)
class Project:
    """What a project file holds; all paths are absolute.

    Attributes:
        recipe: the recipe under edit.
        recipe_path: the recipe file that it was opened from.
        runs: the folders of the runs that belong to the project.
        shown_run: the one that is shown.
        tab, target: what is shown of it.
        queue: recipes that wait to be run.
        original: of an autosave, the project file that it stands for.
    """

    recipe: Recipe
    recipe_path: Path | None = None
    runs: tuple[Path, ...] = ()
    shown_run: Path | None = None
    tab: str = ""
    target: str = ""
    queue: tuple[Recipe, ...] = ()
    original: Path | None = None

    def keeps_the_same(self, other: Project | None) -> bool:
        """Whether saving one loses nothing of the other; what is shown does not count."""
        return other is not None and self._essence() == other._essence()

    def _essence(self) -> object:
        recipes = [absolute(recipe) for recipe in (self.recipe, *self.queue)]
        return recipes, self.runs


@dataclass(frozen=True)
class Opened:
    """A project that was read.

    Attributes:
        warnings: what was found moved, changed or damaged, in sentences.
        lost: places in the recipe whose files were not found.
    """

    project: Project
    warnings: list[str] = field(default_factory=list)
    lost: list[Place] = field(default_factory=list)


class _InputFile(Struct, frozen=True, kw_only=True):
    path: str
    sha256: str
    bytes: int


class _Shown(Struct, frozen=True, kw_only=True):
    run: str = ""
    tab: str = ""
    target: str = ""


class _Table(Struct, frozen=True, kw_only=True):
    """The file's own layout."""

    format: int
    dmdstudio: str = ""
    recipe_file: str = ""
    original: str = ""
    runs: tuple[str, ...] = ()
    shown: _Shown = _Shown()
    input: tuple[_InputFile, ...] = ()
    recipe: dict[str, Any]
    queue: tuple[dict[str, Any], ...] = ()


def write_project(path: str | Path, project: Project, backups: int = BACKUPS) -> Path:
    """Write a project, keeping numbered backups of what stood there.

    Args:
        path: the file; ``.dmdproj`` is added where it has no ending.
        project: what to write.
        backups: how many older versions are kept.

    Returns:
        The file that was written.

    Raises:
        FileError: it cannot be written; what stood there is unharmed.
    """
    path = Path(path)
    path = (path if path.suffix else path.with_suffix(SUFFIX)).resolve()
    text = tomli_w.dumps(_to_table(project, path.parent))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, path.name, age_seconds=60.0)
        if path.is_file() and path.read_bytes() != text.encode():
            _back_up(path, backups)
        write_text(path, text)
    except OSError as error:
        raise FileError(
            f"The project cannot be written to {path}: {error.strerror or error}.",
            "Save it elsewhere; nothing of it is lost.",
        ) from None
    return path


def _back_up(path: Path, backups: int) -> None:
    """Copy a file to its first backup after moving the older ones on."""
    if backups < 1:
        return
    for number in range(backups - 1, 0, -1):
        if (newer := backup_path(path, number)).is_file():
            os.replace(newer, backup_path(path, number + 1))
    content = path.read_bytes()
    write_whole(backup_path(path, 1), lambda aside: _write_bytes(aside, content))


def backup_path(path: Path, number: int) -> Path:
    """Return where a backup of a project file lies; 1 is the newest."""
    return path.with_name(f"{path.stem}.backup-{number}{path.suffix}")


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _to_table(project: Project, folder: Path) -> dict[str, Any]:
    recipe = rebased(project.recipe, folder)
    inputs = [
        _InputFile(path=name, sha256=digest(path), bytes=path.stat().st_size)
        for name in dict.fromkeys(named_files(recipe).values())
        if (path := folder / name).is_file()
    ]

    def named(path: Path | None) -> str:
        return "" if path is None else relative(path, folder)

    table = _Table(
        format=FORMAT,
        dmdstudio=dmdstudio.__version__,
        recipe_file=named(project.recipe_path),
        original=named(project.original),
        runs=tuple(named(run) for run in project.runs),
        shown=_Shown(run=named(project.shown_run), tab=project.tab, target=project.target),
        input=tuple(inputs),
        recipe=recipe_to_table(recipe),
        queue=tuple(recipe_to_table(rebased(waiting, folder)) for waiting in project.queue),
    )
    return msgspec.to_builtins(table)


_DIGESTS: dict[tuple[str, int, int], str] = {}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file; one that has not changed is read once."""
    about = path.stat()
    known = (str(path), about.st_size, about.st_mtime_ns)
    if known not in _DIGESTS:
        with open(path, "rb") as file:
            _DIGESTS[known] = hashlib.file_digest(file, "sha256").hexdigest()
    return _DIGESTS[known]


def read_project(path: str | Path) -> Opened:
    """Read a project; where it is damaged, its newest backup that is whole.

    Files of the recipe that are not where they were are looked for below the project's folder and
    in the runs, by their content.

    Raises:
        FileError: missing, no project, of a newer format, or damaged with all of its backups.
    """
    path = Path(path).resolve()
    if not path.exists():
        raise FileError(f"There is no project at {path}.", "Check the name.")
    try:
        return _settled(_parse(path), path.parent)
    except _NewerError:
        raise
    except DmdError as error:
        for number in range(1, BACKUPS + 1):
            backup = backup_path(path, number)
            try:
                opened = _settled(_parse(backup), path.parent)
            except DmdError:
                continue
            told = f"{error.message} Its backup {backup.name} was opened instead."
            return replace(opened, warnings=[told, *opened.warnings])
        raise


class _NewerError(FileError):
    """A project of a later version: its backups would be older work, not a repair."""


def _parse(path: Path) -> _Table:
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise FileError(f"{path.name} is too large to be a project.", "Name a .dmdproj file.")
        table = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path.name} is damaged, or no project: {error}.") from None
    found = table.get("format")
    if type(found) is int and found > FORMAT:
        raise _NewerError(
            f"Project {path.name} has format {found}, but this version reads up to {FORMAT}.",
            "Update DMD Studio.",
        )
    try:
        return msgspec.convert(table, _Table)
    except (msgspec.ValidationError, RecursionError) as error:
        raise FileError(f"{path.name} is damaged, or no project: {error}.") from None


def _settled(table: _Table, folder: Path) -> Opened:
    """Turn a file's content into a project with absolute paths, its lost files found again."""

    def placed(name: str) -> Path | None:
        return Path(os.path.normpath(folder / name)) if name else None

    recipe = recipe_from_table(table.recipe, folder, "the project's recipe")
    runs = tuple(Path(os.path.normpath(folder / name)) for name in table.runs)
    warnings: list[str] = []
    lost: list[Place] = []
    known = {file.path: file for file in table.input}
    replaced: dict[str, str] = {}
    for place, name in named_files(recipe).items():
        file, source = known.get(name), recipe.path(name)
        if name in replaced:
            continue
        if not source.is_file():
            found = None if file is None else find_by_content(file, source.name, folder, runs)
            if found is None:
                lost.append(place)
                owner = file_owner(recipe, place)
                warnings.append(f"The {owner}, {name}, is not there any more ({source}).")
            else:
                replaced[name] = relative(found, folder)
                warnings.append(f"{name} was found as {replaced[name]}.")
        elif file is not None and digest(source) != file.sha256:
            warnings.append(f"{name} was changed since the project was saved.")
    table_now = recipe_to_table(recipe)
    for place, name in named_files(recipe).items():
        inside: Any = table_now
        for step in place[:-1]:
            inside = inside[step]
        inside[place[-1]] = replaced.get(name, name)
    missing = [run.name for run in runs if not run.is_dir()]
    if missing:
        warnings.append(f"Runs that are not there any more: {', '.join(missing)}.")
    shown = placed(table.shown.run)
    project = Project(
        recipe=recipe_from_table(table_now, folder),
        recipe_path=placed(table.recipe_file),
        runs=tuple(run for run in runs if run.is_dir()),
        shown_run=shown if shown is not None and shown.is_dir() else None,
        tab=table.shown.tab,
        target=table.shown.target,
        queue=tuple(recipe_from_table(waiting, folder) for waiting in table.queue),
        original=placed(table.original),
    )
    return Opened(project, warnings, lost)


def find_by_content(
    file: _InputFile, name: str, folder: Path, runs: tuple[Path, ...] = ()
) -> Path | None:
    """Return a file of the same content near a project; those of the same name come first."""
    near = sorted(_nearby(folder), key=lambda path: path.name != name)
    for path in [*near, *(p for run in runs for p in sorted((run / "inputs").glob("*")))]:
        try:
            if path.stat().st_size == file.bytes and digest(path) == file.sha256:
                return path
        except OSError:
            continue  # gone or unreadable: not the one
    return None


def _nearby(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, not too deep and not too many."""
    seen = 0
    for here, folders, names in os.walk(folder):
        if len(Path(here).relative_to(folder).parts) >= _NEARBY_DEPTH:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if (seen := seen + 1) > _NEARBY_FILES:
                return
            yield Path(here, name)
