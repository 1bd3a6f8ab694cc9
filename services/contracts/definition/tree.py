"""Where contract files are read from: a directory here, or a commit (`services.contracts.changes.git`)."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import services
from services.contracts.definition.schema import shown
from services.errors import ContractError

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

    It is ``SCHEMAS_DIR``; else the directory ``schemas`` in the working directory; else that itself, if it has a
    ``contracts.toml`` or a schema file; else ``schemas`` beside the package (a checkout of this project), if that has a
    ``contracts.toml``; else again the working directory.
    """
    if chosen := os.environ.get("SCHEMAS_DIR"):
        return Path(chosen)
    here, beside = Path("schemas"), Path(services.__file__).parent.parent / "schemas"
    if here.is_dir():
        return here
    used = Path(CONTRACTS).is_file() or any(Path().glob("*.avsc"))
    return beside if not used and (beside / CONTRACTS).is_file() else Path()
