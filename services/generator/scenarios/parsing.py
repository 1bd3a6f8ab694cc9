"""Parsing of the setting SCENARIOS: `standard`, a choice with rates, or a TOML file with parameters."""

import difflib
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.errors import UsageError
from services.generator.scenarios.fraud import (
    AccountTakeover,
    CompromisedReceiver,
    FanIn,
    HonestChange,
    RapidFire,
    Scenario,
    SpendingChange,
    Structuring,
)
from services.generator.scenarios.traffic import share_of

_KINDS: dict[str, type[Scenario]] = {
    kind.name: kind
    for kind in (FanIn, RapidFire, Structuring, AccountTakeover, CompromisedReceiver, SpendingChange, HonestChange)
}
_NAMES = ", ".join(_KINDS)

STANDARD: tuple[Scenario, ...] = (FanIn(), RapidFire(), Structuring(), AccountTakeover())
"""The scenarios that rules can find, with their default parameters."""
HARD: tuple[Scenario, ...] = (*STANDARD, CompromisedReceiver(), SpendingChange(), HonestChange())
"""These, fraud that looks like ordinary payments, and ordinary payments that look like fraud: work for a model."""


_MIXES = {"standard": STANDARD, "hard": HARD}


def read_scenarios(text: str) -> tuple[Scenario, ...]:
    """Parse the setting.

    Args:
        text: `standard` or `hard`; or names, separated by commas, each with `=` and a rate or with its default rate; or
            the path of a TOML file (with a `/` or ending in `.toml`) that has a table of parameters for each.

    Raises:
        UsageError: The setting is wrong, one line per fault, with the expectation.
    """
    text = text.strip()
    if text in _MIXES:
        return _MIXES[text]
    if "/" in text or text.endswith(".toml"):
        tables, where = _file(Path(text)), f"{text}: "
    else:
        tables, where = _choice(text), ""
    scenarios, problems = [], []
    for name, table in tables.items():
        try:
            scenarios.append(_scenario(name, table))
        except UsageError as error:
            problems += [where + line for line in str(error).splitlines()]
    if problems:
        raise UsageError("\n".join(problems))
    if not scenarios:
        raise UsageError(f"{where}no scenario: expected one or more of {_NAMES}")
    try:
        share_of(scenarios)
    except UsageError as error:
        raise UsageError(where + str(error)) from None
    return tuple(scenarios)


def _choice(text: str) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, rate = (piece.strip() for piece in part.partition("="))
        if not name:
            continue
        if name in tables:
            raise UsageError(f"{name} is given twice")
        try:
            tables[name] = {"rate": float(rate)} if equals else {}
        except ValueError:
            raise UsageError(f"{name}: expected a rate such as 0.001 after the =, not {rate!r}") from None
    return tables


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise UsageError(f"{path}: can't read the file: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None


def _scenario(name: str, table: Any) -> Scenario:
    kind = _KINDS.get(name)
    if kind is None:
        guess = difflib.get_close_matches(name, _KINDS, n=1)
        hint = f"; did you mean {guess[0]}?" if guess else ""
        raise UsageError(f"no scenario {name!r}: expected standard, hard, a TOML file, or some of {_NAMES}{hint}")
    if not isinstance(table, dict):
        raise UsageError(f"{name}: expected a table of parameters, [{name}]")
    try:
        return kind(**table)
    except ValidationError as error:
        raise UsageError("\n".join(_line(kind, detail) for detail in error.errors())) from None


def _line(kind: type[Scenario], detail: Any) -> str:
    parameter, *place = detail["loc"] or [""]
    where = ": ".join(filter(None, [kind.name, parameter + "".join(f"[{index}]" for index in place)]))
    if detail["type"] == "extra_forbidden":
        return f"{where}: no such parameter; expected some of {', '.join(kind.model_fields)}"
    if detail["type"] in ("tuple_type", "missing", "too_long"):
        return f"{kind.name}: {parameter}: expected two values, the lower and the upper limit"
    reason = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {reason[0].lower()}{reason[1:]}"
