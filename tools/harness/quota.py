"""A quota of the broker on what one client may fetch: Kafka's AlterClientQuotas request, version 0, by hand.

confluent-kafka has no call for it, and Kafka's own command takes seconds to start.
"""

import socket
import struct

_ALTER_CLIENT_QUOTAS = 49
_SECONDS = 30


def limit_fetches(bootstrap_servers: str, client_id: str, bytes_per_second: int | None) -> None:
    """Set or remove the quota on what clients of this id fetch.

    Args:
        bootstrap_servers: The broker; of several the first.
        client_id: The clients' `client.id`.
        bytes_per_second: None removes the quota.

    Raises:
        OSError: The broker refuses it.
    """
    entity = _int32(1) + _text("client-id") + _text(client_id)
    removed = bytes_per_second is None
    operation = _int32(1) + _text("consumer_byte_rate") + struct.pack(">d?", float(bytes_per_second or 0), removed)
    body = _int32(1) + entity + operation + b"\0"  # one entry; not only validated
    request = struct.pack(">hhi", _ALTER_CLIENT_QUOTAS, 0, 1) + _text("quota") + body
    host, _, port = bootstrap_servers.split(",", maxsplit=1)[0].rpartition(":")
    with socket.create_connection((host, int(port)), _SECONDS) as connection:
        connection.sendall(_int32(len(request)) + request)
        answer = _exactly(connection, int.from_bytes(_exactly(connection, 4), "big"))
    (error,) = struct.unpack_from(">h", answer, 12)  # behind correlation id, throttle time and the number of entries
    if error:
        raise OSError(f"the broker refuses the quota on {client_id}: error code {error}")


def _int32(number: int) -> bytes:
    return struct.pack(">i", number)


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise OSError("the broker has closed the connection")
        received += chunk
    return received
