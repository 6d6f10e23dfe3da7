"""What stands in place of the parameter table while a recipe has no potential."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from dmdstudio.app.editor import Editor
from dmdstudio.app.presets import Preset
from dmdstudio.app.session import Session
from dmdstudio.app.views.add_button import AddButton
from dmdstudio.app.views.labels import quiet


class PotentialOffer(QFrame):
    """Published force fields that fit the structure, each with its citation, and single terms."""

    def __init__(self, session: Session, editor: Editor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._session, self._editor = session, editor
        self._shown: tuple[Preset, ...] | None = None
        self._rows: list[tuple[QPushButton, QLabel]] = []
        title = QLabel("Choose a potential")
        title.setObjectName("figure")
        self._words = quiet(wraps=True)
        self._presets = QVBoxLayout()
        self._presets.setSpacing(4)
        self.add = AddButton(editor, "potential")
        alone = quiet("Or put one together, term by term.", wraps=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 18)
        column.setSpacing(10)
        column.addWidget(title)
        column.addWidget(self._words)
        column.addLayout(self._presets)
        column.addSpacing(8)
        column.addWidget(alone)
        column.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        session.matter_changed.connect(self._refresh)
        self._refresh()

    def buttons(self) -> list[QPushButton]:
        """Return the buttons of the force fields, in order."""
        return [button for button, _ in self._rows]

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Hand the focus on to what is offered first."""
        super().focusInEvent(event)
        (self.buttons() or [self.add])[0].setFocus(event.reason())

    def _refresh(self) -> None:
        presets, matter = self._editor.presets(), self._session.matter
        if matter is None:
            self._words.setText(self._session.matter_problem or "The structure is being read.")
        elif presets:
            self._words.setText(f"Published force fields for {matter.formula}:")
        else:
            self._words.setText(f"No published force field here is made for {matter.formula}.")
        if presets == self._shown:
            return
        self._shown = presets
        for row in self._rows:
            for widget in row:
                self._presets.removeWidget(widget)
                widget.hide()  # or it would be seen below the new ones until it goes
                widget.deleteLater()
        self._rows = [self._show(preset) for preset in presets]

    def _show(self, preset: Preset) -> tuple[QPushButton, QLabel]:
        button = QPushButton(preset.label)
        button.setObjectName("choice")
        button.setToolTip(f"Take this force field. {preset.source}")
        button.clicked.connect(lambda: self._editor.add_preset(preset))
        source = quiet(preset.source, wraps=True)
        source.setContentsMargins(2, 0, 0, 8)
        self._presets.addWidget(button)
        self._presets.addWidget(source)
        return button, source
