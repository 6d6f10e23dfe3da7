"""A whole refinement by mouse and keyboard alone, on a display of its own.

Run inside Xvfb by `test_real_events.py`: every press is made by xdotool and reaches the window
through the X server; this process only looks where things are and what has come of it.

    python real_events.py mouse|keys OUTPUT
"""

import subprocess
import sys
import time
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QLineEdit, QPushButton, QToolButton

from dmdstudio.app.main import make_application

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

    def focus(self, widget):
        xdotool("windowfocus", int(widget.winId()))
        self.pause()

    def button(self, words, among=None):
        among = among or self.window
        kinds = (*among.findChildren(QPushButton), *among.findChildren(QToolButton))
        return next(b for b in kinds if b.text() == words and b.isVisible())


def main() -> int:
    way, output = sys.argv[1], Path(sys.argv[2])
    application = make_application()
    from dmdstudio.app.run_folders import prefer
    from dmdstudio.app.views.main_window import MainWindow

    prefer("toured", "yes")  # whoever comes for the first time is shown around
    window = MainWindow()
    window.show()
    window.controller.bridge.start()
    person = Person(application, window)
    person.pause(1.0)
    person.focus(window)
    actions, session = window.actions_by_name, window.session
    by_mouse = way == "mouse"
    person.click(person.button("Open the argon example")) if by_mouse else person.press("ctrl+e")
    person.wait(lambda: session.recipe is not None, "the example")
    person.wait(actions["run"].isEnabled, "Run")
    person.click(person.button("Run")) if by_mouse else person.press("ctrl+r")
    person.wait(lambda: len(session.view.steps) >= 1, "the first iteration")
    if by_mouse:
        person.click(person.button("Stop and keep"))
    else:
        person.press("ctrl+period")
    person.wait(lambda: not window.controller.busy, "the end of the run")
    person.click(person.button("Export")) if by_mouse else person.press("ctrl+shift+e")
    find = lambda: [w for w in window.children() if type(w).__name__ == "ExportDialog"]  # noqa: E731
    person.wait(lambda: bool(find()), "the export dialog")
    dialog = find()[0]
    person.wait(dialog.write.isEnabled, "the preview")
    person.focus(dialog)
    if by_mouse:
        person.click(dialog.write)
    else:
        dialog_field = dialog.output
        assert isinstance(dialog_field, QLineEdit)
        for _ in range(30):
            if dialog_field.hasFocus():
                break
            person.press("Tab")
        person.press("ctrl+a")
        xdotool("type", "--delay", 20, str(output))
        person.pause()
        for _ in range(30):
            if dialog.write.hasFocus():
                break
            person.press("Tab")
        person.press("space")
    written = Path(dialog.output.text())
    person.wait(written.exists, f"the file {written}")
    print(f"clicks {person.clicks} keys {person.keys} wrote {written}")
    window.keeping.when_closing = "stops"
    window.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
