"""The artefact cache against a small Maven repository on this machine."""

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.errors import Unavailable
from tools.local_cluster.artifacts import ArtifactCache, silent
from tools.local_cluster.errors import Cancelled, CorruptArtifact
from tools.local_cluster.lock import Artifact, Part, parse_lock
from tools.local_cluster.ports import free_ports

ROOT = Path(__file__).parents[3]
JAR = b"a jar" * 1000


def tar_gz() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("lib/app.jar")
        entry.size = len(JAR)
        tar.addfile(entry, io.BytesIO(JAR))
    return buffer.getvalue()


ARCHIVE = tar_gz()


def locked(name: str, packaging: str, classifier: str, content: bytes) -> Artifact:
    return Artifact("org.x", name, packaging, classifier, "1.0", hashlib.sha256(content).hexdigest(), len(content))


LOCK = {
    "kafka": Part("kafka", (locked("tool", "jar", "", JAR),)),
    "registry": Part("registry", (locked("app", "tar.gz", "all", ARCHIVE),)),
}


class Shelf(SimpleHTTPRequestHandler):
    """Serves a directory, or half of each file while the server's ``cut`` is set."""

    def do_GET(self) -> None:
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        path = Path(self.translate_path(self.path))
        if self.server.cut and path.is_file():  # type: ignore[attr-defined]
            self.send_response(200)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            self.wfile.write(path.read_bytes()[: path.stat().st_size // 2])
            self.close_connection = True
            return
        super().do_GET()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.local_cluster.artifacts.PAUSE_SECONDS", 0.0)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    for name, file, content in (("tool", "tool-1.0.jar", JAR), ("app", "app-1.0-all.tar.gz", ARCHIVE)):
        folder = tmp_path / "repository" / "org" / "x" / name / "1.0"
        folder.mkdir(parents=True)
        (folder / file).write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Shelf, directory=str(tmp_path / "repository")))
    server.cut = False  # type: ignore[attr-defined]
    server.paths = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cache(repository: ThreadingHTTPServer, tmp_path: Path) -> ArtifactCache:
    return ArtifactCache(tmp_path / "cache", LOCK, {"test": f"http://127.0.0.1:{repository.server_address[1]}"})


def unfinished(cache: ArtifactCache) -> list[Path]:
    return list(cache.directory.glob("partial-*"))


def test_a_jar_is_downloaded_once_with_progress(cache: ArtifactCache, repository: ThreadingHTTPServer) -> None:
    seen: list[tuple[str, int, int]] = []
    assert cache.missing_bytes() == len(JAR) + len(ARCHIVE)
    (jar,) = cache.jars("kafka", lambda *report: seen.append(report), threading.Event())
    assert jar.read_bytes() == JAR
    assert seen[-1] == ("kafka", len(JAR), len(JAR))
    assert cache.jars("kafka", silent, threading.Event()) == [jar]
    assert len(repository.paths) == 1  # type: ignore[attr-defined]
    assert cache.missing_bytes() == len(ARCHIVE)
    assert not unfinished(cache)


def test_only_the_locked_files_are_asked_for(cache: ArtifactCache, repository: ThreadingHTTPServer) -> None:
    cache.jars("kafka", silent, threading.Event())
    cache.unpacked("registry", silent, threading.Event())
    assert repository.paths == ["/org/x/tool/1.0/tool-1.0.jar", "/org/x/app/1.0/app-1.0-all.tar.gz"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "lock",
    [
        "tools/local_cluster/artifacts.lock.toml", "benchmarks/peers/kafka_streams/artifacts.lock.toml",
        "tests/support/avro_java.lock.toml", "tests/data/sarif_schema.lock.toml",
    ],
)  # fmt: skip
def test_each_committed_lock_asks_for_its_files_alone(
    lock: str, repository: ThreadingHTTPServer, tmp_path: Path
) -> None:
    """A repository that has none of them: whatever else were looked up would be asked for."""
    for part in parse_lock((ROOT / lock).read_text(encoding="utf-8"), lock).values():
        for artifact in part.artifacts:
            base = f"http://127.0.0.1:{repository.server_address[1]}"
            alone = {part.name: Part(part.name, (artifact,))}
            with pytest.raises(Unavailable, match="404.*withdrawn"):
                ArtifactCache(tmp_path / "cache", alone, {"test": base}).jars(part.name, silent, threading.Event())
            version = f"{artifact.group.replace('.', '/')}/{artifact.name}/{artifact.version}"
            assert set(repository.paths) == {f"/{version}/{artifact.filename}"}  # type: ignore[attr-defined]
            repository.paths.clear()  # type: ignore[attr-defined]


def test_an_archive_is_unpacked_and_not_kept_twice(cache: ArtifactCache, repository: ThreadingHTTPServer) -> None:
    home = cache.unpacked("registry", silent, threading.Event())
    assert (home / "lib" / "app.jar").read_bytes() == JAR
    assert not list((cache.directory / "registry").iterdir())
    assert cache.unpacked("registry", silent, threading.Event()) == home
    assert len(repository.paths) == 1  # type: ignore[attr-defined]
    assert not unfinished(cache)


def test_a_corrupt_cached_jar_is_named_with_both_sums_and_downloaded_anew(cache: ArtifactCache) -> None:
    (jar,) = cache.jars("kafka", silent, threading.Event())
    jar.write_bytes(b"bad" + JAR[3:])
    with pytest.raises(CorruptArtifact) as complaint:
        cache.jars("kafka", silent, threading.Event())
    for fact in (str(jar), hashlib.sha256(b"bad" + JAR[3:]).hexdigest(), hashlib.sha256(JAR).hexdigest(), "again"):
        assert fact in str(complaint.value)
    assert not jar.exists()
    assert cache.jars("kafka", silent, threading.Event())[0].read_bytes() == JAR


@pytest.mark.parametrize("verb", ["jars", "unpacked"])
def test_a_download_with_other_content_never_reaches_the_cache(cache: ArtifactCache, tmp_path: Path, verb: str) -> None:
    for served in (tmp_path / "repository").rglob("*-1.0*"):
        if served.is_file():
            served.write_bytes(b"tampered with")
    part = "kafka" if verb == "jars" else "registry"
    with pytest.raises(CorruptArtifact, match="expected"):
        getattr(cache, verb)(part, silent, threading.Event())
    assert not list((cache.directory / part).iterdir())
    assert not unfinished(cache)


def test_a_download_that_breaks_off_is_tried_again_and_then_reported(
    cache: ArtifactCache, repository: ThreadingHTTPServer
) -> None:
    repository.cut = True  # type: ignore[attr-defined]
    with pytest.raises(Unavailable, match=r"tool-1\.0\.jar.*network.*again") as failure:
        cache.jars("kafka", silent, threading.Event())
    assert failure.value.exit_code == 3
    assert len(repository.paths) == 3  # type: ignore[attr-defined]
    assert not unfinished(cache)
    repository.cut = False  # type: ignore[attr-defined]
    assert cache.jars("kafka", silent, threading.Event())[0].read_bytes() == JAR


@pytest.mark.parametrize("problem", ["nobody listens", "no such file"])
def test_a_repository_that_does_not_have_it_is_unavailable(
    tmp_path: Path, repository: ThreadingHTTPServer, problem: str
) -> None:
    port = free_ports(1)[0] if problem == "nobody listens" else repository.server_address[1]
    cache = ArtifactCache(tmp_path / "cache", LOCK, {"test": f"http://127.0.0.1:{port}/elsewhere"})
    with pytest.raises(Unavailable, match=r"tool-1\.0\.jar") as failure:
        cache.jars("kafka", silent, threading.Event())
    assert failure.value.exit_code == 3
    assert not unfinished(cache)


def test_the_next_repository_is_asked_where_the_first_has_it_not(
    tmp_path: Path, repository: ThreadingHTTPServer
) -> None:
    base = f"http://127.0.0.1:{repository.server_address[1]}"
    cache = ArtifactCache(tmp_path / "cache", LOCK, {"first": f"{base}/elsewhere", "second": base})
    assert cache.jars("kafka", silent, threading.Event())[0].read_bytes() == JAR


def test_a_cancelled_download_leaves_nothing(cache: ArtifactCache) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        cache.unpacked("registry", silent, cancelled)
    assert not list((cache.directory / "registry").iterdir())
    assert not unfinished(cache)


def test_files_of_a_killed_download_are_removed_those_of_a_running_one_kept(cache: ArtifactCache) -> None:
    dead, running = (cache.directory / f"partial-{pid}-x" for pid in (2**22 + 1, os.getpid()))
    for folder in (dead, running):
        folder.mkdir(parents=True)
        (folder / "tool-1.0.jar").write_bytes(b"half")
    cache.jars("kafka", silent, threading.Event())
    assert not dead.exists()
    assert running.exists()
