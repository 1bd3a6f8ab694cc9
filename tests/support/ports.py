"""Ports for what a test starts."""

from tools.local_cluster.ports import free_ports


def free_port() -> int:
    """A port on 127.0.0.1 that no process listens on, now or later: no connection is ever given it as its own."""
    (port,) = free_ports(1)
    return port
