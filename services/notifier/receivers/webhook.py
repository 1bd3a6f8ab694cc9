"""Messages to programs: JSON by HTTP, signed as the Standard Webhooks specification has it.

`webhook-id` is the id of the notification, the same in every attempt: a program that has it already answers 2xx and
does nothing. `webhook-signature` is HMAC-SHA256 over id, timestamp and body, so that none of them can be changed.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable

import httpx2

from services import __version__
from services.notifier.masking import mask_message
from services.notifier.model import WebhookReceiver
from services.notifier.notification import Answer, Message, Result
from services.notifier.receivers.http import Reply, post, refusal
from services.notifier.rendering.payload import payload_of

SECRET_PREFIX = "whsec_"  # noqa: S105 - of the specification: what follows is base64


class WebhookSender:
    """Posts to one address.

    Args:
        receiver: The receiver.
        case_url: Address of an alert's case, with `{alert}` for its id.
    """

    def __init__(self, receiver: WebhookReceiver, case_url: str) -> None:
        self._receiver = receiver
        self._case_url = case_url
        self._client = httpx2.Client(timeout=receiver.timeout, follow_redirects=False)

    def send(self, message: Message) -> Result:
        """Post a message."""
        payload = payload_of(mask_message(message, self._receiver.mask), self._case_url)
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "content-type": "application/json",
            "user-agent": f"fraud-notifier/{__version__}",
            **signed_headers(str(message.id), int(time.time()), body,
                             (secret.reveal() for secret in self._receiver.signing_secrets)),
        }  # fmt: skip
        reply = post(self._client, self._receiver.url, body, headers)
        if not isinstance(reply, Reply):
            return reply
        # The status alone says it: what is missing of the body does not matter.
        return Result(Answer.DELIVERED) if 200 <= reply.status < 300 else refusal(reply)


def signed_headers(id_: str, timestamp: int, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """Return the headers that sign a body.

    Args:
        id_: Id of the message.
        timestamp: When it is sent, in seconds since the epoch.
        body: The body.
        secrets: The secrets; more than one while a new one replaces an old one.
    """
    content = f"{id_}.{timestamp}.".encode() + body
    signatures = (hmac.new(_key(secret), content, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(signature).decode()}" for signature in signatures),
    }


def _key(secret: str) -> bytes:
    """Return the bytes of a secret: base64 after the specification's prefix, otherwise the text itself."""
    if secret.startswith(SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except ValueError:
            pass
    return secret.encode()
