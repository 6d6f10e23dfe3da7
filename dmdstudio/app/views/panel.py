"""What the plot panels share: they draw only while they are seen."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from dmdstudio import __version__
from dmdstudio.app.plot_contents import Provenance
from dmdstudio.app.session import Session
from dmdstudio.app.views.image_plot import ImagePlot
from dmdstudio.app.views.plot import Plot
from dmdstudio.plan.events import Started


class Panel(QWidget):
    """A tab of the centre; a subclass draws the run in `draw`."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.session = session
        self._due = True
        self._started: Started | None = None
        self._rest: Iterator[None] | None = None
        self._turn = QTimer(self, singleShot=True, interval=0)
        self._turn.timeout.connect(self._go_on)
        session.run_changed.connect(self._ask)
        session.recipe_changed.connect(self._ask)

    def draw(self) -> Iterator[None] | None:
        """Show the session as it is now.

        A panel of several plots yields after each, and the window goes on in between.
        """
        raise NotImplementedError

    def _ask(self) -> None:
        if self.isVisible() and not self._turn.isActive():
            self._draw_now()
        else:
            self._due = True

    def _draw_now(self) -> None:
        self._due = False
        for plot in (*self.findChildren(Plot), *self.findChildren(ImagePlot)):
            plot.provenance = self.provenance
        started = self.session.view.started
        if started is not self._started:  # another run: nothing of the last one may stay
            self._started = started
            for plot in self.run_plots():
                plot.clear()
        self._rest = self.draw()
        self._go_on()

    def _go_on(self) -> None:
        goes_on = self._rest is not None and next(self._rest, self) is not self
        for plot in self.findChildren(Plot):
            plot.settle()
        if goes_on:
            self._turn.start()
        elif self._due and self.isVisible():  # asked again meanwhile: first things first
            self._draw_now()

    def run_plots(self) -> list[Plot]:
        """Return the plots that show the run."""
        return self.findChildren(Plot)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Catch up with what happened while hidden."""
        super().showEvent(event)
        if self._due:
            self._draw_now()

    def provenance(self) -> Provenance:
        """Return where the numbers that are shown come from."""
        recipe, view = self.session.recipe, self.session.view
        return Provenance(
            title=recipe.title if recipe is not None else "",
            run=view.started.run_dir if view.started is not None else "",
            iteration=view.latest.iteration if view.latest is not None else None,
            version=__version__,
        )

    def why_empty(self, what: str) -> str:
        """Return why there is nothing to draw, and what to do about it."""
        session = self.session
        if session.recipe is None:
            return f"{what} appears here.\nDrop a structure, a recipe or a run to begin."
        if session.view.running:
            return f"{what} appears after the first iteration."
        if session.view.failed is not None:
            return f"The run ended before its first iteration, so there is no {what.lower()}."
        if not session.recipe.potential or not session.recipe.target:
            words = "The steps on the left say what is missing."
        else:
            words = "Press Run to begin."
        return f"{what} appears here once the refinement runs.\n{words}"
