"""What helps to find one's way: command palette, help, tour, preferences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabWidget, QToolBar, QWidget

from dmdstudio.app.actions import PLANS
from dmdstudio.app.guide import FIRST, page_of, pages
from dmdstudio.app.palette import Choice
from dmdstudio.app.run_folders import prefer, preference
from dmdstudio.app.session import Session
from dmdstudio.app.views.command_palette import CommandPalette
from dmdstudio.app.views.help_window import CITE, KEYS, HelpWindow
from dmdstudio.app.views.preferences_dialog import PreferencesDialog
from dmdstudio.app.views.settings_panel import SettingsPanel
from dmdstudio.app.views.tour import Stop, Tour
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
        notice: that the tour leaves in sight.
    """

    def __init__(
        self,
        window: QMainWindow,
        actions: Mapping[str, QAction],
        session: Session,
        panel: SettingsPanel,
        show_settings: Callable[[], None],
        tabs: QTabWidget,
        notice: QWidget,
    ) -> None:
        super().__init__(window)
        self._window, self._actions, self._session = window, actions, session
        self._panel, self._show_settings, self._tabs = panel, show_settings, tabs
        self._notice = notice
        self._help: HelpWindow | None = None
        self._palette: CommandPalette | None = None
        self._tour: Tour | None = None

    def handlers(self) -> dict[str, Callable[[], None]]:
        """Return what the actions do, by their names."""
        return {
            "palette": self.show_palette,
            "help": self.show_fitting_help,
            "shortcuts": lambda: self.show_help(KEYS),
            "cite": lambda: self.show_help(CITE),
            "preferences": lambda: PreferencesDialog(self._window).show(),
            "tour": self.begin_tour,
        }

    def begin_tour(self) -> None:
        """Show what the parts of the window are for."""
        if self._tour is None:
            self._tour = Tour(self._window, self._stops(), self._notice, self._end_tour)
            self._tour.begin()

    def offer_tour(self) -> None:
        """Begin the tour where nobody has seen it yet."""
        if not preference("toured"):
            self.begin_tour()

    def _end_tour(self) -> None:
        self._tour = None
        prefer("toured", "yes")

    def _stops(self) -> list[Stop]:
        def dock(name: str) -> Callable[[], QWidget | None]:
            return lambda: self._window.findChild(QDockWidget, name)

        return [
            Stop(
                "The work, step by step",
                "Each step says whether it is ready, and if not, why. Drop files anywhere "
                "on the window: structures, potentials, spectra, recipes, runs.",
                dock("Workflow"),
            ),
            Stop(
                "Parameters and settings",
                "Tick the parameters that are to be refined. Settings hold how the starts are "
                "drawn, how far back the gradient goes, and what it is compared with.",
                dock("Inspector"),
            ),
            Stop(
                "Run, pause, stop and keep",
                "The refinement runs in the background. Every finished iteration is on the disk; "
                "a run can be resumed at any time.",
                lambda: self._window.findChild(QToolBar, "Actions"),
            ),
            Stop(
                "Live plots",
                "Prediction and experiment, diffusion, loss, gradient, sensitivities, structure. "
                "Right-click a plot to copy or export it.",
                lambda: self._tabs,
            ),
            Stop(
                "What the engine does",
                "Ctrl+K finds any action or setting, F1 explains what is on the screen.",
                dock("Log"),
            ),
        ]

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
