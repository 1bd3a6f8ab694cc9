"""The Java artefacts that the cluster runs on: downloaded once, verified against the lock, unpacked."""

import hashlib
import itertools
import os
import shutil
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL

from services.errors import Unavailable
from tools.local_cluster.errors import Cancelled, CorruptArtifact
from tools.local_cluster.files import exclusive
from tools.local_cluster.lock import LOCK_FILE, Artifact, Part, parse_lock
from tools.local_cluster.process import exists

DOWNLOADS_AT_ONCE = 8
ATTEMPTS = 3
PAUSE_SECONDS = 2.0  # before the second attempt, and twice as long before the third
TIMEOUT_SECONDS = 15
CHUNK_BYTES = 1 << 16

Progress = Callable[[str, int, int], None]
"""Callback that takes the part's name, its bytes done and its bytes in total; called from several threads."""


def silent(*_anything: object) -> None:
    """Report nothing."""


class ArtifactCache:
    """A directory of verified artefacts, shared by every cluster of this repository.

    A file comes under its name only after its sum was verified, by one rename: an interrupted download leaves nothing
    that would be taken for the file.

    Args:
        directory: The directory of the files; made when needed.
        lock: The parts by name; by default those of ``artifacts.lock.toml``.
        repositories: Base addresses of Maven repositories by name, asked in this order; by default those of the user's
            jgo settings, then Maven Central.
    """

    def __init__(
        self,
        directory: Path,
        lock: Mapping[str, Part] | None = None,
        repositories: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.repositories = repositories
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
        artifact_set = self.lock[part]
        with exclusive(self.directory / f"{part}.lock"):
            return self._files(artifact_set, progress, cancelled)

    def unpacked(self, part: str, progress: Progress, cancelled: threading.Event) -> Path:
        """The directory of a part that is one archive, downloaded, verified and unpacked where it is missing.

        The archive is removed afterwards; the directory's name carries its sum, and it appears by one rename.

        Raises:
            CorruptArtifact: The archive does not have its locked sum; it has been removed.
            Unavailable: The download failed.
            Cancelled: ``cancelled`` was set meanwhile.
        """
        artifact_set = self.lock[part]
        target = self._unpacked_at(artifact_set)
        if target.is_dir():
            return target
        with exclusive(self.directory / f"{part}.lock"):
            if target.is_dir():
                return target
            (archive,) = self._files(artifact_set, progress, cancelled)
            with _scratch(self.directory) as scratch, tarfile.open(archive) as tar:
                # Extraction filters came with Python 3.11.4; before it, the verified archive is unpacked as it is.
                tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
                for member in tar:
                    if cancelled.is_set():
                        raise Cancelled
                    tar.extract(member, scratch / "content")
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

        repositories = self.repositories
        if repositories is None:
            repositories = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
        largest_first = sorted(missing, key=lambda artifact: -artifact.size)
        with (
            _scratch(self.directory) as scratch,
            httpx2.Client(timeout=TIMEOUT_SECONDS, follow_redirects=True) as client,
            ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
        ):
            downloads = [
                pool.submit(_fetch, artifact, list(repositories.values()), client, scratch / artifact.filename, add)
                for artifact in largest_first
            ]
            try:
                for artifact, download in zip(largest_first, downloads, strict=True):
                    download.result().rename(self.directory / part.name / artifact.filename)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _fetch(
    artifact: Artifact, repositories: Sequence[str], client: httpx2.Client, path: Path, add: Callable[[int], None]
) -> Path:
    """Download one artefact to ``path`` from the first repository that has it, and verify it.

    Nothing else is asked for: no POM, no metadata, so nothing that changes in a repository changes what runs.
    """
    addresses = [f"{base.rstrip('/')}/{artifact.path}" for base in repositories]
    problem: Exception | None = None
    for attempt, address in itertools.product(range(ATTEMPTS), addresses):
        if attempt and address == addresses[0]:
            time.sleep(PAUSE_SECONDS * attempt)
            add(0)  # ends the attempts where the start was cancelled
        try:
            with client.stream("GET", address) as response, path.open("wb") as file:
                response.raise_for_status()
                for chunk in response.iter_raw(CHUNK_BYTES):
                    file.write(chunk)
                    add(len(chunk))
        except httpx2.HTTPError as error:
            problem = error
            add(0)
        else:
            verify(path, artifact)
            return path
    advice = "check the network and proxy settings"
    if isinstance(problem, httpx2.HTTPStatusError) and problem.response.status_code in {404, 410}:
        advice = (
            "it was withdrawn or never there: update this checkout (git pull), or add a repository to jgo's settings"
        )
    raise Unavailable(
        f"cannot download {artifact.filename} of {artifact.group}: {type(problem).__name__}: {problem}; "
        f"{advice}, then run the command again"
    )


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
