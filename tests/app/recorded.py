"""Events that the engine once sent, for windows that are tested without one."""

from pathlib import Path

from dmdstudio.plan.events import Diagnosed, Event, event_decoder

_FOLDER = Path(__file__).parent / "recorded_events"


def recorded_diagnosis() -> Diagnosed:
    """Return a diagnosis of liquid argon whose velocity autocorrelation over 6 ps is fitted."""
    event = event_decoder.decode((_FOLDER / "diagnosed.json").read_bytes())
    assert isinstance(event, Diagnosed)
    return event


def recorded_run() -> list[Event]:
    """Return a short run with a diffusion coefficient, two curves and a pressure as targets."""
    lines = (_FOLDER / "run.jsonl").read_bytes().splitlines()
    return [event_decoder.decode(line) for line in lines]
