"""Prediction against experiment, target by target or all at once."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.background import in_background
from dmdstudio.app.comparison import Comparison, RawCurves, comparisons
from dmdstudio.app.measured import Arrays, Corrections, Stamp, comparable, stamp_of
from dmdstudio.app.session import Session
from dmdstudio.app.state import is_scalar
from dmdstudio.app.views.elided_label import ElidedLabel
from dmdstudio.app.views.figures_row import Figures
from dmdstudio.app.views.labels import quiet, wrong
from dmdstudio.app.views.overlays import draw_other_targets
from dmdstudio.app.views.overview import Overview
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.views.region_editor import RegionEditor
from dmdstudio.app.views.target_drawing import (
    draw_curve,
    draw_number,
    draw_residual_of_curve,
    draw_residual_of_number,
    number_words,
    report_in,
)
from dmdstudio.app.words import (
    difference,
    number_with_error,
    titles,
    weights_words,
    with_unit,
)
from dmdstudio.base.errors import DmdError
from dmdstudio.plan.events import TargetReport
from dmdstudio.plan.reading import ReadingPlan
from dmdstudio.plan.structure import Measurement

Source = tuple[Stamp, ReadingPlan, Corrections]
"""A data file, and how the recipe has it read."""


class ComparePanel(Panel):
    """One target with its numbers, its curves and what is left of them; or all of them, small.

    Data files are read as soon as the recipe names them, so that a measurement is seen before
    anything runs. Regions that count more or less than the rest are drawn, and can be dragged.

    Signals:
        data_wanted: the number of a target whose data are to be looked at.
    """

    data_wanted = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._measured: dict[Source, Measurement | DmdError | None] = {}
        self._arrays = Arrays()
        self._raw = RawCurves()
        self._drawn: tuple[str, bool] | None = None
        self._shared = False
        self._chosen: Comparison | None = None
        self.chooser = QComboBox()
        self.chooser.setAccessibleName("Target")
        self.chooser.currentIndexChanged.connect(lambda _: self._draw_now())
        self._heading = ElidedLabel()
        self._heading.setObjectName("figure")
        self.data = QPushButton("Data…")
        self.data.setToolTip("How the experiment's file is read, and corrections of it")
        self.data.clicked.connect(self.show_data)
        self.add_region = QPushButton("Add region…")
        self.add_region.setObjectName("add")
        self.add_region.setToolTip(
            "Mark a part of the experiment that does not count, or counts more or less; drag its "
            "ends or type the numbers"
        )
        self.figures = Figures(("Latest", "Experiment", "Difference", "Best"))
        self.plot = Plot("Prediction and experiment", "")
        self.regions = RegionEditor(session, self.plot)
        self.regions.changed.connect(self._ask)
        self.plot.setMinimumHeight(150)  # before that, rows of regions give way
        self.plot.menu.extra = lambda menu: self.regions.add_to_menu(
            menu, self.plot.place_below(QCursor.pos())
        )
        menu = QMenu(self.add_region)
        menu.addAction("Leave a region out", lambda: self.regions.add(0.0))
        menu.addAction("Weigh a region more or less", lambda: self.regions.add(2.0))
        menu.addAction("Draw across the plot", self.regions.draw)
        self.add_region.setMenu(menu)
        self.residual = Plot("Prediction minus experiment", "")
        self.residual.setMinimumHeight(100)
        self.residual.hide()
        self.plot.curve_switched.connect(self._switch_residual)
        self._source = quiet(wraps=True)
        self._wrong = wrong()
        self.overview = Overview()
        self.overview.chosen.connect(self._choose)
        self.pages = QStackedWidget()
        self.pages.addWidget(self._page())
        self.pages.addWidget(self.overview)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(12)
        layout.addLayout(self._top())
        layout.addWidget(self.pages, 1)

    def _top(self) -> QHBoxLayout:
        self.views = QButtonGroup(self)
        top = QHBoxLayout()
        top.setSpacing(10)
        top.addWidget(self.chooser)
        top.addWidget(self._heading, 1)
        top.addWidget(self.data)
        top.addWidget(self.add_region)
        self._switch = QWidget()
        segments = QHBoxLayout(self._switch)
        segments.setContentsMargins(0, 0, 0, 0)
        segments.setSpacing(0)
        for number, (words, tip) in enumerate(
            (("One", "Show one target"), ("All", "Show all targets side by side"))
        ):
            button = QPushButton(words)
            button.setObjectName("segment")
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            self.views.addButton(button, number)
            segments.addWidget(button)
        self.views.button(0).setChecked(True)
        self.views.idToggled.connect(lambda _, on: self._draw_now() if on else None)
        top.addWidget(self._switch)
        return top

    def _page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(4)
        splitter.addWidget(self.plot)
        splitter.addWidget(self.residual)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([420, 150])
        column.addWidget(self.figures)
        column.addWidget(splitter, 1)
        column.addWidget(self.regions)
        column.addWidget(self._wrong)
        column.addWidget(self._source)
        return page

    def run_plots(self) -> list[Plot]:
        """Return all plots: a measurement that was drawn is drawn again."""
        self._drawn = None
        return super().run_plots()

    # -- drawing

    def draw(self) -> Iterator[None]:
        """Show the chosen target, or all."""
        session = self.session
        found = comparisons(
            session.recipe,
            session.ran or session.recipe,
            session.view,
            session.catalog,
            self._read_measurements(),
            self._raw,
        )
        self._offer([comparison.report for comparison in found])
        several = len(found) > 1
        self._switch.setVisible(several)
        if several and self.views.checkedId() == 1:
            self._show_page(1)
            yield from self.overview.draw(session, found, self._arrays, self.why_empty)
            return
        self._show_page(0)
        self.chooser.setVisible(several)
        chosen = (c for c in found if c.report.name == self.chooser.currentData())
        self._show(next(chosen, None))

    def _show_page(self, page: int) -> None:
        self.pages.setCurrentIndex(page)
        if page == 1:
            self._heading.setText("All targets")
            self.add_region.hide()
            self.data.hide()
            self.chooser.hide()

    def _show(self, comparison: Comparison | None) -> None:
        self._chosen = comparison
        self.figures.setVisible(comparison is not None)
        self._wrong.setText(self._what_is_wrong())
        self._wrong.setVisible(bool(self._wrong.text()))
        self.add_region.setVisible(self._can_have_regions())
        self.data.setVisible(self.data_target is not None)
        if comparison is None or is_scalar(comparison.report):
            self.regions.show_target(None, free=False)
        if comparison is None:
            self._source.clear()
            self._heading.clear()
            self.residual.hide()
            self.plot.set_empty(self.why_empty("The comparison with the experiment"))
            return
        target = comparison.report
        kind = (target.name, is_scalar(target))
        if kind != self._drawn:
            self.plot.clear()
            self.residual.clear()
            self._drawn = kind
        self._source.setText(f"Experiment: {target.source}" if target.source else "")
        self._source.setVisible(bool(target.source))
        self._show_figures(target)
        if is_scalar(target):
            empty = self.why_empty(target.label)
            drawn = draw_number(self.plot, self.session, target, empty)
            left = drawn and draw_residual_of_number(self.residual, self.session.view, target)
        else:
            drawn, left = self._draw_curve(comparison)
        if drawn:
            draw_other_targets(self.plot, self.session, target)
        self._show_residual(drawn and left)

    def _draw_curve(self, comparison: Comparison) -> tuple[bool, bool]:
        target, view, gaps = comparison.report, self.session.view, comparison.gaps
        drawn = draw_curve(self.plot, view, target, gaps, self._arrays)
        if comparison.raw is not None:
            words = "Corrected" if comparison.is_corrected else "As measured"
            self.plot.line(
                "raw", comparison.raw.axis, comparison.raw.value, "series 4",
                label=words, width=1.0, in_range=not drawn,
            )  # fmt: skip
            drawn = True
        else:
            self.plot.remove("raw")
        if not drawn:
            self.regions.show_target(None, free=False)
            self.plot.set_empty(self.why_empty(target.label))
            return False, False
        self.regions.show_target(comparison, self._can_have_regions())
        return True, draw_residual_of_curve(self.residual, view, target, gaps, self._arrays)

    def _show_residual(self, shown: bool) -> None:
        self.residual.setVisible(shown)
        if shown and not self._shared:
            self._shared = True
            self.plot.share_bottom(self.residual)
            self.residual.hide_legend()
        if self.plot.is_prepared:
            self.plot.show_bottom_axis(not shown)

    def _switch_residual(self, name: str) -> None:
        hidden = name in self.plot.contents.hidden
        if hidden != (name in self.residual.contents.hidden):
            self.residual.switch(name)

    def _offer(self, targets: list[TargetReport]) -> None:
        names = [target.name for target in targets]
        if [self.chooser.itemData(i) for i in range(self.chooser.count())] != names:
            before = self.chooser.currentData()
            self.chooser.blockSignals(True)
            self.chooser.clear()
            for title, target in zip(titles(targets), targets, strict=True):
                self.chooser.addItem(title, target.name)
            self.chooser.setCurrentIndex(max(0, self.chooser.findData(before)))
            self.chooser.blockSignals(False)

    def _choose(self, name: str) -> None:
        """Show one target of the overview."""
        self.chooser.blockSignals(True)
        self.chooser.setCurrentIndex(max(0, self.chooser.findData(name)))
        self.chooser.blockSignals(False)
        self.views.button(0).setChecked(True)

    def _show_figures(self, target: TargetReport) -> None:
        view = self.session.view
        scalar = is_scalar(target)
        latest = number_words(target) if scalar else _loss_words(target)
        best = report_in(view.best, target.name)
        best_number = ""
        if best is not None:
            best_number = number_words(best) if scalar else _loss_words(best)
        experiment = ""
        if target.experiment:
            error = target.experiment_error[0] if target.experiment_error else 0.0
            points = f"{len(target.experiment)} points{weights_words(target)}"
            experiment = number_with_error(target.experiment[0], error, "") if scalar else points
        self.figures.set("Latest", latest)
        self.figures.set("Experiment", experiment)
        self.figures.set("Difference", difference(target) or self._share_of(target))
        where = f"  (iteration {view.best.iteration})" if view.best and best_number else ""
        self.figures.set("Best", best_number + where)
        label = "" if self.chooser.count() > 1 else target.label  # which the chooser says then
        self._heading.setText(with_unit(label, target.unit).strip() if scalar else label)

    def _share_of(self, target: TargetReport) -> str:
        """Return the weighted root mean square difference of a curve over the experiment's."""
        if not target.value or len(target.experiment) != len(target.value):
            return ""
        value, experiment = self._arrays(target.value), self._arrays(target.experiment)
        weight = self._arrays(target.point_weight) if target.point_weight else None
        size = float(np.sqrt(np.average(experiment**2, weights=weight)))
        away = float(np.sqrt(np.average((value - experiment) ** 2, weights=weight)))
        return f"{100.0 * away / size:.1f}\u00a0% rms" if size > 0.0 else ""

    # -- the measurements

    def _read_measurements(self) -> dict[str, Measurement]:
        """Return what the data files hold, by target; what is not read yet is being read."""
        recipe, found = self.session.recipe, {}
        self._problems: list[str] = []
        wanted: set[Source] = set()
        for plan in recipe.target if recipe is not None else ():
            stamp = stamp_of(recipe.path(plan.data)) if recipe and plan.data else None
            if stamp is None:
                continue
            source = stamp, plan.reading, plan.corrections
            wanted.add(source)
            if source not in self._measured:
                self._measured[source] = None
                in_background(
                    self,
                    functools.partial(comparable, *source),
                    functools.partial(self._take, source),
                    functools.partial(self._take, source),
                )
            held = self._measured[source]
            if isinstance(held, DmdError):
                self._problems.append(held.message)
            elif held is not None:
                found[plan.key] = held
        self._measured = {s: held for s, held in self._measured.items() if s in wanted}
        return found

    def _take(self, source: Source, read: Measurement | DmdError) -> None:
        if source in self._measured:
            self._measured[source] = read
            self._ask()

    @property
    def data_target(self) -> int | None:
        """The number of the target that is shown, None where it has no data or they stand still."""
        chosen = self._chosen
        if chosen is None or chosen.plan is None or self.session.view.running:
            return None
        return chosen.index if chosen.plan.data else None

    def show_data(self) -> None:
        """Ask for the dialog about the data of the target that is shown."""
        if self.data_target is not None:
            self.data_wanted.emit(self.data_target)

    # -- regions

    def _can_have_regions(self) -> bool:
        chosen, view = self._chosen, self.session.view
        return (
            chosen is not None
            and chosen.index is not None
            and bool(chosen.report.axis)
            and not view.running
            and not (chosen.plan and chosen.plan.regions and not chosen.regions)  # not understood
        )

    def _what_is_wrong(self) -> str:
        problem = self._chosen.problem if self._chosen is not None else ""
        return "  ".join([*filter(None, [problem]), *self._problems])


def _loss_words(report: TargetReport) -> str:
    return f"loss {report.loss:.4g}" if report.value else ""
