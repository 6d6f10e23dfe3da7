"""Prediction against experiment, target by target or all at once."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.background import in_background
from dmdstudio.app.comparison import Comparison, RawCurves, comparisons, left_out_of
from dmdstudio.app.left_out import ranges_text, widest_gap
from dmdstudio.app.measured import Arrays, Stamp, comparable, stamp_of
from dmdstudio.app.session import Session
from dmdstudio.app.state import is_scalar
from dmdstudio.app.views.figures_row import Figures
from dmdstudio.app.views.overlays import draw_other_targets
from dmdstudio.app.views.overview import Overview
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.views.target_drawing import (
    draw_curve,
    draw_number,
    draw_residual_of_curve,
    draw_residual_of_number,
    number_words,
    report_in,
)
from dmdstudio.app.words import difference, number_with_error, titles, with_unit
from dmdstudio.base.errors import DmdError
from dmdstudio.base.units import pretty
from dmdstudio.plan.events import TargetReport
from dmdstudio.plan.structure import Measurement


class ComparePanel(Panel):
    """One target with its numbers, its curves and what is left of them; or all of them, small.

    Data files are read as soon as the recipe names them, so that a measurement is seen before
    anything runs. Ranges that do not count are drawn, and can be dragged.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._measured: dict[Stamp, Measurement | DmdError | None] = {}
        self._arrays = Arrays()
        self._raw = RawCurves()
        self._drawn: tuple[str, bool] | None = None
        self._shared = False
        self._chosen: Comparison | None = None
        self.chooser = QComboBox()
        self.chooser.setAccessibleName("Target")
        self.chooser.currentIndexChanged.connect(lambda _: self._draw_now())
        self._heading = QLabel()
        self._heading.setObjectName("figure")
        self.leave_out = QPushButton("Leave out a range")
        self.leave_out.setToolTip(
            "Mark a range of the experiment that does not count; drag its ends, or edit "
            "Leave out in the settings"
        )
        self.leave_out.clicked.connect(lambda: self._add_range(None))
        self.figures = Figures(("Latest", "Experiment", "Difference", "Best"))
        self.plot = Plot("Prediction and experiment", "")
        self.plot.menu.extra = self._add_to_menu
        self.residual = Plot("Prediction minus experiment", "")
        self.residual.setMinimumHeight(96)
        self.residual.hide()
        self.plot.curve_switched.connect(self._switch_residual)
        self._source = QLabel()
        self._source.setObjectName("quiet")
        self._source.setWordWrap(True)
        self._wrong = QLabel()
        self._wrong.setObjectName("wrong")
        self._wrong.setWordWrap(True)
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
        top.setSpacing(0)
        top.addWidget(self._heading, 1)
        top.addWidget(self.leave_out)
        top.addSpacing(12)
        for number, (words, tip) in enumerate(
            (("One", "Show one target"), ("All", "Show all targets side by side"))
        ):
            button = QPushButton(words)
            button.setObjectName("segment")
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            self.views.addButton(button, number)
            top.addWidget(button)
        self.views.button(0).setChecked(True)
        self.views.idToggled.connect(lambda _, on: self._draw_now() if on else None)
        top.addSpacing(12)
        top.addWidget(self.chooser)
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
        for button in self.views.buttons():
            button.setVisible(several)
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
            self.leave_out.hide()
            self.chooser.hide()

    def _show(self, comparison: Comparison | None) -> None:
        self._chosen = comparison
        self.figures.setVisible(comparison is not None)
        self._wrong.setText(self._what_is_wrong())
        self._wrong.setVisible(bool(self._wrong.text()))
        self.leave_out.setVisible(self._can_leave_out())
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
            self.plot.line(
                "raw", comparison.raw.axis, comparison.raw.value, "series 4",
                label="As measured", width=1.0, in_range=not drawn,
            )  # fmt: skip
            drawn = True
        else:
            self.plot.remove("raw")
        if not drawn:
            self.plot.set_empty(self.why_empty(target.label))
            return False, False
        self._draw_left_out(comparison)
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
            points = f"{len(target.experiment)} points"
            experiment = number_with_error(target.experiment[0], error, "") if scalar else points
        self.figures.set("Latest", latest)
        self.figures.set("Experiment", experiment)
        self.figures.set("Difference", difference(target) or self._share_of(target))
        where = f"  (iteration {view.best.iteration})" if view.best and best_number else ""
        self.figures.set("Best", best_number + where)
        self._heading.setText(with_unit(target.label, target.unit) if scalar else target.label)

    def _share_of(self, target: TargetReport) -> str:
        """Return the root mean square difference of a curve over that of the experiment."""
        if not target.value or len(target.experiment) != len(target.value):
            return ""
        value, experiment = self._arrays(target.value), self._arrays(target.experiment)
        size = float(np.sqrt(np.mean(experiment**2)))
        away = float(np.sqrt(np.mean((value - experiment) ** 2)))
        return f"{100.0 * away / size:.1f}\u00a0% rms" if size > 0.0 else ""

    # -- the measurements

    def _read_measurements(self) -> dict[str, Measurement]:
        """Return what the data files hold, by target; what is not read yet is being read."""
        recipe, found = self.session.recipe, {}
        self._problems: list[str] = []
        wanted: set[Stamp] = set()
        for plan in recipe.target if recipe is not None else ():
            stamp = stamp_of(recipe.path(plan.data)) if recipe and plan.data else None
            if stamp is None:
                continue
            wanted.add(stamp)
            if stamp not in self._measured:
                self._measured[stamp] = None
                in_background(
                    self,
                    functools.partial(comparable, stamp),
                    functools.partial(self._take, stamp),
                    functools.partial(self._take, stamp),
                )
            held = self._measured[stamp]
            if isinstance(held, DmdError):
                self._problems.append(held.message)
            elif held is not None:
                found[plan.key] = held
        self._measured = {s: held for s, held in self._measured.items() if s in wanted}
        return found

    def _take(self, stamp: Stamp, read: Measurement | DmdError) -> None:
        if stamp in self._measured:
            self._measured[stamp] = read
            self._ask()

    # -- ranges that do not count

    def _can_leave_out(self) -> bool:
        chosen, view = self._chosen, self.session.view
        return (
            chosen is not None
            and chosen.index is not None
            and bool(chosen.report.axis)
            and not view.running
        )

    def _what_is_wrong(self) -> str:
        chosen = self._chosen
        if chosen is not None and chosen.plan is not None:
            try:
                chosen.plan.left_out  # noqa: B018
            except DmdError as error:
                return str(error)
        return "  ".join(self._problems)

    def _draw_left_out(self, comparison: Comparison) -> None:
        ranges = () if comparison.plan is None else left_out_of(comparison.plan)
        free = self._can_leave_out()
        for number, (low, high) in enumerate(ranges):
            self.plot.region(
                f"left out {number}", low, high, "attention", "Left out", ends=(free, free),
                dragged=functools.partial(self._drag, number),
            )  # fmt: skip
        for name in list(self.plot.contents.spans):
            if int(name.rpartition(" ")[2]) >= len(ranges):
                self.plot.remove_region(name)

    def _drag(self, number: int, low: float, high: float) -> None:
        ranges = list(self._ranges())
        if number < len(ranges):
            ranges[number] = (low, high)
            self._change(ranges)

    def _ranges(self) -> list[tuple[float, float]]:
        chosen = self._chosen
        return [] if chosen is None or chosen.plan is None else list(left_out_of(chosen.plan))

    def _add_range(self, middle: float | None) -> None:
        """Leave out a tenth of what is shown, around a place or where there is most room."""
        if not self._can_leave_out():
            return
        left, right = self.plot.view_range()[0]
        half = 0.05 * (right - left)
        coordinates = self.plot.contents.coordinates
        if middle is None:
            taken = [sorted(coordinates.to_view(x) for x in ends) for ends in self._ranges()]
            gap = widest_gap([(low, high) for low, high in taken], left, right)
            middle, half = 0.5 * sum(gap), min(half, 0.25 * (gap[1] - gap[0]))
        ends = sorted(coordinates.from_view(x) for x in (middle - half, middle + half))
        self._change([*self._ranges(), (ends[0], ends[1])])

    def _change(self, ranges: list[tuple[float, float]]) -> None:
        chosen = self._chosen
        if chosen is None or chosen.index is None:
            return
        coordinates = self.plot.contents.coordinates
        left, right = sorted(coordinates.from_view(x) for x in self.plot.view_range()[0])
        resolution = (right - left) / 1000.0  # about a pixel
        text = ranges_text(ranges, resolution if np.isfinite(resolution) else 0.0)
        self.session.change(("target", chosen.index, "leave_out"), text or None, merges=False)
        self._ask()

    def _add_to_menu(self, menu: QMenu) -> None:
        if not self._can_leave_out() or self._chosen is None:
            return
        place = self.plot.place_below(QCursor.pos())
        menu.addAction("Leave out a range here", lambda: self._add_range(place))
        unit = pretty(self._chosen.report.axis_unit)
        ranges = self._ranges()
        for number, (low, high) in enumerate(ranges):
            rest = [r for i, r in enumerate(ranges) if i != number]
            words = f"Count {low:g} to {high:g} {unit} again"
            menu.addAction(words, functools.partial(self._change, rest))


def _loss_words(report: TargetReport) -> str:
    return f"loss {report.loss:.4g}" if report.value else ""
