"""Patterns for files and names: ``*``, ``?`` and ``**``, as in .gitignore."""

import re
from functools import cache


def matches(pattern: str, name: str) -> bool:
    """Return whether a pattern matches a name: of a file, a directory above it, a subject, a field, a rule.

    ``*`` and ``?`` stand for characters but ``/``, ``**`` for any, ``.`` for the working directory.
    """
    return _compiled(pattern).fullmatch(name) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    expression = "".join(map(_expression, re.findall(r"\*\*/|\*\*|.", pattern.removesuffix("/"), re.DOTALL)))
    return re.compile(r".*" if pattern == "." else rf"{expression}(?:/.*)?", re.DOTALL)


def _expression(part: str) -> str:
    return {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
