"""Which files are checked, and the contracts file whose waivers and shared types count for them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from avroguard.avro.schema import Reference, shown
from avroguard.config.topics import inspect_contracts
from avroguard.config.tree import CONTRACTS, Directory
from avroguard.config.waivers import Waiver
from avroguard.errors import ContractError, UsageError
from avroguard.findings import Finding
from avroguard.places import Place

_PLACE = re.compile(r"(.+?):(\d+)(?::(\d+))?: ")


def files_of(path: Path) -> Iterator[Path]:
    """The schema and contracts files that a path names: itself, or what is below it, hidden directories left out.

    Raises:
        UsageError: If it names none.
    """
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise UsageError(f"{path}: no such file or directory; expected a schema file (.avsc) or a directory of them")
    found = sorted(file for pattern in ("*.avsc", CONTRACTS) for file in path.rglob(pattern) if file.is_file())
    visible = [file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    if not visible:
        raise UsageError(f"{path}: no schema file (.avsc) and no {CONTRACTS} in this directory or below")
    yield from visible


def contract_file_of(file: Path) -> Path | None:
    """The contracts file that counts for a file: beside it or above, in the same repository."""
    for directory in file.absolute().parents:
        if (directory / CONTRACTS).is_file():
            return directory / CONTRACTS
        if (directory / ".git").exists():
            break
    return None


@dataclass(frozen=True)
class ContractFile:
    """What a contracts file means for the schemas beside and below it.

    Attributes:
        findings: What is wrong with the file itself; its schemas are looked at on their own.
        types: The types that schemas may use, by full name.
        waivers: The findings that don't count.
    """

    findings: tuple[Finding, ...]
    types: Mapping[str, Reference]
    waivers: tuple[Waiver, ...]

    @classmethod
    def read(cls, path: Path) -> "ContractFile":
        """Read one, as far as it can be read."""
        try:
            read = inspect_contracts(Directory(path.parent), path.name)
        except ContractError as error:
            return cls(tuple(contract_findings((str(error),), shown(path))), {}, ())
        own = [one for one in contract_findings(read.faults, shown(path)) if one.place.file == shown(path)]
        return cls(tuple(own), read.types, read.contracts.waivers)


def contract_findings(faults: Iterable[str], file: str) -> Iterator[Finding]:
    """What reading a contracts file has told of it and of its schemas, as findings.

    Args:
        faults: Lines with the place in front, if there is one.
        file: The contracts file, as messages name it.
    """
    for line in (line for fault in faults for line in fault.splitlines()):
        place = _PLACE.match(line)
        if place:
            column = int(place.group(3)) if place.group(3) else None
            where = Place(place.group(1), int(place.group(2)), column)
            yield Finding(where, "CONTRACTS_INVALID", line[place.end() :])
        else:
            yield Finding(Place(file, 1), "CONTRACTS_INVALID", line.removeprefix(f"{file}: "))
