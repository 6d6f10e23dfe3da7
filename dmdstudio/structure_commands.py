"""The commands that make structures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmdstudio.arguments import iteration, number, positive, whole
from dmdstudio.base.errors import PhysicsError, RecipeError
from dmdstudio.terminal import print_json

if TYPE_CHECKING:
    from dmdstudio.files.structures.packing import Portion


def add_structure_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to a parser.

    Args:
        add: makes a command of its name, what it runs, and a text.
    """
    command = add("pack", _pack, "Fill a periodic box with molecules at random, by Packmol.")
    command.add_argument(
        "molecules",
        nargs="+",
        metavar="MOLECULE:COUNT",
        help="a structure file, with or without a cell, or a molecule that ASE knows: H2O:64",
    )
    size = command.add_mutually_exclusive_group(required=True)
    size.add_argument("--density", type=number, metavar="X", help="of a cubic box, g/cm3")
    size.add_argument(
        "--box",
        type=number,
        nargs="+",
        metavar="A",
        help="its edge, or its three edges, angstrom",
    )
    command.add_argument(
        "--around", metavar="SOLUTE", help="held in the middle of the box, as it is, and first"
    )
    command.add_argument(
        "--tolerance",
        type=number,
        default=2.0,
        metavar="X",
        help="smallest distance between molecules, angstrom (default: 2)",
    )
    command.add_argument("--seed", type=whole, default=1, metavar="N", help="default: 1")
    command.add_argument("--output", required=True, metavar="FILE", help="extended XYZ")

    command = add(
        "relax", _relax, "Move atoms to where the energy of a potential is least, in a fixed cell."
    )
    command.add_argument("source", metavar="RUN_DIR|RECIPE|FILE", help="of the potential")
    command.add_argument("--structure", metavar="S", help="of the atoms, if not the source's own")
    command.add_argument("--iteration", type=iteration, default="best", metavar="best|last|K")
    command.add_argument(
        "--force",
        type=number,
        default=0.05,
        metavar="X",
        help="largest at the end, eV/angstrom (default: 0.05)",
    )
    command.add_argument(
        "--steps", type=positive, default=1000, metavar="N", help="at most (default: 1000)"
    )
    command.add_argument("--output", required=True, metavar="FILE", help="extended XYZ")


def _pack(options: Any) -> int:
    from dmdstudio.base.units import factor
    from dmdstudio.files.structures import write_structure
    from dmdstudio.files.structures.packing import cube_of, molecule_called, packed

    portions = [_portion(text) for text in options.molecules]
    around = None if options.around is None else molecule_called(options.around)
    if options.density is not None:
        edges = cube_of(portions, options.density, around)
    elif len(options.box) in (1, 3):
        edges = options.box * (3 // len(options.box))
    else:
        raise RecipeError(f"--box has {len(options.box)} edges.", "Give one, of a cube, or three.")
    box = packed(portions, edges, options.tolerance, options.seed, around)
    write_structure(box, options.output)
    density = box.density * factor("amu/angstrom3", "g/cm3")
    if options.json:
        print_json(
            {
                "file": options.output,
                "atoms": len(box.symbols),
                "edges_angstrom": [float(edge) for edge in edges],
                "density_g_per_cm3": density,
            }
        )
    else:
        size = " x ".join(f"{edge:.4g}" for edge in edges)
        print(
            f"{options.output}: {box.title.removeprefix('packed: ')}, {len(box.symbols)} atoms in "
            f"{size} angstrom, {density:.4g} g/cm3"
        )
    return 0


def _relax(options: Any) -> int:
    from dmdstudio.files.structures import write_structure
    from dmdstudio.service import machine
    from dmdstudio.service.relaxation import State, relaxed
    from dmdstudio.service.sources import potential_of

    def report(state: State) -> None:
        print(
            f"step {state.step}: {state.energy:.6g} eV, largest force "
            f"{state.largest_force:.3g} eV/angstrom",
            file=sys.stderr,
            flush=True,
        )

    machine.prepare()
    terms, structure = potential_of(options.source, options.iteration, options.structure)
    found = relaxed(terms, structure, options.force, options.steps, report)
    write_structure(found.structure, options.output)
    before, after = found.before, found.after
    if options.json:
        print_json(
            {
                "file": options.output,
                "converged": found.converged,
                "steps": after.step,
                "energy_ev": [before.energy, after.energy],
                "largest_force_ev_per_angstrom": [before.largest_force, after.largest_force],
            }
        )
    else:
        print(
            f"{options.output}: energy {before.energy:.6g} to {after.energy:.6g} eV, largest force "
            f"{before.largest_force:.3g} to {after.largest_force:.3g} eV/angstrom, in "
            f"{after.step} steps"
        )
    if found.converged:
        return 0
    print(
        f"dmdstudio: the largest force is not below {options.force:g} eV/angstrom after "
        f"{after.step} steps; the file is written. Go on from it, with more --steps.",
        file=sys.stderr,
    )
    return PhysicsError.exit_code


def _portion(text: str) -> Portion:
    from dmdstudio.files.structures.packing import Portion, molecule_called

    name, _, count = text.rpartition(":")
    if not (name and count.isdecimal() and len(count) < 10 and int(count)):
        raise RecipeError(
            f"{text!r} does not say how many molecules of what to pack.",
            "Write MOLECULE:COUNT with a count of 1 or more, such as H2O:64 or ethanol.xyz:20.",
        )
    return Portion(Path(name).stem, molecule_called(name), int(count))
