"""Messages to the notifier's own log."""

import structlog

from services.notifier.masking import mask_message
from services.notifier.model import LogReceiver
from services.notifier.notification import Answer, Message, Result
from services.notifier.rendering.content import content_of

log = structlog.get_logger()


class LogSender:
    """Writes a line for each message.

    Args:
        receiver: The receiver.
        case_url: Address of an alert's case, with `{alert}` for its id.
    """

    def __init__(self, receiver: LogReceiver, case_url: str) -> None:
        self._receiver = receiver
        self._case_url = case_url

    def send(self, message: Message) -> Result:
        """Write the line."""
        content = content_of(mask_message(message, self._receiver.mask), self._case_url)
        log.info(
            "notification",
            receiver=self._receiver.name,
            id=content.id,
            title=content.title,
            introduction=content.introduction,
            reasons=[alert.reason for alert in content.alerts],
            more=content.more,
        )
        return Result(Answer.DELIVERED)
