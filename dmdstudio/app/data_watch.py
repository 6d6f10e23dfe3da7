"""Says what is wrong with the measured data that the recipe names, before a run would find out."""

from __future__ import annotations

import functools

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication

from dmdstudio.app.background import in_background
from dmdstudio.app.comparison import RawCurves, comparisons
from dmdstudio.app.measured import comparable, stamp_of
from dmdstudio.app.session import Session
from dmdstudio.app.state import RunView
from dmdstudio.base.errors import DmdError
from dmdstudio.plan.catalog import Catalog
from dmdstudio.plan.recipe import Recipe
from dmdstudio.plan.structure import Measurement

_PAUSE_MILLISECONDS = 300
"""Edits in a row are looked at once; what is dropped is drawn first."""


class DataWatch(QObject):
    """Reads the data files again whenever the recipe names or reads them otherwise.

    And when the user comes back to the window: they may have mended a file elsewhere.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._known: object = ()
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self._look)
        session.recipe_changed.connect(self._pause.start)
        session.catalog_changed.connect(self._pause.start)
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.applicationStateChanged.connect(self._look_soon)

    def _look_soon(self, _: Qt.ApplicationState) -> None:
        self._pause.start()

    def _look(self) -> None:
        session = self._session
        recipe, catalog = session.recipe, session.catalog
        key = () if recipe is None else (_key(recipe), catalog)
        if key == self._known:
            return
        self._known = key
        if recipe is None:
            session.show_data_problem("")
            return
        show = functools.partial(self._show, key)
        work = functools.partial(data_problem, recipe, catalog)
        in_background(self, work, show, lambda error: show(str(error)))

    def _show(self, key: object, problem: str) -> None:
        if key == self._known:  # the answer to an older question is of no use
            self._session.show_data_problem(problem)


def _key(recipe: Recipe) -> object:
    return tuple(
        (stamp_of(recipe.path(plan.data)), plan.observable, plan.reading, plan.corrections,
         plan.regions)
        for plan in recipe.target
        if plan.data
    )  # fmt: skip


def data_problem(recipe: Recipe, catalog: Catalog) -> str:
    """Return what is wrong with the first target whose data cannot be compared, '' for nothing."""
    from dmdstudio.files.spectra import observable_of

    found: dict[str, Measurement] = {}
    for plan in recipe.target:
        stamp = stamp_of(recipe.path(plan.data)) if plan.data else None
        if stamp is None:  # a file that is missing is told of elsewhere
            continue
        try:
            measured = comparable(stamp, plan.reading, plan.corrections)
        except DmdError as error:
            return error.message
        if observable_of(measured.quantity) != plan.observable:
            return f"{stamp[0].name} holds {measured.quantity!r}, not {plan.observable!r}"
        found[plan.key] = measured
    seen = comparisons(recipe, None, RunView(), catalog, found, RawCurves())
    return next((comparison.problem for comparison in seen if comparison.problem), "")
