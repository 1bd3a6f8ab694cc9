"""Messages as Slack's blocks."""

from typing import Any

from services.notifier.rendering.content import Content, ShownAlert

_LONGEST = 2900
"""Characters of a section; Slack takes 3,000."""

_MARKS = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "🔵"}


def slack_message(content: Content) -> dict[str, Any]:
    """Return the text, which notifications show, and the blocks of a message."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": content.title[:150], "emoji": False}}
    ]
    blocks += [_section(f":warning: {_escaped(warning)}") for warning in content.warnings]
    if content.introduction:
        blocks.append(_section("\n".join(map(_escaped, content.introduction))))
    for alert in content.alerts:
        blocks += [{"type": "divider"}, _section(_alert_text(alert)), *_context(alert)]
    if content.more:
        blocks += [{"type": "divider"}, _section(f"... and {content.more:,} more")]
    blocks.append({"type": "context", "elements": [_text(f"Notification {content.id}")]})
    return {"text": _escaped(content.title), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _alert_text(alert: ShownAlert) -> str:
    mark = _MARKS.get(alert.severity, "")
    text = f"{mark} *{alert.severity.upper()}* · {_escaped(alert.rule)}\n{_escaped(alert.reason)}"
    return text + (f"\n<{alert.link}|Open the case>" if alert.link else "")


def _context(alert: ShownAlert) -> list[dict[str, Any]]:
    facts = [f"{_escaped(name)}: `{_escaped(value).replace('`', '')}`" for name, value in alert.facts]
    text = "  ".join([*facts, *([_escaped(alert.note)] if alert.note else [])])
    return [{"type": "context", "elements": [_text(text)]}] if text else []


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text[:_LONGEST]}


def _escaped(text: str) -> str:
    """Return a text that Slack shows as it is: no links, mentions or channels begin in it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
