"""What a diagnosis found: growth of the adjoint, gradient against horizon, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.words import growth_words, number_with_error, setting_words, short_key
from dmdstudio.plan.events import Diagnosed, HorizonRow

ENOUGH = 3.0
"""The signal-to-noise ratio from which on a gradient can be believed."""


class DiagnosisPage(QWidget):
    """Three plots, and beside the third what follows from them.

    Signals:
        wanted: settings by their full names that the user wants to take over.
    """

    wanted = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.growth = Plot("Growth of the adjoint against lag", "")
        self.ratio = Plot("Signal-to-noise ratio against horizon", "")
        self.gradient = Plot("Gradient against horizon", "")
        self.chooser = QComboBox()
        self.chooser.setAccessibleName("Parameter whose gradient is shown")
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.chooser.currentIndexChanged.connect(self._draw_gradient)
        self.advice = AdviceList()
        self.advice.wanted.connect(self.wanted)
        label = quiet("Gradient by")
        label.setBuddy(self.chooser)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(label)
        row.addWidget(self.chooser)
        row.addStretch(1)
        chosen = QVBoxLayout()
        chosen.setSpacing(2)
        chosen.addLayout(row)
        chosen.addWidget(self.gradient, 1)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(10)
        grid.addWidget(self.growth, 0, 0)
        grid.addWidget(self.ratio, 0, 1)
        grid.addLayout(chosen, 1, 0)
        grid.addWidget(self.advice, 1, 1)
        for place in (0, 1):
            grid.setRowStretch(place, 1)
            grid.setColumnStretch(place, 1)
        self._found: Diagnosed | None = None

    def show_diagnosis(self, found: Diagnosed, settings: Mapping[str, Any], locked: bool) -> None:
        """Show a diagnosis.

        Args:
            found: what is shown.
            settings: of the recipe under edit, by their full names; what they hold already needs
                no button.
            locked: whether settings cannot be taken over now.
        """
        if found is not self._found:
            self._found = found
            for plot in (self.growth, self.ratio, self.gradient):
                plot.clear()
            self._draw_growth(found)
            self._draw_ratio(found)
            self._offer(found)
        self.advice.show_advice(found, settings, locked)

    def _draw_growth(self, found: Diagnosed) -> None:
        plot = self.growth
        plot.set_log(True)
        plot.set_labels("Lag", "Adjoint norm / first", "ps")
        lag = np.asarray(found.lag)
        plot.band("quartiles", lag, found.growth_low, found.growth_high, "accent")
        plot.line("growth", lag, found.growth, "accent", label="Measured")
        if found.rate > 0.0 and len(lag) > 1:
            fitted = np.exp(found.rate * (lag - lag[-1])) * found.growth[-1]
            shown = fitted > 0.3 * min(found.growth)
            label = f"e-fold every {1.0 / found.rate:.2g} ps"
            plot.line(
                "fit", lag[shown], fitted[shown], "series 1", label=label, dash=True, width=1.5
            )
        plot.setAccessibleDescription(growth_words(found.rate))

    def _draw_ratio(self, found: Diagnosed) -> None:
        plot, rows = self.ratio, found.rows
        plot.set_log(True, bottom=True)
        plot.set_labels("Horizon", "Signal-to-noise", "ps")
        horizons = [row.horizon for row in rows]
        ratios = [row.signal_to_noise for row in rows]
        plot.level("enough", horizons, ENOUGH, 0.0, "quiet", f"{ENOUGH:g}: enough", beyond=0.0)
        plot.line("ratio", horizons, ratios, "accent", points=True, width=1.4)
        plot.mark("chosen", found.chosen, "good", "Chosen")
        plot.setAccessibleDescription(
            f"Signal-to-noise ratio from {ratios[0]:.2g} at {horizons[0]:.3g} ps to "
            f"{ratios[-1]:.2g} at {horizons[-1]:.3g} ps; chosen {found.chosen:.3g} ps"
        )

    def _offer(self, found: Diagnosed) -> None:
        keys, before = list(found.units), self.chooser.currentData()
        self.chooser.blockSignals(True)
        self.chooser.clear()
        for key in keys:
            self.chooser.addItem(short_key(key), key)
        self.chooser.setCurrentIndex(keys.index(before) if before in keys else 0)
        self.chooser.blockSignals(False)
        self._draw_gradient()

    def _draw_gradient(self) -> None:
        found, key = self._found, self.chooser.currentData()
        if found is None or key is None:
            return
        plot, rows, unit = self.gradient, found.rows, found.units[key]
        plot.clear()
        plot.set_log(False, bottom=True)
        plot.set_labels("Horizon", "Gradient", "ps", f"1/{unit}" if unit else "")
        horizons = [row.horizon for row in rows]
        values = [row.gradients[key] for row in rows]
        errors = [row.errors[key] for row in rows]
        plot.errors("error", horizons, values, errors, "accent", of="value")
        low, high = believable_range(rows, key, max(found.reference, found.chosen))
        words = _off_scale([row for row in rows if not low < row.gradients[key] < high], key)
        plot.line("value", horizons, values, "accent", label=words, points=True, width=1.4)
        plot.mark("chosen", found.chosen, "good", "Chosen")
        if found.chosen < found.reference < horizons[-1]:
            plot.mark("reference", found.reference, "attention", "Noise beyond")
        plot.set_range(low, high)
        plot.setAccessibleDescription(
            f"Gradient by {short_key(key)} at {len(rows)} horizons; chosen {found.chosen:.3g} ps"
        )


def _off_scale(rows: list[HorizonRow], key: str) -> str:
    if not rows:
        return ""
    last = rows[-1]
    number = number_with_error(last.gradients[key], last.errors[key], "")
    return f"{number} at {last.horizon:.3g} ps, off the scale"


def believable_range(rows: tuple[HorizonRow, ...], key: str, longest: float) -> tuple[float, float]:
    """Return the part of the axis that holds the gradients up to a horizon, errors included.

    Those at longer horizons are noise, often a thousand times larger.
    """
    ends = [
        row.gradients[key] + sign * row.errors[key]
        for row in rows
        if row.horizon <= longest * 1.001
        for sign in (-1.0, 1.0)
    ]
    low, high = min(ends), max(ends)
    room = 0.35 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


class AdviceList(QScrollArea):
    """The chosen horizon, why, and what to change, each setting with a button.

    Signals:
        wanted: settings by their full names.
    """

    wanted = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("advice")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("What the diagnosis advises")
        self._shown: object = None

    def show_advice(self, found: Diagnosed, settings: Mapping[str, Any], locked: bool) -> None:
        """Write the advice anew where it or the settings have changed."""
        state = (id(found), dict(settings), locked)
        if state == self._shown:
            return
        self._shown = state
        page = QWidget()
        page.setObjectName("plain")
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 10, 10, 8)
        column.setSpacing(8)
        words, _, reason = found.reason.partition(":" if ": " in found.reason else ",")
        heading = QLabel(f"Horizon {words}")
        heading.setObjectName("figure")
        apply = self._button("Apply horizon", horizon_settings(found), settings, locked)
        apply.setObjectName("primary")
        top = QHBoxLayout()
        top.addWidget(heading, 1)
        top.addWidget(apply)
        column.addLayout(top)
        column.addWidget(_sentence(_capital(reason.strip())))
        for advice in found.advice:
            row = QHBoxLayout()
            row.setSpacing(10)
            row.addWidget(_sentence(setting_words(advice.text)), 1)
            if advice.changes and "gradient.horizon" not in advice.changes:
                button = self._button("Apply", advice.changes, settings, locked)
                row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
            column.addLayout(row)
        facts = _sentence(_facts(found))
        facts.setObjectName("quiet")
        column.addWidget(facts)
        column.addStretch(1)
        self.setWidget(page)

    def _button(
        self, words: str, changes: Mapping[str, Any], settings: Mapping[str, Any], locked: bool
    ) -> QPushButton:
        done = all(settings.get(name) == value for name, value in changes.items())
        button = QPushButton("Applied" if done else words)
        listed = ", ".join(f"{name} = {value}" for name, value in changes.items())
        button.setAccessibleName(f"{words}: {listed}")
        button.setToolTip("The run must end first." if locked else f"Sets {listed}; can be undone")
        button.setEnabled(not done and not locked)
        button.clicked.connect(lambda: self.wanted.emit(dict(changes)))
        return button


def horizon_settings(found: Diagnosed) -> dict[str, Any]:
    """Return the settings that cut the adjoint at the chosen horizon, or nowhere."""
    method = {"gradient.method": "reversible_adjoint"}
    if found.chosen >= found.length:
        return {**method, "gradient.truncation": "none"}
    horizon = float(f"{found.chosen:.3g}")
    return {**method, "gradient.truncation": "window", "gradient.horizon": horizon}


def _facts(found: Diagnosed) -> str:
    if found.reversal_residual is None:
        reversal = "nothing was reversed"
    elif found.reversal_residual == 0:
        reversal = "the reversal returned to the very same bits"
    else:
        reversal = f"the reversal missed by {found.reversal_residual:g} lattice units"
    pieces = (
        f"{found.segments} x {found.length:.3g}" if found.segments > 1 else f"{found.length:.3g}"
    )
    return (
        f"{_capital(reversal)}; energy drift {found.energy_drift:.1e} "
        f"eV per atom and ps; {found.temperature:.4g} K. "
        f"{found.replicas} replicas, {pieces} ps, {found.precision}."
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _sentence(words: str) -> QLabel:
    label = QLabel(words)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
