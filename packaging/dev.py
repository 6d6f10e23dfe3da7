"""Set up DMD Studio from a clone and open it, or check it.

    python3 packaging/dev.py run  [arguments for dmdstudio]
    python3 packaging/dev.py test [arguments for pytest]

Both make a virtual environment in .venv, install the project there, and make sure of the system
libraries Qt needs. They can be repeated: what is in place is left alone. Standard library only;
Python 3.9 must be able to read this file, so that it can say which Python is needed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import environment
from environment import ENVIRONMENT, ON_WINDOWS, PROGRAMS, PYTHON, ensure_environment
from programs import ROOT, SetupError, describe, run_openly, say
from system_libraries import ensure_system_libraries, on_linux

EXAMPLE = "argon-diffusion"
SIDE_BY_SIDE = ("-n", "auto", "--dist", "worksteal")  # tests on every core


def has_display() -> bool:
    """Whether a window can be shown; elsewhere than on Linux a person always has a screen."""
    if not on_linux():
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run(arguments: list[str]) -> int:
    ensure_environment([])
    if has_display():
        ensure_system_libraries(ENVIRONMENT)
        say("Opening DMD Studio.")
        return run_openly([str(PYTHON), "-m", "dmdstudio", *arguments])
    try:
        ensure_system_libraries(ENVIRONMENT)
    except SetupError as error:
        say(f"Going on without a window. To open one later: {error}")
    if arguments:
        return run_openly([str(PYTHON), "-m", "dmdstudio", *arguments])
    return run_example()


def run_example() -> int:
    """Refine argon without a window, with progress, and write the refined potential."""
    recipe = Path("resources", "examples", EXAMPLE, "recipe.toml")
    run_folder = free_run_folder(ROOT / "runs", EXAMPLE).relative_to(ROOT)
    output = Path(f"{run_folder}-refined.in")
    say(f"No display found: refining {recipe} here, into {run_folder}.")
    for command in example_commands(recipe, run_folder, output):
        status = run_openly([str(PYTHON), "-m", "dmdstudio", *command], ROOT)
        if status != 0:
            return status
    say(f"The refined potential is in {output}, the whole run in {run_folder}.")
    return 0


def example_commands(recipe: Path, run_folder: Path, output: Path) -> list[list[str]]:
    return [
        ["run", str(recipe), "--run-dir", str(run_folder)],
        ["export", str(run_folder), "--format", "lammps", "--output", str(output)],
    ]


def free_run_folder(runs: Path, name: str) -> Path:
    """The first of name, name-2, name-3, … that is not taken."""
    number, folder = 1, runs / name
    while folder.exists():
        number += 1
        folder = runs / f"{name}-{number}"
    return folder


def test(arguments: list[str]) -> int:
    """Run every check, also after one has failed; pytest comes last and closes in its own words."""
    ensure_environment(["test"])
    ensure_system_libraries(ENVIRONMENT)
    variables = test_variables()
    results = []
    for name, command in checks(arguments):
        say(f"\n--- {name}")
        started = time.monotonic()
        status = run_openly(command, ROOT, **variables)
        results.append((name, status, time.monotonic() - started))
    say(summary(results))
    return 1 if any(status for _, status, _ in results) else 0


def checks(pytest_arguments: list[str]) -> list[tuple[str, list[str]]]:
    python = str(PYTHON)
    lint_imports = PROGRAMS / ("lint-imports.exe" if ON_WINDOWS else "lint-imports")
    return [
        ("ruff check", [python, "-m", "ruff", "check", "."]),
        ("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        ("pyright", [python, "-m", "pyright"]),
        ("lint-imports", [str(lint_imports), "--no-cache"]),
        ("pytest", [python, "-m", "pytest", *SIDE_BY_SIDE, *pytest_arguments]),
    ]


def test_variables() -> dict[str, str]:
    """Qt without a screen where there is none, and the MPI library that LAMMPS' package needs."""
    variables = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    if not has_display() and "QT_QPA_PLATFORM" not in os.environ:
        variables["QT_QPA_PLATFORM"] = "offscreen"
    search_path = {"linux": "LD_LIBRARY_PATH", "darwin": "DYLD_FALLBACK_LIBRARY_PATH"}
    name = search_path.get(sys.platform)
    if name and any(ENVIRONMENT.glob("lib/libmpi.*")):
        before = os.environ.get(name)
        variables[name] = os.pathsep.join([str(ENVIRONMENT / "lib"), *([before] if before else [])])
    return variables


def summary(results: list[tuple[str, int, float]]) -> str:
    lines = [
        f"  {'ok' if status == 0 else 'FAILED':<7} {name:<13} {seconds:6.1f} s"
        for name, status, seconds in results
    ]
    return "\n".join(["", "Checks", *lines])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="dev.py", description="Set up DMD Studio from a clone and open it, or check it."
    )
    parser.add_argument("command", choices=["run", "test"], help="open the window, or run checks")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="for dmdstudio or for pytest")
    asked = parser.parse_args(arguments)
    try:
        version = sys.version_info[:2]
        if not environment.python_supported(version):
            return start_again_with_supported_python(version, arguments)
        complaint = environment.platform_complaint(
            sys.platform, platform.machine(), sys.maxsize.bit_length() + 1
        )
        if complaint:
            raise SetupError(complaint)
        return (run if asked.command == "run" else test)(asked.arguments)
    except SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr, flush=True)
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"dev.py: {describe(error)}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("\ndev.py: interrupted; start again to go on.", file=sys.stderr, flush=True)
        return 130
    return 1


def start_again_with_supported_python(version: tuple[int, int], arguments: list[str]) -> int:
    command = environment.find_supported_python()
    if not command:
        raise SetupError(environment.python_complaint(version))
    say(f"Python {environment.dotted(version)} does not fit; going on with {' '.join(command)}.")
    return run_openly([*command, str(Path(__file__).resolve()), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
