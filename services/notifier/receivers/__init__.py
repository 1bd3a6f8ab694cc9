"""Receivers: each sends a message one way, and says how that ended. The I/O of the notifier besides Kafka."""

from collections.abc import Callable, Mapping
from typing import Protocol

from services.notifier.model import (
    AppriseReceiver,
    EmailReceiver,
    LogReceiver,
    Receiver,
    SlackReceiver,
    WebhookReceiver,
)
from services.notifier.notification import Message, Result
from services.notifier.receivers.apprise import AppriseSender
from services.notifier.receivers.email import EmailSender
from services.notifier.receivers.log import LogSender
from services.notifier.receivers.slack import SlackSender
from services.notifier.receivers.webhook import WebhookSender
from services.notifier.report.figures import Figures


class Sender(Protocol):
    """Sends messages to one receiver."""

    def send(self, message: Message) -> Result:
        """Send a message, and return how that ended. Called by one thread at a time."""


_SENDERS: Mapping[type[Receiver], Callable[..., Sender]] = {
    SlackReceiver: SlackSender,
    WebhookReceiver: WebhookSender,
    AppriseReceiver: AppriseSender,
    LogReceiver: LogSender,
}


def sender_of(receiver: Receiver, case_url: str, figures_of: Callable[[str], Figures] | None = None) -> Sender:
    """Return the sender of a receiver.

    Args:
        receiver: The receiver.
        case_url: Address of an alert's case, with `{alert}` for its id.
        figures_of: Returns the figures of a day's report; None where none can be sent.
    """
    if isinstance(receiver, EmailReceiver):
        return EmailSender(receiver, case_url, figures_of)
    return _SENDERS[type(receiver)](receiver, case_url)
