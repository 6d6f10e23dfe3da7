"""Take pictures of the window on a stored run, in light and dark, at 100 % and 200 %.

    python packaging/screenshots.py RUN_DIR [--diagnosis FILE] [--output FOLDER] [--theme light]
                                    [--scale 1]

FILE is what `dmdstudio diagnose RECIPE --json` prints. No display is needed. Each scale is taken by
a process of its own, because Qt reads it at its start.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABS = ("compare", "diffusion", "loss", "parameters", "gradient", "sensitivity", "structure")
THEMES = ("light", "dark")
SCALES = (1, 2)
PATIENCE_SECONDS = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--diagnosis", type=Path)
    parser.add_argument("--output", type=Path, default=ROOT / "resources" / "screenshots")
    parser.add_argument("--theme", choices=THEMES, action="append")
    parser.add_argument("--scale", type=int, choices=SCALES, action="append")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    themes, scales = arguments.theme or THEMES, arguments.scale or SCALES
    if arguments.here:
        return take(arguments.run_dir, arguments.diagnosis, arguments.output, themes, scales[0])
    for scale in scales:
        with tempfile.TemporaryDirectory() as settings:
            command = [sys.executable, str(Path(__file__)), str(arguments.run_dir), "--here"]
            command += ["--output", str(arguments.output), "--scale", str(scale)]
            if arguments.diagnosis is not None:
                command += ["--diagnosis", str(arguments.diagnosis)]
            for theme in themes:
                command += ["--theme", theme]
            environment = {
                **os.environ,
                "QT_QPA_PLATFORM": "offscreen",
                "QT_SCALE_FACTOR": str(scale),
                "XDG_CONFIG_HOME": settings,
                "XDG_STATE_HOME": settings,  # no edits left for the next window
                "DMDSTUDIO_RUNS": str(arguments.run_dir.resolve().parent),
                "PYTHONPATH": str(ROOT),
            }
            status = subprocess.run(command, env=environment).returncode
            if status != 0:
                return status
    return 0


def take(run_dir: Path, diagnosis: Path | None, output: Path, themes: list[str], scale: int) -> int:
    """Take all pictures of one scale."""
    from dmdstudio.app.main import make_application
    from dmdstudio.app.run_folders import remember
    from dmdstudio.app.theme import set_theme
    from dmdstudio.app.views.main_window import MainWindow
    from dmdstudio.plan.events import event_decoder

    application = make_application()
    window = MainWindow()
    window.resize(1440, 900)
    window.show()

    def picture(name: str, theme: str) -> None:
        settle(application, 0.8)  # panels are drawn piece by piece
        suffix = f"{theme}-{scale}x"
        path = output / f"{name}-{suffix}.png"
        window.grab().save(str(path))
        print(path.name)

    window.controller.bridge.start()  # the settings of the methods come from the engine's catalog
    wait_for(application, lambda: bool(window.session.catalog.entries))
    remember(run_dir)
    window.show_start_page()
    for theme in themes:
        set_theme(theme)
        picture("start", theme)
    window.open_paths([run_dir])
    wait_for(application, lambda: window.session.recipe is not None)
    if window.session.recipe is None:
        print(f"{run_dir} cannot be shown: {window.notice.words.text()}", file=sys.stderr)
        return 1
    for theme in themes:
        set_theme(theme)
        window.inspector.setCurrentIndex(0)
        for tab in TABS:
            window.show_tab(tab)
            if tab == "structure":  # its file is read in the background
                wait_for(application, lambda: window.panels["structure"].canvas.scene is not None)
            picture(tab, theme)
        if diagnosis is not None:
            window.session.hear(event_decoder.decode(diagnosis.read_bytes()))
            window.show_tab("gradient")
            picture("diagnosis", theme)
            window.panels["gradient"].choices.button(1).click()
        window.show_tab("compare")
        window.show_step("Refine")
        picture("settings", theme)
        window.actions_by_name["runs"].trigger()
        window.controller.shelf.refresh()
        picture("runs", theme)
        window.docks[2].raise_()
    window.close()
    return 0


def wait_for(application, so: Callable[[], bool]) -> None:
    """Let the window work until something is so, for half a minute at most."""
    patient_until = time.monotonic() + PATIENCE_SECONDS
    while not so() and time.monotonic() < patient_until:
        settle(application, 0.1)


def settle(application, seconds: float) -> None:
    """Let the window draw what is due."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        application.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
