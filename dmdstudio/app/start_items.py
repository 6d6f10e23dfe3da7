"""What the start page lists: examples, recent work, and the run that can be resumed. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dmdstudio.app.drops import sort_drop
from dmdstudio.app.run_folders import example_recipe, recent
from dmdstudio.app.run_list import RunRow
from dmdstudio.files.run_label import read_label

_KINDS = {"project": "Project", "recipe": "Recipe", "run": "Run"}


@dataclass(frozen=True)
class Example:
    """A recipe that ships.

    Attributes:
        folder: its name among the examples.
        verb: what the button says.
        words: what it is about.
        file: the name of its recipe.
    """

    folder: str
    verb: str
    words: str
    file: str = "recipe.toml"

    @property
    def recipe(self) -> Path | None:
        """Its recipe, if this installation has it."""
        return example_recipe(self.folder, self.file)


EXAMPLES = (
    Example(
        "argon-diffusion",
        "Open the argon example",
        "Liquid argon: σ and ε refined until self-diffusion and energy meet the measured ones. "
        "A few minutes on two cores.",
        file="recipe-two-targets.toml",  # one target alone leaves a valley of equally good pairs
    ),
    Example(
        "water-infrared",
        "Open the water example",
        "Liquid water: bonds, angles and charges refined against its infrared spectrum, in "
        "absolute units, density and diffusion. About ten minutes on two cores.",
    ),
)


@dataclass(frozen=True)
class RecentItem:
    """One project, recipe or run that was opened lately.

    Attributes:
        kind: what it is, in a word.
        name: what it is called.
        folder: where it lies.
    """

    path: Path
    kind: str
    name: str
    folder: str


def recent_items() -> list[RecentItem]:
    """Return what was opened lately and still exists, the newest first."""
    return [_item(path) for path in recent()]


def _item(path: Path) -> RecentItem:
    kind = sort_drop(path, has_recipe=False).kind
    if kind == "run":
        name = read_label(path) or path.name
    elif path.name == "recipe.toml":  # as most are called: the folder tells them apart
        name = f"{path.parent.name}/{path.name}"
    else:
        name = path.stem if kind == "project" else path.name
    return RecentItem(path, _KINDS.get(kind, "File"), name, _from_home(path.parent))


def _from_home(folder: Path) -> str:
    try:
        return str(Path("~") / folder.relative_to(Path.home()))
    except (ValueError, RuntimeError):  # elsewhere, or nobody's home
        return str(folder)


def unfinished(rows: Iterable[RunRow]) -> RunRow | None:
    """Return the newest of some runs, newest first, that was stopped or cut short; else None."""
    for row in rows:
        if row.state in ("stopped", "interrupted") and row.done < row.planned:
            return row
    return None


def unfinished_words(row: RunRow | None) -> str:
    """Return what can be resumed, in a sentence."""
    if row is None:
        return "A run that was stopped or cut short goes on from its last finished iteration."
    how = "was stopped" if row.state == "stopped" else "was cut short"
    return f"{row.name} {how} after {row.done} of {row.planned} iterations, and goes on from there."
