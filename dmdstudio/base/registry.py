"""A named collection that one file extends by one entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from .errors import RecipeError, nearest

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to things of one sort (potentials, observables, file formats, ...).

    Args:
        sort: what the things are called in an error, such as ``'potential'``.
    """

    def __init__(self, sort: str) -> None:
        self.sort = sort
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> T:
        """Register ``item``; a name is taken only once."""
        if name in self._items and self._items[name] is not item:
            raise ValueError(f"{self.sort} {name!r} is registered twice")
        self._items[name] = item
        return item

    def remove(self, name: str) -> None:
        """Forget an entry (used by tests that add one)."""
        del self._items[name]

    def get(self, name: str) -> T:
        """Return the thing of that name; raise `RecipeError` that names the nearest known one."""
        try:
            return self._items[name]
        except KeyError:
            raise RecipeError(
                f"There is no {self.sort} called {name!r}.", nearest(name, list(self._items))
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def items(self) -> Iterator[tuple[str, T]]:
        """Iterate over names and things."""
        return iter(self._items.items())
