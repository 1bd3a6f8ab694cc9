"""TCP ports of 127.0.0.1: whether one is free, who has it, and which others are."""

import itertools
import os
import random
import socket

import psutil  # type: ignore[import-untyped]

from tools.local_cluster.errors import PortInUse

HOST = "127.0.0.1"


NOT_EPHEMERAL = range(20_000, 30_000)
"""Below the ports that Linux and macOS give to outgoing connections: while a server is down, a client that keeps
trying to reach it could otherwise be given that very port, and the server could not come back."""


_claims: list[socket.socket] = []


def free_ports(count: int) -> list[int]:
    """Ports without a listener, and not given by this function to a process that still runs.

    A server takes seconds to begin to listen: until this process ends, a UDP socket of the same number says whose the
    port is.
    """
    shuffled = random.SystemRandom().sample(NOT_EPHEMERAL, len(NOT_EPHEMERAL))
    return list(itertools.islice((port for port in shuffled if is_free(port) and _claim(port)), count))


def _claim(port: int) -> bool:
    claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        claim.bind((HOST, port))
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def is_free(port: int) -> bool:
    """Return whether nothing listens on a port."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def require_free(port: int, purpose: str, option: str) -> None:
    """Make sure that a server could listen on a port.

    Args:
        port: The port of 127.0.0.1.
        purpose: The server that would listen there.
        option: The option that chooses another port.

    Raises:
        PortInUse: If another process listens there, or this user may not.
    """
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        owner = _listener(port)
        reason = os.strerror(error.errno or 0) + (f": {owner}" if owner else "")
        raise PortInUse(
            f"port {port} for {purpose} can't be used ({reason}); "
            f"stop what uses it, or choose another port with {option} PORT"
        ) from None


def _listener(port: int) -> str:
    """Process that listens on a port; empty where this user may not know it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"process {connection.pid}, {psutil.Process(connection.pid).name()}"
    except psutil.Error:
        pass
    return ""
