"""A button with a menu of what can be added to a section of the recipe."""

from __future__ import annotations

from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from dmdstudio.app.editor import Editor

_WORDS = {"potential": "Add term…", "surface": "Add surface…", "target": "Add target…"}


class AddButton(QPushButton):
    """Says what it adds; its menu is made when it opens, of what the engine has."""

    def __init__(self, editor: Editor, section: str, parent: QWidget | None = None) -> None:
        super().__init__(_WORDS[section], parent)
        self._editor, self._section = editor, section
        self.setObjectName("add")
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(lambda: fill_menu(menu, editor, section))
        self.setMenu(menu)


def fill_menu(menu: QMenu, editor: Editor, section: str) -> None:
    """Put what can be added to a section in a menu: force fields that fit, then single kinds."""
    menu.clear()
    presets = editor.presets() if section == "potential" else ()
    for preset in presets:
        action = menu.addAction(preset.label)
        action.setToolTip(f"In place of all terms. {preset.source}")
        action.triggered.connect(lambda _=False, preset=preset: editor.add_preset(preset))
    if presets:
        menu.addSeparator()
    for entry in editor.choices(section):
        action = menu.addAction(entry.label)
        action.setToolTip(entry.doc)
        action.triggered.connect(lambda _=False, name=entry.name: editor.add(section, name))
    if not editor.choices(section):
        menu.addAction("The engine is starting; it tells what there is").setEnabled(False)
