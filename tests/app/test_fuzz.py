"""Steps at random: whatever a user does, nothing falls over.

A failure prints its seed and every step; ``DMDSTUDIO_FUZZ_SEED=N`` begins with another seed.
"""

import os
import random

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QTabBar,
)
from recorded import recorded_diagnosis, recorded_run

from dmdstudio.app.theme import set_theme
from dmdstudio.service.build import catalog

ENDS = {"quit", "run", "resume", "check_gradient", "diagnose"}  # these need an engine
WORDS = ["", "0", "-1", "1e9", "nan", "3.5", "not a number", "2", "1 1 2", "Ar", "Ω", "x" * 60]
FILES = {
    "notes.txt": b"dear diary",
    "spectrum.csv": b"wavenumber,absorbance\n" + b"".join(b"%d,0.5\n" % k for k in range(400, 900)),
    "broken.toml": b"title = ",
    "empty.extxyz": b"",
    "picture.png": bytes(range(256)),
    "argon.xyz": b"1\n\nAr 0 0 0\n",
}


class Monkey:
    """Does one thing after another to a window, and remembers what."""

    def __init__(self, window, seed, folder, example):
        self.window, self.random, self.steps = window, random.Random(seed), []
        self.paths = [example, example.parent / "argon-256.extxyz"]
        self.paths += [example.parent / "argon-self-diffusion.csv", folder, folder / "nowhere"]
        for name, content in FILES.items():
            (folder / name).write_bytes(content)
            self.paths.append(folder / name)
        self.events = [*recorded_run(), recorded_diagnosis()]
        self.wishes = [
            (self.trigger, 6),
            (self.type, 6),
            (self.click, 6),
            (self.choose, 3),
            (self.drop, 2),
            (self.hear, 6),
            (self.press, 4),
            (self.edit_table, 3),
            (self.resize, 1),
            (self.paint, 1),
        ]

    def step(self):
        wish = self.random.choices([w for w, _ in self.wishes], [n for _, n in self.wishes])[0]
        self.steps.append(wish.__name__)
        wish()
        QApplication.processEvents()
        for dialog in self.window.findChildren(QDialog):
            if dialog.isVisible() and self.random.random() < 0.5:
                dialog.close()

    def note(self, words):
        self.steps[-1] += f" {words}"

    def trigger(self):
        names = sorted(n for n, a in self.window.actions_by_name.items() if a.isEnabled())
        name = self.random.choice([n for n in names if n not in ENDS])
        self.note(name)
        self.window.actions_by_name[name].trigger()

    def any(self, kind):
        """Return a control that a user could reach now."""
        found = self.window.findChildren(kind)
        shown = [w for w in found if w.isVisible() and w.isEnabled() and not _is_qts_own(w)]
        return self.random.choice(shown) if shown else None

    def type(self):
        line = self.any(QLineEdit)
        if line is None or line.isReadOnly():
            return
        words = self.random.choice(WORDS)
        self.note(f"{words[:20]!r} into {line.accessibleName()}")
        line.setFocus()
        line.selectAll()
        if words.isascii():
            QTest.keyClicks(line, words)
        else:  # no keyboard has it
            QApplication.clipboard().setText(words)
            line.paste()
        QTest.keyClick(line, Qt.Key.Key_Return)

    def click(self):
        button = self.any(QAbstractButton)
        shown = getattr(button, "defaultAction", lambda: None)()
        if button is None or (shown is not None and shown.objectName() in ENDS):
            return
        words = button.accessibleName() or button.text()
        if words in ("Quit", "Run", "Resume", "Check gradient", "Diagnose"):
            return
        self.note(words)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def choose(self):
        box = self.any(self.random.choice([QComboBox, QTabBar]))
        if box is None or not box.count():
            return
        index = self.random.randrange(box.count())
        self.note(f"{index} of {box.accessibleName()}")
        box.setCurrentIndex(index)  # of tabs and of choices alike

    def drop(self):
        path = self.random.choice(self.paths)
        self.note(path.name)
        self.window.open_paths([path])

    def hear(self):
        event = self.random.choice(self.events)
        self.note(type(event).__name__)
        self.window.session.hear(event)

    def press(self):
        keys = [Qt.Key.Key_Tab, Qt.Key.Key_Escape, Qt.Key.Key_Down, Qt.Key.Key_Space, Qt.Key.Key_F1]
        key = self.random.choice(keys)
        widget = QApplication.focusWidget() or self.window
        if _is_qts_own(widget):
            return
        if isinstance(widget, QAbstractButton) and not isinstance(widget, QCheckBox):
            return  # it might be Run
        self.note(f"{key.name} on {type(widget).__name__}")
        QTest.keyClick(widget, key)

    def edit_table(self):
        model = self.window.parameter_table.model
        if not model.rowCount():
            return
        row, column = (self.random.randrange(n) for n in (model.rowCount(), model.columnCount()))
        words = self.random.choice(WORDS)
        self.note(f"{row}, {column}: {words[:20]!r}")
        if model.flags(model.index(row, column)) & Qt.ItemFlag.ItemIsEditable:
            model.setData(model.index(row, column), words)

    def resize(self):
        self.window.resize(self.random.randrange(400, 2000), self.random.randrange(300, 1300))

    def paint(self):
        set_theme(self.random.choice(["light", "dark", "system"]))
        self.window.grab()


def _is_qts_own(widget):
    """Whether it belongs to a file dialog, which asks in modal loops of its own."""
    return isinstance(widget.window(), QFileDialog)


SEED = int(os.environ.get("DMDSTUDIO_FUZZ_SEED", "1"))
RUNS = [(SEED, 120), *(pytest.param(n, 500, marks=pytest.mark.slow) for n in range(2, 8))]


@pytest.mark.parametrize(("seed", "steps"), RUNS)
def test_nothing_falls_over_whatever_a_user_does(window, example, tmp_path, seed, steps, qtbot):
    folder = tmp_path / "things"
    folder.mkdir()
    monkey = Monkey(window, seed, folder, example)
    window.open_paths([example])
    window.session.catalog = catalog()
    window.session.catalog_changed.emit()
    try:
        with qtbot.captureExceptions() as errors:
            for _ in range(steps):
                monkey.step()
                if errors:
                    break
        assert not errors
    except BaseException:
        print(f"seed {seed}:", *monkey.steps, sep="\n  ")
        raise
    finally:
        set_theme("system")
        for widget in QApplication.topLevelWidgets():
            if widget is not window:
                widget.close()
