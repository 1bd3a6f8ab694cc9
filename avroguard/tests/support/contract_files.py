"""A directory of contracts of its own for a test, to be changed and put under version control."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[3] / "schemas"


@dataclass(frozen=True)
class ContractFiles:
    """Contracts of two topics that carry Transaction, and a third of raw bytes.

    Attributes:
        directory: The directory of contracts.toml.
        subjects: The subjects of the two topics.
    """

    directory: Path
    subjects: tuple[str, str]

    @classmethod
    def make(cls, directory: Path, name: Callable[[str], str]) -> "ContractFiles":
        directory.mkdir(parents=True, exist_ok=True)
        topics = name("one"), name("two")
        (directory / "contracts.toml").write_text(
            "".join(
                f'[topics."{topic}"]\npartitions = 1\nretention = "1d"\n'
                'value = "transaction.avsc"\ncompatibility = "FULL_TRANSITIVE"\n\n'
                for topic in topics
            )
            + '[topics.raw]\npartitions = 1\nretention = "1d"\nvalue = "bytes"\n'
        )
        (directory / "transaction.avsc").write_bytes((SCHEMAS / "transaction.avsc").read_bytes())
        return cls(directory, (f"{topics[0]}-value", f"{topics[1]}-value"))

    def change(self, edit: Callable[[dict[str, Any]], object]) -> None:
        """Change the schema."""
        file = self.directory / "transaction.avsc"
        schema = json.loads(file.read_text())
        edit(schema)
        file.write_text(json.dumps(schema, indent=2))

    def change_contracts(self, old: str, new: str, count: int = -1) -> None:
        """Replace text in contracts.toml."""
        file = self.directory / "contracts.toml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, count))


def remove_field(name: str) -> Callable[[dict[str, Any]], None]:
    def edit(schema: dict[str, Any]) -> None:
        schema["fields"] = [field for field in schema["fields"] if field["name"] != name]

    return edit


def add_field(**field: Any) -> Callable[[dict[str, Any]], None]:
    return lambda schema: schema["fields"].append({"doc": "New.", **field})


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.test", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(directory), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit_all(directory: Path) -> None:
    git(directory, "add", ".")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", "A change")
