"""The Java artefacts that the cluster runs on: pinned by a lock, downloaded once, verified, unpacked.

``artifacts.lock.toml`` holds a table per part (``kafka``, ``registry``) of Maven coordinates
(``group:artifact:version`` for a jar, ``group:artifact:packaging:classifier:version`` otherwise), each with the
SHA-256 sum and the size in bytes of its file. Nothing else decides what runs: no POM is read when a cluster starts.
"""

import hashlib
import os
import re
import shutil
import tarfile
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from jgo.maven import MavenContext, PythonResolver

from services.errors import Unavailable
from tools.local_cluster.errors import Cancelled, CorruptArtifact, LockError
from tools.local_cluster.files import exclusive
from tools.local_cluster.process import exists

LOCK_FILE = Path(__file__).with_name("artifacts.lock.toml")

DOWNLOADS_AT_ONCE = 8
ATTEMPTS = 3
TIMEOUT_SECONDS = 30

Progress = Callable[[str, int, int], None]
"""Told the part's name, its bytes done, and its bytes in total."""


@dataclass(frozen=True)
class Artifact:
    """One locked file of a Maven repository.

    Attributes:
        group: Group id, ``org.apache.kafka``.
        name: Artifact id, ``kafka-clients``.
        packaging: File suffix without the dot, ``jar`` or ``tar.gz``.
        classifier: What tells files of one version apart; empty for the main one.
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


@dataclass(frozen=True)
class Part:
    """What one process runs on: ``kafka`` or ``registry``."""

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
        source: What to call it in an error.

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
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise LockError(f'{source}: "{coordinate}": sha256 must be 64 lower-case hex digits, is "{sha256}"')
    return Artifact(group, name, packaging, classifier, version, sha256, size)


class ArtifactCache:
    """A directory of verified artefacts, shared by every cluster of this repository.

    A file comes under its name only after its sum was verified, by one rename: an interrupted download leaves nothing
    that would be taken for the file.

    Args:
        directory: Where the files are kept; made when needed.
        lock: The parts by name.
    """

    def __init__(self, directory: Path, lock: dict[str, Part] | None = None) -> None:
        self.directory = directory
        self.lock = lock if lock is not None else parse_lock(LOCK_FILE.read_text(encoding="utf-8"))

    def missing_bytes(self) -> int:
        """Bytes still to be downloaded, over all parts."""
        return sum(artifact.size for part in self.lock.values() for artifact in self._missing(part))

    def jars(self, part: str, progress: Progress, cancelled: threading.Event) -> list[Path]:
        """The verified jars of a part, downloaded where they are missing.

        Raises:
            CorruptArtifact: A file does not have its locked sum; it has been removed.
            Unavailable: A download failed.
            Cancelled: ``cancelled`` was set meanwhile.
        """
        wanted = self.lock[part]
        with exclusive(self.directory / f"{part}.lock"):
            return self._files(wanted, progress, cancelled)

    def unpacked(self, part: str, progress: Progress, cancelled: threading.Event) -> Path:
        """The directory of a part that is one archive, downloaded, verified and unpacked where it is missing.

        The archive is removed afterwards; the directory's name carries its sum, and it appears by one rename.

        Raises:
            CorruptArtifact: The archive does not have its locked sum; it has been removed.
            Unavailable: The download failed.
            Cancelled: ``cancelled`` was set meanwhile.
        """
        wanted = self.lock[part]
        target = self._unpacked_at(wanted)
        if target.is_dir():
            return target
        with exclusive(self.directory / f"{part}.lock"):
            if target.is_dir():
                return target
            (archive,) = self._files(wanted, progress, cancelled)
            with _scratch(self.directory) as scratch, tarfile.open(archive) as tar:
                for member in tar:
                    if cancelled.is_set():
                        raise Cancelled
                    tar.extract(member, scratch / "content", filter="data")
                (scratch / "content").rename(target)
            archive.unlink()
        return target

    def _files(self, part: Part, progress: Progress, cancelled: threading.Event) -> list[Path]:
        folder = self.directory / part.name
        folder.mkdir(parents=True, exist_ok=True)
        self._download(part, progress, cancelled)
        for artifact in part.artifacts:
            verify(folder / artifact.filename, artifact)
        return [folder / artifact.filename for artifact in part.artifacts]

    def _unpacked_at(self, part: Part) -> Path:
        return self.directory / f"{part.name}-{part.artifacts[0].sha256[:16]}"

    def _missing(self, part: Part) -> list[Artifact]:
        if self._unpacked_at(part).is_dir():
            return []
        folder = self.directory / part.name
        return [artifact for artifact in part.artifacts if not (folder / artifact.filename).is_file()]

    def _download(self, part: Part, progress: Progress, cancelled: threading.Event) -> None:
        missing = self._missing(part)
        if not missing:
            return
        total = sum(artifact.size for artifact in missing)
        done = 0
        counting = threading.Lock()

        def add(count: int) -> None:
            nonlocal done
            if cancelled.is_set():
                raise Cancelled
            with counting:
                done += count
                progress(part.name, min(done, total), total)

        with _scratch(self.directory) as scratch, ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            largest_first = sorted(missing, key=lambda artifact: -artifact.size)
            downloads = [pool.submit(_fetch, artifact, scratch, add) for artifact in largest_first]
            try:
                for artifact, download in zip(largest_first, downloads, strict=True):
                    verified = download.result()
                    verified.rename(self.directory / part.name / artifact.filename)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _fetch(artifact: Artifact, scratch: Path, add: Callable[[int], None]) -> Path:
    """Download one artefact below ``scratch`` and verify it."""

    @contextmanager
    def watch(_filename: str, _total: int) -> Iterator[Callable[[int], None]]:
        yield add

    trust_the_system_store()
    context = MavenContext(
        resolver=PythonResolver(progress_callback=watch), repo_cache=scratch, timeout=TIMEOUT_SECONDS
    )
    remote = context.project(artifact.group, artifact.name).at_version(artifact.version)
    wanted = remote.artifact(artifact.classifier, artifact.packaging)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            path = Path(context.resolver.download(wanted))
            break
        except (requests.RequestException, RuntimeError) as error:  # jgo raises RuntimeError for any status but 200
            (scratch / artifact.filename).unlink(missing_ok=True)
            if attempt == ATTEMPTS:
                raise Unavailable(
                    f"cannot download {artifact.filename} ({artifact.group}): {type(error).__name__}: {error}; "
                    "check the network and proxy settings, then run the command again"
                ) from error
    verify(path, artifact)
    return path


def trust_the_system_store() -> None:
    """Make ``requests``, which jgo downloads with, honour ``SSL_CERT_FILE`` as the rest of Python does."""
    if certificates := os.environ.get("SSL_CERT_FILE"):
        os.environ.setdefault("REQUESTS_CA_BUNDLE", certificates)


def verify(path: Path, artifact: Artifact) -> None:
    """Compare a file with its locked sum, and remove it where they differ.

    Raises:
        CorruptArtifact: They differ.
    """
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != artifact.sha256:
        path.unlink()
        raise CorruptArtifact(
            f"{path}: SHA-256 is {actual}, expected {artifact.sha256} (size expected {artifact.size} bytes): "
            "the file is corrupt and has been removed; run the command again to download it anew"
        )


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    """A directory for unfinished files, beside the finished ones so that a rename moves them.

    What a killed run left behind goes on the way.
    """
    for leftover in directory.glob("partial-*"):
        owner = leftover.name.split("-")[1]
        if not exists(int(owner)):
            shutil.rmtree(leftover, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=f"partial-{os.getpid()}-", dir=directory))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
