"""A whole refinement by mouse and keyboard alone, on a display of its own.

Run inside Xvfb by `test_real_events.py`: every press is made by xdotool and reaches the window
through the X server; this process only looks where things are and what has come of it.

    python real_events.py mouse|keys OUTPUT EXAMPLES
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QPushButton, QToolButton

from dmdstudio.app import run_folders
from dmdstudio.app.main import make_application, open_window
from dmdstudio.app.run_folders import preference
from dmdstudio.app.views.export_dialog import ExportDialog
from dmdstudio.app.views.tour import Tour

PATIENCE_SECONDS = 900.0


def xdotool(*words):
    subprocess.run(["xdotool", *map(str, words)], check=True, timeout=30)


class Person:
    """Sees the window and has a mouse and a keyboard."""

    def __init__(self, application, window):
        self.application, self.window = application, window
        self.clicks = self.keys = 0

    def wait(self, until, what):
        end = time.monotonic() + PATIENCE_SECONDS
        while not until():
            self.application.processEvents()
            time.sleep(0.01)
            if time.monotonic() > end:
                raise SystemExit(f"waited in vain for {what}: {self.window.notice.words.text()}")

    def pause(self, seconds=0.5):
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end, "the clock")

    def click(self, widget):
        self.wait(lambda: widget.isVisible() and widget.isEnabled(), widget.text())
        self.pause()
        place = widget.mapToGlobal(QPoint(widget.width() // 2, widget.height() // 2))
        xdotool("mousemove", place.x(), place.y(), "click", 1)
        self.clicks += 1
        self.pause()

    def press(self, *keys):
        for key in keys:
            xdotool("key", key)
            self.keys += 1
            self.pause(0.3)

    def tab_to(self, widget):
        for _ in range(30):
            if widget.hasFocus():
                return
            self.press("Tab")
        raise SystemExit(f"Tab does not reach {widget.accessibleName() or widget}")

    def focus(self, widget):
        xdotool("windowfocus", int(widget.winId()))
        self.pause()

    def button(self, words):
        kinds = (*self.window.findChildren(QPushButton), *self.window.findChildren(QToolButton))
        return next(b for b in kinds if b.text() == words and b.isVisible())


def visit(person: Person, by_mouse: bool, output: Path) -> Path:
    """From the start page to the exported file; a first visit, so there is the tour."""
    window, session = person.window, person.window.session
    actions = window.actions_by_name
    person.click(window.start_page.example) if by_mouse else person.press("ctrl+e")
    person.wait(lambda: session.recipe is not None, "the example")
    if by_mouse:
        person.click(window.findChild(Tour).skip)
    else:
        stops = len(window.findChild(Tour)._stops)
        person.press(*["space"] * stops)  # the button to the next one has the focus
    person.wait(lambda: preference("toured"), "the end of the tour")
    person.wait(actions["run"].isEnabled, "Run")
    person.click(person.button("Run")) if by_mouse else person.press("ctrl+r")
    person.wait(lambda: session.view.running, "a sign of the run")
    person.wait(lambda: not window.controller.busy, "the end of the run")
    assert session.view.finished.reason == "completed", session.view.failed
    person.click(person.button("Export")) if by_mouse else person.press("ctrl+shift+e")
    person.wait(lambda: window.findChild(ExportDialog) is not None, "the export dialog")
    dialog = window.findChild(ExportDialog)
    person.wait(dialog.write.isEnabled, "the formats")
    person.focus(dialog)
    if by_mouse:
        person.click(dialog.write)
    else:
        person.tab_to(dialog.output)
        person.press("ctrl+a")
        xdotool("type", "--delay", 20, str(output))
        person.pause()
        person.tab_to(dialog.write)
        person.press("space")
    written = Path(dialog.output.text())
    person.wait(lambda: dialog.found.isVisible(), f"the certificate of {written}: {dialog.told}")
    print("told:", dialog.told.text())
    return written


def main() -> int:
    way, output, examples = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    run_folders.resources_folder = lambda: examples.parent  # the same example, but shorter
    began = time.monotonic()
    person = Person(make_application(), window := open_window())
    person.pause(1.0)
    person.focus(window)
    written = visit(person, way == "mouse", output)
    best = window.session.view.best
    assert best is not None
    print(
        json.dumps(
            {
                "clicks": person.clicks,
                "keys": person.keys,
                "written": str(written),
                "parameters": {p.key: p.value for p in best.parameters},
                "iterations": len(window.session.view.steps),
                "seconds": time.monotonic() - began,
            }
        )
    )
    window.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
