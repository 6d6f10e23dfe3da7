"""A potential that was read, as a part of a recipe's text."""

from __future__ import annotations

import tomli_w

from dmdstudio.files.potentials.provenance import comment_text
from dmdstudio.files.potentials.reading.force_field import ReadPotential
from dmdstudio.plan.recipe import terms_to_tables


def recipe_part(found: ReadPotential, name: str) -> str:
    """Return ``[[potential]]`` tables as text, with what was left out above them.

    Args:
        found: the potential.
        name: of the file that it is from.
    """
    lines = [f"Read from {name} ({found.label}).", *found.notes]
    if not any(p.free for term in found.terms for p in term.parameter):
        lines.insert(1, "Nothing of it is refined before it is set free.")
    if found.type_rules:
        lines.append(f"In [system] set types = '{found.type_rules}'.")
    about = "".join(f"# {comment_text(line)}\n" for line in lines)
    return f"{about}\n{tomli_w.dumps({'potential': terms_to_tables(found.terms)})}"
