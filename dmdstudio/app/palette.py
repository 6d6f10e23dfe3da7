"""What the command palette finds: actions, settings and help pages by a few letters. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One line of the palette.

    Attributes:
        words: what it is called.
        sort: of thing, such as the menu of an action.
        hint: shortcut or value, shown at the end.
        enabled: whether it can be chosen now.
        choose: does it.
    """

    words: str
    sort: str
    hint: str
    enabled: bool
    choose: Callable[[], object]


def found(query: str, choices: Sequence[Choice]) -> list[Choice]:
    """Return the choices that have all letters of a query in order, the closest first.

    Closest are those whose words begin with the query, then those that have it in one piece, at
    the start of a word before elsewhere; then those with the fewest letters in between.
    """
    ranked = [(rank, choice) for choice in choices if (rank := _rank(query, choice)) is not None]
    ranked.sort(key=lambda pair: (pair[0], not pair[1].enabled, len(pair[1].words)))
    return [choice for _, choice in ranked]


def _rank(query: str, choice: Choice) -> tuple[int, int] | None:
    letters, words = query.casefold().strip(), choice.words.casefold()
    whole = f"{choice.sort.casefold()} {words}"
    if not letters or words.startswith(letters):
        return (0, 0)
    if f" {letters}" in f" {whole}":
        return (1, 0)
    if letters in whole:
        return (2, 0)
    place, gaps = -1, 0
    for letter in letters.replace(" ", ""):
        following = whole.find(letter, place + 1)
        if following < 0:
            return None
        gaps += following - place - 1 if place >= 0 else 0
        place = following
    return (3, gaps)
