"""Messages by Apprise, for the services that the notifier has no receiver of its own for; an optional install."""

from typing import TYPE_CHECKING

from services.errors import UsageError
from services.notifier.masking import mask_message
from services.notifier.model import AppriseReceiver
from services.notifier.notification import Answer, Message, Result
from services.notifier.rendering.content import content_of
from services.notifier.rendering.mail import html_of, text_of_content

if TYPE_CHECKING:
    import apprise


class AppriseSender:
    """Sends to one address in Apprise's notation.

    Apprise says only whether it worked: a failure is taken for one that may go away.

    Args:
        receiver: The receiver.
        case_url: Address of an alert's case, with `{alert}` for its id.

    Raises:
        UsageError: Apprise is not installed, or does not know the address.
    """

    def __init__(self, receiver: AppriseReceiver, case_url: str) -> None:
        self._receiver = receiver
        self._case_url = case_url
        self._connection().urls()

    def send(self, message: Message) -> Result:
        """Send a message."""
        content = content_of(mask_message(message, self._receiver.mask), self._case_url)
        connection = self._connection()
        is_html = any(service.notify_format == "html" for service in connection)
        body = html_of(content) if is_html else text_of_content(content)
        if connection.notify(body=body, title=content.title, body_format="html" if is_html else "text"):
            return Result(Answer.DELIVERED)
        return Result(Answer.RETRY, "Apprise could not deliver it; its own log says why")

    def _connection(self) -> "apprise.Apprise":
        try:
            import apprise  # noqa: PLC0415 - may not be installed
        except ImportError:
            raise UsageError(
                f"receiver {self._receiver.name}: Apprise is not installed; run scripts/install --apprise"
            ) from None
        connection = apprise.Apprise()
        if not connection.add(self._receiver.url.reveal()):
            raise UsageError(
                f"{self._receiver.url.place}: Apprise does not know this kind of address; its documentation lists them"
            )
        return connection
