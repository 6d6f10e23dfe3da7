"""Cutoffs and the sum over charges, from the run settings (.mdp) beside a topology of GROMACS.

Source: GROMACS manual, "Molecular dynamics parameters (.mdp options)".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dmdstudio.base.units import factor
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.text import decode, read_content

LIMIT_BYTES = 10**6
_NM = factor("nm", "angstrom")
_SUMS = ("pme", "ewald", "p3m-ad")
_SWITCHED = "potential-switch"


@dataclass(frozen=True)
class RunSettings:
    """What a topology does not say.

    Attributes:
        options: by kind of term.
        charges: kind of the term for charges; empty where they are cut off.
        notes: sentences on what is not taken over.
    """

    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    charges: str = ""
    notes: tuple[str, ...] = ()


def settings_beside(topology: Path) -> RunSettings:
    """Return the settings of the .mdp that is called as a topology is; nothing without one.

    Raises:
        FileError: it cannot be read, or a length in it is no number.
    """
    path = topology.with_suffix(".mdp")
    if not path.is_file():
        return RunSettings()
    given: dict[str, tuple[str, Place]] = {}
    text = decode(read_content(path, "file of run settings", LIMIT_BYTES), path.name)
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.split(";", 1)[0].partition("=")
        if equals:
            given[_plain(name)] = _plain(value), Place(path.name, number)

    def word(name: str, usual: str) -> str:
        return given.get(name, (usual, None))[0]

    def length(name: str) -> float | None:
        if name not in given or not given[name][0]:
            return None
        value, place = given[name]
        return round(place.number(value, name, 1e-3) * _NM, 12)

    notes = [f"Cutoffs are those of {path.name}."]
    options: dict[str, Mapping[str, object]] = {}
    if cutoff := length("rvdw"):
        options["lennard_jones"] = {"cutoff": cutoff}
        start = length("rvdw-switch")
        switched = word("vdw-modifier", "") == _SWITCHED or word("vdwtype", "") == "switch"
        if switched and start is not None:
            options["lennard_jones"] = {"cutoff": cutoff, "switch_start": start}
    if word("dispcorr", "no") != "no":
        notes.append(f"The dispersion correction of {path.name} is not taken over.")
    charges = "ewald" if word("coulombtype", "cut-off") in _SUMS else ""
    if charges and (cutoff := length("rcoulomb")):
        options["ewald"] = {"cutoff": cutoff}
    return RunSettings(options, charges, tuple(notes) if options else tuple(notes[1:]))


def _plain(words: str) -> str:
    """Return a name or a choice as GROMACS compares it."""
    return words.strip().lower().replace("_", "-")
