"""Contexts: namespaces of subjects and schema ids inside one registry of Confluent's.

A base URL that ends in ``/contexts/.name`` chooses one. Requests then name subjects plainly, and the registry answers
with qualified names: ``:.name:subject``. Subjects of the default context are never qualified. Source:
https://docs.confluent.io/platform/current/schema-registry/schema-linking-cp.html#what-is-a-schema-context
"""

import re
from urllib.parse import unquote

DEFAULT_CONTEXT = "."
_CONTEXT_URL = re.compile(r"/contexts/([^/]+)$")


def context_of(base_url: str) -> str:
    """Return the context that a base URL chooses, such as ``.name``; ``.`` is the default context.

    Args:
        base_url: Without a slash at its end. The registry also takes the name with colons around it and without its
            dot.
    """
    match = _CONTEXT_URL.search(base_url)
    return normalized(unquote(match[1])) if match else DEFAULT_CONTEXT


def normalized(context: str) -> str:
    """Return a context's name without colons around it and with its dot."""
    name = context.removeprefix(":").removesuffix(":")
    return name if name.startswith(".") else f".{name}"


def unqualified(subject: str, context: str) -> str:
    """Return a subject's plain name where it is of the given context, and as it is where it is of another.

    Args:
        subject: As the registry names it.
        context: As `context_of` returns it.
    """
    return subject.removeprefix(f":{context}:")
