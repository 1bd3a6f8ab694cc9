"""Names of columns: each file's are unique, and what people write is looked up among them.

Of several columns that are called Account the names are Account#1, Account#2; a column without a name is @5, by its
place.
"""

import difflib
import re
from collections.abc import Sequence

from services.errors import UsageError

_PLACE = re.compile(r"@([1-9][0-9]{0,4})")
_PANDAS = re.compile(r"(.+)\.([1-9][0-9]{0,2})")  # pandas calls the second column Account.1
_NUMBERED = re.compile(r"(.+)#([1-9][0-9]{0,2})")


def unique_names(header: Sequence[str]) -> list[str]:
    """Return the names of a header's columns, each once."""
    seen: dict[str, int] = {}
    names = []
    for place, cell in enumerate(header, 1):
        name = " ".join(cell.split())
        if not name:
            names.append(f"@{place}")
            continue
        seen[name] = seen.get(name, 0) + 1
        names.append(f"{name}#{seen[name]}" if header_count(header, name) > 1 else name)
    return names


def header_count(header: Sequence[str], name: str) -> int:
    """Return how many columns have a name."""
    return sum(" ".join(cell.split()) == name for cell in header)


def find_column(reference: str, names: Sequence[str], others: Sequence[str] = ()) -> str | None:
    """Return the column that a reference means; None if there is none.

    Args:
        reference: A name, a place such as @5, or one of several columns of a name: Account#2, or Account.1 as pandas
            has it.
        names: The columns, as `unique_names` returns them.
        others: The other references in use: where one is to a further column of a name, the name alone means the first.

    Raises:
        UsageError: If several columns have the name.
    """
    if reference in names:
        return reference
    if (place := _PLACE.fullmatch(reference)) and int(place[1]) <= len(names):
        return names[int(place[1]) - 1]
    if (again := _PANDAS.fullmatch(reference)) and f"{again[1]}#{int(again[2]) + 1}" in names:
        return f"{again[1]}#{int(again[2]) + 1}"
    if numbered := _NUMBERED.fullmatch(reference):  # a file that pandas wrote again has Account and Account.1
        other = numbered[1] if numbered[2] == "1" else f"{numbered[1]}.{int(numbered[2]) - 1}"
        if other in names:
            return other
    if f"{reference}#1" in names:
        further = {find_column(other, names, [reference]) for other in others if other != reference}
        count = sum((match := _NUMBERED.fullmatch(name)) is not None and match[1] == reference for name in names)
        if any(f"{reference}#{number}" in further for number in range(2, count + 1)):
            return f"{reference}#1"
        raise UsageError(f"{count} columns are called {reference!r}: say {reference}#1 or {reference}#2")
    alike = [name for name in names if name.casefold() == reference.casefold()]
    return alike[0] if len(alike) == 1 else None


def close_name(reference: str, names: Sequence[str]) -> str | None:
    """Return the column whose name is most alike, if one is."""
    by_fold = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(reference.casefold(), by_fold, n=1)
    return by_fold[close[0]] if close else None


def base_name(name: str) -> str:
    """Return a column's name as the header has it, without the number that tells it from others of the name."""
    match = _NUMBERED.fullmatch(name)
    return match[1] if match else name
