"""A Python file with all numbers in plain text, whose `calculator()` gives an ASE calculator."""

from __future__ import annotations

import pprint
from collections.abc import Sequence
from pathlib import Path

from dmdstudio.files.potentials.array_file import term_file, write_bytes
from dmdstudio.files.potentials.format import ExportFormat, export_formats
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.structures.writing import write_structure
from dmdstudio.files.whole import write_text, write_whole
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

_SCRIPT = '''{about}
#
# In Python:                from {module} import calculator; atoms.calc = calculator()
# Energy of the structure:  python {name}

# Options: lengths in angstrom; `file` lies beside. Parameters: angstrom, eV, e, radians.
TERMS = {terms}

TYPES = {types!r}  # of atoms of one element that differ in their bonds; empty for none


def calculator():
    """Return an ASE calculator (eV, angstrom); needs DMD Studio to be installed."""
    from pathlib import Path

    from dmdstudio.service.calculator import calculator_from_terms

    return calculator_from_terms(TERMS, Path(__file__).resolve().parent, TYPES)


def structure():
    """Return the structure that the potential was refined on, with the calculator attached."""
    from pathlib import Path

    import ase.io

    atoms = ase.io.read(Path(__file__).resolve().with_name({structure!r}), format="extxyz")
    atoms.calc = calculator()
    return atoms


if __name__ == "__main__":
    print("Potential energy:", structure().get_potential_energy(), "eV")
'''


class AseCalculator(ExportFormat):
    """A Python module with the numbers, and the structure."""

    name = "ase"
    label = "Python (ASE calculator)"
    doc = (
        "NAME.py holds every number and a function calculator() that returns an ASE calculator "
        "(through DMD Studio); NAME.xyz is the structure; NAME_1.npz holds the arrays of the first "
        "term, where it is a network."
    )
    kinds = (
        "behler_parrinello", "born_mayer_huggins", "buckingham", "cosine_angle", "coulomb", "eann",
        "embedded_atom", "ewald", "harmonic_angle", "harmonic_bond", "improper", "lennard_jones",
        "lennard_jones_pairs", "mie", "morse",
        "morse_bond", "nequip", "pair_spline", "periodic_improper", "periodic_torsion",
        "stillinger_weber", "tersoff", "urey_bradley",
    )  # fmt: skip
    suffix = ".py"
    taken = (".xyz",)

    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the two files, and one for every network; see `ExportFormat.write`."""
        beside = {
            n: path.with_name(f"{path.stem}_{n}.npz") for n, t in enumerate(terms, 1) if t.arrays
        }
        for number, file in beside.items():
            content = term_file(terms[number - 1], provenance)
            write_whole(file, lambda aside, content=content: write_bytes(aside, content))
        plain = [
            {
                "kind": term.kind,
                "options": {**term.options, **({"file": beside[n].name} if n in beside else {})},
                "parameters": {
                    name: {type_: float(value) for type_, value in values.items()}
                    for name, values in term.parameters.items()
                },
            }
            for n, term in enumerate(terms, 1)
        ]
        atoms = path.with_name(f"{path.stem}.xyz")
        text = _SCRIPT.format(
            about=provenance.commented("# "),
            module=path.stem,
            name=path.name,
            structure=atoms.name,
            types=structure.type_rules,
            terms=pprint.pformat(plain, width=90, sort_dicts=False),
        )
        write_text(path, text)
        write_structure(structure, atoms)
        return [path, atoms, *beside.values()]


export_formats.add("ase", AseCalculator())
