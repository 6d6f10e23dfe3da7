"""Running other programs during the set-up, and saying in one sentence why one failed.

Standard library only, and readable by Python 3.9: it runs before anything is installed.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# what a failed pip, venv or apt-get may say: what it means and what to do
CAUSES = (
    (
        r"No space left on device|Errno 28\b|not enough space on the disk",
        "The disk is full. Free about 3 GB and start again.",
    ),
    (
        r"Permission denied|Access is denied|Errno 13\b|Read-only file system",
        f"Writing was not permitted. Check who owns {ROOT} and its .venv folder.",
    ),
    (
        r"name resolution|Temporary failure resolving|Name or service not known|Could not resolve"
        r"|getaddrinfo failed|NewConnectionError|NameResolutionError|nodename nor servname"
        r"|Network is unreachable|Connection refused|ConnectTimeout|timed out|ProxyError|SSLError"
        r"|Connection aborted|Failed to fetch",
        "The package index could not be reached. Check the network connection (and proxy) "
        "and start again.",
    ),
    (
        r"No matching distribution found for (?P<package>\S+)",
        "The package index has no {package} that fits this Python and system.",
    ),
)


class SetupError(Exception):
    """Something expected went wrong; the message is all a person needs to read."""


def run_quietly(title: str, command: list[str], **variables: str) -> tuple[int, str]:
    """Run a command with its output kept back and the time shown; return exit status and output."""
    started = time.monotonic()
    lines: list[str] = []
    finished = threading.Event()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **variables},
    )
    if not sys.stdout.isatty():
        say(f"{title} ...")
    clock = threading.Thread(target=show_time, args=(title, started, lines, finished), daemon=True)
    clock.start()
    try:
        for line in process.stdout or ():
            lines.append(line)
        status = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        finished.set()
        clock.join()
    outcome = "done" if status == 0 else "failed"
    say(f"{title}: {outcome} after {time.monotonic() - started:.0f} s")
    return status, "".join(lines)


def show_time(title: str, started: float, lines: list[str], finished: threading.Event) -> None:
    """A line that counts on a terminal; elsewhere a plain line at the start and every 30 s."""
    on_terminal = sys.stdout.isatty()
    while not finished.wait(0.5 if on_terminal else 30):
        latest = lines[-1].strip() if lines else ""
        text = f"{title} ... {time.monotonic() - started:.0f} s  {latest}"
        if on_terminal:
            width = shutil.get_terminal_size().columns - 1
            print("\r" + text[:width].ljust(width), end="", flush=True)
        else:
            say(text[:100])
    if on_terminal:
        width = shutil.get_terminal_size().columns - 1
        print("\r" + " " * width + "\r", end="", flush=True)


def run_openly(command: list[str], folder: Path | None = None, **variables: str) -> int:
    """Run a command that talks to the person itself; an interrupt is left for it to handle."""
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **variables})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def say(text: str) -> None:
    print(text, flush=True)


def cause_of(output: str) -> str:
    """The sentence for what a failed program said, or nothing when it is not a known cause."""
    for pattern, sentence in CAUSES:
        found = re.search(pattern, output)
        if found:
            return sentence.format(**found.groupdict()) if found.groupdict() else sentence
    return ""


def failure(asked: str, output: str) -> SetupError:
    """What was asked, and why it failed: a known cause in one sentence, else the last lines."""
    cause = cause_of(output)
    if cause:
        return SetupError(f"{asked} failed. {cause}")
    last_lines = "\n".join("  " + line for line in output.strip().splitlines()[-15:])
    return SetupError(f"{asked} failed. It said:\n{last_lines}")


def describe(error: OSError) -> str:
    """One sentence for a failure of the file system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT if hasattr(errno, "EDQUOT") else errno.ENOSPC):
        return CAUSES[0][1]
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"Writing {error.filename} was not permitted. Check who owns it and start again."
    return f"{error.strerror or error}: {error.filename or 'no file named'}."
