"""The set-up script's decisions, without setting anything up."""

import ast
import errno
import json
import sys
from pathlib import Path

import pytest

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
sys.path.append(str(PACKAGING))

import dev  # noqa: E402
import environment  # noqa: E402
import programs  # noqa: E402
import system_libraries  # noqa: E402

THIS_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}.0"
LISTING = """\
/venv/PySide6/Qt/plugins/platforms/libqxcb.so:
\tlinux-vdso.so.1 (0x00007ffd)
\tlibxcb-cursor.so.0 => not found
\tlibQt6Gui.so.6 => /venv/PySide6/Qt/lib/libQt6Gui.so.6 (0x00007f)
\tlibEGL.so.1 => not found
/venv/PySide6/Qt/lib/libQt6Gui.so.6:
\tlibEGL.so.1 => not found
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
/lib/libc.so.6: version `GLIBC_2.99' not found (required by /venv/libfoo.so)
"""


def test_missing_libraries_are_read_from_the_linker_listing():
    assert system_libraries.parse_missing(LISTING) == ["libEGL.so.1", "libxcb-cursor.so.0"]
    assert system_libraries.parse_missing("\tnot a dynamic executable\n") == []


@pytest.mark.parametrize(
    ("distribution", "command"),
    [
        ("debian", "apt-get install --yes --no-install-recommends libegl1 libxcb-cursor0"),
        ("fedora", "dnf install --assumeyes libglvnd-egl xcb-util-cursor"),
        ("arch", "pacman --sync --needed --noconfirm libglvnd xcb-util-cursor"),
    ],
)
def test_each_distribution_gets_its_own_command(distribution, command):
    missing = system_libraries.parse_missing(LISTING)
    packages = system_libraries.packages_for(missing, distribution)
    assert system_libraries.install_command(packages, distribution) == command.split()
    assert f"sudo {command}" in system_libraries.advice(missing, distribution)


def test_unknown_system_is_told_all_commands_and_unknown_libraries_are_named():
    text = system_libraries.advice(["libEGL.so.1", "libodd.so.7"], "")
    assert all(word in text for word in ("apt-get", "dnf", "pacman", "hold libodd.so.7"))
    assert "sudo" not in system_libraries.advice(["libodd.so.7"], "debian")


@pytest.mark.parametrize(
    ("os_release", "distribution"),
    [
        ('PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n', "debian"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "debian"),
        ("ID=fedora\n", "fedora"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"),
        ("ID=manjaro\nID_LIKE=arch\n", "arch"),
        ("ID=gentoo\n", ""),
        ("", ""),
    ],
)
def test_distribution_is_read_from_os_release(os_release, distribution):
    assert system_libraries.distribution_of(os_release) == distribution


def test_stamp_changes_with_all_that_decides_the_environment():
    first = environment.stamp_key(b"a", (3, 11), ["test"], "/here")
    assert first == environment.stamp_key(b"a", (3, 11), ["test"], "/here")
    others = {
        environment.stamp_key(b"b", (3, 11), ["test"], "/here"),
        environment.stamp_key(b"a", (3, 12), ["test"], "/here"),
        environment.stamp_key(b"a", (3, 11), [], "/here"),
        environment.stamp_key(b"a", (3, 11), ["test"], "/there"),
    }
    assert len(others | {first}) == 5


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', '{"key": "a", "extras": null}'])
def test_damaged_stamp_counts_as_none(tmp_path, monkeypatch, text):
    monkeypatch.setattr(environment, "STAMP", tmp_path / "stamp.json")
    environment.STAMP.write_text(text)
    assert environment.recorded_setup() == {"key": "", "extras": []}


@pytest.mark.parametrize("folder", ["lib/python3.11/site-packages", "Lib/site-packages"])
def test_editable_install_is_traced_to_its_folder(tmp_path, folder):
    record = tmp_path / folder / "dmdstudio-0.1.0.dist-info" / "direct_url.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"url": (tmp_path / "some where").as_uri()}))
    assert environment.installed_from(tmp_path) == tmp_path / "some where"
    assert environment.installed_from(tmp_path / "none") is None


def environment_folder(tmp_path: Path, monkeypatch, version: str) -> Path:
    folder = tmp_path / "environment"
    folder.mkdir()
    (folder / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}\n")
    monkeypatch.setattr(environment, "ENVIRONMENT", folder)
    monkeypatch.setattr(environment, "UNFINISHED", folder / "unfinished")
    monkeypatch.setattr(environment, "PYTHON", folder / "bin" / "python")
    return folder


def test_environment_of_another_python_is_made_anew(tmp_path, monkeypatch):
    environment_folder(tmp_path, monkeypatch, "3.5.1")
    assert environment.environment_complaint() == "it was made with Python 3.5"


def test_half_made_environments_are_made_anew(tmp_path, monkeypatch):
    folder = environment_folder(tmp_path, monkeypatch, THIS_VERSION)
    assert environment.environment_complaint() == "its Python does not start"
    (folder / "unfinished").touch()
    assert environment.environment_complaint() == "an earlier set-up was interrupted"


def test_environment_of_another_checkout_is_made_anew(tmp_path, monkeypatch):
    folder = environment_folder(tmp_path, monkeypatch, THIS_VERSION)
    record = folder / "lib/python3.11/site-packages/dmdstudio-0.1.0.dist-info/direct_url.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"url": tmp_path.as_uri()}))
    assert environment.environment_complaint() == f"it belongs to {tmp_path}"


def test_python_that_does_not_fit_is_named():
    assert environment.python_supported((3, 11))
    assert environment.python_supported((3, 13))
    assert not environment.python_supported((3, 10))
    assert not environment.python_supported((3, 14))
    sentence = environment.python_complaint((3, 9))
    assert "3.11 to 3.13" in sentence
    assert "started with Python 3.9" in sentence


def test_systems_without_jax_are_told_so():
    assert environment.platform_complaint("linux", "x86_64", 64) == ""
    assert environment.platform_complaint("darwin", "arm64", 64) == ""
    assert "Intel Macs" in environment.platform_complaint("darwin", "x86_64", 64)
    assert "Windows on ARM" in environment.platform_complaint("win32", "ARM64", 64)
    assert "32-bit" in environment.platform_complaint("win32", "x86", 32)


@pytest.mark.parametrize("path", sorted(PACKAGING.glob("*.py")), ids=lambda path: path.name)
def test_an_old_python_can_read_the_script(path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("ERROR: [Errno 28] No space left on device", "disk is full"),
        ("PermissionError: [Errno 13] Permission denied: '/x'", "not permitted"),
        ("Temporary failure resolving 'somewhere'", "could not be reached"),
        ("NewConnectionError\nERROR: No matching distribution found for jax", "not be reached"),
        ("ERROR: No matching distribution found for jax<0.12,>=0.10", "no jax<0.12,>=0.10 that"),
        ("something else", ""),
    ],
)
def test_known_causes_become_one_sentence(output, words):
    assert words in programs.cause_of(output)
    assert "\n" not in programs.cause_of(output)


def test_unknown_causes_show_the_last_lines():
    message = str(programs.failure("Installing", "\n".join(f"line {n}" for n in range(40))))
    assert "line 39" in message
    assert "line 20" not in message


def test_file_errors_become_one_sentence():
    full = OSError(errno.ENOSPC, "No space left on device", "x")
    assert "disk is full" in programs.describe(full)
    assert "Writing x" in programs.describe(PermissionError(errno.EACCES, "Denied", "x"))


def test_run_folders_are_numbered(tmp_path):
    assert dev.free_run_folder(tmp_path, "argon") == tmp_path / "argon"
    (tmp_path / "argon").mkdir()
    (tmp_path / "argon-2").mkdir()
    assert dev.free_run_folder(tmp_path, "argon") == tmp_path / "argon-3"


def test_summary_names_every_check():
    text = dev.summary([("pyright", 0, 1.0), ("pytest", 1, 61.0)])
    assert "ok      pyright" in text
    assert "FAILED  pytest" in text


def test_pytest_is_the_last_check():
    name, command = dev.checks(["-x"])[-1]
    assert name == "pytest"
    assert command[-1] == "-x"
