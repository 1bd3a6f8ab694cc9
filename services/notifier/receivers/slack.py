"""Messages to Slack: by the Web API, with threads and edits, or by an incoming webhook."""

import json
from typing import Any

import httpx2

from services import __version__
from services.notifier.masking import mask_message
from services.notifier.model import SlackReceiver
from services.notifier.notification import Answer, Message, Result
from services.notifier.receivers.http import Reply, post, refusal
from services.notifier.rendering.content import content_of
from services.notifier.rendering.slack import slack_message

TEMPORARY = {"ratelimited", "rate_limited", "service_unavailable", "internal_error", "fatal_error", "request_timeout"}
"""Errors of the Web API that may go away."""


class SlackSender:
    """Writes to one channel.

    Args:
        receiver: The receiver.
        case_url: Address of an alert's case, with `{alert}` for its id.
    """

    def __init__(self, receiver: SlackReceiver, case_url: str) -> None:
        self._receiver = receiver
        self._case_url = case_url
        self._client = httpx2.Client(timeout=receiver.timeout, follow_redirects=False)

    def send(self, message: Message) -> Result:
        """Write a message: into the thread of its group, or in place of the group's first message."""
        receiver = self._receiver
        body = slack_message(content_of(mask_message(message, receiver.mask), self._case_url))
        if receiver.url:
            return self._post_webhook(receiver.url.reveal(), body)
        channel, _, timestamp = (message.thread or "").partition(":")
        if timestamp and receiver.updates == "edit":
            result = self._call("chat.update", {**body, "channel": channel, "ts": timestamp})
            if "message_not_found" not in result.reason:  # a person deleted it: a new one is written
                return result
        elif timestamp and receiver.updates == "thread":
            return self._call("chat.postMessage", {**body, "channel": channel, "thread_ts": timestamp,
                                                   "reply_broadcast": False})  # fmt: skip
        return self._call("chat.postMessage", {**body, "channel": receiver.channel})

    def _post_webhook(self, url: str, body: dict[str, Any]) -> Result:
        reply = post(self._client, url, _json(body), _headers())
        if not isinstance(reply, Reply):
            return reply
        return Result(Answer.DELIVERED) if 200 <= reply.status < 300 else refusal(reply)

    def _call(self, method: str, body: dict[str, Any]) -> Result:
        """Call a method of the Web API, which answers 200 to errors as well."""
        token = self._receiver.token.reveal() if self._receiver.token else ""
        reply = post(self._client, f"{self._receiver.api_url}/{method}", _json(body), _headers(token))
        if not isinstance(reply, Reply):
            return reply
        if not 200 <= reply.status < 300:
            return refusal(reply)
        try:
            answer = json.loads(reply.body)
        except ValueError:
            return Result(Answer.UNKNOWN, f"{method}: {reply.fault or 'the answer is no JSON'}")
        if answer.get("ok") is True:
            return Result(Answer.DELIVERED, reference=f"{answer.get('channel', '')}:{answer.get('ts', '')}")
        error = str(answer.get("error", "no reason given"))
        if error in TEMPORARY:
            return Result(Answer.RETRY, f"{method}: {error}", retry_after=reply.retry_after, pauses_receiver=True)
        return Result(Answer.REFUSED, f"{method}: {error}")


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _headers(token: str = "") -> dict[str, str]:
    headers = {"content-type": "application/json; charset=utf-8", "user-agent": f"fraud-notifier/{__version__}"}
    return headers | ({"authorization": f"Bearer {token}"} if token else {})
