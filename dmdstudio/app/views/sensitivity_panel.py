"""Which parameter moves which point of a prediction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.session import Session
from dmdstudio.app.views.image_plot import ImagePlot
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.words import short_key, titles
from dmdstudio.plan.events import TargetSensitivity, Uncertainty

_MOST_LINES = 6
_MOST_NOTE_LINES = 9


class SensitivityPanel(Panel):
    """A chosen target: as an image of points and parameters, and below it as lines with errors.

    Shown is the change of the prediction for one percent more of a parameter, so that parameters
    of different units compare.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.chooser = QComboBox()
        self.chooser.setAccessibleName("Target")
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.chooser.currentIndexChanged.connect(lambda _: self.draw())
        self.alike = QCheckBox("Scale each parameter by itself")
        self.alike.setToolTip("Shows where a parameter matters even if others matter far more")
        self.alike.toggled.connect(lambda _: self.draw())
        self._heading = QLabel()
        self._heading.setObjectName("figure")
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._heading, 1)
        top.addWidget(self.alike)
        top.addWidget(self.chooser)
        self.image = ImagePlot("Change of the prediction for one percent more of each parameter")
        self.lines = Plot("Change of the prediction for one percent more of each parameter", "")
        self.lines.keep_unit()  # that of the image above
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(10)
        splitter.addWidget(self.image)
        splitter.addWidget(self.lines)
        splitter.setSizes([240, 260])
        self._notes = quiet(wraps=True)
        self._notes.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._below = QScrollArea()
        self._below.setObjectName("notes")
        self._below.setAccessibleName("What to mind")
        self._below.setWidgetResizable(True)
        self._below.setFrameShape(QFrame.Shape.NoFrame)
        self._below.setWidget(self._notes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(splitter, 1)
        layout.addWidget(self._below)
        self._drawn: tuple[object, ...] = ()

    def draw(self) -> None:
        """Show the chosen target."""
        known = self.session.view.uncertainty
        targets = known.sensitivities if known is not None else ()
        self._offer(targets)
        target = next((t for t in targets if t.name == self.chooser.currentData()), None)
        self.alike.setVisible(target is not None and bool(target.axis))
        if known is None or target is None:
            self._drawn = ()
            self.image.hide()
            self._heading.clear()
            self._below.hide()
            self.lines.set_empty(self._why_none())
            return
        wanted = (known, target.name, self.alike.isChecked())
        if wanted == self._drawn:
            return
        self._drawn = wanted
        percent = np.array([0.01 * abs(p.value) for p in known.parameters])[:, None]
        change = np.asarray(target.derivative) * percent
        error = np.asarray(target.error) * percent
        names = [short_key(p.key) for p in known.parameters]
        of = "" if self.chooser.count() > 1 else f"{target.label}, "
        self._heading.setText(f"{of}iteration {known.iteration}".capitalize())
        self._notes.setText(_notes(known))
        self._below.setVisible(bool(known.notes))
        self._fit_notes()
        self.lines.clear()
        if target.axis:
            self._draw_curve(target, names, change, error)
        else:
            self._draw_number(target, names, change[:, 0], error[:, 0])

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Give the notes the room that they need."""
        super().resizeEvent(event)
        self._fit_notes()

    def _fit_notes(self) -> None:
        width = (
            self.contentsRect().width() - 32 - self._below.verticalScrollBar().sizeHint().width()
        )
        most = _MOST_NOTE_LINES * self.fontMetrics().lineSpacing()
        self._below.setFixedHeight(min(self._notes.heightForWidth(max(width, 1)), most) + 2)

    def _why_none(self) -> str:
        if self.session.view.finished is not None and self.session.view.steps:
            return "This run measured no sensitivities.\nSwitch on Uncertainty in its settings."
        if self.session.view.running and self.session.view.steps:
            return "The sensitivities appear after the last iteration."
        return self.why_empty("What each parameter changes")

    def _offer(self, targets: Sequence[TargetSensitivity]) -> None:
        names = [target.name for target in targets]
        if [self.chooser.itemData(i) for i in range(self.chooser.count())] != names:
            self.chooser.blockSignals(True)
            self.chooser.clear()
            for title, target in zip(titles(targets), targets, strict=True):
                self.chooser.addItem(title, target.name)
            first_curve = next((i for i, target in enumerate(targets) if target.axis), 0)
            self.chooser.setCurrentIndex(first_curve)
            self.chooser.blockSignals(False)
        self.chooser.setVisible(len(targets) > 1)

    def _draw_curve(
        self, target: TargetSensitivity, names: list[str], change: np.ndarray, error: np.ndarray
    ) -> None:
        own = np.abs(change).max(axis=1, keepdims=True)
        alike = self.alike.isChecked()
        shown = change / np.where(own > 0, own, 1.0) if alike else change
        scale = ("Over its largest", "") if alike else ("Per +1 %", target.unit)
        self.image.set_labels((target.axis_label or "Axis", target.axis_unit), scale)
        span = self.image.show_numbers(target.axis, names, shown)
        self.image.show()
        self.lines.set_right_margin(self.image.room_of_scale)
        self.lines.set_ticks([])
        self.lines.set_labels(
            target.axis_label or "Axis", "Per +1 %", target.axis_unit, target.unit
        )
        order = np.argsort(-own[:, 0])[:_MOST_LINES]
        self.lines.level("zero", target.axis, 0.0, 0.0, "quiet", "", beyond=0.0)
        for number, row in enumerate(sorted(order)):
            colour = f"series {number}"
            low, high = change[row] - error[row], change[row] + error[row]
            self.lines.band(f"error {row}", target.axis, low, high, colour, of=f"of {row}")
            self.lines.line(f"of {row}", target.axis, change[row], colour, label=names[row])
        self.lines.set_span(*span)

    def _draw_number(
        self, target: TargetSensitivity, names: list[str], change: np.ndarray, error: np.ndarray
    ) -> None:
        self.image.hide()
        places = list(range(len(names)))
        self.lines.set_right_margin(12)
        self.lines.set_ticks(names)
        self.lines.set_labels("", "Change per +1 %", "", target.unit)
        self.lines.level("zero", places, 0.0, 0.0, "quiet", "")
        self.lines.errors("error", places, change, error, "accent", of="change")
        self.lines.line("change", places, change, "accent", points=True, joined=False)


def _notes(known: Uncertainty) -> str:
    return "\n".join(f"•  {note}" for note in known.notes)
