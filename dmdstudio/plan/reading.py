"""What a recipe says of a data file that the file does not say itself, or says wrongly."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from dmdstudio.plan.catalog import setting


class ReadingPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a data file is read; what is empty is what the file says."""

    block: Annotated[
        str,
        setting("Spectrum", "Which of several spectra or columns of the file, by its name there."),
    ] = ""
    quantity: Annotated[
        str, setting("Quantity", "What was measured, such as absorbance or transmittance.")
    ] = ""
    axis_unit: Annotated[str, setting("Axis unit", "The unit of the axis, such as 1/cm.")] = ""
    value_unit: Annotated[
        str, setting("Unit", "The unit of the values, such as %; 1 for plain numbers.")
    ] = ""

    @property
    def answers(self) -> dict[str, str]:
        """What it says, without the choice of a spectrum."""
        said = {
            "quantity": self.quantity,
            "axis_unit": self.axis_unit,
            "value_unit": self.value_unit,
        }
        return {key: value for key, value in said.items() if value}
