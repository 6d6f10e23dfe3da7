"""The system libraries Qt needs on Linux: which are missing, and how to install them.

Standard library only, and readable by Python 3.9: it runs before anything is installed.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from programs import SetupError, failure, run_quietly

FONTS = "a font"

# shared library: package on Debian and Ubuntu, on Fedora, on Arch
PACKAGES = {
    FONTS: ("fonts-dejavu-core", "dejavu-sans-fonts", "ttf-dejavu"),
    "libEGL.so.1": ("libegl1", "libglvnd-egl", "libglvnd"),
    "libGL.so.1": ("libgl1", "libglvnd-glx", "libglvnd"),
    "libX11-xcb.so.1": ("libx11-xcb1", "libX11-xcb", "libx11"),
    "libX11.so.6": ("libx11-6", "libX11", "libx11"),
    "libdbus-1.so.3": ("libdbus-1-3", "dbus-libs", "dbus"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig", "fontconfig"),
    "libfreetype.so.6": ("libfreetype6", "freetype", "freetype2"),
    "libglib-2.0.so.0": ("libglib2.0-0", "glib2", "glib2"),
    "libgthread-2.0.so.0": ("libglib2.0-0", "glib2", "glib2"),
    "libxcb-cursor.so.0": ("libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor"),
    "libxcb-glx.so.0": ("libxcb-glx0", "libxcb", "libxcb"),
    "libxcb-icccm.so.4": ("libxcb-icccm4", "xcb-util-wm", "xcb-util-wm"),
    "libxcb-image.so.0": ("libxcb-image0", "xcb-util-image", "xcb-util-image"),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms"),
    "libxcb-randr.so.0": ("libxcb-randr0", "libxcb", "libxcb"),
    "libxcb-render-util.so.0": (
        "libxcb-render-util0",
        "xcb-util-renderutil",
        "xcb-util-renderutil",
    ),
    "libxcb-render.so.0": ("libxcb-render0", "libxcb", "libxcb"),
    "libxcb-shape.so.0": ("libxcb-shape0", "libxcb", "libxcb"),
    "libxcb-shm.so.0": ("libxcb-shm0", "libxcb", "libxcb"),
    "libxcb-sync.so.1": ("libxcb-sync1", "libxcb", "libxcb"),
    "libxcb-util.so.1": ("libxcb-util1", "xcb-util", "xcb-util"),
    "libxcb-xfixes.so.0": ("libxcb-xfixes0", "libxcb", "libxcb"),
    "libxcb-xkb.so.1": ("libxcb-xkb1", "libxcb", "libxcb"),
    "libxcb.so.1": ("libxcb1", "libxcb", "libxcb"),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon", "libxkbcommon"),
    "libz.so.1": ("zlib1g", "zlib", "zlib"),
}
# asked for only in a Wayland session, where Qt can also go through X11
WAYLAND_PACKAGES = {
    "libwayland-client.so.0": ("libwayland-client0", "libwayland-client", "wayland"),
    "libwayland-cursor.so.0": ("libwayland-cursor0", "libwayland-cursor", "wayland"),
    "libwayland-egl.so.1": ("libwayland-egl1", "libwayland-egl", "wayland"),
}
ALL_PACKAGES = {**PACKAGES, **WAYLAND_PACKAGES}

INSTALL_COMMANDS = {
    "debian": ["apt-get", "install", "--yes", "--no-install-recommends"],
    "fedora": ["dnf", "install", "--assumeyes"],
    "arch": ["pacman", "--sync", "--needed", "--noconfirm"],
}
DISTRIBUTION_NAMES = {"debian": "Debian or Ubuntu", "fedora": "Fedora", "arch": "Arch"}
DISTRIBUTION_IDS = {
    "debian": "debian",
    "ubuntu": "debian",
    "fedora": "fedora",
    "rhel": "fedora",
    "arch": "arch",
}

QT_BINARIES = (
    "plugins/platforms/libqxcb.so",
    "plugins/xcbglintegrations/libqxcb-glx-integration.so",
    "lib/libQt6Widgets.so.6",
    "lib/libQt6OpenGLWidgets.so.6",
    "lib/libQt6Svg.so.6",
)
QT_WAYLAND_BINARIES = (
    "plugins/platforms/libqwayland.so",
    "plugins/platforms/libqwayland-generic.so",
    "plugins/wayland-graphics-integration-client/libqt-plugin-wayland-egl.so",
)
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
FONT_SUFFIXES = (".ttf", ".otf", ".ttc", ".pfb")


def missing_for_qt(environment: Path, wayland: bool) -> list[str]:
    """What Qt's platform plugin in this virtual environment cannot find on this system."""
    folders = sorted(environment.glob("lib*/python*/site-packages/PySide6/Qt"))
    names = QT_BINARIES + (QT_WAYLAND_BINARIES if wayland else ())
    binaries = [folder / name for folder in folders[:1] for name in names]
    present = [binary for binary in binaries if binary.exists()]
    if shutil.which("ldd") is None:
        return missing_by_loading(wayland)
    return missing_libraries(present) + ([] if has_fonts() else [FONTS])


def missing_by_loading(wayland: bool = False) -> list[str]:
    """The same without ldd or before Qt is there: those of our table that do not load here."""
    table = ALL_PACKAGES if wayland else PACKAGES
    return [name for name in table if not (has_fonts() if name == FONTS else can_load(name))]


def missing_libraries(binaries: list[Path]) -> list[str]:
    """The shared libraries that the dynamic linker does not find for these binaries."""
    if not binaries:
        return []
    listing = subprocess.run(
        ["ldd", *map(str, binaries)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    return parse_missing(listing.stdout)


def parse_missing(listing: str) -> list[str]:
    """Names of the libraries that a listing of ldd calls not found, each once and sorted."""
    return sorted(set(re.findall(r"^\s*(\S+) => not found", listing, flags=re.MULTILINE)))


def can_load(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def has_fonts() -> bool:
    """Whether a usual folder holds a font; without any, Qt draws boxes for letters."""
    return any(
        name.endswith(FONT_SUFFIXES)
        for folder in FONT_FOLDERS
        for _, _, names in os.walk(os.path.expanduser(folder))
        for name in names
    )


def packages_for(missing: list[str], distribution: str) -> list[str]:
    """Packages of a distribution that bring those missing libraries which the table knows."""
    column = list(INSTALL_COMMANDS).index(distribution)
    return sorted({ALL_PACKAGES[name][column] for name in missing if name in ALL_PACKAGES})


def install_command(packages: list[str], distribution: str) -> list[str]:
    return [*INSTALL_COMMANDS[distribution], *packages]


def distribution_of(os_release: str) -> str:
    """The family (debian, fedora, arch) that the text of /etc/os-release names, or nothing."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    for key in ("ID", "ID_LIKE"):
        for word in fields.get(key, "").strip("\"'").split():
            if word in DISTRIBUTION_IDS:
                return DISTRIBUTION_IDS[word]
    return ""


def this_distribution() -> str:
    try:
        return distribution_of(Path("/etc/os-release").read_text(encoding="utf-8"))
    except OSError:
        return ""


def advice(missing: list[str], distribution: str) -> str:
    """One message: what is missing and the exact command that installs it."""
    families = [distribution] if distribution else list(INSTALL_COMMANDS)
    commands = []
    for family in families:
        packages = packages_for(missing, family)
        if packages:
            line = "sudo " + shlex.join(install_command(packages, family))
            commands.append(f"  {DISTRIBUTION_NAMES[family]}: {line}")
    unknown = [name for name in missing if name not in ALL_PACKAGES]
    text = f"Qt needs {', '.join(missing)}, not found on this system."
    if commands:
        text += " Run this, then start again:\n" + "\n".join(commands)
    if unknown:
        text += f"\nInstall the packages of your system that hold {', '.join(unknown)}."
    return text


def on_linux() -> bool:
    return sys.platform.startswith("linux")


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def can_install_packages() -> bool:
    return is_root() and shutil.which("apt-get") is not None


def install_debian_packages(packages: list[str]) -> None:
    wait_for_lock = ["-o", "DPkg::Lock::Timeout=120"]
    title = "Installing system packages " + " ".join(packages)
    if len(packages) > 3:
        title = f"Installing {len(packages)} system packages"
    _, update_output = run_quietly("Reading Debian's package lists", ["apt-get", "update"])
    command = install_command(packages, "debian")
    status, output = run_quietly(
        title, [command[0], *wait_for_lock, *command[1:]], DEBIAN_FRONTEND="noninteractive"
    )
    if status != 0:
        raise failure(" ".join(command), update_output + output)


def ensure_system_libraries(environment: Path) -> None:
    """Make sure that Qt can load; installs what is missing where that is possible, else says it."""
    if not on_linux():
        return
    wayland = bool(os.environ.get("WAYLAND_DISPLAY"))
    missing = missing_for_qt(environment, wayland)
    if missing and can_install_packages():
        packages = packages_for(missing, "debian")
        if packages:
            install_debian_packages(packages)
            missing = missing_for_qt(environment, wayland)
    if missing:
        raise SetupError(advice(missing, this_distribution()))
