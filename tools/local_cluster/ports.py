"""TCP ports of 127.0.0.1: whether one is free, who has it, and which others are."""

import socket

import psutil  # type: ignore[import-untyped]

from tools.local_cluster.errors import PortInUse

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses at the moment, all different."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    try:
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


def require_free(port: int, purpose: str, option: str) -> None:
    """Make sure that a server could listen on a port.

    Args:
        port: The port of 127.0.0.1.
        purpose: What would listen there.
        option: The option that chooses another port.

    Raises:
        PortInUse: Somebody listens there, or this user may not.
    """
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        owner = _listener(port)
        raise PortInUse(
            f"port {port} for {purpose} can't be used ({error.strerror or error}{f': {owner}' if owner else ''}); "
            f"stop what uses it, or choose another port with {option} PORT"
        ) from None


def _listener(port: int) -> str:
    """Who listens on a port, as far as this user may know; empty otherwise."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"process {connection.pid}, {psutil.Process(connection.pid).name()}"
    except psutil.Error:
        pass
    return ""
