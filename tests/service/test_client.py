"""The pipe to the engine process: what arrives, what is noticed when it breaks, how it ends.

Failures of the transport are played by small scripts; everything else is the real engine.
"""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.commands import CheckGradient, Pause, Resume, Run, Stop
from dmdstudio.plan.events import (
    Failed,
    Finished,
    GradientChecked,
    Iterated,
    Paused,
    Phase,
    Progress,
    Ready,
    Started,
)
from dmdstudio.plan.recipe import recipe_to_toml
from dmdstudio.service.client import EngineClient, EngineDiedError, EngineStreamError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


@pytest.fixture
def scripted(tmp_path):
    """Start an engine that is nothing but a script around the pipe."""
    clients = []

    def start(body):
        script = tmp_path / "engine.py"
        script.write_text(
            "import sys, os, time, signal\n"
            "from dmdstudio.service.wire import frame, read_order\n"
            "from dmdstudio.plan.events import *\n"
            "out = sys.stdout.buffer\n"
            "def say(number, event=None):\n"
            "    out.write(frame(Envelope(number, 0, event))); out.flush()\n"
            + textwrap.dedent(body)
        )
        client = EngineClient([sys.executable, str(script)])
        client.start()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.kill()
        client.shutdown(0.1)


@pytest.fixture
def engine():
    client = EngineClient()
    client.start()
    yield client
    client.kill()
    client.shutdown(0.1)


def until(client, kind, seconds=120.0):
    """Return all events up to and including the first of a kind."""
    events, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        envelope = client.receive(timeout=1.0)
        if envelope is not None and envelope.event is not None:
            events.append(envelope.event)
            if isinstance(envelope.event, kind):
                return events
            if isinstance(envelope.event, Failed):
                pytest.fail(f"{envelope.event}")
    pytest.fail(f"no {kind} within {seconds} s; got {events[-3:]}")


def test_a_lost_message_is_noticed(scripted):
    client = scripted("say(1); say(2); say(4); time.sleep(5)")
    assert client.receive(5).number == 1
    assert client.receive(5).number == 2
    with pytest.raises(EngineStreamError, match="message 4 came where 3 was due"):
        client.receive(5)


@pytest.mark.parametrize(
    "garbage",
    ["b'Hello, I print on stdout'", "bytes([0,0,0,3]) + b'abc'", "b'\\xff' * 400"],
)
def test_garbage_is_noticed(scripted, garbage):
    client = scripted(f"say(1); out.write({garbage}); out.flush(); time.sleep(5)")
    assert client.receive(5).number == 1
    with pytest.raises(EngineStreamError):
        client.receive(5)


def test_a_message_cut_short_is_the_end(scripted):
    client = scripted("out.write(frame(Envelope(1))[:6]); out.flush()")
    with pytest.raises(EngineDiedError):
        client.receive(5)


def test_the_last_words_of_a_dead_engine_are_told(scripted):
    client = scripted("say(1); print('out of luck', file=sys.stderr); sys.exit(7)")
    assert client.receive(5).number == 1
    for _ in range(2):  # whoever asks again hears the same
        with pytest.raises(EngineDiedError, match="exit status 7") as caught:
            client.receive(5)
        assert "out of luck" in caught.value.stderr
    assert not client.alive


@POSIX
def test_a_killed_engine_tells_the_signal(scripted):
    client = scripted("say(1); os.kill(os.getpid(), signal.SIGKILL)")
    client.receive(5)
    with pytest.raises(EngineDiedError, match="SIGKILL, often because memory ran out") as caught:
        client.receive(5)
    assert caught.value.returncode == -signal.SIGKILL


def test_orders_to_a_dead_engine_fail_with_its_end(scripted):
    client = scripted("sys.exit(3)")
    with pytest.raises(EngineDiedError, match="exit status 3"):
        for _ in range(100):
            client.send(Stop())
            time.sleep(0.02)


def test_silence_is_measured_and_the_stderr_tail_is_bounded(scripted):
    client = scripted(
        "print('x' * 100000, file=sys.stderr)\n"
        "for i in range(3000): print('line', i, file=sys.stderr)\n"
        "say(1); time.sleep(30)"
    )
    client.receive(5)
    assert client.receive(0.3) is None
    assert client.silence > 0.2
    assert len(client.stderr_tail) < 20_000


@POSIX
def test_an_engine_that_ignores_everything_is_killed(scripted):
    client = scripted("signal.signal(signal.SIGTERM, signal.SIG_IGN); say(1); time.sleep(60)")
    client.receive(5)
    began = time.monotonic()
    assert client.shutdown(0.5) == -signal.SIGKILL
    assert time.monotonic() - began < 4.0


def test_a_waiting_receiver_can_be_woken(scripted):
    import threading

    client = scripted("say(1); time.sleep(30)")
    client.receive(5)
    threading.Timer(0.1, client.wake).start()
    began = time.monotonic()
    assert client.receive(10) is None
    assert time.monotonic() - began < 5.0


def run_order(recipe, run_dir):
    return Run(recipe=recipe_to_toml(recipe), folder=recipe.folder, run_dir=str(run_dir))


def test_the_real_engine_runs_stops_and_goes_on(engine, tiny_recipe, tmp_path):
    ready = until(engine, Ready)[-1]
    assert ready.catalog.find("potential", "lennard_jones") is not None
    engine.send(run_order(tiny_recipe, tmp_path / "run"))
    events = until(engine, Iterated)
    assert any(isinstance(e, Started) for e in events)
    assert any(isinstance(e, Phase) for e in events) and any(
        isinstance(e, Progress) for e in events
    )
    number, began = engine.send(Stop()), time.monotonic()
    while (envelope := engine.receive(5)) is not None and envelope.reply_to != number:
        pass
    print(f"\nStop acknowledged after {1000 * (time.monotonic() - began):.0f} ms")
    assert envelope is not None
    engine.send(Resume(run_dir=str(tmp_path / "run")))
    finished = [e for e in until(engine, Finished) if isinstance(e, Finished)][-1]
    if finished.reason == "stopped":  # that was the first run's end
        finished = until(engine, Finished)[-1]
    assert finished.reason == "completed" and finished.iterations == 3
    assert engine.shutdown() == 0


def test_pause_holds_the_loop_until_it_goes_on(engine, tiny_recipe, tmp_path):
    engine.send(run_order(tiny_recipe, tmp_path / "run"))
    until(engine, Started)
    engine.send(Pause(paused=True))
    assert until(engine, Paused)[-1].paused
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        envelope = engine.receive(0.2)
        assert envelope is None or not isinstance(envelope.event, Progress | Iterated)
    engine.send(Pause(paused=False))
    assert not until(engine, Paused)[-1].paused
    assert until(engine, Finished)[-1].reason == "completed"


def test_an_order_that_cannot_be_done_fails_with_a_sentence(engine, tiny_recipe, tmp_path):
    until(engine, Ready)
    engine.send(Run(recipe="title = 3", folder=".", run_dir=str(tmp_path / "x")))
    engine.send(Resume(run_dir=str(tmp_path / "nowhere")))
    failures = []
    while len(failures) < 2:
        envelope = engine.receive(20)
        assert envelope is not None
        if isinstance(envelope.event, Failed):
            failures.append(envelope.event)
    assert all(f.message and not f.details for f in failures)
    assert engine.alive


def test_the_gradient_check_comes_back(engine, tiny_recipe):
    engine.send(CheckGradient(recipe=recipe_to_toml(tiny_recipe), folder=tiny_recipe.folder))
    checked = until(engine, GradientChecked)[-1]
    assert checked.rows and checked.reversal_residual == 0


@POSIX
def test_a_window_that_vanishes_takes_its_idle_engine_along(tmp_path):
    """The window's process is killed: its engine notices the closed pipe and leaves."""
    script = (
        "import sys, time\n"
        "from dmdstudio.service.client import EngineClient\n"
        "c = EngineClient(); c.start(); c.receive(20)\n"
        "print(c.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    import psutil

    end = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < end:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    assert not psutil.pid_exists(pid)


@POSIX
@pytest.mark.parametrize("way", ["killed", "detached"])
def test_a_run_outlives_its_window_and_can_be_followed_and_stopped(tiny_recipe, tmp_path, way):
    import psutil

    from dmdstudio.files.event_log import EventTail
    from dmdstudio.files.run_requests import ask_to_stop, stop_asked
    from dmdstudio.files.run_writer import writer_of

    run = tmp_path / "run"
    script = (
        "import sys, time\n"
        "from dmdstudio.service.client import EngineClient\n"
        "from dmdstudio.plan.commands import Pause, Run\n"
        f"order = Run(recipe={recipe_to_toml(tiny_recipe)!r},"
        f" folder={tiny_recipe.folder!r}, run_dir={str(run)!r})\n"
        "c = EngineClient(); c.start(); c.send(order); c.send(Pause(paused=True))\n"
        "print(c.pid, flush=True)\n" + ("c.detach()\n" if way == "detached" else "time.sleep(60)")
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    engine = psutil.Process(int(parent.stdout.readline()))
    if way == "killed":
        parent.kill()
    parent.wait()
    tail, events, end = EventTail(run), [], time.monotonic() + 120
    while not any(isinstance(e, Iterated) for e in events) and time.monotonic() < end:
        time.sleep(0.05)
        events += tail.poll()
    writer = writer_of(run)
    assert writer is not None and writer.here and writer.pid == engine.pid
    ask_to_stop(run)
    engine.wait(timeout=10)
    events += tail.poll()
    assert isinstance(events[-1], Finished) and writer_of(run) is None and not stop_asked(run)
    assert RunStore.open(run).events() == events
