"""The status bar: what the engine does, how far it is, on which device, with which numbers."""

from __future__ import annotations

import time

from PySide6.QtWidgets import QLabel, QProgressBar, QStatusBar, QWidget

from dmdstudio.app.session import Session
from dmdstudio.app.state import RunView
from dmdstudio.app.words import duration_words

_PHASES = {
    "starting": "Engine starting",
    "importing": "Engine importing",
    "preparing": "Preparing",
    "compiling": "Compiling",
    "equilibrating": "Equilibrating",
    "sampling": "Sampling starts",
    "propagating": "Propagating",
    "differentiating": "Differentiating",
    "diagnosing": "Diagnosing",
    "sensitivities": "Measuring sensitivities",
    "writing": "Writing",
    "evaluating": "Evaluating",
    "elsewhere": "At work without this window",
    "silent": "No sign of life of the process that writes this run",
    "stopping": "Stopping",
}


class StatusLine(QStatusBar):
    """Phase and progress on the left, device and precision on the right."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._session = session
        self.phase = _label("Phase")
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Progress of the run")
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(180)
        self.left = _label("Time left")
        self.kept = _label("Autosave")
        self.device = _label("Device")
        self.precision = _label("Precision")
        for widget in (self.phase, self.progress, self.left):
            self.addWidget(widget)
        for widget in (self.kept, self.precision, self.device):
            self.addPermanentWidget(widget)
        self.setContentsMargins(8, 2, 8, 2)
        session.run_changed.connect(self.refresh)
        session.recipe_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the session as it is now."""
        view = self._session.view
        self.phase.setText(phase_words(view))
        shown = view.progress is not None
        self.progress.setVisible(shown)
        self.left.setVisible(shown)
        if view.progress is not None:
            self.progress.setValue(round(1000 * view.progress.fraction))
            seconds = view.progress.seconds_left
            self.left.setText("" if seconds is None else f"{duration_words(seconds)} left")
        device = view.started.device if view.started and view.running else ""
        if not device and view.ready is not None:
            device = view.ready.device
        self.device.setText(device)
        recipe = self._session.recipe
        precision = view.started.precision if view.started and view.running else ""
        self.precision.setText(precision or (recipe.execution.precision if recipe else ""))

    def show_kept(self, moment: float) -> None:
        """Say when the edits were last put on the disk (seconds since 1970)."""
        self.kept.setText(time.strftime("Autosaved %H:%M", time.localtime(moment)))


def phase_words(view: RunView) -> str:
    """Return what the engine does now, by name."""
    if view.paused:
        return "Paused"
    if view.phase is not None:
        words = _PHASES.get(view.phase.name, view.phase.name.capitalize())
        if view.running and view.started is not None and view.phase.iteration >= 0:
            words += f", iteration {view.phase.iteration + 1} of {view.started.iterations}"
        return f"{words}: {view.phase.detail}" if view.phase.detail else f"{words}…"
    if view.running:
        return "Running…"
    if view.failed is not None and view.started is not None:
        return "Failed"
    if view.finished is not None:
        return "Stopped" if view.finished.reason == "stopped" else "Finished"
    return "Ready" if view.ready is not None else "No engine"


def _label(name: str) -> QLabel:
    label = QLabel()
    label.setAccessibleName(name)
    label.setContentsMargins(6, 2, 6, 2)
    return label
