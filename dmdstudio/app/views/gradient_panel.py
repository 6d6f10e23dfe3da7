"""How good the gradient is: a diagnosis of the recipe, and what each iteration measured of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.session import Session
from dmdstudio.app.views.diagnosis_page import DiagnosisPage
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.noise_page import NoisePage
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.views.status_line import phase_words
from dmdstudio.plan.recipe import Recipe

_WHY = (
    "Trajectories are chaotic: the further back a gradient is followed, the more noise it gathers. "
    "A diagnosis measures how fast, and finds the horizon at which the gradient is best."
)


class GradientPanel(Panel):
    """Two pages: the horizon of a diagnosis, and the iterations of the run.

    Args:
        session: what is shown.
        diagnose: the action that starts a diagnosis.
        apply: takes over settings by their full names.
    """

    def __init__(
        self,
        session: Session,
        diagnose: QAction,
        apply: Callable[[Mapping[str, Any]], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(session, parent)
        self.diagnosis = DiagnosisPage()
        self.diagnosis.wanted.connect(apply)
        self.noise = NoisePage(self)
        self.invitation = Invitation(diagnose)
        self.pages = QStackedWidget()
        for page in (self.invitation, self.diagnosis, self.noise):
            self.pages.addWidget(page)
        self.choices = QButtonGroup(self)
        top = QHBoxLayout()
        top.setSpacing(0)
        for number, (words, tip) in enumerate(
            (("Horizon", "What the diagnosis found"), ("Run", "What each iteration measured"))
        ):
            button = QPushButton(words)
            button.setObjectName("segment")
            button.setCheckable(True)
            button.setToolTip(tip)
            self.choices.addButton(button, number)
            top.addWidget(button)
        self.choices.button(0).setChecked(True)
        self.choices.idToggled.connect(lambda *_: self._draw_now())
        self._state = quiet()
        self._state.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        top.addWidget(self._state, 1)
        top.addSpacing(12)
        self._again = ActionButton(diagnose)
        top.addWidget(self._again)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(self.pages, 1)
        self._seen: tuple[object, object, object] = (False, None, None)

    def run_plots(self) -> list[Plot]:
        """A diagnosis belongs to the recipe, so its plots outlive a run."""
        return self.noise.findChildren(Plot)

    def draw(self) -> None:
        """Show the page that is chosen; what is new chooses its own."""
        session, view = self.session, self.session.view
        self._follow_what_is_new()
        horizon = self.choices.checkedId() == 0
        self._again.setVisible(horizon and view.diagnosed is not None)
        self._state.setText(self._state_words() if horizon else "")
        if not horizon:
            self.noise.draw(session)
            self.pages.setCurrentWidget(self.noise)
        elif view.diagnosed is None:
            self.invitation.show_state(
                phase_words(view) if session.diagnosing else "",
                view.progress.fraction if view.progress else 0.0,
            )
            self.pages.setCurrentWidget(self.invitation)
        else:
            settings = settings_by_name(session.recipe)
            self.diagnosis.show_diagnosis(view.diagnosed, settings, view.running)
            self.pages.setCurrentWidget(self.diagnosis)

    def _follow_what_is_new(self) -> None:
        session, view = self.session, self.session.view
        now = (session.diagnosing, view.diagnosed, view.started)
        begun, diagnosed, started = (a is not b for a, b in zip(now, self._seen, strict=True))
        self._seen = now
        if (begun and session.diagnosing) or (diagnosed and view.diagnosed is not None):
            wanted = 0
        elif started and view.started is not None:
            wanted = 1
        else:
            return
        self.choices.blockSignals(True)
        self.choices.button(wanted).setChecked(True)
        self.choices.blockSignals(False)

    def _state_words(self) -> str:
        session, view = self.session, self.session.view
        if view.diagnosed is None:
            return ""
        if session.diagnosing:
            share = f" {view.progress.fraction:.0%}" if view.progress else ""
            return f"Diagnosing again…{share}"
        before, now = session.diagnosed_recipe, session.recipe
        if before is None or now is None or replace(before, gradient=now.gradient) == now:
            return ""  # a diagnosis has gradient settings of its own
        return "The recipe was edited since this diagnosis."


def settings_by_name(recipe: Recipe | None) -> dict[str, Any]:
    """Return the settings of the sections that stand alone: ``{"dynamics.steps": 2000}``."""
    if recipe is None:
        return {}
    named: dict[str, Any] = {}
    for section in ("sampling", "dynamics", "gradient", "optimizer", "refinement", "execution"):
        plan = getattr(recipe, section)
        for field in plan.__struct_fields__:
            value = getattr(plan, field)
            if field == "options":
                named |= {f"{section}.{name}": inner for name, inner in value.items()}
            else:
                named[f"{section}.{field}"] = value
    named.setdefault("gradient.truncation", "none")
    return named


class Invitation(QWidget):
    """What a diagnosis is for, and the button that starts it."""

    def __init__(self, diagnose: QAction) -> None:
        super().__init__()
        why = quiet(_WHY, wraps=True)
        why.setAlignment(Qt.AlignmentFlag.AlignCenter)
        why.setFixedWidth(420)
        self.button = ActionButton(diagnose)
        self.button.setObjectName("primary")
        self.words = QLabel()
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Progress of the diagnosis")
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(260)
        column = QVBoxLayout(self)
        column.setSpacing(16)
        column.addStretch(1)
        for widget in (why, self.button, self.words, self.progress):
            row = QHBoxLayout()
            row.addStretch(1)
            row.addWidget(widget)
            row.addStretch(1)
            column.addLayout(row)
        column.addStretch(1)

    def show_state(self, words: str, fraction: float) -> None:
        """Show how far a diagnosis is, or without words the button."""
        self.button.setVisible(not words)
        self.words.setVisible(bool(words))
        self.progress.setVisible(bool(words))
        self.words.setText(words)
        self.progress.setValue(round(1000 * fraction))


class ActionButton(QPushButton):
    """Does what an action does, while the action can be done."""

    def __init__(self, action: QAction) -> None:
        super().__init__(action.text())
        self._action = action
        self.setAccessibleName(action.text())
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setEnabled(self._action.isEnabled())
        self.setToolTip(self._action.toolTip())
