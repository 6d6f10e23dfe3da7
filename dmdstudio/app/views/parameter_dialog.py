"""All settings of one number of the potential; every edit counts at once and can be undone."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from dmdstudio.app.forms import Form
from dmdstudio.app.session import Place, Session
from dmdstudio.plan.catalog import fields_of
from dmdstudio.plan.recipe import ParameterPlan
from dmdstudio.plan.terms import parameter_key


class ParameterDialog(QDialog):
    """A form of what the table has no columns for too: ties, steps in the logarithm, rates."""

    def __init__(self, session: Session, place: Place, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._place = session, place
        self._key = self._found()[0]
        self.setWindowTitle(self._key)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        fields = [field for field in fields_of(ParameterPlan) if field.name not in ("name", "of")]
        self.form = Form(fields)
        self.form.edited.connect(self._edit)
        self.form.mistaken.connect(lambda name, text: session.report((*place, name), text))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(14)
        layout.addWidget(self.form)
        layout.addStretch(1)
        layout.addWidget(buttons)
        self.setMinimumWidth(520)
        session.recipe_changed.connect(self._show)
        self._show()

    def _found(self) -> tuple[str, dict[str, Any]]:
        """Return the key and the settings of the parameter; nothing where it is gone."""
        section, term, _, number = self._place
        recipe = self._session.recipe
        terms = getattr(recipe, str(section)) if recipe else ()
        if int(term) >= len(terms) or int(number) >= len(terms[int(term)].parameter):
            return "", {}
        plan = terms[int(term)]
        parameter = plan.parameter[int(number)]
        values = {name: getattr(parameter, name) for name in ParameterPlan.__struct_fields__}
        return parameter_key(plan, parameter), values

    def _show(self) -> None:
        key, values = self._found()
        if key != self._key:
            self.reject()  # taken out by an undo, say
            return
        self.form.set_values(values)
        for name in self.form.fields:
            self.form.set_error(name, self._session.problems.get((*self._place, name), ""))

    def _edit(self, name: str, value: Any) -> None:
        self.form.set_error(name, self._session.change((*self._place, name), value))
