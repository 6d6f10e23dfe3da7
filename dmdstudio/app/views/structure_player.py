"""Which replica is shown, and the frames of its trajectory, played or gone through."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.icons import icon
from dmdstudio.app.structure_source import Trajectory
from dmdstudio.app.theme import theme, theme_changed
from dmdstudio.app.views.labels import quiet

FRAME_MILLISECONDS = 40
_BUSY = "The engine is at work; the trajectory can be run when it has ended."
_RUN = "Run the trajectory of this replica again, as in that iteration, and play it"


class StructurePlayer(QWidget):
    """Sliders of the replicas and, once it was run, of the frames of a trajectory.

    Signals:
        replica_chosen: number of a replica, counted from 0.
        frame_chosen: number of a frame, counted from 0.
        run_wanted: the trajectory of the replica is to be run.
    """

    replica_chosen = Signal(int)
    frame_chosen = Signal(int)
    run_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trajectory: Trajectory | None = None
        self._clock = QTimer(self, interval=FRAME_MILLISECONDS)
        self._clock.timeout.connect(self._tick)
        self.replica = _slider("Replica")
        self.replica.valueChanged.connect(self._replica_moved)
        self.replica_words = QLabel()
        self.run = QPushButton("Run trajectory")
        self.run.clicked.connect(self.run_wanted)
        self.set_busy(False)
        self.play = QPushButton()
        self.play.setFixedWidth(40)
        self.play.setStyleSheet("padding: 6px 0px;")
        self.play.clicked.connect(self.toggle)
        self.frame = _slider("Frame of the trajectory")
        self.frame.valueChanged.connect(self._frame_moved)
        self.frame_words = QLabel()
        self.loop = QCheckBox("Loop")
        self.loop.setToolTip("Begin again after the last frame")
        self.loop.setChecked(True)
        name = quiet("Replica")
        self._first = _row(name, self.replica, self.replica_words, self.run)
        self._second = _row(self.play, self.frame, self.frame_words, self.loop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._first)
        column.addWidget(self._second)
        theme_changed().changed.connect(self._paint_button)
        self._paint_button()
        self.show_replicas(0)

    def show_replicas(self, count: int) -> None:
        """Offer so many replicas; none hides everything."""
        self.drop_trajectory()
        self.setVisible(count > 0)
        if count:
            self.replica.blockSignals(True)
            self.replica.setMaximum(count)
            self.replica.blockSignals(False)
            self._label_replica()

    @property
    def chosen(self) -> int:
        """The replica that is shown, counted from 0."""
        return self.replica.value() - 1

    def set_busy(self, busy: bool) -> None:
        """Say whether the engine has time."""
        self.run.setEnabled(not busy)
        self.run.setToolTip(_BUSY if busy else _RUN)

    # -- the trajectory

    def show_trajectory(self, trajectory: Trajectory) -> None:
        """Begin to play a trajectory, of which more may still come."""
        self._trajectory = trajectory
        self.frame.blockSignals(True)
        self.frame.setMaximum(trajectory.count)
        self.frame.setValue(1)
        self.frame.blockSignals(False)
        widest = _frame_words(trajectory, trajectory.count).replace("1", "0")
        self.frame_words.setFixedWidth(self.fontMetrics().horizontalAdvance(widest) + 4)
        self._second.show()
        self._frame_moved()
        self._clock.start()
        self._paint_button()

    def drop_trajectory(self) -> None:
        """Forget the trajectory: another replica is shown."""
        self._trajectory = None
        self._second.hide()
        self._clock.stop()
        self._paint_button()

    def toggle(self) -> None:
        """Play, or stand still; from the last frame it begins again."""
        if self._trajectory is None:
            return
        if self._clock.isActive():
            self._clock.stop()
        else:
            if self.frame.value() == self._trajectory.count:
                self.frame.setValue(1)
            self._clock.start()
        self._paint_button()

    @property
    def playing(self) -> bool:
        """Whether frames follow one another."""
        return self._clock.isActive()

    def _tick(self) -> None:
        if self._trajectory is None or not self.isVisible():
            return
        number = self.frame.value()
        if number < self._trajectory.come:
            self.frame.setValue(number + 1)
        elif number == self._trajectory.count:
            if self.loop.isChecked():
                self.frame.setValue(1)
            else:
                self._clock.stop()
                self._paint_button()

    def _frame_moved(self) -> None:
        if self._trajectory is None:
            return
        if self.frame.value() > self._trajectory.come:  # not here yet
            self.frame.setValue(self._trajectory.come)
            return
        number = self.frame.value()
        self.frame_words.setText(_frame_words(self._trajectory, number))
        self.frame.setAccessibleDescription(self.frame_words.text())
        self.frame_chosen.emit(number - 1)

    def _replica_moved(self) -> None:
        self.drop_trajectory()
        self._label_replica()
        self.replica_chosen.emit(self.chosen)

    def _label_replica(self) -> None:
        self.replica_words.setText(f"{self.replica.value()} of {self.replica.maximum()}")

    def _paint_button(self) -> None:
        playing = self._clock.isActive()
        self.play.setIcon(QIcon(icon("pause" if playing else "run", theme().text, theme().faded)))
        self.play.setAccessibleName("Pause" if playing else "Play")
        self.play.setToolTip("Stand still" if playing else "Play the trajectory")


def _frame_words(trajectory: Trajectory, number: int) -> str:
    time = (number - 1) * trajectory.interval
    return f"{number} of {trajectory.count}, {time:.3f} ps"


def _slider(name: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setAccessibleName(name)
    slider.setMinimum(1)
    slider.setPageStep(10)
    return slider


def _row(*widgets: QWidget) -> QWidget:
    """Return widgets side by side; the second takes what room there is."""
    frame = QWidget()
    row = QHBoxLayout(frame)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(10)
    for number, widget in enumerate(widgets):
        row.addWidget(widget, 1 if number == 1 else 0)
    return frame
