"""The event log of a run, read while another process writes it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dmdstudio.plan.events import Event, event_decoder

NAME = "events.jsonl"


class EventTail:
    """Reads what was added to a run's log since it was last looked at.

    Attributes:
        warnings: lines that are no events (a damaged disk, a newer version), as sentences.
        restarted: whether the last `poll` found another, shorter log and began anew.
    """

    def __init__(self, run: Path) -> None:
        self.warnings: list[str] = []
        self.restarted = False
        self._path = run / NAME
        self._offset = 0
        self._lines = 0

    def poll(self) -> list[Event]:
        """Return the whole events that are new, oldest first; a line in the making waits.

        Raises:
            OSError: the log cannot be read.
        """
        self.restarted = False
        try:
            with open(self._path, "rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset = self._lines = 0
                    self.restarted = True
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        *lines, rest = content.split(b"\n")
        self._offset += len(content) - len(rest)
        return [event for line in lines if (event := self._decoded(line)) is not None]

    def _decoded(self, line: bytes) -> Event | None:
        self._lines += 1
        try:
            return event_decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.warnings.append(f"Line {self._lines} of {self._path} is left out: {error}.")
            return None
