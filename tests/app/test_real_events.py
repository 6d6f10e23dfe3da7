"""A whole refinement by real mouse and keyboard events, where there is an X server to be had."""

import os
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
def test_from_the_start_page_to_the_exported_file(tmp_path, way):
    """The argon example, stopped after its first iteration; at most six clicks, or none."""
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
        [*command, way, str(tmp_path / "refined.in")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1900,
        cwd=tmp_path,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    clicks, written = int(words[1]), Path(words[5])
    assert clicks <= (6 if way == "mouse" else 0)
    assert written.stat().st_size > 100
