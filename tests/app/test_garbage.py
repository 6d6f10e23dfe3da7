"""When Python breaks up what refers to itself."""

import subprocess
import sys

CIRCLES = """
import threading
from dmdstudio.app.main import make_application

application = make_application()
from dmdstudio.app.views.plot import Plot

for _ in range(20):
    plot = Plot("A plot", "Nothing yet.")
    plot.prepare()
    plot.itself = plot
    plot.show()
    application.processEvents()
    del plot
    allocate = threading.Thread(target=lambda: [[] for _ in range(200_000)])
    allocate.start()
    allocate.join(20)
    assert not allocate.is_alive()
print("ok")
"""


def test_no_other_thread_breaks_up_widgets():
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", CIRCLES],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout == "ok\n", done.stderr
