"""Profiles as TOML files: reading with the name of what is wrong, and writing as a person would."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from services.errors import UsageError
from tools.transaction_files.column_names import close_name
from tools.transaction_files.profile import NAMES, Profile, Source

SHIPPED = Path(__file__).parents[2] / "profiles"
"""The profiles of well-known data, which are taken by their names."""

_FILE: Mapping[str, tuple[str, type]] = {
    "format": ("format", str), "encoding": ("encoding", str), "delimiter": ("delimiter", str), "skip": ("skip", int),
    "header": ("header", bool), "records": ("records", str), "where": ("where", str),
}  # fmt: skip
_AMOUNTS: Mapping[str, tuple[str, type]] = {
    "decimal": ("decimal", str), "signed": ("paid_out", str), "minor_units": ("minor_units", bool),
    "round": ("round", bool),
}  # fmt: skip
_SOURCE = ("column", "columns", "value", "default", "prefix", "values")
_TIMES = ("form", "zone", "start")
_SECTIONS = ("about", "file", "fields", "amounts", "times")
_WORDS = {str: "a text", int: "a whole number", bool: "true or false", dict: "a table"}


def shipped_names() -> list[str]:
    """Return the names of the shipped profiles."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_profile(name: str) -> Profile:
    """Return the profile of a file, or a shipped one by its name.

    Raises:
        UsageError: If there is none, or something in it is wrong; the message names the file and what was expected.
    """
    path = Path(name)
    if not path.is_file() and not path.suffix and "/" not in name:
        path = next(
            (path for path in (Path("profiles", f"{name}.toml"), SHIPPED / f"{name}.toml") if path.is_file()), path
        )
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        known = ", ".join(shipped_names())
        raise UsageError(f"--profile {name}: no such file, and no shipped profile; there are {known}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a profile in TOML: {error}") from None
    try:
        return profile_of_document(document)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def profile_of_document(document: Mapping[str, Any]) -> Profile:
    """Return the profile that a parsed TOML document says.

    Raises:
        UsageError: If a key is unknown, or a value of another type than expected.
    """
    _known("", document, _SECTIONS)
    file, fields, amounts, times = (_table(document, name) for name in _SECTIONS[1:])
    _known("file.", file, _FILE)
    _known("amounts.", amounts, _AMOUNTS)
    _known("times.", times, _TIMES)
    settings: dict[str, Any] = {"about": _typed("about", document.get("about", ""), str)}
    for section, names, table in (("file", _FILE, file), ("amounts", _AMOUNTS, amounts)):
        settings |= {names[key][0]: _typed(f"{section}.{key}", value, names[key][1]) for key, value in table.items()}
    if "form" in times:
        forms = times["form"] if isinstance(times["form"], list) else [times["form"]]
        settings["times"] = tuple(_typed("times.form", form, str) for form in forms)
    if "zone" in times:
        settings["zone"] = _typed("times.zone", times["zone"], str)
    if "start" in times:
        settings["start"] = _start(times["start"])
    return Profile({name: _source(name, entry) for name, entry in fields.items()}, **settings)


def _source(name: str, entry: Any) -> Source:
    if isinstance(entry, str):
        return Source((entry,))
    place = f"fields.{name}"
    if not isinstance(entry, dict):
        raise UsageError(f"{place}: expected a column's name, or a table such as {{ column = 'Amount' }}")
    _known(f"{place}.", entry, _SOURCE)
    columns = entry.get("columns", [entry["column"]] if "column" in entry else [])
    if not isinstance(columns, list):
        raise UsageError(f"{place}.columns: expected an array of names")
    values = _typed(f"{place}.values", entry.get("values", {}), dict)
    texts = {key: _typed(f"{place}.{key}", entry[key], str) for key in ("value", "default", "prefix") if key in entry}
    return replace(
        Source(tuple(_typed(f"{place}.columns", column, str) for column in columns), **texts),
        values={text: _typed(f"{place}.values.{text}", meaning, str) for text, meaning in values.items()},
    )


def _known(place: str, table: Mapping[str, Any], names: Any) -> None:
    for key in table:
        if key not in names:
            close = close_name(key, list(names))
            hint = f" (or is it {close!r}?)" if close else ""
            raise UsageError(f"no setting {place}{key}{hint}; there are {', '.join(names)}")


def _table(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    table: dict[str, Any] = _typed(name, document.get(name, {}), dict)
    return table


def _typed(place: str, value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise UsageError(f"{place}: expected {_WORDS[kind]}, found {value!r}")
    return value


def _start(value: Any) -> datetime:
    match value:
        case datetime():
            moment = value
        case date():
            moment = datetime(value.year, value.month, value.day)
        case str():
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                raise UsageError(f"times.start: expected a time such as 2018-04-01, found {value!r}") from None
        case _:
            raise UsageError(f"times.start: expected a time such as 2018-04-01, found {value!r}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def new_profile(name: str, profile: Profile) -> Path:
    """Write a profile to a new file and return its path: profiles/NAME.toml, or NAME if that is a path.

    Raises:
        UsageError: If the file is there already, or can't be written.
    """
    path = Path(name) if name.endswith(".toml") else Path("profiles", f"{name}.toml")
    if path.exists():
        raise UsageError(f"{path}: there already; give the profile another name: --guess --as NAME")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(profile_text(profile), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: can't be written: {error.strerror}") from None
    return path


def profile_text(profile: Profile) -> str:
    """Return a profile as TOML; `load_profile` of it gives an equal one."""
    return "\n".join(_lines(profile)).strip() + "\n"


def _lines(profile: Profile) -> Iterator[str]:
    plain = Profile()
    if profile.about:
        yield f"about = {_quoted(profile.about)}"
    for title, names in (("file", _FILE), ("amounts", _AMOUNTS)):
        pairs = [(key, getattr(profile, name)) for key, (name, _) in names.items()]
        changed = [(key, value) for key, value in pairs if value != getattr(plain, names[key][0])]
        if changed:
            yield f"\n[{title}]"
            yield from (f"{key} = {_value(value)}" for key, value in changed)
        if title == "file":
            yield "\n[fields]"
            width = max(map(len, profile.fields), default=0)
            for name in sorted(profile.fields, key=lambda name: NAMES.index(name) if name in NAMES else len(NAMES)):
                yield f"{name.ljust(width)} = {_source_text(profile.fields[name])}"
    times = []
    if profile.times != plain.times:
        times.append(f"form = {_value(profile.times[0] if len(profile.times) == 1 else list(profile.times))}")
    if profile.zone != plain.zone:
        times.append(f"zone = {_quoted(profile.zone)}")
    if profile.start is not None:
        times.append(f"start = {profile.start.isoformat()}")
    if times:
        yield "\n[times]"
        yield from times


def _source_text(source: Source) -> str:
    if len(source.columns) == 1 and source == Source(source.columns):
        return _quoted(source.columns[0])
    parts = []
    if source.columns:
        parts.append(
            f"column = {_quoted(source.columns[0])}"
            if len(source.columns) == 1
            else f"columns = {_value(list(source.columns))}"
        )
    texts = {"value": source.value, "default": source.default, "prefix": source.prefix}
    parts += [f"{name} = {_quoted(text)}" for name, text in texts.items() if text]
    if source.values:
        pairs = ", ".join(f"{_quoted(text)} = {_quoted(meaning)}" for text, meaning in source.values.items())
        parts.append(f"values = {{ {pairs} }}")
    return f"{{ {', '.join(parts)} }}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return str(value) if isinstance(value, int) else _quoted(str(value))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
