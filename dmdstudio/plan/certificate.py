"""What a certificate of an exported potential says: plain data, written and shown elsewhere."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Verdict = Literal["agrees", "differs", "failed", "not read", "not installed", "not started"]

BOUNDS = {"energy": 1e-6, "forces": 1e-6, "pressure": 1e-5}
"""Largest relative differences of files that agree."""

WORDS = {
    "agrees": "Agrees",
    "differs": "Differs",
    "failed": "Failed",
    "not read": "Not read",
    "not installed": "Not installed",
    "not started": "Does not start",
    "reads back": "Reads back the same",
    "not checked": "Not checked",
}
"""Verdicts as they are shown."""


class Differences(Struct, frozen=True, kw_only=True):
    """How far an engine, or what was read back, is from what was written, relative.

    Attributes:
        energy: over the larger of the energy and N kT at 300 K.
        forces: the worst component over the largest of all configurations.
        pressure: over the larger of the pressure and N kT/V at 300 K; without the kinetic part.
    """

    energy: float
    forces: float
    pressure: float

    @property
    def agree(self) -> bool:
        """Whether all are within `BOUNDS`."""
        return all(getattr(self, name) <= bound for name, bound in BOUNDS.items())


class EngineCheck(Struct, frozen=True, kw_only=True):
    """What one engine made of the files.

    Attributes:
        engine: its name.
        version: empty where it is not known.
        verdict: in a word.
        differences: of every configuration, in the order of the certificate's.
        note: how it was run, or why it was not.
    """

    engine: str
    version: str
    verdict: Verdict
    differences: tuple[Differences, ...] = ()
    note: str = ""

    @property
    def silent(self) -> bool:
        """Whether there are no differences, but a note that says why."""
        return self.verdict not in ("agrees", "differs")

    @property
    def worst(self) -> Differences | None:
        """The largest of every difference; None where there are none."""
        if not self.differences:
            return None
        names = ("energy", "forces", "pressure")
        return Differences(**{n: max(getattr(d, n) for d in self.differences) for n in names})


FARTHEST = 4.0
"""Largest deviation of a target that agrees: a few replicas know their own errors only roughly."""


class TargetCheck(Struct, frozen=True, kw_only=True):
    """A target of the run, and what trajectories of an engine make of it.

    Attributes:
        engine: its name.
        target: name in the run's reports.
        label: of the observable.
        unit: of all values.
        value: the run's own prediction [point].
        error: its standard error [point].
        their_value: the engine's [point]; empty where it failed.
        their_error: alike.
        deviation: root mean square over the points of the difference over its standard error.
        note: what went wrong.
    """

    engine: str
    target: str
    label: str
    unit: str
    value: tuple[float, ...]
    error: tuple[float, ...]
    their_value: tuple[float, ...] = ()
    their_error: tuple[float, ...] = ()
    deviation: float | None = None
    note: str = ""

    @property
    def verdict(self) -> Literal["agrees", "differs", "failed"]:
        """In a word."""
        if self.deviation is None:
            return "failed"
        return "agrees" if self.deviation <= FARTHEST else "differs"


class ConfigurationNote(Struct, frozen=True, kw_only=True):
    """One configuration: what it is, and what DMD Studio finds there.

    Attributes:
        about: in words.
        energy: eV.
        largest_force: eV/angstrom.
        pressure: of the forces alone, bar.
    """

    about: str
    energy: float
    largest_force: float
    pressure: float


class CertifiedFile(Struct, frozen=True, kw_only=True):
    """A file that was tried, by its content."""

    name: str
    sha256: str


class Certificate(Struct, frozen=True, kw_only=True):
    """Which engines give the same energies, forces and pressures from the written files.

    Attributes:
        title: that of the recipe.
        run: name of the run folder.
        iteration: whose parameters these are.
        version: of DMD Studio.
        date: when it was made.
        format: of the export.
        formula: of the structure.
        files: as they were tried.
        configurations: on which.
        engines: what each made of them.
        read_back: what our own reader made of them; None where there is none for the format.
        targets: computed again from trajectories of an engine, where that was asked for.
        notes: what a reader must know to repeat it.
    """

    title: str
    run: str
    iteration: int
    version: str
    date: str
    format: str
    formula: str
    files: tuple[CertifiedFile, ...]
    configurations: tuple[ConfigurationNote, ...]
    engines: tuple[EngineCheck, ...]
    read_back: EngineCheck | None = None
    targets: tuple[TargetCheck, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def checks(self) -> tuple[EngineCheck, ...]:
        """All that was tried: reading back first, then the engines."""
        return self.engines if self.read_back is None else (self.read_back, *self.engines)

    @property
    def verdict(self) -> Literal["agrees", "differs", "reads back", "not checked"]:
        """Of all together: one that differs or failed speaks for all, an engine before a reader.

        A file that our reader refuses is no mismatch: engines add up more than it takes.
        """
        found = {check.verdict for check in (*self.checks, *self.targets)}
        if found & {"differs", "failed"}:
            return "differs"
        if "agrees" in {check.verdict for check in self.engines}:
            return "agrees"
        back = self.read_back
        return "reads back" if back and back.verdict == "agrees" else "not checked"


def target_words(check: TargetCheck) -> tuple[str, str, str]:
    """Return the run's prediction, the engine's, and how far apart they are, as they are shown."""

    def said(value: tuple[float, ...], error: tuple[float, ...]) -> str:
        if len(value) > 1:
            return f"{len(value)} points"
        shown = (f"{v:.5g} ± {e:.2g} {check.unit}" for v, e in zip(value, error, strict=True))
        return next(shown, "–").rstrip()

    apart = "–" if check.deviation is None else f"{check.deviation:.2g} standard errors"
    return said(check.value, check.error), said(check.their_value, check.their_error), apart


def difference_words(check: EngineCheck) -> tuple[str, str, str]:
    """Return the worst differences of energy, forces and pressure, as they are shown."""
    worst = check.worst
    if worst is None:
        return "–", "–", "–"
    return f"{worst.energy:.1e}", f"{worst.forces:.1e}", f"{worst.pressure:.1e}"
