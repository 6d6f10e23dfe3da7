"""A whole refinement by real mouse and keyboard events, where there is an X server to be had."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WANTED = ("Xvfb", "xdotool", "xvfb-run")
missing = [name for name in WANTED if shutil.which(name) is None]


@pytest.mark.slow
@pytest.mark.timeout(2000)
@pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")
@pytest.mark.parametrize("way", ["mouse", "keys"])
def test_from_the_start_page_to_the_exported_file(example, tmp_path, way):
    """The argon example, shorter, to its end; at most six clicks, or none; the tour comes too."""
    examples = tmp_path / "resources" / "examples"
    shutil.copytree(example.parent, examples / "argon-diffusion")
    output = tmp_path / "by keys.in"
    script = Path(__file__).with_name("real_events.py")
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "xcb",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "HOME": str(tmp_path),
        "DMDSTUDIO_RUNS": str(tmp_path / "runs"),
        "DMDSTUDIO_STATE": str(tmp_path / "state"),
    }
    command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", sys.executable, str(script)]
    done = subprocess.run(
        [*command, way, str(output), str(examples)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1900,
        cwd=tmp_path,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["iterations"] == 4
    assert seen["clicks"] <= 6 if way == "mouse" else (seen["clicks"], seen["keys"] > 0) == (0, 1)
    written = Path(seen["written"])
    assert way == "mouse" or written == output
    numbers = {round(float(n), 4) for n in re.findall(r"\d+\.\d+", written.read_text("utf-8"))}
    assert round(seen["parameters"]["lennard_jones.sigma"], 4) in numbers
