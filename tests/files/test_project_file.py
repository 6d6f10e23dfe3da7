"""Projects on disk: round trips, lost files, damage, and saves that are interrupted anywhere."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from dmdstudio.base.errors import DmdError, FileError
from dmdstudio.files.project_file import Project, backup_path, read_project, write_project
from dmdstudio.plan.recipe import read_recipe

EXAMPLE = Path(__file__).parents[2] / "resources" / "examples" / "argon-diffusion"


@pytest.fixture
def project(tmp_path) -> Project:
    """A project whose files lie beside it, with one run."""
    folder = tmp_path / "work"
    shutil.copytree(EXAMPLE, folder)
    (folder / "runs" / "first").mkdir(parents=True)
    recipe = read_recipe(folder / "recipe.toml")
    run = folder / "runs" / "first"
    return Project(recipe, folder / "recipe.toml", (run,), run, "loss", "self_diffusion")


def titled(project: Project, title: str) -> Project:
    return replace(project, recipe=msgspec.structs.replace(project.recipe, title=title))


def test_a_project_comes_back_and_moves_as_a_whole(project, tmp_path):
    path = write_project(tmp_path / "work" / "argon", project)
    assert path.name == "argon.dmdproj" and read_project(path).project == project
    (tmp_path / "work").rename(tmp_path / "elsewhere")
    opened = read_project(tmp_path / "elsewhere" / "argon.dmdproj")
    assert not opened.warnings and not opened.lost
    recipe = opened.project.recipe
    assert recipe.path(recipe.system.structure).is_file()
    assert opened.project.runs == (tmp_path / "elsewhere" / "runs" / "first",)


def test_a_project_elsewhere_than_its_recipe_finds_the_files(project, tmp_path):
    path = write_project(tmp_path / "projects" / "argon.dmdproj", project)
    recipe = read_project(path).project.recipe
    assert recipe.path(recipe.system.structure).samefile(
        project.recipe.path(project.recipe.system.structure)
    )


def test_a_moved_file_is_found_by_its_content_and_a_changed_one_is_told_of(project, tmp_path):
    folder = tmp_path / "work"
    path = write_project(folder / "argon.dmdproj", project)
    (folder / "data").mkdir()
    (folder / "argon-256.extxyz").rename(folder / "data" / "renamed.extxyz")
    (folder / "data" / "argon-256.extxyz").write_text("another file of the same name")
    with open(folder / "argon-self-diffusion.csv", "a") as file:
        file.write("\n")
    opened = read_project(path)
    assert opened.project.recipe.system.structure == "data/renamed.extxyz"
    assert not opened.lost and len(opened.warnings) == 2
    assert "found as data/renamed.extxyz" in opened.warnings[0]
    assert "argon-self-diffusion.csv was changed" in opened.warnings[1]


def test_a_lost_file_is_named_with_its_place(project, tmp_path):
    path = write_project(tmp_path / "work" / "argon.dmdproj", project)
    (tmp_path / "work" / "argon-256.extxyz").unlink()
    opened = read_project(path)
    assert opened.lost == [("system", "structure")]
    assert "structure, argon-256.extxyz, is not there" in opened.warnings[0]


def test_backups_are_numbered_and_few(project, tmp_path):
    path = tmp_path / "work" / "argon.dmdproj"
    for number in range(6):
        write_project(path, titled(project, f"version {number}"))
        write_project(path, titled(project, f"version {number}"))  # the same: no backup
    titles = [read_project(p).project.recipe.title for p in (path, *_backups(path))]
    assert titles == ["version 5", "version 4", "version 3", "version 2"]
    assert sorted(p.name for p in path.parent.glob("*.dmdproj")) == [
        "argon.backup-1.dmdproj",
        "argon.backup-2.dmdproj",
        "argon.backup-3.dmdproj",
        "argon.dmdproj",
    ]


def _backups(path: Path) -> list[Path]:
    return [backup_path(path, number) for number in (1, 2, 3)]


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"[recipe", b"format = 1\n", b"a = 1"])
def test_a_damaged_project_gives_its_newest_backup(project, tmp_path, content):
    path = write_project(tmp_path / "work" / "argon.dmdproj", titled(project, "older"))
    write_project(path, titled(project, "newer"))
    path.write_bytes(content)
    opened = read_project(path)
    assert opened.project.recipe.title == "older" and "backup-1" in opened.warnings[0]
    backup_path(path, 1).unlink()
    with pytest.raises(DmdError):
        read_project(path)


def test_a_newer_project_is_refused_and_not_replaced_by_its_backup(project, tmp_path):
    path = write_project(tmp_path / "work" / "argon.dmdproj", project)
    write_project(path, titled(project, "newer"))
    path.write_text(path.read_text().replace("format = 1", "format = 99", 1))
    with pytest.raises(FileError, match="Update DMD Studio"):
        read_project(path)


def test_what_cannot_be_written_is_said_and_harms_nothing(project, tmp_path):
    path = write_project(tmp_path / "work" / "argon.dmdproj", project)
    before = path.read_bytes()
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        write_project(tmp_path / "file" / "argon.dmdproj", project)
    assert path.read_bytes() == before


SAVES = """
import os, sys
from dataclasses import replace
from pathlib import Path
import msgspec
from dmdstudio.base.errors import DmdError
from dmdstudio.files import project_file, whole

path, way = Path(sys.argv[1]), sys.argv[2]
old = project_file.read_project(path).project
new = replace(old, recipe=msgspec.structs.replace(old.recipe, title="new"))
ours = {whole.__file__, project_file.__file__}
count = due = 0


def happen(part=None):  # one more point where the save may end
    global count
    count += 1
    if count != due:
        return
    if part is not None:  # a write that the disk takes only a part of
        part()
    if way == "die":
        os._exit(9)
    sys.settrace(None)
    raise OSError(28, "No space left on device")


def trace(frame, event, argument):
    if frame.f_code.co_filename not in ours:
        return None
    if event == "line":
        happen()
    return trace


def writes(target, content):
    for quarter in range(4):
        part = content[: quarter * len(content) // 4]
        happen(lambda: os.write(os.open(target, os.O_WRONLY | os.O_CREAT), part))
    return plain(target, content)


plain, Path.write_bytes = Path.write_bytes, writes
content = {p: p.read_bytes() for p in path.parent.glob("*.dmdproj")}
found = {"old": 0, "new": 0}
while True:
    due += 1
    child = os.fork()
    if child == 0:
        count = 0
        sys.settrace(trace)
        try:
            project_file.write_project(path, new)
        except (DmdError, OSError):
            os._exit(8)
        os._exit(0 if count < due else 7)  # 7: it was saved in spite of it
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    opened = project_file.read_project(path)
    assert not opened.warnings, (due, opened.warnings)
    found[opened.project.recipe.title] += 1
    backups = list(path.parent.glob("argon.backup-?.dmdproj"))
    assert backups and all(project_file.read_project(p) for p in backups)
    for extra in [*path.parent.glob("*.backup-*"), *path.parent.glob(".*.partial")]:
        extra.unlink(missing_ok=True)
    for file, bytes_ in content.items():
        plain(file, bytes_)
    if status == 0:
        break
print("points", due - 1, "old", found["old"], "new", found["new"] - 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("way", ["die", "fail"])
def test_an_interrupted_save_leaves_the_old_project_or_the_new_one(project, tmp_path, way):
    """The save dies, or its disk fails, at each line of it and in the middle of each write."""
    path = tmp_path / "work" / "argon.dmdproj"
    for title in ("oldest", "older", "older still", "old"):
        write_project(path, titled(project, title))
    done = subprocess.run(
        [sys.executable, "-c", SAVES, str(path), way], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    words = done.stdout.split()
    assert int(words[1]) >= 100 and int(words[3]) > 50 and int(words[5]) > 0
