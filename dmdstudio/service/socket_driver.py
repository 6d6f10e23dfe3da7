"""A potential that serves forces over the socket protocol of i-PI, as its driver.

i-PI, ASE (`SocketIOCalculator`) and others listen, this program connects, is sent positions and
cells, and answers with energies, forces and virials. ASE's own client speaks the protocol.
Source: M. Ceriotti, J. More and D. E. Manolopoulos, Comput. Phys. Commun. 185, 1019 (2014), doi
10.1016/j.cpc.2013.10.027.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ase
from ase.calculators.socketio import SocketClient, SocketClosed, actualunixsocketname

from dmdstudio.base.errors import EngineError
from dmdstudio.service.sources import potential_of, with_calculator


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes:
        host: of an internet socket.
        port: of it.
        unix: name of a Unix socket, ``/tmp/ipi_NAME``, instead of both; empty for none.
    """

    host: str = "localhost"
    port: int = 31415
    unix: str = ""

    def __str__(self) -> str:
        return actualunixsocketname(self.unix) if self.unix else f"{self.host}:{self.port}"


def served_atoms(
    source: str | Path, iteration: str | int = "best", structure: str | Path | None = None
) -> ase.Atoms:
    """Return atoms with the potential that is to be served as their calculator.

    Args:
        source: a run, a recipe, or a potential file with a structure.
        iteration: of a run: ``'best'``, ``'last'`` or a number.
        structure: as of `potential_of`.

    Raises:
        DmdError: something cannot be read, or does not fit together.
    """
    return with_calculator(*potential_of(source, iteration, structure))


def serve(
    atoms: ase.Atoms,
    address: Address,
    timeout_s: float | None = None,
    connected: Callable[[], None] = lambda: None,
) -> int:
    """Connect and answer until the server says goodbye.

    Args:
        atoms: with a calculator; the server's come in the same order.
        address: of the server.
        timeout_s: after which a server that says nothing is given up; None to wait for ever.
        connected: called when there is a connection.

    Returns:
        How many configurations were answered.

    Raises:
        EngineError: nobody listens, the connection breaks, or what comes is not the protocol.
        PhysicsError: the potential cannot evaluate what the server sends.
    """
    atoms.get_stress()  # compiled, and what does not fit is said, before a server waits for it
    answered = 0
    with _said(address, timeout_s):
        client = _client(address, timeout_s)
    with contextlib.closing(client):
        connected()
        with _said(address, timeout_s):
            for _ in client.irun(atoms, use_stress=True):
                answered += 1
    return answered


def _client(address: Address, timeout_s: float | None) -> SocketClient:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(timeout_s)  # connecting, too, may take for ever
    try:
        if address.unix:
            return SocketClient(unixsocket=address.unix, timeout=timeout_s)
        return SocketClient(address.host, address.port, timeout=timeout_s)
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _said(address: Address, timeout_s: float | None) -> Iterator[None]:
    """Say in a sentence what is wrong with a connection."""
    try:
        yield
    except TimeoutError:
        raise EngineError(
            f"{address} has not answered for {timeout_s:g} s.",
            "Start the server first, or raise --timeout.",
        ) from None
    except (SocketClosed, ConnectionResetError, BrokenPipeError):
        raise EngineError(f"{address} has closed the connection in mid-sentence.") from None
    except OSError as error:
        raise EngineError(
            f"Nobody can be reached at {address}: {error.strerror or error}.",
            "Start the server (i-PI, or ASE's SocketIOCalculator) first, and check its address.",
        ) from None
    except (AssertionError, KeyError, UnicodeDecodeError, ValueError) as error:
        raise EngineError(
            f"{address} sends something else than is expected: {_words(error)}.",
            "It must speak the protocol of i-PI and hold the same atoms in the same order.",
        ) from None


def _words(error: Exception) -> str:
    return " ".join(str(part) for part in error.args) or "a number that is none"
