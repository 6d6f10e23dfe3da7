"""Colours: one accent, quiet greys, and a few that tell lines apart, light and dark."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """The colours of the window, as ``#rrggbb``.

    Attributes:
        series: colours of several lines in one plot, told apart by most colour-blind people too.
    """

    dark: bool
    window: str
    panel: str
    field: str
    line: str
    edge: str
    text: str
    quiet: str
    faded: str
    accent: str
    on_accent: str
    good: str
    attention: str
    bad: str
    series: tuple[str, ...]


LIGHT = Theme(
    dark=False,
    window="#f4f5f7",
    panel="#ffffff",
    field="#ffffff",
    line="#d9dce2",
    edge="#8f97a6",
    text="#1f2430",
    quiet="#5d6576",
    faded="#9aa1ae",
    accent="#2b62c9",
    on_accent="#ffffff",
    good="#2c7a4b",
    attention="#9a5b00",
    bad="#b3261e",
    series=("#2b62c9", "#c25e00", "#2c7a4b", "#a23b8c", "#00788a", "#7a6200"),
)
DARK = Theme(
    dark=True,
    window="#1b1e24",
    panel="#23272f",
    field="#1d2027",
    line="#3a404b",
    edge="#79818f",
    text="#e6e9ef",
    quiet="#a3abba",
    faded="#6f7684",
    accent="#7aa7ff",
    on_accent="#10141c",
    good="#6cc793",
    attention="#f0b35a",
    bad="#ff8a80",
    series=("#7aa7ff", "#f2a35e", "#6cc793", "#e08ccb", "#5cc6d6", "#d6bd52"),
)
