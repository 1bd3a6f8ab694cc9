"""Messages by email, over SMTP.

Messages of a group are one thread: each has the group's first Message-ID among its references. The Message-ID is made
of the notification's id, so that the same message again has the same one, and some mail systems show it once.
"""

import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime

from services.notifier.events import Kind, moment
from services.notifier.masking import mask_message
from services.notifier.model import EmailReceiver
from services.notifier.notification import Answer, Message, Result
from services.notifier.rendering.content import content_of, one_line
from services.notifier.rendering.mail import html_of, text_of_content
from services.notifier.rendering.report import report_content, report_html, report_text
from services.notifier.report.figures import Figures
from services.notifier.report.picture import bars_by_hour

POLICY = policy.SMTP.clone(cte_type="7bit")
"""CRLF at the ends of lines, and no line that is too long for a server: every other character is encoded."""

_PICTURE = "alerts-by-hour@fraud-notifier"

UNKNOWN = "the server got the message and did not answer"


class EmailSender:
    """Sends to the mailboxes of a receiver, with a connection for each message.

    Args:
        receiver: The receiver.
        case_url: Address of an alert's case, with `{alert}` for its id.
        figures_of: Returns the figures of a day's report.
    """

    def __init__(
        self, receiver: EmailReceiver, case_url: str, figures_of: Callable[[str], Figures] | None = None
    ) -> None:
        self._receiver = receiver
        self._case_url = case_url
        self._figures_of = figures_of
        self._accepted: dict[str, set[str]] = {}  # mailboxes that have a message which others have not

    def send(self, message: Message) -> Result:
        """Send a message to all mailboxes; those that have it already get it no second time."""
        if message.kind is Kind.REPORT and self._figures_of is not None:
            mail = report_mail(message, self._receiver, self._case_url, self._figures_of(message.labels["day"]))
        else:
            mail = mail_of(message, self._receiver, self._case_url)
        accepted = self._accepted.pop(str(message.id), set())
        missing = [address for address in self._receiver.to if address not in accepted]
        try:
            with self._connected() as smtp:
                return self._transfer(smtp, mail, missing, accepted, str(message.id))
        except smtplib.SMTPResponseException as error:
            return _answered(error.smtp_code, error.smtp_error, pauses=True)
        except (OSError, smtplib.SMTPException) as error:  # nothing was sent yet
            return Result(Answer.RETRY, f"{self._receiver.host}: {_words(error)}", pauses_receiver=True)

    def _transfer(
        self, smtp: smtplib.SMTP, mail: EmailMessage, missing: list[str], accepted: set[str], id_: str
    ) -> Result:
        smtp.ehlo_or_helo_if_needed()
        _require(smtp.mail(self._receiver.sender))
        refused = {address: reply for address in missing if (reply := smtp.rcpt(address))[0] not in {250, 251}}
        if len(refused) == len(missing):
            code, words = max(refused.values(), key=lambda reply: reply[0] < 500)
            return _answered(code, words, pauses=False)
        try:
            code, words = smtp.data(mail.as_bytes())
        except smtplib.SMTPDataError as error:  # refused before the message was sent
            return _answered(error.smtp_code, error.smtp_error, pauses=False)
        except (OSError, smtplib.SMTPException) as error:
            return Result(Answer.UNKNOWN, f"{UNKNOWN}: {_words(error)}")
        if code != 250:
            return _answered(code, words, pauses=False)
        if refused:
            return self._partly(refused, accepted | (set(missing) - set(refused)), id_)
        return Result(Answer.DELIVERED, reference=str(mail["Message-ID"]))

    def _partly(self, refused: dict[str, tuple[int, bytes]], accepted: set[str], id_: str) -> Result:
        """Return the result where some mailboxes were refused: the others are not sent to again."""
        replies = "; ".join(f"{address}: {code} {_text(words)}" for address, (code, words) in refused.items())
        if all(code < 500 for code, _words in refused.values()):
            self._accepted[id_] = accepted
            return Result(Answer.RETRY, f"some mailboxes were refused for now: {replies}")
        return Result(Answer.REFUSED, f"some mailboxes were refused, the others have it: {replies}")

    def _connected(self) -> smtplib.SMTP:
        """Return a connection that is encrypted and logged in as the file says.

        Raises:
            OSError: The server can't be reached.
            smtplib.SMTPException: It refuses.
        """
        receiver = self._receiver
        if receiver.tls == "tls":
            connect: Callable[[], smtplib.SMTP] = lambda: smtplib.SMTP_SSL(  # noqa: E731
                receiver.host, receiver.port, timeout=receiver.timeout, context=ssl.create_default_context()
            )
        else:
            connect = lambda: smtplib.SMTP(receiver.host, receiver.port, timeout=receiver.timeout)  # noqa: E731
        smtp = connect()
        try:
            if receiver.tls == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if receiver.username and receiver.password:
                smtp.login(receiver.username, receiver.password.reveal())
        except BaseException:
            with suppress(OSError, smtplib.SMTPException):
                smtp.close()
            raise
        return smtp


def mail_of(message: Message, receiver: EmailReceiver, case_url: str) -> EmailMessage:
    """Return a message as a mail: plain text and HTML."""
    content = content_of(mask_message(message, receiver.mask), case_url)
    mail = headed_mail(message, receiver, content.title)
    mail.set_content(text_of_content(content))
    mail.add_alternative(html_of(content), subtype="html")
    return mail


def report_mail(message: Message, receiver: EmailReceiver, case_url: str, figures: Figures) -> EmailMessage:
    """Return a daily report as a mail: plain text, and HTML with a picture in it."""
    content = report_content(figures, message, receiver.mask, case_url)
    mail = headed_mail(message, receiver, content.title)
    mail.set_content(report_text(content))
    mail.add_alternative(report_html(content, f"cid:{_PICTURE}"), subtype="html")
    html = mail.get_payload()[1]  # type: ignore[index]  # of a multipart: its parts
    html.add_related(bars_by_hour(figures.hours), "image", "png", cid=f"<{_PICTURE}>", filename="alerts-by-hour.png")  # type: ignore[union-attr]
    return mail


def headed_mail(message: Message, receiver: EmailReceiver, subject: str) -> EmailMessage:
    """Return a mail with its headers, still without content."""
    mail = EmailMessage(POLICY)
    mail["Subject"] = one_line(subject)
    mail["From"] = receiver.sender
    mail["To"] = ", ".join(receiver.to)
    mail["Date"] = format_datetime(moment(message.at))
    mail["Message-ID"] = f"<{message.id}@{receiver.sender.rpartition('@')[2]}>"
    if message.thread:
        mail["In-Reply-To"] = mail["References"] = message.thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Notification-Id"] = str(message.id)
    mail["X-Notification-Attempt"] = str(message.attempt)
    if message.may_be_repeated:
        mail["X-Notification-May-Be-Repeated"] = "yes"
    return mail


def _require(reply: tuple[int, bytes]) -> None:
    if reply[0] != 250:
        raise smtplib.SMTPResponseException(*reply)


def _answered(code: int, words: bytes | str, *, pauses: bool) -> Result:
    """Return the result of a refusal: 5xx is for good (RFC 5321, 4.2.1)."""
    reason = f"{code} {_text(words)}"
    return Result(Answer.REFUSED, reason) if code >= 500 else Result(Answer.RETRY, reason, pauses_receiver=pauses)


def _text(words: bytes | str) -> str:
    return one_line(words.decode("utf-8", "replace") if isinstance(words, bytes) else words, 300)


def _words(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}", 300)
