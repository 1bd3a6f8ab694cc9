"""Where contract files are read from: a directory here, or a commit (`avroguard.changes.git`)."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from avroguard.avro.schema import shown
from avroguard.errors import ContractError

CONTRACTS = "contracts.toml"

SCHEMAS_ENVIRONMENT = {"SCHEMAS_DIR": f"The directory of {CONTRACTS}; by default schemas in the working directory."}
"""The environment variables that `default_directory` reads, with their meaning."""


class Tree(Protocol):
    """A directory of contracts, wherever it is kept."""

    def read(self, name: str) -> bytes | None:
        """The content of the file ``name``, or None where there is none."""

    def shown(self, name: str) -> str:
        """The file ``name`` as messages call it."""


@dataclass(frozen=True)
class Directory:
    """A directory in the file system."""

    path: Path

    def read(self, name: str) -> bytes | None:
        """The content of the file ``name``, or None where there is none.

        Raises:
            ContractError: If it is there and can't be read.
        """
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except OSError as error:
            raise ContractError(f"{self.shown(name)}: cannot be read: {error.strerror}") from None

    def shown(self, name: str) -> str:
        """The file as a person would type it from the working directory."""
        return shown(self.path / name)


class _Nothing:
    """A directory before there is any file."""

    def read(self, name: str) -> bytes | None:  # noqa: ARG002
        """Nothing."""
        return None

    def shown(self, name: str) -> str:
        """The name."""
        return name


NOTHING = _Nothing()


def default_directory() -> Path:
    """The directory of the contracts.

    It is ``SCHEMAS_DIR``; else the directory ``schemas`` in the working directory, if there is one; else the working
    directory.
    """
    if chosen := os.environ.get("SCHEMAS_DIR"):
        return Path(chosen)
    here = Path("schemas")
    return here if here.is_dir() else Path()
