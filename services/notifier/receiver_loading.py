"""Receivers of a notifications file, by their type."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.notifier.model import (
    AppriseReceiver,
    EmailReceiver,
    LogReceiver,
    RateLimit,
    Receiver,
    SlackReceiver,
    WebhookReceiver,
)
from services.notifier.secret import Secret
from services.notifier.tables import Table
from services.rules.aggregations import read_duration
from services.rules.faults import shown

_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_MAILBOX = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_URL = re.compile(r"https?://[^\s/@]+(?:/\S*)?")
_LIMIT = re.compile(r"(\d+)/(\w+)")


def read_receiver(name: str, table: Table, texts: Sequence[str]) -> Receiver | None:
    """Return a receiver; None where it has no type.

    Args:
        name: Its name.
        table: Its table.
        texts: The fields of a transaction that are texts, which can be masked.
    """
    if not _NAME.fullmatch(name):
        table.fault("name", f'"{name}" is no name for a receiver: up to 64 small letters, digits and -, a letter first')
    kind = table.word("type", _TYPES, "") if table.has("type") else ""
    if not kind:
        if not table.has("type"):
            table.fault("type", f"expected one of {', '.join(_TYPES)}, found nothing")
        return None
    mask = table.texts("mask", ())
    for field in mask:
        if field not in texts:
            table.fault("mask", f'"{field}" is no field that can be masked; expected some of {", ".join(texts)}')
    fallback = table.text("fallback", "") or None
    on_unknown = table.word("on_unknown", ("resend", "fallback"), "resend")
    if on_unknown == "fallback" and fallback is None:
        table.fault("on_unknown", 'there is no fallback to tell; expected a key fallback, or on_unknown = "resend"')
    common: dict[str, Any] = {
        "name": name,
        "line": table.faults.line(table.path),
        "mask": mask,
        "rate_limit": table.parsed("rate_limit", _rate_limit, None),
        "retry_for": table.duration("retry_for", 3600.0),
        "fallback": fallback,
        "resend_unknown": on_unknown == "resend",
        "timeout": table.duration("timeout", 10.0),
    }
    receiver = _TYPES[kind](table, common)
    table.end()
    return receiver


def _email(table: Table, common: Mapping[str, Any]) -> EmailReceiver:
    to = table.texts("to")
    for key, addresses in (("to", to), ("from", (table.text("from"),))):
        for address in addresses:
            if address and not _MAILBOX.fullmatch(address):
                table.fault(key, f"expected an address such as fraud@example.com, found {shown(address)}")
    tls = table.word("tls", ("starttls", "tls", "none"), "starttls")
    username = table.text("username", "") or None
    password = table.secret("password", "SMTP_PASSWORD")
    if (username is None) != (password is None) and table.has("password") == (password is not None):
        table.fault("password" if username is None else "username", "username and password go together")
    if password is not None and tls == "none":
        table.fault("tls", 'the password would be sent in clear; expected "starttls" or "tls"')
    return EmailReceiver(
        **common,
        to=to,
        sender=table.text("from"),
        host=table.text("host"),
        port=table.number("port", {"starttls": 587, "tls": 465, "none": 25}[tls], 1, 65535),
        tls=tls,
        username=username,
        password=password,
    )


def _slack(table: Table, common: Mapping[str, Any]) -> SlackReceiver:
    token, url = table.secret("token", "SLACK_TOKEN"), table.secret("url", "SLACK_WEBHOOK_URL")
    channel = table.text("channel", "")
    if table.has("token") == table.has("url"):
        table.fault("token", "expected either a token, with a channel, or the url of an incoming webhook")
    elif table.has("token") != bool(channel):
        table.fault("channel", "a token needs the id of a channel, such as C0123456789; a webhook has its own")
    if table.has("url") and table.has("updates"):
        table.fault("updates", "an incoming webhook can only write new messages; expected a token")
    return SlackReceiver(
        **common,
        channel=channel,
        token=token,
        url=url,
        updates=table.word("updates", ("thread", "edit", "new"), "thread") if not table.has("url") else "new",
        api_url=_url(table, "api_url", "https://slack.com/api").rstrip("/"),
    )


def _webhook(table: Table, common: Mapping[str, Any]) -> WebhookReceiver:
    value = table.content.get("signing_secret")
    table.has("signing_secret")
    values = value if isinstance(value, list) and value else [value]
    path = (*table.path, "signing_secret")
    secrets: list[Secret] = []
    for number, each in enumerate(values):
        place = (*path, number) if isinstance(value, list) and value else path
        if secret := table.secret_at(place, each, "WEBHOOK_SECRET"):
            secrets.append(secret)
    return WebhookReceiver(**common, url=_url(table, "url", ""), signing_secrets=tuple(secrets))


def _apprise(table: Table, common: Mapping[str, Any]) -> AppriseReceiver:
    url = table.secret("url", "APPRISE_URL")
    if not table.has("url"):
        table.fault("url", 'expected { env = "APPRISE_URL" } with an address in Apprise\'s notation')
    return AppriseReceiver(**common, url=url or Secret(""))


def _log(_table: Table, common: Mapping[str, Any]) -> LogReceiver:
    return LogReceiver(**common)


_TYPES: Mapping[str, Callable[[Table, Mapping[str, Any]], Receiver]] = {
    "email": _email,
    "slack": _slack,
    "webhook": _webhook,
    "apprise": _apprise,
    "log": _log,
}


def _url(table: Table, key: str, default: str) -> str:
    url = table.text(key, default or None)
    if url and not _URL.fullmatch(url):
        table.fault(
            key, f"expected an address that begins with https://, without user and password, found {shown(url)}"
        )
    return url


def _rate_limit(value: Any) -> RateLimit:
    """Return a limit such as "20/1m".

    Raises:
        ValueError: It is none.
    """
    match = _LIMIT.fullmatch(value) if isinstance(value, str) else None
    if match is None or not int(match[1]):
        raise ValueError(f'expected messages and a duration such as "20/1m", found {shown(value)}')
    return RateLimit(int(match[1]), read_duration(match[2]) / 1000)
