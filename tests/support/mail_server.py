"""A real SMTP server for tests, which answers as it is told."""

import email
import email.policy
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

if TYPE_CHECKING:
    import asyncio

if TYPE_CHECKING:
    from collections.abc import Callable


class MailServer:
    """An SMTP server on a free port of the loopback; collects what it accepts.

    Attributes:
        mails: The mails that were accepted.
        envelopes: Their mailboxes.
        on_data: Called with each mail before it is accepted; its text is the answer, None accepts it.
        on_recipient: Called with each mailbox; its text is the answer, None accepts it.
    """

    def __init__(self, **options: Any) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[list[str]] = []
        self.on_data: Callable[[EmailMessage], str | None] = lambda _mail: None
        self.on_recipient: Callable[[str], str | None] = lambda _address: None
        self._controller = _Controller(self, hostname="127.0.0.1", port=0, **options)

    @property
    def port(self) -> int:
        """The port."""
        return self._controller.port

    def __enter__(self) -> "MailServer":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.on_recipient(address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        mail = email.message_from_bytes(cast("bytes", envelope.content), policy=email.policy.default)
        answer = self.on_data(mail)
        if answer == "close":
            self.mails.append(mail)
            self.envelopes.append(list(envelope.rcpt_tos))
            assert server.transport is not None
            cast("asyncio.Transport", server.transport).abort()
            return "250 never read"
        if answer is None:
            self.mails.append(mail)
            self.envelopes.append(list(envelope.rcpt_tos))
        return answer or "250 OK"


class _Controller(Controller):
    """A controller on a port that the system chooses."""

    def _trigger_server(self) -> None:
        self.port = cast("asyncio.Server", self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def mails_with(server: MailServer, count: int, seconds: float = 30) -> list[EmailMessage]:
    """The mails of a server, as soon as there are so many."""
    deadline = time.monotonic() + seconds
    while len(server.mails) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(server.mails) >= count
    return server.mails
