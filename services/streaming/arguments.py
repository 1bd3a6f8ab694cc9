"""The command line of a service: it has no arguments but `--help`, which lists its settings from their classes."""

import argparse
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from textwrap import wrap
from typing import Any, NoReturn

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

_WIDTH = 100
_ENTRY = re.compile(r"(\w+): (.*)")
_LIBRDKAFKA = {
    "KAFKA_CONFIG_<PROPERTY>": "Any property of librdkafka, with _ for a dot: KAFKA_CONFIG_SECURITY_PROTOCOL."
}
_FILES = (
    "Append _FILE to SCHEMA_REGISTRY_URL, its credentials or a KAFKA_CONFIG_<PROPERTY> to have it read from a file."
)


@dataclass(frozen=True)
class Setting:
    """One setting of a service.

    Attributes:
        variable: The environment variable.
        default: Value where the variable is not set, as text; empty where it has none.
        meaning: Description, from the docstring of its class.
    """

    variable: str
    default: str
    meaning: str


def parse_service_arguments(
    name: str,
    description: str,
    settings_classes: Sequence[type[BaseSettings]],
    further: Mapping[str, str],
    arguments: Sequence[str] | None = None,
) -> None:
    """Print the help for `--help`, and refuse every other argument.

    Args:
        name: The service's module, such as ``services.generator``.
        description: Purpose of the service, in a sentence.
        settings_classes: Settings that it reads from the environment.
        further: Further environment variables that it reads, with their meaning.
        arguments: The arguments; by default those of the process.

    Raises:
        SystemExit: For `--help` (exit code 0), or for another argument (exit code 2, after one line).
    """
    parser = _Parser(
        prog=f"python -m {name}",
        description=description,
        epilog=_listed(chain.from_iterable(map(settings_of, settings_classes)), {**further, **_LIBRDKAFKA}),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)


def settings_of(settings_class: type[BaseSettings]) -> Iterator[Setting]:
    """Yield the settings of a class, those of its bases first."""
    prefix = settings_class.model_config.get("env_prefix", "")
    meanings = _meanings(settings_class)
    for name, field in settings_class.model_fields.items():
        yield Setting(f"{prefix}{name}".upper(), _default(field), meanings.get(name, ""))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        name = self.prog.rpartition(".")[2]
        sys.stderr.write(f"{name}: {message}; settings come from the environment: {self.prog} --help lists them\n")
        sys.exit(2)


def _meanings(settings_class: type[BaseSettings]) -> dict[str, str]:
    """Return the meaning of each setting, from the section "Attributes" in the docstrings of its class and bases."""
    meanings: dict[str, str] = {}
    for kind in reversed(settings_class.__mro__):
        if not issubclass(kind, BaseSettings) or kind is BaseSettings:
            continue
        _, _, section = inspect.cleandoc(kind.__doc__ or "").partition("\nAttributes:\n")
        name = ""
        for line in inspect.cleandoc(section).splitlines():
            if not line:
                break
            if entry := _ENTRY.fullmatch(line):
                name, meanings[entry[1]] = entry[1], entry[2]
            else:
                meanings[name] = f"{meanings[name]} {line.strip()}"
    return {name: text.replace("`", "") for name, text in meanings.items()}


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "computed"
    default: Any = field.default
    if field.is_required() or (isinstance(default, SecretStr) and field.validate_default):
        return "required"
    match default:
        case None | SecretStr() | ():
            default = ""
        case bool():
            default = int(default)
        case Path() if default.is_absolute() and default.is_relative_to(Path.cwd()):
            default = default.relative_to(Path.cwd())
    return str(default)


def _listed(settings: Iterable[Setting], further: Mapping[str, str]) -> str:
    unique = {setting.variable: setting for setting in settings}.values()
    listed = [*unique, *(Setting(variable, "", meaning) for variable, meaning in further.items())]
    lines = ["environment:"]
    for setting in listed:
        default = f" ({setting.default})" if setting.default else ""
        lines.append(f"  {setting.variable}{default}")
        lines += wrap(setting.meaning, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join([*lines, "", *wrap(f"In parentheses: the default. {_FILES}", _WIDTH)])
