"""The command line: the same refinement without a window.

Every command exits with 0, or prints one sentence and what to do, and exits with another number:
2 for a bad recipe, file or option, 3 where a simulation cannot give what was asked, 4 where the
engine failed, 5 where exported files are not the same potential to all that read them. ``--json``
prints results for programs on standard output; progress goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from dmdstudio import __version__
from dmdstudio.arguments import iteration, number, port, positive, seconds, whole
from dmdstudio.base.errors import DmdError, FileError, LostError, RecipeError, understood
from dmdstudio.plan.catalog import Field, convert, fields_of
from dmdstudio.plan.events import (
    Diagnosed,
    Evaluated,
    Event,
    Finished,
    Fitted,
    GradientChecked,
    StepReport,
    Uncertainty,
)
from dmdstudio.plan.force_fit import ForceFitPlan
from dmdstudio.plan.recipe import Recipe, read_recipe, terms_to_tables
from dmdstudio.plan.settings import with_settings
from dmdstudio.structure_commands import add_structure_commands
from dmdstudio.terminal import (
    follow,
    print_certificate,
    print_diagnosis,
    print_fit,
    print_json,
    print_parameters,
    print_table,
    print_targets,
    print_uncertainty,
)

if TYPE_CHECKING:
    from dmdstudio.service.control import Control

_MISMATCH = 5
"""Exit status where a certificate says that engines differ."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    options = _parser().parse_args(arguments)
    as_json = getattr(options, "json", False)
    try:
        return options.command(options) or 0
    except DmdError as error:
        _complain(error, as_json)
        if isinstance(error, LostError):  # the usual end would wait for the others
            sys.stdout.flush()
            os._exit(error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output went away
        return 0
    except (MemoryError, RuntimeError) as error:  # JAX's own errors are RuntimeErrors
        if (known := understood(error)) is None:
            raise
        _complain(known, getattr(options, "json", False))
        return known.exit_code
    except OSError as error:  # the disk is full, a folder may not be written, ...
        place = f"{error.filename}: " if error.filename else ""
        _complain(FileError(f"{place}{error.strerror or error}."), as_json)
        return FileError.exit_code


def _complain(error: DmdError, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": error.message, "advice": error.advice}))
    print(f"dmdstudio: {error}", file=sys.stderr)


# ---------------------------------------------------------------------------------- arguments


class _Parser(argparse.ArgumentParser):
    """Complains in one sentence, without the list of all options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dmdstudio",
        description="Refine potential energy surfaces against measured dynamics. "
        "Without a command the window opens.",
    )
    parser.add_argument("--version", action="version", version=f"dmdstudio {__version__}")
    parser.set_defaults(command=_open, files=[])
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, function: Callable[[Any], int | None], text: str, as_json: bool = True):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=function)
        if as_json:
            command.add_argument("--json", action="store_true", help="print results as JSON")
        return command

    command = add(
        "open", _open, "Open the window with files, as if they were dropped on it.", False
    )
    command.add_argument("files", nargs="*", metavar="FILE")

    command = add("run", _run, "Refine a recipe.")
    command.add_argument("recipe", metavar="RECIPE")
    command.add_argument("--run-dir", metavar="DIR", help="new folder for the run")
    command.add_argument("--iterations", type=positive, metavar="N")
    _device_and_settings(command)
    _several_processes(command)

    command = add("resume", _resume, "Go on with a run.")
    command.add_argument("run_dir", metavar="RUN_DIR")
    command.add_argument("--iterations", type=positive, metavar="N", help="this many more")
    _several_processes(command)

    command = add("evaluate", _evaluate, "Measure the observables on fresh samples.")
    command.add_argument("source", metavar="RECIPE|RUN_DIR")
    command.add_argument("--replicas", type=positive, metavar="N")
    command.add_argument("--seed", type=whole, metavar="N", help="default: the recipe's plus one")
    command.add_argument("--iteration", type=iteration, default="best", metavar="best|last|K")
    command.add_argument(
        "--uncertainty",
        action="store_true",
        help="also sensitivities, and standard errors of the parameters",
    )
    _device_and_settings(command)

    command = add(
        "check-gradient", _check_gradient, "Compare adjoint, backpropagation and differences."
    )
    command.add_argument("recipe", metavar="RECIPE")
    command.add_argument("--replicas", type=positive, default=4, metavar="N")
    _device_and_settings(command)

    command = add("diagnose", _diagnose, "Measure how far back the gradient can be trusted.")
    command.add_argument("recipe", metavar="RECIPE")
    command.add_argument("--replicas", type=positive, metavar="N")
    _device_and_settings(command)

    command = add("export", _export, "Write a refined potential for another engine.")
    command.add_argument("run_dir", metavar="RUN_DIR")
    command.add_argument("--format", required=True, metavar="NAME", help="see `catalog`")
    command.add_argument("--output", required=True, metavar="PATH")
    command.add_argument("--iteration", type=iteration, default="best", metavar="best|last|K")
    command.add_argument(
        "--certify",
        action=argparse.BooleanOptionalAction,
        help="read the files back, run them in the engines that are for them, and compare "
        "(default: for up to 5,000 atoms)",
    )
    command.add_argument(
        "--targets",
        action="store_true",
        help="also compute the targets again from trajectories of the engine, as many and as long "
        "as the run's",
    )

    command = add(
        "serve",
        _serve,
        "Drive i-PI, ASE or another server of its protocol with a potential.",
    )
    command.add_argument("source", metavar="RUN_DIR|RECIPE|FILE")
    command.add_argument("--structure", metavar="S", help="of the atoms, if not the source's own")
    command.add_argument("--iteration", type=iteration, default="best", metavar="best|last|K")
    command.add_argument("--host", default="localhost", metavar="NAME", help="of the server")
    command.add_argument("--port", type=port, default=31415, metavar="N", help="default: 31415")
    command.add_argument(
        "--unix", default="", metavar="NAME", help="a socket /tmp/ipi_NAME instead of host and port"
    )
    command.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="after which a silent server is given up (default: never)",
    )

    command = add("report", _report, "Write a run on one page, as HTML or PDF.")
    command.add_argument("run_dir", metavar="RUN_DIR")
    command.add_argument("--output", required=True, metavar="FILE", help="FILE.html or FILE.pdf")

    command = add(
        "import-potential",
        _import_potential,
        "Read a potential of another engine as the [[potential]] tables of a recipe.",
    )
    command.add_argument(
        "file", metavar="FILE", help="of a format that `catalog` lists; or a recipe or a run"
    )
    command.add_argument("--structure", required=True, metavar="S", help="whose atoms it is for")
    command.add_argument("--output", metavar="PATH", help="file for the tables; default: print")

    add_structure_commands(add)

    command = add(
        "fit-forces",
        _fit_forces,
        "Fit or fine-tune networks to ab initio energies, forces, stresses and dipoles.",
    )
    command.add_argument("data", nargs="*", metavar="DATA", help="extended XYZ files")
    command.add_argument("--run-dir", metavar="DIR", help="new folder for the fit")
    command.add_argument("--resume", metavar="DIR", help="go on with the fit in this folder")
    for field in fields_of(ForceFitPlan):
        _setting(command, field)

    command = add("benchmark", _benchmark, "Measure speed and memory beside other codes.")
    command.add_argument("name", choices=["forward", "gradient", "memory", "scaling", "window"])
    command.add_argument("--replicas", type=positive, default=8, metavar="N")
    command.add_argument("--steps", type=positive, default=1000, metavar="N")
    command.add_argument(
        "--repeats", type=positive, default=7, metavar="N", help="of what `window` measures"
    )
    command.add_argument(
        "--system",
        choices=["argon", "water", "silicon"],
        default="argon",
        help="water, which is flexible, for the gradient alone; silicon also for scaling",
    )

    add("catalog", _catalog, "List all that is registered: potentials, observables, formats.")
    add("doctor", _doctor, "Show versions, devices, Qt, memory and caches.")
    return parser


def _setting(command: argparse.ArgumentParser, field: Field) -> None:
    """Add an option for a setting that is declared elsewhere."""
    default = "" if field.default in (None, "") else f" (default: {field.default})"
    unit = f" [{field.unit}]" if field.unit else ""
    command.add_argument(
        f"--{field.name.replace('_', '-')}",
        type={"integer": whole, "float": number}.get(field.type, str),
        choices=field.choices or None,
        metavar=None if field.choices else {"integer": "N", "float": "X"}.get(field.type, "TEXT"),
        help=f"{field.label}{unit}: {field.doc}{default}".replace("%", "%%"),
    )


def _device_and_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", choices=["auto", "cpu", "gpu"])
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="section.field=value",
        help="change a setting of the recipe; may be repeated",
    )


def _several_processes(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="where process 0 of several listens; not needed under srun",
    )
    command.add_argument("--processes", type=positive, metavar="N", help="how many there are")
    command.add_argument("--process-id", type=whole, metavar="K", help="0 to N-1; 0 writes")


def _changed(recipe: Recipe, options: Any) -> Recipe:
    """Apply ``--set``, ``--device`` and ``--iterations`` to a recipe."""
    settings = list(options.set)
    if options.device:
        settings.append(f'execution.device="{options.device}"')
    if getattr(options, "iterations", None):
        settings.append(f"refinement.iterations={options.iterations}")
    return with_settings(recipe, settings) if settings else recipe


# ----------------------------------------------------------------------------------- commands


def _open(options: Any) -> int:
    from dmdstudio.app import run

    return run(options.files)


def _run(options: Any) -> int:
    recipe = _changed(read_recipe(options.recipe), options)
    folder = Path(options.run_dir) if options.run_dir else _new_folder(_name_of(options.recipe))
    from dmdstudio.service import loop

    return _refined(lambda control: loop.refine(recipe, folder, control), folder, options)


def _resume(options: Any) -> int:
    from dmdstudio.service import loop

    folder = Path(options.run_dir)
    return _refined(
        lambda control: loop.resume(folder, options.iterations, control), folder, options
    )


def _name_of(recipe: str) -> str:
    path = Path(recipe).resolve()
    return path.parent.name if path.stem in ("recipe", path.parent.name) else path.stem


def _new_folder(name: str) -> Path:
    """Return ``runs/NAME-1``, or the next number that is free."""
    number = 1
    while (folder := Path("runs") / f"{name}-{number}").exists():
        number += 1
    return folder


def _joined(options: Any) -> bool:
    """Join the other processes, where there are any; return whether this one writes and prints."""
    from dmdstudio.service import machine

    machine.join(options.coordinator, options.processes, options.process_id)
    processes = machine.processes()
    if processes.count > 1:  # their connections are announced on standard output: results are ours
        sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
    return processes.first


def _refined(events: Callable[[Control], Iterator[Event]], folder: Path, options: Any) -> int:
    first = _joined(options)
    reports: list[StepReport] = []
    found: list[Uncertainty] = []
    last = follow(events, options.json, reports, found, quiet=not first)
    assert isinstance(last, Finished)
    if not first:
        return 0
    if options.json:
        print_json(
            {
                "run_dir": str(folder),
                "reason": last.reason,
                "iterations": last.iterations,
                "best_iteration": last.best_iteration,
                "seconds": last.seconds,
                "last": msgspec.to_builtins(reports[-1]) if reports else None,
                "uncertainty": msgspec.to_builtins(found[-1]) if found else None,
            }
        )
        return 0
    print(f"{last.reason.capitalize()} after {last.iterations} iterations: {folder}")
    if found:
        print_uncertainty(found[-1])
    elif reports:
        print_parameters(reports[-1].parameters)
    if last.reason == "stopped":
        print(f"Go on with: dmdstudio resume {folder}")
    return 0


def _evaluate(options: Any) -> int:
    from dmdstudio.service import loop

    source, iteration = Path(options.source), -1
    if (source / "events.jsonl").exists():
        recipe, iteration = loop.recipe_at(source, options.iteration)
    else:
        recipe = read_recipe(source)
        if options.iteration != "best":
            raise RecipeError(f"{source} is a recipe, which has no iterations.", "Name a run.")
    recipe = _changed(recipe, options)
    seed = recipe.execution.seed + 1 if options.seed is None else options.seed
    if not 0 <= seed < 2**32:
        raise RecipeError(f"Seed {seed} is not between 0 and 2^32 - 1.")
    result = follow(
        lambda control: loop.evaluate(
            recipe, control, options.replicas, seed, iteration, options.uncertainty
        ),
        options.json,
    )
    if not isinstance(result, Evaluated):
        print("Stopped.", file=sys.stderr)
        return 130
    if options.json:
        print_json(msgspec.to_builtins(result))
        return 0
    of = f"iteration {iteration}" if iteration >= 0 else "the recipe"
    print(f"Parameters of {of}, {result.replicas} replicas, seed {result.seed}")
    print_targets(result.targets)
    print(f"loss {result.loss:.6g} ± {result.loss_error:.2g}")
    if result.uncertainty is None:
        print_parameters(result.parameters)
    else:
        print_uncertainty(result.uncertainty)
    return 0


def _check_gradient(options: Any) -> int:
    from dmdstudio.service import loop

    recipe = _changed(read_recipe(options.recipe), options)
    result = follow(
        lambda control: loop.check_gradient(recipe, control, options.replicas), options.json
    )
    if not isinstance(result, GradientChecked):
        print("Stopped.", file=sys.stderr)
        return 130
    if options.json:
        print_json(msgspec.to_builtins(result))
        return 0
    methods = list(result.rows[0].values)
    rows = [
        [
            row.key,
            *(f"{row.values[m]:.12g}" for m in methods),
            *(f"{row.errors[m]:.1e}" for m in methods if m != "backpropagation"),
        ]
        for row in result.rows
    ]
    words = [m.replace("_", " ") for m in methods]
    compared = [w for w in words if w != "backpropagation"]
    print_table(["dL/d", *words, *(f"{w}: off by" for w in compared)], rows)
    residual = result.reversal_residual
    words = "nothing was reversed"
    if residual is not None:
        exact = "the very same bits" if residual == 0 else "not the same bits"
        words = f"the reversal came back to within {residual:g} lattice units ({exact})"
    print(f"{result.replicas} replicas, {result.steps} steps, {result.precision}; {words}.")
    if result.note:
        print(result.note)
    return 0


def _diagnose(options: Any) -> int:
    from dmdstudio.service import loop

    recipe = _changed(read_recipe(options.recipe), options)
    result = follow(lambda control: loop.diagnose(recipe, control, options.replicas), options.json)
    if not isinstance(result, Diagnosed):
        print("Stopped.", file=sys.stderr)
        return 130
    if options.json:
        print_json(msgspec.to_builtins(result))
    else:
        print_diagnosis(result)
    return 0


def _export(options: Any) -> int:
    from dmdstudio.service import machine
    from dmdstudio.service.certificate import export_certified

    machine.prepare()  # for our own energies
    written, certificate = export_certified(
        options.run_dir,
        options.format,
        options.output,
        options.iteration,
        options.certify,
        options.targets,
    )
    if options.json:
        found = certificate and {
            "verdict": certificate.verdict,
            **msgspec.to_builtins(certificate),
        }
        print_json({"files": [str(path) for path in written], "certificate": found})
    else:
        for path in written:
            print(path)
        if certificate is not None:
            print_certificate(certificate)
    if certificate is None or certificate.verdict != "differs":
        return 0
    print(
        f"dmdstudio: {written[0].name} is not the same potential to all that read it; the files "
        f"stay, text marked. See {written[-1]}",
        file=sys.stderr,
    )
    return _MISMATCH


def _serve(options: Any) -> int:
    from dmdstudio.service import machine
    from dmdstudio.service.socket_driver import Address, serve, served_atoms

    machine.prepare()
    atoms = served_atoms(options.source, options.iteration, options.structure)
    address = Address(options.host, options.port, options.unix)

    def connected() -> None:
        print(f"Connected to {address}; it ends this program.", file=sys.stderr, flush=True)

    answered = serve(atoms, address, options.timeout, connected)
    if options.json:
        print_json({"address": str(address), "answered": answered})
    else:
        print(f"{answered} configurations answered")
    return 0


def _report(options: Any) -> int:
    from dmdstudio.app.report import write_report

    path = write_report(options.run_dir, Path(options.output))
    print_json({"files": [str(path)]}) if options.json else print(path)
    return 0


def _import_potential(options: Any) -> int:
    from dmdstudio.files.potentials.reading import recipe_part
    from dmdstudio.files.structures import read_structure
    from dmdstudio.files.whole import write_text
    from dmdstudio.service.imported import imported_potential

    found = imported_potential(options.file, read_structure(options.structure))
    text = recipe_part(found, Path(options.file).name)
    if options.output:
        write_text(Path(options.output), text)
    if options.json:
        print_json(
            {
                "format": found.label,
                "potential": terms_to_tables(found.terms),
                "notes": list(found.notes),
                "charges": dict(found.charges),
                "types": {owner: list(names) for owner, names in found.types.items()},
                "file": options.output,
            }
        )
    elif options.output:
        print(f"{options.output}: {found.summary}")
        for note in found.notes:
            print(f"  {note}")
    else:
        print(text, end="")
    return 0


def _fit_forces(options: Any) -> int:
    given = {f.name: getattr(options, f.name) for f in fields_of(ForceFitPlan)}
    given = {name: value for name, value in given.items() if value is not None}
    if options.resume and (options.data or options.run_dir or given.keys() - {"epochs"}):
        raise RecipeError(
            "--resume goes on with the data and settings of its folder.",
            "Give it alone, or with --epochs.",
        )
    if not options.resume and not options.data:
        raise RecipeError("fit-forces needs data.", "Name extended XYZ files, or --resume DIR.")
    from dmdstudio.service.force_fit import fit_forces, resume_fit

    if options.resume:
        result = follow(
            lambda control: resume_fit(options.resume, options.epochs, control), options.json
        )
    else:
        table = {**given, "data": options.data}
        plan = convert(table, ForceFitPlan, "fit-forces:")
        folder = Path(options.run_dir) if options.run_dir else _new_folder("fit")
        result = follow(lambda control: fit_forces(plan, folder, control), options.json)
    assert isinstance(result, Fitted)
    if options.json:
        print_json(msgspec.to_builtins(result))
    else:
        print_fit(result)
    return 0


def _benchmark(options: Any) -> int:
    from dmdstudio.service.benchmark import benchmark, lines

    if options.name == "window" and options.system == "argon":
        from dmdstudio.app.benchmark import window_figures

        figures = window_figures(options.repeats)
    else:
        figures = benchmark(options.name, options.replicas, options.steps, options.system)
    if options.json:
        print_json(figures)
    else:
        print("\n".join(lines(figures)))
    return 0


def _catalog(options: Any) -> int:
    from dmdstudio.service.build import catalog

    found = catalog()
    if options.json:
        print_json(msgspec.to_builtins(found))
        return 0
    for entry in found.entries:
        print(f"{entry.section}  {entry.name}  ({entry.label})")
        print(f"    {entry.doc}")
        for field in (*entry.parameters, *entry.fields):
            low, high = field.lower, field.upper
            bounds = "" if low is None and high is None else f"  {_bound(low)} to {_bound(high)}"
            unit = f" [{field.unit}]" if field.unit else ""
            print(f"    {field.name}{unit}{bounds}: {field.doc}")
    return 0


def _bound(value: float | None) -> str:
    return "…" if value is None else f"{value:g}"


def _doctor(options: Any) -> int:
    from dmdstudio.service.doctor import examine

    findings = examine()
    if options.json:
        print_json(findings)
    else:
        print_table(["", ""], [[name, str(value)] for name, value in findings.items()])
    return 0
