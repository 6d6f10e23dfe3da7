"""Exports that JAX alone can run: the same energies and forces, and refusals of what cannot be."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jax import export as jax_export
from test_molecule_exports import (
    BONDED,
    PROVENANCE,
    SKEWED,
    SUMS,
    VAN_DER_WAALS,
    example_of,
    liquid,
)

from dmdstudio.files.potentials import export
from dmdstudio.service import export as _export  # noqa: F401  brings the translator
from dmdstudio.service.certificate import certify


@pytest.mark.parametrize("case", ["mixture", "stillinger_weber"])
def test_jax_alone_gives_the_same_forces(case, tmp_path: Path):
    """In a process where nothing else can be imported, in a skewed cell or a crystal's."""
    terms, structure = (*BONDED, VAN_DER_WAALS, SUMS["ewald"]), liquid(SKEWED)
    if case != "mixture":
        term, structure = example_of(case)
        terms = (term,)
    written = export("jax", terms, structure, tmp_path / "it.py", PROVENANCE)
    assert [path.name for path in written] == ["it.py", "it.stablehlo", "it.json"]
    found = certify("jax", terms, structure, written, PROVENANCE)
    assert found.verdict == "agrees", found.engines
    (check,) = found.engines
    assert check.worst is not None and len(check.differences) == 5
    assert check.worst.energy < 1e-11 and check.worst.forces < 1e-9 and check.worst.pressure < 1e-9


def test_the_program_is_for_both_platforms_and_says_what_it_is_for(tmp_path: Path):
    structure, terms = liquid(SKEWED), (*BONDED, VAN_DER_WAALS)
    main, program, about = export("jax", terms, structure, tmp_path / "potential.py", PROVENANCE)
    content = program.read_bytes()
    read = jax_export.deserialize(bytearray(content))
    assert read.platforms == ("cpu", "cuda")
    assert not re.search(r"custom_call @(?!lapack|cu|mhlo|Sharding)", read.mlir_module())
    assert content[:1] != b"\x80"
    told = json.loads(about.read_text())
    assert told["symbols"] == list(structure.symbols) and told["platforms"] == ["cpu", "cuda"]
    assert told["units"] == {"length": "angstrom", "energy": "eV"}
    assert told["cell"]["narrowest"] == 12.2
    assert "dmdstudio" not in main.read_text() and "Title: Water & ions" in main.read_text()
    ask = (
        "import numpy as np, potential as p; x = np.array(p.ABOUT['positions']); "
        "c = np.array(p.ABOUT['vectors'])\n"
        "for given in ((x[:-1], c), (x * np.nan, c), (x * .8, c * .8), (x * 0, c)):\n"
        "    try: print(p.energy_and_forces(*given))\n"
        "    except ValueError as error: print(error)\n"
        "p._HERE.with_suffix('.stablehlo').write_bytes(b'other')\n"
        "try: p._load()\n"
        "except ValueError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 5, done.stderr
    for line, words in zip(
        lines, ("(81, 3)", "finite", "12.2 angstrom wide", "no number", "not the file"), strict=True
    ):
        assert words in line
