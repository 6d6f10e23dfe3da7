"""Splines in OpenMM's force fields that we wrote: energies at the knots from their coefficients."""

from __future__ import annotations

import re

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.pair_table import KIND
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.xml import Element, read_xml
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.recipe import chain

_SETTINGS = re.compile(r"y=max\(0,min\(x,(\d+)\)\);.*;start=([^;]+);step=([^;]+)$")


def is_spline(element: Element) -> bool:
    """Tell whether a force looks like a spline that we write."""
    energy = element.attributes.get("energy", "")
    return element.tag == "CustomNonbondedForce" and "b(pair,i)" in energy


def read_splines(content: bytes, name: str) -> ParameterArrays | None:
    """Return the energies of the splines of a force field; None where it has none.

    Args:
        content: of the file.
        name: of it, for errors.

    Raises:
        FileError: there are several forces with splines, or one is not as we write it.
    """
    forces = [child for child in read_xml(content, name).children if is_spline(child)]
    if not forces:
        return None
    place = Place(name, forces[-1].line)
    if len(forces) > 1:
        raise place.error("two forces have splines; one is expected.")
    (force,) = forces
    said = _SETTINGS.search(force.attributes["energy"])
    if said is None:
        raise place.error("the formula of the spline is not as DMD Studio writes it.")
    knots = place.whole(said[1], "the number of knots", 3, 1001) - 1
    start, step = (place.number(word, "the spline", 1e-6) for word in said.groups()[1:])
    kinds = {
        atom.attributes.get("type", ""): place.whole(atom.attributes.get("kind"), "kind", 0, 10**4)
        for atom in force.all("Atom")
    }
    values = [place.number(w, "b") for f in force.all("Function") for w in f.text.split()]
    count = len(kinds)
    if len(values) != (knots + 5) * count**2 or sorted(kinds.values()) != [*range(count)]:
        raise place.error("the table of coefficients is not of the size that types and knots need.")
    b = np.array(values).reshape(knots + 5, count, count)
    at = (b[:knots] + 4.0 * b[1 : knots + 1] + b[2 : knots + 2]) / 6.0
    energies = {chain((a, c)): at[:, kinds[c], kinds[a]] for a in kinds for c in kinds}
    cutoff = round(start + step * (knots + 1), 12)
    if not all(np.isfinite(found).all() for found in energies.values()):
        raise FileError(f"{name} has coefficients that are no numbers.")
    return ParameterArrays(KIND, energies, {"start": start, "cutoff": cutoff, "knots": knots})
