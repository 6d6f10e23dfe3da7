"""The example of the published case: it needs two files of its user, and says so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dmdstudio.base.errors import FileError
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.service.build import build

FOLDER = Path(__file__).parents[2] / "resources" / "examples" / "water-infrared-eann"
REFERENCES = Path(
    os.environ.get("DMDSTUDIO_REFERENCES", Path(__file__).parents[3] / "shared" / "references")
)
FILES = {
    "params_eann4.pickle": REFERENCES / "water-eann" / "params_eann4.pickle",
    "dipole.pb": REFERENCES / "water-dipole" / "dipole.pb",
}
RECIPES = sorted(path.name for path in FOLDER.glob("*.toml"))


@pytest.mark.parametrize("name", RECIPES)
def test_it_says_which_file_of_the_users_is_missing(name):
    recipe = read_recipe(FOLDER / name)
    with pytest.raises(FileError, match=r"no parameter file at .*params_eann4\.pickle"):
        build(recipe)


@pytest.mark.skipif(
    not all(path.is_file() for path in FILES.values()), reason=f"no reference data at {REFERENCES}"
)
@pytest.mark.parametrize("name", RECIPES)
def test_it_builds_with_the_published_files(name, tmp_path):
    folder = tmp_path / "example"
    shutil.copytree(FOLDER, folder)
    for file, path in FILES.items():
        shutil.copy(path, folder / file)
    problem, complete = build(read_recipe(folder / name))
    free = {slot.term for slot in problem.slots if slot.free}
    assert free == {"eann"}
    assert complete.potential[0].options["cutoff"] == 6.0
    targets = {target.key for target in problem.targets}
    assert targets == ({"density"} if "density" in name else {"infrared_spectrum", "pressure"})
    assert len(problem.system.types) == (648 if "density" in name else 192)
