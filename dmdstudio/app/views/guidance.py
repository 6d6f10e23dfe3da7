"""What helps to find one's way: command palette, help, preferences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QTabWidget

from dmdstudio.app.actions import PLANS
from dmdstudio.app.guide import FIRST, page_of, pages
from dmdstudio.app.palette import Choice
from dmdstudio.app.session import Session
from dmdstudio.app.views.command_palette import CommandPalette
from dmdstudio.app.views.help_window import CITE, KEYS, HelpWindow
from dmdstudio.app.views.preferences_dialog import PreferencesDialog
from dmdstudio.app.views.settings_panel import SettingsPanel
from dmdstudio.plan.catalog import fields_of
from dmdstudio.plan.recipe import sections

_LISTS = ("potential", "surface", "target")


class Guidance(QObject):
    """Opens what was asked for; each is made when it is first wanted.

    Args:
        window: that everything belongs to.
        actions: of the window, by name.
        session: whose settings the palette finds.
        panel: the settings; ``show_settings`` brings it to the front.
        tabs: the plots; the one in front says which page of the help fits.
    """

    def __init__(
        self,
        window: QMainWindow,
        actions: Mapping[str, QAction],
        session: Session,
        panel: SettingsPanel,
        show_settings: Callable[[], None],
        tabs: QTabWidget,
    ) -> None:
        super().__init__(window)
        self._window, self._actions, self._session = window, actions, session
        self._panel, self._show_settings, self._tabs = panel, show_settings, tabs
        self._help: HelpWindow | None = None
        self._palette: CommandPalette | None = None

    def handlers(self) -> dict[str, Callable[[], None]]:
        """Return what the actions do, by their names."""
        return {
            "palette": self.show_palette,
            "help": self.show_fitting_help,
            "shortcuts": lambda: self.show_help(KEYS),
            "cite": lambda: self.show_help(CITE),
            "preferences": lambda: PreferencesDialog(self._window).show(),
        }

    def show_palette(self) -> None:
        """Open the palette over the window."""
        if self._palette is None:
            self._palette = CommandPalette(self._window, lambda: list(self._choices()))
        self._palette.open()

    def show_fitting_help(self) -> None:
        """Show the page that explains what is on the screen."""
        shown = self._tabs.isVisible() and self._session.recipe is not None
        titles = {self._actions[plan.name].text(): plan.name for plan in PLANS}
        tab = titles.get(self._tabs.tabText(self._tabs.currentIndex()), "")
        self.show_help(page_of(tab) if shown else FIRST)

    def show_help(self, page: str) -> None:
        """Show a page of the help in its own window."""
        if self._help is None:
            self._help = HelpWindow(self._window)
            self._help.setWindowFlag(Qt.WindowType.Window)
        self._help.show_page(page)

    def _choices(self) -> Iterator[Choice]:
        for plan in PLANS:
            action = self._actions[plan.name]
            if plan.name != "palette":
                keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
                words = action.text().replace("&", "")
                yield Choice(words, plan.menu, keys, action.isEnabled(), action.trigger)
        yield from self._settings()
        for page in pages():
            show = self._shower(page.name)
            yield Choice(page.title, "Help", "", True, show)

    def _settings(self) -> Iterator[Choice]:
        if self._session.recipe is None:
            return
        for name, struct in sections().items():
            if name in _LISTS:
                continue
            for field in fields_of(struct):
                words = f"{name.capitalize()}: {field.label}"
                yield Choice(words, "Setting", "", True, self._goer(name, field.name))

    def _shower(self, page: str) -> Callable[[], None]:
        return lambda: self.show_help(page)

    def _goer(self, section: str, field: str) -> Callable[[], None]:
        def go() -> None:
            self._show_settings()
            self._panel.show_field(section, field)

        return go
