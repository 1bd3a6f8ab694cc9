"""A network between clients and a broker that can be cut and slowed down: a TCP proxy with a switch."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from tools.local_cluster.ports import HOST

_CHUNK = 65_536


class Link:
    """Passes connections on to a port of 127.0.0.1, until told otherwise.

    Args:
        port: The port that it listens on.
        target: The address that it passes connections on to.

    Attributes:
        rate: Bytes per second that pass, both ways together; 0 is without limit.
        met: Number of connections that were cut, or came while it was cut: the proof that clients noticed.
    """

    def __init__(self, port: int, target: int) -> None:
        self.rate = 0
        self.met = 0
        self.port = port
        self._target = target
        self._server = socket.create_server((HOST, port))
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._sockets: set[socket.socket] = set()
        self._bucket = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.restore()
        self._drop()

    def cut(self, *, silently: bool) -> None:
        """Lets nothing pass.

        Args:
            silently: Connections stay open and nothing comes, as when packets are lost; otherwise connections are
                closed and new ones are closed at once.
        """
        self.met += len(self._sockets) // 2
        if silently:
            self._flowing.clear()
        else:
            self._refusing = True
            self._drop()

    def restore(self) -> None:
        """Lets everything pass again, at full speed."""
        self.rate = 0
        self._refusing = False
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self._refusing or not self._flowing.is_set():
                self.met += 1
            if self._refusing:
                near.close()
                continue
            try:
                far = socket.create_connection((HOST, self._target), 5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._sockets |= {near, far}
            for end in (near, far):  # before the first thread starts: it may close both at once
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                self._flowing.wait()
                if rate := self.rate:
                    with self._bucket:
                        time.sleep(len(data) / rate)
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._sockets.discard(end)

    def _drop(self) -> None:
        for end in list(self._sockets):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
