"""The lock of the Java artefacts: which files the cluster runs on, and the sum of each.

``artifacts.lock.toml`` holds a table per part (``kafka``, ``registry``) of Maven coordinates
(``group:artifact:version`` for a jar, ``group:artifact:packaging:classifier:version`` otherwise), each with the
SHA-256 sum and the size in bytes of its file. Nothing else decides what runs: where a file is in a repository follows
from its coordinate, so no POM and no ``maven-metadata.xml`` is read when a cluster starts, and none is asked for.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.local_cluster.errors import LockError

LOCK_FILE = Path(__file__).with_name("artifacts.lock.toml")


@dataclass(frozen=True)
class Artifact:
    """One locked file of a Maven repository.

    Attributes:
        group: Group id, ``org.apache.kafka``.
        name: Artifact id, ``kafka-clients``.
        packaging: File suffix without the dot, ``jar`` or ``tar.gz``.
        classifier: The mark that tells files of one version apart; empty for the main one.
        version: Exact version.
        sha256: Sum of the file, 64 lower-case hex digits.
        size: Bytes of the file.
    """

    group: str
    name: str
    packaging: str
    classifier: str
    version: str
    sha256: str
    size: int

    @property
    def filename(self) -> str:
        """The file's name in a Maven repository."""
        return "-".join(filter(None, (self.name, self.version, self.classifier))) + f".{self.packaging}"

    @property
    def path(self) -> str:
        """Path in a Maven repository, relative to its base address (Maven's default layout)."""
        return "/".join((*self.group.split("."), self.name, self.version, self.filename))


@dataclass(frozen=True)
class Part:
    """The artefacts of one process: ``kafka`` or ``registry``."""

    name: str
    artifacts: tuple[Artifact, ...]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(artifact.size for artifact in self.artifacts)


def parse_lock(text: str, source: str = LOCK_FILE.name) -> dict[str, Part]:
    """Read a lock.

    Args:
        text: TOML, a table per part of ``"coordinate" = { sha256 = "...", size = bytes }``.
        source: Its name in errors.

    Raises:
        LockError: It is not TOML, or an entry is not of that form.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LockError(f"{source}: not TOML: {error}; `python -m tools.local_cluster.relock` writes it anew") from None
    return {
        name: Part(name, tuple(_parse_entry(coordinate, entry, source) for coordinate, entry in table.items()))
        for name, table in tables.items()
    }


def _parse_entry(coordinate: str, entry: object, source: str) -> Artifact:
    match coordinate.split(":"), entry:
        case [group, name, version], {"sha256": str(sha256), "size": int(size)}:
            packaging, classifier = "jar", ""
        case [group, name, packaging, classifier, version], {"sha256": str(sha256), "size": int(size)}:
            pass
        case _:
            raise LockError(
                f'{source}: "{coordinate}": expected "group:artifact[:packaging:classifier]:version" = '
                '{ sha256 = "...", size = bytes }'
            )
    if version in {"LATEST", "RELEASE"} or version.endswith("-SNAPSHOT") or not re.fullmatch(r"[\w.+-]+", version):
        raise LockError(f'{source}: "{coordinate}": expected one released version, is "{version}"')
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise LockError(f'{source}: "{coordinate}": sha256 must be 64 lower-case hex digits, is "{sha256}"')
    return Artifact(group, name, packaging, classifier, version, sha256, size)
