"""Certificates of exported potentials on disk: JSON for programs, and a page beside it."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dmdstudio.files.whole import write_text
from dmdstudio.plan.certificate import (
    BOUNDS,
    FARTHEST,
    WORDS,
    Certificate,
    Differences,
    EngineCheck,
    difference_words,
    target_words,
)

if TYPE_CHECKING:
    from dmdstudio.files.potentials.format import ExportFormat

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 54em; margin: 3em auto; padding: 0 1em;
  color: #1c2430; background: #fff; }
h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.1em; margin: 2em 0 .5em; }
p.quiet, td.quiet { color: #5b6675; } code { font-size: .85em; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; }
th, td { padding: .35em 1em .35em 0; border-bottom: 1px solid #d8dee6; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.agrees, .reads { color: #12703c; font-weight: 600; }
.differs, .failed { color: #b3261e; font-weight: 600; }
"""


def write_certificate(certificate: Certificate, main: Path) -> list[Path]:
    """Write a certificate beside the main file of an export, and mark a text that differs.

    Args:
        certificate: of the files.
        main: the main file; NAME.certificate.json and .html go beside it.

    Returns:
        The files written.
    """
    data = main.with_name(f"{main.stem}.certificate.json")
    page = main.with_name(f"{main.stem}.certificate.html")
    encoded = msgspec.json.encode(
        {"verdict": certificate.verdict, "bounds": BOUNDS, **msgspec.to_builtins(certificate)}
    )
    write_text(data, msgspec.json.format(encoded, indent=2).decode() + "\n")
    write_text(page, certificate_page(certificate))
    comment = _format(certificate).comment
    if certificate.verdict == "differs" and comment is not None:
        before, after = comment
        mark = f"{before}NOT CERTIFIED: not the potential of DMD Studio, see {page.name}{after}"
        write_text(main, f"{mark}\n{main.read_text('utf-8')}")
    return [data, page]


def read_certificate(text: str | bytes) -> Certificate:
    """Return a certificate from its JSON.

    Raises:
        msgspec.ValidationError: it is none.
    """
    return msgspec.json.decode(text, type=Certificate)


def certificate_page(certificate: Certificate) -> str:
    """Return a certificate as a page of HTML that needs nothing else."""
    known = certificate
    bounds = ", ".join(f"{name} {bound:g}" for name, bound in BOUNDS.items())
    lead = f"Run {known.run}, iteration {known.iteration}, {known.formula}, written for "
    lead += f"{_format(known).label}. Made by DMD Studio {known.version} on "
    lead += f"{known.date}."
    parts = [
        f"<h1>{_text(known.title or 'Exported potential')}: "
        f'<span class="{known.verdict.split()[0]}">{WORDS[known.verdict].lower()}</span></h1>',
        f'<p class="quiet">{_text(lead)}</p>',
        "<h2>Read back, and in other engines</h2>",
        _table(
            ["Tried in", "Energy", "Forces", "Pressure", "Verdict"],
            [_engine_row(check) for check in known.checks],
        ),
        *(f"<p>{_text(f'{c.engine}: {c.note}')}</p>" for c in known.checks if c.note),
        f"<p>Largest relative differences from DMD Studio's own engine in float64, over "
        f"{len(known.configurations)} configurations. Bounds: {bounds}. Energies are compared "
        "with the larger of themselves and N kT, pressures with the larger of themselves and "
        "N kT/V, at 300 K; forces with the largest of all configurations.</p>",
    ]
    if known.targets:
        parts += ["<h2>Targets, computed again from trajectories</h2>", _targets(known)]
    if known.configurations:
        parts += ["<h2>Configurations</h2>", _configurations(known)]
    parts += [f"<p>{_text(note)}</p>" for note in known.notes]
    files = [[_text(f.name), f"<code>{f.sha256}</code>"] for f in known.files]
    parts += ["<h2>Files, as they were tried</h2>", _table(["Name", "SHA-256"], files, ())]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Certificate</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _engine_row(check: EngineCheck) -> list[str]:
    verdict = f'<span class="{check.verdict.split()[0]}">{WORDS[check.verdict]}</span>'
    return [_text(f"{check.engine} {check.version}".strip()), *difference_words(check), verdict]


def _configurations(known: Certificate) -> str:
    tried = [check for check in known.checks if check.differences]
    rows = []
    for number, item in enumerate(known.configurations):
        found: list[Differences] = [check.differences[number] for check in tried]
        rows.append(
            [
                _text(item.about),
                f"{item.energy:.9g}",
                f"{item.largest_force:.6g}",
                f"{item.pressure:.7g}",
                *(f"{d.energy:.0e}, {d.forces:.0e}, {d.pressure:.0e}" for d in found),
            ]
        )
    head = ["", "Energy / eV", "Largest force / eV/Å", "Pressure / bar"]
    return _table([*head, *(f"{check.engine}: energy, forces, pressure" for check in tried)], rows)


def _targets(known: Certificate) -> str:
    rows = []
    for check in known.targets:
        verdict = f'<span class="{check.verdict}">{WORDS[check.verdict]}</span>'
        name = f"{check.label} ({check.target})"
        rows.append([*map(_text, (name, check.engine, *target_words(check))), verdict])
    head = ["Target", "Engine", "In the run", "In the engine", "Apart", "Verdict"]
    notes = {f"{c.engine}: {c.note}" for c in known.targets if c.note}
    return "\n".join(
        [
            _table(head, rows, ()),
            *(f"<p>{_text(note)}</p>" for note in sorted(notes)),
            f"<p>Of a curve, the root mean square over its points. Up to {FARTHEST:g} agree. As "
            "many trajectories as the run has replicas, with its sampling and its steps.</p>",
        ]
    )


def _table(head: list[str], rows: list[list[str]], numbers: tuple[int, ...] = (1, 2, 3)) -> str:
    def cells(tag: str, row: list[str]) -> str:
        marks = (' class="number"' if n in numbers else "" for n in range(len(row)))
        return "".join(f"<{tag}{m}>{c}</{tag}>" for m, c in zip(marks, row, strict=True))

    lines = [f"<tr>{cells('td', row)}</tr>" for row in rows]
    return "\n".join([f"<table><tr>{cells('th', head)}</tr>", *lines, "</table>"])


def _text(words: str) -> str:
    return html.escape(words)


def _format(certificate: Certificate) -> ExportFormat:
    from dmdstudio.files.potentials import export_formats  # brings ASE, which the window does not

    return export_formats.get(certificate.format)
