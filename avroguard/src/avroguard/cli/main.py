"""`avroguard`: one command, and a verb for each thing that it does."""

import sys
from collections.abc import Sequence
from importlib import import_module

from avroguard.errors import UsageError

VERBS = {
    "lint": "check schemas for faults and for good practice",
    "check": "find changes that break a deployed reader or writer",
    "diff": "show the differences between two schemas",
    "explain": "show with a record what a change does to data",
    "changelog": "write the changes since a version as Markdown for a pull request",
    "init": "write a contracts.toml from the schemas that are there",
    "register": "apply contracts.toml to a schema registry",
    "pull": "write the schemas of a registry as files",
    "drift": "compare a schema registry with contracts.toml",
}

_REGISTRY_PACKAGES = ("httpx2", "pydantic", "pydantic_settings")
"""Packages of the extra `registry`; the core does without them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the verb that the arguments begin with; returns its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    verb = arguments[0] if arguments else ""
    if verb in ("", "-h", "--help"):
        print(_help())
        return 0 if verb else UsageError.exit_code
    if verb == "--version":
        from avroguard.reporting.sarif import installed_version  # noqa: PLC0415 - what it needs is slow to import

        print(f"avroguard {installed_version()}")
        return 0
    if verb not in VERBS:
        print(f"avroguard: no verb {verb!r}; expected one of {', '.join(VERBS)}", file=sys.stderr)
        return UsageError.exit_code
    try:
        code: int = import_module(f"avroguard.cli.{verb}").main(arguments[1:])
    except ModuleNotFoundError as error:
        if error.name not in _REGISTRY_PACKAGES:
            raise
        hint = "install it with: pip install 'avroguard[registry]'"
        if {"-h", "--help"}.intersection(arguments):
            needs = f"This verb, and the rest of its help, need the registry client; {hint}"
            print(f"usage: avroguard {verb} [...]\n\n{verb}: {VERBS[verb]}\n\n{needs}")
            return 0
        print(f"avroguard {verb}: the registry client is not installed; {hint}", file=sys.stderr)
        return UsageError.exit_code
    return code


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:{width}}  {meaning}" for verb, meaning in VERBS.items())
    more = "avroguard VERB --help says more; avroguard --version says which this is."
    return f"usage: avroguard VERB [...]\n\nGovernance of Avro schemas.\n\n{verbs}\n\n{more}"


if __name__ == "__main__":
    sys.exit(main())
