"""Detection of a broker listener's security protocol, for a client that can't connect: librdkafka only sees it close.

A broker closes the connection of a client that speaks another security protocol than its listener, without an answer.
Two probes decide: does the port complete a TLS handshake, and does it answer Kafka's SaslHandshake request
(kafka.apache.org/protocol, API key 17)?
"""

import socket
import ssl
import struct
from contextlib import closing
from dataclasses import dataclass

TIMEOUT_SECONDS = 3.0

_SASL_HANDSHAKE = 17
_ILLEGAL_SASL_STATE = 34  # what a listener without SASL answers
_MAX_RESPONSE_BYTES = 65_536  # a response to the handshake has some hundred bytes


@dataclass(frozen=True)
class BrokerListener:
    """The security of a broker's listener.

    Attributes:
        tls: Whether it speaks TLS.
        mechanisms: The SASL mechanisms that it accepts; empty without SASL, None where it did not answer.
    """

    tls: bool
    mechanisms: tuple[str, ...] | None

    def accepts(self, protocol: str) -> bool:
        """Return whether a client with this `security.protocol` can connect."""
        if self.mechanisms is None:
            return self.tls == protocol.endswith("SSL")
        return protocol == self.protocol

    @property
    def protocol(self) -> str:
        """The `security.protocol` for a client; both possible ones where SASL is unknown."""
        names = ("SSL", "SASL_SSL") if self.tls else ("PLAINTEXT", "SASL_PLAINTEXT")
        return " or ".join(names) if self.mechanisms is None else names[bool(self.mechanisms)]

    def __str__(self) -> str:
        """The listener in words."""
        return self.protocol + (f" (mechanisms {', '.join(self.mechanisms)})" if self.mechanisms else "")


def address_of(broker: str) -> tuple[str, int]:
    """Return host and port of an entry of `bootstrap.servers`."""
    host, _, port = broker.strip().rpartition(":")
    return host.rpartition("//")[2].strip("[]"), int(port)


def listener_at(broker: str) -> BrokerListener | None:
    """Probe the listener at a broker's address; None where the connection fails.

    Args:
        broker: `host:port`.
    """
    tls = _speaks_tls(broker)
    if tls is None:
        return None
    try:
        mechanisms = _mechanisms(broker, tls=tls)
    except (OSError, struct.error, ValueError):
        mechanisms = None
    return BrokerListener(tls, mechanisms)


def certificate_fault(broker: str, authorities: str | None) -> str | None:
    """Return why a broker's certificate is not trusted, in OpenSSL's words; None where it is, or the connection fails.

    Args:
        broker: `host:port`; the certificate must be valid for the host.
        authorities: File with the certificates to trust; None for those of the system.
    """
    host, port = address_of(broker)
    try:
        context = ssl.create_default_context(cafile=authorities)
        with socket.create_connection((host, port), TIMEOUT_SECONDS) as connection:
            context.wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    except OSError:
        return None
    return None


def _speaks_tls(broker: str) -> bool | None:
    """Return whether a port completes a TLS handshake; None where it can't be reached or does not answer."""
    try:
        with closing(_connected(broker, tls=True)):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")  # it speaks TLS, and wants a certificate of the client, say
    except ConnectionRefusedError:
        return None
    except ConnectionError:
        return False
    except OSError:
        return None


def _connected(broker: str, *, tls: bool) -> socket.socket:
    connection = socket.create_connection(address_of(broker), TIMEOUT_SECONDS)
    if not tls:
        return connection
    # Only the completion of the handshake matters, and no secret is sent: the certificate is not verified.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(connection)
    except OSError:
        connection.close()
        raise


def _mechanisms(broker: str, *, tls: bool) -> tuple[str, ...]:
    """Return the SASL mechanisms of a listener, none where it has no SASL.

    Raises:
        OSError: The connection was closed, or timed out.
        ValueError: The response is not Kafka's.
        struct.error: The response is truncated.
    """
    none = b"none"
    request = struct.pack(">hhih4sh4s", _SASL_HANDSHAKE, 1, 1, len(none), none, len(none), none)
    with closing(_connected(broker, tls=tls)) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as stream:
            (size,) = struct.unpack(">i", stream.read(4))
            if not 0 < size <= _MAX_RESPONSE_BYTES:
                raise ValueError(f"no Kafka response: {size} bytes")
            answer = stream.read(size)
    _correlation, error, count = struct.unpack_from(">ihi", answer)
    if error == _ILLEGAL_SASL_STATE:
        return ()
    names = []
    at = 10
    for _ in range(count):
        (length,) = struct.unpack_from(">h", answer, at)
        names.append(answer[at + 2 : at + 2 + length].decode())
        at += 2 + length
    return tuple(sorted(names))
