"""One HTTP request, and what its answer says about delivery."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from services.notifier.notification import Answer, Result
from services.notifier.rendering.content import one_line

MAX_BODY = 65_536
"""Bytes of an answer that are read."""


class Reply:
    """An answer of a server.

    Args:
        status: The status code.
        headers: The headers.
        body: The first bytes of the body.
        fault: Why the body is not all there; empty where it is.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, fault: str) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.fault = fault

    @property
    def words(self) -> str:
        """Status and the beginning of the body, for messages."""
        return one_line(f"HTTP {self.status} {self.body[:200].decode('utf-8', 'replace')}", 250).strip()

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks to wait for; None where it does not."""
        return retry_after(self.headers.get("retry-after"))


def post(client: httpx2.Client, url: str, body: bytes, headers: Mapping[str, str]) -> Reply | Result:
    """Post a body; return the answer, or the result where there is none.

    An error before the request was sent is one that may go away. After that it is unknown what the server did.
    """
    try:
        with client.stream("POST", url, content=body, headers=dict(headers)) as response:
            content, fault = b"", ""
            try:
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) >= MAX_BODY:
                        break
            except (httpx2.TransportError, httpx2.DecodingError) as error:
                fault = _words(error)
            return Reply(response.status_code, response.headers, content, fault)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError) as error:
        return Result(Answer.RETRY, f"no connection: {_words(error)}", pauses_receiver=True)
    except httpx2.TransportError as error:
        return Result(Answer.UNKNOWN, f"sent, and no answer: {_words(error)}")
    except (httpx2.InvalidURL, ValueError) as error:
        return Result(Answer.REFUSED, f"can't be sent: {_words(error)}")


def refusal(reply: Reply) -> Result:
    """Return the result of an answer that is no success.

    408, 425, 429 and 5xx may go away; redirects are not followed, as the file says where messages go.
    """
    if reply.status == 429 or (reply.status == 503 and reply.retry_after is not None):
        return Result(Answer.RETRY, reply.words, retry_after=reply.retry_after, pauses_receiver=True)
    if reply.status in {408, 425} or reply.status >= 500:
        return Result(Answer.RETRY, reply.words, retry_after=reply.retry_after)
    return Result(Answer.REFUSED, reply.words)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds of a header Retry-After: a number, or a date (RFC 9110, 10.2.3); None where it is neither."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def _words(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}", 200)
