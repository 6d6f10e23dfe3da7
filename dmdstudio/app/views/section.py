"""What the settings are divided by: a title that folds, and the heading of one item of several."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from dmdstudio.app.editor import Editor
from dmdstudio.app.icons import icon
from dmdstudio.app.theme import theme


class Section(QWidget):
    """A title that folds what is below it."""

    def __init__(self, title: str, body: QWidget, folded: bool) -> None:
        super().__init__()
        self.body = body
        self.button = QPushButton(title)
        self.button.setObjectName("section")
        self.button.setCheckable(True)
        self.button.setIconSize(QSize(16, 16))
        self.button.setAccessibleName(f"{title} settings, fold or unfold")
        self.button.toggled.connect(self._fold)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.button)
        layout.addWidget(body)
        body.setContentsMargins(18, 0, 0, 10)
        self.button.setChecked(not folded)
        self._fold(not folded)

    @property
    def is_folded(self) -> bool:
        """Whether only the title shows."""
        return not self.button.isChecked()

    def unfold(self) -> None:
        """Show what is below the title."""
        self.button.setChecked(True)

    def repaint_arrow(self) -> None:
        """Draw the arrow in the colours of the theme."""
        self._fold(self.button.isChecked())

    def _fold(self, shown: bool) -> None:
        self.body.setVisible(shown)
        self.button.setIcon(icon("down" if shown else "right", theme().quiet))


class ItemHeading(QWidget):
    """The name of a term, surface or target, and what can be done with it: buttons and a menu."""

    def __init__(self, editor: Editor, section: str, index: int) -> None:
        super().__init__()
        self._editor, self._section, self._index = editor, section, index
        self._title = QLabel()
        self._title.setObjectName("figure")
        self.duplicate = QPushButton("Duplicate")
        self.remove = QPushButton("Remove")
        self.setFocusProxy(self.duplicate)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 2)
        row.setSpacing(4)
        row.addWidget(self._title, 1)
        for button in (self.duplicate, self.remove):
            button.setObjectName("flat")
            row.addWidget(button)
        self.duplicate.clicked.connect(lambda: editor.duplicate(section, index))
        self.remove.clicked.connect(lambda: editor.remove(section, index))

    def set_title(self, title: str) -> None:
        """Show the name, and say it in those of the buttons."""
        self._title.setText(title)
        self.duplicate.setAccessibleName(f"Duplicate {title}")
        self.remove.setAccessibleName(f"Remove {title}")
        self.duplicate.setToolTip(f"The same as {title} once more, under another name")
        self.remove.setToolTip(f"Take {title} out of the recipe; Undo brings it back")

    def menu(self) -> QMenu:
        """Return what the buttons do, as a menu."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for button in (self.duplicate, self.remove):
            action = menu.addAction(button.accessibleName())
            action.setEnabled(button.isEnabled())
            action.triggered.connect(button.click)
        return menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Open the menu by mouse or key."""
        self.menu().popup(event.globalPos() or self.mapToGlobal(QPoint(0, self.height())))
