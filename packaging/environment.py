"""The Python that fits, and the virtual environment .venv made with it.

Standard library only, and readable by Python 3.9: it runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

from programs import ROOT, SetupError, failure, run_quietly, say
from system_libraries import (
    can_install_packages,
    install_command,
    install_debian_packages,
    missing_by_loading,
    on_linux,
    packages_for,
)

ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / "dmdstudio-setup.json"
UNFINISHED = ENVIRONMENT / "dmdstudio-setup.unfinished"
INSTALL_LOG = ENVIRONMENT / "dmdstudio-setup.log"
ON_WINDOWS = os.name == "nt"
PROGRAMS = ENVIRONMENT / ("Scripts" if ON_WINDOWS else "bin")
PYTHON = PROGRAMS / ("python.exe" if ON_WINDOWS else "python")

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 13)


def python_supported(version: tuple[int, int]) -> bool:
    return OLDEST_PYTHON <= version <= NEWEST_PYTHON


def python_complaint(version: tuple[int, int]) -> str:
    """One sentence for a Python that does not fit."""
    oldest, newest, found = (dotted(v) for v in (OLDEST_PYTHON, NEWEST_PYTHON, version))
    return (
        f"DMD Studio needs Python {oldest} to {newest} and was started with Python {found}. "
        f"Install Python {newest} and start again with it."
    )


def dotted(version: tuple[int, int]) -> str:
    return ".".join(str(part) for part in version)


def platform_complaint(system: str, machine: str, bits: int) -> str:
    """One sentence for a system that JAX has no wheels for, or nothing."""
    if bits < 64:
        return "This is a 32-bit Python, and JAX needs 64 bits. Install a 64-bit Python."
    if (system, machine) == ("darwin", "x86_64"):
        return (
            "This is a Python for Intel Macs, which JAX no longer supports. "
            "On an Apple silicon Mac, install Python for arm64 and start again with it."
        )
    if (system, machine.upper()) == ("win32", "ARM64"):
        return (
            "This is a Python for Windows on ARM, which JAX has no packages for. "
            "Install the x86-64 Python, which Windows runs too, and start again with it."
        )
    return ""


def find_supported_python() -> list[str]:
    """Command of another installed Python that fits, newest first, or nothing."""
    for minor in range(NEWEST_PYTHON[1], OLDEST_PYTHON[1] - 1, -1):
        wanted = dotted((3, minor))
        command = ["py", f"-{wanted}"] if ON_WINDOWS else [f"python{wanted}"]
        if shutil.which(command[0]) and reported_version(command) == wanted:
            return command
    return []


def reported_version(command: list[str]) -> str:
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run(
        [*command, "-c", question], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return answer.stdout.strip()


def base_python() -> str:
    """The Python outside any virtual environment, so that .venv can be made anew from inside it."""
    return getattr(sys, "_base_executable", None) or sys.executable


def stamp_key(pyproject: bytes, version: tuple[int, int], extras: list[str], folder: str) -> str:
    """A digest of everything that decides what .venv should hold."""
    rest = json.dumps([list(version), sorted(extras), folder])
    return hashlib.sha256(pyproject + b"\0" + rest.encode()).hexdigest()


def current_key(extras: list[str]) -> str:
    pyproject = (ROOT / "pyproject.toml").read_bytes()
    return stamp_key(pyproject, sys.version_info[:2], extras, str(ROOT))


def recorded_setup() -> dict:
    """What the last finished set-up wrote down; empty when there is none that can be read."""
    try:
        recorded = json.loads(STAMP.read_text(encoding="utf-8"))
        return {"key": str(recorded["key"]), "extras": [str(name) for name in recorded["extras"]]}
    except (OSError, ValueError, KeyError, TypeError):
        return {"key": "", "extras": []}


def installed_from(environment: Path) -> Path | None:
    """The folder that the environment's dmdstudio is a link to (an editable install)."""
    for pattern in ("lib/python*/site-packages", "Lib/site-packages"):
        for record in environment.glob(f"{pattern}/dmdstudio-*.dist-info/direct_url.json"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                url = json.loads(record.read_text(encoding="utf-8"))["url"]
                return Path(urllib.request.url2pathname(urllib.parse.urlparse(url).path))
    return None


def is_set_up(extras: list[str]) -> bool:
    recorded = recorded_setup()
    return (
        recorded["key"] == current_key(recorded["extras"])
        and set(extras) <= set(recorded["extras"])
        and PYTHON.exists()
        and not UNFINISHED.exists()
        and installed_from(ENVIRONMENT) == ROOT
    )


def environment_complaint() -> str:
    """Why the existing .venv has to be made anew, or nothing."""
    if UNFINISHED.exists():
        return "an earlier set-up was interrupted"
    version = environment_version(ENVIRONMENT)
    if version != dotted(sys.version_info[:2]):
        return f"it was made with Python {version or 'unknown'}"
    origin = installed_from(ENVIRONMENT)
    if origin not in (None, ROOT):
        return f"it belongs to {origin}"
    try:
        works = subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True)
    except OSError:
        return "its Python does not start"
    return "" if works.returncode == 0 else "its pip does not start"


def environment_version(environment: Path) -> str:
    """Major and minor version of the Python that made a virtual environment, as its file says."""
    try:
        text = (environment / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r"^version(?:_info)? *= *(\d+\.\d+)", text, flags=re.MULTILINE)
    return found.group(1) if found else ""


def ensure_environment(extras: list[str]) -> None:
    """Make .venv hold the project with these extras (and those it already had)."""
    if is_set_up(extras):
        return
    wanted = sorted(set(extras) | set(recorded_setup()["extras"]))
    if not os.path.lexists(ENVIRONMENT):
        make_environment()
    else:
        complaint = environment_complaint()
        if complaint and ENVIRONMENT.is_symlink():
            raise SetupError(
                f".venv is a link to {ENVIRONMENT.resolve()}, which does not fit: {complaint}. "
                "Remove the link and start again."
            )
        if complaint:
            say(f"Making .venv anew: {complaint}.")
            make_environment()
    install_project(wanted)


def make_environment() -> None:
    ensure_venv_module()
    command = [base_python(), "-m", "venv", "--clear", str(ENVIRONMENT)]
    status, output = run_quietly("Making the virtual environment .venv", command)
    if status != 0:
        raise failure("Making the virtual environment .venv", output)


def ensure_venv_module() -> None:
    """Debian keeps the module that fills a virtual environment in a package of its own."""
    question = [base_python(), "-c", "import ensurepip, venv"]
    if subprocess.run(question, stderr=subprocess.DEVNULL).returncode == 0:
        return
    package = f"python{dotted(sys.version_info[:2])}-venv"
    if not can_install_packages():
        raise SetupError(
            "This Python cannot make virtual environments: its ensurepip module is missing. "
            f"Run this, then start again:\n  Debian or Ubuntu: {command_for_all(package)}"
        )
    install_debian_packages([package])


def command_for_all(package: str) -> str:
    """One command for this package and, so that nobody is asked twice, all that Qt will need."""
    for_qt = packages_for(missing_by_loading(), "debian") if on_linux() else []
    return "sudo " + shlex.join(install_command([package, *for_qt], "debian"))


def install_project(extras: list[str]) -> None:
    what = ".[" + ",".join(extras) + "]" if extras else "."
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    command = [str(PYTHON), "-m", "pip", "install", *options, "--editable", what]
    UNFINISHED.touch()
    status, output = run_quietly("Installing DMD Studio and the packages it needs", command)
    INSTALL_LOG.write_text(output, encoding="utf-8")
    if status >= 0:  # pip came to an end of its own and left no half-installed package
        UNFINISHED.unlink()
    if status != 0:
        raise failure(f"Installing the packages (see {INSTALL_LOG.relative_to(ROOT)})", output)
    STAMP.write_text(json.dumps({"key": current_key(extras), "extras": extras}), encoding="utf-8")
