"""The pages of the guide as Markdown, and which of them fits what is on the screen. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dmdstudio.app.run_folders import resources_folder

FIRST = "first-steps"
_OF_TABS = {
    "gradient": "gradients",
    "sensitivity": "gradients",
    "compare": "plots",
    "diffusion": "plots",
    "loss": "plots",
    "parameters": "plots",
    "structure": "structure",
}
_ORDER = (FIRST, "plots", "spectra", "transport", "gradients", "potentials", "structure")


@dataclass(frozen=True)
class Page:
    """One page of the guide: its name, title and file."""

    name: str
    title: str
    path: Path


def pages() -> tuple[Page, ...]:
    """Return the pages that this installation has, the first one to read first."""
    folder = resources_folder()
    paths = sorted(folder.glob("guide/*.md")) if folder else []
    found = [Page(path.stem, _title(path), path) for path in paths]
    known = {name: place for place, name in enumerate(_ORDER)}
    return tuple(sorted(found, key=lambda page: (known.get(page.name, len(known)), page.title)))


def page_of(tab: str) -> str:
    """Return the name of the page that explains a tab."""
    return _OF_TABS.get(tab, FIRST)


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("# "):
                return line[2:].partition(":")[0].strip()
    return path.stem.replace("-", " ").capitalize()
